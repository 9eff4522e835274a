"""What every probe of safety starts from: the code, the truth, and one ordinary point at which the code runs."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from derive.checking.evaluated import exact_entries, in_domain
from derive.checking.running import Trial, attempt, outcome
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.evaluate import DIGITS
from derive.points import Point, is_strength

__all__ = ["Finding", "Setting", "broken", "differ", "setting_of"]

_LARGEST = 1e300
_SECONDS = 0.5
_PATIENCE = 5.0  # for one run, of code that has run at an ordinary point
_MANY = (1500, 1900)


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        text: for the reader: what was given, what came out, what to do.
        serious: whether it is a fault; otherwise it is a warning.
        about: the argument whose gradient it is about; '' where it is about more.
    """

    text: str
    serious: bool = False
    about: str = ""


@dataclass(frozen=True)
class Setting:
    """What the probes share.

    Attributes:
        subject, truth, wrt: the handwritten code, what it is compared with, and the arguments that are asked for.
        base: an ordinary point of unequal sizes.
        ran: the code at that point.
        points: those at which the truth was evaluated in many digits, kept with what was computed there.
        spent: the seconds that this took; when it is too long, no more is evaluated, and nothing is said that would need it.
    """

    subject: Subject
    truth: Truth
    wrt: tuple[str, ...]
    base: Point
    ran: Trial
    points: dict[int, tuple[Point, dict[tuple[str, int], Any]]] = field(default_factory=dict)
    spent: list[float] = field(default_factory=lambda: [0.0])

    @functools.cached_property
    def floats(self) -> tuple[str, ...]:
        """The float arguments that the code takes, other than the incoming gradient and strengths."""
        return tuple(a.name for a in self.truth.arguments if a.kind == "float" and a.name in self.subject.names and a.name != "dout"
                     and not is_strength(a))

    @functools.cached_property
    def arrays(self) -> tuple[str, ...]:
        """Those that are no scalars."""
        return tuple(name for name in self.floats if np.ndim(self.base.arrays[name]))

    @functools.cached_property
    def right(self) -> tuple[str, ...]:
        """The results ('' is the value) that agree with the truth at the base point; only these are compared elsewhere."""
        return tuple(name for name, array in results(self.ran) if name in ("", *self.wrt) and self._agrees(name, array))

    def _agrees(self, name: str, array: np.ndarray) -> bool:
        true = self.true(name, self.base.arrays)
        tolerance = 1e-4 if self.truth.own else 1e-6
        return true is not None and true.shape == array.shape and bool(np.allclose(array, true, rtol=tolerance, atol=tolerance, equal_nan=False))

    def own_name(self, name: str) -> str:
        """An argument by the user's own name."""
        return self.subject.names.get(name, name)

    def run(self, arrays: Mapping[str, Any], *, given: bool = False, seed: int = 0, sizes: Mapping[str, int] | None = None) -> Trial:
        """The code with these arguments in the place of the base point's.

        Args:
            arrays: the arguments that are other.
            given: whether the very objects are passed, rather than copies.
        """
        merged = {**self.base.arrays, **arrays}
        point = replace(self.base, arrays=merged, sizes=dict(sizes) if sizes is not None else self.base.sizes)
        passed = {**attempt_arguments(self.base.arrays), **arrays} if given else None
        return attempt(self.subject, point, passed, seed=seed, seconds=_PATIENCE)

    def true(self, name: str, arrays: Mapping[str, Any]) -> np.ndarray | None:
        """The truth for a result, in 64-bit; None where there is none or it cannot be computed."""
        found, _ = outcome(lambda: self.truth.gradient(arrays, name) if name else self.truth.value(arrays))
        return None if found is None else np.asarray(found, dtype=float)

    def exact(self, name: str, point: Point, place: tuple[int, ...], digits: int = DIGITS) -> float | None:
        """One entry of the truth from many digits, where that is a number of ordinary size for 64-bit; else None."""
        if self.spent[0] > _SECONDS:
            return None
        start = time.process_time()
        _, kept = self.points.setdefault(id(point), (point, {}))
        if (name, digits) not in kept:
            kept[name, digits] = exact_entries(self.truth, name or None, point.sizes, point.arrays, digits)
        entry = kept[name, digits]
        found = None if entry is None else entry(place)
        self.spent[0] += time.process_time() - start
        return float(found) if found is not None and abs(found) < _LARGEST else None

    def surely(self, name: str, point: Point, place: tuple[int, ...]) -> float | None:
        """The same at large numbers, where 50 digits may be too few: in two precisions that must agree."""
        pair = [self.exact(name, point, place, digits) for digits in _MANY]
        if pair[0] is None or pair[1] is None or abs(pair[0] - pair[1]) > 1e-9 * abs(pair[1]):
            return None
        return pair[1]


def attempt_arguments(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Fresh copies of the arguments."""
    return {name: np.array(value) if np.ndim(value) else np.asarray(value)[()] for name, value in arrays.items()}


def setting_of(subject: Subject, truth: Truth, wrt: Sequence[str]) -> Setting | None:
    """The setting, or None where the code does not run at any ordinary point."""
    for raw in truth.points(9):
        for point in in_domain(truth, raw) if raw.style in ("normal", "positive") else ():
            ran = attempt(subject, point)
            if ran.error is None:
                return Setting(subject, truth, tuple(wrt), point, ran)
    return None


def results(trial: Trial) -> Iterator[tuple[str, np.ndarray]]:
    """(argument, gradient) for each result that is an array of numbers, and ('', value)."""
    for name, raw in (("", trial.value), *trial.gradients.items()):
        if raw is not None:
            try:
                yield name, np.asarray(raw, dtype=float)
            except (TypeError, ValueError):
                continue


def broken(array: np.ndarray) -> tuple[int, ...] | None:
    """The first entry that is NaN or infinite, or None."""
    bad = ~np.isfinite(array)
    return tuple(int(k) for k in np.unravel_index(int(np.argmax(bad)), bad.shape)) if bad.any() else None


def differ(a: Trial, b: Trial, tolerance: float) -> str | None:
    """The first result ('' is the value) in which two runs differ by more than this, relative to its size; None where there is none."""
    other = dict(results(b))
    for name, array in results(a):
        if name not in other or other[name].shape != array.shape:
            return name
        scale = tolerance * (1.0 + float(np.max(np.abs(array[np.isfinite(array)]), initial=0.0)))
        if not np.allclose(array, other[name], rtol=0, atol=scale, equal_nan=True):
            return name
    return None
