"""Whether two arrays differ by more than rounding: decided from how the difference behaves, not by a constant.

Legend: u is what the handwritten code returns, t is the truth, u − t is the gap.  A mistake has nearly the same gap at nearly the same input.
Rounding has another one each time, even a few units in the last place away, or shrinks when the same code is run in a longer precision; a gap
that does neither, such as that of a result with eight decimals, is a mistake as well.  At a tie the gap is there at one input alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import numpy as np

from derive.points import Point

__all__ = ["Verdict", "apart", "precise"]

Arrays = Mapping[str, Any]
_NEAR = 1e-5       # how far away the nearby inputs are, relative to the entries
_COARSE_NEAR = 0.03
_TURNS = 4
_DIRECTIONS = 8
_ULPS = 64         # what is left to rounding without a closer look, in units of the last place
_OBVIOUS = 1e-6    # a steady gap of this size at ordinary input is a mistake
_LARGEST = 1e-4    # a gap of this size at ordinary input must be seen to shrink
_SLIGHT = 1e-12    # a gap of this size needs no proof that it is rounding: iterations end with such a one
_STEADY = 6
_SHRUNK = 8        # in a longer precision rounding shrinks by more than this
_TINY = 2.0**-46   # a few units in the last place
_TOLD = 1e-10      # rounding that is worth a word
_OWN = 1e-9        # to which differences of the code's own loss are good, where they say nothing worse
_COSTLY, _COSTLY_SHORT = 1e-6, 1e-3  # rounding that costs more than this at ordinary input is a fault
_INACCURATE = "it is not accurate to 64-bit: rounding is magnified, or the precision drops inside"


@dataclass(frozen=True)
class Verdict:
    """How two arrays compare at one point.

    Attributes:
        kind: 'same'; 'wrong'; 'tie', different at this input and not beside it; 'hole', NaN or infinite at this input and right beside it;
            'rounding', different by what rounding or overflow explains.
        place: the entry where that is seen most.
        why: for rounding, what there is to say.
        cost: for rounding at ordinary input that costs too many digits, how much of the result is lost; else 0.
    """

    kind: str
    place: tuple[int, ...] = ()
    why: str = ""
    cost: float = 0.0


@dataclass(frozen=True)
class Sides:
    """What is compared at one point, as functions of the arguments.

    Attributes:
        user: what the handwritten code returns there, or None where it raises.
        long: the same in the longest precision.
        true: the truth in 64-bit.
        exact: one entry of the truth in 50 digits, or None.
        held: the names of arguments that must stay as they are.
        scaled: the names of arguments whose 0 must stay 0; they stay as they are half of the time.
        error: how far off the truth itself may be, where it is worked out from differences; None where it is good to 64-bit.
        short: the relative precision of the shorter format that the result has, or 0.
        inside: that of a shorter format that the code names, or 0.
    """

    user: Callable[[Arrays], np.ndarray | None]
    long: Callable[[Arrays], np.ndarray | None]
    true: Callable[[Arrays], np.ndarray]
    exact: Callable[[Arrays, tuple[int, ...]], Any]
    held: frozenset[str] = frozenset()
    scaled: frozenset[str] = frozenset()
    error: Callable[[Arrays], np.ndarray] | None = None
    short: float = 0.0
    inside: float = 0.0

    @property
    def coarse(self) -> bool:
        """Whether the truth is worked out from differences."""
        return self.error is not None

    def floor(self, arrays: Arrays, t: np.ndarray) -> Any:
        """The gap that the truth's own error explains."""
        return 0.0 if self.error is None else self.error(arrays) + _OWN * max(1.0, float(np.max(np.abs(t), initial=0.0)))


def apart(sides: Sides, point: Point, claimed: np.ndarray, true: np.ndarray) -> Verdict:
    """How the claimed array compares with the true one, which have the same shape."""
    known = np.isfinite(true)
    if not known.any():
        return Verdict("same")
    u, t = np.asarray(claimed, dtype=float), np.where(known, true, 0.0)
    broken = known & ~np.isfinite(u)
    if broken.any():
        return _broken(sides, point, u, t, known, _first(broken))
    gap = np.where(known, np.abs(u - t), 0.0)
    floor = np.maximum(_floor(t, point, sides.short), sides.floor(point.arrays, t))
    if (gap <= floor).all():
        return Verdict("same")
    return _Closer(sides, point, u, t, known, floor).verdict()


def _broken(sides: Sides, point: Point, u: np.ndarray, t: np.ndarray, known: np.ndarray, place: tuple[int, ...]) -> Verdict:
    """NaN or infinity where the truth is finite: at this input alone, at large numbers, or simply wrong."""
    if _extreme(point):
        return Verdict("rounding", place)
    closer = _Closer(sides, point, np.where(np.isfinite(u), u, t), t, known, _floor(t, point, sides.short))
    return Verdict("hole" if closer.gaps and closer.verdict().kind in ("same", "tie", "rounding") else "wrong", place)


def _floor(t: np.ndarray, point: Point, short: float) -> float:
    """The gap that needs no explanation: a few units in the last place of the largest number about."""
    inputs = [float(np.max(np.abs(v), initial=0.0)) for v in map(np.asarray, point.arrays.values()) if v.dtype.kind == "f"]
    return max(1.0, float(np.max(np.abs(t), initial=0.0)), *inputs) * _ULPS * max(short, float(np.finfo(float).eps))


class _Closer:
    """A closer look at one point, where the gap is larger than a few units in the last place."""

    def __init__(self, sides: Sides, point: Point, u: np.ndarray, t: np.ndarray, known: np.ndarray, floor: Any) -> None:
        self.sides, self.point, self.u, self.t, self.known = sides, point, u, t, known
        self.near = _COARSE_NEAR if sides.coarse else _NEAR
        self.gaps, slope, self.beside = [], np.zeros(t.shape), []
        error = np.zeros(t.shape)
        for arrays in (_beside(point, turn, self.near, sides) for turn in range(_TURNS)):
            other = sides.user(arrays)
            true = np.where(known, sides.true(arrays), 0.0)
            if other is None or other.shape != t.shape or not np.isfinite(true).all():
                continue
            self.beside.append(arrays)
            slope = np.maximum(slope, np.abs(true - t) / self.near)
            error = np.maximum(error, sides.floor(arrays, true))
            self.gaps.append(np.where(known, np.nan_to_num(np.asarray(other, dtype=float) - true, nan=np.inf), 0.0))
        self.floor = np.maximum(np.maximum(floor, error), 0.0 if sides.coarse else _ULPS * np.finfo(float).eps * slope)

    def verdict(self) -> Verdict:
        """What the gaps say together."""
        gap = np.abs(np.where(self.known, self.u - self.t, 0.0))
        if not self.gaps:
            return Verdict("wrong" if not _extreme(self.point) else "rounding", _largest(gap))
        size = np.abs(np.stack(self.gaps))
        stays = (size > self.floor).sum(axis=0) * 2 >= len(self.gaps)
        middle = np.median(size, axis=0)
        if stays.any():
            order = np.argsort(-np.where(stays, middle, -1.0), axis=None)[:3]
            verdicts = [self._entry(_place(k, gap), float(middle.flat[k])) for k in order if stays.flat[k]]
            return next((v for v in verdicts if v.kind == "wrong"), verdicts[0])
        here = gap > self.floor
        if not here.any():
            return Verdict("same")
        place = _largest(np.where(here, gap, 0.0))
        alone = float(size[(slice(None), *place)].max()) < 1e-3 * gap[place]
        if alone and not self.sides.coarse and self._outside(place, float(gap[place])):
            return Verdict("wrong", place)
        return Verdict("tie", place) if alone else self._rounding(place)

    def _outside(self, place: tuple[int, ...], gap: float) -> bool:
        """Whether the value here is far from all that the truth is about here: no subgradient, or not the one value where there is no kink."""
        pairs = [_beside(self.point, turn, side * self.near, self.sides) for turn in range(_TURNS, _TURNS + _DIRECTIONS) for side in (1, -1)]
        about = [float(self.sides.true(arrays)[place]) for arrays in pairs]
        low, high, leeway = min(about), max(about), 1e-2 * gap
        if not low - leeway <= float(self.t[place]) <= high + leeway:
            return False  # JAX's own value is no subgradient: a convention applied to the parts
        leeway += high - low  # of many kinks at once not every combination is met
        return not low - leeway <= float(self.u[place]) <= high + leeway

    def _entry(self, place: tuple[int, ...], middle: float) -> Verdict:
        """An entry whose gap stays: a mistake, unless rounding is seen to make it."""
        if self.sides.coarse:
            return self._coarsely(place, middle)
        gaps = np.array([g[place] for g in self.gaps])
        relative = middle / max(1.0, float(np.max(np.abs(self.t))))
        steady = _steady(gaps)
        if relative <= _SLIGHT or (not steady and _extreme(self.point)):
            return self._rounding(place)
        if steady and relative > _OBVIOUS and not _extreme(self.point):
            return Verdict("wrong", place)
        return self._rounding(place) if self._rounded(place, middle) else Verdict("wrong", place)

    def _rounding(self, place: tuple[int, ...]) -> Verdict:
        size = max(1.0, float(np.max(np.abs(self.t))))
        relative = abs(float(self.u[place] - self.t[place])) / size
        exact = self.sides.exact(self.point.arrays, place) if relative > _TOLD else None
        if exact is not None and not mpmath.isnan(exact):
            relative = abs(float(self.u[place]) - float(exact)) / size
        words = "at large numbers rounding swallows part of the result" if _extreme(self.point) else _INACCURATE
        costly = relative > (_COSTLY_SHORT if self.sides.short or self.sides.inside else _COSTLY) and not _extreme(self.point)
        return Verdict("rounding", place, words if relative > _TOLD else "", relative if costly else 0.0)

    def _coarsely(self, place: tuple[int, ...], middle: float) -> Verdict:
        """Against a truth that is not sharp: the formula decides where there is one."""
        exact = self.sides.exact(self.point.arrays, place)
        if exact is not None:
            close = abs(float(exact) - self.u[place]) <= 1e-9 * max(1.0, float(np.max(np.abs(self.t))))
            return Verdict("same" if close else "wrong", place)
        rounded = _extreme(self.point) or (middle <= _OBVIOUS and self._rounded(place, middle))
        return Verdict("rounding" if rounded else "wrong", place)

    def _rounded(self, place: tuple[int, ...], middle: float) -> bool:
        """Whether the gap is made by rounding, in the handwritten code or in the 64-bit truth."""
        size = max(1.0, float(np.max(np.abs(self.t))))
        inside = 0.0
        if self.sides.inside:  # saturated numbers have a steady gap in a shorter format, of a few units in its last place
            unsteady = not _steady(np.array([g[place] for g in self.gaps]))
            inside = _floor(self.t, self.point, self.sides.inside) if unsteady else 2 * self.sides.inside * size
        if middle <= inside:
            return True
        large = middle > _LARGEST * size
        if self._shrinks(place) or (not large and self._jumps(place, middle)):
            return True
        exact = self.sides.exact(self.point.arrays, place)
        return exact is not None and not mpmath.isnan(exact) and abs(float(exact - mpmath.mpf(float(self.t[place])))) > middle / 2

    def _shrinks(self, place: tuple[int, ...]) -> bool:
        """Whether the gap is gone when the same code is run in the longest precision that NumPy has."""
        seen = []
        for arrays, gap in zip(self.beside[:2], self.gaps):
            long = self.sides.long(precise(arrays))
            if long is None or long.shape != self.t.shape:
                return False
            trues = [lambda at=arrays: self.sides.true(at)[place], lambda at=arrays: self.sides.exact(at, place)]  # the quick one first
            seen.append(any(_near(long[place], true(), abs(float(gap[place])) / _SHRUNK) for true in trues))
        return bool(seen) and all(seen)

    def _jumps(self, place: tuple[int, ...], middle: float) -> bool:
        """Whether the gap is another one a few units in the last place away, as that of rounding is."""
        near = max(_TINY, _ULPS * self.sides.short)
        start = replace(self.point, arrays=self.beside[int(np.argmax([abs(g[place]) for g in self.gaps]))])
        gaps = []
        for arrays in (_beside(start, turn, near, self.sides) for turn in range(2 * _TURNS)):
            other = self.sides.user(arrays)
            if other is not None and other.shape == self.t.shape:
                gaps.append(float(other[place]) - float(self.sides.true(arrays)[place]))
        return len(gaps) > 2 and not _steady(np.array(gaps)) and float(np.ptp(gaps)) > middle / 4


def _near(a: Any, b: Any, gap: float) -> bool:
    """Whether two numbers are closer than this; False where the second one is not known."""
    return b is not None and not mpmath.isnan(b) and abs(float(a) - float(b)) < gap


def _steady(gaps: np.ndarray) -> bool:
    """Whether nearly the same gap is met each time."""
    return len(gaps) > 2 and bool(np.isfinite(gaps).all()) and bool(abs(gaps.mean()) > _STEADY * gaps.std(ddof=1))


def precise(arrays: Arrays) -> dict[str, Any]:
    """The same arguments in the longest precision that NumPy has."""
    return {name: np.asarray(v).astype(np.longdouble)[()] if np.asarray(v).dtype.kind == "f" else v for name, v in arrays.items()}


def _beside(point: Point, turn: int, near: float, sides: Sides) -> dict[str, Any]:
    """Nearby arguments: every entry of every float array is moved a little, also away from 0."""
    rng = np.random.default_rng([5, turn])
    out = {}
    for name, value in point.arrays.items():
        array = np.asarray(value)
        if array.dtype.kind == "f" and name not in sides.held and (turn % 2 or name not in sides.scaled):
            step = rng.uniform(0.3, 1.0, array.shape) * rng.choice([-1.0, 1.0], array.shape) * near
            array = array + step * (np.abs(array) + (0.0 if name in sides.scaled else 0.1 * np.max(np.abs(array), initial=0.1)))
        out[name] = array
    return out


def _extreme(point: Point) -> bool:
    return point.style in ("wide", "enlarged")


def _first(mask: np.ndarray) -> tuple[int, ...]:
    return _place(int(np.argmax(mask)), mask)


def _largest(gap: np.ndarray) -> tuple[int, ...]:
    return _place(int(np.argmax(gap)), gap)


def _place(flat: Any, like: np.ndarray) -> tuple[int, ...]:
    return tuple(int(k) for k in np.unravel_index(int(flat), like.shape))
