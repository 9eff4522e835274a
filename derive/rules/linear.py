"""Linear algebra is read as functions of whole matrices, never as the steps of an elimination.

Legend: A is a square matrix, r and c a row and a column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp

from derive.errors import NotYet
from derive.index import Expr, Index, MatrixFn, Sum, fresh, mul
from derive.rules.reading import Wrapper
from derive.rules.value import Value, is_one

__all__ = ["MATRIX_WRAPPERS", "MatrixWrapper"]


@dataclass(frozen=True)
class MatrixWrapper(Wrapper):
    """A function of jnp.linalg that is kept whole, of one square matrix first."""

    def fits(self, inputs: list[Value]) -> bool:
        """Whether the first argument is one square matrix of more than one row."""
        a = inputs[0]
        return len(inputs) == self.arity and len(a.shape) == 2 and a.shape[0] is a.shape[1] and not is_one(a.shape[0]) and a.kind == "float"

    def read_all(self, inputs: list[Value]) -> list[Value]:
        """The results, in order."""
        return _READ[self.name](*inputs)


def _bound(a: Value) -> tuple[tuple[Index, Index], Expr]:
    i, j = (fresh(Index(letter, a.shape[0], 0)) for letter in "ij")
    return (i, j), a.at(i, j)


def _inverse(a: Value) -> list[Value]:
    return [Value(a.shape, lambda r, c: MatrixFn("inverse", (r, c), *_bound(a)))]


def _solution(a: Value, b: Value) -> list[Value]:
    """(A⁻¹ b)_r = Σ_j (A⁻¹)_rj b_j, for a vector or the columns of a matrix."""
    def at(r: Expr, *rest: Expr) -> Expr:
        j = fresh(Index("j", a.shape[0], 0))
        return Sum((j,), mul(MatrixFn("inverse", (r, j), *_bound(a)), b.at(j, *rest)))
    return [Value(b.shape, at)]


def _log_determinant(a: Value) -> list[Value]:
    """The sign, which has no formula yet, and log |det|."""
    def sign() -> Expr:
        raise NotYet("The sign of a determinant has no formula yet.", hint="Use the second result of slogdet, which is log |det|.")
    return [Value((), sign), Value((), lambda: MatrixFn("logdet", (), *_bound(a)))]


_READ: dict[str, Callable[..., list[Value]]] = {"inv": _inverse, "solve": _solution, "slogdet": _log_determinant}


def _entries(*args: Expr) -> Expr:
    raise AssertionError("a whole matrix is read, not its entries")


MATRIX_WRAPPERS: tuple[MatrixWrapper, ...] = (
    MatrixWrapper("inv", _entries, 1, (jnp.linalg.inv, {"a": "n n"})),
    MatrixWrapper("solve", _entries, 2, (jnp.linalg.solve, {"a": "n n", "b": "n"})),
    MatrixWrapper("slogdet", _entries, 1, (lambda a: jnp.linalg.slogdet(a)[1], {"a": "n n"})),
)
