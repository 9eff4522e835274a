"""Exact arithmetic modulo a large random prime, with square roots and 0/1 conditions kept as symbols.

A value stands for a rational function at one random point: two functions that differ take the same value there with a chance below
(their degree) / p, which the prime of more than 600 bits makes smaller than 2⁻¹⁰⁰ for every expression that is admitted (see `decide`).

Legend: p the prime; a value is {product of symbols: coefficient modulo p}; a symbol is ('>', n) or ('=', n), the condition number n, of
square itself, or ('root', n, e), the n-th base to the power e with 0 < e < 1.
"""

from __future__ import annotations

import functools
import random
from fractions import Fraction
from typing import Any

import sympy

__all__ = ["Beyond", "Field", "UNIT", "Value", "prime"]

_BITS = 608
_MOST_TERMS, _MOST_WORK, _MOST_CONDITIONS = 3000, 3_000_000, 8
Symbol = tuple[Any, ...]
Product = frozenset[Symbol]
Value = dict[Product, int]
UNIT: Product = frozenset()


class Beyond(Exception):
    """More work than is worth it, or something that is not decided here."""


@functools.cache
def prime() -> int:
    """The prime, drawn once in a run."""
    return int(sympy.nextprime(random.SystemRandom().randrange(2**_BITS, 2 ** (_BITS + 1))))


class Field:
    """Sums, products and inverses of values."""

    def __init__(self) -> None:
        self.p = prime()
        self.bases: list[Value] = []
        self.work = 0
        self._meetings: dict[tuple[Product, Product], Value] = {}

    def number(self, q: Fraction | int) -> Value:
        """The rational number q."""
        q = Fraction(q)
        value = q.numerator * pow(q.denominator, -1, self.p) % self.p
        return {UNIT: value} if value else {}

    def add(self, *values: Value) -> Value:
        """u + v + …"""
        out: Value = {}
        for value in values:
            self.work += len(value)
            for product, x in value.items():
                out[product] = out.get(product, 0) + x
        return {product: x % self.p for product, x in out.items() if x % self.p}

    def scale(self, u: Value, x: int) -> Value:
        """x u for an integer x."""
        return {product: y * x % self.p for product, y in u.items()} if x % self.p else {}

    def sub(self, u: Value, v: Value) -> Value:
        """u − v."""
        return self.add(u, self.scale(v, -1))

    def other(self, u: Value) -> Value:
        """1 − u."""
        return self.sub({UNIT: 1}, u)

    def mul(self, u: Value, v: Value) -> Value:
        """u v.

        Raises:
            Beyond: too large.
        """
        self.work += len(u) * len(v)
        if self.work > _MOST_WORK or len(u) * len(v) > 20 * _MOST_TERMS:
            raise Beyond
        out: Value = {}
        for s, x in u.items():
            for t, y in v.items():
                if not s or not t:
                    out[s or t] = out.get(s or t, 0) + x * y
                    continue
                for product, z in self._meet(s, t).items():
                    out[product] = out.get(product, 0) + x * y * z
        out = {product: x % self.p for product, x in out.items() if x % self.p}
        if len(out) > _MOST_TERMS:
            raise Beyond
        return out

    def _meet(self, s: Product, t: Product) -> Value:
        """The product of two products of symbols."""
        key = (s, t)
        if key not in self._meetings:
            self._meetings[key] = self._met(s, t)
        return self._meetings[key]

    def _met(self, s: Product, t: Product) -> Value:
        roots: dict[int, Fraction] = {}
        conditions = set()
        for symbol in (*s, *t):
            if symbol[0] == "root":
                roots[symbol[1]] = roots.get(symbol[1], Fraction(0)) + symbol[2]
            else:
                conditions.add(symbol)
        if len({n for _, n in conditions}) < len(conditions):
            return {}
        left = {("root", n, e - int(e)) for n, e in roots.items() if e.denominator > 1}
        out: Value = {frozenset(conditions | left): 1}
        for n, e in roots.items():
            if e >= 1:
                out = self.mul(out, self.bases[n])
        return out

    def power(self, u: Value, n: int) -> Value:
        """u to the integer power n."""
        if n < 0:
            return self.power(self.inverse(u), -n)
        if u.keys() <= {UNIT}:
            return {UNIT: pow(u[UNIT], n, self.p)} if u else ({} if n else {UNIT: 1})
        if n > 64:
            raise Beyond
        out: Value = {UNIT: 1}
        for _ in range(n):
            out = self.mul(out, u)
        return out

    def root(self, n: int, e: Fraction) -> Value:
        """The n-th base to a fractional power."""
        whole = e.numerator // e.denominator
        return self.mul({frozenset([("root", n, e - whole)]): 1}, self.power(self.bases[n], whole))

    def restricted(self, u: Value, symbol: Symbol, holds: bool) -> Value:
        """u where a condition holds, or does not."""
        out: Value = {}
        rival = ("=" if symbol[0] == ">" else ">", symbol[1])
        for product, x in u.items():
            if symbol in product and holds:
                out[product - {symbol}] = out.get(product - {symbol}, 0) + x
            elif symbol not in product and not (holds and rival in product):
                out[product] = out.get(product, 0) + x
        return {product: x % self.p for product, x in out.items() if x % self.p}

    def conditions(self, u: Value) -> list[Symbol]:
        """The conditions that occur, the most frequent first."""
        count: dict[Symbol, int] = {}
        for product in u:
            for symbol in product:
                if symbol[0] != "root":
                    count[symbol] = count.get(symbol, 0) + 1
        return sorted(count, key=lambda symbol: (-count[symbol], symbol))

    def inverse(self, u: Value) -> Value:
        """1 / u; where conditions make u zero there is no value, and 0 stands for it.

        Raises:
            ZeroDivisionError: u is 0.
            Beyond: too many conditions, or roots that are not square roots.
        """
        if not u:
            raise ZeroDivisionError
        found = self.conditions(u)
        if len(found) > _MOST_CONDITIONS:
            raise Beyond
        if found:
            symbol: Value = {frozenset([found[0]]): 1}
            holds, fails = (self._inverse_or_zero(self.restricted(u, found[0], case)) for case in (True, False))
            return self.add(self.mul(symbol, holds), self.mul(self.other(symbol), fails))
        if len(u) == 1:
            ((product, x),) = u.items()
            out: Value = {UNIT: pow(x, -1, self.p)}
            for _, n, e in product:
                out = self.mul(out, self.root(n, -e))
            return out
        return self._by_conjugate(u)

    def _inverse_or_zero(self, u: Value) -> Value:
        return self.inverse(u) if u else {}

    def _by_conjugate(self, u: Value) -> Value:
        """1/(a + b√c) = (a − b√c)/(a² − b²c)."""
        symbol = min(symbol for product in u for symbol in product)
        if any(one[1] == symbol[1] and one[2] != Fraction(1, 2) for product in u for one in product):
            raise Beyond
        conjugate = {product: -x % self.p if symbol in product else x for product, x in u.items()}
        return self.mul(conjugate, self.inverse(self.mul(u, conjugate)))
