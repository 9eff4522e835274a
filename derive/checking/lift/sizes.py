"""Arithmetic of integer expressions (sizes and index shifts): a polynomial normal form, and what it decides for all sizes ≥ 1.

Legend: m, k are sizes (integers ≥ 1), i an index (0 ≤ i < its size), p a polynomial as {monomial: coefficient}.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from derive.index import ZERO, Add, Digit, Expr, Index, Mul, Num, Pow, Size, add, mul, neg, num

__all__ = ["Monomial", "Polynomial", "at_least", "expression", "integer", "is_size", "nonnegative", "polynomial", "same", "shape_text", "signs"]

Monomial = tuple[Expr, ...]
Polynomial = dict[Monomial, Fraction]


def _combine(parts: Iterable[tuple[Monomial, Fraction]]) -> Polynomial:
    result: Polynomial = {}
    for monomial, coefficient in parts:
        result[monomial] = result.get(monomial, Fraction(0)) + coefficient
    return {monomial: coefficient for monomial, coefficient in result.items() if coefficient}


def _times(p: Polynomial, q: Polynomial) -> Polynomial:
    return _combine((tuple(sorted(a + b, key=lambda e: e.key)), x * y) for a, x in p.items() for b, y in q.items())


def polynomial(u: Expr) -> Polynomial:
    """The polynomial of an integer expression; what is no sum, product or power counts as an atom."""
    if isinstance(u, Num):
        return {(): u.value} if u.value else {}
    if isinstance(u, Add):
        return _combine(pair for term in u.args[0] for pair in polynomial(term).items())
    if isinstance(u, Mul):
        result: Polynomial = {(): Fraction(1)}
        for factor in u.args[0]:
            result = _times(result, polynomial(factor))
        return result
    if isinstance(u, Pow) and u.args[1].denominator == 1 and u.args[1] > 0:
        result = {(): Fraction(1)}
        for _ in range(int(u.args[1])):
            result = _times(result, polynomial(u.args[0]))
        return result
    return {(u,): Fraction(1)}


def expression(p: Polynomial) -> Expr:
    """The expression of a polynomial, in one spelling."""
    def order(monomial: Monomial) -> tuple[int, list[str]]:
        return (-len(monomial), [atom.key for atom in monomial])

    return add(*(mul(num(p[monomial]), *monomial) for monomial in sorted(p, key=order)))


def integer(u: Expr) -> Expr:
    """One spelling for each integer expression: 1 + m − 1 becomes m."""
    return expression(polynomial(u))


def same(u: Expr, v: Expr) -> bool:
    """Whether two integer expressions are equal for all sizes."""
    return u is v or integer(u) is integer(v)


def is_size(u: Expr) -> bool:
    """Whether the expression is made of sizes and whole numbers alone."""
    p = polynomial(u)
    return all(q.denominator == 1 for q in p.values()) and all(isinstance(atom, Size) for monomial in p for atom in monomial)


def _lowest(p: Polynomial) -> Polynomial | None:
    """A lower bound free of indices, where each index occurs linearly: 0 where it helps, its size − 1 where it hurts.

    An index may stand beside sizes, as in a·n with n a size; a digit of a joined index is bounded by its radix.
    """
    result: list[tuple[Monomial, Fraction]] = []
    for monomial, coefficient in p.items():
        indices = [atom for atom in monomial if isinstance(atom, (Index, Digit))]
        if not indices:
            result.append((monomial, coefficient))
        elif len(indices) > 1 or not all(isinstance(atom, (Index, Digit, Size)) for atom in monomial):
            return None
        elif coefficient < 0:
            index = indices[0]
            size = index.size if isinstance(index, Index) else index.args[1][index.args[2]]
            rest = {tuple(atom for atom in monomial if atom is not index): coefficient}
            result.extend(_times(rest, polynomial(add(size, num(-1)))).items())
    return _combine(result)


def at_least(u: Expr, v: Expr) -> bool:
    """Whether u ≥ v is certain for all sizes ≥ 1 and all values of the indices."""
    return nonnegative(add(u, neg(v)))


def nonnegative(u: Expr) -> bool:
    """Whether u ≥ 0 is certain: with every size written 1 + t, t ≥ 0, no coefficient is negative."""
    p = _lowest(polynomial(u))
    if p is None or any(not isinstance(atom, Size) for monomial in p for atom in monomial):
        return False
    shifted: Polynomial = {}
    for monomial, coefficient in p.items():
        term: Polynomial = {(): coefficient}
        for atom in monomial:
            term = _times(term, {(): Fraction(1), (atom,): Fraction(1)})
        shifted = _combine([*shifted.items(), *term.items()])
    return all(coefficient >= 0 for coefficient in shifted.values())


def signs(u: Expr) -> set[int]:
    """The signs that the difference of two sizes can have, as far as can be told: a subset of {−1, 0, 1}."""
    if integer(u) is ZERO:
        return {0}
    possible = {-1, 0, 1}
    if nonnegative(u):
        possible -= {-1}
    if nonnegative(neg(u)):
        possible -= {1}
    if nonnegative(add(u, num(-1))) or nonnegative(add(neg(u), num(-1))):
        possible -= {0}
    return possible


def shape_text(sizes: Sequence[Expr]) -> str:
    """A shape, to read: (m, k)."""
    return f"({', '.join(_size_text(integer(size)) for size in sizes)}{',' if len(sizes) == 1 else ''})"


def _size_text(size: Expr) -> str:
    if isinstance(size, Num):
        return str(size.value)
    parts = [_size_text(part) for part in size.args[0]] if isinstance(size.args[0], tuple) else []
    return str(size.args[0]) if not parts else (" + " if type(size).__name__ == "Add" else "·").join(parts)
