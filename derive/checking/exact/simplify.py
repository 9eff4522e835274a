"""Sums, products and comparisons of expressions, with numbers worked out as they meet."""

from __future__ import annotations

from fractions import Fraction

from derive.index import ONE, ZERO, Add, Expr, Iverson, Mul, Num, add, mul, num, power

__all__ = ["above", "minus", "plus", "times", "to_power"]


def plus(*terms: Expr) -> Expr:
    """u + v + …"""
    total, rest = Fraction(0), []
    for term in terms:
        for part in term.args[0] if isinstance(term, Add) else (term,):
            if isinstance(part, Num):
                total += part.value
            else:
                rest.append(part)
    return add(*rest, num(total))


def times(*factors: Expr) -> Expr:
    """u · v · …"""
    value, rest = Fraction(1), []
    for factor in factors:
        for part in factor.args[0] if isinstance(factor, Mul) else (factor,):
            if isinstance(part, Num):
                value *= part.value
            else:
                rest.append(part)
    return ZERO if not value else mul(num(value), *rest)


def _split(u: Expr) -> tuple[Fraction, Expr]:
    """The number in front, and the rest."""
    if isinstance(u, Num):
        return u.value, ONE
    if isinstance(u, Mul) and isinstance(u.args[0][0], Num):
        return u.args[0][0].value, mul(*u.args[0][1:])
    return Fraction(1), u


def minus(u: Expr, v: Expr) -> Expr:
    """u − v, without what occurs on both sides."""
    if u is v:
        return ZERO
    return plus(u, *(times(num(-1), part) for part in (v.args[0] if isinstance(v, Add) else (v,))))


def to_power(u: Expr, e: Fraction) -> Expr:
    """u to the power e."""
    if e == 0:
        return ONE
    if u is ONE:
        return u
    return power(u, e)


def above(op: str, u: Expr) -> Expr:
    """The comparison u op 0, decided where like terms leave a number."""
    counted: dict[Expr, Fraction] = {}
    for term in u.args[0] if isinstance(u, Add) else (u,):
        c, rest = _split(term)
        counted[rest] = counted.get(rest, Fraction(0)) + c
    left = {rest: c for rest, c in counted.items() if c}
    if not left.keys() - {ONE}:
        value = left.get(ONE, Fraction(0))
        return num(int({">": value > 0, ">=": value >= 0, "=": value == 0}[op]))
    return Iverson(op, plus(*(times(num(c), rest) for rest, c in left.items())))
