"""Further points, where code may do something else than at small sizes and short numbers: sizes about a number in its source, zeros, long numbers.

A branch such as `if m > 50`, a loop that ends after ten rows or a slice of 32 is right at every small size; what is rounded to six decimals is
right at numbers of three.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import CodeType
from typing import Any

import numpy as np

from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.derivation import Argument
from derive.index import Expr
from derive.points import Point, concrete, fitting, is_strength, sizes_of

__all__ = ["further_points"]

_LEAST = 4        # smaller sizes are tried anyway
_MOST = 2048
_NUMBERS = 3
_ENTRIES = 20_000
_POINTS = 18
_DEPTH = 3


def further_points(subject: Subject, truth: Truth) -> Iterator[Point]:
    """Points beside the ordinary ones, from the first of those.

    Args:
        subject: the handwritten code.
        truth: what it is compared with; where something was declared of the arguments there are no such points.
    """
    first = next(iter(truth.points(1)), None)
    if first is None or truth.extra:
        return
    yield replace(first, arrays={a.name: _uneven(a, first.arrays[a.name]) for a in truth.arguments})
    for argument in truth.arguments:
        if argument.kind == "float" and argument.shape and argument.name != "dout":
            yield replace(first, arrays={**first.arrays, argument.name: np.zeros_like(first.arrays[argument.name])}, style="ties")
    numbers, names = _numbers(subject)[:_NUMBERS], sizes_of(truth.arguments)
    sizes = [{name: number + more} for more in (1, 0, 2) for number in numbers for name in names]
    found = (_resized(truth.arguments, truth.bounds, first, one) for one in sizes)
    yield from itertools.islice((point for point in found if point is not None), _POINTS)


def _uneven(argument: Argument, value: Any) -> Any:
    """Nearly the same numbers, with as many digits as 64-bit has."""
    if argument.kind != "float" or is_strength(argument):
        return value
    shape = np.shape(value)
    return np.asarray(value * np.random.default_rng([11, *shape]).uniform(0.9, 1.1, shape))[()]


def _numbers(subject: Subject) -> list[int]:
    """The whole numbers in the source that a size may be compared with, the smallest first."""
    codes = {code for part in subject.parts for code in _codes(part, _DEPTH)}
    return sorted({c for code in codes for c in code.co_consts if type(c) is int and _LEAST <= c <= _MOST})


def _codes(function: Any, depth: int) -> Iterator[CodeType]:
    """A function's code, that of the functions inside of it, and that of its helpers from the same file."""
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    if code is None or depth == 0:
        return
    waiting = [code]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += [inner for inner in one.co_consts if isinstance(inner, CodeType)]
        for name in one.co_names:
            helper = getattr(inspect.unwrap(function), "__globals__", {}).get(name)
            if inspect.isfunction(helper) and helper.__code__.co_filename == code.co_filename and helper.__code__ is not code:
                yield from _codes(helper, depth - 1)


def _resized(arguments: Sequence[Argument], bounds: Mapping[str, Sequence[Expr]], first: Point, sizes: Mapping[str, int]) -> Point | None:
    """The point at other sizes: its entries over again, each changed a little; None where that is too large or does not fit."""
    wanted = {**first.sizes, **sizes}
    if fitting(arguments, dict.fromkeys(wanted, 1)) != dict.fromkeys(wanted, 1):
        return None
    rng = np.random.default_rng([7, *wanted.values()])
    shapes = {a.name: tuple(concrete(part, wanted) for part in a.shape) for a in arguments}
    if sum(int(np.prod(shape)) for shape in shapes.values()) > _ENTRIES:
        return None
    arrays: dict[str, Any] = {}
    for a in arguments:
        shape, high = shapes[a.name], min((concrete(bound, wanted) for bound in bounds.get(a.name, ())), default=0)
        arrays[a.name] = np.resize(first.arrays[a.name], shape)
        if a.kind == "int" and high > 0:
            arrays[a.name] = rng.integers(0, high, shape)
        elif a.kind == "float" and not is_strength(a):
            arrays[a.name] = np.round(arrays[a.name] * rng.uniform(0.7, 1.3, shape), 3)
    return Point(wanted, arrays, "normal")
