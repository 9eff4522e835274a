"""Runs handwritten code at concrete sizes with symbolic entries, and decides equality there, for all real inputs at these sizes.

Layers (imports point only upward): order, field, signs, simplify | linear | forms | image | decide, gradient, unroll | run | numbers |
arithmetic, chosen | entries | ufuncs | table | create | functions, linalg | standins | patch | ways.
"""

from derive.checking.exact import create, functions, linalg
from derive.checking.exact.decide import equal, equal_ties_aside
from derive.checking.exact.gradient import gradient_of
from derive.checking.exact.unroll import symbols, unrolled
from derive.checking.exact.ways import Way, ways

__all__ = ["Way", "equal", "equal_ties_aside", "gradient_of", "symbols", "unrolled", "ways"]

# The modules that fill the table.
_ROWS = (create, functions, linalg)
