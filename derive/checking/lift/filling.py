"""Whether memory from np.empty was written everywhere: by stores along one axis that together cover it, or through a mask and its opposite.

Legend: a condition on an index c is an interval lo ≤ c ≤ hi of expressions in sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from derive.checking.lift.choices import alike, follows
from derive.checking.lift.sizes import at_least, integer
from derive.checking.lift.storage import UNWRITTEN
from derive.index import ONE, ZERO, At, Delta, Expr, Index, Iverson, Mul, Where, add, num, sub

__all__ = ["filled", "interval"]

_Interval = tuple[Index, Expr, Expr]


def _simple(condition: Expr) -> _Interval | None:
    if isinstance(condition, Delta):
        for index, other in (condition.args, condition.args[::-1]):
            if isinstance(index, Index) and not other.free:
                return index, other, other
        return None
    if not isinstance(condition, Iverson) or condition.args[0] == "=" or len(condition.free) != 1:
        return None
    (index,), strict = condition.free, num(1 if condition.args[0] == ">" else 0)
    low, high = integer(sub(index, condition.args[1])), integer(add(condition.args[1], index))
    if not low.free:
        return index, integer(add(low, strict)), integer(sub(index.size, ONE))
    return None if high.free else (index, ZERO, integer(sub(high, strict)))


def interval(condition: Expr) -> tuple[Index, Expr, Expr] | None:
    """(c, lo, hi) where the condition is lo ≤ c ≤ hi, for an index c."""
    parts = [_simple(part) for part in (condition.args[0] if isinstance(condition, Mul) else (condition,))]
    known = [part for part in parts if part is not None]
    if len(known) != len(parts) or len({index for index, _, _ in known}) != 1:
        return None
    low = next((one for _, one, _ in known if all(at_least(one, other) for _, other, _ in known)), None)
    high = next((one for _, _, one in known if all(at_least(other, one) for _, _, other in known)), None)
    return None if low is None or high is None else (known[0][0], low, high)


def _covers(index: Index, pairs: list[tuple[Expr, Expr]]) -> bool:
    start: Expr = ZERO
    while True:
        step = next((high for low, high in pairs if at_least(start, low) and at_least(high, start)), None)
        if step is None:
            return at_least(start, index.size)
        start = integer(add(step, ONE))


def filled(body: Expr) -> Expr:
    """The body without what was never written, where the stores together reach every place."""
    chain, rest = [], body
    while isinstance(rest, Where):
        chain.append(rest)
        rest = rest.args[2]
    if not chain or not (isinstance(rest, At) and rest.name == UNWRITTEN):
        return body
    for count, part in enumerate(chain):
        if count and follows([(alike(earlier.args[0]), False) for earlier in chain[:count]], alike(part.args[0])):
            return _nested(chain[:count], part.args[1])
    intervals = [interval(part.args[0]) for part in chain]
    for index in {one[0] for one in intervals if one is not None}:
        if _covers(index, [one[1:] for one in intervals if one is not None and one[0] is index]):
            return _nested(chain[:-1], chain[-1].args[1])
    return body


def _nested(chain: Sequence[Expr], rest: Expr) -> Expr:
    for part in reversed(chain):
        rest = Where(part.args[0], part.args[1], rest)
    return rest
