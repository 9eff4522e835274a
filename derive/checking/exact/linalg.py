"""np.linalg of small symbolic matrices, by cofactors: rows of the table.

Legend: n is the number of rows and columns; what divides by a determinant is right wherever that is not 0, as NumPy's is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from derive.checking.exact import arithmetic
from derive.checking.exact.entries import plain, result
from derive.checking.exact.numbers import Number, as_number
from derive.checking.exact.table import row
from derive.checking.exact.ufuncs import ELEMENTWISE, apply, matmul, total
from derive.checking.lift.session import bad, refuse

__all__: list[str] = []

_LARGEST = 4


class _Slogdet(NamedTuple):
    sign: Any
    logabsdet: Any


def _square(a: Any) -> np.ndarray:
    array = plain(a)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        bad("a matrix that is not square has no inverse and no determinant")
    if array.shape[-1] > _LARGEST:
        refuse(f"np.linalg of symbolic matrices with more than {_LARGEST} rows")
    return array


def _determinant(a: np.ndarray) -> Number:
    """By cofactors of the first row."""
    if not len(a):
        return as_number(1.0)
    parts = [arithmetic.multiply(a[0, k], _cofactor(a, 0, k)) for k in range(len(a))]
    return Number(total(parts).expr)


def _cofactor(a: np.ndarray, i: int, j: int) -> Number:
    minor = _determinant(np.delete(np.delete(a, i, 0), j, 1))
    return arithmetic.negative(minor) if (i + j) % 2 else minor


def _inverse(a: np.ndarray) -> np.ndarray:
    n, whole = len(a), _determinant(a)
    out = np.empty((n, n), dtype=object)
    for i, j in np.ndindex(n, n):
        out[i, j] = arithmetic.divide(_cofactor(a, j, i), whole)
    return out


def _root(a: np.ndarray) -> np.ndarray:
    """The lower triangle L with L Lᵀ = a, from the lower triangle of a."""
    out = plain(np.zeros(a.shape))
    for i in range(len(a)):
        for j in range(i + 1):
            rest = arithmetic.subtract(a[i, j], total([arithmetic.multiply(out[i, k], out[j, k]) for k in range(j)] or [as_number(0.0)]))
            out[i, j] = ELEMENTWISE["sqrt"](rest) if i == j else arithmetic.divide(rest, out[j, j])
    return out


def _each(function: Callable[[np.ndarray], Any], a: np.ndarray, inner: int) -> Any:
    """The function of each of the matrices along the leading axes."""
    n = a.shape[-1]
    out = np.empty((*a.shape[:-2], *(n,) * inner), dtype=object)
    for place in np.ndindex(a.shape[:-2]):
        out[place] = function(a[place])
    return result(out, "float")


@row("linalg.det")
def _det(a: Any) -> Any:
    return _each(_determinant, _square(a), 0)


@row("linalg.inv")
def _inv(a: Any) -> Any:
    return _each(_inverse, _square(a), 2)


@row("linalg.slogdet")
def _slogdet(a: Any) -> Any:
    """(the sign, log |det|)."""
    det = _det(a)
    return _Slogdet(apply("sign", "__call__", det), apply("log", "__call__", apply("absolute", "__call__", det)))


@row("linalg.solve")
def _solve(a: Any, b: Any) -> Any:
    if plain(a).ndim != 2 or plain(b).ndim > 2:
        refuse("np.linalg.solve of several matrices at once")
    return matmul(_inv(a), b)


@row("linalg.cholesky")
def _cholesky(a: Any) -> Any:
    return _each(_root, _square(a), 2)


@row("linalg.matrix_power")
def _matrix_power(a: Any, n: int) -> Any:
    base = a if n >= 0 else _inv(a)
    found: Any = result(np.eye(len(_square(a)), dtype=float))
    for _ in range(abs(int(n))):
        found = matmul(found, base)
    return found
