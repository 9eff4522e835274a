"""Numbers that satisfy what was declared of the arguments: a sum over an axis, an interval, a few values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from derive.derivation import Assumption
from derive.evaluate import Evaluator
from derive.index import Add, At, Expr, Iverson, Mul, Num, Sum, sub, walk

__all__ = ["fitted_arrays", "values_of"]

_NEAR, _FAR = 0.05, 0.9
_STEP = 0.125


def fitted_arrays(arrays: Mapping[str, Any], sizes: Mapping[str, int], style: str, declared: Sequence[Assumption]) -> dict[str, Any]:
    """The arrays, changed so that what was declared holds, as far as that is known how: few values first, then intervals, then sums.

    Args:
        arrays, sizes, style: of a point.
        declared: on the arguments; what is of another kind is left to chance.
    """
    out = dict(arrays)
    for assumption in declared:
        found = values_of(assumption.condition)
        if found is not None and found[0].name in out:
            out[found[0].name] = _among(np.asarray(out[found[0].name]), [float(value) for value in found[1]])
    limits = _limits(declared)
    for name, (low, high) in limits.items():
        if name in out and np.asarray(out[name]).dtype.kind == "f":
            out[name] = _between(np.asarray(out[name], dtype=float), low, high)
    for assumption in declared:
        total = _declared_sum(assumption.condition)
        if total is not None:
            entry, axis, value = total
            target = float(Evaluator(dict(sizes), out).value(value, dict.fromkeys(value.free, 0)))
            positive = style in ("positive", "unit") or limits.get(entry.name, (None, None))[0] is not None
            out[entry.name] = _with_sum(out[entry.name], axis, target, positive=positive)
    return out


def values_of(condition: Expr | None) -> tuple[At, tuple[Fraction, ...]] | None:
    """(entry, values) of a condition (x − v) (x − w) … = 0 with numbers v, w, …; a single value does not count."""
    if not (isinstance(condition, Iverson) and condition.args[0] == "=" and isinstance(condition.args[1], Mul)):
        return None
    found = [_shifted(factor) for factor in condition.args[1].args[0]]
    entries = {one[0] for one in found if one is not None and one[1] == 1}
    if None in found or len(entries) != 1 or len(found) < 2:
        return None
    return entries.pop(), tuple(sorted(-one[2] for one in found if one is not None))


# ------------------------------------------------------------------------------------------- what the conditions say


def _shifted(u: Expr) -> tuple[At, Fraction, Fraction] | None:
    """(x, a, c) of u = a x + c for an entry x and numbers a, c."""
    parts = u.args[0] if isinstance(u, Add) else (u,)
    shift = sum((part.value for part in parts if isinstance(part, Num)), Fraction(0))
    rest = [part for part in parts if not isinstance(part, Num)]
    if len(rest) != 1:
        return None
    factors = rest[0].args[0] if isinstance(rest[0], Mul) else (rest[0],)
    entries = [factor for factor in factors if isinstance(factor, At)]
    numbers = [factor for factor in factors if isinstance(factor, Num)]
    if len(entries) != 1 or len(entries) + len(numbers) != len(factors):
        return None
    return entries[0], numbers[0].value if numbers else Fraction(1), shift


def _bounds(declared: Sequence[Assumption]) -> Iterator[tuple[str, bool, float]]:
    """(name, whether it is a lower bound, bound) of conditions a x + c > 0."""
    for assumption in declared:
        condition = assumption.condition
        found = _shifted(condition.args[1]) if isinstance(condition, Iverson) and condition.args[0] in (">", ">=") else None
        if found is not None:
            yield found[0].name, found[1] > 0, float(-found[2] / found[1])


def _limits(declared: Sequence[Assumption]) -> dict[str, tuple[float | None, float | None]]:
    out: dict[str, tuple[float | None, float | None]] = {}
    for name, lower, bound in _bounds(declared):
        low, high = out.get(name, (None, None))
        out[name] = (max(bound, bound if low is None else low), high) if lower else (low, min(bound, bound if high is None else high))
    return out


def _declared_sum(condition: Expr | None) -> tuple[At, int, Expr] | None:
    """(entry, axis, value) of a condition Σ over one axis of an argument = value."""
    if not (isinstance(condition, Iverson) and condition.args[0] == "="):
        return None
    for part in walk(condition.args[1]):
        if isinstance(part, Sum) and len(part.bound) == 1 and isinstance(part.body, At) and part.bound[0] in part.body.indices:
            return part.body, part.body.indices.index(part.bound[0]), sub(part, condition.args[1])
    return None


# ------------------------------------------------------------------------------------------- numbers


def _among(array: np.ndarray, values: Sequence[float]) -> np.ndarray:
    """The array with each entry replaced by one of the values, told by the entry itself."""
    places = array.astype(int) if array.dtype.kind != "f" else np.floor(np.abs(array) * 8).astype(int)
    return np.asarray(values)[places % len(values)].astype(array.dtype)


def _between(array: np.ndarray, low: float | None, high: float | None) -> np.ndarray:
    """The array with the entries that are outside put inside: mirrored at a bound, or drawn into an interval."""
    if low is not None and high is not None:
        part = _NEAR + _FAR * (np.abs(array) % 1.0)
        return np.where((array > low) & (array < high), array, np.round(low + (high - low) * part, 6))
    if low is not None:
        return np.where(array > low, array, low + np.abs(array - low) + _STEP)
    assert high is not None
    return np.where(array < high, array, high - np.abs(array - high) - _STEP)


def _with_sum(array: np.ndarray, axis: int, target: float, *, positive: bool) -> np.ndarray:
    """The array with this sum along the axis, exact in binary floating point."""
    moved = np.moveaxis(np.round(np.asarray(array) * 256) / 256, axis, -1).copy()
    n = moved.shape[-1]
    if positive:
        moved[...] = target * np.array([0.5 ** min(k + 1, n - 1) for k in range(n)])
    else:
        moved[..., -1] = target - moved[..., :-1].sum(axis=-1)
    return np.moveaxis(moved, -1, axis)
