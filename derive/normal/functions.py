"""Scalar functions and indicators of canonical arguments.

Legend: as in `ring`.  exp comes apart into one atom for each product in the exponent, so that every shift cancels; log comes apart only
over factors that are known to be positive.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor, gcd

import sympy

from derive.index import At, Delta, Digit, Expr, Fn, Index, Iverson, Num, Poly
from derive.normal.integers import integral, is_integer
from derive.normal.ring import P0, P1, UNIT, atom, constant, factors, is_indicator, is_number, number, poly, terms, under_root
from derive.normal.sums import Sums
from derive.rules.functions import FUNCTIONS

__all__ = ["Functions"]


class Functions(Sums):
    """The functions of the table, in normal form."""

    def function(self, name: str, args: tuple[Poly, ...]) -> Poly:
        """A scalar function of canonical arguments, in normal form."""
        special = {"exp": self._exp, "log": self._log, "abs": self._unsigned, "relu": self._unsigned, "sign": self._signum,
                   "heaviside": self._signum}.get(name)
        if special is not None:
            found = special(name, args[0])
            if found is not None:
                return found
        if name in ("max", "min") and args[0] is args[1]:
            return args[0]
        if self.hard:
            return self._hard(name, args)
        if name in ("max", "min", "logaddexp"):
            args = tuple(sorted(args, key=lambda p: p.key))
        return atom(Fn(name, args))

    def _hard(self, name: str, args: tuple[Poly, ...]) -> Poly:
        split = self.by_cases(args, lambda case: self.function(name, case))
        if split is not None:
            return split
        expand = FUNCTIONS[name].expand
        if expand is not None and name not in self.opaque:
            return self.canonical(expand(*args))
        lead = self.unit(args[0]) if len(args) == 1 and terms(args[0]) else Fraction(1)
        if lead < 0 and name in _ODD_OR_EVEN:
            return self.scale(atom(Fn(name, (self.scale(args[0], -1),))), _ODD_OR_EVEN[name])
        if args == (P0,) and name in _ODD_OR_EVEN:
            return P0 if _ODD_OR_EVEN[name] < 0 else P1
        return atom(Fn(name, args))

    def _exp(self, name: str, p: Poly) -> Poly | None:
        """e^(a + b) = e^a e^b, and e^(c log u) = u^c."""
        split = self.by_cases((p,), lambda case: self.function("exp", case))
        if split is not None:
            return split
        out = P1
        for m, c in terms(p):
            only = next(iter(factors(m)), None)
            if len(factors(m)) == 1 and only is not None and only[1] == 1 and isinstance(only[0], Fn) and only[0].args[0] == "log":
                out = self.mul(out, self.power(only[0].args[1][0], c))
            else:
                base = Fn("exp", (poly({m: Fraction(1)}),))
                out = self.mul(out, self.product({base: c}))
        return out

    def _log(self, name: str, p: Poly) -> Poly | None:
        """log(u v) = log u + log v where u > 0; a positive number comes out too."""
        split = self.by_cases((p,), lambda case: self.function("log", case))
        if split is not None:
            return split
        if not terms(p):
            return None
        common, rest = self.content(p, positive_only=True)
        out = [self.scale(self._log_of_positive(a), e) for a, e in common.items()]
        if len(terms(rest)) == 1:
            ((m, c),) = terms(rest)
            good = {a: e for a, e in factors(m) if self.sign(a) == "positive"}
            out += [self.scale(self._log_of_positive(a), e) for a, e in good.items()]
            rest = self.scale(self.product({a: e for a, e in factors(m) if a not in good}), c)
        if not terms(rest):
            return None
        lead = abs(self.unit(rest))
        out.append(self._log_of_number(lead))
        rest = self.scale(rest, 1 / lead)
        if rest is not P1:
            inverse = self._inverse_atom(rest)
            out.append(atom(Fn("log", (rest,))) if inverse is None else self.scale(atom(Fn("log", (inverse,))), -1))
        return self.add(*out)

    @staticmethod
    def _inverse_atom(p: Poly) -> Poly | None:
        """For p = 1 / a the polynomial a: log(1/a) = −log a, since a > 0 wherever the logarithm is defined."""
        ((m, c), *more) = terms(p)
        powers = list(factors(m))
        if not more and c == 1 and len(powers) == 1 and powers[0][1] == -1:
            a = powers[0][0]
            return a if isinstance(a, Poly) else atom(a)
        return None

    def _log_of_positive(self, a: Expr) -> Poly:
        if isinstance(a, Fn) and a.args[0] == "exp":
            return a.args[1][0]
        if isinstance(a, Poly):
            return atom(Fn("log", (a,))) if not is_number(a) else self._log_of_number(number(a))
        return atom(Fn("log", (atom(a),)))

    @staticmethod
    def _log_of_number(c: Fraction) -> Poly:
        primes = {int(p): e for p, e in sympy.factorint(c.numerator).items()}
        for p, e in sympy.factorint(c.denominator).items():
            primes[int(p)] = primes.get(int(p), 0) - e
        logs = {Fn("log", (constant(p),)): Fraction(e) for p, e in primes.items() if p != 1}
        out: dict[Expr, Fraction] = {}
        for log, e in logs.items():
            ((m, _),) = terms(atom(log))
            out[m] = e
        return poly(out)  # type: ignore[arg-type]

    def _unsigned(self, name: str, p: Poly) -> Poly | None:
        """|p| = relu(p) = p where p ≥ 0 is certain; |−p| = |p|."""
        if self.sign(p):
            return p
        if name == "abs" and terms(p):
            if self.sign(self.scale(p, -1)):
                return self.scale(p, -1)
            lead = self.unit(p)
            if lead != 1 and not self.hard:
                return self.scale(self.function("abs", (self.scale(p, 1 / lead),)), abs(lead))
        return None

    def _signum(self, name: str, p: Poly) -> Poly | None:
        """sign(p) = H(p) = 1 where p > 0 is certain; sign(0) = 0 and H(0) = 1/2."""
        if not terms(p):
            return P0 if name == "sign" else constant(Fraction(1, 2))
        return P1 if self.sign(p) == "positive" else None

    # ------------------------------------------------------------------------------------------- indicators

    def indicator(self, op: str, p: Poly) -> Poly:
        """The indicator of p > 0, p ≥ 0 or p = 0, in normal form."""
        if op == ">=" and _of_indices(p):
            return self._integer_at_least(self.together(p))
        if op == ">=" and not self.hard:
            return self._at_least(p)
        if op == ">=":
            return self.add(self.indicator(">", p), self.indicator("=", p))
        if is_number(p):
            return P1 if (number(p) > 0 if op == ">" else number(p) == 0) else P0
        split = self.by_cases((p,), lambda case: self.indicator(op, case[0]))
        if split is not None:
            return split
        inner = under_root(p) if self.hard else None
        if inner is not None:
            return self.indicator(op, inner)
        whole = self._of_integers(op, self.together(p)) if _of_indices(p) else None
        if whole is not None:
            return whole
        if self.sign(p) == "positive":
            return P1 if op == ">" else P0
        minus = self.scale(p, -1)
        if self.sign(minus) == "positive" or (op == ">" and self.sign(minus)):
            return P0
        if op == "=":
            integers = self._as_delta(p)
            if integers is not None:
                return integers
        lead = self.unit(p)
        p = self.scale(p, 1 / abs(lead))
        if lead > 0:
            return self._bare_indicator(op, p)
        if op == "=":
            return self.indicator("=", self.scale(p, -1))
        if not self.hard:
            return atom(Iverson(op, p))
        flipped = self.scale(p, -1)
        return self.sub(P1, self.add(self.indicator(">", flipped), self.indicator("=", flipped)))

    def _of_integers(self, op: str, p: Poly) -> Poly | None:
        """What is certain of an integer; in the hard form also the one canonical comparison p > 0."""
        if is_number(p):
            return self.indicator(op, p)
        minus = self.scale(p, -1)
        if op == "=":
            return self._as_delta(p) or self.vanishes(p)
        rounded = _rounded(p, ceil)
        if self.surely(rounded, 1) or self.surely(minus, 0):
            return P1 if self.surely(rounded, 1) else P0
        if not self.hard:
            return atom(Iverson(">", rounded))
        if self.unit(self.sub(p, constant(dict(terms(p)).get(UNIT, Fraction(0))))) < 0:
            return self.sub(P1, self.indicator(">", self.sub(P1, rounded)))
        return atom(Iverson(">", rounded))

    def _integer_at_least(self, p: Poly) -> Poly:
        """1{p ≥ 0} for an integer p is 1{p + 1 > 0}, which is how the hard form writes it."""
        if is_number(p) or self.hard:
            return constant(int(number(p) >= 0)) if is_number(p) else self.indicator(">", self.add(_rounded(p, floor), P1))
        return P1 if self.surely(p, 0) else P0 if self.surely(self.scale(p, -1), 1) else atom(Iverson(">=", _rounded(p, floor)))

    def opposite(self, q: Poly) -> Poly:
        """1 − q for an indicator q; of a comparison of integers the other comparison, so that what it guards stays behind a guard."""
        only = [a for m, c in terms(q) for a, _ in factors(m)]
        if not self.hard and len(terms(q)) == 1 and len(only) == 1 and isinstance(only[0], Iverson) and q is atom(only[0]):
            op, p = only[0].args
            if op != "=" and _of_indices(p):
                return self.indicator(">" if op == ">=" else ">=", self.scale(p, -1))
        return self.sub(P1, q)

    def _at_least(self, p: Poly) -> Poly:
        """1{p ≥ 0} as one indicator, which is how a reader wants to see it."""
        if is_number(p):
            return P1 if number(p) >= 0 else P0
        if self.sign(p):
            return P1
        return P0 if self.sign(self.scale(p, -1)) == "positive" else atom(Iverson(">=", self.scale(p, 1 / abs(self.unit(p)))))

    def _bare_indicator(self, op: str, p: Poly) -> Poly:
        """1{c a > 0} = 1{c > 0} where a > 0: positive factors common to all terms play no part."""
        common, rest = self.content(p, positive_only=True)
        if common:
            return self.indicator(op, rest)
        if self.hard and len(terms(p)) == 1:
            return self._indicator_of_product(op, p)
        return atom(Iverson(op, p))

    def _indicator_of_product(self, op: str, p: Poly) -> Poly:
        """An indicator of one product: odd powers count once and even powers are ≥ 0."""
        ((m, _),) = terms(p)
        reduced = {a: Fraction(1 if e.numerator % 2 and e.denominator % 2 else 2) for a, e in factors(m)}
        if any(e.denominator != 1 for _, e in factors(m)) or any(is_indicator(a) for a in reduced):
            return atom(Iverson(op, p))
        if op == "=" or len(reduced) == 1:
            (first, *others) = sorted(reduced, key=lambda a: a.key)
            e = reduced[first]
            if op == ">" and e == 2:
                return self.sub(P1, self.indicator("=", atom(first)))
            if not others:
                return atom(Iverson(op, first if isinstance(first, Poly) else atom(first)))
        return atom(Iverson(op, self.product(reduced)))

    def _as_delta(self, p: Poly) -> Poly | None:
        """1{i − j = 0} for integers i and j is a Kronecker delta."""
        if len(terms(p)) > 2:
            return self._shifted_delta(p)
        sides: dict[Fraction, Expr] = {}
        for m, c in terms(p):
            powers = list(factors(m))
            if m is UNIT:
                sides[Fraction(-1 if c < 0 else 1)] = Num(abs(c))
            elif len(powers) == 1 and powers[0][1] == 1 and abs(c) == 1 and is_integer(powers[0][0]):
                sides[c] = powers[0][0]
        values = list(sides.values())
        if len(sides) != len(terms(p)) or not any(isinstance(v, (Index, At)) for v in values):
            return None
        if len(values) == 1:
            values.append(Num(Fraction(0)))
        elif len(sides) != 2:
            return None
        if all(isinstance(v, Num) for v in values) or any(isinstance(v, Num) and v.value.denominator != 1 for v in values):
            return None
        if isinstance(sides.get(Fraction(1)), Num) and isinstance(sides.get(Fraction(-1)), Num):
            return None
        return self.canonical(Delta(*sorted(values, key=lambda v: v.key)))


    def _shifted_delta(self, p: Poly) -> Poly | None:
        """1{y + 1 − c = 0} for one index c and labels y is δ(c, y + 1)."""
        alone = [(next(iter(factors(m))), m, c) for m, c in terms(p) if len(factors(m)) == 1]
        indices = [(a, m, c) for (a, e), m, c in alone if isinstance(a, Index) and e == 1 and abs(c) == 1]
        whole = all(c.denominator == 1 and all(is_integer(a) and e > 0 and e.denominator == 1 for a, e in factors(m)) for m, c in terms(p))
        if len(indices) != 1 or not whole:
            return None
        index, m, c = indices[0]
        rest = self.scale(self.sub(p, poly({m: c})), -c)
        if index in rest.free or not any(isinstance(a, At) for n, _ in terms(rest) for a, _ in factors(n)):
            return None
        return self.canonical(Delta(index, rest))


def _of_indices(p: Poly) -> bool:
    """Whether p is an integer in which an index occurs, so that something is known of its range."""
    return integral(p) and any(isinstance(a, (Index, Digit)) for m, _ in terms(p) for a, _ in factors(m))


def _rounded(p: Poly, nearest: Callable[[Fraction], int]) -> Poly:
    """For integers: c q + r > 0 says that q > −r/c, so that r/c may be rounded up (down for ≥); the coefficients of q have no common factor."""
    common = Fraction(gcd(*(int(c) for m, c in terms(p) if m is not UNIT)))
    return poly({m: Fraction(nearest(c / common)) if m is UNIT else c / common for m, c in terms(p)})


_ODD_OR_EVEN = {"sin": -1, "cos": 1, "erf": -1, "atan": -1}
