"""Numbers that have fewer digits than 64-bit holds: results in a shorter format, and true gradients that were rounded before they were returned."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any

import numpy as np

__all__ = ["SHORTENINGS", "codes_of", "format_of", "named_format", "shortening"]

_FORMATS = {"float32": np.float32, "single": np.float32, "f4": np.float32, "<f4": np.float32,
            "float16": np.float16, "half": np.float16, "f2": np.float16, "<f2": np.float16}
_CONSTANTS = frozenset({"float32", "f4", "<f4", "single", "float16", "f2", "<f2", "half"})
_ULPS = 4.0


def _decimals(k: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda t: np.round(t, k)


def _cut(k: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda t: np.trunc(t * 10.0**k) / 10.0**k


def _digits(k: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda t: np.vectorize(lambda x: float(f"{x:.{k - 1}e}"), otypes=[float])(t) if t.size else t


# What makes a shorter number of a true one, in words; the first row that explains all points is told.
SHORTENINGS: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("to whole numbers", _decimals(0)),
    *((f"to {k} decimal{'s' if k > 1 else ''}", _decimals(k)) for k in range(1, 13)),
    *((f"to {k} significant digit{'s' if k > 1 else ''}", _digits(k)) for k in range(1, 13)),
    ("to whole numbers, towards 0", _cut(0)),
    *((f"to {k} decimal{'s' if k > 1 else ''}, towards 0", _cut(k)) for k in range(1, 13)),
    ("to float32", lambda t: t.astype(np.float32).astype(float)),
    ("to float16", lambda t: t.astype(np.float16).astype(float)),
)


def shortening(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> str:
    """How the true arrays were rounded to give the claimed ones, in words; '' where that does not explain all of them.

    Args:
        pairs: (claimed, true) at several points, each of the same shape.
    """
    with np.errstate(all="ignore"):
        for words, shorter in SHORTENINGS:
            if pairs and all(_explained(claimed, true, shorter) for claimed, true in pairs):
                return words
    return ""


def _explained(claimed: np.ndarray, true: np.ndarray, shorter: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether the claimed entries are the shortened true ones, or those of a number a few units in the last place away."""
    leeway = _ULPS * np.finfo(float).eps * np.maximum(1.0, np.abs(true))
    steps = (0.0, 16.0, -16.0)
    fits = [np.abs(claimed - shorter(true + step * leeway)) <= leeway for step in steps]
    return bool(np.logical_or.reduce(fits).all())


def format_of(array: np.ndarray, true: np.ndarray) -> np.dtype[Any] | None:
    """The format shorter than float64 that an array has, or that all its entries are numbers of and the true ones are not; None for none."""
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        return array.dtype
    with np.errstate(all="ignore"):
        if _holds(np.float32, array) and not _holds(np.float16, array) and not _holds(np.float32, true):  # 0 and 1 are numbers of any format
            return np.dtype(np.float32)
    return None


def _holds(kind: type[Any], array: np.ndarray) -> bool:
    known = np.asarray(array, dtype=float)
    known = known[np.isfinite(known)]
    return bool((known.astype(kind).astype(float) == known).all())


def named_format(parts: Sequence[Callable[..., Any]]) -> np.dtype[Any] | None:
    """The shortest format that the functions name, as `np.float32` or 'float32', or None."""
    named = {name for part in parts for code in codes_of(part) for name in _names(code)}
    found = [np.dtype(_FORMATS[name]) for name in named]
    return min(found, key=lambda d: d.itemsize, default=None)


def _names(code: CodeType) -> Iterator[str]:
    yield from (name for name in code.co_names if name in ("float32", "float16", "single", "half"))
    yield from (one for one in code.co_consts if isinstance(one, str) and one in _CONSTANTS)


def codes_of(function: Callable[..., Any]) -> Iterator[CodeType]:
    """A function's code and that of the functions inside of it."""
    waiting = [getattr(inspect.unwrap(function), "__code__", None)]
    while waiting:
        code = waiting.pop()
        if isinstance(code, CodeType):
            yield code
            waiting += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
