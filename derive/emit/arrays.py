"""Array programs: the small language between an index expression and source text.

A `Value` is an array whose axes carry labels: an index for a real axis, None for an axis of size 1.  Operands of an elementwise
operation are already aligned, so that NumPy's broadcasting (from the right) does the rest.  Values are interned: equal values are the
same object.

Operations, with what `data` holds:
    load (name) · number (Fraction) · const (name) · size (Expr) · arange () · eye () · plus (signs)
    times (coefficient, how many numerators) · power (exponent) · call (function) · compare (op) · where () · matmul ()
    reduce (kind, positions, keepdims) · einsum () · take (slots) · view () · cast () · full () · copy ()

Kinds, for the pitfalls of NumPy's number types: 'float'; 'bool' (masks: `+` would be "or", `-` an error, exp would be float16);
'int' (the user's integers, perhaps eight bits wide); 'count' (Python's and 64-bit integers).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from derive.index import Expr, Index

__all__ = [
    "Axes", "Value", "arange", "broadcast", "call", "cast", "choose", "clipped", "compare", "const", "copied", "einsum", "eye", "fit", "full",
    "labels", "load", "make", "matmul", "number", "rebuild_value", "reduce", "size", "squeezed", "subvalues", "take", "view", "viewed", "widened",
]

Axes = tuple[Index | None, ...]
_values: weakref.WeakValueDictionary[Any, Value] = weakref.WeakValueDictionary()


@dataclass(frozen=True, eq=False)
class Value:
    """An array: an operation, its operands, its further data, the labels of its axes and its kind of number."""

    op: str
    args: tuple[Value, ...]
    data: tuple[Hashable, ...]
    axes: Axes
    kind: str = "float"


def make(op: str, args: Iterable[Value], data: tuple[Hashable, ...], axes: Iterable[Index | None], kind: str = "float") -> Value:
    """The one value with these parts; for the builders of this module and of `arithmetic`."""
    key = (op, tuple(args), data, tuple(axes), kind)
    found = _values.get(key)
    return found if found is not None else _values.setdefault(key, Value(*key))


def rebuild_value(value: Value, change: Callable[[Value], Value]) -> Value:
    """The value with `change` applied to each operand."""
    args = tuple(change(arg) for arg in value.args)
    return value if args == value.args else make(value.op, args, value.data, value.axes, value.kind)


def subvalues(value: Value) -> Iterator[Value]:
    """The value and everything below it, repeated as often as it occurs."""
    yield value
    for arg in value.args:
        yield from subvalues(arg)


# ------------------------------------------------------------------------------------------- axes


def labels(value: Value) -> list[Index]:
    """The labels of the real axes, in order."""
    return [axis for axis in value.axes if axis is not None]


def broadcast(values: Sequence[Value]) -> Axes:
    """The axes of an elementwise result: aligned from the right."""
    width = max((len(value.axes) for value in values), default=0)
    padded = [(None,) * (width - len(value.axes)) + value.axes for value in values]
    return tuple(next((axis for axis in column if axis is not None), None) for column in zip(*padded))


def fit(value: Value, target: Axes) -> Value:
    """The value, viewed so that it broadcasts to `target`; unchanged where it already does."""
    tail = target[len(target) - len(value.axes):] if value.axes else ()
    if len(value.axes) <= len(target) and all(axis is None or axis is other for axis, other in zip(value.axes, tail)):
        return value
    present = set(labels(value))
    wanted = [axis if axis in present else None for axis in target]
    while wanted and wanted[0] is None:
        wanted.pop(0)
    return view(value, tuple(wanted))


def view(value: Value, axes: Axes) -> Value:
    """The same entries with the axes reordered, and axes of size 1 added or dropped."""
    if value.axes == axes:
        return value
    if value.op == "view":
        return view(value.args[0], axes)
    if value.op == "reduce" and not value.data[2]:
        kept = _with_holes(value)
        if kept == axes:
            return make("reduce", value.args, (*value.data[:2], True), axes, value.kind)
    if value.op == "reduce" and value.data[2]:
        return view(make("reduce", value.args, (*value.data[:2], False), tuple(labels(value)), value.kind), axes)
    if value.op == "matmul" and len(axes) == len(value.axes) == 2 and axes == value.axes[::-1]:
        left, right = value.args
        return matmul(view(right, right.axes[::-1]), view(left, left.axes[::-1])) if len(left.axes) == len(right.axes) == 2 else value
    return make("view", (value,), (), axes, value.kind)


def _with_holes(reduced: Value) -> Axes:
    positions: Any = reduced.data[1]
    return tuple(None if place in positions else axis for place, axis in enumerate(reduced.args[0].axes))


def squeezed(value: Value) -> Value:
    """Without its axes of size 1."""
    return view(value, tuple(labels(value)))


def full(value: Value, axes: Axes) -> Value:
    """The value with exactly these axes: viewed, or repeated in a fresh array (broadcast_to would be read-only)."""
    if set(labels(value)) == {axis for axis in axes if axis is not None}:
        return view(value, axes)
    return make("full", (fit(value, axes),), (), axes)


def copied(value: Value) -> Value:
    """An array that may be changed in place."""
    return make("copy", (value,), (), value.axes, value.kind) if viewed(value) else value


def viewed(value: Value) -> str:
    """The name of the array that the value is a view of; empty where it is an array of its own."""
    while value.op in ("view", "slice", "reshape", "windows"):
        value = value.args[0]
    return str(value.data[0]) if value.op == "load" else ""


# ------------------------------------------------------------------------------------------- leaves


def load(name: str, axes: Axes, kind: str = "float") -> Value:
    """A named array."""
    return make("load", (), (name,), axes, kind)


def number(value: Fraction) -> Value:
    """An exact number."""
    return make("number", (), (value,), (), "count" if value.denominator == 1 else "float")


def const(name: str) -> Value:
    """A named constant such as pi."""
    return make("const", (), (name,), ())


def size(expr: Expr) -> Value:
    """A symbolic size, a Python integer."""
    return make("size", (), (expr,), (), "count")


def arange(index: Index, length: Value) -> Value:
    """0 … size − 1, as wide as the label says."""
    return make("arange", (length,), (), (index,), "count")


def eye(row: Index, column: Index, length: Value) -> Value:
    """The identity matrix."""
    return make("eye", (length,), (), (row, column))


# ------------------------------------------------------------------------------------------- elementwise


def cast(value: Value) -> Value:
    """The value as floating-point numbers."""
    done = value.kind == "float" or (value.kind == "count" and not value.axes)
    return value if done else make("cast", (value,), (), value.axes)


def widened(value: Value) -> Value:
    """The value, masks and the user's integers as floating-point numbers."""
    return cast(value) if value.kind in ("bool", "int") else value


def call(name: str, args: Sequence[Value]) -> Value:
    """A scalar function of the table, elementwise."""
    parts = [widened(arg) for arg in args]
    return make("call", parts, (name,), broadcast(parts))


def clipped(name: str, value: Value, limit: Value) -> Value:
    """An index array kept in range: the 'min' or 'max' of it and an integer."""
    return make("call", (value, limit), (name,), value.axes, "count")


def compare(op: str, left: Value, right: Value) -> Value:
    """A mask: left op right."""
    return make("compare", (left, right), (op,), broadcast((left, right)), "bool")


def choose(condition: Value, then: Value, otherwise: Value) -> Value:
    """np.where."""
    mask = condition if condition.kind == "bool" else compare("!=", condition, number(Fraction(0)))
    parts = (mask, cast(then), cast(otherwise))
    return make("where", parts, (), broadcast(parts))


# ------------------------------------------------------------------------------------------- whole arrays


def reduce(kind: str, value: Value, over: Iterable[Index]) -> Value:
    """The sum, mean, max or min over some labels; other axes of size 1 are kept."""
    gone = set(over)
    positions = tuple(place for place, axis in enumerate(value.axes) if axis in gone)
    left = tuple(axis for axis in value.axes if axis not in gone)
    return make("reduce", (value,), (kind, positions, False), left, "count" if kind == "sum" and value.kind == "bool" else value.kind)


def matmul(left: Value, right: Value) -> Value:
    """A matrix product: the last axis of left with the first of right, which has at most two."""
    if left.kind != "float" and right.kind != "float":
        left = cast(left)
    return make("matmul", (left, right), (), (*left.axes[:-1], *right.axes[1:]))


def einsum(values: Sequence[Value], axes: Axes) -> Value:
    """The product of all, summed over the labels that `axes` lacks."""
    return make("einsum", tuple(cast(_unturned(value)) for value in values), (), axes)


def _unturned(value: Value) -> Value:
    """The array below a view that reorders its axes alone: einsum's letters say the order."""
    inner = value.args[0] if value.op == "view" else value
    return inner if None not in inner.axes else value


def take(base: Value, picks: Sequence[Value | None], axes: Axes) -> Value:
    """The entries base[picks]: an index array for each axis, None for a whole axis (':')."""
    slots = tuple(pick is not None for pick in picks)
    return make("take", (base, *(pick for pick in picks if pick is not None)), slots, axes, base.kind)
