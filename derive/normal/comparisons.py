"""Comparisons that stand in one product: what one of them says of another.

Legend: as in `ring`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from derive.index import Expr, Iverson, Poly
from derive.normal.integers import Integers, integral
from derive.normal.ring import P0, P1

__all__ = ["Comparisons"]


class Comparisons(Integers):
    """What follows from comparisons that hold together."""

    hard: bool

    def product(self, powers: Mapping[Expr, Fraction]) -> Poly:
        """A product of powers of atoms, simplified; given by the layer above."""
        raise NotImplementedError

    def exclude(self, live: dict[Expr, Fraction]) -> Poly | None:
        """1{p > 0} 1{p = 0} = 0 and 1{p > 0} 1{−p > 0} = 0; so are two deltas of one index with two literals."""
        for a in live:
            if isinstance(a, Iverson) and a.args[0] == ">":
                p, minus = a.args[1], self.scale(a.args[1], -1)
                if Iverson(">", minus) in live or Iverson("=", p) in live or Iverson("=", minus) in live:
                    return P0
        return None

    def bounds(self, live: dict[Expr, Fraction]) -> Poly | None:
        """1{p > 0} 1{q > 0} for integers: the second is dropped where q ≥ p, and both exclude each other where p + q ≤ 1."""
        found = [a for a in live if isinstance(a, Iverson) and isinstance(a.args[1], Poly)]
        for a in found if len(found) > 1 else []:
            for b in found:
                whole = a.args[0] == b.args[0] == ">" and integral(a.args[1]) and integral(b.args[1])
                p, q = a.args[1], b.args[1]
                if a is not b and whole and self.surely(self.sub(q, p), 0):
                    return self._without(live, b)
                if a is not b and whole and self.surely(self.sub(P1, self.add(p, q)), 0):
                    return P0
                together = self._two_comparisons(live, a, b) if self.hard and a is not b and not whole else None
                if together is not None:
                    return together
        return None

    def _without(self, live: Mapping[Expr, Fraction], b: Expr) -> Poly:
        return self.product({f: e for f, e in live.items() if f is not b})

    def _two_comparisons(self, live: Mapping[Expr, Fraction], a: Iverson, b: Iverson) -> Poly | None:
        """1{p > 0} 1{q > 0} for reals whose difference, or sum, has a known sign; the same for p = 0 (hard form)."""
        (first, p), (second, q) = a.args, b.args
        if second == "=" and first == ">":
            return None
        gap, total = self.sub(q, p), self.add(p, q)
        below = (self.sign(self.scale(gap, -1)), self.sign(self.scale(total, -1)))
        if first == "=":
            if second == "=":
                return P0 if "positive" in (self.sign(gap), self.sign(total), *below) else None
            return self._without(live, b) if "positive" in (self.sign(gap), self.sign(total)) else P0 if below[0] or below[1] else None
        if self.sign(gap):
            return self._without(live, b)
        if below[1]:
            return P0
        if self.sign(total) == "positive":
            one, other = self._without(live, b), self._without(live, a)
            return self.sub(self.add(one, other), self._without({f: e for f, e in live.items() if f is not a}, b))
        return None
