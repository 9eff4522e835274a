"""Terms and factors of expressions as written, and the one node that only programs have."""

from __future__ import annotations

from fractions import Fraction

from derive.index import Add, Expr, Mono, Mul, Num, Poly, add, mul, num, power, rebuild

__all__ = ["Tie", "coefficient_of", "factors_of", "plain", "terms_of"]


def plain(expr: Expr) -> Expr:
    """The expression with canonical sums and products written as ordinary ones."""
    memo: dict[Expr, Expr] = {}

    def change(node: Expr) -> Expr:
        if node not in memo:
            memo[node] = _plain(rebuild(node, change))
        return memo[node]

    return change(expr)


def _plain(node: Expr) -> Expr:
    if isinstance(node, Mono):
        return mul(*(power(atom, exponent) for atom, exponent in sorted(node.args[0], key=lambda pair: pair[0].key)))
    if isinstance(node, Poly):
        ordered = sorted(node.args[0], key=lambda pair: (pair[1] < 0, pair[0].key))
        return add(*(mul(num(coefficient), part) for part, coefficient in ordered))
    return node


def terms_of(expr: Expr) -> tuple[Expr, ...]:
    """The terms of a sum as written; the expression itself where it is none."""
    return expr.args[0] if isinstance(expr, Add) else (expr,)


def factors_of(expr: Expr) -> tuple[Expr, ...]:
    """The factors of a product as written."""
    return expr.args[0] if isinstance(expr, Mul) else (expr,)


def coefficient_of(expr: Expr) -> tuple[Fraction, Expr]:
    """The rational coefficient, and the rest."""
    numbers = [factor.value for factor in factors_of(expr) if isinstance(factor, Num)]
    rest = [factor for factor in factors_of(expr) if not isinstance(factor, Num)]
    product = Fraction(1)
    for value in numbers:
        product *= value
    return product, mul(*rest)


class Tie(Expr):
    """1 where two values, computed in the same way, are equal: Tie(u_j, max u); for programs only."""

    __slots__ = ()
