"""Whether a changed copy of the user's functions is right, by numbers at a few kept points; cheap, because thousands are asked about."""

from __future__ import annotations

import contextlib
import functools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import numpy as np

from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.points import Point

__all__ = ["Judge", "held_in"]

Function = Callable[..., Any]
_CLOSE = 1e-9


@dataclass
class _Kept:
    """A point with the true gradients, and the values that a right copy may return there."""

    point: Point
    true: dict[str, np.ndarray]
    values: tuple[Any, ...]
    claimed: dict[str, Any]


class Judge:
    """Judges copies of a subject's functions.

    Args:
        subject: the user's code.
        truth: what it is compared with.
        wrt: the arguments whose gradients must be right.
        count: how many points are kept; those with ties, where conventions differ, and with huge numbers are left out.
    """

    def __init__(self, subject: Subject, truth: Truth, wrt: Sequence[str], count: int = 6) -> None:
        self.wrt = tuple(wrt)
        self.now: list[Function] = list(subject.parts)
        self.subject = subject
        self.standing = subject.replaced(*(self._standing_in(k, part) for k, part in enumerate(subject.parts)))
        self.kept: list[_Kept] = []
        for point in truth.points(2 * count):
            if point.style not in ("ties", "enlarged") and len(self.kept) < count:
                one = self._keep(point, truth)
                if one is not None:
                    self.kept.append(one)

    def _standing_in(self, k: int, part: Function) -> Function:
        """A function with the same signature and source that runs whatever is judged now."""
        @functools.wraps(part)
        def run(*args: Any, **keywords: Any) -> Any:
            return self.now[k](*args, **keywords)
        return run

    def _keep(self, point: Point, truth: Truth) -> _Kept | None:
        true = {name: np.asarray(truth.gradient(point.arrays, name), dtype=float) for name in self.wrt}
        if not all(np.isfinite(array).all() for array in true.values()):
            return None
        value, claimed = None, dict[str, Any]()
        with contextlib.suppress(Exception):  # whatever the user's code raises: a copy may do better
            value, claimed = self.subject.run(_copied(point.arrays))
        values = [] if value is None else [np.array(value, dtype=float)]
        other = truth.value(point.arrays)
        return _Kept(point, true, tuple(values + ([] if other is None or value is None else [np.asarray(other, dtype=float)])), claimed)

    def errors(self, functions: Sequence[Function], kept: _Kept) -> list[float]:
        """How far each gradient is off at a point, 0 for right and at most 1; infinite where the copy cannot run or changes the value."""
        self.now = list(functions)
        with contextlib.suppress(Exception):  # a copy may raise anything
            value, claimed = self.standing.run(_copied(kept.point.arrays))
            if not kept.values or any(_same(value, one) for one in kept.values):
                return [_off(claimed[name], kept.true[name], np.shape(kept.claimed.get(name, kept.true[name]))) for name in self.wrt]
        return [math.inf]

    def right(self, functions: Sequence[Function]) -> bool:
        """Whether every gradient is right at every kept point."""
        return bool(self.kept) and all(not any(self.errors(functions, kept)) for kept in self.kept)

    def confirmed(self, functions: Sequence[Function]) -> bool:
        """The same for functions that are to stand for themselves, with their own sources."""
        standing, self.standing = self.standing, self.subject.replaced(*functions)
        try:
            return self.right(functions)
        finally:
            self.standing = standing


def _copied(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.array(value) if np.ndim(value) else value for name, value in arrays.items()}


def _same(value: Any, other: np.ndarray) -> bool:
    found = np.asarray(value, dtype=float)
    return found.shape == other.shape and bool(np.allclose(found, other, rtol=1e-9, atol=1e-9, equal_nan=True))


def _off(claimed: Any, true: np.ndarray, shape: tuple[int, ...]) -> float:
    found = np.asarray(claimed, dtype=float)
    if found.shape != true.shape:
        if found.shape != shape or found.size != true.size:
            return math.inf
        found = found.reshape(true.shape)
    gap = float(np.max(np.abs(found - true), initial=0.0))
    scale = 1e-3 + float(np.max(np.abs(true), initial=0.0))
    return 0.0 if gap <= _CLOSE * scale else 1.0 if math.isnan(gap) else gap / (gap + scale)


def held_in(codes: Sequence[CodeType], run: Callable[[], Any]) -> list[dict[str, Any]]:
    """What the local names of these functions held when they returned last."""
    found: list[dict[str, Any]] = [{} for _ in codes]

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code in codes:
            found[codes.index(frame.f_code)] = dict(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        with contextlib.suppress(Exception):  # the names that were set before it fails are of use as well
            run()
    finally:
        sys.setprofile(before)
    return found
