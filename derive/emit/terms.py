"""Terms and factors of expressions as written, and the one node that only programs have."""

from __future__ import annotations

from fractions import Fraction

from derive.index import ONE, Add, Expr, Mono, Mul, Num, Poly, Pow, Sum, add, mul, num, power, rebuild

__all__ = ["Joined", "Spread", "Tie", "common_of", "tidy", "coefficient_of", "factors_of", "flat_factors", "plain", "terms_of"]


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


def flat_factors(term: Expr) -> list[Expr]:
    """The factors, those of a denominator that is a product one by one."""
    out: list[Expr] = []
    for factor in factors_of(term):
        below = isinstance(factor, Pow) and factor.args[1].denominator == 1 and isinstance(factor.args[0], Mul)
        out += [power(part, factor.args[1]) for part in factor.args[0].args[0]] if below else [factor]
    return out


def coefficient_of(expr: Expr) -> tuple[Fraction, Expr]:
    """The rational coefficient, and the rest."""
    numbers = [factor.value for factor in factors_of(expr) if isinstance(factor, Num)]
    rest = [factor for factor in factors_of(expr) if not isinstance(factor, Num)]
    product = Fraction(1)
    for value in numbers:
        product *= value
    return product, mul(*rest)


def tidy(body: Expr) -> Expr:
    """Common scalar factors taken out of a sum: (u − v) / m."""
    common, rest = common_of(body)
    return body if not isinstance(rest, Add) or rest is body else mul(rest, *common)


def common_of(body: Expr) -> tuple[list[Expr], Expr]:
    """Factors without indices that every term has, and what is left."""
    outer = [factor for factor in factors_of(body) if not isinstance(factor, Add)]
    sums = [factor for factor in factors_of(body) if isinstance(factor, Add)]
    if outer and len(sums) == 1 and all(not factor.free for factor in outer):
        inside, rest = common_of(sums[0])
        return outer + inside, rest
    terms = terms_of(body)
    shared = [factor for factor in dict.fromkeys(factors_of(terms[0])) if not factor.free and not isinstance(factor, (Num, Sum))]
    shared = [factor for factor in shared if all(factor in factors_of(term) for term in terms)]
    sizes = {abs(coefficient_of(term)[0]) for term in terms}
    scale = num(sizes.pop()) if len(sizes) == 1 else ONE
    if len(terms) < 2 or not shared:
        return [], body
    return [scale, *shared] if scale is not ONE else shared, add(*(_without(term, shared, scale) for term in terms))


def _without(term: Expr, shared: list[Expr], scale: Num) -> Expr:
    rest = list(factors_of(term))
    for factor in shared:
        rest.remove(factor)
    coefficient, others = coefficient_of(mul(*rest))
    return mul(num(coefficient / scale.value), others)


class Tie(Expr):
    """1 where two values, computed in the same way, are equal: Tie(u_j, max u); for programs only."""

    __slots__ = ()


class Spread(Expr):
    """An array with zeros around and between its entries: Spread(entry, ((before, step, behind), …)); for programs only."""

    __slots__ = ()


class Joined(Expr):
    """Arrays one after the other along an axis: Joined(index, (u, v, …), (their own indices, …)); for programs only.

    Where there are no own indices, the arrays lack that axis and are stacked along it.
    """

    __slots__ = ()
