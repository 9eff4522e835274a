"""Numbers as the third leg of a check: the handwritten code at concrete points, against the truth in 64-bit, and in 50 digits where doubt remains.

The code gets copies, so that it can change its inputs without harm; that it does is reported.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from derive.checking.coverage import unreached
from derive.checking.evaluated import exact_entry, in_domain
from derive.checking.further import further_points
from derive.checking.report import Example, sizes_text
from derive.checking.rounding import Sides, apart
from derive.checking.running import Trial, attempt, outcome
from derive.checking.shaping import aligned
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.index import At, walk
from derive.points import Point, is_strength

__all__ = ["Comparison", "Numbers", "Trial"]

_COUNT = 9
_SECONDS = 4.0  # of processor time, for further points


@dataclass(frozen=True)
class Comparison:
    """How what is returned compares with the truth at all points.

    Attributes:
        example: the most telling counterexample, or None.
        tried: at how many points it was compared.
        failure: why it could not be compared anywhere, or None.
        notes: what is not wrong but should be known, such as another shape or a lower precision.
        only_ties: whether it differs at ties alone.
        doubtful: whether it differs somewhere by what rounding or overflow explains, at numbers that are not ordinary.
        agreeing, differing: the points at which it agrees and differs.
        holes: examples of NaN or infinity at single points, in whose neighbourhood it is right; they are faults.
        beyond: where it is wrong at further points alone, at what sizes, in words.
    """

    example: Example | None = None
    tried: int = 0
    failure: str | None = None
    notes: tuple[str, ...] = ()
    only_ties: bool = False
    doubtful: bool = False
    agreeing: tuple[Point, ...] = ()
    differing: tuple[Point, ...] = ()
    holes: tuple[Example, ...] = ()
    beyond: str = ""


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
        found = _Comparing(self, self.truth, wrt).comparison()
        if found.failure is not None or found.differing or not all(t.error is None for t in self.trials()):
            return found
        other = _Comparing(self, self.truth, wrt).comparison(self.further())
        if other.example is None or other.only_ties:
            return found if other.example is None or found.example is not None else replace(found, example=other.example, only_ties=True)
        beyond = f"it is right at small sizes, and wrong at {sizes_text(other.example.sizes)}: the code does something else there"
        return replace(found, example=other.example, only_ties=False, differing=other.differing, holes=(*found.holes, *other.holes), beyond=beyond)

    def _against(self, truth: Truth, wrt: str) -> Comparison:
        return _Comparing(self, truth, wrt).comparison()

    def faults(self) -> tuple[str, ...]:
        """What the code raises, and where it returns NaN, at points where the truth has a value: once for each kind."""
        out: dict[type, str] = {}
        for t in self.trials():
            if t.error is not None and t.point.style != "enlarged":  # what is raised at huge numbers is a warning of the safety checks
                at = sizes_text(t.point.sizes)
                out.setdefault(type(t.error), f"it raises {type(t.error).__name__}{' at ' + at if at else ''}: {t.error}")
        holes = [(wrt, found.holes[0]) for wrt, found in self._compared.items() if found.holes]
        return (*out.values(), *(f"the gradient with respect to {wrt} is {e.claimed} at a single point, where the truth is {e.true:.6g}, {e}"
                                 for wrt, e in holes))

    def uncovered(self) -> tuple[str, ...]:
        """Lines of the code that no point reached."""
        return unreached(self.subject, [t.point for t in self.trials()])


class _Comparing:
    """One comparison: of the gradient with respect to `wrt`, or of the value where that is None."""

    def __init__(self, numbers: Numbers, truth: Truth, wrt: str | None) -> None:
        self.numbers, self.truth, self.wrt = numbers, truth, wrt
        self.notes: dict[str, None] = {}
        self.found: list[tuple[str, Point, Example | None]] = []
        self.failure: str | None = None
        self.tried = 0

    def comparison(self, trials: Sequence[Trial] | None = None) -> Comparison:
        """The comparison at these trials, or at all ordinary ones."""
        for trial in self.numbers.trials() if trials is None else trials:
            self._at(trial)
        wrong = [(p, e) for kind, p, e in self.found if kind == "wrong" and e is not None]
        ties = [(p, e) for kind, p, e in self.found if kind == "tie" and e is not None]
        chosen = min((e for _, e in wrong or ties), key=_rank, default=None)
        doubtful = any(kind == "rounding" for kind, _, _ in self.found)
        base = Comparison(chosen, self.tried, None if self.tried else self.failure or "no point was found at which it can be compared",
                          tuple(self.notes), bool(ties) and not wrong, doubtful)
        holes = tuple(e for kind, _, e in self.found if kind == "hole" and e is not None)
        return replace(base, holes=holes, agreeing=tuple(p for kind, p, _ in self.found if kind == "same"), differing=tuple(p for p, _ in wrong))

    def _at(self, trial: Trial) -> None:
        if trial.error is not None:
            self.failure = self.failure or f"it raises {type(trial.error).__name__}: {trial.error} (at {sizes_text(trial.point.sizes) or 'a point'})"
            return
        true, error = outcome(lambda: self._true(trial.point.arrays))
        if error is not None:
            self.failure = self.failure or f"it raises {type(error).__name__} near {sizes_text(trial.point.sizes)}: {error}"
            return
        if true is None or not np.isfinite(true).any():
            return
        claimed = self._claimed(trial)
        if isinstance(claimed, str):
            self.failure = claimed
            return
        self.tried += 1
        self._judge(trial.point, claimed, true)

    def _judge(self, point: Point, claimed: np.ndarray, true: np.ndarray) -> None:
        fit = aligned(claimed, true, self.truth.arguments, self.wrt, point)
        self.notes.update(dict.fromkeys(fit.notes))
        if fit.place is not None:
            claims = float(fit.claimed[fit.place]) if fit.claimed is not None else float("nan")
            self._add("wrong", point, claims, float(true[fit.place]) if true.size else 0.0, fit.place)
            return
        assert fit.claimed is not None
        if fit.claimed.dtype.itemsize < 8 and fit.claimed.dtype.kind == "f":
            self.notes[f"the precision drops to {fit.claimed.dtype.name} inside: the arguments were float64"] = None
        verdict = apart(self._sides(point), point, fit.claimed, true)
        if verdict.why:
            self.notes[verdict.why] = None
        self._add(verdict.kind, point, *((float(fit.claimed[verdict.place]), float(true[verdict.place])) if verdict.kind != "same" else (0.0, 0.0)),
                  verdict.place)

    def _add(self, kind: str, point: Point, claimed: float, true: float, place: tuple[int, ...]) -> None:
        example = Example(point.sizes, self.numbers.subject.pasted(point.arrays), claimed, true, place) if kind in ("wrong", "tie", "hole") else None
        self.found.append((kind, point, example))

    def _claimed(self, trial: Trial) -> np.ndarray | str:
        """What is compared, as an array of numbers, or why it is none."""
        what = "value" if self.wrt is None else f"gradient with respect to {self.wrt}"
        raw = trial.value if self.wrt is None else trial.gradients.get(self.wrt)
        if raw is None:
            return f"it returns no {what}"
        try:
            array = np.asarray(raw)
            array = array if array.dtype.kind == "f" else array.astype(complex).real if not np.iscomplexobj(array) else array
        except (TypeError, ValueError):
            return f"the {what} that it returns is no array of numbers"
        if np.iscomplexobj(array):
            return array.real if not array.imag.any() else f"the {what} that it returns is complex"
        return array

    def _true(self, arrays: Mapping[str, Any]) -> np.ndarray | None:
        if self.wrt is not None:
            return np.asarray(self.truth.gradient(arrays, self.wrt))
        value = self.truth.value(arrays)
        return None if value is None else np.asarray(value)

    def _sides(self, point: Point) -> Sides:
        def user(arrays: Mapping[str, Any]) -> np.ndarray | None:
            other = attempt(self.numbers.subject, replace(point, arrays=dict(arrays)))
            claimed = None if other.error is not None else self._claimed(other)
            return claimed if isinstance(claimed, np.ndarray) else None

        def true(arrays: Mapping[str, Any]) -> np.ndarray:
            found, _ = outcome(lambda: self._true(arrays))
            return np.asarray(np.nan if found is None else found)

        strengths = {a.name for a in self.truth.arguments if is_strength(a)}
        held = {part.name for a in self.truth.extra if a.condition is not None for part in walk(a.condition) if isinstance(part, At)}
        return Sides(_shaped_like(user, true), true, self._exact(point), frozenset(held), frozenset(strengths), self.truth.own)

    def _exact(self, point: Point) -> Callable[[Mapping[str, Any], tuple[int, ...]], Any]:
        return lambda arrays, place: exact_entry(self.truth, self.wrt, point.sizes, arrays, place)


def _shaped_like(user: Callable[[Mapping[str, Any]], np.ndarray | None], true: Callable[[Mapping[str, Any]], np.ndarray]) -> Any:
    """The user's result with axes of size 1 as the truth has them."""
    def run(arrays: Mapping[str, Any]) -> np.ndarray | None:
        claimed = user(arrays)
        shape = true({n: np.asarray(v, dtype=float) if np.asarray(v).dtype.kind == "f" else v for n, v in arrays.items()}).shape
        return claimed.reshape(shape) if claimed is not None and claimed.size == int(np.prod(shape)) else claimed

    return run


def _rank(e: Example) -> tuple[bool, bool, int]:
    """The smaller example is the more telling one, but not one in which every size is 1 or nothing can be compared."""
    return bool(e.sizes) and set(e.sizes.values()) == {1}, bool(np.isnan(e.claimed)), sum(int(np.size(v)) for v in e.arrays.values())
