"""Large numbers: scores of ±1e3 and ±1e4, where exp overflows and probabilities underflow, and numbers of ordinary size.

Ordinary means that no entry of an argument is larger than 10 in magnitude.  NaN, infinity or wrong numbers there are faults; at larger numbers they
are warnings.  Nothing is said where the true value is itself too large for 64-bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from derive.checking.running import Trial
from derive.checking.safety.setting import Finding, Setting, broken, results
from derive.points import Point, satisfied

__all__ = ["large_numbers"]

ORDINARY = 10.0
_ALONE = (ORDINARY, 1e3, 1e4)
_TOGETHER = (3.0, 30.0, 100.0)
_OFF = 1e-3
_SHIFT = "no max-shift: exp overflows for scores above 709; subtract the largest score of each row before exp, and for a sigmoid use exp(−|z|)"
# What NumPy warns of, all of it, and what it means; the first row that fits is told.
_CAUSES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("overflow encountered in exp", "invalid value encountered in divide"), _SHIFT),
    (("divide by zero encountered in log",),
     "the log of a number that underflowed to 0 is −inf; compute log-probabilities as z − max − log Σ exp(z − max), or with logaddexp"),
    (("overflow encountered in exp",), _SHIFT),
    (("overflow encountered in cosh",), "cosh overflows for numbers above 710; write it with exp(−|x|)"),
    (("overflow encountered in sinh",), "sinh overflows for numbers above 710; write it with exp(−|x|)"),
    (("overflow encountered",), "a square or a product overflows"),
    (("divide by zero",), "something is divided by a number that underflowed to 0"),
    (("invalid value",), "0/0, ∞ − ∞ or 0 · ∞ is computed on the way"),
)


def large_numbers(setting: Setting) -> Iterator[Finding]:
    """NaN, infinity and wrong numbers where the truth is finite, from the smallest numbers on; each effect is told once."""
    told: set[tuple[str, str]] = set()
    for point, words, ordinary in _scaled(setting):
        if not satisfied(point, setting.truth.extra):
            continue
        trial = setting.run(point.arrays)
        if trial.error is not None:
            if ("raises", "") not in told:
                told.add(("raises", ""))
                yield Finding(f"{words} it raises {type(trial.error).__name__}: {trial.error}", ordinary)
            continue
        for name, array in results(trial):
            found = _trouble(setting, point, trial, name, array) if name in setting.right else None
            if found is not None and (found[0], name) not in told:
                told.add((found[0], name))
                yield Finding(f"{words} {found[1]}", ordinary, name)


def _scaled(setting: Setting) -> Iterator[tuple[Point, str, bool]]:
    """(point, words, whether all is of ordinary size): each array alone, then all of them, from small to large."""
    names = setting.arrays
    for step, size in enumerate(_ALONE):
        for name in names:
            yield _with_size(setting.base, (name,), size), f"with entries of {setting.own_name(name)} up to ±{size:g}", size <= ORDINARY
        if len(names) > 1:
            each = ", ".join(setting.own_name(name) for name in names)
            yield _with_size(setting.base, names, _TOGETHER[step]), f"with entries of {each} up to ±{_TOGETHER[step]:g}", step == 0


def _with_size(point: Point, names: tuple[str, ...], size: float) -> Point:
    arrays = dict(point.arrays)
    for name in names:
        largest = float(np.max(np.abs(arrays[name]), initial=0.0))
        arrays[name] = arrays[name] * (size / largest) if largest else arrays[name]
    return replace(point, arrays=arrays)


def _trouble(setting: Setting, point: Point, trial: Trial, name: str, array: np.ndarray) -> tuple[str, str] | None:
    """(what kind, in words) of what is wrong with one result at one point."""
    what = f"the gradient with respect to {setting.own_name(name)}" if name else "the value"
    place = broken(array)
    if place is not None:
        true = setting.true(name, point.arrays)
        known = true is not None and true.shape == array.shape and np.isfinite(true[place])
        fine = float(true[place]) if known and true is not None else setting.surely(name, point, place)
        if fine is None:
            return None
        return "broken", f"{what} is {array[place]}, and the truth is {fine:.6g}: {_cause(trial)}"
    true = setting.true(name, point.arrays)
    if true is None or true.shape != array.shape or not np.isfinite(true).all():
        return None
    gap = np.abs(array - true)
    if not gap.size or gap.max() <= _OFF * (1e-6 + np.abs(true).max()):
        return None
    place = tuple(int(k) for k in np.unravel_index(int(gap.argmax()), gap.shape))
    fine = setting.surely(name, point, place)
    if fine is None or abs(array[place] - fine) <= _OFF * (1e-6 + abs(fine)):
        return None
    return "off", f"{what} is {array[place]:.6g}, and the truth is {fine:.6g}: {_cause(trial, 'rounding or clipping loses the number on the way')}"


def _cause(trial: Trial, otherwise: str = "a number overflows or underflows on the way") -> str:
    return next((words for texts, words in _CAUSES if all(any(text in w for w in trial.warned) for text in texts)), otherwise)
