"""The verdict on one gradient: numbers first, then formulas for all sizes, then formulas at concrete sizes; never a stronger word than earned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from derive.checking.atsizes import AtSizes
from derive.checking.constants import alike
from derive.checking.diagnosis import diagnose, shrunk
from derive.checking.difference import Differences, apart_in_digits, reasoning
from derive.checking.edges import beside_edges
from derive.checking.formulas import Formulas, equal, on_indices, story_equal
from derive.checking.hints import right_where
from derive.checking.multiples import multiple
from derive.checking.numbers import Comparison, Numbers
from derive.checking.own import OwnLoss, own_program
from derive.checking.report import CANNOT_RUN, NUMERIC, OFF_KINK, OWN_LOSS, PROVED, UNDECIDED, WRONG, Example, Report, exact_at, level_of, sizes_text
from derive.checking.subject import Subject
from derive.checking.truth import Reference, Truth
from derive.checking.unmet import unmet_cases
from derive.derivation import Argument, Assumption, Story
from derive.errors import DeriveError, NotYet
from derive.face import assumption_texts
from derive.index import Expr, substitute
from derive.points import enlarged, satisfied
from derive.render.telling import story_notation

__all__ = ["Case", "Judge", "own_loss", "value_verdict"]

_TIES = "where two compared numbers tie, it need not choose as JAX does: both are subgradients"


@dataclass(frozen=True)
class Case:
    """What is the same for every argument of one check.

    Attributes:
        subject: the handwritten code.
        truth: what it is compared with.
        numbers: what it returned at the points.
        formulas: what it computes for all sizes, or why that is not known.
        exact: what it computes at concrete sizes.
        value: the verdict on the value that it returns against the reference; '' where there is none.
        own: what the code itself returns, as the truth; None where it returns nothing else.
        explain: whether what is wrong is told in words.
    """

    subject: Subject
    truth: Truth
    numbers: Numbers
    formulas: Formulas | DeriveError
    exact: AtSizes
    value: str = ""
    own: OwnLoss | None = None
    explain: bool = True


class Judge:
    """The verdict on the gradient with respect to one argument."""

    def __init__(self, case: Case, wrt: str) -> None:
        self.case, self.wrt = case, wrt
        self.subject, self.truth = case.subject, case.truth
        self.compared: Comparison = case.numbers.compare(wrt)
        self.base = Report(self.subject.name, wrt, UNDECIDED, place=self.subject.place, loss=case.value, tried=self.compared.tried,
                           warnings=tuple(self.compared.notes))
        try:
            self.story: Story | None = self.truth.story(wrt)
            self.why_no_story: DeriveError | None = None
        except NotYet as error:
            self.story, self.why_no_story = None, error
        self.read: dict[Expr, Expr] = {}
        self._read_constants()

    def _read_constants(self) -> None:
        """Read long decimals as the constants that they round, where the other side has these."""
        claimed = self._claimed()
        if isinstance(self.truth, Reference) and self.truth.program is not None and claimed is not None:
            program, self.read = alike(self.truth.program, claimed)
            if program is not self.truth.program:
                self.story = self.truth.read_as(program).story(self.wrt)

    def report(self) -> Report:
        """The report, without what concerns all arguments alike."""
        if self.compared.failure is not None:
            return replace(self.base, verdict=CANNOT_RUN, diagnosis=(self.compared.failure,))
        report = self._against_truth()
        own = self._own_verdict(report)
        if report.verdict == WRONG and level_of(own) and isinstance(self.truth, OwnLoss) is False:
            words = "it is the derivative of the loss that the function itself returns; against the reference's gradient:"
            return replace(report, verdict=OWN_LOSS, own=own, diagnosis=(words, *report.diagnosis))
        return replace(report, own=own)

    # ------------------------------------------------------------------------------------------- against the truth

    def _against_truth(self) -> Report:
        wrong = self.compared.example is not None and not self.compared.only_ties
        claimed = self._claimed()
        if wrong and self.read and claimed is not None and self.story is not None and story_equal(claimed, self.story, self.truth)[0]:
            return self._proved(True)  # the numbers differ by the digits that a decimal lacks
        if wrong:
            return self._wrong(claimed)
        if claimed is not None and self.story is not None:
            same, ties = story_equal(claimed, self.story, self.truth)
            if same or ties:
                return self._proved(same and self.compared.example is None)
            found = self._apart(claimed)
            if found is not None:
                return found
        return self._at_sizes()

    def _proved(self, everywhere: bool) -> Report:
        assert isinstance(self.case.formulas, Formulas)
        own = assumption_texts(self.case.formulas.assumptions, story_notation(self.story)) if self.story is not None else ()
        assumptions = tuple(dict.fromkeys((*self._assumptions(), *own)))
        uncovered = self.case.formulas.uncovered
        if everywhere:
            return replace(self.base, verdict=PROVED, assumptions=assumptions, uncovered=uncovered)
        return replace(self.base, verdict=OFF_KINK, assumptions=assumptions, uncovered=uncovered, diagnosis=self._tie_words())

    def _assumptions(self) -> tuple[str, ...]:
        if self.story is None:
            return ()
        texts = assumption_texts(self.story.assumptions, story_notation(self.story))
        return ("theorems over the real numbers, for all sizes ≥ 1", *texts, *self.story.conventions)

    def _tie_words(self) -> tuple[str, ...]:
        wrong = self.compared.example
        if wrong is None:
            return ()
        return (f"where two compared numbers tie it chooses another value than JAX ({wrong.claimed:.6g}, JAX {wrong.true:.6g}): "
                "both are subgradients",)

    def _apart(self, claimed: Expr) -> Report | None:
        """Formulas that were not seen to be equal, told apart in 50 digits: wrong by less than rounding, or only at unusual numbers."""
        if self.story is None:
            return None
        points = [p for p in (*self.truth.points(3), *map(enlarged, self.truth.points(2))) if satisfied(p, self.truth.extra)]
        example = apart_in_digits(self.story, claimed, self.subject.names, points)
        example = example or beside_edges(self.subject, self.truth, self.wrt, self.story, claimed)
        if example is None:
            return None
        self.compared = replace(self.compared, example=example)
        return self._wrong(claimed)

    def _at_sizes(self) -> Report:
        """Exact at concrete sizes, or else agreement in numbers."""
        found = self.case.exact.against(self.truth, self.wrt)
        notes = self._why_no_formula()
        if found.equal:
            ties = () if found.everywhere and self.compared.example is None else self._tie_words() or (_TIES,)
            uncovered = tuple(dict.fromkeys((*found.uncovered, *self.case.numbers.uncovered())))  # other sizes may take another branch
            return replace(self.base, verdict=exact_at(found.sizes, found.note), diagnosis=(*notes, *ties), assumptions=self._real(),
                           uncovered=uncovered)
        if self.compared.example is not None:
            return replace(self.base, verdict=NUMERIC, diagnosis=(*self._tie_words(), *notes, *found.why), uncovered=self._uncovered())
        return replace(self.base, verdict=NUMERIC, diagnosis=(*notes, *found.why), uncovered=self._uncovered())

    def _uncovered(self) -> tuple[str, ...]:
        """What numbers alone may have missed: branches of the code that no point took, cases of its formula that none met."""
        if not isinstance(self.case.formulas, Formulas):
            short = self.compared.coarse
            words = (f"its result is in {short}, which has too few digits for a mistake of a few percent to be seen",) if short else ()
            return (*words, *self.case.numbers.uncovered())
        claimed = self._claimed()
        points = [t.point for t in self.case.numbers.trials() if t.error is None]
        unmet = unmet_cases(claimed, self.story, points) if claimed is not None and self.story is not None else ()
        return (*self.case.formulas.uncovered, *unmet)

    def _real(self) -> tuple[str, ...]:
        return ("true for all real inputs at these sizes: decided by values in a random prime field, with a chance of error below 2⁻¹⁰⁰",)

    def _why_no_formula(self) -> tuple[str, ...]:
        if isinstance(self.case.formulas, DeriveError):
            error, what = self.case.formulas, "not lifted to a formula for all sizes"
        elif self.story is None and self.why_no_story is not None:
            error, what = self.why_no_story, "the reference has no derivation for all sizes"
        else:
            return ("the formulas were not seen to be equal",)
        where = f" (line {error.place.line})" if error.place else ""
        return (f"{what}: {error.met}{where}",)

    # ------------------------------------------------------------------------------------------- wrong

    def _claimed(self) -> Expr | None:
        """The claimed gradient at the indices of the true one, for all sizes."""
        if isinstance(self.case.formulas, DeriveError) or self.story is None or self.wrt not in self.case.formulas.gradients:
            return None
        found = on_indices(self.case.formulas.gradients[self.wrt], self.story.result.indices)
        return substitute(found, self.read) if found is not None and self.read else found

    def _wrong(self, claimed: Expr | None) -> Report:
        if not self.case.explain:
            return replace(self.base, verdict=WRONG, counterexample=self.compared.example)
        if self.compared.beyond and claimed is None:
            words = (self.compared.beyond, *self._why_no_formula())
            return replace(self.base, verdict=WRONG, counterexample=self.compared.example, diagnosis=words)
        if self.compared.slight and claimed is None:
            words = (self.compared.slight, *self._why_no_formula())
            return replace(self.base, verdict=WRONG, counterexample=self.compared.example, diagnosis=words)
        ran = [t for t in self.case.numbers.trials() if t.error is None]
        seen = [(t.point, array) for t in ran if (array := _numeric(t.gradients.get(self.wrt))) is not None]
        try:
            difference, words = diagnose(self.subject, self.truth, self.wrt, claimed, seen)
        except (NotYet, RecursionError) as error:  # what cannot be explained is wrong all the same
            difference, words = "", (f"the difference is not told as a formula ({type(error).__name__})",)
        notes = () if claimed is not None or self.story is None else self._why_no_formula()
        difference, words = "" if difference == "0" else difference, (*right_where(self.subject, self.truth, self.wrt), *words)
        return replace(self.base, verdict=WRONG, counterexample=self._smallest(), difference=difference, diagnosis=(*words, *notes),
                       assumptions=self._assumptions() if claimed is not None else ())

    def _smallest(self) -> Example | None:
        """The counterexample, made as small as it can be where that shows the mistake as well."""
        for trial in self.case.numbers.trials()[:3]:
            if trial.error is None and trial.point.style != "ties":
                found = shrunk(self.subject, self.truth, self.wrt, trial.point)
                if found is not None:
                    return found
        return self.compared.example

    # ------------------------------------------------------------------------------------------- its own loss

    def _own_verdict(self, report: Report) -> str:
        """Whether the gradient is the derivative of what the function itself returns."""
        if isinstance(self.truth, OwnLoss) or self.case.own is None:
            return ""
        if report.verdict == WRONG and level_of(self.case.value):
            return WRONG  # the loss is the reference's, so what is no derivative of the one is none of the other
        if level_of(report.verdict) and level_of(self.case.value):
            return min((report.verdict, self.case.value), key=lambda v: ("", "numeric", "exact", "proved").index(level_of(v)))
        own = self.case.own
        if isinstance(self.case.formulas, Formulas) and self.wrt in self.case.formulas.gradients and own.program is not None:
            try:
                story = own.story(self.wrt)
            except NotYet:
                story = None
            claimed = None if story is None else on_indices(self.case.formulas.gradients[self.wrt], story.result.indices)
            if story is not None and claimed is not None:
                same, ties = story_equal(claimed, story, self.truth)
                if same or ties:
                    return PROVED if same else OFF_KINK
        if not self.case.numbers.own_agrees(own, self.wrt):
            return WRONG
        found = self.case.exact.against(own, self.wrt)
        return exact_at(found.sizes, found.note) if found.equal else NUMERIC


def _numeric(gradient: object) -> np.ndarray | None:
    """A returned gradient as numbers; None where it is something else."""
    try:
        return None if gradient is None else np.asarray(gradient, dtype=float)
    except (TypeError, ValueError):
        return None


def value_verdict(subject: Subject, truth: Truth, numbers: Numbers, formulas: Formulas | DeriveError, exact: AtSizes, wrt: str) -> str:
    """The verdict on the value that is returned, against the reference's."""
    compared = numbers.compare_value()
    if compared is None or isinstance(truth, OwnLoss):
        return ""
    if (compared.failure or "").startswith(("it returns no value", "the value")):
        return f"differs: {compared.failure}"
    try:
        story = truth.story(wrt)
    except NotYet:
        story = None
    known = None
    if isinstance(formulas, Formulas) and formulas.value is not None and story is not None:
        last = story.definitions[-1]
        known = on_indices(formulas.value, last.indices)
        if known is not None and compared.example is None and equal(known, last.body, reasoning(story), truth)[0]:
            return PROVED
    if compared.example is not None:
        share = "" if compared.only_ties else multiple(numbers.trials(), truth)
        if share:
            return f"differs: yours = {share}, at each point tried"
        formula = Differences(story).of_losses(known) if known is not None and story is not None else ""
        return f"differs: yours − reference = {formula}" if formula not in ("", "0") else _apart_at(compared.example, compared.only_ties)
    found = exact.value_against(truth, wrt)
    return exact_at(found.sizes, found.note) if found.equal else NUMERIC


def _apart_at(example: Example, only_ties: bool) -> str:
    """How two values differ at one point, in words."""
    place = f" at {sizes_text(example.sizes)}" if example.sizes else ""
    if not np.isfinite(example.claimed):
        return f"differs: it is {example.claimed:g}{place}, and the reference is {example.true:.6g}"
    ties = " where two numbers tie" if only_ties else ""
    gap = example.claimed - example.true
    return f"differs{ties} (by {gap:.6g}{place})" if gap else f"differs (it has another shape{place})"


def own_loss(subject: Subject, arguments: tuple[Argument, ...], extra: tuple[Assumption, ...], formulas: Formulas | DeriveError) -> OwnLoss:
    """The derivative of what the function itself returns, as a truth."""
    program = None
    if isinstance(formulas, Formulas) and formulas.value is not None:
        program = own_program(subject, formulas.value, arguments, formulas.assumptions)
    return OwnLoss(subject, arguments, extra, program)
