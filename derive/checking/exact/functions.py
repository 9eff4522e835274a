"""Reductions, choices and products: rows of the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from derive.checking.exact.arithmetic import choose
from derive.checking.exact.entries import Entries, MaskIndex, kind_of, plain, result
from derive.checking.exact.numbers import Count, Number, as_number, compare, picked
from derive.checking.exact.simplify import times
from derive.checking.exact.table import kind_of_dtype, row
from derive.checking.exact.ufuncs import accumulated, apply, matmul, reduced, total
from derive.checking.lift.session import bad, refuse

__all__: list[str] = []


@row("sum")
def _sum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **kwargs: Any) -> Any:
    if dtype is not None and kind_of_dtype(dtype) != "float" and kind_of(plain(a)) == "float":
        refuse("floats are summed as integers, which cuts off their decimals")
    found = reduced(total, _where_or(a, kwargs, 0), axis, keepdims)
    return found if out is None else _into(out, found)


def _where_or(a: Any, kwargs: dict[str, Any], otherwise: int) -> Any:
    """The array with what where= leaves out replaced."""
    where = kwargs.pop("where", None)
    if kwargs:
        refuse(f"{', '.join(kwargs)}= of a reduction")
    return a if where is None else result(np.frompyfunc(choose, 3, 1)(plain(where), plain(a), as_number(otherwise)))


def _no_out(out: Any) -> None:
    if out is not None:
        refuse("out= of a reduction")


def _into(out: Any, value: Any) -> Any:
    return apply(np.positive, "__call__", value, out=out)


@row("mean", "nanmean")
def _mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    found = apply("divide", "__call__", reduced(total, a, axis, keepdims), _count(a, axis))
    return found if out is None else _into(out, found)


def _count(a: Any, axis: Any) -> int:
    shape = plain(a).shape
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([shape[n] for n in axes], dtype=int))


@row("var")
def _var(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: bool = False, correction: Any = None) -> Any:
    free = _count(a, axis) - int(ddof if correction is None else correction)
    if free <= 0:
        refuse("a variance of too few numbers")
    gap = apply("subtract", "__call__", a, _mean(a, axis, keepdims=True))
    return apply("divide", "__call__", reduced(total, apply("square", "__call__", gap), axis, keepdims), free)


@row("std")
def _std(*args: Any, **kwargs: Any) -> Any:
    return apply("sqrt", "__call__", _var(*args, **kwargs))


@row("average")
def _average(a: Any, axis: Any = None, weights: Any = None) -> Any:
    if weights is None:
        return _mean(a, axis)
    weighted = apply("multiply", "__call__", a, weights)
    return apply("divide", "__call__", _sum(weighted, axis), _sum(weights, axis if np.ndim(plain(weights)) > 1 else None))


def _extremum(name: str) -> Callable[..., Any]:
    def apply_to(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
        _no_out(out)
        found = apply(f"{name}imum", "reduce", a, axis=axis, keepdims=keepdims)
        return found if initial is None else apply(f"{name}imum", "__call__", found, initial)

    return apply_to


row("max", "amax", "nanmax")(_extremum("max"))
row("min", "amin", "nanmin")(_extremum("min"))


@row("ptp")
def _ptp(a: Any, axis: Any = None) -> Any:
    return apply("subtract", "__call__", _extremum("max")(a, axis), _extremum("min")(a, axis))


def _arg(op: str) -> Callable[..., Any]:
    def first(parts: Sequence[Number]) -> Number:
        """The first place of the largest, or smallest."""
        cases = []
        for n, u in enumerate(parts):
            earlier = [compare(op, u.expr, v.expr) for v in parts[:n]]
            later = [compare(f"{op}=", u.expr, v.expr) for v in parts[n + 1 :]]
            cases.append((times(*earlier, *later), n))
        return picked(cases) if cases else bad("the place of the largest of no numbers")

    def apply_to(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        _no_out(out)
        return reduced(first, a, axis, keepdims)

    return apply_to


row("argmax")(_arg(">"))
row("argmin")(_arg("<"))


@row("argsort")
def _argsort(a: Any, axis: Any = -1, **kwargs: Any) -> Any:
    if axis is None:
        return _argsort(plain(a).ravel())
    rows = np.moveaxis(plain(a), axis, -1)
    order = np.empty(rows.shape, dtype=int)
    for place in np.ndindex(rows.shape[:-1]):
        order[place] = sorted(range(rows.shape[-1]), key=lambda n, line=rows[place]: line[n])  # type: ignore[misc]  # bound at once
    return np.moveaxis(order, -1, axis)


@row("sort")
def _sort(a: Any, axis: Any = -1, **kwargs: Any) -> Any:
    values = plain(a).ravel() if axis is None else plain(a)
    return result(np.take_along_axis(values, _argsort(values, -1 if axis is None else axis), -1 if axis is None else axis))


@row("unravel_index")
def _unravel_index(place: Any, shape: Any) -> Any:
    rest, out = place, []
    for size in reversed([int(n) for n in shape]):
        out.append(apply("remainder", "__call__", rest, size))
        rest = apply("floor_divide", "__call__", rest, size)
    return tuple(reversed(out))


@row("prod")
def _prod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    _no_out(out)
    return apply("multiply", "reduce", a, axis=axis, keepdims=keepdims)


@row("any")
def _any(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    _no_out(out)
    return apply("logical_or", "reduce", apply("not_equal", "__call__", a, 0) if kind_of(plain(a)) != "bool" else a, axis=axis, keepdims=keepdims)


@row("all")
def _all(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    _no_out(out)
    return apply("logical_and", "reduce", apply("not_equal", "__call__", a, 0) if kind_of(plain(a)) != "bool" else a, axis=axis, keepdims=keepdims)


@row("count_nonzero")
def _count_nonzero(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return reduced(total, apply("not_equal", "__call__", a, 0) if kind_of(plain(a)) != "bool" else a, axis, keepdims)


@row("cumsum")
def _cumsum(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    return accumulated(total, plain(a).ravel() if axis is None else a, 0 if axis is None else axis)


@row("cumprod")
def _cumprod(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    return apply("multiply", "accumulate", plain(a).ravel() if axis is None else a, axis=0 if axis is None else axis)


@row("linalg.norm", "norm")
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord in (None, "fro", 2) and not (ord == 2 and plain(x).ndim > 1 and axis is None):
        return apply("sqrt", "__call__", reduced(total, apply("square", "__call__", x), axis, keepdims))
    if plain(x).ndim > 1 and axis is None:
        refuse("this norm of a matrix")
    if ord == 1:
        return reduced(total, apply("absolute", "__call__", x), axis, keepdims)
    if ord == np.inf:
        return apply("maximum", "reduce", apply("absolute", "__call__", x), axis=axis, keepdims=keepdims)
    return refuse("this norm")


# ----------------------------------------------------------------------------------------------- choices and products


@row("where")
def _where(condition: Any, *sides: Any) -> Any:
    if not sides:
        return _nonzero(condition)
    return result(np.frompyfunc(choose, 3, 1)(plain(condition), *map(plain, sides)))


@row("nonzero", "flatnonzero", "argwhere")
def _nonzero(a: Any) -> Any:
    mask = a if kind_of(plain(a)) == "bool" else apply("not_equal", "__call__", a, 0)
    return MaskIndex(plain(mask)) if isinstance(mask, Entries) else np.nonzero(mask)


@row("select")
def _select(conditions: Any, choices: Any, default: Any = 0) -> Any:
    found = default
    for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
        found = _where(condition, choice, found)
    return found


@row("choose")
def _choose(labels: Any, choices: Any, **kwargs: Any) -> Any:
    places = np.asarray(labels)
    table = plain(choices)
    if places.dtype == object or kwargs or len(table) > 32:
        refuse("np.choose of this")
    grid = np.indices(np.broadcast_shapes(places.shape, table.shape[1:]))
    return result(np.broadcast_to(table, (len(table), *grid.shape[1:]))[(np.broadcast_to(places, grid.shape[1:]), *grid)])


@row("clip")
def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **kwargs: Any) -> Any:
    low, high = kwargs.get("min", a_min), kwargs.get("max", a_max)
    found = a if low is None else apply("maximum", "__call__", a, low)
    found = found if high is None else apply("minimum", "__call__", found, high)
    return found if out is None else apply(np.positive, "__call__", found, out=out)


@row("dot")
def _dot(a: Any, b: Any, out: Any = None) -> Any:
    found = result(np.dot(plain(a), plain(b)))
    return found if out is None else _into(out, found)


@row("linalg.multi_dot")
def _multi_dot(arrays: Any) -> Any:
    found = arrays[0]
    for other in arrays[1:]:
        found = matmul(found, other)
    return found


@row("copyto")
def _copyto(target: Any, value: Any, where: Any = True, **kwargs: Any) -> None:
    if not isinstance(target, Entries):
        refuse("a symbolic number is stored into an array of numbers")
    target[...] = value if where is True else _where(where, value, target)


@row("shape")
def _shape(a: Any) -> Any:
    return tuple(map(Count, plain(a).shape))


@row("size")
def _size(a: Any, axis: Any = None) -> Any:
    return Count(plain(a).size if axis is None else plain(a).shape[axis])


@row("ndim")
def _ndim(a: Any) -> int:
    return plain(a).ndim


@row("nan_to_num", "real", "conj")
def _itself(a: Any, *args: Any, **kwargs: Any) -> Any:
    return result(plain(a))


@row("item")
def _item(a: Any, *place: Any) -> Any:
    array = plain(a)
    if not place and array.size != 1:
        bad("item() of an array with several entries")
    return array[place[0] if len(place) == 1 and isinstance(place[0], tuple) else place] if place else array.ravel()[0]


@row("round", "around")
def _round(a: Any, *args: Any, **kwargs: Any) -> Any:
    return refuse("the rounding of symbolic numbers")


@row("isscalar")
def _isscalar(a: Any) -> bool:
    return isinstance(a, Number) or np.isscalar(a)

