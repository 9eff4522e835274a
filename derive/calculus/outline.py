"""How a loss is put together: a weight, a sum over examples, and terms in the parameters alone.

Legend: w is the weight, such as 1/m; ℓ_i the loss of one example; R what depends on the parameters directly, such as a regulariser.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from derive.calculus.prepared import Prepared
from derive.calculus.rewrite import contract
from derive.index import ONE, ZERO, Add, At, Expr, Index, Mul, Num, Pow, Size, Sum, add, array_names, mul, substitute
from derive.normal.present import present
from derive.rules.value import indices_for

__all__ = ["Outline", "outline"]


@dataclass(frozen=True)
class Outline:
    """loss = w Σ_i ℓ_i + R.

    Attributes:
        weight: w, a product of sizes.
        example: the index i, or None where the loss is no weighted sum over examples; then `data` is all that is not R.
        written: ℓ_i as it is written.
        data: ℓ_i with deltas contracted.
        direct: R.
    """

    weight: Expr
    example: Index | None
    written: Expr
    data: Expr
    direct: Expr


def outline(ready: Prepared, wrt: str, moving: set[str], reserved: set[str], *, scalar: bool = True) -> Outline:
    """Split the last definition; one that is no scalar loss is kept whole."""
    last = ready.definitions[-1]
    scalars = {d.name for d in ready.definitions[:-1] if not d.indices}
    if last.indices or not scalar:
        return Outline(ONE, None, ready.flow(last.name), ready.flow(last.name), ZERO)
    parts = list(_terms(ready, ready.bodies[last.name], (), scalars))
    data = [(weight, core) for weight, core in parts if array_names(core) & moving]
    direct = add(*(mul(*weight, core) for weight, core in parts if not array_names(core) & moving and wrt in array_names(core)))
    whole = _plain(data, direct)
    if not data:
        return whole
    return _examples(ready, data, direct, reserved) or whole


def _plain(data: list[tuple[tuple[Expr, ...], Expr]], direct: Expr) -> Outline:
    total = add(*(mul(*weight, core) for weight, core in data))
    return Outline(ONE, None, total, total, direct)


def _examples(ready: Prepared, data: list[tuple[tuple[Expr, ...], Expr]], direct: Expr, reserved: set[str]) -> Outline | None:
    sizes = [tuple(sorted((f for f in weight if not isinstance(f, Num)), key=lambda f: f.key)) for weight, _ in data]
    if len(set(sizes)) != 1 or not sizes[0]:
        return None
    sums = [contract(ready.algebra, core) for _, core in data]
    if not all(isinstance(core, Sum) for core in sums):
        return None
    first = sums[0]
    assert isinstance(first, Sum)
    (example,), _ = indices_for([first.bound[0].size], reserved)
    written, bodies = [], []
    for (weight, core), whole in zip(data, sums):
        assert isinstance(whole, Sum)
        same = [b for b in whole.bound if b.size is example.size]
        if not same:
            return None
        front = [f for f in weight if isinstance(f, Num)]
        bodies.append(mul(*front, _without(whole, same[0], example)))
        written.append(mul(*front, _without(core, same[0], example)) if isinstance(core, Sum) and same[0] in core.bound else bodies[-1])
    together = present(ready.algebra, ready.algebra.canonical(mul(*sizes[0])))
    return Outline(together, example, add(*written), add(*bodies), direct)


def _without(node: Sum, b: Index, example: Index) -> Expr:
    body = substitute(node.body, {b: example})
    left = tuple(x for x in node.bound if x is not b)
    return Sum(left, body) if left else body


def _terms(ready: Prepared, node: Expr, weight: tuple[Expr, ...], scalars: set[str]) -> Iterable[tuple[tuple[Expr, ...], Expr]]:
    """The terms of a sum, each with its numbers and sizes apart; scalars that the user named are written out."""
    if isinstance(node, Add):
        for term in node.args[0]:
            yield from _terms(ready, term, weight, scalars)
    elif isinstance(node, At) and node.name in scalars:
        yield from _terms(ready, ready.bodies[node.name], weight, scalars)
    elif isinstance(node, Mul):
        front = tuple(f for f in node.args[0] if _is_weight(f))
        rest = [f for f in node.args[0] if not _is_weight(f)]
        if front and len(rest) == 1:
            yield from _terms(ready, rest[0], (*weight, *front), scalars)
        else:
            yield (*weight, *front), mul(*rest)
    elif node is not ZERO:
        yield weight, node


def _is_weight(f: Expr) -> bool:
    if isinstance(f, Pow):
        return _is_weight(f.args[0])
    return isinstance(f, (Num, Size)) or (isinstance(f, (Add, Mul)) and all(map(_is_weight, f.args[0])))


