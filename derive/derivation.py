"""What a derivation is: a value that every output (text, LaTeX, code, proof) consumes and nothing looks behind.

A derivation tells its story in sections.  A section has a left-hand side and a chain of steps, `left = … = right`, where each step names
the one rule that was used.  Definitions hold the program as the user wrote it; cotangents hold the backward pass, in the order in which
it is computed; the last definition is the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from derive.errors import Place
from derive.index import Expr, Index, Iverson, sub

__all__ = ["Argument", "Assumption", "Definition", "Packed", "Section", "Source", "Step", "Story", "label_in_range"]


@dataclass(frozen=True)
class Argument:
    """An argument of the user's function: its name, its symbolic shape and its kind ('float', 'int' or 'bool')."""

    name: str
    shape: tuple[Expr, ...]
    kind: str = "float"


@dataclass(frozen=True)
class Packed:
    """A parameter of the user's function that is a tree of arrays: its name, and the Python text that reaches each array, by argument name."""

    name: str
    reach: Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """The user's function as text, with the arguments that were traced; `packed` tells which of them come out of a tree."""

    name: str
    text: str
    place: Place | None
    arguments: tuple[Argument, ...]
    packed: tuple[Packed, ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the user's own parameters, in order: a tree under its own name, in place of its arrays."""
        trees = {leaf: packed.name for packed in self.packed for leaf in packed.reach}
        return tuple(dict.fromkeys(trees.get(a.name, a.name) for a in self.arguments))

    def argument(self, name: str) -> Argument:
        """The argument of that name."""
        return next(argument for argument in self.arguments if argument.name == name)


@dataclass(frozen=True)
class Definition:
    """A named array: `name[indices] = body`.

    Attributes:
        name: the user's own variable name, primed where it was assigned twice.
        indices: one index for each axis of size other than 1, in order.
        body: the value, as the user wrote it; its free indices are `indices`.
        role: 'user' for a variable, 'auto' for one that the user left unnamed, 'cotangent' for a named derivative of the loss,
            'result' for what was asked.
        shape: the full shape, axes of size 1 included.
        place: the line of the user's file that defines it.
        meaning: what it is, in words, for the legend; may be empty.
    """

    name: str
    indices: tuple[Index, ...]
    body: Expr
    role: str = "user"
    shape: tuple[Expr, ...] = ()
    place: Place | None = None
    meaning: str = ""


@dataclass(frozen=True)
class Assumption:
    """Something that the result rests on: a sentence, and the condition as an expression where it is one (true where it is 1)."""

    text: str
    condition: Expr | None = None


def label_in_range(label: Expr, size: Expr) -> Assumption:
    """The assumption that a label used as an index lies in 0 … size − 1."""
    return Assumption("labels count from 0 and stay in range", Iverson(">", sub(size, label)))


@dataclass(frozen=True)
class Step:
    """One use of one rule: `before = after` by `rule` (the name of a row of the tables), inside the section titled `where`."""

    rule: str
    before: Expr
    after: Expr
    where: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A stretch of the story: a title, a sentence or two in plain words, what is worked out, and the chain of steps.

    Attributes:
        title: for example 'How p depends on z'.
        prose: plain words, before the symbols; may be empty.
        left: the left-hand side of the chain, usually a `Partial`, or None.
        start: the first expression of the chain, or None where the section has no chain.
        steps: the chain; each step's `before` is the previous step's `after`.
        cases: (condition, value) pairs where the last expression is also told by cases, such as ('j = k', p_j (1 − p_j)).
    """

    title: str
    prose: str = ""
    left: Expr | None = None
    start: Expr | None = None
    steps: tuple[Step, ...] = ()
    cases: tuple[tuple[Expr, Expr], ...] = ()


@dataclass(frozen=True)
class Story:
    """Everything that was worked out about one derivative.

    Attributes:
        source: the user's function.
        kind: 'gradient', 'vjp', 'jacobian' or 'hessian'.
        wrt: the argument that the derivative is taken in.
        first: of a Hessian, the argument whose gradient is differentiated again, where it is another one; else empty.
        definitions: the program, in order, as the user wrote it.
        cleaned: bodies to reason with where they differ from what was written (the shift removed), by name.
        cotangents: named derivatives of the loss, in the order in which they are computed.
        result: the derivative asked for.
        sections: the story, to be told in this order.
        assumptions: what the result rests on.
        conventions: sentences on kinks and on literals that were read as exact numbers.
        facts: known sums, (left, right) pairs such as Σ_c p_ic = 1.
    """

    source: Source
    kind: str
    wrt: str
    definitions: tuple[Definition, ...]
    cotangents: tuple[Definition, ...]
    result: Definition
    sections: tuple[Section, ...]
    assumptions: tuple[Assumption, ...] = ()
    conventions: tuple[str, ...] = ()
    facts: tuple[tuple[Expr, Expr], ...] = ()
    cleaned: Mapping[str, Expr] = field(default_factory=dict)
    first: str = ""

    @property
    def wrt_all(self) -> tuple[str, ...]:
        """The arguments that the derivative is taken in, the first one first."""
        return (self.first, self.wrt) if self.first else (self.wrt,)

    @property
    def wrt_words(self) -> str:
        """The same in words: "w and b"."""
        return " and ".join(self.wrt_all)

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in the order of the story."""
        return tuple(step for section in self.sections for step in section.steps)

    @property
    def label(self) -> str:
        """The name of what was differentiated: the last definition's."""
        return self.definitions[-1].name
