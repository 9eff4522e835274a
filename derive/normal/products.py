"""Products and powers of atoms: deltas substitute, indicators are idempotent, roots combine, denominators reduce.

Legend: as in `ring`.  Everything is over the reals.  A power with a fractional exponent is distributed only over factors that are known
to be positive: √(x²) is |x|, never x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from math import isqrt

from derive.index import At, Delta, Digit, Expr, Index, Iverson, Mono, Num, Poly, walk
from derive.normal.comparisons import Comparisons
from derive.normal.ring import P0, P1, UNIT, atom, constant, depends, factors, is_indicator, monomial, poly, terms, times

__all__ = ["Products"]


def _bases(p: Poly) -> Iterator[tuple[Expr, Fraction]]:
    """What stands under a power for a polynomial, with a sign: itself, and the atom that it is a multiple of."""
    yield p, Fraction(1)
    if len(terms(p)) == 1:
        ((m, c),) = terms(p)
        if [e for _, e in factors(m)] == [1]:
            yield next(a for a, _ in factors(m)), c


class Products(Comparisons):
    """Multiplication of atoms.  `hard` is the mode that decides equality; the other mode keeps what a reader wants to see."""

    def __init__(self, *, hard: bool = False) -> None:
        super().__init__()
        self.hard = hard
        self.opaque: frozenset[str] = frozenset()
        self.reducing: frozenset[Poly] = frozenset()

    # ------------------------------------------------------------------------------------------- given by the layers above

    def function(self, name: str, args: tuple[Poly, ...]) -> Poly:
        """A scalar function of canonical arguments, in normal form."""
        raise NotImplementedError

    def indicator(self, op: str, p: Poly) -> Poly:
        """The indicator of p op 0, in normal form."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------- products

    def product(self, powers: Mapping[Expr, Fraction]) -> Poly:
        """A product of powers of atoms, simplified."""
        live = {a: left for a, e in powers.items() if (left := self._exponent(a, e))}
        for rule in (self._contract_delta, self.exclude, self.bounds, self._divided_by, self._at_zero, self._multiply_out, self._reduce):
            result = rule(live)
            if result is not None:
                return result
        return poly({monomial(live): Fraction(1)})

    def _exponent(self, a: Expr, e: Fraction) -> Fraction:
        """The exponent that is left: 1 of what is 0 or 1, and of what is −1 or 1 the remainder by 2."""
        if e and is_indicator(a):
            return Fraction(1)
        if isinstance(a, At) and a.name in self.zero_one_names and e > 0:
            return Fraction(1)
        return e % 2 if isinstance(a, At) and a.name in self.plus_minus_names and e.denominator == 1 else e

    def _contract_delta(self, live: dict[Expr, Fraction]) -> Poly | None:
        """δ(i, j) f(j) = δ(i, j) f(i): under a delta one of the two may stand for the other."""
        for a in live:
            if isinstance(a, Delta):
                new, old = sorted(a.args, key=_preference)
                if not _inside(new, old):
                    new, old = old, new
                if not _inside(new, old):
                    continue
                if isinstance(old, Num) or (isinstance(old, Index) and depends(new, old)):
                    continue
                if any(b is not a and depends(b, old) for b in live):
                    rest = self.prod(self.power(self.substituted(b, {old: new}), e) for b, e in live.items() if b is not a)
                    return self.mul(rest, atom(a))
        return None

    def cancelled(self, p: Poly) -> Poly:
        """The polynomial with numerators divided by their denominators where that leaves fewer terms (soft form)."""
        below = {a for m, _ in terms(p) for a, e in factors(m) if isinstance(a, Poly) and e < 0}
        for a in sorted((a for a in below if self._may_divide(p, a)), key=lambda a: a.key):
            saved, self._products, self.reducing = self._products, {}, frozenset([a])
            try:
                divided = self.add(*(self.scale(self.product(dict(factors(m))), c) for m, c in terms(p)), P0)
            finally:
                self._products, self.reducing = saved, frozenset()
            if len(terms(divided)) < len(terms(p)):
                p = divided
        return p

    def _may_divide(self, p: Poly, a: Poly) -> bool:
        """Whether a term over the denominator a has its leading product above."""
        lead = self.leading(a)
        over = (dict(factors(m)) for m, _ in terms(p)) if lead is not None and lead is not UNIT else ()
        return any(live.get(a, Fraction(0)) < 0 and self._contains(live, lead) for live in over if lead is not None)

    def _at_zero(self, live: dict[Expr, Fraction]) -> Poly | None:
        """p · 1{p = 0} = 0: under the indicator the leading product may be replaced (hard form)."""
        if not self.hard:
            return None
        for a in live:
            if isinstance(a, Iverson) and a.args[0] == "=":
                p = a.args[1]
                lead = self.leading(p)
                if lead is not None and lead is not UNIT and self._contains(live, lead):
                    rest = self._divided(live, lead)
                    tail = poly({m: -c for m, c in terms(p) if m is not lead})
                    return self.mul(self.product(rest), self.scale(tail, 1 / dict(terms(p))[lead]))
        return None

    def _divided_by(self, live: dict[Expr, Fraction]) -> Poly | None:
        """What is divided by is not 0, and positive where it is a square or under a root: 1{p = 0} / p = 0, 1{p > 0} / √p = 1 / √p (hard form)."""
        if not self.hard:
            return None
        for a in live:
            if isinstance(a, Iverson) and a.args[0] in ("=", ">") and isinstance(a.args[1], Poly):
                for base, c in _bases(a.args[1]):
                    e = live.get(base, Fraction(0))
                    if e < 0 and a.args[0] == "=":
                        return P0
                    if e < 0 and (e.denominator % 2 == 0 or self.sign(base)):
                        return self.product({b: k for b, k in live.items() if b is not a}) if c > 0 else P0
        return None

    def _multiply_out(self, live: dict[Expr, Fraction]) -> Poly | None:
        """A polynomial with an exponent ≥ 1 is multiplied out; a fractional exponent only in the hard form."""
        for a, e in live.items():
            if isinstance(a, Poly) and e >= 1 and (self.hard or e.denominator == 1):
                rest = {b: k for b, k in live.items() if b is not a}
                rest[a] = e - int(e)
                out = self.product(rest)
                for _ in range(int(e)):
                    out = self.mul(out, a)
                return out
        return None

    def _reduce(self, live: dict[Expr, Fraction]) -> Poly | None:
        """With p = c·lead + tail: lead · p^(e−1) = (p^e − tail · p^(e−1)) / c, so no leading product stands over its own p (hard form)."""
        for a, e in live.items():
            if isinstance(a, Poly) and e < 0 and (self.hard or a in self.reducing):
                lead = self.leading(a)
                if lead is not None and lead is not UNIT and self._contains(live, lead):
                    rest = self._divided(live, lead)
                    raised = {**rest, a: e + 1}
                    tail = poly({m: c for m, c in terms(a) if m is not lead})
                    if any(times(rest, m) == live for m, _ in terms(tail)):
                        continue  # an indicator stays when it is divided by, so that this would go round in circles
                    whole = self.sub(self.product(raised), self.mul(self.product(rest), tail))
                    return self.scale(whole, 1 / dict(terms(a))[lead])
        return None

    @staticmethod
    def _contains(live: Mapping[Expr, Fraction], m: Mono) -> bool:
        return all(e > 0 and live.get(a, Fraction(0)) >= e for a, e in factors(m))

    @staticmethod
    def _divided(live: Mapping[Expr, Fraction], m: Mono) -> dict[Expr, Fraction]:
        rest = dict(live)
        for a, e in factors(m):
            if not is_indicator(a):
                rest[a] -= e
        return rest

    # ------------------------------------------------------------------------------------------- powers

    def power(self, p: Poly, r: Fraction | int) -> Poly:
        """p ** r for a rational r.

        1/0 is 0 here: it stands in a branch that a guard of 0 closes, or the premise that the denominator is not 0 is violated; kept as
        an atom it would cancel against √0.
        """
        r = Fraction(r)
        if r == 0:
            return P1
        if r == 1 or p is P0:
            return p
        if r.denominator == 1 and r > 0:
            return self._power_of_product(p, r) if len(terms(p)) == 1 else self.mul(p, self.power(p, r - 1))
        split = self.by_cases((p,), lambda case: self.power(case[0], r))
        if split is not None:
            return split
        return self._power_of_product(p, r) if len(terms(p)) == 1 else self._power_of_sum(p, r)

    def by_cases(self, args: tuple[Poly, ...], value: Callable[[tuple[Poly, ...]], Poly]) -> Poly | None:
        """q f(…|q = 1) + (1 − q) f(…|q = 0) for an indicator q inside the arguments of f (hard form)."""
        if not self.hard:
            return None
        found = {a for p in args for m, _ in terms(p) for a, _ in factors(m) if is_indicator(a)}
        if not found:
            return None
        q = min(found, key=lambda a: (self.skeleton(a), a.key))
        on, off = (value(tuple(self._restricted(p, q, case) for p in args)) for case in (True, False))
        return self.add(off, self.mul(atom(q), self.sub(on, off)))

    def _restricted(self, p: Poly, q: Expr, case: bool) -> Poly:
        out = []
        for m, c in terms(p):
            powers = dict(factors(m))
            if q not in powers:
                out.append(poly({m: c}))
            elif case:
                out.append(self.scale(self.product({a: e for a, e in powers.items() if a is not q}), c))
        return self.add(*out) if out else P0

    def _power_of_product(self, p: Poly, r: Fraction) -> Poly:
        ((m, c),) = terms(p)
        if r.denominator == 1:
            return self.scale(self.product({a: e * r for a, e in factors(m)}), c ** int(r))
        good = {a: e for a, e in factors(m) if self.sign(a) == "positive"}
        bad = {a: e for a, e in factors(m) if a not in good}
        root = _exact_root(abs(c), r)
        out = self.product({a: e * r for a, e in good.items()})
        out = self.scale(out, root) if root is not None else self.mul(out, self._number_power(abs(c), r))
        if c < 0:
            return self.mul(out, self._opaque(poly({monomial(bad): Fraction(-1)}), r))
        if not bad:
            return out
        if r.denominator == 2 and all(e.denominator == 1 and e.numerator % 2 == 0 for e in bad.values()):
            inner = self.product({a: e / 2 for a, e in bad.items()})
            return self.mul(out, self.power(self.function("abs", (inner,)), r.numerator))
        return self.mul(out, self._opaque(poly({monomial(bad): Fraction(1)}), r))

    def _number_power(self, c: Fraction, r: Fraction) -> Poly:
        """√12 and the like: one root for the numerator and one for the denominator."""
        powers: dict[Expr, Fraction] = {}
        for part, e in ((c.numerator, r), (c.denominator, -r)):
            if part != 1:
                powers[constant(part)] = e
        return poly({monomial(powers): Fraction(1)})

    @staticmethod
    def _opaque(p: Poly, r: Fraction) -> Poly:
        return poly({monomial({p: r}): Fraction(1)})

    def _power_of_sum(self, p: Poly, r: Fraction) -> Poly:
        content, rest = self.content(p, positive_only=r.denominator != 1)
        if content:
            return self.mul(self.product({a: e * r for a, e in content.items()}), self.power(rest, r))
        lead = self.unit(p)
        if r.denominator != 1:
            lead = abs(lead)
        scaled = self.scale(p, 1 / lead)
        front = constant(lead ** int(r)) if r.denominator == 1 else self.power(constant(lead), r)
        return self.mul(front, self.product({scaled: r}))

    def content(self, p: Poly, *, positive_only: bool) -> tuple[dict[Expr, Fraction], Poly]:
        """The powers of atoms common to all terms, and what is left when they are taken out."""
        parts = [dict(factors(m)) for m, _ in terms(p)]
        common: dict[Expr, Fraction] = {}
        for a in {a for part in parts for a in part}:
            e = min(part.get(a, Fraction(0)) for part in parts)
            if e and not is_indicator(a) and (not positive_only or self.sign(a) == "positive"):
                common[a] = e
        if not common:
            return {}, p
        return common, self.mul(p, poly({monomial({a: -e for a, e in common.items()}): Fraction(1)}))


def _exact_root(c: Fraction, r: Fraction) -> Fraction | None:
    if r.denominator != 2:
        return c if c == 1 else None
    up, down = isqrt(c.numerator), isqrt(c.denominator)
    return Fraction(up, down) ** r.numerator if up * up == c.numerator and down * down == c.denominator else None


def _inside(new: Expr, old: Expr) -> bool:
    """Whether `new` may stand for the index `old` wherever it occurs: its range is the same or smaller; labels are in range."""
    if not isinstance(old, Index) or isinstance(new, Num) or any(isinstance(part, At) for part in walk(new)):
        return True
    if not isinstance(new, (Index, Digit)):
        return False
    if isinstance(new, Digit):
        return new.args[1][new.args[2]] is old.size
    return new.size is old.size or (isinstance(new.size, Num) and isinstance(old.size, Num) and new.size.value <= old.size.value)


def _preference(node: Expr) -> tuple[int, str]:
    """Which side of a delta stays: a literal, then a named index, then a bound one, then a label."""
    if isinstance(node, Num):
        return (0, node.key)
    if isinstance(node, Index):
        return (2 if node.name.startswith("#") or node.args[2] else 1, node.key)
    return (3, node.key)
