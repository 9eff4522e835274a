"""Numbers as the third leg of a check: the handwritten function at concrete points, against `jax.grad` in 64-bit.

The user's function gets copies, so that it can change its inputs without harm; that it does is reported.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from derive.derivation import Assumption, Story
from derive.points import Point, label_bounds, points
from derive.trace.shapes import call

__all__ = ["Numbers", "Trial"]

_TOLERANCE = 1e-7


@dataclass
class Trial:
    """One point: what the function returned, what autodiff says, and what happened on the way."""

    point: Point
    returned: Any = None
    error: BaseException | None = None
    mutated: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)


class Numbers:
    """Runs a handwritten function and the reference at the same points.

    Args:
        handwritten: the user's NumPy function.
        names: its parameter for each of the reference's arguments.
        reference: the loss, as a JAX function.
        story: the derivation of the reference.
    """

    def __init__(self, handwritten: Callable[..., Any], names: Mapping[str, str], reference: Callable[..., Any], story: Story) -> None:
        self.handwritten, self.names, self.reference, self.story = handwritten, names, reference, story
        self.compiled: dict[str, Callable[..., Any]] = {}
        self.bounds = label_bounds([a.condition for a in story.assumptions if isinstance(a, Assumption)])

    def points(self, count: int) -> Iterator[Point]:
        """The points to try."""
        for number, point in enumerate(points(self.story.source.arguments, self.bounds)):
            if number == count:
                return
            yield point

    def run(self, point: Point) -> Trial:
        """The handwritten function at a point, on copies, with its warnings."""
        trial = Trial(point)
        given = {self.names[name]: np.array(value) if np.ndim(value) else np.asarray(value)[()] for name, value in point.arrays.items()
                 if name in self.names}
        before = {name: np.array(value) for name, value in given.items()}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                trial.returned = call(self.handwritten, given)
            except Exception as error:  # whatever the user's code raises is reported
                trial.error = error
        trial.warned = sorted({str(w.message).splitlines()[0] for w in caught})
        trial.mutated = [name for name, value in given.items() if not np.array_equal(before[name], value, equal_nan=before[name].dtype.kind == "f")]
        return trial

    def true(self, point: Point, wrt: str) -> np.ndarray:
        """jax.grad of the reference at a point, in 64-bit."""
        if wrt not in self.compiled:  # once, so that points of equal sizes share what JAX compiles
            self.compiled[wrt] = jax.jit(jax.grad(lambda value, arrays: call(self.reference, {**arrays, wrt: value})))
        with jax.enable_x64(True):
            return np.asarray(self.compiled[wrt](np.asarray(point.arrays[wrt], dtype=float), dict(point.arrays)))

    def loss(self, point: Point) -> float:
        """The reference's own value."""
        with jax.enable_x64(True):
            return float(jax.jit(lambda values: call(self.reference, values))(dict(point.arrays)))


def apart(claimed: Any, true: np.ndarray) -> tuple[bool, tuple[int, ...]]:
    """Whether two arrays differ by more than rounding, and where most."""
    array = np.asarray(claimed, dtype=float)
    with np.errstate(invalid="ignore"):
        gap = np.abs(array - true)
    scale = 1e-3 + np.max(np.abs(true), initial=0.0)
    bad = ~(gap <= _TOLERANCE * scale)
    if not bad.any():
        return False, ()
    worst = np.where(np.isnan(gap), np.inf, gap)
    return True, tuple(int(k) for k in np.unravel_index(int(worst.argmax()), worst.shape))
