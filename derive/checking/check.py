"""Check somebody's handwritten gradient: symbolic against analytic against autodiff.

The handwritten code is run on arrays of index expressions with symbolic sizes, so that what it computes becomes a formula for all sizes; that is
compared with the derived gradient by normal form.  Where a symbolic size is impossible the same is done at concrete sizes.  Numbers are the
third leg: they confirm, refute, and take over where the code has no formula.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from derive.assume import declared
from derive.checking.adapters import Layout
from derive.checking.arguments import parameters_of
from derive.checking.atsizes import AtSizes
from derive.checking.diagnosis import UNEXPLAINED
from derive.checking.foreign import custom_rule_report, foreign_findings, foreign_subject, forward_of, recognised
from derive.checking.formulas import Formulas, formulas_of
from derive.checking.judge import Case, Judge, own_loss, value_verdict
from derive.checking.layouts import candidates, given_layouts
from derive.checking.numbers import Numbers
from derive.checking.own import forward_shape
from derive.checking.repair import repair
from derive.checking.report import CANNOT_RUN, WRONG, Report, level_of
from derive.checking.safety import Finding, findings
from derive.checking.subject import Subject, subject_of
from derive.checking.trees import asked, taken_apart
from derive.checking.truth import Reference, Truth, form_of, reference_of
from derive.derivation import Argument
from derive.errors import BadInput, DeriveError, NotYet
from derive.face import Wrt
from derive.signatures import guessed_shapes
from derive.trace.shapes import Shapes, annotated_shapes, argument_shapes, place_of
from derive.trace.trees import packed_in

__all__ = ["check"]

_SECONDS = 10.0
Code = Callable[..., Any] | tuple[Callable[..., Any], Callable[..., Any]]


def check(handwritten: Code, reference: Callable[..., Any] | None = None, wrt: Wrt = None, shapes: Shapes = None, assume: Sequence[str] = (), *,
          fixed: Mapping[str, Any] | None = None, returns: Sequence[str] | None = None, layouts: Mapping[str, str] | None = None,
          seconds: float = _SECONDS, explain: bool = True) -> Report:
    """Check a handwritten gradient against the derivative of a loss or of a layer.

    Args:
        handwritten: a NumPy function that returns the gradient, (loss, gradient), or gradients in a dict by name or in order; a pair
            (forward, backward) with `out, cache = forward(...)` and `dx, dw = backward(dout, cache)`; a `torch.autograd.Function`; a
            `jax.custom_vjp` or `jax.custom_jvp`.
        reference: the loss, or the array-valued layer, as a JAX function.  Arguments are matched by name, by names in common use for the same
            thing, or by position.  None checks the gradient against the loss that the function returns itself.
        wrt: an argument of the reference, or several; None is every argument whose gradient is returned, as far as that can be told, else the
            first one.
        shapes: as for `derive.gradient`; None reads annotations, of the reference or of the handwritten code, then guesses from names in common use.
        assume: as for `derive.gradient`.
        fixed: values of further parameters of the handwritten code, such as {"conv_param": {"stride": 1, "pad": 0}}.
        returns: the arguments whose gradients are returned, in order, where the code does not tell.
        layouts: for arguments that the code wants in another layout: 'transposed', 'one-hot' or 'signs' (−1 and +1 for the labels 0 and 1).  A
            transposed matrix and one-hot labels are recognised.
        seconds: about how long the check may take; what is left undone is said.
        explain: whether what is wrong is told in words, with a small example and a repair; False is for thousands of checks at a time.

    Returns:
        A `Report`: `.ok`, `.verdict`, `.diagnosis`, `.counterexample`, `.warnings`; printing it says everything.

    Raises:
        BadInput: the arguments do not match, a shape is missing, `wrt` is no float argument, or it cannot be told what is returned.
    """
    kind = recognised(handwritten)
    if kind.startswith("jax."):
        return custom_rule_report(handwritten, wrt, shapes, assume, fixed=fixed, reference=reference)
    found = _Check(handwritten, reference, wrt, shapes, assume, fixed, returns, layouts, seconds, kind)
    found.explain = explain
    return found.report()


class _Check:
    """One call of `check`."""

    explain = True

    def __init__(self, code: Any, reference: Callable[..., Any] | None, wrt: Wrt, shapes: Shapes, assume: Sequence[str],
                 fixed: Mapping[str, Any] | None, returns: Sequence[str] | None, layouts: Mapping[str, str] | None, seconds: float,
                 kind: str) -> None:
        self.code, self.kind, self.fixed, self.returns, self.seconds = code, kind, fixed, returns, seconds
        self.parts = tuple(code) if isinstance(code, (tuple, list)) else (forward_of(code),) if kind else (code,)
        main = reference if reference is not None else self.parts[0]
        shapes = _known_shapes(main, self.parts, shapes, fixed or {})
        form = form_of(_without(main, fixed or {}) if reference is None else reference, shapes)
        self.trees = form.trees
        self.reference: Reference | None = None if reference is None else reference_of(form.function, form.shapes, assume)
        if self.reference is not None:
            self.arguments = self.reference.arguments
            self.extra = self.reference.extra
        else:
            own = argument_shapes(form.function, form.shapes)
            self.arguments, self.extra = (*own, *self._incoming(own)), tuple(declared(assume, own, packed_in(form.function)))
        self.wrt = self._asked(wrt)
        self.several = wrt is not None and not isinstance(wrt, (str, int))
        given = given_layouts(layouts or {}, self.arguments, self.reference.bounds if self.reference is not None else {})
        self.subject = self._subject(self.wrt, given)
        if not self.wrt:
            self.wrt = tuple(name for name in self.subject.returns if name in self._floats())

    # ------------------------------------------------------------------------------------------- what is asked

    def _floats(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.arguments if a.kind == "float" and a.name != "dout")

    def _asked(self, wrt: Wrt) -> tuple[str, ...]:
        """The arguments named by `wrt`; empty for None."""
        names = [a.name for a in self.arguments if a.name != "dout"]
        out = []
        every = () if wrt is None else [wrt] if isinstance(wrt, (str, int)) else wrt
        pairs = [(one, name) for one in every for name in asked(self.trees, self.arguments, one)]
        for one, name in pairs:
            if name not in names:
                raise BadInput(f"wrt={one!r} is no argument; the arguments are {', '.join(names)}.", place=place_of(self.parts[-1]))
            if name not in self._floats():
                raise BadInput(f"{name!r} holds no float numbers, and there is no derivative with respect to those.", place=place_of(self.parts[-1]),
                               hint=f"Name a float argument: {', '.join(self._floats())}.")
            out.append(str(name))
        return tuple(out)

    def _subject(self, wrt: Sequence[str], layouts: Mapping[str, Layout]) -> Subject:
        if self.kind:
            return foreign_subject(self.code, self.arguments, wrt, fixed=self.fixed)
        return subject_of(self.code, self.arguments, wrt, fixed=self.fixed, returns=self.returns, layouts=layouts, trees=self.trees)

    # ------------------------------------------------------------------------------------------- the whole

    def report(self) -> Report:
        """The report on everything that was asked."""
        formulas = self._formulas(self.subject)
        truth = self._truth(self.subject, formulas)
        numbers = Numbers(self.subject, truth)
        refused = [t.error for t in numbers.trials() if isinstance(t.error, BadInput)]
        if refused:
            raise refused[0]
        wrt = self._present(numbers)
        found = self._judged(self.subject, truth, numbers, formulas, wrt)
        raised = any(t.error is not None for t in numbers.trials())
        if (found.wrong or raised) and not self.subject.layouts and self.reference is not None and not self.kind:
            found = self._other_layouts(found, wrt, raised)
        return found

    def _formulas(self, subject: Subject) -> Formulas | DeriveError:
        try:
            return formulas_of(subject, self.arguments)
        except DeriveError as error:
            return error

    def _truth(self, subject: Subject, formulas: Formulas | DeriveError) -> Truth:
        if self.reference is not None:
            return self.reference
        return own_loss(subject, self.arguments, self.extra, formulas)

    def _incoming(self, own: Sequence[Argument]) -> list[Argument]:
        """`dout`, in the shape of what the forward pass returns, for a pair without a reference."""
        if len(self.parts) == 1 and not self.kind:
            return []
        shape = forward_shape(taken_apart(self.parts[0], self.trees, own, self.fixed or {}, "forward")[0], own, self.fixed or {})
        return [Argument("dout", shape)] if shape else []

    def _present(self, numbers: Numbers) -> tuple[str, ...]:
        """The arguments to judge: those that were asked for, else all whose gradient is returned, else the first."""
        if self.wrt:
            return self.wrt
        returned = next((t.gradients for t in numbers.trials() if t.error is None), {})
        floats = self._floats()
        return tuple(name for name in floats if name in returned) or floats[:1]

    def _judged(self, subject: Subject, truth: Truth, numbers: Numbers, formulas: Formulas | DeriveError, wrt: Sequence[str]) -> Report:
        exact = AtSizes(subject, truth, self.seconds / 4)
        value = value_verdict(subject, truth, numbers, formulas, exact, wrt[0])
        own = own_loss(subject, self.arguments, self.extra, formulas) if value and not truth.own else None
        case = Case(subject, truth, numbers, formulas, exact, value, own, self.explain)
        reports = {name: Judge(case, name).report() for name in wrt}
        return self._finished(case, reports)

    def _finished(self, case: Case, reports: Mapping[str, Report]) -> Report:
        """The reports with what concerns all arguments alike: safety, changed inputs, and the repair of what is wrong."""
        runs = any(r.verdict != CANNOT_RUN for r in reports.values())
        right = tuple(name for name, r in reports.items() if r.verdict != WRONG)
        found = (*findings(case.subject, case.truth, right), *self._foreign(case)) if runs else ()
        notes = [f"it changes its argument {name} in place" for name in case.formulas.mutated] if isinstance(case.formulas, Formulas) else []
        notes += list(case.formulas.notes) if isinstance(case.formulas, Formulas) else []
        notes += [f"NumPy warns: {text}" for trial in case.numbers.trials() if trial.point.style not in ("wide", "enlarged")
                  for text in trial.warned]
        given = tuple(f"{case.subject.names.get(name, name)} {layout.words}" for name, layout in case.subject.layouts.items())
        told = {name: replace(r, warnings=_noted(r.warnings, (*notes, *_about(name, found, False))),
                              faults=tuple(dict.fromkeys((*case.numbers.faults(name), *_about(name, found, True)))),
                              assumptions=(*given, *r.assumptions)) for name, r in reports.items()}
        told = self._repaired(case, {name: _not_everywhere(r, case) for name, r in told.items()})
        if len(told) == 1:
            return next(iter(told.values()))
        worst = next((r for r in told.values() if r.wrong), next((r for r in told.values() if not r.ok), next(iter(told.values()))))
        return replace(worst, wrt=", ".join(told), parts=told)

    def _foreign(self, case: Case) -> tuple[Finding, ...]:
        """What torch asks besides the right gradient."""
        point = next((t.point for t in case.numbers.trials() if t.error is None), None)
        return foreign_findings(self.code, self.arguments, point.arrays, fixed=self.fixed) if self.kind and point is not None else ()

    def _repaired(self, case: Case, reports: Mapping[str, Report]) -> dict[str, Report]:
        """The reports with the repair of a wrong gradient, where one is found and is right for more than the numbers at hand."""
        wrong = [name for name, r in reports.items() if r.verdict == WRONG]
        lifted = isinstance(case.formulas, Formulas)
        if not wrong or self.kind or not self.explain or (not lifted and any(case.numbers.compare(name).slight for name in wrong)):
            return dict(reports)
        hints = [line for name in wrong for line in reports[name].diagnosis]
        try:
            found = repair(case.subject, case.truth, tuple(reports), hints=hints)
        except (NotYet, RecursionError, ValueError, TypeError):  # a repair is an extra: where none can be worked out, none is shown
            found = None
        if found is None:
            return dict(reports)
        again = case.subject.replaced(*found.functions)
        numbers = Numbers(again, case.truth)
        compared = [numbers.compare(name) for name in reports]
        if any(c.example is not None and not c.only_ties for c in compared):
            return dict(reports)
        judged = Case(again, case.truth, numbers, self._formulas(again), AtSizes(again, case.truth, self.seconds / 8), explain=False)
        verdicts = {name: Judge(judged, name).report().verdict for name in wrong}
        if not all(map(level_of, verdicts.values())):
            return dict(reports)
        words = f"it is right after this: {found.words}"
        kept = {name: [line for line in reports[name].diagnosis if line not in UNEXPLAINED] for name in verdicts}
        told = {name: replace(reports[name], fix=found.diff, fixed=verdict, line=found.line, diagnosis=(*kept[name], words))
                for name, verdict in verdicts.items()}
        return {**reports, **told}

    def _other_layouts(self, found: Report, wrt: Sequence[str], raised: bool) -> Report:
        """The same code given transposed matrices or labels in another form, where only that makes it run, or makes it right."""
        for layouts in candidates(self.subject, self.arguments, self._reference().bounds, raised, wrt):
            subject = self.subject.laid_out(layouts)
            binary = [name for name, layout in layouts.items() if layout.kind in ("signs", "binary")]
            truth = self._reference().with_binary(binary) if binary else self._reference()
            numbers = Numbers(subject, truth)
            if any(t.error is not None for t in numbers.trials()) or not numbers.trials():
                continue
            other = self._judged(subject, truth, numbers, self._formulas(subject), wrt)
            runs_only_so = found.verdict == CANNOT_RUN or any(part.verdict == CANNOT_RUN for part in found.parts.values())
            if other.ok or (runs_only_so and other.verdict != CANNOT_RUN):
                return other
        return found

    def _reference(self) -> Reference:
        assert self.reference is not None
        return self.reference


def _not_everywhere(report: Report, case: Case) -> Report:
    """A gradient that agrees in numbers where it runs, and raises at other sizes at which the truth has a value, cannot run."""
    raised = [t for t in case.numbers.trials() if t.error is not None and t.point.style != "enlarged"]
    if not raised or level_of(report.verdict) not in ("numeric", "exact"):
        return report
    return replace(report, verdict=CANNOT_RUN, diagnosis=("where it runs it agrees, but it does not run everywhere", *report.diagnosis))


def _about(name: str, found: Sequence[Finding], serious: bool) -> Iterator[str]:
    """What was found about one gradient, or about all of the code."""
    return (f.text for f in found if f.serious is serious and f.about in ("", name))


def _noted(*notes: Sequence[str]) -> tuple[str, ...]:
    """The warnings, each once; a drop of the precision is told with its line where that is known."""
    every = tuple(dict.fromkeys(one for some in notes for one in some))
    placed = any(one.startswith("precision drops to") for one in every)
    return tuple(one for one in every if not (placed and one.startswith("the precision drops to")))


def _without(function: Callable[..., Any], fixed: Mapping[str, Any]) -> Callable[..., Any]:
    """The function as far as its signature goes, without the parameters that are given."""
    if not fixed:
        return function
    signature = inspect.signature(function)

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs, **fixed)

    stand_in.__signature__ = signature.replace(parameters=[p for n, p in signature.parameters.items() if n not in fixed])  # type: ignore[attr-defined]
    stand_in.__annotations__ = {n: t for n, t in getattr(function, "__annotations__", {}).items() if n not in fixed}
    return stand_in


def _known_shapes(main: Callable[..., Any], parts: Sequence[Callable[..., Any]], shapes: Shapes, fixed: Mapping[str, Any]) -> Shapes:
    """What was given, else what is annotated anywhere, else what the names suggest."""
    if shapes is not None:
        return shapes
    plain = _without(main, {n: v for n, v in fixed.items() if n in parameters_of(main)})
    annotated = annotated_shapes(plain)
    for part in parts:
        annotated = {**{n: s for n, s in annotated_shapes(part).items() if n in parameters_of(plain)}, **annotated}
    return guessed_shapes(plain, annotated).shapes
