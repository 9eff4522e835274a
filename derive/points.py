"""Concrete sizes and numbers at which a claim is tried: unequal sizes, all ones, equal sizes; ordinary numbers, positive ones, ties.

The numbers are halves of small integers or drawn from a fixed seed, so that a counterexample can be pasted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.derivation import Argument
from derive.index import Add, At, Expr, Iverson, Num, add, neg, num, size_names, sub, walk

__all__ = ["Point", "enlarged", "entry_and_shift", "label_and_size", "label_bounds", "points", "sizes_of"]

_UNEQUAL = (3, 2, 4, 5, 6, 7, 8, 9)
_OTHER = (2, 5, 3, 4, 7, 6, 9, 8)


@dataclass(frozen=True)
class Point:
    """Sizes and argument values: arrays in 64-bit, by name."""

    sizes: dict[str, int]
    arrays: dict[str, Any]
    style: str


def sizes_of(arguments: Sequence[Argument]) -> list[str]:
    """The names of the symbolic sizes, in order of appearance."""
    out: list[str] = []
    for argument in arguments:
        for part in argument.shape:
            out += [name for name in sorted(size_names(part)) if name not in out]
    return out


def concrete(part: Expr, sizes: dict[str, int]) -> int:
    """The value of a size expression."""
    kind = type(part).__name__
    if kind == "Num":
        return int(part.args[0])
    if kind == "Size":
        return sizes[part.args[0]]
    if kind == "Pow":
        return concrete(part.args[0], sizes) ** int(part.args[1])
    values = [concrete(kid, sizes) for kid in part.args[0]]
    return sum(values) if kind == "Add" else int(np.prod(values))


def points(arguments: Sequence[Argument], labels: Mapping[str, Sequence[Expr]], seed: int = 0,
           special: Mapping[str, Sequence[int]] | None = None, floors: Mapping[str, int] | None = None) -> Iterator[Point]:
    """Points to try, the most telling first.

    Args:
        arguments: the arguments, with symbolic shapes.
        labels: for each integer argument, the sizes that its entries must stay below.
        seed: of the random numbers.
        special: for each integer argument, further values that mean something, such as a −1 that is masked.
        floors: for each integer argument, its smallest value where that is not 0.
    """
    names = sizes_of(arguments)
    settings = [dict(zip(names, _cycle(_UNEQUAL, len(names)))), dict.fromkeys(names, 1), dict.fromkeys(names, 2),
                dict(zip(names, _cycle(_OTHER, len(names))))]
    plan = [(0, "normal"), (1, "normal"), (2, "normal"), (0, "positive"), (3, "normal"), (2, "ties"), (0, "wide"), (1, "ties"), (0, "unit"),
            (3, "positive"), (2, "positive"), (0, "ties"), (1, "positive"), (3, "wide"), (3, "ties"), (2, "wide")]
    seen = set()
    for turn, (setting, style) in enumerate(plan):
        sizes = settings[setting]
        key = (tuple(sizes.values()), style)
        if key not in seen:
            seen.add(key)
            rng = np.random.default_rng([seed, turn])
            arrays = {a.name: _draw(a, sizes, labels.get(a.name, []), style, rng, (floors or {}).get(a.name, 0)) for a in arguments}
            for name, values in (special or {}).items():
                arrays[name] = np.where(rng.random(arrays[name].shape) < 0.4, rng.choice(values, arrays[name].shape), arrays[name])
            yield Point(sizes, arrays, style)


def _cycle(values: tuple[int, ...], n: int) -> list[int]:
    return [values[k % len(values)] + 7 * (k // len(values)) for k in range(n)]


def _draw(argument: Argument, sizes: dict[str, int], bounds: Sequence[Expr], style: str, rng: np.random.Generator, low: int = 0) -> Any:
    shape = tuple(concrete(part, sizes) for part in argument.shape)
    if argument.kind == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if argument.kind == "int":
        high = min([concrete(bound, sizes) for bound in bounds], default=max([*sizes.values(), 2]))
        return rng.integers(low, max(high, low + 1), shape)
    if style == "positive":
        return np.round(rng.uniform(0.2, 2.5, shape), 3)
    if style == "unit":
        return np.round(rng.uniform(0.05, 0.95, shape), 3)
    if style == "ties":
        return rng.integers(-1, 2, shape) / 1.0
    return np.round(rng.normal(0, 4 if style == "wide" else 1.2, shape), 3)


def label_and_size(condition: Expr | None) -> tuple[Expr, Expr] | None:
    """(label, size) of a condition 1{size − label > 0}, or None where it is of another form."""
    if not (isinstance(condition, Iverson) and condition.args[0] == ">"):
        return None
    parts = condition.args[1].args[0] if isinstance(condition.args[1], Add) else (condition.args[1],)
    labels = [part for part in parts if any(isinstance(x, At) and x.kind == "int" for x in walk(part))]
    if not labels:
        return None
    shift = [part for part in parts if isinstance(part, Num)]
    sizes = [part for part in parts if part not in labels and part not in shift]
    return add(*(neg(part) for part in (*labels, *(shift if sizes else ())))), add(*sizes, *(() if sizes else shift))


def label_bounds(assumptions: Sequence[Expr | None]) -> dict[str, list[Expr]]:
    """From conditions 1{size − label > 0}, the sizes that each label array must stay below."""
    out: dict[str, list[Expr]] = {}
    for condition in assumptions:
        pair = label_and_size(condition)
        moved = None if pair is None else entry_and_shift(pair[0])
        if pair is not None and moved is not None:
            out.setdefault(moved[0], []).append(sub(pair[1], num(moved[1])) if moved[1] else pair[1])
    return out


def entry_and_shift(label: Expr) -> tuple[str, int] | None:
    """(name, c) for a label that is an entry of an integer array plus a number c."""
    parts = label.args[0] if isinstance(label, Add) else (label,)
    entries = [part for part in parts if isinstance(part, At) and part.kind == "int"]
    numbers = [part for part in parts if isinstance(part, Num)]
    if len(entries) != 1 or len(entries) + len(numbers) != len(parts):
        return None
    return entries[0].name, sum(int(part.value) for part in numbers)


def enlarged(point: Point) -> Point:
    """The same point with its float arrays a hundred times as large."""
    arrays = {name: value * 100.0 if np.asarray(value).dtype.kind == "f" else value for name, value in point.arrays.items()}
    return Point(point.sizes, arrays, "enlarged")
