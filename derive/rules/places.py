"""Places along an axis that are computed: where the largest entry stands, where an order puts an entry, what a table of numbers says.

Legend: j is such a place; a an index of the axis; r_a the rank of a in an order, see `ordering`.  Of a place Σ_a a δ(i, r_a) it is known that it is
one a alone, so what stands there is Σ_a δ(i, r_a) x_a.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from derive.index import (
    ZERO,
    Add,
    At,
    Delta,
    Digit,
    Expr,
    Index,
    Iverson,
    Mul,
    Num,
    Size,
    Sum,
    add,
    delta,
    fresh,
    mul,
    neg,
    num,
    rebuild,
    sub,
    substitute,
    walk,
)

__all__ = ["at_place", "evidently_not_negative", "is_place", "is_rank", "opened", "same_place"]


def at_place(at: Callable[..., Expr], places: Sequence[Expr]) -> Expr:
    """The entry at some places: at one that is computed, the sum over all of whether it is that one, times the entry there."""
    for axis, j in enumerate(places):
        for part in [j] if isinstance(j, (Num, Index, At)) else walk(j):
            found = opened(part)
            if found is not None:
                a, hit = found
                return Sum((a,), mul(hit, at_place(at, [*places[:axis], substitute(j, {part: a}), *places[axis + 1:]])))
        t = _tabled(j)
        if t is not None:
            literal = [_folded(substitute(j, {t: num(k)})) for k in range(int(t.size.args[0]))]
            if all(isinstance(value, Num) for value in literal):
                entries = (at_place(at, [*places[:axis], value, *places[axis + 1:]]) for value in literal)
                return add(*(mul(delta(t, num(k)), entry) for k, entry in enumerate(entries)))
    return at(*places)


def same_place(i: Expr, j: Expr) -> Expr:
    """1{i = j} for an index i and a place j that may be computed."""
    for one, other in ((i, j), (j, i)):
        found = opened(other)
        if found is not None and isinstance(one, Index) and one.size is found[0].size:
            return substitute(found[1], {found[0]: one})
    computed = any(isinstance(part, Sum) for side in (i, j) for part in walk(side))
    return Iverson("=", sub(i, j)) if computed else delta(i, j)


def is_place(j: Expr) -> bool:
    """Whether this is a place along an axis that is computed."""
    return opened(j) is not None


def evidently_not_negative(j: Expr) -> bool:
    """Whether an integer is not below 0 by its form."""
    if isinstance(j, Num):
        return bool(j.value >= 0)
    if isinstance(j, (Add, Mul)):
        return all(map(evidently_not_negative, j.args[0]))
    return isinstance(j, (Index, Size, Iverson, Delta, Digit)) or (isinstance(j, Sum) and evidently_not_negative(j.body))


# ------------------------------------------------------------------------------------------- a place in an order


def opened(label: Expr) -> tuple[Index, Expr] | None:
    """(a, whether it is a) for a label Σ_a a δ(i, r_a) with a rank r_a, of which exactly one a is picked; None for any other."""
    if not (isinstance(label, Sum) and len(label.bound) == 1 and isinstance(label.body, Mul) and len(label.body.args[0]) == 2):
        return None
    (a,), (hit, place) = label.bound, label.body.args[0]
    if place is not a or not isinstance(hit, Delta):
        return None
    rank = next((side for side in hit.args if a in side.free), None)
    if rank is None or any(a in side.free for side in hit.args if side is not rank) or not is_rank(rank, a.size, a):
        return None
    new = fresh(a)
    return new, substitute(hit, {a: new})


def is_rank(r: Expr, n: Expr, a: Index | None = None) -> bool:
    """Whether this is how many entries of an axis of size n come before its entry a (any, where none is given): a number below n."""
    parts = r.args[0] if isinstance(r, Add) else (r,)
    sums = [part for part in parts if isinstance(part, Sum) and len(part.bound) == 1 and part.bound[0].size is n]
    if len(sums) < len(parts):
        return False
    b = fresh(sums[0].bound[0])
    bodies = [substitute(part.body, {part.bound[0]: b}) for part in sums]
    terms = [term for body in bodies for term in (body.args[0] if isinstance(body, Add) else (body,))]
    places = [a] if a is not None else [i for i in r.free if i.size is n]
    return any(_is_order(terms, place, b) for place in places)


def _is_order(terms: Sequence[Expr], a: Index, b: Index) -> bool:
    """Whether these indicators add up to one that says that b comes before a in an order of all places, as `ordering` writes it."""
    gaps = [term.args[1] for term in terms if isinstance(term, Iverson)]
    if len(terms) != 2 or len(gaps) != 1:
        return len(terms) == 1 and terms[0] is Iverson(">", sub(a, b))
    tied = [term for term in terms if isinstance(term, Mul) and len(term.args[0]) == 2]
    same = {Iverson("=", gap) for gap in (gaps[0], _opposite(gaps[0]))}
    later = {Iverson(">", gap) for gap in (sub(a, b), add(sub(ZERO, b), a))}
    return len(tied) == 1 and _antisymmetric(gaps[0], a, b) and any({*tied[0].args[0]} == {s, t} for s in same for t in later)


def _antisymmetric(gap: Expr, a: Index, b: Index) -> bool:
    """Whether this is u(a) − u(b) for some u: no term has both, and exchanging the two changes the sign of every term."""
    if not isinstance(gap, Add) or a not in gap.free or any({a, b} <= term.free for term in gap.args[0]):
        return False
    return set(substitute(gap, {a: b, b: a}).args[0]) == {neg(term) for term in gap.args[0]}


def _opposite(gap: Expr) -> Expr:
    return add(*(neg(term) for term in gap.args[0])) if isinstance(gap, Add) else neg(gap)


# ------------------------------------------------------------------------------------------- a place in a table of numbers


def _tabled(j: Expr) -> Index | None:
    """The index that a table of numbers Σ_k c_k δ(t, k) is read at, where that is what an expression is made of."""
    if isinstance(j, (Num, Index, At)):
        return None
    tests = [part for part in walk(j) if isinstance(part, Delta) and any(isinstance(side, Num) for side in part.args)]
    found = {side for test in tests for side in test.args if isinstance(side, Index) and isinstance(side.size, Num)}
    return found.pop() if len(found) == 1 and j.free == found else None


def _folded(node: Expr) -> Expr:
    """The expression with its sums and products of numbers worked out."""
    node = rebuild(node, _folded)
    if isinstance(node, (Add, Mul)) and all(isinstance(part, Num) for part in node.args[0]):
        values = [part.args[0] for part in node.args[0]]
        return num(sum(values) if isinstance(node, Add) else prod(values))
    return ZERO if isinstance(node, Mul) and ZERO in node.args[0] else node
