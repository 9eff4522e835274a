"""Run two functions at concrete numbers: what a proof must survive, and where a counterexample is found and confirmed.

Legend: a tie is the difference of two numbers that a comparison sees as equal; away from all ties there is no kink.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from derive.derivation import Assumption
from derive.errors import DeriveError
from derive.evaluate import Evaluator
from derive.index import Expr, Iverson, mul, num, sub
from derive.normal.sums import under
from derive.points import Point, enlarged, entry_and_shift, fitted, holds, masked, points, satisfied
from derive.trace import Program

__all__ = ["Counterexample", "Label", "Trial"]

_FINE, _TOLERANCE, _MISREAD = 3e-14, 1e-8, 1e-5
_ENOUGH, _THOROUGH = 5, 18


@dataclass(frozen=True)
class Counterexample:
    """Sizes and numbers at which the two values differ.

    Attributes:
        sizes: the value of each size.
        arrays: the arguments, by name.
        values: the two results, as floats.
        place: the entry at which they differ most, as a tuple of indices.
        difference: the first value minus the second at that entry.
    """

    sizes: dict[str, int]
    arrays: dict[str, Any]
    values: tuple[Any, Any]
    place: tuple[int, ...]
    difference: float

    @property
    def told_sizes(self) -> str:
        """The sizes in words: m = 3, d = 2."""
        return ", ".join(f"{name} = {n}" for name, n in self.sizes.items()) or "(none)"


@dataclass(frozen=True)
class Label:
    """A label that must lie in 0 … size − 1 where its guards are 1."""

    label: Expr
    size: Expr
    guards: tuple[Expr, ...] = ()

    @property
    def condition(self) -> Expr:
        """The premise, as an indicator."""
        return under(mul(Iverson(">=", self.label), Iverson(">", sub(self.size, self.label))), self.guards)


@dataclass
class Trial:
    """Both functions at points that satisfy what was declared and have their labels in range.

    Attributes:
        programs, run: the two programs, and the two functions at concrete arguments.
        declared: conditions on the arguments.
        premises: further assumptions, each with the program whose names it uses.
        labels: each with the program whose names it uses.
        ties: numbers that are 0 at a kink.
        tried, one_sided, premises_met, agreed_off_kink, broken_off_kink: what was found.
        misread: a point at which the functions differ when they are run, and not as they were read.
    """

    programs: tuple[Program, Program]
    run: tuple[Callable[[Mapping[str, Any]], np.ndarray], Callable[[Mapping[str, Any]], np.ndarray]]
    declared: Sequence[Assumption]
    premises: Sequence[tuple[Program, Assumption]]
    labels: Sequence[tuple[Program, Label]]
    ties: Sequence[Expr] = ()
    tried: int = 0
    one_sided: Point | None = None
    premises_met: bool = False
    agreed_off_kink: bool = False
    broken_off_kink: bool = False
    misread: Point | None = None

    def search(self, *, thorough: bool) -> Counterexample | None:
        """A point at which the values differ, confirmed in high precision; None where none was found."""
        first = None
        for number, point in enumerate(self._of_all_sizes()):
            if number >= (_THOROUGH if thorough else _ENOUGH) or (number >= 3 and not thorough and self.premises_met):
                break
            found = self._at(point)
            first = first or found
            if found is not None and not self.ties:
                break
            if self.ties and self._off_kink(point):
                self.broken_off_kink |= found is not None
                self.agreed_off_kink |= found is None
        return first

    # ------------------------------------------------------------------------------------------- points

    def _of_all_sizes(self) -> Iterator[Point]:
        """The points, and two of them again with large numbers."""
        kept = []
        for point in self._points():
            kept.append(point)
            yield point
        yield from (point for point in map(enlarged, kept[:2]) if satisfied(point, self.declared))

    def _points(self) -> Iterator[Point]:
        """Points that satisfy what was declared, with labels in range."""
        bounds: dict[str, list[Expr]] = {}
        floors: dict[str, int] = {}
        bare = set()
        for _, one in self.labels:
            moved = entry_and_shift(one.label)
            if moved is not None:
                name, shift = moved
                bounds.setdefault(name, []).append(sub(one.size, num(shift)) if shift else one.size)
                floors[name] = max(floors.get(name, -shift), -shift)
                bare |= set() if one.guards else {name}
        special = {name: values for name, values in masked(d for p in self.programs for d in p.definitions).items() if name not in bare}
        for point in points(self.programs[0].source.arguments, bounds, special=special, floors=floors):
            found = fitted(point, self.declared)
            if all(holds(a.condition, found, self.programs[0].definitions) for a in self.declared) and all(
                    holds(label.condition, found, program.definitions) for program, label in self.labels):
                yield found

    def _off_kink(self, point: Point) -> bool:
        return all(holds(sub(num(1), Iverson("=", u)), point, self.programs[0].definitions) for u in self.ties)

    # ------------------------------------------------------------------------------------------- at one point

    def _at(self, point: Point) -> Counterexample | None:
        try:
            left, right = (np.asarray(function(point.arrays), dtype=float) for function in self.run)
        except (DeriveError, TypeError, ValueError, IndexError, ZeroDivisionError):
            return None
        self.tried += 1
        finite = np.isfinite(left), np.isfinite(right)
        if (finite[0] != finite[1]).any():
            self.one_sided = self.one_sided or self._undefined(point)
        both = finite[0] & finite[1]
        left_kept, right_kept = np.where(both, left, 0), np.where(both, right, 0)
        gap = np.abs(left_kept - right_kept) / (1 + np.maximum(np.abs(left_kept), np.abs(right_kept)))
        if both.all() and not self.premises_met and (not self.ties or self._off_kink(point)):
            self.premises_met = all(holds(a.condition, point, program.definitions) for program, a in self.premises)
        if gap.size and gap.max() > _TOLERANCE:
            found = self._confirmed(point, (left, right), tuple(int(k) for k in np.unravel_index(int(gap.argmax()), gap.shape)))
            if found is None and gap.max() > _MISREAD and self.misread is None:
                self.misread = point
            return found
        place = tuple(int(k) for k in np.unravel_index(int(gap.argmax()), gap.shape)) if gap.size and gap.max() > _FINE else None
        return None if place is None else self._confirmed(point, (left, right), place, fine=True)

    def _undefined(self, point: Point) -> Point | None:
        """The point, if one side is undefined there over the reals and not only in floating point."""
        exact = [_exact(program, point) for program in self.programs]
        bad = [value is None or any(mpmath.isnan(v) or mpmath.isinf(v) for v in value.ravel()) for value in exact]
        return point if bad[0] != bad[1] else None

    def _confirmed(self, point: Point, values: tuple[np.ndarray, np.ndarray], place: tuple[int, ...], *,
                   fine: bool = False) -> Counterexample | None:
        """The point as a counterexample, if 50 digits say so too; a fine difference must be the same in both."""
        exact = [_exact(program, point) for program in self.programs]
        if exact[0] is None or exact[1] is None:
            return None
        kept = tuple(k for k, n in zip(place, values[0].shape) if n != 1) if exact[0].ndim != len(place) else place
        difference = exact[0][kept] - exact[1][kept]
        if mpmath.isnan(difference) or abs(difference) <= (_FINE if fine else _TOLERANCE) * (1 + abs(exact[0][kept])):
            return None
        if fine and abs(values[0][place] - values[1][place] - difference) > abs(difference) / 20:
            return None
        return Counterexample(point.sizes, point.arrays, values, place, float(difference))


def _exact(program: Program, point: Point) -> np.ndarray | None:
    last = program.definitions[-1]
    try:
        return Evaluator(point.sizes, point.arrays, program.definitions).array(last.body, last.indices)
    except (IndexError, ZeroDivisionError):
        return None
