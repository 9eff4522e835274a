"""What each window sends to its places: a sum in which guards say that an index is inside of a window, as a sum over windows and places."""

from __future__ import annotations

from collections.abc import Sequence

from derive.emit.places import Places, minus, whole
from derive.emit.terms import factors_of
from derive.index import ONE, Expr, Index, Iverson, Num, Sum, add, delta, fresh, mul, num, substitute

__all__ = ["placed"]


def placed(node: Expr, own: Sequence[Index], places: Places) -> Expr:
    """Σ_p [0 ≤ j − s p < a] u_jp as Σ_p Σ_a δ(j, s p + a) u: what each window sends to its places."""
    if not isinstance(node, Sum):
        return node
    factors = factors_of(node.body)
    for p in node.bound:
        for j in own:
            found = _band(j, p, factors, places)
            if found is not None:
                start, width, guards = found
                a = fresh(Index("a", width, 0))
                place = places.tidy(add(start, a))
                if places.inside(place, j.size) == (True, True):
                    rest = mul(*(factor for factor in factors if factor not in guards))
                    inner = places.settled(substitute(rest, {j: place}))
                    return placed(Sum((*node.bound, a), mul(delta(j, place), inner)), own, places)
    return node


def _band(j: Index, p: Index, factors: Sequence[Expr], places: Places) -> tuple[Expr, Expr, list[Expr]] | None:
    """(start, width, guards) where guards say start ≤ j < start + width, the start being a multiple of p and a number."""
    below: tuple[Expr, Expr] | None = None
    above: tuple[Expr, Expr] | None = None
    for factor in factors:
        if isinstance(factor, Iverson) and factor.args[0] in (">", ">=") and factor.free == {j, p} and whole(factor):
            inner = factor.args[1] if factor.args[0] == ">=" else minus(factor.args[1], num(1))
            linear = places.linear(inner)
            scale = 0 if linear is None else linear.number_of(j)
            if scale == 1:
                below = (places.tidy(minus(j, inner)), factor)
            elif scale == -1:
                above = (places.tidy(add(inner, j, ONE)), factor)
    if below is None or above is None:
        return None
    width = places.tidy(minus(above[0], below[0]))
    return (below[0], width, [below[1], above[1]]) if isinstance(width, Num) and width.value >= 1 else None
