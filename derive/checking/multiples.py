"""Whether one value is always the same multiple of another, as where a loss is a sum and not a mean, or lacks its half."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np

from derive.checking.running import Trial
from derive.checking.truth import Truth

__all__ = ["multiple"]

_ENOUGH = 3
_EXACT = 1e-9
_LARGEST = 64  # the largest denominator that counts as a number somebody wrote


def multiple(trials: Sequence[Trial], truth: Truth) -> str:
    """What the value is, as in '2 × the reference', where that holds at all points; '' where it is no such multiple."""
    ordinary = [t for t in trials if t.error is None and t.point.style not in ("wide", "enlarged", "ties")]
    ratios = [found for t in ordinary if (found := _ratio(t, truth)) is not None]
    if len(ratios) < _ENOUGH:
        return ""
    for words, factor in _candidates([sizes for sizes, _ in ratios]):
        parts = [ratio / factor(sizes) for sizes, ratio in ratios]
        number = Fraction(parts[0]).limit_denominator(_LARGEST)
        if number and all(abs(part - float(number)) <= _EXACT * abs(float(number)) for part in parts):
            return f"{_spelled(number, words)} × the reference"
    return ""


def _ratio(trial: Trial, truth: Truth) -> tuple[Mapping[str, int], float] | None:
    """The value over the true one, where that is the same number for all entries."""
    try:
        own, true = np.asarray(trial.value, dtype=float), np.asarray(truth.value(trial.point.arrays), dtype=float)
    except (TypeError, ValueError):
        return None
    if own.size != true.size or not true.size or not np.isfinite(own).all() or not np.abs(true).max() > 0:
        return None
    own, true = own.ravel(), true.ravel()
    k = int(np.argmax(np.abs(true)))
    ratio = float(own[k] / true[k])
    return (trial.point.sizes, ratio) if np.allclose(own, ratio * true, rtol=_EXACT, atol=0) else None


def _candidates(settings: Sequence[Mapping[str, int]]) -> Iterator[tuple[str, Callable[[Mapping[str, int]], float]]]:
    """A number alone, or times or over a size."""
    yield "", lambda sizes: 1.0
    for name in settings[0]:
        yield name, lambda sizes, name=name: float(sizes[name])  # type: ignore[misc]
        yield f"1/{name}", lambda sizes, name=name: 1.0 / sizes[name]  # type: ignore[misc]


def _spelled(number: Fraction, size: str) -> str:
    """The multiple as text: 2, 1/2, m, 2 m, 1/m."""
    sign, number = ("−" if number < 0 else ""), abs(number)
    if size.startswith("1/"):
        name = size[2:]
        below = name if number.denominator == 1 else f"({number.denominator} {name})"
        return f"{sign}{number.numerator}/{below}"
    plain = f"{number.numerator}" if number.denominator == 1 else f"{number.numerator}/{number.denominator}"
    return sign + (plain if not size else size if number == 1 else f"{plain} {size}")
