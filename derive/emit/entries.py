"""Entries of named arrays as views of them: slices, strides, windows, reshapes; an index array where none of these will do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from derive.emit import arithmetic, arrays, moves
from derive.emit.arrays import Axes, Value
from derive.emit.places import Linear, Places, minus, whole
from derive.index import ONE, ZERO, Add, At, Digit, Expr, Index, Mul, Num, add, mul, num

__all__ = ["Store", "entry", "gathered", "integer", "slots_of"]

Lower = Callable[[Expr, Axes], Value]


@dataclass(frozen=True)
class Store:
    """How a named array is kept: for each axis whether it is of size 1, its kind of number, and the sizes of its axes where known."""

    units: tuple[bool, ...]
    kind: str = "float"
    sizes: tuple[Expr, ...] = ()


@dataclass(frozen=True)
class Axis:
    """What becomes of one axis: how it is cut, the window over it, and the labels that it has in the end.

    window: (width, how many windows, the cut of the windows, the cut of their places); then `labels` holds the two indices.
    """

    cut: moves.Cut
    labels: tuple[Index | None, ...]
    window: tuple[Expr, Expr, moves.Cut, moves.Cut] | None = None


def slots_of(expr: At, store: Store) -> list[Expr | None]:
    """One index for each axis of the array as it is stored; None at an axis of size 1."""
    rest = list(expr.indices)
    if len(rest) == len(store.units):
        return [None if unit and index is ZERO else index for unit, index in zip(store.units, rest)]
    return [None if unit else rest.pop(0) for unit in store.units]


def entry(expr: At, store: Store, places: Places) -> Value | None:
    """The entries of a named array as a view of it; None where no view holds them."""
    slots = slots_of(expr, store)
    sizes = _sizes(slots, store)
    merged = _merged(slots, sizes, places)
    if merged is not None:
        base = arrays.load(expr.name, (None,) * len(slots), store.kind)
        return moves.reshaped(base, merged)
    axes = [_axis(slot, size, places) for slot, size in zip(slots, sizes)]
    if any(axis is None for axis in axes):
        return None
    found = [axis for axis in axes if axis is not None]
    met = [label for axis in found for label in axis.labels if label is not None]
    return _viewed(expr.name, store.kind, found) if len(set(met)) == len(met) else None


def _sizes(slots: Sequence[Expr | None], store: Store) -> tuple[Expr | None, ...]:
    return store.sizes or tuple(slot.size if isinstance(slot, Index) else None for slot in slots)


def _axis(slot: Expr | None, size: Expr | None, places: Places) -> Axis | None:
    if slot is None or size is None:
        return Axis(None, (slot if isinstance(slot, Index) else None,))
    if isinstance(slot, Index) and places.same(slot.size, size):
        return Axis(None, (slot,))
    linear = places.linear(slot) if whole(slot) else None
    if linear is None or places.inside(slot, size) != (True, True):
        return None
    if not linear.parts:
        return Axis(("at", linear.offset), ())
    radix = _in_order(linear, size, places)
    if radix is not None:
        return Axis(None, radix)
    steps = [linear.number_of(index) for index, _ in linear.parts]
    if len(steps) == 1 and steps[0]:
        return Axis(_cut(linear.parts[0][0], steps[0], linear.offset, size, places), (linear.parts[0][0],))
    return _windowed(linear, size, places) if len(steps) == 2 and all(steps) else None


def _in_order(linear: Linear, size: Expr, places: Places) -> tuple[Index, ...] | None:
    """The indices i, j, k of (i b + j) c + k, where these run over the whole axis."""
    if linear.offset is not ZERO or len(linear.parts) < 2:
        return None
    out: list[Index] = []
    weight: Expr = ONE
    left = dict(linear.parts)
    while left:
        found = next((index for index, scale in left.items() if places.same(scale, weight)), None)
        if found is None:
            return None
        out.insert(0, found)
        del left[found]
        weight = mul(weight, found.size)
    return tuple(out) if places.same(weight, size) else None


def _cut(index: Index, step: int, offset: Expr, size: Expr, places: Places) -> moves.Cut:
    """start:stop:step for offset + step · index."""
    last = places.tidy(add(offset, mul(num(step), minus(index.size, ONE))))
    if step < 0:
        start = None if places.same(offset, minus(size, ONE)) else offset
        return ("cut", start, None if 0 <= _value(last) < -step else places.tidy(minus(last, ONE)), step)
    behind = places.tidy(minus(minus(size, ONE), last))
    stop: Expr | None = places.tidy(add(last, ONE))
    if 0 <= _value(behind) < step:
        stop = None
    elif isinstance(behind, Num) and not isinstance(size, Num):
        stop = num(-behind.value)
    return ("cut", offset, stop, step)


def _value(node: Expr) -> int:
    return int(node.value) if isinstance(node, Num) else -1


def _windowed(linear: Linear, size: Expr, places: Places) -> Axis | None:
    """Windows along an axis: s p + d a + offset, with a in the window and p its place."""
    p, a = sorted((index for index, _ in linear.parts), key=lambda index: _breadth(index, linear), reverse=True)
    s, d = linear.number_of(p), linear.number_of(a)
    width, count = places.tidy(moves.extent(a, d)), places.tidy(moves.extent(p, s))
    start = places.tidy(add(linear.offset, *(mul(num(step), minus(index.size, ONE)) for index, step in ((p, s), (a, d)) if step < 0)))
    used = places.tidy(add(count, width, num(-1)))
    end = places.tidy(add(start, used))
    cut = None if start is ZERO and places.same(end, size) else ("cut", start, None if places.same(end, size) else end, 1)
    turned = [None if step == 1 else ("cut", None, None, step) for step in (s, d)]
    return Axis(cut, (p, a), (width, count, turned[0], turned[1]))


def _breadth(index: Index, linear: Linear) -> tuple[bool, int, str]:
    number = isinstance(index.size, Num)
    return (not number, abs(linear.number_of(index)) * int(index.size.args[0]) if number else 0, index.key)


def _viewed(name: str, kind: str, axes: Sequence[Axis]) -> Value:
    plain = [axis.labels[0] if len(axis.labels) == 1 and axis.cut is None else None for axis in axes]
    value = arrays.load(name, tuple(plain), kind)
    kept = [axis for axis in axes if axis.labels]  # an axis at one place is gone
    now: Axes = tuple(axis.labels[0] if len(axis.labels) == 1 else None for axis in kept)
    value = moves.sliced(value, [axis.cut for axis in axes], now)
    over = [(place, axis) for place, axis in enumerate(kept) if axis.window is not None]
    if over:
        value = _with_windows(value, over, now)
        now = value.axes
    if any(len(axis.labels) > 1 and axis.window is None for axis in kept):
        ahead = [label for axis in kept for label in (axis.labels[:1] if axis.window is not None else axis.labels)]
        value = moves.reshaped(value, (*ahead, *now[len(kept):]))
    return value


def _with_windows(value: Value, over: Sequence[tuple[int, Axis]], now: Axes) -> Value:
    made = [(place, axis.window[0], axis.window[1]) for place, axis in over if axis.window is not None]
    labels = {place: axis.labels[0] for place, axis in over}
    ahead = tuple(labels.get(place, label) for place, label in enumerate(now))
    axes = (*ahead, *(axis.labels[1] for _, axis in over))
    cuts: list[Any] = [None] * len(axes)
    for k, (place, axis) in enumerate(over):
        if axis.window is not None:
            cuts[place], cuts[len(now) + k] = axis.window[2:]
    return moves.sliced(moves.windows(value, made, axes), cuts, axes)


def _merged(slots: Sequence[Expr | None], sizes: Sequence[Expr | None], places: Places) -> Axes | None:
    """The axes of an array of which neighbouring ones are read at all the digits of one index, merged into that index."""
    out: list[Index | None] = []
    place, any_merged = 0, False
    while place < len(slots):
        slot = slots[place]
        if isinstance(slot, Digit) and isinstance(slot.args[0], Index) and slot.args[2] == 0:
            index, radix, _ = slot.args
            run = [Digit(index, radix, k) for k in range(len(radix))]
            fits = list(slots[place:place + len(radix)]) == run and places.same(mul(*radix), index.size)
            if not fits or any(size is None or not places.same(size, n) for size, n in zip(sizes[place:], radix)):
                return None
            out.append(index)
            place, any_merged = place + len(radix), True
            continue
        if slot is not None and not (isinstance(slot, Index) and (sizes[place] is None or places.same(slot.size, sizes[place] or ONE))):
            return None
        out.append(slot if isinstance(slot, Index) else None)
        place += 1
    met = [label for label in out if label is not None]
    return tuple(out) if any_merged and len(set(met)) == len(met) else None


# ------------------------------------------------------------------------------------------- index arrays


def gathered(expr: At, store: Store, target: Axes, lower: Lower, places: Places) -> Value:
    """The entries picked by index arrays."""
    slots = slots_of(expr, store)
    sizes = store.sizes or (None,) * len(slots)
    narrow = [slot for slot, size in zip(slots, sizes) if isinstance(slot, Index) and size is not None and not places.same(slot.size, size)]
    chosen = [slot for slot in slots if slot is not None and not isinstance(slot, Index)] + narrow
    chosen += [slot for place, slot in enumerate(slots) if isinstance(slot, Index) and slot in slots[:place]]
    picked: frozenset[Index] = frozenset().union(*(slot.free for slot in chosen))
    advanced = [slot is not None and (slot in chosen or bool(slot.free & picked)) for slot in slots]
    common = tuple(axis for axis in target if axis in picked)
    picks = [_inside(slot, size, common, lower, places) if slot is not None and far else None
             for slot, size, far in zip(slots, sizes, advanced)]
    spots = [place for place, far in enumerate(advanced) if far]
    rest = [None if slot is None else slot for slot, far in zip(slots, advanced) if not far]
    start = spots[0] if spots[-1] - spots[0] == len(spots) - 1 else 0
    axes: Any = (*rest[:start], *common, *rest[start:])
    base = arrays.load(expr.name, tuple(slot if isinstance(slot, Index) else None for slot in slots), store.kind)
    return arrays.take(base, picks, axes)


def _inside(slot: Expr, size: Expr | None, common: Axes, lower: Lower, places: Places) -> Value:
    """An index array, clipped where a guard is all that keeps it in range."""
    value = integer(slot, common, lower)
    below, above = places.inside(slot, size) if size is not None else (True, True)
    if not above and size is not None:
        value = arrays.clipped("min", value, lower(places.tidy(minus(size, ONE)), ()))
    return value if below else arrays.clipped("max", value, arrays.number(ZERO.value))


def integer(expr: Expr, target: Axes, lower: Lower) -> Value:
    """An integer-valued expression used as an index."""
    if isinstance(expr, Index):
        return arrays.fit(arrays.arange(expr, lower(expr.size, ())), target)
    if isinstance(expr, Digit):
        inner, sizes, k = expr.args
        value = integer(inner, target, lower)
        if sizes[k + 1:]:
            value = moves.whole_division("//", value, lower(mul(*sizes[k + 1:]), ()))
        first = k == 0 and isinstance(inner, Index) and inner.size is mul(*sizes)
        return value if first else moves.whole_division("%", value, lower(sizes[k], ()))
    if isinstance(expr, (Add, Mul)) and expr.free:
        parts = [(sign, integer(part, target, lower)) for sign, part in map(_signed, expr.args[0])] if isinstance(expr, Add) else []
        if parts:
            lead = next((part for part in parts if part[0] > 0), parts[0])
            return arithmetic.plus([lead, *(part for part in parts if part is not lead)])
        numbers = [part for part in expr.args[0] if isinstance(part, Num)]
        scale = num(1) if not numbers else numbers[0]
        return arithmetic.times(scale.value, [integer(part, target, lower) for part in expr.args[0] if part is not scale], [])
    value = lower(expr, target)
    return moves.as_integer(value) if value.kind == "float" else value


def _signed(term: Expr) -> tuple[int, Expr]:
    if isinstance(term, Num):
        return (-1, num(-term.value)) if term.value < 0 else (1, term)
    head = term.args[0][0] if isinstance(term, Mul) else ONE
    return (-1, mul(num(-head.value), *term.args[0][1:])) if isinstance(head, Num) and head.value < 0 else (1, term)



