"""The sign of an expression, as far as it can be seen from its form and from what is known of names."""

from __future__ import annotations

from fractions import Fraction

from derive.index import At, Const, Delta, Digit, Expr, Extremum, Fn, Index, Iverson, Mono, Mul, Num, Poly, Size, Sum
from derive.normal.ring import Ring, factors, terms
from derive.rules.functions import FUNCTIONS

__all__ = ["MINUS_INFINITY", "Signs"]

MINUS_INFINITY = Const("-inf")


class Signs(Ring):
    """What is certainly positive or not negative."""

    def __init__(self) -> None:
        super().__init__()
        self.positive: set[Expr] = set()
        self.positive_names: set[str] = set()
        self.nonnegative_names: set[str] = set()
        self.zero_one_names: set[str] = set()
        self.plus_minus_names: set[str] = set()

    def sign(self, node: Expr) -> str:
        """'positive', 'nonnegative' or '' for an atom, a product or a polynomial, as far as it can be seen."""
        if node in self.positive:
            return "positive"
        if isinstance(node, Poly):
            return self._sign_of_sum(node)
        if isinstance(node, Mono):
            return self._weakest(self._sign_of_power(a, e) for a, e in factors(node))
        if isinstance(node, (Size, Const)):
            return "positive" if node is not MINUS_INFINITY else ""
        if isinstance(node, At):
            return "positive" if node.name in self.positive_names else "nonnegative" if self._not_below_zero(node) else ""
        if isinstance(node, Fn):
            return FUNCTIONS[node.args[0]].sign
        if isinstance(node, (Sum, Extremum)):
            inner = self.sign(node.body)
            return inner if isinstance(node, Extremum) or all(_at_least_one(b.size) for b in node.bound) else inner and "nonnegative"
        return "nonnegative" if isinstance(node, (Index, Digit, Delta, Iverson)) else ""

    def _not_below_zero(self, entry: At) -> bool:
        return entry.kind == "bool" or entry.name in self.nonnegative_names

    def _sign_of_power(self, a: Expr, e: Fraction) -> str:
        own = self.sign(a)
        if own == "positive" or e.denominator % 2 == 0:
            return "positive" if own == "positive" else "nonnegative"
        return "nonnegative" if own or (e.denominator == 1 and e.numerator % 2 == 0) else ""

    @staticmethod
    def _weakest(signs: object) -> str:
        found = list(signs)  # type: ignore[call-overload]
        return "" if "" in found else "nonnegative" if "nonnegative" in found else "positive"

    def _sign_of_sum(self, p: Poly) -> str:
        signs = [self.sign(m) if c > 0 else "" for m, c in terms(p)]
        if not signs or "" in signs:
            return "nonnegative" if not signs else ""
        return "positive" if "positive" in signs else "nonnegative"


def _at_least_one(size: Expr) -> bool:
    """Whether a range is certainly not empty: a sum over n − 1 terms may be."""
    if isinstance(size, Mul):
        return all(map(_at_least_one, size.args[0]))
    return isinstance(size, Size) or (isinstance(size, Num) and size.value >= 1)
