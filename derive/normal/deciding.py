"""The decision whether a normal form is zero.

Legend: as in `ring`; q is an indicator.
"""

from __future__ import annotations

from fractions import Fraction

from derive.errors import NotYet
from derive.index import At, Delta, Expr, Index, Iverson, Mono, Num, Poly, Sum, num
from derive.normal.functions import Functions
from derive.normal.integers import integral
from derive.normal.ring import P0, P1, atom, constant, factors, is_number, number, poly, terms

__all__ = ["Deciding"]

_MOST_STEPS, _FEW = 8, 6


class Deciding(Functions):
    """Splits by cases, clears denominators and compares sums."""

    def is_zero(self, p: Poly, budget: int = 6) -> bool:
        """Whether p is identically zero; False means only that this was not seen."""
        if p is P0:
            return True
        p = self._in_steps(p)
        groups = _by_entries(p)
        if len(groups) > 1 and all(self.is_zero(group, budget) for group in groups):
            return True
        cleared = self._cleared(p)
        if cleared is P0 or (budget > 0 and (self._zero_in_parts(cleared, budget) or self._zero_under_sum(cleared, budget))):
            return True
        return budget > 0 and (self._zero_at_each(cleared, budget) or self._zero_written_out(cleared, budget))

    def _zero_written_out(self, p: Poly, budget: int) -> bool:
        """Sums over a number of terms, written out; not seen where that is too large."""
        work = self._work
        try:
            whole = self.add(*(self.scale(self.prod(self._written_sum(a, e) for a, e in factors(m)), c) for m, c in terms(p)), P0)
            return whole is not p and self.is_zero(whole, budget - 1)
        except NotYet:
            return False
        finally:
            self._work = work

    def _written_sum(self, a: Expr, e: Fraction) -> Poly:
        """A power of an atom; a sum over a number of terms is written out."""
        short = next((b for b in a.bound if isinstance(b.size, Num) and 1 <= b.size.value <= _MOST_STEPS), None) if isinstance(a, Sum) else None
        if short is None or not self.hard or e.denominator != 1 or e < 0:
            return self.product({a: e})
        bound, body = self.opened(a)  # type: ignore[arg-type]
        one = next(b for b in bound if b.size is short.size)
        rest = [b for b in bound if b is not one]
        total = self.add(*(self.sum(rest, self.substituted(body, {one: num(k)})) for k in range(int(short.size.args[0]))))
        return self.power(total, e)

    def _zero_at_each(self, p: Poly, budget: int) -> bool:
        """A free index that takes a few values alone: p vanishes at each of them."""
        few = sorted((i for i in p.free if isinstance(i.size, Num) and 1 <= i.size.value <= _FEW), key=lambda i: i.key)
        if not self.hard or not few:
            return False
        return all(self.is_zero(self.substituted(p, {few[0]: num(value)}), budget - 1) for value in range(int(few[0].size.args[0])))

    def _cleared(self, p: Poly) -> Poly:
        """p times its denominators."""
        lowest: dict[Expr, Fraction] = {}
        for m, _ in terms(p):
            for a, e in factors(m):
                if e < 0:
                    lowest[a] = min(lowest.get(a, Fraction(0)), e)
        if not lowest:
            return p
        out = P0
        for m, c in terms(p):
            powers = dict(factors(m))
            whole = P1
            for a, e in lowest.items():
                k = powers.pop(a, Fraction(0)) - e
                if isinstance(a, Poly) and k >= 0:
                    whole = self.mul(whole, self._raised(a, k))
                else:
                    whole = self.mul(whole, self.product({a: k}))
            out = self.add(out, self.scale(self.mul(self.product(powers), whole), c))
        return out

    def _raised(self, a: Poly, k: Fraction) -> Poly:
        out = self.product({a: k - int(k)})
        for _ in range(int(k)):
            out = self.mul(out, a)
        return out

    def _zero_in_parts(self, p: Poly, budget: int) -> bool:
        """Independent indicators outside of sums: each coefficient must vanish."""
        split = self._by_first_indicator(p)
        if split is None:
            return False
        return all(self.is_zero(part, budget - 1) for part in split)

    def _by_first_indicator(self, p: Poly) -> tuple[Poly, Poly] | None:
        found = {a for m, _ in terms(p) for a, _ in factors(m) if isinstance(a, (Delta, Iverson))}
        if not found:
            return None
        q = min(found, key=lambda a: (self.skeleton(a), a.key))
        return self._restricted(p, q, True), self._restricted(p, q, False)

    def _zero_under_sum(self, p: Poly, budget: int) -> bool:
        """Σ_i f_i + Σ_i g_i with one bound index each: what stands outside goes in, and the bodies are compared."""
        groups: dict[Expr, list[tuple[Index, Poly]]] = {}
        for m, c in terms(p):
            sums = [a for a, e in factors(m) if isinstance(a, Sum) and e == 1]
            if len(sums) != 1 or len(sums[0].bound) != 1:
                return False
            rest = self.scale(self.product({a: e for a, e in factors(m) if a is not sums[0]}), c)
            (b,), body = self.opened(sums[0])
            groups.setdefault(b.size, []).append((b, self.mul(rest, body)))
        for members in groups.values():
            one = members[0][0]
            total = self.add(*(self.substituted(body, {b: one}) for b, body in members))
            if len(members) < 2 or not self.is_zero(total, budget - 1):
                return False
        return True

    def _in_steps(self, p: Poly) -> Poly:
        """1{e + k > 0} = 1{e > 0} + 1{e = 0} + … + 1{e = 1 − k} for an integer e, where both comparisons occur."""
        found = sorted({a for m, _ in terms(p) for a, _ in factors(m) if isinstance(a, Iverson) and a.args[0] == ">" and integral(a.args[1])},
                       key=lambda a: a.key)
        for a in found if self.hard else []:
            for b in found:
                gap = self.sub(a.args[1], b.args[1])
                if a is not b and is_number(gap) and 0 < number(gap) <= _MOST_STEPS:
                    steps = [self.vanishes(self.add(b.args[1], constant(k))) for k in range(int(number(gap)))]
                    return self._in_steps(self._replaced(p, a, self.add(atom(b), *steps)))
        return p

    def _replaced(self, p: Poly, a: Expr, value: Poly) -> Poly:
        """The polynomial with an indicator outside of sums replaced."""
        out = [P0]
        for m, c in terms(p):
            powers = dict(factors(m))
            if a in powers:
                out.append(self.scale(self.mul(self.product({f: e for f, e in powers.items() if f is not a}), value), c))
            else:
                out.append(poly({m: c}))
        return self.add(*out)


def _by_entries(p: Poly) -> list[Poly]:
    """The polynomial's terms in groups of the same entries of arrays: it vanishes where each group does, and a group has few denominators."""
    groups: dict[frozenset[tuple[Expr, Fraction]], dict[Mono, Fraction]] = {}
    for m, c in terms(p):
        key = frozenset((a, e) for a, e in factors(m) if isinstance(a, At) and e > 0)
        groups.setdefault(key, {})[m] = c
    return [poly(group) for group in groups.values()]
