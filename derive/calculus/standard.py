"""Values with a standard name that a source speaks of without forming them: the softmax p behind a log-sum-exp.

They are there to be named in results; one that nothing mentions in the end is dropped again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from derive.calculus.naming import UNNAMED, shifted
from derive.derivation import Definition
from derive.index import At, Expr, Fn, Index, MatrixFn, Mul, Sum, array_names, div, fresh, substitute, walk
from derive.rules.value import indices_for

__all__ = ["mentioned", "multiplies", "occurrences", "softmaxes"]

_NAMES = ("p", "P", "prob", *(f"p{k}" for k in range(1, 1000)))


def softmaxes(body: Expr, taken: set[str], reserved: set[str]) -> Iterator[Definition]:
    """For each log Σ_b e^{u_b} in a body: the definition p_b = e^{u_b} / Σ_b e^{u_b}."""
    mine: set[str] = set()
    for part in sorted(walk(body), key=lambda part: part.key):
        if isinstance(part, Fn) and part.args[0] == "log" and isinstance(part.args[1][0], Sum):
            total = part.args[1][0]
            if _exponential(total) and not shifted(total):
                name = next(n for n in _NAMES if n not in taken | mine)
                mine.add(name)
                yield _softmax(total, name, reserved)


def _exponential(total: Sum) -> bool:
    return len(total.bound) == 1 and any(isinstance(part, Fn) and part.args[0] == "exp" and total.bound[0] in part.free for part in walk(total.body))


def _softmax(total: Sum, name: str, reserved: set[str]) -> Definition:
    outer = sorted((i for i in total.free), key=lambda i: i.key)
    (b,) = total.bound
    indices, _ = indices_for([i.size for i in (*outer, b)], reserved)
    own = fresh(b)
    whole = div(substitute(total.body, {b: own}), total)
    renamed: dict[Index, Expr] = dict(zip((*outer, own), indices))
    return Definition(name, indices, substitute(whole, renamed), "user", tuple(i.size for i in indices), None, UNNAMED)


def mentioned(expressions: Iterable[Expr | None]) -> set[str]:
    """The arrays that some of these mention."""
    return set().union(*(array_names(node) for node in expressions if node is not None))


def multiplies(node: Expr) -> bool:
    """Whether a product of matrices or vectors occurs: a sum over a product of two arrays with different indices besides."""
    for part in walk(node):
        if isinstance(part, Sum) and isinstance(part.body, Mul):
            free = {f.free - frozenset(part.bound) for f in part.body.args[0] if isinstance(f, (At, MatrixFn)) and f.free & frozenset(part.bound)}
            if len(free) > 1:
                return True
    return False


def occurrences(node: Expr, name: str) -> int:
    """How many times an array is read in an expression, as it is written."""
    if name not in array_names(node):
        return 0
    return int(isinstance(node, At) and node.name == name) + sum(occurrences(kid, name) for kid in node.kids)
