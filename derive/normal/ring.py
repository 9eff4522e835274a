"""Canonical polynomials: a sum is a set of (product, coefficient), a product a set of (atom, exponent).

Legend: p, q are polynomials (`Poly`); m, n products (`Mono`); a, b atoms; c a rational coefficient; e a rational exponent.

Atoms are entries, sizes, indices used as numbers, Kronecker deltas, indicators, functions of polynomials, closed sums, and whole
polynomials under an exponent that is not a positive integer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from derive.errors import NotYet
from derive.index import At, Delta, Expr, Index, Iverson, Mono, Num, Poly

__all__ = ["P0", "P1", "UNIT", "Ring", "atom", "constant", "depends", "factors", "is_indicator", "monomial", "poly", "terms", "times", "under_root"]

_MOST_PRODUCTS = 25_000
UNIT = Mono(frozenset())


def poly(sums: Mapping[Mono, Fraction]) -> Poly:
    """The polynomial with these coefficients."""
    return Poly(frozenset((m, c) for m, c in sums.items() if c))


P0 = poly({})
P1 = poly({UNIT: Fraction(1)})


def constant(c: Fraction | int) -> Poly:
    """The number c as a polynomial."""
    return poly({UNIT: Fraction(c)})


def monomial(powers: Mapping[Expr, Fraction]) -> Mono:
    """The product with these exponents, as it stands: nothing is simplified."""
    return Mono(frozenset((a, e) for a, e in powers.items() if e))


def atom(a: Expr) -> Poly:
    """The polynomial that is just this atom."""
    return Poly(frozenset([(monomial({a: Fraction(1)}), Fraction(1))]))


def terms(p: Poly) -> frozenset[tuple[Mono, Fraction]]:
    """The (product, coefficient) pairs of a polynomial."""
    return p.args[0]


def factors(m: Mono) -> frozenset[tuple[Expr, Fraction]]:
    """The (atom, exponent) pairs of a product."""
    return m.args[0]


def is_indicator(a: Expr) -> bool:
    """Whether the atom takes the values 0 and 1 alone, so that its powers are itself."""
    return isinstance(a, (Delta, Iverson)) or (isinstance(a, At) and a.kind == "bool")


def depends(node: Expr, part: Expr) -> bool:
    """Whether `part` (an index or an entry) occurs in the node, bound occurrences aside."""
    if node is part:
        return True
    if not part.free <= node.free:
        return False
    if isinstance(part, Index):
        return part in node.free
    return any(depends(kid, part) for kid in node.kids)


def times(live: Mapping[Expr, Fraction], m: Mono) -> dict[Expr, Fraction]:
    """The exponents of a product with one more monomial; an indicator is its own square."""
    out = dict(live)
    for a, e in factors(m):
        out[a] = Fraction(1) if is_indicator(a) else out.get(a, Fraction(0)) + e
    return {a: e for a, e in out.items() if e}


def under_root(p: Poly) -> Poly | None:
    """u for a positive multiple of √u, which is positive, or 0, where u is."""
    if len(terms(p)) != 1:
        return None
    ((m, c),) = terms(p)
    if c > 0 and len(factors(m)) == 1:
        ((u, e),) = factors(m)
        if e > 0 and e.denominator % 2 == 0:
            return u if isinstance(u, Poly) else atom(u)
    return None


class Ring:
    """Addition and multiplication of canonical polynomials; `product` is given by the layers above."""

    def __init__(self) -> None:
        self._products: dict[tuple[Poly, Poly], Poly] = {}
        self._skeletons: dict[Expr, str] = {}
        self._work = 0

    def product(self, powers: Mapping[Expr, Fraction]) -> Poly:
        """A product of powers of atoms, simplified."""
        raise NotImplementedError

    def add(self, *ps: Poly) -> Poly:
        """p + q + …"""
        if len(ps) == 1:
            return ps[0]
        out: dict[Mono, Fraction] = {}
        for p in ps:
            for m, c in terms(p):
                out[m] = out.get(m, Fraction(0)) + c
        return poly(out)

    def scale(self, p: Poly, c: Fraction | int) -> Poly:
        """c · p for a number c."""
        return p if c == 1 else poly({m: k * c for m, k in terms(p)})

    def sub(self, p: Poly, q: Poly) -> Poly:
        """p − q."""
        return self.add(p, self.scale(q, -1))

    def mul(self, p: Poly, q: Poly) -> Poly:
        """p · q, multiplied out."""
        if p is P1:
            return q
        if q is P1:
            return p
        found = self._products.get((p, q))
        if found is None:
            found = self._products[p, q] = self._multiplied(p, q)
        return found

    def _multiplied(self, p: Poly, q: Poly) -> Poly:
        self._work += len(terms(p)) * len(terms(q))
        if self._work > _MOST_PRODUCTS:
            raise NotYet("The normal form is too large to be multiplied out.", hint="Split the function into parts, and prove those.")
        out = []
        for m, c in terms(p):
            for n, k in terms(q):
                powers = dict(factors(m))
                for a, e in factors(n):
                    powers[a] = powers.get(a, Fraction(0)) + e
                out.append(self.scale(self.product(powers), c * k))
        return self.add(*out) if out else P0

    def prod(self, ps: Iterable[Poly]) -> Poly:
        """The product of several polynomials."""
        out = P1
        for p in ps:
            out = self.mul(out, p)
        return out

    # ---------------------------------------------------------------- an order that renaming an index cannot change

    def skeleton(self, part: object) -> str:
        """The structure of a node with the names of its indices erased."""
        if isinstance(part, Index):
            return "?" + part.size.key
        if isinstance(part, Expr):
            found = self._skeletons.get(part)
            if found is None:
                found = self._skeletons[part] = type(part).__name__ + self.skeleton(part.args)
            return found
        if isinstance(part, frozenset):
            return "{" + ",".join(sorted(map(self.skeleton, part))) + "}"
        if isinstance(part, tuple):
            return "(" + ",".join(map(self.skeleton, part)) + ")"
        return str(part)

    def rank(self, m: Mono) -> tuple[Fraction, str]:
        """The order of a product among others: by degree, then by structure."""
        return (sum((abs(e) for _, e in factors(m)), Fraction(0)), self.skeleton(m))

    def leading(self, p: Poly) -> Mono | None:
        """The product of highest rank, or None where two share it and nothing but names could tell them apart."""
        ranked = sorted(((self.rank(m), m) for m, _ in terms(p)), key=lambda pair: pair[0])
        return None if not ranked or (len(ranked) > 1 and ranked[-1][0] == ranked[-2][0]) else ranked[-1][1]

    def unit(self, p: Poly) -> Fraction:
        """The number to divide by for a canonical multiple: the leading coefficient, its size alone where the lead is tied."""
        lead = self.leading(p)
        if lead is not None:
            return dict(terms(p))[lead]
        top = max(self.rank(m) for m, _ in terms(p))
        return max(abs(c) for m, c in terms(p) if self.rank(m) == top)


def is_number(p: Poly) -> bool:
    """Whether the polynomial is a rational number."""
    return all(m is UNIT for m, _ in terms(p))


def number(p: Poly) -> Fraction:
    """The rational number that the polynomial is."""
    return sum((c for _, c in terms(p)), Fraction(0))


def literal(node: Expr) -> bool:
    """Whether an index expression is a literal integer."""
    return isinstance(node, Num)
