"""Array programs: the small language between an index expression and source text.

A `Value` is an array whose axes carry labels: an index for a real axis, None for an axis of size 1.  Operands of an elementwise operation
are already aligned, so that NumPy's broadcasting (from the right) does the rest.  Values are interned: equal values are the same object.

Operations, with what `data` holds:
    load (name) · number (Fraction) · const (name) · size (Expr) · arange () · eye () · plus (signs) · times (coefficient, count of numerators)
    power (exponent) · call (function) · compare (op) · where · matmul · reduce (kind, positions, keepdims) · einsum () · take (slots) ·
    view () · cast () · full () · copy ()

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
    "Axes", "Value", "arange", "broadcast", "call", "cast", "choose", "compare", "const", "copied", "einsum", "eye", "fit", "full", "labels",
    "load", "matmul", "number", "plus", "power", "rebuild_value", "reduce", "size", "squeezed", "subvalues", "take", "times", "view",
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


def _make(op: str, args: Iterable[Value], data: tuple[Hashable, ...], axes: Iterable[Index | None], kind: str = "float") -> Value:
    key = (op, tuple(args), data, tuple(axes), kind)
    found = _values.get(key)
    return found if found is not None else _values.setdefault(key, Value(*key))


def rebuild_value(value: Value, change: Callable[[Value], Value]) -> Value:
    """The value with `change` applied to each operand."""
    args = tuple(change(arg) for arg in value.args)
    return value if args == value.args else _make(value.op, args, value.data, value.axes, value.kind)


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
            return _make("reduce", value.args, (*value.data[:2], True), axes, value.kind)
    if value.op == "reduce" and value.data[2]:
        return view(_make("reduce", value.args, (*value.data[:2], False), tuple(labels(value)), value.kind), axes)
    return _make("view", (value,), (), axes, value.kind)


def _with_holes(reduced: Value) -> Axes:
    positions: Any = reduced.data[1]
    return tuple(None if place in positions else axis for place, axis in enumerate(reduced.args[0].axes))


def squeezed(value: Value) -> Value:
    """Without its axes of size 1."""
    return view(value, tuple(labels(value)))


def full(value: Value, axes: Axes) -> Value:
    """The value with exactly these axes: viewed, or repeated along the axes that it lacks (a fresh array, since broadcast_to is read-only)."""
    if set(labels(value)) == {axis for axis in axes if axis is not None}:
        return view(value, axes)
    return _make("full", (fit(value, axes),), (), axes)


def copied(value: Value) -> Value:
    """An array that may be changed in place."""
    return _make("copy", (value,), (), value.axes, value.kind) if value.op in ("load", "view") else value


# ------------------------------------------------------------------------------------------- leaves


def load(name: str, axes: Axes, kind: str = "float") -> Value:
    """A named array."""
    return _make("load", (), (name,), axes, kind)


def number(value: Fraction) -> Value:
    """An exact number."""
    return _make("number", (), (value,), (), "count" if value.denominator == 1 else "float")


def const(name: str) -> Value:
    """A named constant such as pi."""
    return _make("const", (), (name,), ())


def size(expr: Expr) -> Value:
    """A symbolic size, a Python integer."""
    return _make("size", (), (expr,), (), "count")


def arange(index: Index, length: Value) -> Value:
    """0 … size − 1, as wide as the label says."""
    return _make("arange", (length,), (), (index,), "count")


def eye(row: Index, column: Index, length: Value) -> Value:
    """The identity matrix."""
    return _make("eye", (length,), (), (row, column))


# ------------------------------------------------------------------------------------------- elementwise


def cast(value: Value) -> Value:
    """The value as floating-point numbers."""
    return value if value.kind == "float" or not value.axes else _make("cast", (value,), (), value.axes)


def _widened(value: Value) -> Value:
    return cast(value) if value.kind in ("bool", "int") else value


def plus(terms: Sequence[tuple[int, Value]]) -> Value:
    """A sum of signed terms (sign, value)."""
    if len(terms) == 1:
        sign, only = terms[0]
        return only if sign > 0 else times(Fraction(-1), [only], [])
    first = terms[0][1]
    safe = first.kind == "float" and bool(first.axes) and terms[0][0] > 0
    scalar = not first.axes and terms[0][0] > 0 and len(terms) == 2
    parts = [term if safe or (scalar and term.kind == "bool") else _widened(term) for _, term in terms]
    kind = "float" if any(part.kind == "float" for part in parts) else "count"
    return _make("plus", parts, tuple(sign for sign, _ in terms), broadcast(parts), kind)


def times(coefficient: Fraction, over: Sequence[Value], under: Sequence[Value]) -> Value:
    """coefficient · product of `over` / product of `under`; a sum divided by the size that it ran over becomes a mean."""
    coefficient, tops, bottoms = _flatten(coefficient, over, under)
    tops, bottoms = _means(tops, bottoms)
    if not coefficient:
        return number(Fraction(0))
    if not bottoms and not tops:
        return number(coefficient)
    if len(tops) == 1 and not bottoms and coefficient == 1:
        return tops[0]
    tops = _safe_factors(coefficient, tops, bottoms)
    parts = [*tops, *bottoms]
    floating = bool(bottoms) or coefficient.denominator != 1 or any(part.kind == "float" for part in parts)
    return _make("times", parts, (coefficient, len(tops)), broadcast(parts), "float" if floating else "count")


def _flatten(coefficient: Fraction, over: Sequence[Value], under: Sequence[Value]) -> tuple[Fraction, list[Value], list[Value]]:
    tops: list[Value] = []
    bottoms: list[Value] = []
    for values, same, other in ((over, tops, bottoms), (under, bottoms, tops)):
        for value in values:
            data: Any = value.data
            if value.op == "number":
                scale = data[0]
            elif value.op == "times":
                scale, count = data
                same += value.args[:count]
                other += value.args[count:]
            else:
                scale = Fraction(1)
                same.append(value)
            coefficient = coefficient * scale if same is tops else coefficient / scale
    return coefficient, tops, bottoms


def _means(tops: list[Value], bottoms: list[Value]) -> tuple[list[Value], list[Value]]:
    for place, top in enumerate(tops):
        if top.op == "reduce" and top.data[0] == "sum":
            positions: Any = top.data[1]
            summed = [top.args[0].axes[position] for position in positions]
            sizes = [size(axis.size) for axis in summed if axis is not None]
            if sizes and all(bottoms.count(one) >= sizes.count(one) for one in sizes):
                left = list(bottoms)
                for one in sizes:
                    left.remove(one)
                mean = _make("reduce", top.args, ("mean", *top.data[1:]), top.axes)
                return [*tops[:place], mean, *tops[place + 1:]], left
    return tops, bottoms


def _safe_factors(coefficient: Fraction, tops: list[Value], bottoms: list[Value]) -> list[Value]:
    if any(top.kind in ("float", "count") and top.axes for top in tops) or (not bottoms and coefficient.denominator != 1):
        return tops
    if bottoms and len(tops) == 1 and abs(coefficient) == 1 and coefficient > 0:
        return tops
    return [_widened(tops[0]), *tops[1:]] if len(tops) == 1 else [_widened(top) for top in tops]


def power(base: Value, exponent: Fraction) -> Value:
    """base ** exponent, the exponent positive."""
    base = _widened(base)
    return base if exponent == 1 else _make("power", (base,), (exponent,), base.axes, base.kind if exponent.denominator == 1 else "float")


def call(name: str, args: Sequence[Value]) -> Value:
    """A scalar function of the table, elementwise."""
    parts = [_widened(arg) for arg in args]
    return _make("call", parts, (name,), broadcast(parts))


def compare(op: str, left: Value, right: Value) -> Value:
    """A mask: left op right."""
    return _make("compare", (left, right), (op,), broadcast((left, right)), "bool")


def choose(condition: Value, then: Value, otherwise: Value) -> Value:
    """np.where."""
    mask = condition if condition.kind == "bool" else compare("!=", condition, number(Fraction(0)))
    parts = (mask, cast(then), cast(otherwise))
    return _make("where", parts, (), broadcast(parts))


# ------------------------------------------------------------------------------------------- whole arrays


def reduce(kind: str, value: Value, over: Iterable[Index]) -> Value:
    """The sum, mean, max or min over some labels; other axes of size 1 are kept."""
    gone = set(over)
    positions = tuple(place for place, axis in enumerate(value.axes) if axis in gone)
    left = tuple(axis for axis in value.axes if axis not in gone)
    return _make("reduce", (value,), (kind, positions, False), left, "count" if kind == "sum" and value.kind == "bool" else value.kind)


def matmul(left: Value, right: Value) -> Value:
    """left @ right: the last axis of left with the first of right, which has at most two."""
    if left.kind != "float" and right.kind != "float":
        left = cast(left)
    return _make("matmul", (left, right), (), (*left.axes[:-1], *right.axes[1:]))


def einsum(values: Sequence[Value], axes: Axes) -> Value:
    """The product of all, summed over the labels that `axes` lacks."""
    return _make("einsum", tuple(map(cast, values)), (), axes)


def take(base: Value, picks: Sequence[Value | None], axes: Axes) -> Value:
    """base[picks]: an index array for each axis, None for a whole axis (':')."""
    slots = tuple(pick is not None for pick in picks)
    return _make("take", (base, *(pick for pick in picks if pick is not None)), slots, axes, base.kind)
