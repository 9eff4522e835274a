"""The derivative of a JAX function, as a value that can be read, printed, run and checked."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax

from derive import emit, render
from derive.assume import violated
from derive.derivation import Assumption, Story
from derive.emit import matrix
from derive.errors import NotYet
from derive.index import Expr
from derive.render.part import Part, part, titles
from derive.render.telling import document, story_notation
from derive.rules.functions import FUNCTIONS
from derive.rules.identities import IDENTITIES
from derive.rules.theorems import THEOREMS
from derive.sympy_border import FUNCTIONS as EXPLICIT
from derive.sympy_border import to_sympy
from derive.trace import Program

__all__ = ["STATEMENTS", "Derivation", "SympyStep", "assumption_texts"]

# Each rule that a step can name: what it says in plain words, and in LaTeX.
STATEMENTS: dict[str, tuple[str, str]] = {
    **{row.name: (row.words, row.statement) for row in THEOREMS.values()}, **{row.name: (row.words, row.statement) for row in IDENTITIES.values()}}

# The rows' classes exist to be differentiated; what is handed out is explicit wherever the border has a spelling.
_SYMPY = {name: row.sympy for name, row in FUNCTIONS.items()} | dict(EXPLICIT)


@dataclass(frozen=True)
class SympyStep:
    """One step, as SymPy expressions: `before` equals `after` by `rule`, in the section titled `where`."""

    rule: str
    before: Any
    after: Any
    where: str


class Derivation:
    """A derivative with its definitions, steps, assumptions and result.

    Printing one tells the whole story; in Jupyter it shows as formulas.  Expressions are handed out as SymPy objects.
    """

    def __init__(self, function: Callable[..., Any], program: Program, story: Story, declared: Sequence[Assumption] = (),
                 own: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._function, self.program, self.story, self._declared, self._own = function, program, story, tuple(declared), own

    # ------------------------------------------------------------------------------------------- SymPy

    @functools.cached_property
    def _notation(self) -> render.Notation:
        return story_notation(self.story)

    def _sympy(self, node: Expr) -> Any:
        return to_sympy(node, self._notation, _SYMPY)

    @functools.cached_property
    def expr(self) -> Any:
        """The result as one SymPy expression in the definitions' names (see `definitions`), at the indices `indices`."""
        last = self.story.sections[-1] if self.story.sections else None
        return self._sympy(last.steps[-1].after if last is not None and last.steps else self.story.result.body)

    @functools.cached_property
    def indices(self) -> tuple[Any, ...]:
        """The free indices of `expr`, one for each axis of the result of size other than 1, as SymPy symbols."""
        return tuple(self._sympy(i) for i in self.story.result.indices)

    @functools.cached_property
    def definitions(self) -> dict[str, Any]:
        """What each name stands for, as the user wrote it: SymPy expressions by name, in order."""
        return {d.name: self._sympy(d.body) for d in (*self.story.definitions, *self.story.cotangents)}

    @functools.cached_property
    def steps(self) -> tuple[SympyStep, ...]:
        """All steps, in the order of the story."""
        return tuple(SympyStep(s.rule, self._sympy(s.before), self._sympy(s.after), s.where) for s in self.story.steps)

    @functools.cached_property
    def assumptions(self) -> tuple[str, ...]:
        """What the result rests on, in words and symbols; conventions at kinks and readings of literals among them."""
        own = assumption_texts(self.story.assumptions, self._notation)
        return ("theorems over the real numbers, for all sizes ≥ 1", *own, *self.story.conventions)

    def violated(self, *args: Any, **keywords: Any) -> tuple[str, ...]:
        """Which of the assumptions that were declared do not hold for these arguments of the user's function; an equation holds up to rounding."""
        given = dict(inspect.signature(self._function).bind(*args, **keywords).arguments)
        parts = {leaf: eval(text, {"jax": jax, **given}) for packed in self.story.source.packed for leaf, text in packed.reach.items()}
        return violated(self._declared, {**self._own, **parts, **given})

    @property
    def wrt(self) -> str:
        """The argument that the derivative is taken in."""
        return self.story.wrt

    # ------------------------------------------------------------------------------------------- telling

    def _extras(self) -> list[tuple[str, str, str]]:
        out: list[tuple[str, str, str]] = []
        form = self.matrix()
        if form is not None:
            out += [("In matrix form", "text", form.text), ("In matrix form", "latex", form.latex)]
            if form.legend:
                out.append(("In matrix form, the letters", "prose", form.legend))
        try:
            out.append(("As NumPy code", "python", self.numpy()))
        except NotYet as error:
            out.append(("As NumPy code", "text", f"(not written: {error.met})"))
        return out

    def matrix(self) -> matrix.MatrixForm | None:
        """The result in matrix notation (`.text`, `.latex`, `.legend`), or None where matrices do not express it."""
        try:
            return matrix.form(self.story)
        except NotYet:
            return None

    def text(self, *, width: int = 100, colour: bool = False) -> str:
        """The whole derivation as Unicode text."""
        return render.text(self.story, STATEMENTS, self._extras(), width=width, colour=colour)

    def markdown(self) -> str:
        """The whole derivation as Markdown with LaTeX formulas."""
        return render.markdown(self.story, STATEMENTS, self._extras())

    def latex(self, *, standalone: bool = True) -> str:
        """The whole derivation as a LaTeX document, or as a fragment."""
        return render.latex(self.story, STATEMENTS, self._extras(), standalone=standalone)

    def html(self, *, standalone: bool = True) -> str:
        """The whole derivation as an HTML page that opens offline, or as an <article>."""
        return render.html(self.story, STATEMENTS, self._extras(), standalone=standalone)

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles of the sections, in order; see `part`."""
        return titles(document(self.story, STATEMENTS, self._extras()))

    def part(self, title: str) -> Part:
        """The sections whose title contains these words, to be printed or shown in Jupyter: `d.part("the result")`.

        Raises:
            BadInput: no title contains them; the message lists the titles.
        """
        formulas, lines = (document(self.story, STATEMENTS, self._extras(), linear) for linear in (False, True))
        return part(formulas, lines, title)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Derivation of {self.story.source.name} with respect to {self.wrt}: {len(self.story.steps)} steps>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, str]:
        return render.mimebundle(self.story, STATEMENTS, self._extras())

    # ------------------------------------------------------------------------------------------- code

    def numpy(self, name: str | None = None) -> str:
        """Source of the derivative as a NumPy function that a person would write.

        Raises:
            NotYet: an expression has no array form yet.
        """
        return emit.numpy(self.story, name)

    def jax(self, name: str | None = None) -> str:
        """The same in jax.numpy."""
        return emit.jax(self.story, name)

    def function(self) -> Callable[..., Any]:
        """The NumPy source as a callable: the arguments of the user's function (and `dout` for a vjp) to an array.

        Arrays that the user's function uses without taking them, which the source takes as arguments, are those of the function.
        """
        found = emit.compile_source(self.numpy(), emit.function_name(self.story))
        if not self._own:
            return found
        signature = inspect.signature(found)
        shown = signature.replace(parameters=[p for name, p in signature.parameters.items() if name not in self._own])

        def run(*args: Any, **keywords: Any) -> Any:
            return found(**shown.bind(*args, **keywords).arguments, **self._own)
        return run


def assumption_texts(assumptions: Sequence[Assumption], notation: render.Notation) -> tuple[str, ...]:
    """Assumptions in words and symbols."""
    return tuple(a.text if a.condition is None else f"{a.text}: {render.relation(a.condition, notation)}" for a in assumptions)
