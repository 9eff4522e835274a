"""Theorems about derivatives, one file each: a source, a claim about it, and the gradient as a person writes it.

A claim has legs, and each leg compares two of three things that were made independently: *symbolic* is the derivation, *analytic* the
handwritten NumPy, *autodiff* what JAX computes.  The first two are compared as formulas, for all sizes; with JAX, numbers are compared in 64-bit.
A leg raises `ClaimFailed` with a diagnosis, or returns nothing.
"""

from __future__ import annotations

import importlib.util
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from derive.agreement import ClaimFailed, agree, by_name, evaluated, lifted, name_of, points_for, same_form, sizes_text, with_cotangent
from derive.checking.difference import Differences
from derive.derivation import Story
from derive.errors import BadInput, NotYet
from derive.face import Derivation, gradient, jacobian, vjp
from derive.index import ONE, Delta, Expr, Partial, mul, sub, substitute
from derive.points import Point
from derive.proof import prove
from derive.render import Notation, expression
from derive.render.telling import story_notation
from derive.trace import read
from derive.trace.shapes import call

__all__ = ["Cases", "Claim", "ClaimFailed", "Derivative", "Equality", "Theory", "load"]

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
        found = points_for(story.source.arguments, story.assumptions)
        return tuple(with_cotangent(story, point) for point in found) if self.kind == "vjp" else found

    def symbolic_analytic(self) -> None:
        story = self.derivation.story
        own = self._pick(lifted(self.handwritten, story))
        if own.shape != story.result.shape:
            shapes = f"the shape {sizes_text(own.shape)}; the derivative has {sizes_text(story.result.shape)}"
            raise ClaimFailed(f"{name_of(self.handwritten)} has {shapes}.")
        claimed = substitute(own.body, dict(zip(own.indices, story.result.indices)))
        if not same_form(claimed, story.result.body, story, self.assume):
            raise ClaimFailed(f"{name_of(self.handwritten)} is not seen to be {self._what}.", hint=self._difference(claimed))
        for point in self.points[:2]:
            agree(self._analytic(point), self._symbolic(point), point, name_of(self.handwritten), "the derivation (equal as a formula)")

    def analytic_autodiff(self) -> None:
        for point in self.points:
            agree(self._analytic(point), self._autodiff(point), point, name_of(self.handwritten), "jax")

    def symbolic_autodiff(self) -> None:
        emitted = self.derivation.function()
        for point in self.points:
            true = self._autodiff(point)
            agree(self._symbolic(point), true, point, "the derivation", "jax")
            agree(by_name(emitted, point.arrays), true, point, "the emitted NumPy", "jax")

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
        return f"the {self.kind} of {name_of(self.source)} with respect to {self.wrt}"

    def _pick(self, returned: Any) -> Any:
        return returned[self.wrt] if isinstance(returned, Mapping) else returned

    def _difference(self, claimed: Expr) -> str:
        try:
            difference, words = Differences(self.derivation.story).explain(claimed)
        except NotYet as error:
            return error.met
        return "\n  ".join([*words, f"handwritten − derived = {difference}"])

    def _analytic(self, point: Point) -> Any:
        return self._pick(by_name(self.handwritten, point.arrays))

    def _symbolic(self, point: Point) -> np.ndarray:
        story = self.derivation.story
        return evaluated(story, story.result.body, story.result.indices, point)

    def _autodiff(self, point: Point) -> np.ndarray:
        function = self.autodiff or self.source
        arrays = {name: value for name, value in point.arrays.items() if name != "dout"}

        def value(at: Any) -> Any:
            return call(function, {**arrays, self.wrt: at})
        with jax.enable_x64(True):
            at = np.asarray(arrays[self.wrt], dtype=float)
            if self.kind == "vjp":
                return np.asarray(jax.vjp(value, at)[1](np.asarray(point.arrays["dout"], dtype=float))[0])
            return np.asarray((jax.grad if self.kind == "gradient" else jax.jacrev)(value)(at))


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
    def cases(self) -> tuple[Delta, Expr, Expr]:
        """(1 where the indices agree, the value there, the value elsewhere), as the story tells them."""
        for section in self.story.sections:
            if len(section.cases) == 2 and isinstance(section.left, Partial):
                (same, equal), (_, apart) = section.cases
                if isinstance(same, Delta) and set(same.args) == set(self.story.result.indices) and len(self.story.result.indices) == 2:
                    return same, equal, apart
        raise ClaimFailed(f"The derivation of {name_of(self.source)} tells no two cases for its two indices.")

    def symbolic_analytic(self) -> None:
        same, *values = self.cases
        row, column = self.story.result.indices
        for function, value, ties, factor in zip((self.equal, self.apart), values, ({column: row}, {}), (ONE, sub(ONE, same))):
            own = lifted(function, self.story)
            if len(own.indices) != 2 - len(ties):
                raise ClaimFailed(f"{name_of(function)} has the shape {sizes_text(own.shape)}.", hint="equal: one axis; apart: two.")
            claimed = substitute(own.body, dict(zip(own.indices, (row, column))))
            told = substitute(value, ties)
            if not same_form(mul(factor, claimed), mul(factor, told), self.story):
                notation = story_notation(self.story)
                raise ClaimFailed(f"{name_of(function)} is not seen to be the story's case {expression(told, 'text', notation=notation)}.",
                                  hint=f"It says {expression(claimed, 'text', notation=Notation.of(claimed, told))}.")

    def analytic_autodiff(self) -> None:
        for point in points_for(self.story.source.arguments, self.story.assumptions):
            equal, apart = (by_name(function, point.arrays) for function in (self.equal, self.apart))
            self._against_jax(np.asarray(equal), np.asarray(apart), point, "the handwritten case")

    def symbolic_autodiff(self) -> None:
        _, equal, apart = self.cases
        row, column = self.story.result.indices
        for point in points_for(self.story.source.arguments, self.story.assumptions):
            diagonal = evaluated(self.story, substitute(equal, {column: row}), (row,), point)
            self._against_jax(diagonal, evaluated(self.story, apart, (row, column), point), point, "the story's case")

    def _against_jax(self, equal: np.ndarray, apart: np.ndarray, point: Point, who: str) -> None:
        with jax.enable_x64(True):
            true = np.asarray(jax.jacrev(lambda at: call(self.source, {**point.arrays, self.wrt: at}))(point.arrays[self.wrt]))
        beside = ~np.eye(len(true), dtype=bool)
        agree(equal, np.diagonal(true), point, f"{who} of equal indices", "jax")
        agree(apart * beside, true * beside, point, f"{who} of different indices", "jax")


@dataclass(frozen=True)
class Equality(Claim):
    """The claim that two JAX functions have equal values, for all sizes; `shapes` and `assume` as for `derive.prove`."""

    left: Callable[..., Any]
    right: Callable[..., Any]
    shapes: Mapping[str, str]
    assume: Sequence[str] = ()

    def legs(self) -> Mapping[str, Callable[[], None]]:
        return {"proved": self.proved, "numbers": self.numbers}

    def proved(self) -> None:
        """The same normal form, for all sizes."""
        proof = prove(self.left, self.right, self.shapes, self.assume)
        if proof.verdict != "proved":
            at = "" if proof.counterexample is None else f"at {proof.counterexample.sizes}: {proof.counterexample.arrays}"
            raise ClaimFailed(f"{name_of(self.left)} and {name_of(self.right)}: {proof.verdict}. {proof.reason}", hint=at)

    def numbers(self) -> None:
        """The same numbers, in 64-bit."""
        program = read(self.left, self.shapes)
        for point in points_for(program.source.arguments, program.assumptions):
            with jax.enable_x64(True):
                left, right = (np.asarray(call(function, point.arrays)) for function in (self.left, self.right))
            agree(left, right, point, name_of(self.left), name_of(self.right))


@dataclass(frozen=True)
class Theory:
    """A file of `proofs/`: its first line, the sentences below it, and its claims by name."""

    title: str
    prose: str
    claims: Mapping[str, Claim]


def load(path: Path) -> Theory:
    """Read a file of claims: every module-level `Claim`, and those in a module-level dict as `name[key]`.

    Raises:
        BadInput: the file has no docstring or no claim.
    """
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    claims: dict[str, Claim] = {}
    for name, value in vars(module).items():
        members = {f"{name}[{key}]": one for key, one in value.items()} if isinstance(value, dict) else {name: value}
        claims.update({key: one for key, one in members.items() if isinstance(one, Claim) and not name.startswith("_")})
    if not claims or not module.__doc__:
        met = f"{path} has {'no claim' if module.__doc__ else 'no docstring'}."
        raise BadInput(met, hint="Say in a docstring what is claimed, and claim it.")
    title, _, prose = inspect.cleandoc(module.__doc__).partition("\n")
    return Theory(title, prose.strip(), claims)
