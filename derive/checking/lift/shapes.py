"""Reshaping, transposing, joining: views where NumPy makes views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from derive.checking.lift.arrays import Operand, SymbolicArray, dim, make, operand, shape_text, size_of
from derive.checking.lift.elementwise import broadcast
from derive.checking.lift.registry import call, row
from derive.checking.lift.session import bad, current, refuse
from derive.checking.lift.sizes import integer, same
from derive.checking.lift.storage import Location, choose
from derive.index import ONE, ZERO, Expr, Iverson, Num, add, delta, sub

__all__: list[str] = []


def _view(a: Operand, sizes: Sequence[Expr], locate: Any) -> Any:
    if isinstance(a, SymbolicArray):
        return a.view(sizes, locate)
    return make(sizes, a.kind, lambda at: a.entry(locate(at)))


@row("transpose", "permute_dims")
def _transpose(a: Any, *axes: Any) -> Any:
    source = operand(a)
    rank = len(source.sizes)
    order = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
    order = [one % rank for one in order] if order and order != (None,) else list(reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        bad(f"axes {order} do not fit an array with {rank} axes")
    return _view(source, [source.sizes[n] for n in order], lambda at: tuple(at[order.index(n)] for n in range(rank)))


@row("swapaxes")
def _swapaxes(a: Any, first: int, second: int) -> Any:
    order = list(range(len(operand(a).sizes)))
    order[first], order[second] = order[second], order[first]
    return _transpose(a, order)


@row("moveaxis")
def _moveaxis(a: Any, source: int, destination: int) -> Any:
    rank = len(operand(a).sizes)
    order = [n for n in range(rank) if n != source % rank]
    order.insert(destination % rank, source % rank)
    return _transpose(a, order)


def _wanted(shape: Sequence[Any], sizes: Sequence[Expr]) -> list[Expr]:
    """The sizes of a reshape, −1 resolved.

    Raises:
        CannotLift: axes are joined or split.
    """
    given = [None if isinstance(one, int) and one == -1 else size_of(one) for one in shape]
    source = [size for size in sizes if size is not ONE]
    if None in given:
        gap = given.index(None)
        head = [size for size in given[:gap] if size is not ONE]
        tail = [size for size in given[gap + 1 :] if size is not ONE]
        middle = source[len(head) : len(source) - len(tail)]
        if len(head) + len(tail) <= len(source) and len(middle) <= 1:
            given[gap] = middle[0] if middle else ONE
        elif len(head) + len(tail) == len(source):
            given[gap] = ONE
    target = [size for size in given if size is not ONE]
    matching = len(target) == len(source) and all(u is not None and same(u, v) for u, v in zip(target, source))
    if not matching:
        known = [size for size in given if size is not None]
        if len(known) == len(given) and all(isinstance(size, Num) for size in (*known, *source)):
            refuse("a reshape that joins or splits axes is not covered")
        refuse(f"a reshape of {shape_text(sizes)} that joins, splits or reorders axes is not covered")
    return [size for size in given if size is not None]


@row("reshape")
def _reshape(a: Any, *shape: Any, newshape: Any = None, order: Any = "C", copy: Any = None) -> Any:
    source = operand(a)
    wanted = newshape if newshape is not None else shape[0] if len(shape) == 1 else shape
    if not isinstance(wanted, (tuple, list)):
        wanted = (wanted,)
    sizes = _wanted(wanted, source.sizes)

    def locate(at: Location) -> Location:
        long = iter(where for where, size in zip(at, sizes) if size is not ONE)
        return tuple(ZERO if size is ONE else next(long) for size in source.sizes)

    return _view(source, sizes, locate)


@row("ravel")
def _ravel(a: Any, order: Any = "C") -> Any:
    return _reshape(a, -1)


@row("flatten")
def _flatten(a: Any, order: Any = "C") -> Any:
    return _copy(_reshape(a, -1))


@row("squeeze")
def _squeeze(a: Any, axis: Any = None) -> Any:
    source = operand(a)
    rank = len(source.sizes)
    axes = range(rank) if axis is None else [one % rank for one in (axis if isinstance(axis, tuple) else (axis,))]
    if axis is not None and any(source.sizes[one] is not ONE for one in axes):
        bad(f"squeeze: axis {axis} of {shape_text(source.sizes)} is not of size 1", "right only when it happens to be 1")
    for size in source.sizes if axis is None else ():
        if not isinstance(size, Num):
            text = f"{shape_text([size])[1:-2]} ≠ 1 (np.squeeze without an axis drops every axis of size 1)"
            current().assume(text, sub(ONE, delta(size, ONE)))
    kept = [n for n in range(rank) if not (n in axes and source.sizes[n] is ONE)]
    return _reshape(source, [dim(source.sizes[n]) for n in kept])


@row("expand_dims")
def _expand_dims(a: Any, axis: Any) -> Any:
    source = operand(a)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = len(source.sizes) + len(axes)
    new = {one % rank for one in axes}
    return call("getitem", source, tuple(None if n in new else slice(None) for n in range(rank)))


@row("atleast_2d")
def _atleast_2d(a: Any) -> Any:
    source = operand(a)
    return source if len(source.sizes) > 1 else _expand_dims(source, 0) if source.sizes else _reshape(source, (1, 1))


@row("atleast_1d")
def _atleast_1d(a: Any) -> Any:
    source = operand(a)
    return source if source.sizes else _reshape(source, (1,))


@row("copy", "conj")
def _copy(a: Any, order: Any = "C") -> Any:
    source = operand(a)
    return make(source.sizes, source.kind, source.entry)


@row("broadcast_to")
def _broadcast_to(a: Any, shape: Any) -> Any:
    source = operand(a)
    sizes = [size_of(one) for one in (shape if isinstance(shape, (tuple, list)) else (shape,))]
    if len(broadcast(source.sizes, sizes)) > len(sizes) or not all(same(u, v) for u, v in zip(broadcast(source.sizes, sizes), sizes)):
        bad(f"{shape_text(source.sizes)} does not broadcast to {shape_text(sizes)}")
    shift = len(sizes) - len(source.sizes)
    return _view(source, sizes, lambda at: tuple(ZERO if s is ONE else w for w, s in zip(at[shift:], source.sizes)))


@row("tile")
def _tile(a: Any, repeats: Any) -> Any:
    source = operand(a)
    counts = [size_of(one) for one in (repeats if isinstance(repeats, (tuple, list)) else (repeats,))]
    width = max(len(counts), len(source.sizes))
    sizes = [ONE] * (width - len(source.sizes)) + list(source.sizes)
    counts = [ONE] * (width - len(counts)) + counts
    if any(size is not ONE and count is not ONE for size, count in zip(sizes, counts)):
        refuse("tile along an axis that is longer than 1 is not covered")
    return _copy(_broadcast_to(source, [dim(count if size is ONE else size) for size, count in zip(sizes, counts)]))


@row("repeat")
def _repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    source = operand(a)
    if axis is None:
        source, axis = _reshape(source, -1), 0
    counts: list[Expr] = [ONE] * len(source.sizes)
    counts[axis] = size_of(repeats)
    return _tile(source, [dim(count) for count in counts])


@row("concatenate", "concat")
def _concatenate(arrays: Any, axis: int = 0) -> Any:
    operands = [operand(one) for one in arrays]
    axis %= len(operands[0].sizes)
    kind = max((one.kind for one in operands), key=("bool", "int", "float").index)
    ends: list[Expr] = [ZERO]
    for one in operands:
        broadcastable = [size for n, size in enumerate(one.sizes) if n != axis]
        if not all(same(u, v) for u, v in zip(broadcastable, (s for n, s in enumerate(operands[0].sizes) if n != axis))):
            bad(f"{shape_text(one.sizes)} cannot be joined to {shape_text(operands[0].sizes)}")
        ends.append(integer(add(ends[-1], one.sizes[axis])))

    def entry(at: Location) -> Expr:
        starts = [_inside(sub(at[axis], start), one.sizes[axis]) for one, start in zip(operands, ends)]
        parts = [one.entry((*at[:axis], start, *at[axis + 1 :])) for one, start in zip(operands, starts)]
        result: Expr = parts[-1]
        for end, part in reversed(list(zip(ends[1:], parts[:-1]))):
            result = choose(Iverson(">", sub(end, at[axis])), part, result)
        return result

    return make([*operands[0].sizes[:axis], ends[-1], *operands[0].sizes[axis + 1 :]], kind, entry)


def _inside(where: Expr, size: Expr) -> Expr:
    return ZERO if size is ONE else integer(where)


@row("hstack")
def _hstack(arrays: Any) -> Any:
    operands = [_atleast_1d(one) for one in arrays]
    return _concatenate(operands, 0 if len(operands[0].sizes) == 1 else 1)


@row("vstack", "row_stack")
def _vstack(arrays: Any) -> Any:
    return _concatenate([_atleast_2d(one) for one in arrays], 0)


@row("column_stack")
def _column_stack(arrays: Any) -> Any:
    return _concatenate([one if len(one.sizes) > 1 else _expand_dims(one, 1) for one in map(operand, arrays)], 1)
