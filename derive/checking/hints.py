"""Under which condition on the other arguments a gradient that is wrong would be right, in words."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from derive.checking.comparing import Comparing
from derive.checking.running import attempt
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.points import Point

__all__ = ["right_where"]

_POINTS = 4


def right_where(subject: Subject, truth: Truth, wrt: str) -> Iterator[str]:
    """Sentences on the arguments whose rows must sum to 1, as one-hot labels and probabilities do, for the gradient to agree.

    Args:
        subject: the handwritten code.
        truth: what it is compared with.
        wrt: the argument of the wrong gradient.
    """
    if truth.extra or truth.own:
        return
    ordinary = [point for point in truth.points(9) if point.style in ("normal", "positive", "unit") and set(point.sizes.values()) != {1}]
    for a in truth.arguments:
        if a.kind == "float" and a.shape and a.name not in (wrt, "dout"):
            points = [_summing(point, a.name) for point in itertools.islice(ordinary, _POINTS)]
            found = Comparing(subject, truth, wrt).comparison([attempt(subject, point) for point in points])
            if found.failure is None and found.tried == len(points) > 1 and found.example is None:
                yield (f"it agrees where each row of {a.name} sums to 1, as one-hot labels and probabilities do: if that is meant, "
                       f"declare assume=['sum({a.name}, axis=-1) == 1']")


def _summing(point: Point, name: str) -> Point:
    """The point with rows of positive numbers that sum to 1 in one argument."""
    array = np.abs(np.asarray(point.arrays[name])) + 0.125
    return replace(point, arrays={**point.arrays, name: array / array.sum(axis=-1, keepdims=True)})
