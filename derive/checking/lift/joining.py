"""Joining, splitting and moving: concatenate, stack, split, roll, flip, pad."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from derive.checking.lift.arrays import Elements, Operand, dim, make, operand, shape_text, size_of
from derive.checking.lift.digits import divided
from derive.checking.lift.registry import call, row
from derive.checking.lift.session import bad, refuse
from derive.checking.lift.sizes import at_least, integer, nonnegative, same
from derive.checking.lift.storage import Location, choose
from derive.index import ONE, ZERO, Expr, Iverson, Num, add, mul, neg, num, sub

__all__: list[str] = []

_KINDS = ("bool", "int", "float")


def _parts(arrays: Any) -> list[Operand] | None:
    """The arrays of a list; None where it is one of symbolic length."""
    if isinstance(arrays, (Elements, Operand)) and not (isinstance(arrays, Operand) and isinstance(arrays.sizes[0], Num)):
        return None
    return [operand(one) for one in arrays]


def _rows(arrays: Any, joined: int) -> Any:
    """A list of symbolic length as one array, with its first axis moved before `joined` and merged with it."""
    source = operand(arrays)
    if len(source.sizes) == 1 and joined == 0:
        bad("numbers cannot be joined along an axis")
    order = [*range(1, joined + 1), 0, *range(joined + 1, len(source.sizes))]
    moved = call("transpose", source, order)
    shape = [dim(size) for size in moved.sizes]
    return call("copy", call("reshape", moved, (*shape[:joined], shape[joined] * shape[joined + 1], *shape[joined + 2 :])))


@row("concatenate", "concat")
def _concatenate(arrays: Any, axis: Any = 0, out: Any = None) -> Any:
    operands = _parts(arrays)
    if operands is None:
        return _rows(arrays, axis % (len(operand(arrays).sizes) - 1))
    if axis is None or out is not None:
        operands, axis = [call("ravel", one) for one in operands], 0
    axis %= len(operands[0].sizes) or bad("numbers cannot be joined along an axis")
    ends: list[Expr] = [ZERO]
    for one in operands:
        _fits(one, operands[0], axis)
        ends.append(integer(add(ends[-1], one.sizes[axis])))

    def entry(at: Location) -> Expr:
        starts = [_inside(sub(at[axis], start), one.sizes[axis]) for one, start in zip(operands, ends)]
        parts = [one.entry((*at[:axis], start, *at[axis + 1 :])) for one, start in zip(operands, starts)]
        result: Expr = parts[-1]
        for end, part in reversed(list(zip(ends[1:], parts[:-1]))):
            result = choose(_before(at[axis], end), part, result)
        return result

    kind = max((one.kind for one in operands), key=_KINDS.index)
    return make([*operands[0].sizes[:axis], ends[-1], *operands[0].sizes[axis + 1 :]], kind, entry)


def _fits(one: Operand, first: Operand, axis: int) -> None:
    sizes, wanted = ([size for n, size in enumerate(part.sizes) if n != axis] for part in (one, first))
    if len(sizes) != len(wanted) or not all(map(same, sizes, wanted)):
        bad(f"{shape_text(one.sizes)} cannot be joined to {shape_text(first.sizes)}")


def _before(where: Expr, end: Expr) -> Expr:
    """The condition where < end, decided where that is certain."""
    gap = integer(sub(end, where))
    if nonnegative(add(gap, num(-1))):
        return ONE
    return ZERO if nonnegative(neg(gap)) else Iverson(">", sub(end, where))


def _inside(where: Expr, size: Expr) -> Expr:
    return ZERO if size is ONE else integer(where)


@row("hstack")
def _hstack(arrays: Any) -> Any:
    operands = _parts(arrays)
    if operands is None:
        return _concatenate(arrays, 0 if len(operand(arrays).sizes) <= 2 else 1)
    operands = [call("atleast_1d", one) for one in operands]
    return _concatenate(operands, 0 if len(operands[0].sizes) == 1 else 1)


@row("vstack", "row_stack")
def _vstack(arrays: Any) -> Any:
    operands = _parts(arrays)
    if operands is None:
        source = operand(arrays)
        return call("copy", source) if len(source.sizes) == 2 else call("expand_dims", source, 1) if len(source.sizes) == 1 else _rows(arrays, 0)
    return _concatenate([call("atleast_2d", one) for one in operands], 0)


@row("column_stack")
def _column_stack(arrays: Any) -> Any:
    operands = _parts(arrays) or refuse("column_stack of a list of symbolic length")
    return _concatenate([one if len(one.sizes) > 1 else call("expand_dims", one, 1) for one in operands], 1)


@row("dstack")
def _dstack(arrays: Any) -> Any:
    operands = _parts(arrays) or refuse("dstack of a list of symbolic length")
    if any(len(one.sizes) < 2 for one in operands):
        refuse("dstack of arrays with one axis is not covered")
    return _concatenate([one if len(one.sizes) > 2 else call("expand_dims", one, 2) for one in operands], 2)


@row("stack")
def _stack(arrays: Any, axis: int = 0) -> Any:
    operands = _parts(arrays)
    if operands is None:
        return call("copy", call("moveaxis", operand(arrays), 0, axis))
    axis %= len(operands[0].sizes) + 1
    return _concatenate([call("expand_dims", one, axis) for one in operands], axis)


@row("append")
def _append(a: Any, values: Any, axis: Any = None) -> Any:
    return _concatenate([operand(a), operand(values)], axis)


def _split(a: Any, sections: Any, axis: int) -> list[Any]:
    source = operand(a)
    axis %= len(source.sizes)
    size = source.sizes[axis]
    if isinstance(sections, (list, tuple)):
        ends = [ZERO, *(size_of(one) for one in sections), size]
    else:
        count = size_of(sections)
        part = divided(size, count)
        if part is None or not isinstance(count, Num):
            refuse(f"a split of an axis of size {shape_text([size])[1:-2]} that may be uneven")
        ends = [integer(mul(num(k), part)) for k in range(int(count.value) + 1)]
    before = (slice(None),) * axis
    return [call("getitem", source, (*before, slice(dim(start), dim(stop)))) for start, stop in itertools.pairwise(ends)]


@row("split", "array_split")
def _split_row(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    return _split(ary, indices_or_sections, axis)


@row("hsplit")
def _hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return _split(ary, indices_or_sections, 1 if len(operand(ary).sizes) > 1 else 0)


@row("vsplit")
def _vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return _split(ary, indices_or_sections, 0)


def _axes(axis: Any, rank: int) -> list[int]:
    return [one % rank for one in (range(rank) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,))]


@row("flip")
def _flip(m: Any, axis: Any = None) -> Any:
    source = operand(m)
    axes = _axes(axis, len(source.sizes))
    return call("getitem", source, tuple(slice(None, None, -1) if n in axes else slice(None) for n in range(len(source.sizes))))


@row("fliplr")
def _fliplr(m: Any) -> Any:
    return _flip(m, 1)


@row("flipud")
def _flipud(m: Any) -> Any:
    return _flip(m, 0)


@row("roll")
def _roll(a: Any, shift: Any, axis: Any = None) -> Any:
    source = operand(a)
    if axis is None and len(source.sizes) != 1:
        refuse("roll without an axis is not covered")
    if isinstance(axis, (tuple, list)) or isinstance(shift, (tuple, list)):
        refuse("roll along several axes is not covered")
    axis = 0 if axis is None else axis % len(source.sizes)
    size, by = source.sizes[axis], size_of(shift)
    by = by if nonnegative(by) else integer(add(size, by))
    if not (nonnegative(by) and at_least(size, by)):
        refuse("roll by more than an axis may have")

    def entry(at: Location) -> Expr:
        def moved(where: Expr) -> Expr:
            return source.entry((*at[:axis], _inside(where, size), *at[axis + 1 :]))

        back = sub(at[axis], by)
        return choose(_before(at[axis], by), moved(add(back, size)), moved(back))

    return make(source.sizes, source.kind, entry)


@row("pad")
def _pad(array: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    source = operand(array)
    if mode != "constant":
        refuse(f"pad in the mode {mode} is not covered")
    widths = _widths(pad_width, len(source.sizes))
    value = operand(constant_values).entry(()) if not isinstance(constant_values, (tuple, list)) else refuse("pad with several values")

    def entry(at: Location) -> Expr:
        where = [_inside(sub(one, before), size) for one, (before, _), size in zip(at, widths, source.sizes)]
        result = source.entry(tuple(where))
        for one, (before, after), size in zip(at, widths, source.sizes):
            if after is not ZERO:
                result = choose(_before(one, add(before, size)), result, value)
            if before is not ZERO:
                result = choose(_before(one, before), value, result)
        return result

    sizes = [integer(add(before, size, after)) for (before, after), size in zip(widths, source.sizes)]
    return make(sizes, source.kind, entry)


def _widths(given: Any, rank: int) -> Sequence[tuple[Expr, Expr]]:
    if not isinstance(given, (tuple, list)):
        return [(size_of(given), size_of(given))] * rank
    if not isinstance(given[0], (tuple, list)):
        pair = (size_of(given[0]), size_of(given[-1]))
        return [pair] * rank
    pairs = [(size_of(one[0]), size_of(one[-1])) for one in given]
    if len(pairs) not in (1, rank):
        bad("the widths of pad do not fit the array")
    return pairs * rank if len(pairs) == 1 else pairs
