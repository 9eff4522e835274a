"""Making arrays, counting into them and changing their kind: rows of the table."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from derive.checking.exact.entries import Entries, kind_of, plain, rekinded, result
from derive.checking.exact.numbers import Number, compare
from derive.checking.exact.table import kind_of_dtype, row
from derive.checking.exact.ufuncs import apply
from derive.checking.lift.session import refuse
from derive.index import ZERO, At, Num, num

__all__ = ["filled"]

_serial = itertools.count(1)


def filled(shape: Any, value: Any, kind: str) -> Entries:
    """An array of one value, or of a broadcast one."""
    sizes = tuple(int(n) for n in shape) if isinstance(shape, (tuple, list, np.ndarray)) else (int(shape),)
    out = np.empty(sizes, dtype=object)
    out[...] = rekinded(np.broadcast_to(plain(value), sizes), kind)
    return Entries.of(out, kind)


@row("zeros")
def _zeros(shape: Any, dtype: Any = float, *args: Any, **kwargs: Any) -> Any:
    return filled(shape, 0, kind_of_dtype(dtype))


@row("empty")
def _empty(shape: Any, dtype: Any = float, *args: Any, **kwargs: Any) -> Any:
    """Memory whose numbers are unknown, and equal to nothing, until they are written."""
    out = filled(shape, 0, kind_of_dtype(dtype))
    array = plain(out)
    for place in np.ndindex(array.shape):
        array[place] = Number(At(f"uninitialised {next(_serial)}", (), out.kind), out.kind)
    return out


@row("empty_like")
def _empty_like(a: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None) -> Any:
    like = _like(a, 0, dtype, shape)
    return _empty(np.shape(like), like.dtype)


@row("ones")
def _ones(shape: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
    return filled(shape, 1, kind_of_dtype(float if dtype is None else dtype))


@row("full")
def _full(shape: Any, fill_value: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
    return filled(shape, fill_value, kind_of(plain(fill_value)) if dtype is None else kind_of_dtype(dtype))


def _like(a: Any, value: Any, dtype: Any, shape: Any) -> Any:
    kind = kind_of(plain(a)) if dtype is None else kind_of_dtype(dtype)
    return filled(np.shape(a if isinstance(a, np.ndarray) else plain(a)) if shape is None else shape, value, kind)


@row("zeros_like")
def _zeros_like(a: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None) -> Any:
    return _like(a, 0, dtype, shape)


@row("ones_like")
def _ones_like(a: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None) -> Any:
    return _like(a, 1, dtype, shape)


@row("full_like")
def _full_like(a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None) -> Any:
    return _like(a, fill_value, dtype, shape)


@row("eye", "identity")
def _eye(*args: Any, **kwargs: Any) -> Any:
    kind = kind_of_dtype(kwargs.pop("dtype", None) or float)
    found = np.eye(*args, **kwargs)
    return filled(found.shape, found.astype(int), kind)


@row("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray")
def _array(value: Any, dtype: Any = None, *args: Any, copy: Any = None, **kwargs: Any) -> Any:
    kind = None if dtype is None else kind_of_dtype(dtype)
    if isinstance(value, Entries) and not copy and kind in (None, value.kind):
        return value
    if kind is not None:
        value = _astype(result(plain(value)), dtype)
    array = plain(value).copy()
    kind = kind or kind_of(array)
    return Entries.of(rekinded(array, kind), kind) if kind == "float" and array.ndim else result(array, kind)


@row("astype")
def _astype(a: Any, dtype: Any, *args: Any, **kwargs: Any) -> Any:
    array, kind = plain(a), kind_of_dtype(dtype)
    if kind == "bool":
        return result(np.frompyfunc(lambda u: Number(compare("!=", u.expr, ZERO) if u.kind != "bool" else u.expr, "bool"), 1, 1)(array))
    if kind == "int" and kind_of(array) == "float":
        return result(np.frompyfunc(_truncated, 1, 1)(array))
    out = rekinded(array, kind)
    return Entries.of(out, kind) if kind == "float" and out.ndim else result(out, kind)


def _truncated(u: Number) -> Number:
    if not isinstance(u.expr, Num):
        refuse("a float is cast to an integer, which cuts off its decimals")
    return Number(num(int(u.expr.value)), "int")


@row("bincount")
def _bincount(labels: Any, weights: Any = None, minlength: int = 0) -> Any:
    places = np.asarray(labels)
    if places.dtype == object:
        refuse("np.bincount of symbolic numbers")
    out = filled(max(int(places.max(initial=-1)) + 1, minlength), 0, "float")
    apply(np.add, "at", out, places, weights)
    return out
