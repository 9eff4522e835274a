"""The handwritten code and the truth side by side, at any arguments."""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.checking.dense import Dense
from derive.checking.difference import reasoning
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.derivation import Story
from derive.errors import DeriveError
from derive.index import Size
from derive.points import Point, concrete

__all__ = ["Bench", "Clock", "Seen", "matching", "off"]

_CLOSE = 1e-7


@dataclass(frozen=True)
class Seen:
    """One point with the claimed and the true gradient there."""

    point: Point
    claimed: np.ndarray
    true: np.ndarray

    @property
    def right(self) -> bool:
        """Whether the two agree up to rounding."""
        return not off(self.claimed, self.true)


class Bench:
    """Runs the code and the truth for one argument.

    Args:
        subject: the handwritten code.
        truth: what it is compared with.
        wrt: the argument.
        story: the derivation for all sizes, or None.
    """

    def __init__(self, subject: Subject, truth: Truth, wrt: str, story: Story | None) -> None:
        self.subject, self.truth, self.wrt, self.story = subject, truth, wrt, story
        self.symbols = tuple(dict.fromkeys(n.name for a in truth.arguments for n in a.shape if isinstance(n, Size)))

    def claimed(self, arrays: Mapping[str, Any]) -> np.ndarray | None:
        """What the code says; None where it raises or returns something else."""
        given = {name: np.array(value) if np.ndim(value) else value for name, value in arrays.items()}
        with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with contextlib.suppress(Exception):  # the user's code may raise anything
                return np.asarray(self.subject.run(given)[1][self.wrt], dtype=float)
        return None

    def true(self, sizes: Mapping[str, int], arrays: Mapping[str, Any], wrt: str | None = None) -> np.ndarray | None:
        """What is true, from the derivation where there is one: nothing is compiled for new sizes then."""
        if self.story is not None and wrt in (None, self.wrt):
            try:
                found = Dense(sizes, arrays, reasoning(self.story)).array(self.story.result.body, self.story.result.indices)
                shape = tuple(concrete(n, dict(sizes)) for n in self._argument_shape())
                return found.reshape(shape)
            except (DeriveError, KeyError, ValueError, IndexError):
                return None
        return np.asarray(self.truth.gradient(arrays, wrt or self.wrt), dtype=float)

    def _argument_shape(self) -> tuple[Any, ...]:
        return next(a.shape for a in self.truth.arguments if a.name == self.wrt)

    def seen(self, point: Point) -> Seen | None:
        """Both at a point; None where either cannot be had."""
        claimed, true = self.claimed(point.arrays), self.true(point.sizes, point.arrays)
        return None if claimed is None or true is None or not np.isfinite(true).all() else Seen(point, claimed, true)

    def sliced(self, point: Point, sizes: Mapping[str, int]) -> Point | None:
        """The point cut down to smaller sizes, labels brought into range; None where that cannot be done."""
        arrays: dict[str, Any] = {}
        for a in self.truth.arguments:
            if a.name not in point.arrays:
                continue
            value = np.asarray(point.arrays[a.name])
            shape = tuple(concrete(n, dict(sizes)) for n in a.shape)
            if len(shape) != value.ndim or not all(1 <= new <= old for new, old in zip(shape, value.shape)):
                return None
            value = value[tuple(slice(n) for n in shape)]
            if a.kind == "int":
                bounds = [concrete(b, dict(sizes)) for b in self.truth.bounds.get(a.name, ())]
                if not bounds:
                    return None
                value = value % min(bounds)
            arrays[a.name] = value
        return Point(dict(sizes), arrays, point.style)


def off(claimed: np.ndarray, true: np.ndarray) -> bool:
    """Whether two arrays differ by more than rounding."""
    if claimed.shape != true.shape:
        return True
    with np.errstate(invalid="ignore"):
        gap = np.abs(claimed - true)
    return not bool(np.all(gap <= _CLOSE * (1e-3 + np.max(np.abs(true), initial=0.0))))


def matching(found: Sequence[Seen], guesses: Sequence[np.ndarray | None]) -> bool:
    """Whether every guess is what was claimed at its point."""
    return bool(found) and all(guess is not None and not off(seen.claimed, guess) for seen, guess in zip(found, guesses))


class Clock:
    """A limit of computing time, so that what is found does not depend on what else the machine does.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self.until = time.thread_time() + seconds

    @property
    def over(self) -> bool:
        """Whether the time has passed."""
        return time.thread_time() > self.until
