"""Numbers as the third leg of a check: the handwritten code at concrete points, against the truth in 64-bit, and in 50 digits where doubt remains.

The code gets copies, so that it can change its inputs without harm; that it does is reported.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from derive.checking.comparing import Comparing, Comparison
from derive.checking.coverage import unreached
from derive.checking.evaluated import in_domain
from derive.checking.further import further_points
from derive.checking.report import sizes_text
from derive.checking.running import Trial, attempt, outcome
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.points import Point

__all__ = ["Comparison", "Numbers", "Trial"]

_COUNT = 9
_SECONDS = 4.0  # of processor time, for further points


class Numbers:
    """Runs the handwritten code at points and compares what it returns.

    Args:
        subject: the handwritten code.
        truth: what it is compared with.
    """

    def __init__(self, subject: Subject, truth: Truth) -> None:
        self.subject, self.truth = subject, truth
        self._trials: list[Trial] | None = None
        self._further: list[Trial] | None = None
        self._compared: dict[str, Comparison] = {}

    def trials(self, count: int = _COUNT) -> list[Trial]:
        """The code at each point in the domain of the truth; run once and kept."""
        if self._trials is None:
            self._trials = [attempt(self.subject, point) for point in self._points(count)]
        return self._trials

    def further(self) -> list[Trial]:
        """The code at further points: arrays of zeros, sizes about the numbers in its source; run once and kept."""
        if self._further is None:
            self._further = []
            limit = time.process_time() + _SECONDS
            for point in further_points(self.subject, self.truth):
                value, error = outcome(functools.partial(self.truth.value, point.arrays))
                if error is None and (value is None or np.isfinite(np.asarray(value, dtype=float)).all()):
                    self._further.append(attempt(self.subject, point))
                if time.process_time() > limit:
                    break
        return self._further

    def _points(self, count: int) -> Iterator[Point]:
        for number, point in enumerate(p for raw in self.truth.points(3 * count) for p in in_domain(self.truth, raw)):
            if number == count:
                return
            yield point

    def compare(self, wrt: str) -> Comparison:
        """The gradient with respect to an argument against the true one."""
        if wrt not in self._compared:
            self._compared[wrt] = self._with_further(wrt)
        return self._compared[wrt]

    def compare_value(self) -> Comparison | None:
        """The value that is returned against the true one, or None where none is returned or known."""
        if all(t.value is None for t in self.trials()) or self.truth.own:
            return None
        return self._with_further(None)

    def own_agrees(self, own: Truth, wrt: str) -> bool:
        """Whether the gradient is, in numbers, the derivative of what the code itself returns, ties aside."""
        found = self._against(own, wrt)
        return found.failure is None and (found.example is None or found.only_ties)

    def _with_further(self, wrt: str | None) -> Comparison:
        """The comparison at ordinary points, and at further ones where those show no mistake."""
        found = Comparing(self.subject, self.truth, wrt).comparison(self.trials())
        if found.failure is not None or found.differing or not all(t.error is None for t in self.trials()):
            return found
        other = Comparing(self.subject, self.truth, wrt).comparison(self.further())
        if other.example is None or other.only_ties:
            return found if other.example is None or found.example is not None else replace(found, example=other.example, only_ties=True)
        small = other.example.sizes == self.trials()[0].point.sizes
        beyond = "" if small else f"it is right at small sizes, and wrong at {sizes_text(other.example.sizes)}: the code does something else there"
        return replace(found, example=other.example, only_ties=False, differing=other.differing, holes=(*found.holes, *other.holes), beyond=beyond,
                       gap=other.gap, shortened=other.shortened)

    def _against(self, truth: Truth, wrt: str) -> Comparison:
        return Comparing(self.subject, truth, wrt).comparison(self.trials())

    def faults(self, wrt: str) -> tuple[str, ...]:
        """What the code raises where the truth has a value, once for each kind; where a gradient that is right besides is NaN or loses digits."""
        out: dict[type, str] = {}
        for t in self.trials():
            if t.error is not None and t.point.style != "enlarged":  # what is raised at huge numbers is a warning of the safety checks
                at = sizes_text(t.point.sizes)
                out.setdefault(type(t.error), f"it raises {type(t.error).__name__}{' at ' + at if at else ''}: {t.error}")
        found = self.compare(wrt)
        what = f"the gradient with respect to {wrt}"
        if found.example is not None and not found.only_ties:
            return tuple(out.values())
        holes = [f"{what} is {e.claimed} at a single point, where the truth is {e.true:.6g}, {e}" for e in found.holes[:1]]
        costs = [f"{what} is off by {found.cost:.1g} of its size at ordinary numbers: rounding is magnified on the way"] if found.cost else []
        return (*out.values(), *costs, *holes)

    def uncovered(self) -> tuple[str, ...]:
        """Lines of the code that no point reached."""
        return unreached(self.subject, [t.point for t in self.trials()])
