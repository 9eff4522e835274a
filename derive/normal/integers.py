"""Integer-valued polynomials: their bounds, their digits in a mixed radix, and when they vanish.

Legend: p, q are polynomials in indices, sizes, labels and digits; w is the weight of a digit, a product of sizes and a number; the rest as
in `ring`.  An index runs over 0 … size − 1 and a size is at least 1, so that much of what compares integers is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import gcd, prod
from typing import Any

from derive.index import At, Delta, Digit, Expr, Index, Poly, Size, add, mul, num, power
from derive.normal.ring import P0, P1, UNIT, atom, factors, is_indicator, is_number, monomial, number, poly, terms
from derive.normal.signs import Signs

__all__ = ["Integers"]


class Integers(Signs):
    """Arithmetic of indices."""

    def __init__(self) -> None:
        super().__init__()
        self._least: dict[Poly, Fraction | None] = {}

    def substituted(self, node: Expr, mapping: Mapping[Any, Expr]) -> Poly:
        """The node in normal form, with indices or entries replaced; given by the layer above."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------- bounds

    def least(self, p: Poly) -> Fraction | None:
        """A number that p is certainly not below, at all sizes; None where none is seen."""
        if p not in self._least:
            self._least[p] = self._smallest(p)
        return self._least[p]

    def _smallest(self, p: Poly) -> Fraction | None:
        bottom = [P0]
        for m, c in terms(self.spread(p)):
            moving = [(a, e) for a, e in factors(m) if not isinstance(a, Size)]
            if any(e < 0 or e.denominator != 1 for _, e in factors(m)) or any(_range(a) is None for a, _ in moving):
                return None
            if not moving:
                bottom.append(poly({m: c}))
            elif c < 0:
                top = self.prod(self.power_of(self.sub(self.substituted(_size_of(a), {}), P1), e) for a, e in moving)
                fixed = monomial({a: e for a, e in factors(m) if isinstance(a, Size)})
                bottom.append(self.mul(poly({fixed: c}), top))
        return self._over_sizes(self.add(*bottom))

    def power_of(self, p: Poly, e: Fraction) -> Poly:
        """p to a positive whole power."""
        return self.prod([p] * int(e))

    def _over_sizes(self, p: Poly) -> Fraction | None:
        """The least value of a polynomial in sizes: each size is 1 + something not negative."""
        more: dict[tuple[tuple[str, int], ...], Fraction] = {}
        for m, c in terms(p):
            grown: dict[tuple[tuple[str, int], ...], Fraction] = {(): c}
            for a, e in factors(m):
                for _ in range(int(e)):
                    grown = _collect((key, k) for old, k in grown.items() for key in (old, _times(old, a.key)))
            more = _collect([*more.items(), *grown.items()])
        if any(c < 0 for key, c in more.items() if key):
            return None
        return more.get((), Fraction(0))

    def surely(self, p: Poly, above: int) -> bool:
        """Whether p ≥ above for certain."""
        least = self.least(p)
        return least is not None and least >= above

    def below(self, p: Poly, n: Poly) -> bool:
        """Whether 0 ≤ p < n for certain."""
        return self.surely(p, 0) and self.surely(self.sub(n, p), 1)

    # ------------------------------------------------------------------------------------------- digits

    def divided_by(self, p: Poly, w: Poly) -> tuple[Poly, Poly] | None:
        """(q, r) with p = w q + r, where no product in r is a multiple of w; None where w is no single product."""
        if len(terms(w)) != 1:
            return None
        ((n, k),) = terms(w)
        need = dict(factors(n))
        whole, rest = [P0], [P0]
        for m, c in terms(p):
            have = dict(factors(m))
            if all(have.get(a, Fraction(0)) >= e for a, e in need.items()):
                left = monomial({a: e - need.get(a, Fraction(0)) for a, e in have.items()})
                times = c / k if (c / k).denominator == 1 else Fraction(c // k) if m is UNIT and not need else Fraction(0)
                whole.append(poly({left: times}))
                rest.append(poly({m: c - times * k}))
            else:
                rest.append(poly({m: c}))
        return self.add(*whole), self.add(*rest)

    def quotient(self, p: Poly, w: Poly) -> Poly | None:
        """p / w where that is exact."""
        found = self.divided_by(p, w)
        return found[0] if found is not None and found[1] is P0 else None

    def digit(self, p: Poly, sizes: tuple[Expr, ...], k: int) -> Poly:
        """(p // the product of the later sizes) modulo sizes[k], in normal form."""
        before, size, after = (self.prod(self.substituted(n, {}) for n in part) for part in (sizes[:k], sizes[k:k + 1], sizes[k + 1:]))
        p = self.spread(p)
        top = self.divided_by(p, self.mul(size, after))
        p = top[1] if top is not None else p
        found = self.divided_by(p, after)
        if found is not None and self.below(found[1], after):
            q = found[0]
            modulo = self.divided_by(q, size)
            if modulo is not None and self.below(modulo[1], size):
                return modulo[1]
        inner = _only(p)
        if isinstance(inner, Digit):
            joined = self._digit_of_digit(inner, size, after)
            if joined is not None:
                return joined
        radix = tuple(self.written(n) for n in (before, size, after) if n is not P1)
        return atom(Digit(self.written(p), radix, 0 if before is P1 else 1))

    def _digit_of_digit(self, inner: Digit, size: Poly, after: Poly) -> Poly | None:
        """((j // a) mod s) // w mod t = (j // (a w)) mod t where w t divides s."""
        j, sizes, k = inner.args
        own, later = (self.prod(self.substituted(n, {}) for n in part) for part in (sizes[k:k + 1], sizes[k + 1:]))
        left = self.quotient(own, self.mul(size, after))
        if left is None:
            return None
        earlier = self.prod(self.substituted(n, {}) for n in sizes[:k])
        radix = (self.written(self.mul(earlier, left)), self.written(size), self.written(self.mul(after, later)))
        return self.digit(self.substituted(j, {}), radix, 1)

    def spread(self, p: Poly) -> Poly:
        """j = w · (j // w) + (j mod w) for an index j that stands beside its own last digit."""
        for d in sorted({a for m, _ in terms(p) for a, _ in factors(m) if isinstance(a, Digit)}, key=lambda a: a.key):
            j, sizes, k = d.args
            uses = [(m, c) for m, c in terms(p) if dict(factors(m)).get(j) == 1]
            before = self.quotient(self.substituted(j.size, {}), self.substituted(sizes[-1], {})) if isinstance(j, Index) and uses else None
            if before is not None and k == len(sizes) - 1:
                high = atom(Digit(j, (self.written(before), sizes[-1]), 0))
                value = self.add(self.mul(self.substituted(sizes[-1], {}), high), atom(d))
                moved = [self.mul(value, poly({monomial({a: e for a, e in factors(m) if a is not j}): c})) for m, c in uses]
                return self.spread(self.add(p, *(poly({m: -c}) for m, c in uses), *moved))
        return p

    def together(self, p: Poly) -> Poly:
        """w · (j // w) = j − (j mod w): digits of one integer that stand in their places make it up again."""
        for m, c in sorted(terms(p), key=lambda pair: pair[0].key):
            digits = [a for a, e in factors(m) if isinstance(a, Digit) and e == 1]
            if len(digits) == 1:
                j, sizes, k = digits[0].args
                size, after = (self.prod(self.substituted(n, {}) for n in part) for part in (sizes[k:k + 1], sizes[k + 1:]))
                rest = self.quotient(poly({monomial({a: e for a, e in factors(m) if a is not digits[0]}): c}), after)
                if after is not P1 and rest is not None:
                    full = self.substituted(j, {})
                    over, under = self._modulo(full, self.mul(size, after)), self._modulo(full, after)
                    return self.together(self.add(p, poly({m: -c}), self.mul(rest, self.sub(over, under))))
        return p

    def _modulo(self, j: Poly, n: Poly) -> Poly:
        """J modulo n."""
        if self.below(j, n):
            return j
        only = _only(j)
        total = self.quotient(self.substituted(only.size, {}), n) if isinstance(only, Index) else None
        sizes = (self.written(n),) if total is None else (self.written(total), self.written(n))
        return self.digit(j, sizes, len(sizes) - 1)

    def written(self, p: Poly) -> Expr:
        """A polynomial in indices and sizes as an expression, in one canonical order."""
        parts = sorted(terms(p), key=lambda pair: pair[0].key)
        return add(*(mul(num(c), *(power(a, e) for a, e in sorted(factors(m), key=lambda f: f[0].key))) for m, c in parts))

    # ------------------------------------------------------------------------------------------- when two integers are equal

    def vanishes(self, e: Poly) -> Poly:
        """The indicator of e = 0 for an integer polynomial e that takes integers apart into digits; one delta where nothing comes apart."""
        if is_number(e):
            return P1 if number(e) == 0 else P0
        e = self._primitive(e)
        if dict(terms(e)).get(UNIT, Fraction(0)).denominator != 1 or self.surely(e, 1) or self.surely(self.scale(e, -1), 1):
            return P0
        for w in self._weights(e):
            found = self.divided_by(e, w)
            if found is not None and not is_number(found[0]):
                for q, r in (found, (self.add(found[0], P1), self.sub(found[1], w))):
                    if r is not P0 and self.surely(self.sub(w, r), 1) and self.surely(self.add(w, r), 1):
                        return self.mul(self.vanishes(q), self.vanishes(r))
        return self._digit_by_digit(e) or atom(self.equation(e))

    def _digit_by_digit(self, e: Poly) -> Poly | None:
        """j = w q + r with r in 0 … w − 1 says that the digits of j are q and r."""
        for m, c in sorted(terms(e), key=lambda pair: pair[0].key):
            j = _only(poly({m: abs(c)}))
            if abs(c) != 1 or not isinstance(j, (Index, Digit)):
                continue
            p = self.sub(atom(j), self.scale(e, 1 if c == 1 else -1)) if c == 1 else self.add(atom(j), e)
            if any(j in part.free or part is j for n, _ in terms(p) for part, _ in factors(n)):
                continue
            total = self.substituted(_size_of(j), {})
            for w in self._weights(p):
                found, before = self.divided_by(p, w), self.quotient(total, w)
                if found is not None and before is not None and w is not P1 and self.below(found[1], w) and self.below(found[0], before):
                    radix = (self.written(before), self.written(w))
                    high, low = (self.digit(atom(j), radix, k) for k in (0, 1))
                    return self.mul(self.vanishes(self.sub(found[0], high)), self.vanishes(self.sub(found[1], low)))
        return None

    @staticmethod
    def _primitive(e: Poly) -> Poly:
        """The multiple of e whose coefficients, the constant aside, have no common factor."""
        coefficients = [c for m, c in terms(e) if m is not UNIT]
        bottom = prod(c.denominator for c in coefficients)
        common = Fraction(gcd(*(int(c * bottom) for c in coefficients)), bottom)
        return poly({m: c / common for m, c in terms(e)})

    def _weights(self, e: Poly) -> list[Poly]:
        """The multiples at which indices stand: candidates for the weight of a digit, the greatest first."""
        found = set()
        for m, c in terms(e):
            if any(not isinstance(a, Size) for a, _ in factors(m)):
                found.add(poly({monomial({a: k for a, k in factors(m) if isinstance(a, Size)}): abs(c)}))
        return sorted((w for w in found if w is not P1), key=lambda w: (-len(next(iter(terms(w)))[0].args[0]), -_coefficient(w), w.key))

    def equation(self, e: Poly) -> Expr:
        """δ(pivot, rest) for e = 0: the pivot is an index where one stands alone."""
        alone = [(a, m, c) for m, c in terms(e) if abs(c) == 1 and (a := _only(poly({m: Fraction(1)}))) is not None]
        if not alone:
            return Delta(*sorted((num(0), self.written(e)), key=lambda node: node.key))
        pivot, m, c = min(alone, key=lambda one: (_kind(one[0]), self.skeleton(one[0]), one[0].key))
        rest = self.scale(self.sub(e, poly({m: c})), -c)
        return Delta(*sorted((pivot, self.written(rest)), key=lambda node: node.key))

    def solved(self, e: Poly, b: Index) -> Poly | None:
        """The value of b at which e = 0, where b stands alone in e."""
        uses = [(m, c) for m, c in terms(e) if b in m.free]
        if len(uses) != 1 or abs(uses[0][1]) != 1 or _only(poly({uses[0][0]: Fraction(1)})) is not b:
            return None
        m, c = uses[0]
        return self.scale(self.sub(e, poly({m: c})), -c)


def integral(p: Poly) -> bool:
    """Whether p is a polynomial in integers with whole coefficients, the constant aside."""
    return all(m is UNIT or (c.denominator == 1 and all(is_integer(a) and e > 0 and e.denominator == 1 for a, e in factors(m)))
               for m, c in terms(p))


def is_integer(a: Expr) -> bool:
    """Whether an atom takes whole numbers alone."""
    return isinstance(a, (Index, Size, Digit)) or is_indicator(a) or (isinstance(a, At) and a.kind == "int")


def _range(a: Expr) -> Expr | None:
    return _size_of(a) if isinstance(a, (Index, Digit)) or is_indicator(a) else None


def _size_of(a: Expr) -> Expr:
    """How many values from 0 on an atom can take."""
    return a.size if isinstance(a, Index) else a.args[1][a.args[2]] if isinstance(a, Digit) else num(2)


def _only(p: Poly) -> Expr | None:
    """The atom that the polynomial is, or None."""
    if len(terms(p)) != 1:
        return None
    ((m, c),) = terms(p)
    if c != 1 or len(factors(m)) != 1:
        return None
    ((a, e),) = factors(m)
    return a if e == 1 else None


def _kind(a: Expr) -> int:
    return 0 if isinstance(a, Index) else 1 if isinstance(a, Digit) else 2 if isinstance(a, At) else 3


def _coefficient(w: Poly) -> Fraction:
    ((_, c),) = terms(w)
    return c


def _times(key: tuple[tuple[str, int], ...], name: str) -> tuple[tuple[str, int], ...]:
    powers = dict(key)
    powers[name] = powers.get(name, 0) + 1
    return tuple(sorted(powers.items()))


def _collect(pairs: Iterable[tuple[Any, Fraction]]) -> dict[Any, Fraction]:
    out: dict[Any, Fraction] = {}
    for key, c in pairs:
        out[key] = out.get(key, Fraction(0)) + c
    return out
