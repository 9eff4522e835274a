"""Formulas that were not seen to be equal are compared where they may differ unseen: right beside the edges of their conditions.

A threshold that is off by a little, such as margins > 10⁻⁴ in place of margins > 0, changes a gradient in a sliver that no random point
meets.  On a segment between two points each condition is followed to where it changes, and both formulas are evaluated on both sides of that.

Legend: t is the place on the segment, u what a condition compares with 0.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from derive.checking.dense import Dense
from derive.checking.difference import reasoning
from derive.checking.report import Example
from derive.checking.running import attempt, outcome
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.derivation import Definition, Story
from derive.errors import NotYet
from derive.index import Expr, Fn, Iverson, sub, walk
from derive.points import Point, satisfied

__all__ = ["beside_edges"]

_GRID = np.linspace(0, 1, 9)
_BESIDE = (1e-10, 1e-8, 1e-6, 1e-5, 1e-4)
_APART = 1e-8
_MOST_ENTRIES = 4


@dataclass(frozen=True)
class _Segment:
    """The straight way between two points of the same sizes; what is no float stays as it is at the first."""

    start: Point
    end: Point
    definitions: tuple[Definition, ...]

    def point(self, t: float) -> Point:
        """The point at t."""
        arrays = {}
        for name, value in self.start.arrays.items():
            moves = np.asarray(value).dtype.kind == "f"
            there = (1 - t) * np.asarray(value) + t * np.asarray(self.end.arrays[name]) if moves else value
            arrays[name] = there if np.ndim(there) else np.asarray(there)[()]
        return replace(self.start, arrays=arrays)

    def at(self, t: float) -> Dense:
        """The evaluator at t."""
        return Dense(self.start.sizes, self.point(t).arrays, self.definitions)


def beside_edges(subject: Subject, truth: Truth, wrt: str, story: Story, claimed: Expr, *, seconds: float = 0.8) -> Example | None:
    """A point beside the edge of a condition at which the code is wrong, or None where none was found.

    Args:
        subject: the handwritten code.
        truth: what it is compared with.
        wrt: the argument.
        story: the derivation of the truth.
        claimed: the handwritten gradient as a formula, at the indices of the story's result.
        seconds: of processor time.
    """
    limit = time.process_time() + seconds
    conditions = _conditions(claimed, story)
    for segment in _segments(truth, story):
        for u in conditions:
            for t in _edges(segment, u):
                for beside in _BESIDE:
                    for place in (t - beside, t + beside):
                        found = _wrong_at(subject, truth, wrt, story, claimed, segment, place)
                        if found is not None:
                            return found
                if time.process_time() > limit:
                    return None
    return None


def _conditions(claimed: Expr, story: Story) -> list[Expr]:
    """What the conditions of both formulas compare with 0, those of the claimed one first."""
    out: dict[Expr, None] = {}
    for body in (claimed, story.result.body, *(d.body for d in reasoning(story))):
        for part in walk(body):
            if isinstance(part, Iverson):
                out.setdefault(part.args[1])
            elif isinstance(part, Fn) and part.args[0] in ("max", "min") and len(part.args[1]) == 2:
                out.setdefault(sub(*part.args[1]))
            elif isinstance(part, Fn) and part.args[0] in ("abs", "sign", "relu", "heaviside"):
                out.setdefault(part.args[1][0])
    return list(out)


def _segments(truth: Truth, story: Story) -> Iterator[_Segment]:
    """Ways between points of the same unequal sizes."""
    ordinary = [p for p in truth.points(18) if p.style not in ("ties", "enlarged", "wide") and set(p.sizes.values()) != {1}]
    for k, start in enumerate(ordinary):
        for end in ordinary[k + 1:]:
            if end.sizes == start.sizes:
                yield _Segment(start, end, reasoning(story))
                break


def _edges(segment: _Segment, u: Expr) -> Iterator[float]:
    """Places at which an entry of u changes its sign."""
    try:
        values = [segment.at(t).value(u)[0].ravel() for t in _GRID]
    except NotYet:
        return
    found = 0
    for k, (before, after) in enumerate(itertools.pairwise(values)):
        for entry in np.flatnonzero(np.sign(before) * np.sign(after) < 0) if before.shape == after.shape else ():
            yield _bisected(segment, u, int(entry), float(_GRID[k]), float(_GRID[k + 1]))
            found += 1
            if found == _MOST_ENTRIES:
                return


def _bisected(segment: _Segment, u: Expr, entry: int, low: float, high: float) -> float:
    sign = np.sign(segment.at(low).value(u)[0].ravel()[entry])
    for _ in range(44):
        middle = (low + high) / 2
        if np.sign(segment.at(middle).value(u)[0].ravel()[entry]) == sign:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _wrong_at(subject: Subject, truth: Truth, wrt: str, story: Story, claimed: Expr, segment: _Segment, t: float) -> Example | None:
    """The point at t as an example, where the formulas differ there and the code differs from the truth."""
    dense, indices = segment.at(t), story.result.indices
    try:
        formulas = [dense.array(body, indices) for body in (claimed, story.result.body)]
    except NotYet:
        return None
    if _close(*formulas):
        return None
    point = segment.point(t)
    if not satisfied(point, truth.extra):
        return None
    trial = attempt(subject, point)
    true, error = outcome(lambda: truth.gradient(point.arrays, wrt))
    own = None if trial.error is not None or error is not None else np.asarray(trial.gradients.get(wrt), dtype=float)
    if own is None or true is None or own.shape != true.shape or _close(own, true):
        return None
    place = tuple(int(k) for k in np.unravel_index(int(np.abs(own - true).argmax()), own.shape)) if own.ndim else ()
    return Example(point.sizes, subject.pasted(point.arrays), float(own[place]), float(true[place]), place)


def _close(u: np.ndarray, v: np.ndarray) -> bool:
    """Whether two arrays are equal up to rounding; what is undefined on either side is passed over."""
    gap = np.abs(u - v)
    scale: float = 1e-3 + float(np.max(np.abs(v[np.isfinite(v)]), initial=0.0))
    return not bool((gap > _APART * scale).any())
