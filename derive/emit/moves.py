"""Values that move entries about, and their text: slices, windows, reshapes, zeros around an array, arrays one after the other.

Operations, with what `data` holds:
    slice (for each axis None, ('at', place) or ('cut', start, stop, step)) · windows (the axes, their windows, the places of them)
    reshape (), or the name of an array of that shape · spread (widths) · concat, stack (axis) · integer () · whole (op, for // and %)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

from derive.emit.arrays import Axes, Value, broadcast, make
from derive.errors import NotYet
from derive.index import ONE, ZERO, Add, Expr, Index, Mul, Num, Pow, Size, add, mul, num

__all__ = ["MOVES", "Cut", "as_integer", "concat", "extent", "reshaped", "size_text", "sliced", "spread", "stack", "whole_division", "windows"]

_SUM, _PRODUCT, _ATOM = 1, 2, 5
Cut = tuple[Hashable, ...] | None


def sliced(base: Value, cuts: Sequence[Cut], axes: Axes) -> Value:
    """base[…]: along each axis everything (None), one place, or start:stop:step."""
    return make("slice", (base,), tuple(cuts), axes, base.kind) if any(cuts) else base


def windows(base: Value, over: Sequence[tuple[int, Expr, Expr]], axes: Axes) -> Value:
    """The windows along some axes, (axis, width, how many): the places of a window come last."""
    return make("windows", (base,), tuple(over), axes, base.kind)


def reshaped(base: Value, axes: Axes, like: str = "") -> Value:
    """The same entries in the same order over other axes, perhaps those of a named array."""
    return make("reshape", (base,), (like,) if like else (), axes, base.kind)


def spread(base: Value, widths: Sequence[tuple[Expr, int, Expr]], axes: Axes) -> Value:
    """With zeros around the array."""
    return make("spread", (base,), tuple(widths), axes, base.kind)


def concat(parts: Sequence[Value], axis: int, axes: Axes) -> Value:
    """One after the other along an axis."""
    return make("concat", parts, (axis,), axes)


def stack(parts: Sequence[Value], axis: int, axes: Axes) -> Value:
    """One beside the other along a new axis."""
    return make("stack", parts, (axis,), axes)


def as_integer(value: Value) -> Value:
    """Whole numbers that are kept as floating-point ones, as integers."""
    return make("integer", (value,), (), value.axes, "count")


def whole_division(op: str, left: Value, right: Value) -> Value:
    """left // right, or left % right, of index arrays."""
    return make("whole", (left, right), (op,), broadcast((left, right)), "count")


# ------------------------------------------------------------------------------------------- text


class Writer(Protocol):
    """What a printer offers."""

    np: str
    library: str
    sizes: set[str]
    size_names: Any
    names: dict[str, str]

    def text(self, value: Value) -> str:
        """The value as it stands alone."""
        ...

    def wrap(self, value: Value, level: int) -> str:
        """The value, in parentheses where it binds more loosely."""
        ...


def size_text(writer: Writer, expr: Expr) -> tuple[str, int]:
    """A size made of the user's sizes, and how tightly it binds."""
    if isinstance(expr, Num):
        value = expr.value
        return str(value), _ATOM if value >= 0 and value.denominator == 1 else _SUM
    if isinstance(expr, Size):
        if expr.name not in writer.size_names:
            raise NotYet(f"the size {expr.name} cannot be read off an argument", hint="give an array argument an axis of that size alone")
        writer.sizes.add(expr.name)
        return writer.size_names[expr.name], _ATOM
    if isinstance(expr, Add):
        return _sum_text(writer, expr), _SUM
    if isinstance(expr, Mul):
        return " * ".join(_wrapped(writer, part, _PRODUCT) for part in expr.args[0]), _PRODUCT
    if isinstance(expr, Pow) and expr.args[1] > 0:
        return f"{_wrapped(writer, expr.args[0], _ATOM)} ** {expr.args[1]}", _PRODUCT
    raise NotYet(f"no array form for the size {expr!r}", hint="sizes may be sums and products of sizes")


def _wrapped(writer: Writer, expr: Expr, level: int) -> str:
    text, own = size_text(writer, expr)
    return text if own >= level else f"({text})"


def _sum_text(writer: Writer, expr: Expr) -> str:
    signed = sorted((_signed(term) for term in expr.args[0]), key=lambda pair: (pair[0] < 0, isinstance(pair[1], Num)))
    text = ""
    for sign, term in signed:
        part = _wrapped(writer, term, _PRODUCT)
        text += (f" {'+' if sign > 0 else '-'} " if text else "" if sign > 0 else "-") + part
    return text


def _signed(term: Expr) -> tuple[int, Expr]:
    if isinstance(term, Num):
        return (-1, num(-term.value)) if term.value < 0 else (1, term)
    head = term.args[0][0] if isinstance(term, Mul) else ONE
    return (-1, mul(num(-head.value), *term.args[0][1:])) if isinstance(head, Num) and head.value < 0 else (1, term)


def _slice(writer: Writer, value: Value) -> tuple[str, int]:
    """x[:, 0, 1::2]."""
    parts = [_cut(writer, cut) for cut in value.data]
    while parts[-1] == ":":
        parts.pop()
    return f"{writer.wrap(value.args[0], _ATOM)}[{', '.join(parts)}]", _ATOM


def _cut(writer: Writer, cut: Any) -> str:
    if cut is None:
        return ":"
    if cut[0] == "at":
        return size_text(writer, cut[1])[0]
    _, start, stop, step = cut
    first = "" if start is None or start is ZERO else size_text(writer, start)[0]
    last = "" if stop is None else size_text(writer, stop)[0]
    return f"{first}:{last}" + (f":{step}" if step != 1 else "")


def _windows(writer: Writer, value: Value) -> tuple[str, int]:
    """np.lib.stride_tricks.sliding_window_view, or index arrays where there is none."""
    base, over = value.args[0], _triples(value)
    if writer.library == "numpy":
        axes = [str(axis) for axis, _, _ in over]
        widths = [size_text(writer, width)[0] for _, width, _ in over]
        inside = f"{widths[0]}, axis={axes[0]}" if len(over) == 1 else f"({', '.join(widths)}), axis=({', '.join(axes)})"
        return f"np.lib.stride_tricks.sliding_window_view({writer.text(base)}, {inside})", _ATOM
    count = len(over)
    picks = {}
    for place, (axis, width, length) in enumerate(over):
        tail, gap = ", None" * (2 * count - 1 - place), ", None" * (count - 1 - place)
        rows = f"{writer.np}.arange({size_text(writer, length)[0]})[:{tail}]"
        picks[axis] = rows + f" + {writer.np}.arange({size_text(writer, width)[0]})" + (f"[:{gap}]" if gap else "")
    parts = [picks.get(axis, ":") for axis in range(max(picks) + 1)]
    text = f"{writer.wrap(base, _ATOM)}[{', '.join(parts)}]"
    return _last(writer, text, base, [axis for axis, _, _ in over]), _ATOM


def _last(writer: Writer, text: str, base: Value, moved: list[int]) -> str:
    """The axes of the windows moved to the end, where index arrays left them elsewhere."""
    width, count = len(base.axes), len(moved)
    together = moved == list(range(moved[0], moved[0] + count))
    start = moved[0] if together else 0
    now: list[tuple[str, int]] = [("own", axis) for axis in range(width) if axis not in moved]
    met = [("own", axis) for axis in moved] + [("window", axis) for axis in moved]
    now[start:start] = met
    want = [("own", axis) for axis in range(width)] + [("window", axis) for axis in moved]
    order = [now.index(one) for one in want]
    return text if order == sorted(order) else f"{text}.transpose({', '.join(map(str, order))})"


def _triples(value: Value) -> list[tuple[int, Expr, Expr]]:
    data: Any = value.data
    return list(data)


def _reshape(writer: Writer, value: Value) -> tuple[str, int]:
    """x.reshape(n, 2, -1): the last axis that is not there already is left to NumPy where its size is no number."""
    (base,) = value.args
    if value.data:
        return f"{writer.wrap(base, _ATOM)}.reshape({writer.names[str(value.data[0])]}.shape)", _ATOM
    sizes = [ONE if axis is None else axis.size for axis in value.axes]
    new = [place for place, axis in enumerate(value.axes) if axis is not None and axis not in base.axes and not isinstance(axis.size, Num)]
    parts = ["-1" if new and place == new[-1] else size_text(writer, size)[0] for place, size in enumerate(sizes)]
    return f"{writer.wrap(base, _ATOM)}.reshape({', '.join(parts)})", _ATOM


def _spread(writer: Writer, value: Value) -> tuple[str, int]:
    """np.pad(x, ((0, 0), (1, 1)))."""
    data: Any = value.data
    pairs = [f"({size_text(writer, before)[0]}, {size_text(writer, behind)[0]})" for before, _, behind in data]
    around = ", ".join(pairs) if len(pairs) > 1 else pairs[0][1:-1]
    return f"{writer.np}.pad({writer.text(value.args[0])}, ({around}))", _ATOM


def _concat(writer: Writer, value: Value) -> tuple[str, int]:
    """np.concatenate([u, v], axis=1)."""
    axis = value.data[0]
    return f"{writer.np}.concatenate([{', '.join(map(writer.text, value.args))}]{f', axis={axis}' if axis else ''})", _ATOM


def _stack(writer: Writer, value: Value) -> tuple[str, int]:
    """np.stack([u, v], axis=1)."""
    axis = value.data[0]
    return f"{writer.np}.stack([{', '.join(map(writer.text, value.args))}]{f', axis={axis}' if axis else ''})", _ATOM


def _integer(writer: Writer, value: Value) -> tuple[str, int]:
    """.astype(int)."""
    return f"{writer.wrap(value.args[0], _ATOM)}.astype(int)", _ATOM


def _whole(writer: Writer, value: Value) -> tuple[str, int]:
    """i // w, i % w."""
    left, right = value.args
    return f"{writer.wrap(left, _PRODUCT)} {value.data[0]} {writer.wrap(right, _PRODUCT + 1)}", _PRODUCT


MOVES: dict[str, Callable[[Any, Value], tuple[str, int]]] = {
    "slice": _slice, "windows": _windows, "reshape": _reshape, "spread": _spread, "concat": _concat, "stack": _stack,
    "integer": _integer, "whole": _whole,
}


def extent(index: Index, step: int) -> Expr:
    """How many entries an index passes over, from its first place to its last."""
    return add(mul(num(abs(step)), add(index.size, num(-1))), num(1))

