"""np.matrix: always two axes, * is the matrix product, and what is computed from one is one again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from derive.checking.lift.arrays import Operand, SymbolicArray, operand
from derive.checking.lift.registry import TABLE, call, row
from derive.checking.lift.session import bad, refuse

__all__ = ["SymbolicMatrix"]

_REDUCTIONS = {"sum", "mean", "average", "max", "min", "amax", "amin", "std", "var", "any", "all", "prod"}
_ARRAYS = {"where", "outer", "einsum", "expand_dims", "diag", "linalg.norm", "array", "asarray", "trace", "shape", "size", "ndim", "item", "ravel",
           "truth", "nonzero", "isscalar", "count_nonzero", "vdot", "inner"}  # fmt: skip
_MATRICES = {"transpose", "reshape", "concatenate", "hstack", "vstack", "zeros_like", "ones_like", "full_like", "empty_like", "dot", "matmul", "tile",
             "repeat", "astype", "copy", "clip", "assign", "fill", "asanyarray", "swapaxes", "nan_to_num"}  # fmt: skip


class SymbolicMatrix(SymbolicArray):
    """A matrix of index expressions."""

    matrix = True

    @property  # type: ignore[misc]  # a class as a property is legal, and is how proxies answer isinstance
    def __class__(self) -> type:  # what isinstance sees
        return np.matrix

    @property
    def A(self) -> Any:
        """The same memory as an ordinary array."""
        return _plain(self)

    @property
    def A1(self) -> Any:
        """The same as an ordinary array with one axis."""
        return call("ravel", _plain(self))

    @property
    def H(self) -> Any:
        """The transpose: the entries are real."""
        return call("transpose", self)

    def ravel(self, order: Any = "C") -> Any:
        """All entries in one row."""
        return _matrix(call("ravel", _plain(self), order))

    def flatten(self, order: Any = "C") -> Any:
        """A copy of all entries in one row."""
        return _matrix(call("flatten", _plain(self), order))

    def __mul__(self, other: Any) -> Any:
        return _times(self, other)

    def __rmul__(self, other: Any) -> Any:
        return _times(other, self)

    def __imul__(self, other: Any) -> Any:
        call("setitem", self, (Ellipsis,), _times(self, other))
        return self

    def __pow__(self, exponent: Any) -> Any:
        if not isinstance(exponent, int) or exponent < 1 or isinstance(exponent, Operand):
            refuse("this power of a matrix is not covered")
        result: Any = self
        for _ in range(exponent - 1):
            result = _times(result, self)
        return result


def _plain(value: Any) -> Any:
    """The same memory as an ordinary array; lists of matrices as lists of arrays."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return SymbolicArray(value.storage, value.sizes, value.locate) if getattr(value, "matrix", False) else value


def _matrix(value: Any) -> Any:
    """The same memory as a matrix; one axis becomes a row."""
    if not isinstance(value, SymbolicArray) or not value.sizes:
        return value
    array: Any = value if len(value.sizes) > 1 else call("expand_dims", value, 0)
    if len(array.sizes) > 2:
        refuse("a matrix with more than two axes")
    return SymbolicMatrix(array.storage, array.sizes, array.locate)


def _times(left: Any, right: Any) -> Any:
    """left * right where either is a matrix."""
    u, v = operand(_plain(left)), operand(_plain(right))
    if not u.sizes or not v.sizes:
        return _matrix(call("multiply", u, v))
    return _matrix(call("matmul", _plain(_matrix(u)), _plain(_matrix(v))))


@row("asmatrix", "mat")
def _asmatrix(data: Any, dtype: Any = None) -> Any:
    source = call("asarray", data) if dtype is None else call("asarray", data, dtype)
    return _matrix(source if source.sizes else call("reshape", source, (1, 1)))


@row("matrix")
def _copied(data: Any, dtype: Any = None, copy: bool = True) -> Any:
    return _asmatrix(call("array", _plain(data), dtype) if copy else data, dtype)


@row("matrix call")
def _call(name: str, args: Any, kwargs: Any) -> Any:
    """Any function of the table where an argument is a matrix."""
    if name in ("getitem", "setitem", "update", "matrix", "asmatrix", "mat"):
        return _ACCESS[name](*args, **kwargs)
    plain, named = [_plain(arg) for arg in args], {key: _plain(value) for key, value in kwargs.items()}
    if name in _REDUCTIONS:
        axis = named.get("axis", plain[1] if len(plain) > 1 else None)
        return TABLE[name](*plain, **named) if axis is None else _matrix(TABLE[name](*plain, **{**named, "keepdims": True}))
    if name in _ARRAYS:
        return TABLE[name](*plain, **named)
    if name not in TABLE or not (name in _MATRICES or isinstance(getattr(np, name, None), np.ufunc)):
        refuse(f"{name} of a matrix is not covered")
    return _matrix(TABLE[name](*plain, **named))


def _getitem(a: Any, key: Any) -> Any:
    found = TABLE["getitem"](_plain(a), _plain(key) if getattr(key, "matrix", False) else key)
    if not isinstance(found, SymbolicArray) or (isinstance(a, Operand) and not getattr(a, "matrix", False)):
        return found
    column = isinstance(key, tuple) and len(key) > 1 and isinstance(key[1], (int, np.integer))
    return _matrix(call("expand_dims", found, 1) if len(found.sizes) == 1 and column else found)


def _setitem(a: Any, key: Any, value: Any) -> None:
    TABLE["setitem"](_plain(a), _plain(key), _plain(value))


def _update(name: str, a: Any, other: Any) -> Any:
    if name == "multiply" and operand(_plain(other)).sizes and not getattr(a, "matrix", False):
        bad("an array is multiplied in place by a matrix")
    TABLE["update"](name, _plain(a), _plain(other))
    return a


_ACCESS: dict[str, Callable[..., Any]] = {
    "getitem": _getitem, "setitem": _setitem, "update": _update, "matrix": _copied, "asmatrix": _asmatrix, "mat": _asmatrix,
}  # fmt: skip
