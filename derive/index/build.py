"""Sums, products, powers and deltas, built without what would only clutter them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from derive.index.nodes import Add, Delta, Digit, Expr, Index, Mul, Num, Pow

__all__ = ["ONE", "ZERO", "add", "delta", "digit", "div", "fresh", "mul", "neg", "num", "power", "product", "sub"]

_serial = itertools.count(1)

def num(q: Any) -> Num:
    """The exact number q."""
    return Num(Fraction(q))


ZERO, ONE = num(0), num(1)


def add(*terms: Expr) -> Expr:
    """u + v + …, without zeros and without nesting."""
    flat = [part for term in terms for part in (term.args[0] if isinstance(term, Add) else (term,)) if part is not ZERO]
    return ZERO if not flat else flat[0] if len(flat) == 1 else Add(tuple(flat))


def mul(*factors: Expr) -> Expr:
    """u · v · …, without ones and without nesting; 0 · u is 0."""
    return ZERO if any(factor is ZERO for factor in factors) else product(factors)


def product(factors: Iterable[Expr]) -> Expr:
    """A product that keeps a zero factor: 0 · log u is still undefined where u ≤ 0."""
    flat = [part for factor in factors for part in (factor.args[0] if isinstance(factor, Mul) else (factor,)) if part is not ONE]
    return ONE if not flat else flat[0] if len(flat) == 1 else Mul(tuple(flat))


def power(base: Expr, exponent: Any) -> Expr:
    """base ** exponent for a rational exponent."""
    exponent = Fraction(exponent)
    if exponent == 1:
        return base
    if isinstance(base, Num) and exponent.denominator == 1 and (base is not ZERO or exponent > 0):
        return num(base.value ** int(exponent))
    if isinstance(base, Pow) and exponent == -1:
        return power(base.args[0], -base.args[1])
    return Pow(base, exponent)


def neg(u: Expr) -> Expr:
    """−u."""
    if isinstance(u, Num):
        return num(-u.value)
    if isinstance(u, Mul) and isinstance(u.args[0][0], Num):
        return mul(num(-u.args[0][0].value), *u.args[0][1:])
    return mul(num(-1), u)


def sub(u: Expr, v: Expr) -> Expr:
    """u − v."""
    return add(u, neg(v))


def div(u: Expr, v: Expr) -> Expr:
    """u / v."""
    return mul(u, power(v, -1))


def delta(i: Expr, j: Expr) -> Expr:
    """1 where the integers i and j are equal, else 0."""
    if i is j:
        return ONE
    if isinstance(i, Num) and isinstance(j, Num):
        return ZERO
    return Delta(*sorted((i, j), key=lambda node: node.key))


def digit(i: Expr, sizes: tuple[Expr, ...], k: int) -> Expr:
    """The k-th digit of the integer i in the mixed radix `sizes`: i // (product of the later sizes), modulo sizes[k]."""
    left = tuple(n for n in sizes if n is not ONE)
    if sizes[k] is ONE or i is ZERO:
        return ZERO
    if isinstance(i, Num) and all(isinstance(n, Num) for n in sizes):
        return num((i.value // math.prod(n.args[0] for n in sizes[k + 1:])) % sizes[k].args[0])
    return Digit(i, left, sum(n is not ONE for n in sizes[:k]))


def fresh(index: Index, name: str | None = None) -> Index:
    """A new index of the same size that occurs nowhere else."""
    return Index(name or index.name, index.size, next(_serial))
