"""What is joined of parts of which one is a single place, as a weight in front: written as a sum of the parts, each where it lies, and sums over
it as sums over each part, the form that derivatives of slices have.  Longer parts alone are left as choices, which are decided faster.

Legend: a part is what an array holds where lo ≤ i ≤ hi, for one of its indices i.
"""

from __future__ import annotations

from derive.checking.lift.filling import interval
from derive.checking.lift.infinite import infinite
from derive.checking.lift.sizes import at_least, integer
from derive.checking.lift.storage import choose, picked
from derive.index import ONE, ZERO, Expr, Index, Iverson, Sum, Where, add, delta, fresh, mul, rebuild, sub, substitute, walk
from derive.rules.value import letter_for

__all__ = ["laid_out"]

_Part = tuple[Expr, Expr, Expr]
_Known = dict[Expr, Expr]


def laid_out(body: Expr, known: _Known | None = None) -> Expr:
    """The expression with each choice between parts along an index as a sum over the parts."""
    known = {} if known is None else known
    if body not in known:
        known[body] = _laid_out(body, known)
    return known[body]


def _laid_out(body: Expr, known: _Known) -> Expr:
    if isinstance(body, Sum):
        for part in walk(body.body):
            found = _parts(part) if isinstance(part, Where) else None
            if found is not None and found[0] in body.bound:
                return add(*(laid_out(_over(body, found[0], low, high), known) for low, high, _ in found[1]))
    found = _parts(body) if isinstance(body, Where) else None
    if found is None:
        return rebuild(body, lambda part: laid_out(part, known))
    return add(*(choose(_condition(found[0], low, high), laid_out(value, known), ZERO) for low, high, value in found[1]))


def _parts(body: Expr) -> tuple[Index, list[_Part]] | None:
    """An index, and (lo, hi, value) for the parts that follow upon each other along it, one of them a single place; None for other choices."""
    found: list[_Part] = []
    start: Expr = ZERO
    axis: Index | None = None
    while isinstance(body, Where):
        piece = interval(body.args[0])
        if piece is None or axis not in (None, piece[0]) or not (at_least(start, piece[1]) and at_least(piece[2], start)):
            break
        axis = piece[0]
        found.append((start, piece[2], body.args[1]))
        start, body = integer(add(piece[2], ONE)), body.args[2]
    if axis is None or infinite(body) or any(infinite(value) for _, _, value in found):
        return None
    parts = found if at_least(start, axis.size) else [*found, (start, integer(sub(axis.size, ONE)), body)]
    return (axis, parts) if any(low is high for low, high, _ in parts) else None


def _condition(index: Index, low: Expr, high: Expr) -> Expr:
    if low is high:
        return delta(index, low)
    above = ONE if low is ZERO else Iverson(">=", sub(index, low))
    return above if at_least(high, sub(index.size, ONE)) else mul(above, Iverson(">", integer(add(sub(high, index), ONE))))


def _over(total: Sum, index: Index, low: Expr, high: Expr) -> Expr:
    """The sum over one part alone."""
    length = integer(add(sub(high, low), ONE))
    one = None if length is ONE else fresh(Index(letter_for(length), length, 0))
    body = _settled(substitute(total.body, {index: low if one is None else integer(add(low, one))}), {})
    bound = tuple(b for b in (one if b is index else b for b in total.bound) if b is not None)
    return Sum(bound, body) if bound else body


def _settled(node: Expr, known: _Known) -> Expr:
    """The expression with the sides of the choices that are certain."""
    if node not in known:
        known[node] = rebuild(picked(node), lambda part: _settled(part, known))
    return known[node]
