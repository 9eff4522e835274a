"""The smallest counterexample: sizes as small and numbers as short as they can be while the gradient stays wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from derive.checking.diagnosis.bench import Bench, Clock, Seen, off
from derive.checking.difference import reasoning
from derive.checking.report import Example
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.derivation import Story
from derive.errors import NotYet
from derive.evaluate import Evaluator
from derive.points import Point, satisfied

__all__ = ["shrunk"]

_NUDGE = 1e-4
_CLEAR = 1e-4


def shrunk(subject: Subject, truth: Truth, wrt: str, start: Point, *, seconds: float = 0.25) -> Example | None:
    """A smaller example at which the gradient is clearly wrong; None where the given one cannot be made smaller.

    What ties or rounding alone make wrong is left as it is: an example must be as wrong nearby as where it stands.

    Args:
        subject: the handwritten code.
        truth: what it is compared with.
        wrt: the argument.
        start: a point at which it is wrong.
        seconds: how long to try.
    """
    try:
        story: Story | None = truth.story(wrt)
    except NotYet:
        story = None
    shrinker = _Shrinker(Bench(subject, truth, wrt, story), Clock(seconds))
    if not shrinker.agreed(start) or not shrinker.wrong(start):
        return None
    return shrinker.example(shrinker.numbers(shrinker.sizes(start) if story is not None else start))


class _Shrinker:
    def __init__(self, bench: Bench, clock: Clock) -> None:
        self.bench, self.clock = bench, clock

    def agreed(self, point: Point) -> bool:
        """Whether the derivation says what the truth says at a point, so that it can stand for it at others."""
        found = self.bench.true(point.sizes, point.arrays)
        return found is not None and not off(found, np.asarray(self.bench.truth.gradient(point.arrays, self.bench.wrt), dtype=float))

    def wrong(self, point: Point) -> bool:
        """Whether it is clearly wrong at a point where what was declared holds, and as wrong beside it."""
        if not satisfied(point, self.bench.truth.extra):
            return False
        here = _gap(self.bench.seen(point))
        if here is None:
            return False
        rng = np.random.default_rng(0)
        arrays = {n: v + _NUDGE * rng.standard_normal(np.shape(v)) if np.asarray(v).dtype.kind == "f" else v for n, v in point.arrays.items()}
        beside = _gap(self.bench.seen(Point(point.sizes, arrays, point.style)))
        return beside is not None and 0.9 < beside / here < 1.1

    def sizes(self, point: Point) -> Point:
        """Each size as small as it can be, but not all of them 1."""
        for name in self.bench.symbols:
            for value in range(1, point.sizes.get(name, 1)):
                sizes = {**point.sizes, name: value}
                cut = self.bench.sliced(point, sizes) if set(sizes.values()) != {1} else None
                if cut is not None and not self.clock.over and self.wrong(cut):
                    point = cut
                    break
        return point

    def numbers(self, point: Point) -> Point:
        """Numbers as short as they can be: whole arrays of ones or zeros, then entry by entry."""
        for name, value in point.arrays.items():
            if np.asarray(value).dtype.kind == "f":
                for other in _simpler(np.asarray(value, dtype=float)):
                    changed = Point(point.sizes, {**point.arrays, name: other}, point.style)
                    if self.clock.over:
                        return point
                    if self.wrong(changed):
                        point = changed
                        break
                else:
                    point = self._entries(point, name)
        return point

    def _entries(self, point: Point, name: str) -> Point:
        for place in np.ndindex(np.shape(point.arrays[name])):
            old = float(np.asarray(point.arrays[name])[place])
            for number in dict.fromkeys((0.0, 1.0, -1.0, float(round(old)), round(old, 1))):
                array = np.array(point.arrays[name], dtype=float)
                array[place] = number
                changed = Point(point.sizes, {**point.arrays, name: array if array.ndim else array[()]}, point.style)
                if self.clock.over or number == old:
                    break
                if self.wrong(changed):
                    point = changed
                    break
        return point

    def example(self, point: Point) -> Example | None:
        """The example at a point, with the true value in high precision."""
        claimed, true = self.bench.claimed(point.arrays), self._exactly(point)
        if claimed is None or true is None or claimed.shape != true.shape or _gap(Seen(point, claimed, true)) is None:
            return None
        place = tuple(int(k) for k in np.unravel_index(int(np.abs(claimed - true).argmax()), true.shape))
        names = self.bench.subject.pasted(point.arrays)
        return Example(dict(point.sizes), names, float(claimed[place]), float(true[place]), place)


    def _exactly(self, point: Point) -> np.ndarray | None:
        story = self.bench.story
        if story is None:
            return np.asarray(self.bench.truth.gradient(point.arrays, self.bench.wrt), dtype=float)
        try:
            found = Evaluator(point.sizes, point.arrays, reasoning(story)).array(story.result.body, story.result.indices)
        except (IndexError, ZeroDivisionError, KeyError):
            return None
        return found.astype(float).reshape(np.shape(point.arrays[self.bench.wrt]))


def _gap(seen: Seen | None) -> float | None:
    """The largest difference, where it is clear."""
    if seen is None or seen.claimed.shape != seen.true.shape or not np.isfinite(seen.claimed).all():
        return None
    gap = float(np.max(np.abs(seen.claimed - seen.true), initial=0.0))
    return gap if gap > _CLEAR * (1 + float(np.max(np.abs(seen.true), initial=0.0))) else None


def _simpler(value: np.ndarray) -> Iterator[np.ndarray]:
    """Simpler arrays of the same shape."""
    yield np.ones_like(value)
    yield np.zeros_like(value)
    yield np.round(value) + 0.0
