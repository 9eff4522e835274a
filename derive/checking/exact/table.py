"""The table of NumPy's functions of arrays, filled by `create` and `functions`; what only moves entries NumPy does itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from derive.checking.exact.entries import Chosen, Entries, MaskIndex, MaskPart, kind_of, plain, rekinded, result, symbolic
from derive.checking.exact.numbers import Number
from derive.checking.exact.ufuncs import ELEMENTWISE, apply
from derive.checking.lift.session import refuse
from derive.index import Num

__all__ = ["TABLE", "call", "kind_of_dtype", "row"]

TABLE: dict[str, Callable[..., Any]] = {}
# What NumPy does with the entries as they are: it moves them, or adds and multiplies them, or asks which is smaller.
_NATIVE = {
    "reshape", "ravel", "transpose", "permute_dims", "matrix_transpose", "swapaxes", "moveaxis", "rollaxis", "squeeze", "expand_dims",
    "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_to", "broadcast_arrays", "concatenate", "concat", "stack", "vstack", "hstack", "dstack",
    "column_stack", "row_stack", "split", "array_split", "hsplit", "vsplit", "dsplit", "tile", "repeat", "roll", "flip", "fliplr", "flipud",
    "rot90", "take", "take_along_axis", "diag", "diagonal", "diagflat", "tril", "triu", "pad", "copy", "append", "insert", "delete",
    "sliding_window_view", "as_strided", "block", "unstack", "kron", "outer", "inner", "dot", "vdot",
    "tensordot", "einsum", "trace", "convolve", "correlate", "meshgrid", "resize", "flatten", "apply_along_axis", "cross", "tolist",
    "compress", "searchsorted", "partition", "argpartition", "diff",
}  # fmt: skip
# Those that put zeros beside the entries: the kind is that of what they are given.
_FILLING = {"tril", "triu", "diag", "diagflat", "pad"}
_TO_STORE = {"fill_diagonal", "put_along_axis", "put", "place"}


def row(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare what NumPy's function of these names does."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            TABLE[name] = function
        return function

    return declare


def call(function: Any, args: Any, kwargs: Any) -> Any:
    """A function of NumPy on symbolic arrays.

    Raises:
        CannotLift: there is no row for it.
    """
    name = function if isinstance(function, str) else function.__name__
    chosen = next((value for value in args if isinstance(value, Chosen)), None)
    if chosen is not None and name not in ELEMENTWISE:
        return chosen.__array_function__(getattr(np, name, None), (), args, kwargs)
    module = "" if isinstance(function, str) else getattr(function, "__module__", None) or ""
    own = f"linalg.{name}" if module.startswith("numpy.linalg") and f"linalg.{name}" in TABLE else name
    if own in TABLE:
        return TABLE[own](*args, **kwargs)
    if name in ELEMENTWISE:
        return apply(name, "__call__", *args, **kwargs)
    real: Any = getattr(np, name, None) if isinstance(function, str) else function
    if name in _TO_STORE:
        return _storing(real, args, kwargs)
    if kwargs.get("out") is not None:
        refuse(f"out= of np.{name}")
    if name in _FILLING:
        kind = kind_of(plain(args[0]))
        return _as_view(rekinded(plain(real(*map(_unwrapped, args), **{key: _unwrapped(value) for key, value in kwargs.items()})), kind))
    if name in _NATIVE and not module.startswith("numpy.linalg"):
        return _wrapped(real(*map(_unwrapped, args), **{key: _unwrapped(value) for key, value in kwargs.items() if key != "out"}))
    return refuse(f"np.{name} of symbolic numbers")


def _unwrapped(value: Any) -> Any:
    if isinstance(value, (Chosen, MaskIndex, MaskPart)):
        refuse("a selection by a mask, in a function that moves entries")
    if isinstance(value, Number) and value.kind == "int" and isinstance(value.expr, Num):
        return int(value)
    if isinstance(value, (Entries, Number)):
        return plain(value)
    if isinstance(value, (list, tuple)) and symbolic(value):
        return type(value)(map(_unwrapped, value))
    return getattr(value, "real_type", value)


def _wrapped(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value if value.dtype != object else _as_view(value)
    if isinstance(value, (tuple, list)):
        return type(value)(map(_wrapped, value))
    return value


def _as_view(array: np.ndarray) -> Any:
    """The same memory, where its entries are numbers of one kind already."""
    if array.ndim and all(isinstance(number, Number) for number in array.ravel()):
        kind = kind_of(array)
        return Entries.of(array, kind) if kind == "float" else result(array)
    return result(array)


def _storing(real: Any, args: Any, kwargs: Any) -> Any:
    target, *rest = args
    if not isinstance(target, Entries):
        refuse("a symbolic number is stored into an array of numbers")
    real(plain(target), *map(_unwrapped, rest), **{key: _unwrapped(value) for key, value in kwargs.items()})
    array = plain(target)
    array[...] = rekinded(plain(np.array(array)), target.kind)


def kind_of_dtype(dtype: Any) -> str:
    """'float', 'int' or 'bool' for what NumPy takes as a dtype."""
    found = np.dtype(getattr(dtype, "real_type", dtype))
    kind = {"f": "float", "i": "int", "u": "int", "b": "bool"}.get(found.kind)
    if kind is None or (kind == "int" and found.itemsize < 4):
        refuse(f"an array of dtype {found}")
    return kind
