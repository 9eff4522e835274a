"""The truth of a check beyond 64-bit: single entries in 50 digits, and where it has a value at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np

from derive.checking.difference import reasoning
from derive.checking.truth import Truth
from derive.errors import DeriveError, NotYet
from derive.evaluate import Evaluator
from derive.index import ONE
from derive.points import Point, sizes_of

__all__ = ["exact_entries", "exact_entry", "in_domain"]


def exact_entry(truth: Truth, wrt: str | None, sizes: Mapping[str, int], arrays: Mapping[str, Any], place: tuple[int, ...]) -> Any:
    """One entry of the truth in 50 digits, or None where there is no derivation."""
    entries = exact_entries(truth, wrt, sizes, arrays)
    return None if entries is None else entries(place)


def exact_entries(truth: Truth, wrt: str | None, sizes: Mapping[str, int], arrays: Mapping[str, Any]) -> Callable[[tuple[int, ...]], Any] | None:
    """The entries of the truth at one point in 50 digits, as a function of the place; what they share is computed once."""
    name = wrt if wrt is not None else next((a.name for a in truth.arguments if a.kind == "float"), None)
    if name is None:
        return None
    try:
        story = truth.story(name)
    except NotYet:
        return None
    known = reasoning(story)
    last = story.result if wrt is not None else story.definitions[-1]
    evaluator = Evaluator({n: sizes[n] for n in sizes_of(truth.arguments)}, arrays, known)

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
    floats = [a.name for a in truth.arguments if a.kind == "float" and a.name != "dout"]
    changes: list[dict[str, Callable[[np.ndarray], np.ndarray]]] = [
        {}, *({name: np.abs} for name in floats), dict.fromkeys(floats, np.abs), dict.fromkeys(floats, _squashed)]
    for change in changes:
        arrays = {name: change[name](np.asarray(v)) if name in change else v for name, v in point.arrays.items()}
        if _has_value(truth, arrays):
            return [replace(point, arrays=arrays)]
    return []


def _squashed(value: np.ndarray) -> np.ndarray:
    return np.round(0.05 + 0.9 / (1.0 + np.exp(-np.clip(value, -30, 30))), 3)


def _has_value(truth: Truth, arrays: Mapping[str, Any]) -> bool:
    try:
        value = truth.value(arrays)
    except DeriveError:
        raise
    except Exception:  # an own loss is the user's code: what it raises is reported when it is run
        return True
    return value is None or bool(np.isfinite(np.asarray(value, dtype=float)).all())
