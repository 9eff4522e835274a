"""The tables: how to read a primitive, how to differentiate, how to simplify.  Every rule is a row with a name and a sample."""

from derive.rules import logic, ordering, picking, reducing, storing, structure, windows
from derive.rules.functions import FUNCTIONS
from derive.rules.primitives import PRIMITIVES, WRAPPERS

__all__ = ["FUNCTIONS", "PRIMITIVES", "WRAPPERS", "logic", "ordering", "picking", "reducing", "storing", "structure", "windows"]
