"""The derivative of the loss that the handwritten code itself returns: what it is compared with where there is no reference, and beside it."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import itertools
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from derive.calculus.differentiate import differentiate
from derive.checking.arguments import matched, parameters_of
from derive.checking.inputs import points_for
from derive.checking.lift import LiftedArray
from derive.checking.running import outcome
from derive.checking.subject import Subject
from derive.checking.valueshape import value_shape
from derive.derivation import Argument, Assumption, Definition, Source, Story
from derive.errors import DeriveError, NotYet
from derive.index import Expr, Size
from derive.points import Point, concrete, label_bounds, points
from derive.trace import Program
from derive.trace.shapes import call, place_of

__all__ = ["OwnLoss", "own_program"]

_STEP = 2.0**-10
_WARY = 16.0


def own_program(subject: Subject, value: LiftedArray, arguments: Sequence[Argument], assumptions: Sequence[Assumption]) -> Program:
    """What the handwritten code returns as its value, as a program with one definition."""
    try:
        text = textwrap.dedent(inspect.getsource(subject.handwritten))
    except (OSError, TypeError):
        text = ""
    source = Source(subject.name, text, subject.place, tuple(a for a in arguments if a.name != "dout"))
    name = "loss" if not value.indices else "out"
    taken = {a.name for a in arguments}
    while name in taken:
        name += "′"
    return Program(source, (Definition(name, value.indices, value.body, "user", value.shape, place_of(subject.handwritten)),), value.shape,
                   tuple(assumptions), ())


class OwnLoss:
    """The truth where there is no reference; see `truth.Truth`.  Numbers are differences of the user's own loss.

    Args:
        subject: the handwritten code.
        arguments: with their symbolic shapes, and `dout` last where the value is an array.
        lifted: what it returns as its value, for all sizes, or None where that is not known.
    """

    own = True
    binary: frozenset[str] = frozenset()

    def __init__(self, subject: Subject, arguments: tuple[Argument, ...], extra: tuple[Assumption, ...], program: Program | None) -> None:
        self.subject, self.arguments, self.extra, self.program = subject, arguments, extra, program
        self.kind = "vjp" if any(a.name == "dout" for a in arguments) else "gradient"
        self._stories: dict[str, Story] = {}
        self._latest: tuple[Any, tuple[np.ndarray, np.ndarray]] | None = None
        self._points: list[Point] = []

    def story(self, wrt: str) -> Story:
        """See `Truth`."""
        if self.program is None:
            raise NotYet("The loss that the function returns is not known as a formula.")
        if wrt not in self._stories:
            self._stories[wrt] = differentiate(self.program, wrt, self.kind, self.extra)
        return self._stories[wrt]

    def story_at(self, wrt: str, sizes: Mapping[str, int]) -> Story:
        """See `Truth`."""
        return self.story(wrt)

    def value(self, arrays: Mapping[str, Any]) -> Any:
        """The loss that the function returns, in 64-bit."""
        return self._value(arrays)

    def _value(self, arrays: Mapping[str, Any]) -> np.ndarray:
        with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            value, _ = self.subject.run({name: np.array(v) if np.ndim(v) else np.asarray(v)[()] for name, v in arrays.items()})
        return np.asarray(value, dtype=float)

    def gradient(self, arrays: Mapping[str, Any], wrt: str) -> np.ndarray:
        """Central differences of the function's own loss, extrapolated twice; `error` says how good they are."""
        return self._differences(arrays, wrt)[0]

    def error(self, arrays: Mapping[str, Any], wrt: str) -> np.ndarray:
        """How far off each entry of that gradient may be: what the last extrapolation changed, many times over."""
        return self._differences(arrays, wrt)[1]

    def _differences(self, arrays: Mapping[str, Any], wrt: str) -> tuple[np.ndarray, np.ndarray]:
        key = (wrt, *((name, np.asarray(value).tobytes()) for name, value in arrays.items()))
        if self._latest is None or self._latest[0] != key:
            self._latest = key, self._measured(arrays, wrt)
        return self._latest[1]

    def _measured(self, arrays: Mapping[str, Any], wrt: str) -> tuple[np.ndarray, np.ndarray]:
        base = np.array(arrays[wrt], dtype=float)
        seed = np.asarray(arrays["dout"], dtype=float) if self.kind == "vjp" else np.float64(1)
        out, error = np.zeros(base.shape), np.zeros(base.shape)
        for place in np.ndindex(base.shape):
            with np.errstate(all="ignore"):
                out[place], error[place] = _extrapolated([self._slope(arrays, wrt, base, place, seed, _STEP / 2**k) for k in range(3)])
        return out, error

    def _slope(self, arrays: Mapping[str, Any], wrt: str, base: np.ndarray, place: tuple[int, ...], seed: Any, step: float) -> float:
        sides = []
        for sign in (1, -1):
            moved = base.copy()
            moved[place] += sign * step
            sides.append(float(np.sum(self._value({**arrays, wrt: moved if base.ndim else moved[()]}) * seed)))
        return (sides[0] - sides[1]) / (2 * step)

    def points(self, count: int) -> Iterator[Point]:
        """See `Truth`."""
        if not self._points:
            self._points = points_for(self.arguments, self.bounds, self.program, self.extra)
        yield from self._points[:count]

    @functools.cached_property
    def bounds(self) -> Mapping[str, Sequence[Expr]]:
        """See `Truth`."""
        conditions = [a.condition for a in self.program.assumptions] if self.program is not None else []
        return label_bounds(conditions) or self._label_sizes()

    def _label_sizes(self) -> dict[str, list[Expr]]:
        """For each integer argument the largest size whose last label the function takes, where nothing else tells how many labels there are."""
        bounds: dict[str, list[Expr]] = {}
        for argument in self.arguments:
            for size in _sizes_downward(self.arguments) if argument.kind == "int" else ():
                point = next(points(self.arguments, {**bounds, argument.name: [size]}))
                labels = np.full_like(point.arrays[argument.name], concrete(size, point.sizes) - 1)
                if self._runs({**point.arrays, argument.name: labels}):
                    bounds[argument.name] = [size]
                    break
        return bounds

    def _runs(self, arrays: Mapping[str, Any]) -> bool:
        """Whether the function takes these labels; an error of the user's code says that it does not."""
        found, error = outcome(lambda: self._value(arrays))
        return error is None and bool(np.isfinite(found).all())


def _sizes_downward(arguments: Sequence[Argument]) -> list[Expr]:
    """The symbolic sizes, the largest at the first point first."""
    sizes = next(points(arguments, {})).sizes
    return [Size(name) for name in sorted(sizes, key=lambda name: -sizes[name])]


def _extrapolated(slopes: Sequence[float]) -> tuple[float, float]:
    """(Richardson's extrapolation of central differences at h, h/2 and h/4, what its last step changed, times _WARY)."""
    row = list(slopes)
    for order in (4, 16):
        before, row = row, [(order * b - a) / (order - 1) for a, b in itertools.pairwise(row)]
    return row[0], _WARY * abs(before[1] - before[0])


def forward_shape(forward: Callable[..., Any], arguments: Sequence[Argument], fixed: Mapping[str, Any]) -> tuple[Expr, ...]:
    """The symbolic shape of what a forward pass returns, found by running it at several sizes.

    Raises:
        NotYet: it cannot be told.
    """
    names = matched(forward, arguments, fixed)
    given = {name: value for name, value in fixed.items() if name in parameters_of(forward)}

    def at(sizes: Mapping[str, int]) -> tuple[int, ...]:
        arrays = {names[a.name]: _some(a, dict(sizes)) for a in arguments if a.name in names}
        returned = call(forward, {**arrays, **given})
        return np.shape(returned[0] if isinstance(returned, (tuple, list)) else returned)

    try:
        return value_shape(arguments, at)
    except DeriveError:
        raise
    except Exception as error:  # whatever the user's code raises is told
        raise NotYet(f"The forward pass raises {type(error).__name__} at unequal sizes: {error}", place=place_of(forward)) from error


def _some(argument: Argument, sizes: dict[str, int]) -> np.ndarray:
    """Any values of the right shape."""
    shape = tuple(concrete(n, sizes) for n in argument.shape)
    return np.random.default_rng(0).uniform(0.1, 0.9, shape) if argument.kind == "float" else np.zeros(shape, dtype=argument.kind)
