"""Checks `jax.custom_vjp` and `jax.custom_jvp`: is the rule the derivative of the function that it is a rule for?

The rule is read at symbolic sizes, like any JAX function, and compared by normal form with the derivative of the primal function; both are
run on numbers, the rule through JAX itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from derive.assume import declared
from derive.checking.difference import Differences
from derive.checking.foreign.arrays import on_arrays
from derive.checking.foreign.claims import Claims, JvpClaims, VjpClaims, claims_of
from derive.checking.foreign.sides import Output, Question, jvp_question, outputs_of, tried_at, value_question, vjp_question, written
from derive.checking.report import CANNOT_RUN, NUMERIC, OFF_KINK, PROVED, UNDECIDED, WRONG, Example, Report, level_of, sizes_text
from derive.checking.trees import asked
from derive.derivation import Assumption, Story
from derive.errors import BadInput, DeriveError, NotYet
from derive.index import Expr, Index, substitute
from derive.points import Point
from derive.proving.proof import Comparison, compare, prove
from derive.trace import Program
from derive.trace.shapes import Shapes, place_of
from derive.trace.trees import Form

__all__ = ["custom_rule_report"]

_POINTS, _FINE, _COARSE = 10, 1e-9, 1e-6
Wrt = str | int | Sequence[str | int] | None


def custom_rule_report(code: Any, wrt: Wrt = None, shapes: Shapes = None, assume: Sequence[str] = (), *,
                       fixed: Mapping[str, Any] | None = None, reference: Callable[..., Any] | None = None) -> Report:
    """Check the rule of a `jax.custom_vjp` or a `jax.custom_jvp` against the function that it is a rule for.

    Args:
        code: the object that JAX made.
        wrt: the arguments whose cotangents or tangents are checked; None is all of them.
        shapes, assume: as for `derive.gradient`.
        fixed: values of parameters that are not differentiated by, such as options among `nondiff_argnums`.
        reference: a JAX function that the primal function should equal.

    Returns:
        A `Report`; `loss` is the verdict on the value that the rule returns, against the function and the reference.
    """
    whole, form = code.fun, Form(code.fun, shapes)
    if shapes is not None:
        code, form = on_arrays(code, shapes)
    claims = claims_of(code, form.shapes, fixed or {})
    named = [one for each in ([wrt] if isinstance(wrt, (str, int)) else wrt or ()) for one in asked(form.trees, claims.arguments, each)]
    chosen = _chosen(claims, named if form.trees and wrt is not None else wrt)
    extra = tuple(declared(assume, claims.arguments, [tree.packed for tree in form.trees.values()]))
    base = Report(claims.name, ", ".join(chosen), UNDECIDED, place=place_of(code.fun))
    try:
        outputs = outputs_of(claims, extra)
    except NotYet as error:
        return replace(base, diagnosis=(f"the function cannot be read: {error.met}",))
    loss, gaps = _value_verdict(claims, outputs, extra)
    if reference is not None and (not loss or level_of(loss)):
        against = _against_reference(whole, reference, shapes, assume)
        loss = against if not level_of(against) or loss == PROVED else loss
    reports = {name: replace(_one(claims, outputs, name, extra, base), loss=loss) for name in chosen}
    if isinstance(claims, JvpClaims) and len(chosen) > 1:
        reports |= _together(claims, outputs, chosen, extra, base, reports)
    if gaps:
        reports = {name: replace(r, diagnosis=(*r.diagnosis, *gaps)) for name, r in reports.items()}
    if len(reports) == 1:
        return next(iter(reports.values()))
    worst = next((r for r in reports.values() if not r.ok), next(iter(reports.values())))
    return replace(worst, wrt=", ".join(reports), parts=reports)


def _chosen(claims: Claims, wrt: Wrt) -> tuple[str, ...]:
    asked = claims.floats if wrt is None else [wrt] if isinstance(wrt, (str, int)) else wrt
    names = tuple(claims.parameters[one] if isinstance(one, int) else one for one in asked)
    wrong = [name for name in names if name not in claims.floats]
    if wrong or not names:
        raise BadInput(f"{wrong[0]!r} is no argument that the rule differentiates by." if wrong else "The rule differentiates by nothing.",
                       place=place_of(claims.code.fun), hint=f"Those are {', '.join(claims.floats)}.")
    return names


# ------------------------------------------------------------------------------------------- values


def _value_verdict(claims: VjpClaims | JvpClaims, outputs: Sequence[Output], extra: tuple[Assumption, ...]) -> tuple[str, tuple[str, ...]]:
    """(the verdict on the value that the rule returns, what it differs by)."""
    words = []
    for k in range(len(outputs)):
        answer = _Answer(value_question(claims, k), extra)
        if answer.wrong is not None:
            return f"differs: {answer.gap or 'see the numbers'}", (f"the rule's value is another than the function's: {answer.wrong}",)
        words.append(answer.verdict)
    return min(words, key=lambda word: ("", "numeric", "exact", "proved").index(level_of(word))), ()


def _against_reference(function: Callable[..., Any], reference: Callable[..., Any], shapes: Shapes, assume: Sequence[str]) -> str:
    try:
        proof = prove(function, reference, shapes, assume)
    except DeriveError as error:
        return f"{UNDECIDED}: {error.met}"
    found = proof.counterexample
    if found is not None and proof.verdict == "refuted":
        return f"differs from the reference (by {found.difference:.6g} at {found.told_sizes})"
    return {"proved": PROVED, "proved off the kink": OFF_KINK}.get(proof.verdict, f"{UNDECIDED}: {proof.reason}")


# ------------------------------------------------------------------------------------------- one question


@dataclass
class _Answer:
    """The answer to one question, by formulas and by numbers."""

    question: Question
    extra: tuple[Assumption, ...]

    def __post_init__(self) -> None:
        self.wrong: Example | None = None
        self.tie: Example | None = None
        self.faults: dict[str, None] = {}
        self.failure = ""
        self.doubt = ""
        self.gap = ""
        self.words: tuple[str, ...] = ()
        self.assumptions: tuple[str, ...] = ()
        self.tried = 0
        self._run()
        self.verdict = CANNOT_RUN if self.failure else self._decide()

    # ................................................................................... numbers

    def _run(self) -> None:
        for point in tried_at(self.question, _POINTS):
            try:
                true = np.asarray(self.question.true(point.arrays))
                claimed = np.asarray(self.question.claimed(point.arrays))
            except Exception as error:  # whatever the user's rule raises, or JAX about it, is reported
                self.failure = f"it raises {type(error).__name__}: {_first_line(error)} (at sizes {point.sizes})"
                return
            if np.isfinite(true).all():
                self._compare(point, claimed, true)

    def _compare(self, point: Point, claimed: np.ndarray, true: np.ndarray) -> None:
        self.tried += 1
        if claimed.dtype != true.dtype:
            self.faults[f"it returns {claimed.dtype} for {true.dtype}"] = None
        gap, place = _apart(claimed, true)
        if gap <= _FINE:
            return
        if gap <= _COARSE and point.style != "ties":
            self.doubt = f"the numbers differ by {gap:.1g} of their size, which rounding may explain"
            return
        found = Example(point.sizes, dict(point.arrays), float(claimed[place]), float(true[place]), place)
        if point.style == "ties":
            self.tie = self.tie or found
        elif self.wrong is None or _rank(found) < _rank(self.wrong):
            self.wrong = found

    # ................................................................................... formulas

    def _decide(self) -> str:
        try:
            claim = self.question.claim()
            true, story = self.question.truth()
        except (DeriveError, RecursionError) as error:
            return self._by_numbers(f"not compared as formulas: {getattr(error, 'met', error)}")
        if len(claim.shape) != len(true.shape) or any(a is not b for a, b in zip(claim.shape, true.shape)):
            return self._by_numbers("the shapes are different")
        true = _on_indices(true, claim.definitions[-1].indices)
        proof = compare(Comparison(claim, true, (self.question.claimed, self.question.true), self.extra))
        self.assumptions = tuple(a.text for a in proof.assumptions)
        if proof.verdict in ("proved", "proved off the kink"):
            return self._proved(proof.verdict)
        if proof.verdict == "refuted" or self.wrong is not None:
            self._explain(claim, story)
            found = proof.counterexample
            self.wrong = self.wrong or self.tie or (None if found is None else Example(
                found.sizes, found.arrays, float(found.values[0][found.place]), float(found.values[1][found.place]), found.place))
            return WRONG
        return self._by_numbers("" if self.tried and proof.tried else proof.reason, proof.reason)

    def _proved(self, verdict: str) -> str:
        if found := self.wrong or (self.tie if verdict == "proved" else None):
            numbers = f"{found.claimed:.6g} for {found.true:.6g} at {sizes_text(found.sizes)}"
            self.faults[f"it is right as a formula, and in numbers it gives {numbers}"] = None
            return PROVED if verdict == "proved" else OFF_KINK
        if verdict == "proved":
            return PROVED
        if self.tie is not None:
            self.words = (f"where two compared numbers tie it chooses another value than JAX ({self.tie.claimed:.6g}, JAX {self.tie.true:.6g})",)
        return OFF_KINK

    def _by_numbers(self, why: str, reason: str = "") -> str:
        self.words = tuple(word for word in (why or reason,) if word)
        self.wrong = self.wrong or self.tie
        if self.doubt and self.wrong is None:
            self.words = (*self.words, self.doubt)
            return UNDECIDED
        return WRONG if self.wrong is not None else NUMERIC if self.tried else UNDECIDED

    def _explain(self, claim: Program, story: Story | None) -> None:
        """What the difference is, as a formula and in words."""
        if story is None:
            return
        claimed = substitute(written(claim), dict(zip(claim.definitions[-1].indices, story.result.indices)))
        try:
            self.gap, self.words = Differences(story).explain(claimed)
        except (DeriveError, RecursionError, KeyError):
            self.gap, self.words = "", ()


def _apart(claimed: np.ndarray, true: np.ndarray) -> tuple[float, tuple[int, ...]]:
    """By how much of their size two arrays of one shape differ, and where most."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(claimed - true) / (1e-3 + np.max(np.abs(true), initial=0.0))
    most = float(np.max(np.where(np.isnan(gap), np.inf, gap), initial=0.0))
    return most, tuple(int(k) for k in np.unravel_index(int(np.where(np.isnan(gap), np.inf, gap).argmax()), gap.shape))


def _on_indices(program: Program, indices: tuple[Index, ...]) -> Program:
    """The program with its value at these indices."""
    *before, last = program.definitions
    letters: dict[Expr, Expr] = {old: new for old, new in zip(last.indices, indices) if old is not new}
    return replace(program, definitions=(*before, replace(last, indices=indices, body=substitute(last.body, letters))))


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else ""


def _rank(e: Example) -> tuple[bool, int]:
    """The smaller example first, but not one in which everything has size 1."""
    return set(e.sizes.values()) == {1}, sum(np.size(v) for v in e.arrays.values())


# ------------------------------------------------------------------------------------------- reports


def _one(claims: VjpClaims | JvpClaims, outputs: Sequence[Output], wrt: str, extra: tuple[Assumption, ...], base: Report) -> Report:
    """The report on one argument."""
    if isinstance(claims, VjpClaims):
        return _told(_Answer(vjp_question(claims, outputs, wrt, extra), extra), replace(base, wrt=wrt), "gradient")
    reports = [_told(_Answer(jvp_question(claims, outputs, k, (wrt,), extra), extra), replace(base, wrt=wrt), "tangent")
               for k, one in enumerate(outputs) if one.seed]
    return _least(reports)


def _together(claims: JvpClaims, outputs: Sequence[Output], chosen: Sequence[str], extra: tuple[Assumption, ...], base: Report,
              single: Mapping[str, Report]) -> dict[str, Report]:
    """Where each tangent alone is right: whether they add up when several move together."""
    if not all(report.ok for report in single.values()):
        return {}
    name = " and ".join(chosen)
    reports = [_told(_Answer(jvp_question(claims, outputs, k, chosen, extra), extra), replace(base, wrt=name), "tangent")
               for k, one in enumerate(outputs) if one.seed]
    least = _least(reports)
    if not least.wrong and level_of(least.verdict) == "proved":
        return {}
    words = ("each tangent alone is right, and together they do not add up: the rule is not linear in the tangents",) if least.wrong else ()
    return {name: replace(least, diagnosis=(*words, *least.diagnosis))}


def _least(reports: Sequence[Report]) -> Report:
    return min(reports, key=lambda r: (not r.wrong, ("", "numeric", "exact", "proved").index(level_of(r.verdict))))


def _told(answer: _Answer, base: Report, what: str) -> Report:
    words = tuple(word.replace("gradient", what) for word in answer.words)
    if answer.failure:
        words = (answer.failure,)
    return replace(base, verdict=answer.verdict, diagnosis=words, difference=answer.gap, counterexample=answer.wrong, tried=answer.tried,
                   assumptions=answer.assumptions, faults=tuple(answer.faults))
