"""Check somebody's handwritten NumPy gradient: symbolic against analytic against autodiff.

The handwritten code is run on arrays of index expressions with symbolic sizes, so that what it computes becomes a formula for all sizes; that is
compared with the derived gradient by normal form.  Numbers are the third leg: they confirm, refute, and take over where the code
cannot be lifted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from derive.assume import declared, use
from derive.calculus.differentiate import differentiate
from derive.checking.arguments import matched, name_of
from derive.checking.difference import Differences, apart_in_digits, reasoning
from derive.checking.lift import CannotLift, LiftedArray, lift
from derive.checking.numbers import Numbers, Trial, apart
from derive.checking.report import CANNOT_RUN, NUMERIC, OFF_KINK, OWN_LOSS, PROVED, UNDECIDED, WRONG, Example, Report
from derive.derivation import Assumption, Definition, Story
from derive.errors import BadInput, DeriveError, NotYet
from derive.face import Derivation, Wrt, gradient
from derive.index import Expr, Iverson, Poly, substitute, walk
from derive.normal import P0, Algebra
from derive.normal.algebra import written_out
from derive.points import Point, enlarged, sizes_of
from derive.trace import Program
from derive.trace.shapes import Shapes, place_of

__all__ = ["check"]

_POINTS = 9
def check(handwritten: Callable[..., Any], reference: Callable[..., Any], wrt: Wrt = None, shapes: Shapes = None,
          assume: Sequence[str] = ()) -> Report:
    """Check a handwritten NumPy gradient against the derivative of a loss.

    Args:
        handwritten: a NumPy function that returns the gradient, (loss, gradient), or gradients in a dict by name or in the order of `wrt`.
        reference: the loss as a JAX function.  Arguments are matched by name, by names in common use for the same thing, or by position.
        wrt, shapes, assume: as for `derive.gradient`.

    Returns:
        A `Report`: `.ok`, `.verdict`, `.diagnosis`, `.counterexample`, `.warnings`; printing it says everything.

    Raises:
        BadInput, NotYet: the reference cannot be derived, or the arguments do not match.
    """
    derived = gradient(reference, wrt, shapes, assume)
    several = derived if isinstance(derived, dict) else {derived.wrt: derived}
    first = next(iter(several.values()))
    names = matched(handwritten, first.story.source.arguments)
    extra = tuple(declared(assume, first.story.source.arguments))
    reports = {name: _Check(handwritten, reference, d, names, k, len(several), extra).report() for k, (name, d) in enumerate(several.items())}
    if len(reports) == 1:
        return next(iter(reports.values()))
    worst = next((r for r in reports.values() if not r.ok), next(iter(reports.values())))
    return replace(worst, wrt=", ".join(reports), parts=reports, warnings=tuple({w: None for r in reports.values() for w in r.warnings}))


@dataclass
class _Formulas:
    """What the handwritten code computes, as formulas: the gradient, and the loss where it returns one."""

    gradient: LiftedArray
    loss: LiftedArray | None
    assumptions: tuple[Assumption, ...]


class _Check:
    def __init__(self, handwritten: Callable[..., Any], reference: Callable[..., Any], derived: Derivation, names: Mapping[str, str],
                 position: int, count: int, extra: tuple[Assumption, ...]) -> None:
        self.handwritten, self.derived, self.names = handwritten, derived, names
        self.position, self.count, self.extra = position, count, extra
        self.story: Story = derived.story
        self.numbers = Numbers(handwritten, names, reference, self.story)
        self.warnings: dict[str, None] = {}
        self.seen: list[tuple[Point, Any]] = []
        self.base = Report(name_of(handwritten), derived.wrt, UNDECIDED, place=place_of(handwritten))

    # ------------------------------------------------------------------------------------------- the whole

    def report(self) -> Report:
        wrong, tried, failure = self._numbers()
        if failure is not None:
            return replace(self.base, verdict=CANNOT_RUN, diagnosis=(failure,))
        try:
            formulas = self._lift()
        except (CannotLift, NotYet) as error:
            return self._finish(self._by_numbers(wrong, tried, error))
        except BadInput as error:
            return self._finish(replace(self._by_numbers(wrong, tried, error), verdict=WRONG if wrong else UNDECIDED))
        return self._finish(self._by_formula(formulas, wrong, tried))

    def _finish(self, report: Report) -> Report:
        return replace(report, warnings=tuple(self.warnings))

    # ------------------------------------------------------------------------------------------- numbers

    def _numbers(self) -> tuple[Example | None, int, str | None]:
        """(a counterexample, how many points were compared, why it could not be run)."""
        found, tried, failure = None, 0, None
        for point in self.numbers.points(_POINTS):
            trial = self.numbers.run(point)
            if trial.error is not None:
                failure = failure or f"it raises {type(trial.error).__name__}: {trial.error} (at sizes {point.sizes})"
                continue
            self._note(trial)
            claimed = self._claimed(trial.returned)
            true = self.numbers.true(point, self.derived.wrt)
            tried += 1
            example = self._example(trial, claimed, true)
            self.seen.append((point, claimed))
            if example is not None and (found is None or _more_telling(example, found)):
                found = example
        if failure is not None and tried:
            self.warnings[f"at some sizes {failure}"] = None
        return found, tried, None if tried else failure or "no point was found at which it runs"

    def _note(self, trial: Trial) -> None:
        for name in trial.mutated:
            self.warnings[f"it changes its argument {name} in place"] = None
        for message in trial.warned:
            self.warnings[f"NumPy warns: {message}"] = None

    def _claimed(self, returned: Any) -> Any:
        """The gradient among what was returned."""
        wrt = self.derived.wrt
        parts = returned if isinstance(returned, tuple) else (returned,)
        for part in parts:
            if isinstance(part, Mapping):
                for key in (wrt, self.names[wrt], f"d{wrt}"):
                    if key in part:
                        return part[key]
        if self.count > 1:
            return parts[len(parts) - self.count + self.position]
        if len(parts) > 2:
            raise BadInput(f"{name_of(self.handwritten)} returns {len(parts)} values.", place=place_of(self.handwritten),
                           hint="Return the gradient, (loss, gradient), or a dict of gradients by name.")
        return parts[-1]

    def _own_loss(self, returned: Any) -> Any:
        parts = returned if isinstance(returned, tuple) else (returned,)
        return parts[0] if (len(parts) > 1 and not isinstance(parts[0], Mapping) and len(parts) == self.count + 1) or (
            len(parts) == 2 and isinstance(parts[1], Mapping)) else None

    def _example(self, trial: Trial, claimed: Any, true: np.ndarray) -> Example | None:
        arrays = {self.names[name]: value for name, value in trial.point.arrays.items() if name in self.names}
        shape = np.shape(claimed)
        if shape != true.shape:
            self.warnings[f"the gradient has shape {shape} where the argument has {true.shape}"] = None
            if np.size(claimed) not in (1, true.size):
                return Example(trial.point.sizes, arrays, float("nan"), float(true.ravel()[0]) if true.size else 0.0, ())
            flat = np.asarray(claimed, dtype=float).ravel()
            claimed = flat.reshape(true.shape) if flat.size == true.size else np.full(true.shape, flat[0])
        differ, place = apart(claimed, true)
        if not differ:
            return None
        return Example(trial.point.sizes, arrays, float(np.asarray(claimed, dtype=float)[place]), float(true[place]), place)

    def _by_numbers(self, wrong: Example | None, tried: int, why: DeriveError) -> Report:
        where = f" ({why.place})" if why.place else ""
        note = f"not lifted to a formula: {why.met}{where}"
        if wrong is not None:
            words = Differences(self.story).by_numbers([(p, c) for p, c in self.seen if np.shape(c) == self._shape(p)],
                                                       sizes_of(self.story.source.arguments))
            return replace(self.base, verdict=WRONG, counterexample=wrong, tried=tried, diagnosis=(*words, note))
        return replace(self.base, verdict=NUMERIC, tried=tried, diagnosis=(note,))

    def _shape(self, point: Point) -> tuple[int, ...]:
        return np.shape(point.arrays[self.derived.wrt])

    # ------------------------------------------------------------------------------------------- formulas

    def _lift(self) -> _Formulas:
        arguments = {self.names[a.name]: a for a in self.story.source.arguments if a.name in self.names}
        lifted = lift(self.handwritten, arguments)
        for name in lifted.mutated:
            self.warnings[f"it changes its argument {name} in place"] = None
        found = self._claimed(lifted.outputs)
        loss = self._own_loss(lifted.outputs)
        if not isinstance(found, LiftedArray):
            raise CannotLift("The gradient that is returned is no array.")
        return _Formulas(found, loss if isinstance(loss, LiftedArray) else None, tuple(lifted.assumptions))

    def _by_formula(self, formulas: _Formulas, wrong: Example | None, tried: int) -> Report:
        result = self.story.result
        own = formulas.gradient
        base = replace(self.base, tried=tried, counterexample=wrong, assumptions=self.derived.assumptions)
        if [i.size for i in own.indices] != [i.size for i in result.indices]:
            shape = ", ".join(str(n.args[0]) for n in own.shape)
            return replace(base, verdict=WRONG if wrong else UNDECIDED, diagnosis=(f"the gradient has the shape ({shape})",))
        claimed = substitute(own.body, dict(zip(own.indices, result.indices)))
        equal, ties = self._equal(claimed, result.body, reasoning(self.story))
        loss = self._loss_verdict(formulas)
        if equal and wrong is None:
            return replace(base, verdict=PROVED, loss=loss)
        if ties and (wrong is None or self._only_ties(wrong)):
            return replace(base, verdict=OFF_KINK, loss=loss, counterexample=None, diagnosis=self._tie_words(wrong))
        if equal:
            return replace(base, verdict=UNDECIDED, loss=loss,
                           diagnosis=("the formulas are equal but the numbers are not: rounding, overflow, or a fault of derive",))
        if wrong is None:
            wrong = apart_in_digits(self.story, claimed, self.names, [*self.numbers.points(3), *map(enlarged, self.numbers.points(2))])
            if wrong is None:
                return replace(base, verdict=NUMERIC, loss=loss, diagnosis=("the formulas were not seen to be equal, although the numbers agree",))
            base = replace(base, counterexample=wrong)
        difference, words = Differences(self.story).explain(claimed)
        if formulas.loss is not None and self._right_for_own(formulas, claimed):
            own_words = "it is the derivative of the loss that the function itself returns; against the reference's gradient:"
            return replace(base, verdict=OWN_LOSS, loss=loss, difference=difference, diagnosis=(own_words, *words))
        return replace(base, verdict=WRONG, loss=loss, difference=difference, diagnosis=words)

    def _equal(self, left: Expr, right: Expr, definitions: Sequence[Definition]) -> tuple[bool, bool]:
        """Whether two expressions have the same normal form, everywhere and ties aside."""
        algebra = Algebra(hard=True, lookup=written_out(definitions))
        use(self.extra, algebra, self.story.source.arguments)
        try:
            gap = algebra.sub(algebra.canonical(left), algebra.canonical(right))
            if algebra.is_zero(gap):
                return True, True
            return False, algebra.is_zero(_without_ties(algebra, gap))
        except NotYet:
            return False, False

    def _only_ties(self, wrong: Example) -> bool:
        """Whether the numbers agree at every point of general position."""
        for point in self.numbers.points(_POINTS):
            if point.style == "ties":
                continue
            trial = self.numbers.run(point)
            if trial.error is None and self._example(trial, self._claimed(trial.returned), self.numbers.true(point, self.derived.wrt)):
                return False
        return True

    @staticmethod
    def _tie_words(wrong: Example | None) -> tuple[str, ...]:
        if wrong is None:
            return ()
        return (f"where two compared numbers tie it chooses another value than JAX ({wrong.claimed:.6g}, JAX {wrong.true:.6g}): "
                "both are subgradients",)

    def _loss_verdict(self, formulas: _Formulas) -> str:
        if formulas.loss is None or formulas.loss.indices:
            return ""
        last = self.story.definitions[-1]
        equal, _ = self._equal(formulas.loss.body, last.body, reasoning(self.story))
        if equal:
            return PROVED
        gap = self._numeric_loss_gap()
        if gap is None:
            return NUMERIC
        formula = Differences(self.story).of_losses(formulas.loss.body)
        return f"differs: yours − reference = {formula}" if formula else f"differs (by {gap[0]:.6g} at {gap[1]})"

    def _numeric_loss_gap(self) -> tuple[float, str] | None:
        for point in self.numbers.points(4):
            trial = self.numbers.run(point)
            own = self._own_loss(trial.returned) if trial.error is None else None
            if own is not None:
                true = self.numbers.loss(point)
                if not abs(float(own) - true) <= 1e-7 * (1 + abs(true)):
                    return float(own) - true, ", ".join(f"{n} = {v}" for n, v in point.sizes.items())
        return None

    def _right_for_own(self, formulas: _Formulas, claimed: Expr) -> bool:
        """Whether the gradient is the derivative of the loss that the same function returns."""
        assert formulas.loss is not None
        source = self.story.source
        program = Program(source, (Definition("loss", (), formulas.loss.body),), (), formulas.assumptions, ())
        try:
            own = differentiate(program, self.derived.wrt, "gradient", self.extra)
        except NotYet:
            return False
        swap = dict(zip(own.result.indices, self.story.result.indices))
        return self._equal(claimed, substitute(own.result.body, swap), reasoning(own))[1]


def _more_telling(a: Example, b: Example) -> bool:
    """The smaller example, but not one in which everything has size 1."""
    def rank(e: Example) -> tuple[bool, int]:
        return set(e.sizes.values()) == {1}, sum(np.size(v) for v in e.arrays.values())
    return rank(a) < rank(b)


def _without_ties(algebra: Algebra, p: Poly) -> Poly:
    ties: dict[Expr, Expr] = {part: P0 for part in walk(p) if isinstance(part, Iverson) and part.args[0] == "="}
    return algebra.canonical(substitute(p, ties)) if ties else p
