"""Truth values, that is expressions of value 0 or 1: comparing, combining them, and what they say of a choice.

Legend: u, v are entries, q a truth value.  A truth value that is decided, but was asked of something that is not defined everywhere, keeps that in
a product with 0: 1 + 0 · log x is true wherever log x is defined.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import prod

from derive.errors import NotYet
from derive.index import (
    ONE,
    ZERO,
    Add,
    At,
    Const,
    Delta,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    Mul,
    Num,
    Pow,
    Stop,
    Sum,
    Where,
    add,
    mul,
    num,
    product,
    sub,
    walk,
)
from derive.rules.functions import FUNCTIONS
from derive.rules.places import is_place, same_place
from derive.rules.reading import INFINITE, MINUS_INFINITY

__all__ = ["above", "at_least", "both", "certainly_positive", "defined", "either", "equal", "finite", "given", "is_bit", "is_integer",
           "may_be_infinite", "opposite", "true_where_defined", "unless_all_masked",
           "without_infinities"]


def is_integer(u: Expr) -> bool:
    """Whether an entry is an index, a label or a whole number."""
    return isinstance(u, Index) or (isinstance(u, At) and u.kind == "int") or (isinstance(u, Num) and u.value.denominator == 1)


def is_bit(u: Expr) -> bool:
    """Whether an expression is 0 or 1 by its form."""
    if isinstance(u, Mul):
        return all(map(is_bit, u.args[0]))
    if isinstance(u, Where):
        return is_bit(u.args[1]) and is_bit(u.args[2])
    return isinstance(u, (Iverson, Delta)) or u is ONE or u is ZERO or (isinstance(u, At) and u.kind == "bool") or _complement(u) is not None


def certainly_positive(u: Expr) -> bool:
    """Whether an expression as written is a sum or product of exponentials, sizes and positive numbers."""
    if isinstance(u, Num):
        return bool(u.value > 0)
    if isinstance(u, Fn):
        return u.args[0] == "exp"
    if isinstance(u, (Add, Mul)):
        return all(certainly_positive(part) for part in u.args[0])
    if isinstance(u, Sum):
        return all(type(b.size).__name__ == "Size" or certainly_positive(b.size) for b in u.bound) and certainly_positive(u.body)
    return type(u).__name__ == "Size" or (isinstance(u, Pow) and certainly_positive(u.args[0]))


# ------------------------------------------------------------------------------------------- comparing


def _rank(u: Expr) -> int:
    return 0 if u not in INFINITE else -1 if u is MINUS_INFINITY else 1


def above(u: Expr, v: Expr) -> Expr:
    """1{u > v}; an index is never below 0."""
    if isinstance(u, Num) and isinstance(v, Num):
        return ONE if u.value > v.value else ZERO
    if _rank(u) or _rank(v):
        return ONE if _rank(u) > _rank(v) else ZERO
    if isinstance(u, Num) and u.value <= 0 and isinstance(v, Index):
        return ZERO
    if v is ZERO and is_bit(u):
        return u
    if v is ZERO and certainly_positive(u):
        return ONE
    return Iverson(">", sub(u, v))


def at_least(u: Expr, v: Expr) -> Expr:
    """1{u ≥ v}."""
    if isinstance(u, Num) and isinstance(v, Num):
        return ONE if u.value >= v.value else ZERO
    if _rank(u) or _rank(v):
        return ONE if _rank(u) >= _rank(v) else ZERO
    if isinstance(v, Num) and v.value <= 0 and isinstance(u, Index):
        return ONE
    return Iverson(">=", sub(u, v))


def equal(u: Expr, v: Expr) -> Expr:
    """1{u = v}; a truth value is 1 where it is true."""
    if u is v:
        return true_where_defined(u)
    if _rank(u) or _rank(v):
        return ZERO
    for bit, other in ((u, v), (v, u)):
        if is_bit(bit) and isinstance(other, Num):
            return bit if other is ONE else opposite(bit) if other is ZERO else ZERO
    if all(is_integer(side) or is_place(side) for side in (u, v)):
        return same_place(u, v)
    return Iverson("=", sub(u, v))


# ------------------------------------------------------------------------------------------- combining


def opposite(q: Expr) -> Expr:
    """1 − q."""
    if isinstance(q, Num):
        return num(1 - q.value)
    asked = _asked(q)
    if asked is not None:
        return asked if q is not asked else add(ONE, asked)
    return _complement(q) or sub(ONE, q)


def both(q: Expr, r: Expr) -> Expr:
    """q · r, the truth of both."""
    return mul(q, r)


def either(q: Expr, r: Expr) -> Expr:
    """Whether at least one is true."""
    if q is ONE or r is ONE or r is opposite(q):
        return ONE
    return q if r is ZERO or q is r else r if q is ZERO else sub(add(q, r), mul(q, r))


def _complement(q: Expr) -> Expr | None:
    """The bit r of a q that is written 1 − r."""
    if isinstance(q, Add) and len(q.args[0]) == 2 and q.args[0][0] is ONE and isinstance(q.args[0][1], Mul):
        minus, *rest = q.args[0][1].args[0]
        r = mul(*rest)
        return r if minus is num(-1) and is_bit(r) else None
    return None


def _asked(q: Expr) -> Expr | None:
    """The product with 0 of a truth value that is decided: false for that itself, true for 1 + it."""
    part = q.args[0][1] if isinstance(q, Add) and len(q.args[0]) == 2 and q.args[0][0] is ONE else q
    return part if isinstance(part, Mul) and part.args[0][0] is ZERO else None


def true_where_defined(u: Expr) -> Expr:
    """1, with what u needs to be defined."""
    return add(ONE, product((ZERO, u))) if next(_partial(u), None) is not None else ONE


def _partial(u: Expr) -> Iterator[Expr]:
    """The parts that are not defined everywhere."""
    for part in walk(u):
        if isinstance(part, Pow) and (part.args[1] < 0 or part.args[1].denominator != 1) and not certainly_positive(part.args[0]):
            yield part
        if isinstance(part, Fn) and FUNCTIONS[part.args[0]].domain is not None and not all(map(certainly_positive, part.args[1])):
            yield part


# ------------------------------------------------------------------------------------------- infinite numbers


def finite(u: Expr) -> Expr:
    """Whether an entry is a finite number: where a mask puts −∞ it is not, and a maximum is one if any of its entries is."""
    if u in INFINITE:
        return ZERO
    if not any(part in INFINITE for part in walk(u)):
        return true_where_defined(u)
    if isinstance(u, Where):
        return _either_way(u.args[0], finite(u.args[1]), finite(u.args[2]))
    if isinstance(u, Extremum) and _only_below(u):
        return Iverson(">", Sum(u.bound, finite(u.body)))
    if not isinstance(u, (Add, Mul, Stop)):
        raise NotYet("It is asked whether a function of an infinite number is finite.", hint="Ask it of the entries themselves.")
    return mul(*(finite(kid) for kid in u.kids if any(part in INFINITE for part in walk(kid))))


def _either_way(q: Expr, yes: Expr, no: Expr) -> Expr:
    """The truth of one or of the other, as q says."""
    if yes is no:
        return yes
    if no is ZERO:
        return both(q, yes)
    return opposite(q) if yes is ZERO and no is ONE else either(q, no) if yes is ONE else Where(q, yes, no)


def may_be_infinite(u: Expr) -> bool:
    """Whether an infinite number occurs in it other than in a mask under a maximum."""
    return not isinstance(u, Extremum) and (u in INFINITE or u is Const("nan") or any(map(may_be_infinite, u.kids)))


def unless_all_masked(u: Expr) -> Iterator[Expr]:
    """What makes the maxima over masked entries finite, apart from those that a choice guards."""
    if isinstance(u, Extremum):
        q = finite(u)
        yield from () if q is ONE else (q,)
    elif not isinstance(u, Where):
        for kid in u.kids:
            yield from unless_all_masked(kid)


def without_infinities(u: Expr) -> Expr:
    """The entry with 0 where a mask puts an infinite number in the place of all of it: the two have the same derivative."""
    if isinstance(u, Where):
        return Where(u.args[0], *(ZERO if side in INFINITE else without_infinities(side) for side in u.args[1:]))
    return u


def _only_below(u: Extremum) -> bool:
    beyond = INFINITE[1] if u.args[0] == "max" else MINUS_INFINITY
    return beyond not in set(walk(u.body))


# ------------------------------------------------------------------------------------------- choosing


def given(u: Expr, q: Expr, *, holds: bool) -> Expr:
    """The entry where q is known to hold, or not to: choices that put an infinite number there are decided as far as they can be."""
    return _pruned(u, {}, q, holds) or u


def _pruned(u: Expr, path: dict[Expr, bool], q: Expr, holds: bool) -> Expr | None:
    """The entry where q holds or does not, and all that was met on the path to it; None where the two contradict each other."""
    if _truth(q, path) == (not holds):
        return None
    if not isinstance(u, Where) or not any(part in INFINITE for part in walk(u)):
        return u
    c, yes, no = u.args
    verdict = _truth(c, {**path, **_known(q, holds)})
    if verdict is not None:
        return _pruned(yes if verdict else no, path, q, holds)
    left, right = (_pruned(side, {**path, **_known(c, truth)}, q, holds) for side, truth in ((yes, True), (no, False)))
    return Where(c, left, right) if left is not None and right is not None else left or right


def _truth(q: Expr, known: dict[Expr, bool]) -> Fraction | None:
    """The value of a truth value where some others are known, or None."""
    if q in known:
        return Fraction(known[q])
    if isinstance(q, Num):
        return q.value
    if isinstance(q, Where):
        verdict = _truth(q.args[0], known)
        return None if verdict is None else _truth(q.args[1 if verdict else 2], known)
    if isinstance(q, (Add, Mul)):
        parts = [_truth(part, known) for part in q.args[0]]
        if isinstance(q, Mul) and 0 in parts:
            return Fraction(0)
        values = [part for part in parts if part is not None]
        return None if len(values) < len(parts) else sum(values, Fraction(0)) if isinstance(q, Add) else prod(values, start=Fraction(1))
    return None


def _known(q: Expr, holds: bool) -> dict[Expr, bool]:
    """What follows from q, or from its opposite."""
    out = {q: holds}
    if (r := _complement(q)) is not None:
        out |= _known(r, not holds)
    elif holds and isinstance(q, Mul):
        for part in q.args[0]:
            out |= _known(part, True)
    return out


def defined(q: Expr, v: Expr) -> Expr:
    """A truth value without what v, the entry that it is asked for, needs to be defined as well."""
    asked = _asked(q)
    if asked is None:
        return q
    inside = set(walk(v))
    return q if any(part not in inside for part in asked.args[0][1:]) else ZERO if q is asked else ONE
