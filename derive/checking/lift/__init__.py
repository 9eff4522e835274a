"""Lifts handwritten NumPy code to index expressions that hold for all sizes.

Layers (imports point only upward): sizes | session, registry | storage | arrays | elementwise | selection | access, reductions,
products, shapes, create | standins, loops, python, rewrite | patch | lifting.
"""

from derive.checking.lift import access, create, elementwise, joining, mapping, masking, matrices, products, reductions, scipy_rows, shapes
from derive.checking.lift.lifting import Lifted, LiftedArray, lift
from derive.checking.lift.registry import TABLE
from derive.checking.lift.session import CannotLift

__all__ = ["CannotLift", "Lifted", "LiftedArray", "TABLE", "lift"]

# The modules that fill the table.
_ROWS = (access, create, elementwise, joining, mapping, masking, matrices, products, reductions, scipy_rows, shapes)
