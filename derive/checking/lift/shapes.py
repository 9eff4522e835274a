"""Reshaping, transposing, joining: views where NumPy makes views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from derive.checking.lift.arrays import Operand, SymbolicArray, dim, make, operand, shape_text, size_of
from derive.checking.lift.digits import combine, digit, divided, product_of, refined
from derive.checking.lift.elementwise import broadcast
from derive.checking.lift.registry import call, row
from derive.checking.lift.selection import probe
from derive.checking.lift.session import bad, current, refuse
from derive.checking.lift.sizes import same
from derive.checking.lift.storage import Location
from derive.index import ONE, ZERO, Expr, Num, delta, sub

__all__ = ["contiguous", "perhaps_shared"]


def _view(a: Operand, sizes: Sequence[Expr], locate: Any) -> Any:
    if isinstance(a, SymbolicArray):
        return a.view(sizes, locate)
    return make(sizes, a.kind, lambda at: a.entry(locate(at)))


def contiguous(a: Operand) -> bool:
    """Whether the array surely lies in memory row by row, without gaps."""
    if not isinstance(a, SymbolicArray) or not a.storage.plain:
        return False
    at, sizes = probe(a.sizes), a.storage.sizes
    location = a.locate(at)
    shift = len(location) - len(at)
    whole = all(location[shift + n] is where and same(sizes[shift + n], a.sizes[n]) for n, where in enumerate(at) if n)
    first = not at or at[0] is ZERO or same(sizes[shift], a.sizes[0]) or at[0] in location[shift].free
    return shift >= 0 and whole and first and not any(where.free & set(at) for where in location[:shift])


def perhaps_shared(a: Operand, sizes: Sequence[Expr], locate: Any) -> Any:
    """A copy of which it is not known whether NumPy makes a view: it is read, and neither it nor what it was made of is written afterwards."""
    copy = make(sizes, a.kind, lambda at: a.entry(locate(at)))
    if isinstance(a, SymbolicArray) and isinstance(copy, SymbolicArray):
        copy.storage.locked = "an array is changed that may be a view or a copy of another"
        copy.storage.shared = a.storage.shared or (a.storage, a.storage.version)
    return copy


@row("perhaps shared")
def _perhaps_shared(a: Any) -> Any:
    return perhaps_shared(a, a.sizes, lambda at: at)


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


@row("rollaxis")
def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    rank = len(operand(a).sizes)
    axis, start = axis % rank, start + rank if start < 0 else start
    return _moveaxis(a, axis, start - 1 if axis < start else start)


def _wanted(shape: Sequence[Any], sizes: Sequence[Expr]) -> list[Expr]:
    """The sizes of a reshape, −1 resolved."""
    given = [None if isinstance(one, int) and one == -1 else size_of(one) for one in shape]
    if given.count(None) > 1:
        bad("a reshape can have one −1 only")
    known = product_of([size for size in given if size is not None])
    whole = product_of(sizes)
    if None not in given:
        if not same(known, whole):
            text = f"an array of shape {shape_text(sizes)} cannot be given the shape {shape_text([one for one in given if one is not None])}"
            bad(text, "right only when sizes happen to fit")
        return [size for size in given if size is not None]
    rest = divided(whole, known)
    if rest is None:
        refuse(f"a reshape of {shape_text(sizes)} whose last size is no product of sizes is not covered")
    return [rest if size is None else size for size in given]


@row("reshape")
def _reshape(a: Any, *shape: Any, newshape: Any = None, order: Any = "C", copy: Any = None) -> Any:
    source = operand(a)
    wanted = newshape if newshape is not None else shape[0] if len(shape) == 1 else shape
    if order not in ("C", "A", "K") and len(source.sizes) + (len(wanted) if isinstance(wanted, (tuple, list)) else 1) > 2:
        refuse(f"reshape in the order {order} is not covered")
    sizes = _wanted(wanted if isinstance(wanted, (tuple, list)) else (wanted,), source.sizes)
    old, new = ([size for size in shape if size is not ONE] for shape in (source.sizes, sizes))
    radices = refined(old, new)
    if radices is None:
        refuse(f"a reshape of {shape_text(source.sizes)} that reorders axes is not covered")

    def locate(at: Location) -> Location:
        entries = _located(radices, [where for where, size in zip(at, sizes) if size is not ONE])
        left = iter(entries)
        return tuple(ZERO if size is ONE else next(left) for size in source.sizes)

    joins = any(sum(1 for _, _, new in radices if new == axis) > 1 for axis in range(len(new)))
    return perhaps_shared(source, sizes, locate) if joins and not contiguous(source) else _view(source, sizes, locate)


def _located(radices: Sequence[tuple[Expr, int, int]], at: Sequence[Expr]) -> list[Expr]:
    """Where an entry of the new shape lies in the old one."""
    digits: dict[int, list[tuple[Expr, Expr]]] = {}
    for axis, where in enumerate(at):
        own = [(radix, old) for radix, old, new in radices if new == axis]
        sizes = [radix for radix, _ in own]
        for place, (radix, old) in enumerate(own):
            digits.setdefault(old, []).append((digit(where, sizes, place), radix))
    return [combine([one for one, _ in digits[old]], [radix for _, radix in digits[old]]) for old in sorted(digits)]


@row("ravel")
def _ravel(a: Any, order: Any = "C") -> Any:
    flat, source = _reshape(a, -1, order=order), operand(a)
    return flat if contiguous(source) else perhaps_shared(flat, flat.sizes, lambda at: at)


@row("flatten")
def _flatten(a: Any, order: Any = "C") -> Any:
    return _copy(_reshape(a, -1, order=order))


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
def _tile(A: Any, reps: Any) -> Any:
    source = operand(A)
    counts = [size_of(one) for one in (reps if isinstance(reps, (tuple, list)) else (reps,))]
    width = max(len(counts), len(source.sizes))
    source = _reshape(source, [1] * (width - len(source.sizes)) + list(source.shape)) if width > len(source.sizes) else source
    return _repeated(source, [ONE] * (width - len(counts)) + counts, whole=True)


@row("repeat")
def _repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    source = operand(a)
    if axis is None:
        source, axis = _reshape(source, -1), 0
    counts: list[Expr] = [ONE] * len(source.sizes)
    counts[axis] = size_of(repeats)
    return _repeated(source, counts, whole=False)


def _repeated(a: Operand, counts: Sequence[Expr], whole: bool) -> Any:
    """The array repeated along each axis, as a whole or entry by entry."""

    def inner(where: Expr, size: Expr, count: Expr) -> Expr:
        if size is ONE or count is ONE:
            return ZERO if size is ONE else where
        return digit(where, (count, size), 1) if whole else digit(where, (size, count), 0)

    sizes = [product_of([size, count]) for size, count in zip(a.sizes, counts)]
    return make(sizes, a.kind, lambda at: a.entry(tuple(map(inner, at, a.sizes, counts))))
