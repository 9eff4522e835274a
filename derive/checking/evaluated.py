"""The truth of a check beyond 64-bit: single entries in 50 digits, and where it has a value at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np

from derive.checking.difference import reasoning
from derive.checking.running import outcome
from derive.checking.truth import Truth
from derive.errors import NotYet
from derive.evaluate import DIGITS, Evaluator
from derive.index import ONE
from derive.points import Point, satisfied, sizes_of

__all__ = ["exact_entries", "exact_entry", "in_domain"]


def exact_entry(truth: Truth, wrt: str | None, sizes: Mapping[str, int], arrays: Mapping[str, Any], place: tuple[int, ...]) -> Any:
    """One entry of the truth in 50 digits, or None where there is no derivation."""
    entries = exact_entries(truth, wrt, sizes, arrays)
    return None if entries is None else entries(place)


def exact_entries(truth: Truth, wrt: str | None, sizes: Mapping[str, int], arrays: Mapping[str, Any],
                  digits: int = DIGITS) -> Callable[[tuple[int, ...]], Any] | None:
    """The entries of the truth at one point in many digits, as a function of the place; what they share is computed once."""
    name = wrt if wrt is not None else next((a.name for a in truth.arguments if a.kind == "float"), None)
    if name is None:
        return None
    try:
        story = truth.story(name)
    except NotYet:
        return None
    known = reasoning(story)
    last = story.result if wrt is not None else story.definitions[-1]
    evaluator = Evaluator({n: sizes[n] for n in sizes_of(truth.arguments)}, arrays, known, digits)

    def entry(place: tuple[int, ...]) -> Any:
        kept = tuple(k for k, n in zip(place, last.shape) if n is not ONE) if len(place) != len(last.indices) else place
        if len(kept) != len(last.indices):
            return None
        try:
            return mpmath.mpf(evaluator.value(last.body, dict(zip(last.indices, kept))))
        except (IndexError, ZeroDivisionError, KeyError, TypeError):
            return None

    return entry


def in_domain(truth: Truth, point: Point) -> list[Point]:
    """The point, or one of the same sizes with some arguments made positive or small, where the truth has a value; else none."""
    floats = tuple(a.name for a in truth.arguments if a.kind == "float" and a.name != "dout")
    changes: list[tuple[tuple[str, ...], Callable[[np.ndarray], np.ndarray]]] = [((), np.abs)]
    changes += [((name,), np.abs) for name in floats]
    changes += [(floats, np.abs), (floats, _squashed)]
    for names, change in changes:
        arrays = {name: change(np.asarray(v)) if name in names else v for name, v in point.arrays.items()}
        moved = replace(point, arrays=arrays)
        if _has_value(truth, arrays) and satisfied(moved, truth.extra):
            return [moved]
    return []


def _squashed(value: np.ndarray) -> np.ndarray:
    return np.round(0.05 + 0.9 / (1.0 + np.exp(-np.clip(value, -30, 30))), 3)


def _has_value(truth: Truth, arrays: Mapping[str, Any]) -> bool:
    value, error = outcome(lambda: truth.value(arrays))  # what an own loss raises is reported when it is run
    return error is not None or value is None or bool(np.isfinite(np.asarray(value, dtype=float)).all())
