"""Concrete sizes and numbers at which a claim is tried: unequal sizes, all ones, equal sizes; ordinary numbers, positive ones, ties.

The numbers are halves of small integers or drawn from a fixed seed, so that a counterexample can be pasted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from derive.derivation import Argument, Assumption, Definition
from derive.evaluate import Evaluator
from derive.fitting import fitted_arrays
from derive.index import Add, At, Delta, Expr, Iverson, Num, add, neg, num, size_names, sub, walk

__all__ = ["Point", "concrete", "enlarged", "entry_and_shift", "fitting", "fitted", "holds", "is_strength", "label_and_size", "label_bounds",
           "masked", "points", "satisfied", "sizes_of", "telling"]

_UNEQUAL = (3, 2, 4, 5, 6, 7, 8, 9)
_OTHER = (2, 5, 3, 4, 7, 6, 9, 8)
_LARGE = 12


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
        sizes = fitting(arguments, settings[setting])
        key = (tuple(sizes.values()), style)
        if key not in seen:
            seen.add(key)
            rng = np.random.default_rng([seed, turn])
            arrays = {a.name: _draw(a, sizes, labels.get(a.name, []), style, rng, (floors or {}).get(a.name, 0)) for a in arguments}
            for name, values in (special or {}).items():
                arrays[name] = np.where(rng.random(arrays[name].shape) < 0.4, rng.choice(values, arrays[name].shape), arrays[name])
            yield Point(sizes, arrays, style)


def fitting(arguments: Sequence[Argument], sizes: dict[str, int]) -> dict[str, int]:
    """The sizes, each raised by as much as it takes for every axis that it enters, such as n − 2, to have at least one entry."""
    large = dict.fromkeys(sizes, _LARGE)

    def smallest(name: str) -> int:
        fits = (value for value in range(1, _LARGE) if _not_empty(arguments, {**large, name: value}))
        return next(fits, 1)

    return {name: value + smallest(name) - 1 for name, value in sizes.items()}


def _not_empty(arguments: Sequence[Argument], sizes: dict[str, int]) -> bool:
    return all(concrete(part, sizes) >= 1 for argument in arguments for part in argument.shape)


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


# ----------------------------------------------------------------------------------------------- points that satisfy what is assumed


_STRENGTH = re.compile(r"(?i)^(l1|l2|wd|c|rho|alpha|beta|gamma|lamb?d?a?\w*|lmb\w*|lmbda|reg\w*|.*_reg|.*decay|.*strength|.*penalty|penalty.*|ridge|"
                       r".*_lam(bda)?)$")
_LARGE_AT = 8
_STRENGTHS = (None, 10.0, 0.0, 5e-6)  # None: as it was drawn


def is_strength(argument: Argument) -> bool:
    """Whether an argument reads as the strength of a regularisation: a scalar called lam, reg, l2, weight_decay, …"""
    return argument.kind == "float" and not argument.shape and bool(_STRENGTH.match(argument.name))


def telling(arguments: Sequence[Argument], bounds: Mapping[str, Sequence[Expr]], special: Mapping[str, Sequence[int]] | None = None,
            definitions: Sequence[Definition] = (), assumptions: Sequence[Assumption] = (), declared: Sequence[Assumption] = ()) -> Iterator[Point]:
    """Points for a check, the most telling first: `points`, and large numbers, such that what is assumed and declared holds.

    Strengths of a regularisation go through ordinary numbers, 10, 0 and 5e-6; labels take more than one value.

    Args:
        arguments, special: as for `points`.
        bounds: for each integer argument, the sizes that its entries must stay below.
        definitions: the program, where it is known: the names that the assumptions use.
        assumptions: of the program, such as labels in range.
        declared: by the user, on the arguments.
    """
    drawn = list(points(arguments, bounds, special=special))
    for turn, point in enumerate([*drawn[:_LARGE_AT], enlarged(drawn[0]), *drawn[_LARGE_AT:]]):
        found = _fitting(_with_labels(_with_strengths(point, arguments, turn), arguments, bounds), declared)
        if found is not None and all(holds(a.condition, found, definitions) for a in assumptions):
            yield found


def _with_strengths(point: Point, arguments: Sequence[Argument], turn: int) -> Point:
    arrays = dict(point.arrays)
    for k, name in enumerate(a.name for a in arguments if is_strength(a)):
        value = _STRENGTHS[(turn + k) % len(_STRENGTHS)]
        arrays[name] = np.abs(np.clip(arrays[name], -10, 10)) if value is None else np.asarray(value)
    return replace(point, arrays=arrays)


def _with_labels(point: Point, arguments: Sequence[Argument], bounds: Mapping[str, Sequence[Expr]]) -> Point:
    """The point with labels of more than one value, where there is room for them."""
    arrays = dict(point.arrays)
    for a in arguments:
        value = np.asarray(arrays[a.name])
        highest = min((concrete(bound, point.sizes) for bound in bounds.get(a.name, [])), default=2)
        if a.kind == "int" and value.size > 1 and highest > 1 and (value == value.flat[0]).all():
            value = value.copy()
            value.flat[-1] = 0 if value.flat[0] else 1
            arrays[a.name] = value
    return replace(point, arrays=arrays)


def _fitting(point: Point, declared: Sequence[Assumption]) -> Point | None:
    """The point, fitted to what was declared, with positive numbers where that is needed; None where that does not help."""
    found = fitted(point, declared)
    failing = [a.condition for a in declared if not holds(a.condition, found)]
    if not failing:
        return found
    used = {part.name for condition in failing if condition is not None for part in walk(condition) if isinstance(part, At) and part.kind == "float"}
    arrays = {name: np.abs(value) + 0.125 if name in used else value for name, value in point.arrays.items()}
    found = fitted(replace(point, arrays=arrays), declared)
    return found if satisfied(found, declared) else None


def masked(definitions: Iterable[Definition]) -> dict[str, list[int]]:
    """The numbers that labels are compared with, such as a −1 for 'no label'."""
    out: dict[str, list[int]] = {}
    for part in (part for d in definitions for part in walk(d.body) if isinstance(part, Delta)):
        for label, value in (part.args, part.args[::-1]):
            if isinstance(label, At) and label.kind == "int" and isinstance(value, Num):
                out.setdefault(label.name, []).append(int(value.value))
    return out


def holds(condition: Expr | None, point: Point, definitions: Sequence[Definition] = ()) -> bool:
    """Whether a condition is 1 for all values of its indices."""
    if condition is None:
        return True
    evaluator = Evaluator(point.sizes, point.arrays, tuple(definitions))
    indices = tuple(sorted(condition.free, key=lambda i: i.key))
    try:
        return all(value != 0 for value in evaluator.array(condition, indices).ravel())
    except (IndexError, ZeroDivisionError):
        return False


def fitted(point: Point, declared: Sequence[Assumption]) -> Point:
    """The point with what was declared, as far as that is known how; see `derive.fitting`."""
    return replace(point, arrays=fitted_arrays(point.arrays, point.sizes, point.style, declared)) if declared else point


def satisfied(point: Point, declared: Sequence[Assumption]) -> bool:
    """Whether everything that was declared holds at a point."""
    return all(holds(a.condition, point) for a in declared)
