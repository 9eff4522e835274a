"""Claims about derivatives: a source, what is said of it, and the gradient as a person writes it.

A claim has legs, and each leg compares two of three things that were made independently: *symbolic* is the derivation, *analytic* the
handwritten NumPy, *autodiff* what JAX computes.  The first two are compared as formulas, for all sizes; with JAX, numbers are compared in
64-bit.  A leg raises `ClaimFailed` with a diagnosis, or returns nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from derive.checking.difference import Differences
from derive.derivation import Story
from derive.errors import NotYet
from derive.face import Derivation, gradient, jacobian, vjp
from derive.index import ONE, Delta, Expr, Partial, mul, sub, substitute
from derive.points import Point
from derive.proving.proof import prove
from derive.render import Notation, expression
from derive.render.telling import story_notation
from derive.theories import agreement
from derive.theories.agreement import ClaimFailed
from derive.trace import read
from derive.trace.shapes import call

__all__ = ["Cases", "Claim", "ClaimFailed", "Derivative", "Equality"]

_KINDS = {"gradient": gradient, "vjp": vjp, "jacobian": jacobian}


class Claim(ABC):
    """Something that is said to be true, with the ways in which it is tried."""

    @abstractmethod
    def legs(self) -> Mapping[str, Callable[[], None]]:
        """What is tried, by name; each raises `ClaimFailed` or another `DeriveError`."""


@dataclass(frozen=True)
class _Differentiated(Claim):
    """What claims about a derivative share.

    Attributes:
        source: the JAX function.
        wrt: the argument that the derivative is taken in.
        shapes: the shapes of the source's arguments, as for `derive.gradient`.
    """

    source: Callable[..., Any]
    wrt: str
    shapes: Mapping[str, str]

    def legs(self) -> Mapping[str, Callable[[], None]]:
        """The three comparisons, by name."""
        return {"symbolic-analytic": self.symbolic_analytic, "analytic-autodiff": self.analytic_autodiff,
                "symbolic-autodiff": self.symbolic_autodiff}

    @abstractmethod
    def symbolic_analytic(self) -> None:
        """The derivation against the handwritten NumPy: the same normal form, for all sizes."""

    @abstractmethod
    def analytic_autodiff(self) -> None:
        """The handwritten NumPy against JAX, in numbers."""

    @abstractmethod
    def symbolic_autodiff(self) -> None:
        """The derivation against JAX, in numbers."""


@dataclass(frozen=True)
class Derivative(_Differentiated):
    """The claim that a handwritten function is the derivative of a source.

    Attributes:
        handwritten: a NumPy function that takes the source's arguments by name, those that it needs (and `dout` for a vjp), and returns
            the derivative, or a dict of derivatives by argument name.
        kind: 'gradient', 'vjp' or 'jacobian'.
        textbook: the form in which the derivation should end, in index or in matrix notation; where given it is a leg of its own.
        assume: what may be used of the arguments.
        autodiff: what JAX differentiates; None is the source.
    """

    handwritten: Callable[..., Any]
    kind: str = "gradient"
    textbook: str = ""
    assume: Sequence[str] = ()
    autodiff: Callable[..., Any] | None = None

    def legs(self) -> Mapping[str, Callable[[], None]]:
        """The three comparisons, and the form where one is claimed."""
        return {**super().legs(), **({"textbook": self.textbook_form} if self.textbook else {})}

    @cached_property
    def derivation(self) -> Derivation:
        """The derivation of the source."""
        found: Derivation = _KINDS[self.kind](self.source, self.wrt, self.shapes, self.assume)
        return found

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Where numbers are compared."""
        story = self.derivation.story
        found = agreement.points_for(story.source.arguments, story.assumptions)
        return tuple(agreement.with_cotangent(story, point) for point in found) if self.kind == "vjp" else found

    def symbolic_analytic(self) -> None:
        """Lift the handwritten NumPy to a formula, and bring it and the derivation to normal form."""
        story = self.derivation.story
        own = self._pick(agreement.lifted(self.handwritten, story))
        if own.shape != story.result.shape:
            shapes = f"the shape {agreement.sizes_text(own.shape)}; the derivative has {agreement.sizes_text(story.result.shape)}"
            raise ClaimFailed(f"{agreement.name_of(self.handwritten)} has {shapes}.")
        claimed = substitute(own.body, dict(zip(own.indices, story.result.indices)))
        if not agreement.same_form(claimed, story.result.body, story, self.assume):
            raise ClaimFailed(f"{agreement.name_of(self.handwritten)} is not seen to be {self._what}.", hint=self._difference(claimed))
        pairs = ((point, self._analytic(point), self._symbolic(point)) for point in self.points)
        agreement.agree(pairs, agreement.name_of(self.handwritten), "the derivation (equal as a formula)")

    def analytic_autodiff(self) -> None:
        """Run the handwritten NumPy and JAX at the same points."""
        agreement.agree(((point, self._analytic(point), true) for point, true in self._true), agreement.name_of(self.handwritten), "jax")

    def symbolic_autodiff(self) -> None:
        """Evaluate the derivation in high precision, run its emitted NumPy, and compare both with JAX."""
        emitted = self.derivation.function()
        agreement.agree(((point, self._symbolic(point), true) for point, true in self._true), "the derivation", "jax")
        agreement.agree(((point, agreement.by_name(emitted, point.arrays), true) for point, true in self._true), "the emitted NumPy", "jax")

    def textbook_form(self) -> None:
        """The derivation ends in the form that the textbook has."""
        story = self.derivation.story
        steps = story.sections[-1].steps if story.sections else ()
        matrix = self.derivation.matrix()
        shown = [expression(steps[-1].after if steps else story.result.body, "text", notation=story_notation(story))]
        shown += [matrix.text] if matrix is not None else []
        if self.textbook not in shown:
            raise ClaimFailed(f"The derivation ends in {'  or  '.join(shown)}; the textbook has  {self.textbook}.")

    @property
    def _what(self) -> str:
        return f"the {self.kind} of {agreement.name_of(self.source)} with respect to {self.wrt}"

    def _pick(self, returned: Any) -> Any:
        return returned[self.wrt] if isinstance(returned, Mapping) else returned

    def _difference(self, claimed: Expr) -> str:
        try:
            difference, words = Differences(self.derivation.story).explain(claimed)
        except NotYet as error:
            return error.met
        return "\n  ".join([*words, f"handwritten − derived = {difference}"])

    def _analytic(self, point: Point) -> Any:
        return self._pick(agreement.by_name(self.handwritten, point.arrays))

    def _symbolic(self, point: Point) -> np.ndarray:
        story = self.derivation.story
        return agreement.evaluated(story, story.result.body, story.result.indices, point)

    @cached_property
    def _true(self) -> tuple[tuple[Point, np.ndarray], ...]:
        """What JAX says, at each point."""
        function = self.autodiff or self.source

        def value(at: Any, others: Mapping[str, Any]) -> Any:
            return call(function, {**others, self.wrt: at})

        def derivative(at: Any, others: Mapping[str, Any], dout: Any) -> Any:
            if self.kind == "vjp":
                return jax.vjp(lambda u: value(u, others), at)[1](dout)[0]
            return (jax.grad if self.kind == "gradient" else jax.jacrev)(value)(at, others)
        compiled = jax.jit(derivative)
        out = []
        for point in self.points:
            others = {name: array for name, array in point.arrays.items() if name not in (self.wrt, "dout")}
            with jax.enable_x64(True):
                at = np.asarray(point.arrays[self.wrt], dtype=float)
                out.append((point, np.asarray(compiled(at, others, point.arrays.get("dout", 0.0)))))
        return tuple(out)


@dataclass(frozen=True)
class Cases(_Differentiated):
    """The claim that a Jacobian has two cases, told apart by whether its two indices agree.

    Attributes:
        equal: NumPy for the entries on the diagonal, of shape (k,).
        apart: NumPy for the entries beside it, of shape (k, k), whose diagonal means nothing.
    """

    equal: Callable[..., Any]
    apart: Callable[..., Any]

    @cached_property
    def story(self) -> Story:
        """The derivation of the Jacobian."""
        found: Story = jacobian(self.source, self.wrt, self.shapes).story
        return found

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Where numbers are compared."""
        return agreement.points_for(self.story.source.arguments, self.story.assumptions)

    @cached_property
    def cases(self) -> tuple[Delta, Expr, Expr]:
        """(1 where the indices agree, the value there, the value elsewhere), as the story tells them."""
        for section in self.story.sections:
            if len(section.cases) == 2 and isinstance(section.left, Partial):
                (same, equal), (_, apart) = section.cases
                if isinstance(same, Delta) and set(same.args) == set(self.story.result.indices) and len(self.story.result.indices) == 2:
                    return same, equal, apart
        raise ClaimFailed(f"The derivation of {agreement.name_of(self.source)} tells no two cases for its two indices.")

    def symbolic_analytic(self) -> None:
        """Both handwritten cases against the cases of the story, by normal form."""
        same, *values = self.cases
        row, column = self.story.result.indices
        ties: tuple[dict[Expr, Expr], ...] = ({column: row}, {})
        for function, value, tie, factor in zip((self.equal, self.apart), values, ties, (ONE, sub(ONE, same))):
            own = agreement.lifted(function, self.story)
            if len(own.indices) != 2 - len(tie):
                met = f"{agreement.name_of(function)} has the shape {agreement.sizes_text(own.shape)}."
                raise ClaimFailed(met, hint="equal: one axis; apart: two.")
            claimed = substitute(own.body, dict(zip(own.indices, (row, column))))
            told = substitute(value, tie)
            if not agreement.same_form(mul(factor, claimed), mul(factor, told), self.story):
                notation = story_notation(self.story)
                raise ClaimFailed(f"{agreement.name_of(function)} is not seen to be the story's case {expression(told, 'text', notation=notation)}.",
                                  hint=f"It says {expression(claimed, 'text', notation=Notation.of(claimed, told))}.")

    def analytic_autodiff(self) -> None:
        """Both handwritten cases against the entries of the Jacobian by JAX."""
        pairs = [(point, agreement.by_name(self.equal, point.arrays), agreement.by_name(self.apart, point.arrays)) for point in self.points]
        self._against_jax(pairs, "the handwritten case")

    def symbolic_autodiff(self) -> None:
        """The story's cases against the same entries."""
        _, equal, apart = self.cases
        row, column = self.story.result.indices
        pairs = [(point, agreement.evaluated(self.story, substitute(equal, {column: row}), (row,), point),
                  agreement.evaluated(self.story, apart, (row, column), point)) for point in self.points]
        self._against_jax(pairs, "the story's case")

    @cached_property
    def _true(self) -> list[np.ndarray]:
        """The Jacobian by JAX, at each point."""
        compiled = jax.jit(jax.jacrev(lambda at, others: call(self.source, {**others, self.wrt: at})))
        with jax.enable_x64(True):
            return [np.asarray(compiled(point.arrays[self.wrt], point.arrays)) for point in self.points]

    def _against_jax(self, pairs: Sequence[tuple[Point, Any, Any]], who: str) -> None:
        beside = [1 - np.eye(len(one)) for one in self._true]
        agreement.agree(((point, equal, np.diagonal(one)) for (point, equal, _), one in zip(pairs, self._true)), f"{who} of equal indices", "jax")
        agreement.agree(((point, apart * off, one * off) for (point, _, apart), one, off in zip(pairs, self._true, beside)),
              f"{who} of different indices", "jax")


@dataclass(frozen=True)
class Equality(Claim):
    """The claim that two JAX functions have equal values, for all sizes; `shapes` and `assume` as for `derive.prove`."""

    left: Callable[..., Any]
    right: Callable[..., Any]
    shapes: Mapping[str, str]
    assume: Sequence[str] = ()

    def legs(self) -> Mapping[str, Callable[[], None]]:
        """A proof, and numbers."""
        return {"proved": self.proved, "numbers": self.numbers}

    def proved(self) -> None:
        """The same normal form, for all sizes."""
        proof = prove(self.left, self.right, self.shapes, self.assume)
        if proof.verdict != "proved":
            at = "" if proof.counterexample is None else f"at {proof.counterexample.sizes}: {proof.counterexample.arrays}"
            raise ClaimFailed(f"{agreement.name_of(self.left)} and {agreement.name_of(self.right)}: {proof.verdict}. {proof.reason}", hint=at)

    def numbers(self) -> None:
        """The same numbers, in 64-bit."""
        program = read(self.left, self.shapes)
        tried = agreement.points_for(program.source.arguments, program.assumptions)
        with jax.enable_x64(True):
            compiled = [jax.jit(lambda arrays, function=function: call(function, arrays)) for function in (self.left, self.right)]
            values = [(point, np.asarray(compiled[0](point.arrays)), np.asarray(compiled[1](point.arrays))) for point in tried]
        agreement.agree(values, agreement.name_of(self.left), agreement.name_of(self.right))
