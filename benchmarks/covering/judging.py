"""One row and one argument: does it derive, is it proved, does its code agree with autodiff, and what happens at large numbers."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import oracle
from library import Row

import derive
from covering.numbers import LARGE, relative, size_text, trials
from derive.derivation import Assumption
from derive.index import ONE
from derive.trace import read
from derive.trace.read import Program
from derive.trace.shapes import call

UNDERFLOW = 1e-8  # of dout: a derivative that is smaller at large numbers may come out as 0
FLOOR = 1e-11  # a gradient whose exact value is 0 everywhere leaves rounding alone


@dataclass(frozen=True)
class Covered:
    """A line of the page.

    Attributes:
        error: what the derivation or the code met; empty where there is both.
        proved: the verdict of `derive.check` on the emitted code.
        gap: the largest relative difference from `jax.vjp` in 64-bit, over unequal sizes and all ones.
        large: what happens at 1e2, 1e3 and 1e4 times as large arguments.
    """

    group: str
    label: str
    wrt: str
    seconds: float = 0.0
    steps: int = 0
    operations: int = 0
    error: str = ""
    proved: str = ""
    gap: float = float("nan")
    settings: int = 0
    large: str = ""

    @property
    def derived(self) -> bool:
        return self.steps > 0

    def agrees(self, tolerance: float) -> bool:
        return self.gap <= tolerance

    def row(self) -> dict[str, Any]:
        return asdict(self)


def covered(group: str, row: Row, wrt: str, *, prove: bool = True) -> Covered:
    """Derive, emit, run, compare, prove."""
    start = time.process_time()
    try:
        d = derive.vjp(row.function, wrt, dict(row.shapes))
    except derive.DeriveError as error:
        return Covered(group, row.label, wrt, error=f"{type(error).__name__}: {' '.join(str(error).split())}")
    except Exception as error:  # a fault of derive's own, which the page must show and not hide
        return Covered(group, row.label, wrt, error=f"fault: {type(error).__name__}: {error}")
    seconds = time.process_time() - start
    known = {"group": group, "label": row.label, "wrt": wrt, "seconds": seconds, "steps": max(len(d.story.steps), 1)}
    try:
        function = d.function()
    except derive.DeriveError as error:
        return Covered(**known, error=f"code: {type(error).__name__}: {' '.join(str(error).split())}")
    program = read(row.function, dict(row.shapes))
    try:
        gap, count, nowhere = agreement(row, program, wrt, function, d.story.assumptions)
    except Exception as error:  # emitted code that raises is a fault, and shown
        return Covered(**known, error=f"code raises {type(error).__name__}: {error}")
    return Covered(**known, operations=size_of(d.numpy()), gap=gap, settings=count,
                   large=" ".join(filter(None, [nowhere, at_large(row, program, d, function)])),
                   proved=verdict(row, program, wrt, function) if prove else "")


def size_of(source: str) -> int:
    """Statements of the emitted code."""
    return sum(bool(line.strip()) and not line.strip().startswith(("#", "import", "def", '"')) for line in source.splitlines())


def called(function: Callable[..., Any], arrays: dict[str, Any], dout: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        taken = inspect.signature(function).parameters
        return function(**{name: value for name, value in {**arrays, "dout": dout}.items() if name in taken})


def incoming(value: Any) -> Any:
    return np.random.default_rng(7).normal(size=np.shape(value))


def agreement(row: Row, program: Program, wrt: str, function: Callable[..., Any], rests: Sequence[Assumption] = ()) -> tuple[float, int, str]:
    """(largest relative difference, how many settings were run, where autodiff is no number)."""
    worst, count, nowhere = 0.0, 0, ""
    for sizes, arrays in trials(row, program, rests=rests):
        dout = incoming(oracle.run(row.function, arrays))
        expected = oracle.pulled_back(row.function, [wrt], arrays, dout)[wrt]
        if not np.isfinite(expected).all():
            nowhere = "autodiff is NaN with all sizes 1." if set(sizes.values()) == {1} else "autodiff is NaN at a point."
            continue
        found = called(function, arrays, dout)
        gap = relative(found, expected)
        if gap > row.tolerance and np.shape(found) == expected.shape and float(np.max(np.abs(found - expected))) < FLOOR:
            gap = 0.0
        worst, count = max(worst, gap) if gap == gap else float("nan"), count + 1
        if gap != gap:
            break
    return worst if count else float("nan"), count, nowhere


def at_large(row: Row, program: Program, d: Any, function: Callable[..., Any]) -> str:
    """The emitted code at large arguments against 50 digits: '' where it is right, else the first factor where it is not; NaN of JAX is said."""
    words = []
    kept = tuple(0 if part is ONE else slice(None) for part in program.shape)  # the story's dout has no axes of size 1
    for scale in LARGE:
        sizes, arrays = next(iter(trials(row, program, scale, d.story.assumptions)), (None, None))
        if sizes is None or arrays is None:
            return ""
        value = oracle.run(row.function, arrays)
        dout = incoming(value)
        try:
            expected = oracle.backward(d.story, sizes, {**arrays, "dout": dout[kept]})
        except (OverflowError, ZeroDivisionError, ValueError):
            return "".join(words) or f"no oracle at {scale:g}"
        if not np.isfinite(expected).all():
            continue
        auto = oracle.pulled_back(row.function, [d.wrt], arrays, dout)[d.wrt]
        if not np.isfinite(auto).all():
            words.append(f"autodiff is NaN or ∞ at {scale:g}. ")
        least = UNDERFLOW * float(np.max(np.abs(dout), initial=0.0))
        gap, theirs = (relative(found, expected, least) for found in (called(function, arrays, dout), auto))
        if not gap <= max(row.tolerance, 1e-6):
            like = "like autodiff, " if gap <= 10 * theirs else ""
            return "".join(words) + f"{like}off by {gap:.1g} at {scale:g}"
    return "".join(words).strip()


def scalar(row: Row, program: Program) -> tuple[Callable[..., Any], dict[str, str]]:
    """Σ dout · value, as one loss of all arguments and the incoming gradient: what the backward pass is the gradient of."""
    names = [*row.shapes, "dout"]

    def paired(*given: Any) -> Any:
        *own, dout = given
        return jnp.sum(call(row.function, dict(zip(row.shapes, own))) * dout)
    paired.__signature__ = inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names])  # type: ignore[attr-defined]
    return paired, {**row.shapes, "dout": " ".join(map(size_text, program.shape))}


def verdict(row: Row, program: Program, wrt: str, function: Callable[..., Any]) -> str:
    """How far the emitted code is proved to be the backward pass, by the check of handwritten gradients."""
    loss, shapes = scalar(row, program)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return derive.check(function, loss, wrt, shapes, explain=False, returns=[wrt]).verdict
    except Exception as error:  # as above: shown
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
