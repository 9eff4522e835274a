"""The answer to whether two functions are equal, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derive import render
from derive.derivation import Assumption, Definition, Section
from derive.errors import Undecided
from derive.index import At, Expr
from derive.proving.trial import Counterexample

__all__ = ["Proof"]

_SCOPE = "theorems over the real numbers, for all sizes ≥ 1"


@dataclass(frozen=True, repr=False)
class Proof:
    """The answer of `prove`: truth value True only when proved, False when refuted; undecided raises.

    Attributes:
        verdict: 'proved', 'proved off the kink', 'refuted' or 'undecided'.
        reason: one sentence.
        assumptions: what the answer rests on.
        counterexample: where the two differ, or None.
        sections: the steps of the proof: what each side is, and the normal form.
        tried: at how many points both functions were run.
        names: the names of the two functions.
        definitions: for each side, what the names in its value stand for, in order.
    """

    verdict: str
    reason: str
    assumptions: tuple[Assumption, ...] = ()
    counterexample: Counterexample | None = None
    sections: tuple[Section, ...] = ()
    tried: int = 0
    names: tuple[str, ...] = ()
    definitions: tuple[tuple[Definition, ...], ...] = ()

    def __bool__(self) -> bool:
        if self.verdict != "proved" and self.counterexample is None:
            raise Undecided(self.reason, hint="Neither proved nor refuted; see .reason and .assumptions.")
        return self.verdict == "proved"

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Proof: {self.verdict}. {self.reason}>"

    def text(self) -> str:
        """The verdict, what it rests on, the two sides with their normal forms, and a counterexample whose numbers can be pasted."""
        notation = render.Notation.of(*self._expressions())

        def shown(node: Expr) -> str:
            return render.expression(node, "text", notation=notation)
        lines = [f"{self._equation}: {self.verdict}" if self.names else self.verdict, self.reason]
        lines += [f"  rests on: {_SCOPE}"]
        lines += ["  rests on: " + (a.text if a.condition is None else f"{a.text}: {shown(a.condition)}") for a in self.assumptions]
        for section, definitions in zip(self.sections, self.definitions or ((),) * len(self.sections)):
            lines += ["", section.title]
            lines += [f"  {shown(At(d.name, d.indices))} = {shown(d.body)}" for d in definitions]
            if section.left is not None and section.start is not None:
                lines.append(f"  {shown(section.left)} = {shown(section.start)}")
            lines += [f"  = {shown(step.after)}    ({step.rule})" for step in section.steps]
        if self.tried:
            lines += ["", f"Both functions were run at {self.tried} point{'s' if self.tried != 1 else ''}."]
        return "\n".join(lines + ([] if self.counterexample is None else self._numbers(self.counterexample)))

    @property
    def _equation(self) -> str:
        """What was asked; two functions of one name are told apart."""
        if len(self.names) == 2 and self.names[0] == self.names[1]:
            return f"the first {self.names[0]} = the second {self.names[1]}"
        return " = ".join(self.names)

    def _expressions(self) -> list[Expr]:
        chains = [part for s in self.sections for part in (s.left, s.start, *(step.after for step in s.steps)) if part is not None]
        named = [part for side in self.definitions for d in side for part in (At(d.name, d.indices), d.body)]
        return [*chains, *named, *(a.condition for a in self.assumptions if a.condition is not None)]

    @staticmethod
    def _numbers(c: Counterexample) -> list[str]:
        lines = ["", f"They differ at the sizes {c.told_sizes}:"]
        for name, value in c.arrays.items():
            head = f"  {name} = np.array("
            numbers = np.array2string(np.asarray(value), separator=", ", prefix=head, threshold=10**6, floatmode="unique")
            lines.append(f"{head}{numbers})")
        entry = f" at the entry {c.place}" if c.place else ""
        return [*lines, f"  values{entry}: {c.values[0][c.place]!s} and {c.values[1][c.place]!s}, confirmed with 50 digits"]
