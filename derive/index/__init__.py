"""Index expressions: a scalar that depends on indices.  An array is such an expression with its free indices listed.

Legend: m, d, k are sizes; i, j, c indices; u, v expressions; q an exact rational number.

Nodes are immutable and interned: two nodes with the same parts are the same object, so equality is identity.  `Add`, `Mul` and `Pow`
keep what the user wrote, in the user's order; `Poly` and `Mono` are the canonical sums and products of the normal form.  The bound
indices of `Sum` and `Extremum` are not canonical here; `substitute` renames them wherever a name could be captured.
"""

from derive.index.build import ONE, ZERO, add, delta, digit, div, fresh, mul, neg, num, power, product, sub
from derive.index.nodes import (
    Add,
    At,
    Binder,
    Const,
    Delta,
    Digit,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    MatrixFn,
    Mono,
    Mul,
    Num,
    Partial,
    Poly,
    Pow,
    Size,
    Stop,
    Sum,
    Where,
)
from derive.index.scope import array_names, expand, rebuild, size_names, substitute, walk

__all__ = [
    "Add", "At", "Binder", "Const", "Delta", "Digit", "Expr", "Extremum", "Fn", "Index", "Iverson", "MatrixFn", "Mono", "Mul", "Num",
    "ONE", "Partial", "Poly", "Pow", "Size", "Stop", "Sum", "Where", "ZERO", "add", "array_names", "delta", "digit", "div", "expand",
    "fresh", "mul", "neg", "num", "power", "product", "rebuild", "size_names", "sub", "substitute", "walk",
]
