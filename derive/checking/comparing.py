"""How what is returned compares with the truth: at one point after another, and over all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from derive.checking.evaluated import exact_entry
from derive.checking.longer import in_longer_precision
from derive.checking.own import OwnLoss
from derive.checking.report import Example, sizes_text
from derive.checking.rounding import Sides, apart
from derive.checking.running import Trial, attempt, outcome
from derive.checking.shaping import aligned
from derive.checking.shortened import format_of, named_format, shortening
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.index import At, walk
from derive.points import Point, is_strength

__all__ = ["Comparing", "Comparison"]

_DIGITS = 1e-6     # a difference below this, in code without a formula, is told as lost digits
_SHORTENED = 0.6   # the largest gap for which it is asked whether the truth was only rounded
_LARGEST = 32      # of the sizes at which entries are worked out in many digits
_BLURRED = 1e5     # by how much differences of a loss in a shorter format are less precise than it


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
        shortened: how the true gradient was rounded to give this one, in words, where that explains all that was seen.
        gap: the largest difference, relative to the size of the truth, at numbers of ordinary size.
        cost: how much of the result rounding takes at numbers of ordinary size, where that is too much to be passed over; else 0.
        coarse: the format of the result where it is too short for a mistake to be seen, else ''.
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
    shortened: str = ""
    gap: float = 0.0
    cost: float = 0.0
    coarse: str = ""

    @property
    def slight(self) -> str:
        """What is wrong where that is a loss of digits and no mistake in a formula, in words; else ''."""
        if self.shortened:
            return f"it is the true gradient rounded {self.shortened}; return it as it is"
        if self.example is None or self.only_ties or self.beyond or not 0 < self.gap <= _DIGITS:
            return ""
        return (f"it is off by {self.gap:.0e} of its size, and 64-bit rounding does not explain that: the difference stays in a longer precision. "
                "Finite differences, constants with few digits, an iteration that stops early or rounded numbers inside leave such a difference")


class Comparing:
    """One comparison: of the gradient with respect to `wrt`, or of the value where that is None.

    Args:
        subject: the handwritten code.
        truth: what it is compared with.
        wrt: the argument, or None.
    """

    def __init__(self, subject: Subject, truth: Truth, wrt: str | None) -> None:
        self.subject, self.truth, self.wrt = subject, truth, wrt
        self.notes: dict[str, None] = {}
        self.found: list[tuple[str, Point, Example | None]] = []
        self.failure: str | None = None
        self.tried = 0
        self.pairs: list[tuple[np.ndarray, np.ndarray]] = []
        self.gap = self.cost = 0.0
        self.coarse = ""

    @functools.cached_property
    def _longer(self) -> Subject:
        """The code in a longer precision."""
        return in_longer_precision(self.subject)

    def comparison(self, trials: Sequence[Trial]) -> Comparison:
        """The comparison at these trials."""
        for trial in trials:
            self._at(trial)
        wrong = [(p, e) for kind, p, e in self.found if kind == "wrong" and e is not None]
        ties = [(p, e) for kind, p, e in self.found if kind == "tie" and e is not None]
        chosen = min((e for _, e in wrong or ties), key=_rank, default=None)
        doubtful = any(kind == "rounding" for kind, _, _ in self.found)
        base = Comparison(chosen, self.tried, None if self.tried else self.failure or "no point was found at which it can be compared",
                          tuple(self.notes), bool(ties) and not wrong, doubtful)
        holes = tuple(e for kind, _, e in self.found if kind == "hole" and e is not None)
        words = shortening(self.pairs) if wrong and self.gap < _SHORTENED else ""
        base = replace(base, shortened=words, gap=self.gap, cost=self.cost, coarse=self.coarse)
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
            self.gap = np.inf
            claims = float(fit.claimed[fit.place]) if fit.claimed is not None else float("nan")
            self._add("wrong", point, claims, float(true[fit.place]) if true.size else 0.0, fit.place)
            return
        assert fit.claimed is not None
        form = format_of(fit.claimed, true)
        if form is not None:
            self.notes[f"the precision drops to {form.name} inside: the arguments were float64"] = None
            self.coarse = self.coarse or (form.name if form.itemsize < 4 else "")
        verdict = apart(self._sides(point, form), point, fit.claimed, true)
        if verdict.why:
            self.notes[verdict.why] = None
        self.cost = max(self.cost, verdict.cost)
        self._measure(point, fit.claimed, true, verdict.kind == "wrong")
        self._add(verdict.kind, point, *((float(fit.claimed[verdict.place]), float(true[verdict.place])) if verdict.kind != "same" else (0.0, 0.0)),
                  verdict.place)

    def _measure(self, point: Point, claimed: np.ndarray, true: np.ndarray, wrong: bool) -> None:
        """Keep how far apart the two arrays are, at ordinary numbers and wherever that is wrong."""
        if wrong or point.style not in ("wide", "enlarged", "ties"):
            self.pairs.append((np.asarray(claimed, dtype=float), true))
            scale = max(1e-6, float(np.max(np.abs(true), initial=0.0)))
            gap = np.where(np.isfinite(true), np.abs(np.nan_to_num(np.asarray(claimed, dtype=float) - true, nan=np.inf)), 0.0)
            self.gap = max(self.gap, float(np.max(gap, initial=0.0)) / scale)

    def _add(self, kind: str, point: Point, claimed: float, true: float, place: tuple[int, ...]) -> None:
        example = Example(point.sizes, self.subject.pasted(point.arrays), claimed, true, place) if kind in ("wrong", "tie", "hole") else None
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

    def _sides(self, point: Point, form: np.dtype[Any] | None) -> Sides:
        def user(arrays: Mapping[str, Any], subject: Subject = self.subject) -> np.ndarray | None:
            other = attempt(subject, replace(point, arrays=dict(arrays)))
            claimed = None if other.error is not None else self._claimed(other)
            return claimed if isinstance(claimed, np.ndarray) else None

        def long(arrays: Mapping[str, Any]) -> np.ndarray | None:
            found = user(arrays, self._longer)
            return user(arrays) if found is None else found

        def true(arrays: Mapping[str, Any]) -> np.ndarray:
            found, _ = outcome(lambda: self._true(arrays))
            return np.asarray(np.nan if found is None else found)

        strengths = {a.name for a in self.truth.arguments if is_strength(a)}
        held = {part.name for a in self.truth.extra if a.condition is not None for part in walk(a.condition) if isinstance(part, At)}
        short, inside = (0.0 if f is None else float(np.finfo(f).eps) for f in (form, named_format(self.subject.parts)))
        sides = Sides(_shaped_like(user, true), _shaped_like(long, true), true, self._exact(point), frozenset(held), frozenset(strengths),
                      short=short, inside=inside)
        truth, wrt = self.truth, self.wrt
        if not isinstance(truth, OwnLoss) or wrt is None:
            return sides
        return replace(sides, error=lambda arrays: truth.error(arrays, wrt) + _BLURRED * max(short, inside))

    def _exact(self, point: Point) -> Callable[[Mapping[str, Any], tuple[int, ...]], Any]:
        if max(point.sizes.values(), default=1) > _LARGEST:
            return lambda arrays, place: None
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
