"""np.linalg as functions of whole matrices."""

from __future__ import annotations

from typing import Any, NoReturn

from derive.checking.lift.arrays import Operand, make, operand
from derive.checking.lift.registry import call, row
from derive.checking.lift.session import refuse
from derive.index import Expr, Index, MatrixFn, Num, fresh

__all__: list[str] = []


class _Sign(Operand):
    """The sign of a determinant, which has no formula."""

    sizes = ()
    kind = "float"

    def entry(self, at: Any) -> NoReturn:
        """It is refused as soon as it is used."""
        refuse("the sign of a determinant has no formula")


def _square(value: Any) -> tuple[Any, tuple[Index, Index]]:
    a = operand(value)
    if a.ndim != 2 or a.sizes[0] is not a.sizes[1] or isinstance(a.sizes[0], Num):
        refuse("linalg of anything but one square matrix of symbolic size is not covered")
    i, j = (fresh(Index(letter, a.sizes[0], 0)) for letter in "ij")
    return a, (i, j)


@row("linalg.inv")
def _inverse(value: Any) -> Any:
    a, bound = _square(value)
    body: Expr = a.entry(bound)
    return make(a.sizes, "float", lambda at: MatrixFn("inverse", tuple(at), bound, body))


@row("linalg.solve")
def _solution(value: Any, b: Any) -> Any:
    if operand(b).ndim > 2:
        refuse("linalg.solve of a stack of matrices is not covered")
    return call("matmul", _inverse(value), b)


@row("linalg.slogdet")
def _log_determinant(value: Any) -> Any:
    a, bound = _square(value)
    return _Sign(), make((), "float", lambda at: MatrixFn("logdet", (), bound, a.entry(bound)))
