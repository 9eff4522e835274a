"""Reductions: sum, mean, max, min and what is made of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from derive.checking.lift.arrays import Operand, make, operand
from derive.checking.lift.digits import apart
from derive.checking.lift.masked import Masked
from derive.checking.lift.registry import call, row
from derive.checking.lift.session import bad, new_index, refuse
from derive.checking.lift.storage import Location, guarded
from derive.index import ONE, ZERO, Expr, Extremum, Index, Iverson, Num, Sum, Where, sub

__all__: list[str] = []

Axes = int | tuple[int, ...] | None


def _axes(axis: Any, rank: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(rank))
    chosen = axis if isinstance(axis, (tuple, list)) else (axis,)
    for one in chosen:
        if not isinstance(one, int) or not -rank <= one < rank:
            bad(f"axis {one} does not exist in an array with {rank} axes")
    return tuple(one % rank for one in chosen)


def _reduce(a: Operand, axis: Any, keepdims: Any, kind: str, bind: Callable[[tuple[Index, ...], Expr], Expr]) -> Any:
    """The reduction over the axes; `bind` makes the binder over the indices of the axes that are not of size 1."""
    rank = len(a.sizes)
    axes = _axes(axis, rank)
    kept = [n for n in range(rank) if n not in axes]

    def entry(at: Location) -> Expr:
        outer = dict(zip(range(rank) if keepdims else kept, at))
        inner = {n: ZERO if a.sizes[n] is ONE else new_index(a.sizes[n]) for n in axes}
        bound = tuple(index for index in inner.values() if isinstance(index, Index))
        body = a.entry(tuple(inner[n] if n in inner else outer[n] for n in range(rank)))
        return bind(*apart(bound, body)) if bound else body

    sizes = [ONE if n in axes else a.sizes[n] for n in range(rank)] if keepdims else [a.sizes[n] for n in kept]
    return make(sizes, kind, entry)


def _declare(names: str, kind: Callable[[str], str], bind: Callable[[tuple[Index, ...], Expr], Expr]) -> None:
    def apply(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **kwargs: Any) -> Any:
        if kwargs:
            refuse(f"{names.split()[0]} with {', '.join(kwargs)} is not covered")
        source = operand(a)
        if isinstance(source, Masked):
            return call("masked reduction", names.split()[0], source, axis, keepdims)
        if names in ("any", "all") and source.kind != "bool":
            source = call("not_equal", source, 0)
        found = _reduce(source, axis, keepdims, kind(source.kind), bind)
        if dtype is not None:
            found = call("astype", found, dtype)
        return found if out is None else call("assign", out, found)

    row(*names.split())(apply)


_declare("sum nansum", lambda kind: "int" if kind == "bool" else kind, lambda bound, body: Sum(bound, body))
_declare("max amax nanmax", lambda kind: kind, lambda bound, body: Extremum("max", bound, body))
_declare("min amin nanmin", lambda kind: kind, lambda bound, body: Extremum("min", bound, body))
_declare("any", lambda kind: "bool", lambda bound, body: Extremum("max", bound, body))
_declare("all", lambda kind: "bool", lambda bound, body: Extremum("min", bound, body))


def _count(a: Operand, axis: Any) -> Any:
    return functools.reduce(lambda u, v: call("multiply", u, v), (a.shape[n] for n in _axes(axis, len(a.sizes))), 1)


@row("mean", "average", "nanmean")
def _mean(a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: Any = False, weights: Any = None) -> Any:
    source = operand(a)
    if out is not None:
        refuse("mean with out is not covered")
    if weights is not None:
        return _weighted(source, operand(weights), axis, keepdims)
    if isinstance(source, Masked):
        return call("masked reduction", "mean", source, axis, keepdims)
    return call("divide", call("sum", source, axis=axis, keepdims=keepdims), _count(source, axis))


def _weighted(a: Operand, weights: Operand, axis: Axes, keepdims: Any) -> Any:
    """np.average with weights of the same shape, or one for each entry along the axis."""
    if isinstance(a, Masked) or isinstance(weights, Masked) or isinstance(axis, tuple):
        refuse("this average with weights is not covered")
    if len(weights.sizes) == 1 and axis is not None:
        order = [1] * len(a.sizes)
        order[axis] = -1
        weights = call("reshape", weights, order)
    elif len(weights.sizes) != len(a.sizes):
        bad("the weights of an average must have its shape, or be along one axis")
    spread = call("broadcast_to", weights, a.shape)
    total = call("sum", call("multiply", a, spread), axis=axis, keepdims=keepdims)
    return call("divide", total, call("sum", spread, axis=axis, keepdims=keepdims))


@row("var")
def _var(a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    source = operand(a)
    if out is not None:
        refuse("var with out is not covered")
    off = call("subtract", source, _mean(source, axis, keepdims=True))
    total = call("sum", call("square", off), axis=axis, keepdims=keepdims)
    return call("divide", total, call("subtract", _count(source, axis), ddof) if ddof != 0 else _count(source, axis))


@row("std")
def _std(a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    return call("sqrt", _var(a, axis, dtype, out, ddof, keepdims))


@row("linalg.norm", "norm")
def _norm(a: Any, ord: Any = None, axis: Axes = None, keepdims: Any = False) -> Any:
    source = operand(a)
    if ord == 1 and (len(source.sizes) == 1 or isinstance(axis, int)):
        return call("sum", call("absolute", source), axis=axis, keepdims=keepdims)
    if ord not in (None, "fro", 2) or (ord == 2 and len(source.sizes) != 1 and not isinstance(axis, int)):
        refuse(f"the norm of order {ord} is not covered")
    return call("sqrt", call("sum", call("square", call("absolute", source)), axis=axis, keepdims=keepdims))


@row("count_nonzero")
def _count_nonzero(a: Any, axis: Axes = None, keepdims: Any = False) -> Any:
    return call("sum", call("not_equal", a, 0) if operand(a).kind != "bool" else a, axis=axis, keepdims=keepdims)


@row("ptp")
def _ptp(a: Any, axis: Axes = None, keepdims: Any = False) -> Any:
    return call("subtract", call("max", a, axis=axis, keepdims=keepdims), call("min", a, axis=axis, keepdims=keepdims))


@row("logaddexp.reduce")
def _logaddexp_reduce(a: Any, axis: Any = 0, keepdims: Any = False) -> Any:
    return call("log", call("sum", call("exp", a), axis=axis, keepdims=keepdims))


@row("prod", "product", "multiply.reduce")
def _prod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    source = operand(a)
    axes = _axes(axis, len(source.sizes))
    if dtype is not None or out is not None or not all(isinstance(source.sizes[n], Num) and source.sizes[n].value <= 16 for n in axes):
        refuse("a product over an axis of symbolic size is not covered")
    for n in sorted(axes, reverse=True):
        parts = [call("getitem", source, (*(slice(None),) * n, slice(k, k + 1))) for k in range(int(source.sizes[n].value))]
        source = functools.reduce(lambda u, v: call("multiply", u, v), parts)
    kept = [n for n in range(len(source.sizes)) if n not in axes]
    result = source if keepdims else call("reshape", source, [source.shape[n] for n in kept])
    return call("item", result) if not result.sizes else result


@row("cumsum")
def _cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    source = operand(a)
    if out is not None or dtype is not None:
        refuse("cumsum with out or dtype is not covered")
    if axis is None and len(source.sizes) != 1:
        source = call("ravel", source)
    axis = 0 if axis is None else axis % len(source.sizes)

    def entry(at: Location) -> Expr:
        if source.sizes[axis] is ONE:
            return source.entry(at)
        index = new_index(source.sizes[axis])
        inside = Iverson(">=", sub(at[axis], index))
        return Sum((index,), guarded(inside, source.entry((*at[:axis], index, *at[axis + 1 :]))))

    return make(source.sizes, "int" if source.kind == "bool" else source.kind, entry)


@row("diff")
def _diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    source = operand(a)
    before = (slice(None),) * (axis % len(source.sizes))
    if n != 1:
        refuse("diff of a higher order is not covered")
    return call("subtract", call("getitem", source, (*before, slice(1, None))), call("getitem", source, (*before, slice(None, -1))))


@row("add.reduce")
def _add_reduce(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    return call("sum", a, axis=axis, dtype=dtype, out=out, keepdims=keepdims)


@row("maximum.reduce")
def _maximum_reduce(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    return call("max", a, axis=axis, dtype=dtype, out=out, keepdims=keepdims)


def _declare_place(name: str, which: str) -> None:
    def apply(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
        """The first place of the largest or smallest entry: the least index at which it is reached."""
        source = operand(a)
        if out is not None or isinstance(source, Masked):
            refuse(f"this {name} is not covered")
        if axis is None:
            source, axis = call("ravel", source), 0
        (along,) = _axes(axis, len(source.sizes))
        size = source.sizes[along]
        best = call(which, source, axis=along, keepdims=True)

        def entry(at: Location) -> Expr:
            if size is ONE:
                return ZERO
            index = new_index(size)
            here = Iverson("=", sub(source.entry((*at[:along], index, *at[along + 1 :])), best.entry((*at[:along], ZERO, *at[along + 1 :]))))
            return Extremum("min", (index,), Where(here, index, size))

        whole = make([ONE if n == along else one for n, one in enumerate(source.sizes)], "int", entry)
        return whole if keepdims else call("getitem", whole, (*(slice(None),) * along, 0))

    row(name)(apply)


_declare_place("argmax", "max")
_declare_place("argmin", "min")
