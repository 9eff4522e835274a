"""Lifts handwritten NumPy code to index expressions that hold for all sizes.

Layers (imports point only upward): sizes | session, registry | digits | storage, infinite | choices, arrays | masked, listed, filling | elementwise,
comparing | selection | masking, access, reductions, products, shapes, joining, create | diagonals, matrices, linear | standins, loops | mapping,
python | comprehensions, bytecode, rewrite, objects | rebuild | patch | pieces | outputs | lifting.
"""

from derive.checking.lift import (
    access,
    comparing,
    create,
    diagonals,
    elementwise,
    joining,
    linear,
    mapping,
    masking,
    matrices,
    products,
    reductions,
    scipy_rows,
    shapes,
)
from derive.checking.lift.lifting import Lifted, LiftedArray, lift
from derive.checking.lift.registry import TABLE
from derive.checking.lift.session import CannotLift

__all__ = ["CannotLift", "Lifted", "LiftedArray", "TABLE", "lift"]

# The modules that fill the table.
_ROWS = (access, comparing, create, diagonals, elementwise, joining, linear, mapping, masking, matrices, products, reductions, scipy_rows, shapes)
