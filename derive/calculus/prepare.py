"""From a program as written to one that is ready to be differentiated: contractions get names, shifts by a maximum drop out, and steps that
only obscure are merged.

Legend: D, E are definitions; a body "to reason with" may differ from the one that was written, and never in value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from derive.calculus.known import contracts, known_sums
from derive.calculus.naming import UNNAMED, has_contraction, shifted, with_names
from derive.calculus.prepared import Prepared
from derive.calculus.rewrite import Chain, differentiated
from derive.calculus.spellings import density
from derive.calculus.standard import softmaxes
from derive.derivation import Definition
from derive.index import (
    At,
    Expr,
    Index,
    Num,
    Partial,
    Size,
    Sum,
    array_names,
    expand,
    rebuild,
    substitute,
    walk,
)
from derive.normal import Algebra
from derive.normal.present import cost, present
from derive.rules.truth import without_infinities

__all__ = ["Prepared", "entry_for", "has_contraction", "prepare", "tied"]


def prepare(definitions: Iterable[Definition], reserved: set[str], wrt: Iterable[str], inform: Callable[[Algebra], None]) -> Prepared:
    """Make a program ready to be differentiated with respect to some arrays; `inform` tells the normal form what is assumed."""
    named = with_names(list(definitions), reserved)
    algebra = Algebra()
    inform(algebra)
    ready = Prepared(named, {d.name: d.body for d in named[:-1]} | {named[-1].name: without_infinities(named[-1].body)}, algebra)
    _drop_shifts(ready)
    _standard_names(ready, reserved)
    _note_signs(ready)
    ready.refold()
    _merge(ready, set(wrt))
    known_sums(ready)
    ready.refold()
    return ready


# ------------------------------------------------------------------------------------------- the shift by the maximum


def _drop_shifts(ready: Prepared) -> None:
    """Remove each maximum (or stopped term) that cancels, by normal form: then it may be any number."""
    tainted: dict[str, tuple[tuple[Index, ...], Expr]] = {}
    for definition in ready.definitions:
        body = expand(ready.bodies[definition.name], tainted)
        if not shifted(body):
            continue
        cleaned = _cleaned(ready.algebra, body)
        if shifted(cleaned):
            tainted[definition.name] = (definition.indices, body)
            continue
        ready.bodies[definition.name] = cleaned
        chain = Chain("The shift by the maximum drops out", body, left=At(definition.name, definition.indices))
        ready.sections.append(chain.to("shift", cleaned).section())


def _cleaned(algebra: Algebra, node: Expr) -> Expr:
    """The smallest parts in which the shift cancels are simplified; the rest stays as written."""
    if not shifted(node):
        return node
    inner = rebuild(node, lambda kid: _cleaned(algebra, kid))
    if not shifted(inner):
        return inner
    simplified = present(algebra, algebra.canonical(inner))
    return inner if shifted(simplified) else simplified


def _standard_names(ready: Prepared, reserved: set[str]) -> None:
    """Where a log-sum-exp occurs, its softmax gets a name, unless the source has one; beside Φ, its density does."""
    forms = {ready.algebra.canonical(substitute(body, dict(zip(d.indices, _places(d.indices)))))
             for d in ready.definitions for body in (ready.bodies[d.name],) if d.indices and not shifted(body)}
    for d in list(ready.definitions):
        for p in softmaxes(ready.bodies[d.name], reserved | {x.name for x in ready.definitions}, reserved):
            form = ready.algebra.canonical(substitute(p.body, dict(zip(p.indices, _places(p.indices)))))
            if form not in forms:
                forms.add(form)
                ready.insert(p, d)
        phi = density(d.body)
        if phi is not None and d.indices:
            name = next(n for n in ("phi", "pdf", *(f"phi{k}" for k in range(1, 1000))) if n not in reserved | {x.name for x in ready.definitions})
            ready.insert(Definition(name, d.indices, phi, "user", d.shape, None, UNNAMED), d)


def _places(indices: tuple[Index, ...]) -> list[Index]:
    return [Index(f"\N{BULLET}{k}", i.size, 0) for k, i in enumerate(indices)]


def _note_signs(ready: Prepared) -> None:
    for definition in ready.definitions:
        sign = ready.algebra.sign(ready.algebra.canonical(ready.bodies[definition.name]))
        if sign:
            (ready.algebra.positive_names if sign == "positive" else ready.algebra.nonnegative_names).add(definition.name)
    ready.algebra.forget()


# ------------------------------------------------------------------------------------------- merging


def _merge(ready: Prepared, wrt: set[str]) -> None:
    """Differentiate straight through E where D's derivative, with names written again, is shorter so and mentions E no more."""
    names = {d.name for d in ready.definitions}
    for definition in ready.definitions:
        if not definition.indices or has_contraction(ready.bodies[definition.name]):
            continue
        for _ in range(len(names)):
            if not any(_merged(ready, definition, name, wrt | names) for name in sorted(array_names(ready.bodies[definition.name]) & names)):
                break


def _merged(ready: Prepared, definition: Definition, name: str, moving: set[str]) -> bool:
    inner = ready.by_name(name)
    if contracts(ready.bodies[name]) or shifted(ready.bodies[name]):
        return False
    body = ready.bodies[definition.name]
    through = expand(body, {name: (inner.indices, ready.bodies[name])})
    inputs = array_names(ready.bodies[name]) & moving
    outer = _jacobian(ready, definition.indices, body, name)
    parts = [_jacobian(ready, inner.indices, ready.bodies[name], n) for n in inputs]
    direct = [_jacobian(ready, definition.indices, body, n) for n in inputs if n in array_names(body)]
    whole = [_jacobian(ready, definition.indices, through, n) for n in inputs]
    if not inputs or any(name in array_names(j) for j in whole):
        return False
    if _has_sum(ready.bodies[name]) and any(_has_sum(j) for j in whole):
        return False
    if sum(map(cost, whole)) >= cost(outer) + sum(map(cost, parts)) + sum(map(cost, direct)):
        return False
    ready.bodies[definition.name] = through
    ready.refold()
    return True


def _has_sum(node: Expr) -> bool:
    return any(isinstance(part, Sum) for part in walk(node))


def _jacobian(ready: Prepared, indices: tuple[Index, ...], body: Expr, name: str) -> Expr:
    entry = entry_for(body, name, indices)
    return ready.pretty(differentiated(Partial(body, entry))) if entry is not None else Num(0)


def tied(body: Expr, name: str, indices: Iterable[Index], own: Sequence[Index] | None = None) -> list[Index | None]:
    """For each axis of an array: the free index that all its entries in the body have there, or None.

    With `own`, one index for each axis of the array, an index that runs over a part of the axis alone does not count.
    """
    entries = [part.indices for part in walk(body) if isinstance(part, At) and part.name == name]
    if not entries:
        return []
    out: list[Index | None] = []
    for k, axis in enumerate(zip(*entries)):
        same = axis[0] if all(i is axis[0] for i in axis) and axis[0] in indices and axis[0] not in out else None
        if own is not None and isinstance(same, Index) and same.size is not own[k].size:
            same = None
        out.append(same if isinstance(same, Index) else None)
    return out


def entry_for(body: Expr, name: str, indices: tuple[Index, ...], own: tuple[Index, ...] | None = None) -> At | None:
    """An entry to differentiate by: the same index where the rows do not mix, a new one elsewhere."""
    axes = tied(body, name, indices, own)
    entries = [part for part in walk(body) if isinstance(part, At) and part.name == name]
    if not entries:
        return None
    example = entries[0]
    chosen: list[Index] = []
    for k, same in enumerate(axes):
        if same is not None:
            chosen.append(same)
            continue
        size = own[k].size if own is not None else _size_of_axis(example.indices[k])
        letter = own[k].name if own is not None else "b"
        chosen.append(Index(letter, size, -1 - k))
    return At(name, tuple(chosen), example.kind)


def _size_of_axis(i: Expr) -> Expr:
    return i.size if isinstance(i, Index) else Size("?")
