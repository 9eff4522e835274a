"""What a[key] selects: basic keys give views, integer arrays and labels give copies, with the place in `a` of each entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.checking.lift.arrays import Operand, operand, shape_text, size_of
from derive.checking.lift.digits import divided
from derive.checking.lift.elementwise import broadcast, entries
from derive.checking.lift.masked import MaskIndex, MaskPart
from derive.checking.lift.session import bad, current, new_index, refuse
from derive.checking.lift.sizes import at_least, integer, nonnegative, same
from derive.checking.lift.storage import Location, choose
from derive.index import ONE, ZERO, At, Expr, Extremum, Index, Iverson, Num, Where, add, mul, num, sub, walk

__all__ = ["Selection", "in_range", "mask_of", "probe", "select"]


@dataclass(frozen=True)
class Selection:
    """The shape of a[key], where its entries lie in a, and whether NumPy copies."""

    sizes: tuple[Expr, ...]
    locate: Callable[[Location], Location]
    copies: bool


@dataclass(frozen=True)
class _Part:
    """One item of a key: a slice (size, start), a new axis (size 1), or an integer or integer array (index)."""

    axis: int | None
    size: Expr = ONE
    start: Expr = ZERO
    step: int = 1
    index: Operand | None = None


def probe(sizes: Sequence[Expr]) -> Location:
    """Fresh indices for a shape, 0 on axes of size 1."""
    return tuple(ZERO if size is ONE else new_index(size) for size in sizes)


def mask_of(key: Any) -> Operand | None:
    """The mask that is the whole key, if it is one."""
    if isinstance(key, tuple) and len(key) == 1:
        key = key[0]
    if isinstance(key, MaskIndex) or (isinstance(key, MaskPart) and len(key.mask.sizes) == 1):
        return key.mask
    if isinstance(key, (list, np.ndarray)) and _is_mask(key):
        key = operand(key)
    return key if isinstance(key, Operand) and key.kind == "bool" else None


def _is_mask(key: Any) -> bool:
    return key.dtype == bool if isinstance(key, np.ndarray) else bool(key) and operand(key[0]).kind == "bool"


def in_range(where: Expr, size: Expr) -> Expr:
    """The index, counted from the end where it is negative; what is not certain becomes an assumption.

    Raises:
        CannotLift: it may be negative for some sizes, and NumPy would then count from the end.
    """
    if isinstance(where, Where):
        return choose(where.args[0], in_range(where.args[1], size), in_range(where.args[2], size))
    where = integer(where)
    if isinstance(where, Num) and where.value < 0:
        where = integer(add(where, size))
    if isinstance(where, Extremum) and same(where.bound[0].size, size):
        return where
    data = [part for part in walk(where) if isinstance(part, At)]
    low, high = nonnegative(where), at_least(size, add(where, ONE))
    if low and high:
        return where
    if not low and not data:
        refuse(f"the index {_text(where)} may be negative for some sizes")
    if not data and where.free:
        refuse(f"the index {_text(where)} may be too large for an axis of size {shape_text([size])[1:-2]}")
    condition = mul(Iverson(">=", where), Iverson(">", sub(size, where)))
    bound = shape_text([size])[1:-2]
    text = f"labels in range: 0 ≤ {_text(where)} < {bound}" if data else f"{_text(where)} < {bound}"
    current().assume(text, condition)
    return where


def _text(u: Expr) -> str:
    if isinstance(u, At):
        return u.name + ("_" + ",".join(_text(index) for index in u.indices) if u.indices else "")
    return u.name if isinstance(u, Index) else shape_text([u])[1:-2] if not u.free else "index"


def _bound(value: Any, size: Expr, default: Expr) -> Expr:
    if value is None:
        return default
    given: Expr = operand(value).entry(())
    if isinstance(given, Num) and given.value < 0:
        return integer(add(size, given))
    return given


def _slice(key: slice, axis: int, size: Expr) -> _Part:
    step = 1 if key.step is None else size_of(key.step)
    if step not in (1, ONE):
        return _strided(key, axis, size, step)
    start, stop = _bound(key.start, size, ZERO), _bound(key.stop, size, size)
    if not at_least(size, stop) and isinstance(size, Num) and isinstance(stop, Num):
        stop = size
    if not (nonnegative(start) and at_least(size, stop) and at_least(stop, start)):
        refuse(f"the slice of an axis of size {shape_text([size])[1:-2]} may lie outside of it for some sizes")
    return _Part(axis, integer(sub(stop, start)), integer(start))


def _strided(key: slice, axis: int, size: Expr, step: Any) -> _Part:
    """A slice backwards over the whole axis, with any step over an axis of known size, or one that divides the size."""
    if step is num(-1) and key.start is None and key.stop is None:
        return _Part(axis, size, integer(add(size, num(-1))), step=-1)
    bounds = [None if one is None else size_of(one) for one in (key.start, key.stop)]
    if isinstance(size, Num) and isinstance(step, Num) and all(one is None or isinstance(one, Num) for one in bounds):
        low, high = (int(one.value) if isinstance(one, Num) else None for one in bounds)
        whole = range(int(size.value))[slice(low, high, int(step.value))]
        return _Part(axis, num(len(whole)), num(whole.start), step=whole.step)
    start = ZERO if bounds[0] is None else bounds[0]
    length = divided(size, step) if isinstance(step, Num) and step.value > 1 else None
    if length is None or bounds[1] is not None or not (nonnegative(start) and at_least(step, add(start, ONE))):
        refuse("a slice with a step is not covered")
    return _Part(axis, length, start, step=int(step.value))


def _expand(key: Any, rank: int) -> list[Any]:
    items = list(key) if isinstance(key, tuple) else [key]
    used = sum(1 for item in items if item is not None and item is not Ellipsis)
    if used > rank:
        bad(f"too many indices: {used} for an array with {rank} axes")
    gap = [slice(None)] * (rank - used)
    for position, item in enumerate(items):
        if item is Ellipsis:
            return items[:position] + gap + items[position + 1 :]
    return items + gap


def _index(item: Any, axis: int, size: Expr) -> _Part:
    if isinstance(item, (bool, np.bool_, MaskIndex, MaskPart)):
        refuse("a mask beside other indices is not covered")
    index = operand(item)
    if index.kind == "bool":
        refuse("a mask beside other indices is not covered")
    if index.kind != "int":
        bad("a float was used as an index; NumPy takes integers only")
    in_range(index.entry(probe(index.sizes)), size)
    return _Part(axis, index=index)


def _parts(sizes: Sequence[Expr], key: Any) -> list[_Part]:
    parts, axis = [], 0
    for item in _expand(key, len(sizes)):
        if item is None:
            parts.append(_Part(None))
            continue
        parts.append(_slice(item, axis, sizes[axis]) if isinstance(item, slice) else _index(item, axis, sizes[axis]))
        axis += 1
    return parts


def select(sizes: Sequence[Expr], key: Any) -> Selection:
    """What a key without masks selects from an array of these sizes, by NumPy's rules."""
    parts = _parts(sizes, key)
    advanced = [part for part in parts if part.index is not None]
    arrays = any(part.index is not None and part.index.sizes for part in advanced)
    inner = broadcast(*(part.index.sizes for part in advanced if part.index is not None)) if arrays else ()
    places = [position for position, part in enumerate(parts) if part.index is not None]
    joined = bool(places) and places == list(range(places[0], places[-1] + 1))
    before = sum(1 for part in parts[: places[0]] if part.index is None) if joined else 0
    basic = [part for part in parts if part.index is None]
    out = [part.size for part in basic]

    def locate(at: Location) -> Location:
        head = at[before : before + len(inner)]
        rest = iter(at[:before] + at[before + len(inner) :])
        found: dict[int, Expr] = {}
        for part in parts:
            where = next(rest) if part.index is None else entries([part.index], head)[0] if arrays else part.index.entry(())
            if part.axis is not None:
                found[part.axis] = in_range(where, sizes[part.axis]) if part.index is not None else _shift(where, part)
        return tuple(found[axis] for axis in range(len(sizes)))

    return Selection((*out[:before], *inner, *out[before:]), locate, arrays)


def _shift(where: Expr, part: _Part) -> Expr:
    return where if part.start is ZERO and part.step == 1 else integer(add(mul(num(part.step), where), part.start))
