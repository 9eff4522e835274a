"""Axes that are joined and split: one index of a joined axis and its digits in the mixed radix of the axes that were joined.

Legend: r are the radices (sizes), n = d₀·r₁·r₂… + d₁·r₂… + … an index with the digits d; a size is held as (number, its other factors).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from derive.checking.lift.session import new_index
from derive.checking.lift.sizes import Monomial, Polynomial, at_least, expression, integer, nonnegative, polynomial, same
from derive.index import ONE, Digit, Expr, Index, Num, add, mul, num, substitute, walk

__all__ = ["apart", "combine", "digit", "divided", "product_of", "refined"]


def product_of(sizes: Sequence[Expr]) -> Expr:
    """The product of sizes."""
    return integer(mul(*sizes))


def divided(u: Expr, v: Expr) -> Expr | None:
    """u / v for two sizes, where it is a polynomial with whole coefficients: v must be a single product."""
    over = list(polynomial(v).items())
    if len(over) != 1:
        return ONE if same(u, v) else None
    (monomial, factor), result = over[0], {}
    for part, number in polynomial(u).items():
        rest = _without(part, monomial)
        if rest is None or (number / factor).denominator != 1:
            return None
        result[rest] = number / factor
    return expression(result)


def _without(part: Monomial, monomial: Monomial) -> Monomial | None:
    left = Counter(part)
    left.subtract(Counter(monomial))
    if any(count < 0 for count in left.values()):
        return None
    return tuple(sorted(left.elements(), key=lambda atom: atom.key))


def refined(source: Sequence[Expr], target: Sequence[Expr]) -> list[tuple[Expr, int, int]] | None:
    """The finest radices that both shapes are made of, each with its axis in either; None where there are none."""
    result: list[tuple[Expr, int, int]] = []
    left, right = list(source), list(target)
    i = j = 0
    while i < len(left) and j < len(right):
        for radix, others in ((left[i], right[j]), (right[j], left[i])):
            if divided(others, radix) is not None:
                break
        else:
            return None
        result.append((radix, i, j))
        u, v = divided(left[i], radix), divided(right[j], radix)
        assert u is not None and v is not None
        left[i], right[j] = u, v
        i, j = i + (u is ONE), j + (v is ONE)
    return result if i == len(left) and j == len(right) else None


def _strides(radices: Sequence[Expr]) -> list[Expr]:
    return [product_of(radices[place + 1 :]) for place in range(len(radices))]


def _digits(u: Expr, radices: Sequence[Expr]) -> list[Expr] | None:
    """The digits of an expression that is visibly a combination of them."""
    rest: Polynomial = dict(polynomial(u))
    result = []
    for stride, radix in zip(_strides(radices), radices):
        ((monomial, factor),) = polynomial(stride).items() if len(polynomial(stride)) == 1 else ((None, Fraction(1)),)
        taken: Polynomial = {}
        for part in list(rest):
            left = None if monomial is None else _without(part, monomial)
            if left is not None and (rest[part] / factor).denominator == 1:
                taken[left] = rest.pop(part) / factor
        found = expression(taken)
        if not (nonnegative(found) and at_least(radix, add(found, ONE))):
            return None
        result.append(found)
    return None if rest else result


def digit(u: Expr, radices: Sequence[Expr], place: int) -> Expr:
    """The digit of u at that place."""
    u = integer(u)
    if len(radices) == 1:
        return u
    if isinstance(u, Num) and all(isinstance(radix, Num) for radix in radices):
        strides = [stride.value for stride in _strides(radices) if isinstance(stride, Num)]
        radix = radices[place]
        assert isinstance(radix, Num)
        return num(u.value // strides[place] % radix.value)
    found = _digits(u, radices)
    return Digit(u, tuple(radices), place) if found is None else found[place]


def combine(digits: Sequence[Expr], radices: Sequence[Expr]) -> Expr:
    """The index with these digits."""
    first = digits[0]
    if isinstance(first, Digit) and first.args[1] == tuple(radices) and all(
        one is Digit(first.args[0], first.args[1], place) for place, one in enumerate(digits)
    ):  # fmt: skip
        whole: Expr = first.args[0]
        return whole
    return integer(add(*(mul(one, stride) for one, stride in zip(digits, _strides(radices)))))


def apart(bound: tuple[Index, ...], body: Expr) -> tuple[tuple[Index, ...], Expr]:
    """The same sum or extremum with each joined index replaced by its digits, where they are used."""
    uses = {index: {part.args[1] for part in walk(body) if isinstance(part, Digit) and part.args[0] is index} for index in bound}
    for index, radices in uses.items():
        fitting = [sizes for sizes in radices if same(product_of(sizes), index.size)]
        if not fitting:
            continue
        sizes = min(fitting, key=str)
        fresh = tuple(new_index(size) for size in sizes)
        whole = combine(fresh, sizes)
        freed = substitute(body, {index: whole} | {Digit(index, sizes, place): one for place, one in enumerate(fresh)})
        return apart(tuple(other for other in bound if other is not index) + fresh, freed)
    return bound, body
