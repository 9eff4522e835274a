"""The normal form: canonical sums of products, in which equal expressions look the same."""

from derive.normal.algebra import Algebra
from derive.normal.ring import P0, P1, UNIT, constant, factors, terms

__all__ = ["P0", "P1", "UNIT", "Algebra", "constant", "factors", "terms"]
