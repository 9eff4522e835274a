"""The truth about a mutant: the reference in 40 digits at many points and several sizes, and the mutant in 64-bit at the same points."""

from __future__ import annotations

import builtins
import inspect
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from variants import Family, Variant
from variants.running import Result, run
from variants.variant import drawn, settings

from mutants.code import Functions
from mutants.edges import beside, between, jumps
from mutants.number import Number, backward, number
from mutants.shim import Digits, jax, jnp

SEEDS = 3
DIFFERENT, SAME, SPOILT = 1e-9, 1e-11, 1e-11  # between the first two a mutant is doubtful; a point where rounding exceeds the third is left out
FLOOR = 1e-3  # differences are relative to the largest entry, but not to one that is smaller: there, cancellation speaks


@dataclass(frozen=True)
class Spot:
    """Sizes, arguments, an incoming gradient for a layer, and the true value and gradients."""

    sizes: Mapping[str, int]
    arrays: Mapping[str, Any]
    dout: Any
    true: Result


def on_digits(reference: Callable[..., Any]) -> Callable[..., Any]:
    """The reference, and the functions of its module that it calls, with `jax` and `jnp` replaced."""
    namespace: dict[str, Any] = {"__builtins__": builtins, "jax": jax, "jnp": jnp, "np": np}
    for name, value in reference.__globals__.items():
        if isinstance(value, FunctionType) and value.__module__ == reference.__module__:
            namespace[name] = FunctionType(value.__code__, namespace, value.__name__, value.__defaults__, value.__closure__)
        elif isinstance(value, (int, float)) and not name.startswith("_"):
            namespace[name] = value
    return FunctionType(reference.__code__, namespace, reference.__name__, reference.__defaults__, reference.__closure__)


def digits(value: Any) -> Any:
    """An argument in 40 digits; labels stay."""
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return value
    out = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        out[index] = number(float(array[index]))
    return out.view(Digits) if array.ndim else out[()]


def rounded(array: Any) -> Any:
    entries = np.ravel(np.asarray(array, dtype=object))
    return np.array([float(v.value) if isinstance(v, Number) else float(v) for v in entries]).reshape(np.shape(array))


def precise(family: Family, arrays: Mapping[str, Any], layer: bool, rng: np.random.Generator | None = None, dout: Any = None) -> tuple[Any, Result]:
    """(dout, value and gradients) of the reference in 40 digits, rounded once at the end."""
    given = {name: digits(value) for name, value in arrays.items()}
    with np.errstate(all="ignore"):
        value = on_digits(family.reference)(**given)
        value = value if family.change is None else family.change(value, given)
    if layer and dout is None:
        assert rng is not None
        dout = rng.normal(size=np.shape(value))
    scalar = np.sum(value * digits(dout)) if layer else value
    slope = backward(scalar if isinstance(scalar, Number) else np.asarray(scalar, dtype=object).item())
    gradients = []
    for name in family.wrt:
        entries = np.asarray(given[name], dtype=object)
        gradients.append(np.array([float(slope.get(id(e), 0.0)) for e in entries.ravel()]).reshape(entries.shape))
    return dout, Result(rounded(value), tuple(gradients))


@cache
def spots(family: Family, layer: bool) -> tuple[Spot, ...]:
    """Three points at each of the sizes, one of them with large numbers, and points with equal sizes."""
    places = settings(family) + ([] if family.sizes else [dict.fromkeys(settings(family)[0], 2), dict.fromkeys(settings(family)[0], 3)])
    out = []
    for turn, sizes in enumerate(places):
        for seed in range(SEEDS):
            rng = np.random.default_rng([11, turn, seed])
            arrays = drawn(family, sizes, rng)
            if seed == 2:
                arrays = {n: v * 2.5 if np.asarray(v).dtype.kind == "f" and n not in family.draws else v for n, v in arrays.items()}
            dout, true = precise(family, arrays, layer, rng)
            out.append(Spot(sizes, arrays, dout, true))
    return tuple(out)


EDGES = 3


@cache
def edges(variant: Variant) -> tuple[Spot, ...]:
    """Points beside the jumps of the gradient, for the variant whose unchanged functions are run to find them."""
    family, layer = variant.family, len(variant.functions) == 2
    given = spots(family, layer)
    moving = {name for name, value in given[0].arrays.items() if np.asarray(value).dtype.kind == "f" and name not in family.draws}
    out = []
    for k in (0, SEEDS) if variant.right else ():
        if k + 1 < len(given):
            a, b = given[k], given[k + 1]

            def gradient(arrays: Mapping[str, Any], dout: Any = a.dout) -> Any:
                return np.concatenate([np.ravel(g) for g in run(variant.functions, family.wrt, arrays, dout).gradients])

            with np.errstate(all="ignore"):
                places = beside(jumps(gradient, a.arrays, b.arrays, moving), EDGES)
            for t in places:
                arrays = between(a.arrays, b.arrays, moving, t)
                out.append(Spot(a.sizes, arrays, a.dout, precise(family, arrays, layer, dout=a.dout)[1]))
    return tuple(out)


def everywhere(variant: Variant) -> tuple[Spot, ...]:
    return spots(variant.family, len(variant.functions) == 2) + edges(variant)


class Late(BaseException):
    """Time is up."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises `Late` when this much processor time is used up."""
    def stop(*_: Any) -> None:
        raise Late
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)  # again each second: raised in a callback of a weak reference it is lost
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass(frozen=True)
class Truth:
    """What a mutant is.

    kind: "different", "crashes" (at every point), "crashes somewhere" (and is right elsewhere), "same", "doubtful".
    gap: the largest relative difference of a gradient; value_gap: that of the loss or output.
    where: the sizes of the first point at which it differs.
    """

    kind: str
    gap: float = 0.0
    value_gap: float = 0.0
    where: str = ""


def relative(claimed: Any, true: Any) -> float:
    try:
        claimed = np.asarray(claimed)
        if claimed.shape != np.shape(true) or claimed.dtype.kind not in "fiub":
            return float("inf")
        difference = np.abs(claimed.astype(float) - true)
    except (TypeError, ValueError):
        return float("inf")
    scale = max(float(np.max(np.abs(true), initial=0.0)), FLOOR)
    worst = float(np.max(difference, initial=0.0)) / scale
    return float("inf") if np.isnan(worst) else worst


def at(functions: Functions, variant: Variant, spot: Spot) -> tuple[float, float]:
    """(gap of the gradients, gap of the value) at one point."""
    result = run(functions, variant.family.wrt, spot.arrays, spot.dout)
    gap = max(relative(a, b) for a, b in zip(result.gradients, spot.true.gradients))
    if len(result.gradients) != len(spot.true.gradients):
        gap = float("inf")
    return gap, 0.0 if result.value is None else relative(result.value, spot.true.value)


@cache
def noise(variant: Variant) -> tuple[float, ...]:
    """How far rounding alone takes the unchanged functions, at each point; nothing is known of that for wrong ones and another convention."""
    if not variant.right or variant.family.change is not None:
        return (0.0,) * len(everywhere(variant))
    with np.errstate(all="ignore"):
        return tuple(max(at(variant.functions, variant, spot)) for spot in everywhere(variant))


def judged(functions: Functions, variant: Variant) -> Truth:
    """The truth about changed functions."""
    gap = value_gap = 0.0
    crashed, ran, where, crash_where = 0, 0, "", ""
    for spot, own in zip(everywhere(variant), noise(variant)):
        if own > SPOILT:
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                with limited(5.0):
                    found = at(functions, variant, spot)
            except Late:
                return Truth("crashes", where="does not end")
            except Exception as error:  # whatever a mutant raises is its answer
                crashed, crash_where = crashed + 1, f"{spot.sizes}: {type(error).__name__}: {error}"
                continue
        ran += 1
        gap, value_gap = max(gap, found[0]), max(value_gap, found[1])
        if max(found) > DIFFERENT:
            return Truth("different", gap, value_gap, str(spot.sizes))
        if max(found) > SAME:
            where = where or str(spot.sizes)
    if not ran:
        return Truth("crashes", where=crash_where)
    if where:
        return Truth("doubtful", gap, value_gap, where)
    return Truth("crashes somewhere" if crashed else "same", gap, value_gap, crash_where)


def arguments_of(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)
