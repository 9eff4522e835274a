"""What a check found, in values and in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from derive.errors import BadInput, DeriveError, Place

__all__ = ["CANNOT_RUN", "EXACT", "NUMERIC", "OFF_KINK", "OWN_LOSS", "PROVED", "UNDECIDED", "WRONG", "CheckFailed", "Example", "Report", "exact_at",
           "level_of", "sizes_text"]

PROVED = "proved for all sizes"
OFF_KINK = "proved for all sizes, ties aside"
EXACT = "exact at sizes"
NUMERIC = "agrees numerically (not a proof)"
OWN_LOSS = "right for its own loss, which is not the reference loss"
UNDECIDED = "undecided"
WRONG = "wrong"
CANNOT_RUN = "cannot run"

_MOST_SHOWN = 64
_CLAUSE = re.compile(r": |; |, (?=and the truth|where the truth)")
_LEVELS = {"proved": 3, "exact": 2, "numeric": 1}


class CheckFailed(DeriveError, AssertionError):
    """A check reached less than was required; the message is the full diagnosis."""


def exact_at(sizes: Iterable[Mapping[str, int]], note: str = "") -> str:
    """The verdict of a proof at concrete sizes: 'exact at sizes m = 3, k = 2; m = 1, k = 1'."""
    texts = [text for one in sizes if (text := sizes_text(one))]
    return f"{EXACT} {'; '.join(texts) or 'as given'}{note}"


def sizes_text(sizes: Mapping[str, int]) -> str:
    """Sizes to read: 'm = 3, k = 2'."""
    return ", ".join(f"{name} = {value}" for name, value in sizes.items())


def level_of(verdict: str) -> str:
    """What a verdict earns: 'proved', 'exact', 'numeric', or '' for nothing."""
    if verdict in (PROVED, OFF_KINK):
        return "proved"
    return "exact" if verdict.startswith(EXACT) else "numeric" if verdict.startswith(NUMERIC) else ""


@dataclass(frozen=True)
class Example:
    """Concrete numbers at which a handwritten gradient is wrong.

    Attributes:
        sizes: the value of each size.
        arrays: the arguments, by the handwritten function's names.
        claimed, true: the two values at the entry `place`.
        place: the entry where they differ most.
    """

    sizes: dict[str, int]
    arrays: dict[str, Any]
    claimed: float
    true: float
    place: tuple[int, ...]

    def __str__(self) -> str:
        sizes = sizes_text(self.sizes)
        lines = [f"at {sizes}:" if sizes else "at:"]
        lines += [f"    {name} = {_literal(value)}" for name, value in self.arrays.items()]
        where = f" at entry {self.place}" if self.place else ""
        digits = 10 if f"{self.claimed:.10g}" != f"{self.true:.10g}" else 17
        return "\n".join([*lines, f"    claimed {self.claimed:.{digits}g}, true {self.true:.{digits}g}{where}"])

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        arrays = {name: np.asarray(value).tolist() for name, value in self.arrays.items()}
        return {"sizes": dict(self.sizes), "arguments": arrays, "claimed": self.claimed, "true": self.true, "entry": list(self.place)}


def _literal(value: Any) -> str:
    array = np.asarray(value)
    if array.size > _MOST_SHOWN:
        return f"an array of shape {array.shape}: report.counterexample.arrays has its numbers"
    return repr(array.item()) if array.ndim == 0 else f"np.array({array.tolist()})"


@dataclass(frozen=True)
class Report:
    """The answer of `derive.check`.

    Attributes:
        function: the name of the handwritten function.
        wrt: the argument whose gradient was checked.
        verdict: the word that was earned: 'proved for all sizes', 'proved for all sizes, ties aside', 'exact at sizes …', 'agrees numerically
            (not a proof)', 'right for its own loss, which is not the reference loss', 'wrong', 'undecided' or 'cannot run'.
        diagnosis: what is wrong, or what stood in the way, in words; empty where nothing is.
        difference: claimed − true as a formula; empty where there is none.
        own: the verdict on the gradient as the derivative of the loss that the same function returns; '' where it returns none.
        loss: the verdict on the loss that the function returns against the reference, or '' where it returns none or there is no reference.
        counterexample: concrete numbers, or None.
        line: the line of the user's file that is at fault, where one can be told.
        fix: the repair as a diff, where one is known.
        fixed: the verdict on the repaired code.
        faults: wrong numbers, NaN or failures on finite input of ordinary size: `ok` is False.
        uncovered: what was not looked at, such as a branch on data: `ok` is False.
        warnings: what is not wrong but should be known.
        assumptions: what a proof rests on.
        tried: at how many points the numbers were compared.
        place: where the handwritten function is.
        parts: one report an argument, where several were checked.
    """

    function: str
    wrt: str
    verdict: str
    diagnosis: tuple[str, ...] = ()
    difference: str = ""
    own: str = ""
    loss: str = ""
    counterexample: Example | None = None
    line: Place | None = None
    fix: str = ""
    fixed: str = ""
    faults: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    tried: int = 0
    place: Place | None = None
    parts: dict[str, Report] = field(default_factory=dict)

    @property
    def level(self) -> str:
        """What was reached: 'proved', 'exact', 'numeric', or '' where something is wrong or open; the least of the parts."""
        if self.parts:
            return min((part.level for part in self.parts.values()), key=lambda level: _LEVELS.get(level, 0))
        return level_of(self.verdict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong and nothing is left open."""
        own = bool(level_of(self.verdict)) and all(not v or bool(level_of(v)) for v in (self.loss, self.own))
        return own and not self.faults and not self.uncovered and all(part.ok for part in self.parts.values())

    @property
    def wrong(self) -> bool:
        """Whether something is wrong: the gradient, the loss against the reference, or numbers at ordinary input."""
        own = self.verdict in (WRONG, OWN_LOSS) or self.loss.startswith("differs") or self.own == WRONG or bool(self.faults)
        return own or any(part.wrong for part in self.parts.values())

    @property
    def headline(self) -> str:
        """The verdict, and at once what is not right besides, where something is not."""
        if self.parts:
            return next((part.headline for part in self.parts.values() if not part.ok), self.verdict)
        if not level_of(self.verdict):
            return self.verdict
        besides = ", and ".join(self._besides())
        return f"{self.verdict}, but {besides}" if besides else self.verdict

    def _besides(self) -> Iterator[str]:
        """What keeps a gradient that earned a level from being all right."""
        if self.loss and not level_of(self.loss):
            yield "its value is not the reference's"
        if self.own and not level_of(self.own):
            yield "the gradient is not the derivative of that value"
        yield from (_CLAUSE.split(fault, maxsplit=1)[0] for fault in self.faults[:1])
        if self.uncovered:
            yield "not everything was covered"

    def require(self, level: str) -> Report:
        """Raise unless at least this was reached.

        Args:
            level: 'proved', 'exact' or 'numeric'.

        Raises:
            CheckFailed: less was reached; the message is the full diagnosis.
        """
        if level not in _LEVELS:
            raise BadInput(f"There is no level {level!r}.", hint="The levels are 'proved', 'exact' and 'numeric'.")
        if not self.ok or _LEVELS.get(self.level, 0) < _LEVELS[level]:
            raise CheckFailed(f"{self}\n  (required: {level})")
        return self

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        shared = {"function": self.function, "wrt": self.wrt, "verdict": self.verdict, "headline": self.headline, "ok": self.ok, "level": self.level,
                  "place": str(self.place) if self.place else None, "faults": list(self.faults), "warnings": list(self.warnings)}
        if self.parts:
            return {**shared, "parts": {name: part.as_dict() for name, part in self.parts.items()}}
        return {**shared, "diagnosis": list(self.diagnosis), "difference": self.difference, "own": self.own, "loss": self.loss,
                "counterexample": self.counterexample.as_dict() if self.counterexample else None, "line": str(self.line) if self.line else None,
                "fix": self.fix, "fixed": self.fixed, "uncovered": list(self.uncovered), "assumptions": list(self.assumptions), "tried": self.tried}

    def __str__(self) -> str:
        if self.parts:
            shared = [line for line in self._shared_lines() if all(line in part._rest() for part in self.parts.values())]
            return "\n".join([*(part._told(shared) for part in self.parts.values()), *shared])
        return self._told([])

    def _shared_lines(self) -> list[str]:
        return next(iter(self.parts.values()))._rest()

    def _told(self, elsewhere: list[str]) -> str:
        """The report without the lines that are told elsewhere."""
        rest = [line for line in self._rest() if line not in elsewhere]
        return "\n".join([f"{self.function}, gradient with respect to {self.wrt}: {self.headline}", *self._details(), *rest])

    def _details(self) -> Iterator[str]:
        yield from (f"  {line}" for line in self.diagnosis)
        if self.difference:
            yield f"  claimed − true = {self.difference}"
        if self.line is not None:
            yield f"  line {self.line.line}: {self.line.text.strip()}"
        if self.own:
            yield f"  as the derivative of its own value: {self.own}"
        if self.loss:
            yield f"  its value against the reference: {self.loss}"
        if self.counterexample is not None:
            yield "  " + str(self.counterexample).replace("\n", "\n  ")
        if self.fix:
            yield f"  repaired ({self.fixed}):"
            yield from (f"    {line}" for line in self.fix.splitlines())

    def _rest(self) -> list[str]:
        """The lines that several arguments may share."""
        tried = [f"  compared with autodiff at {self.tried} point{'s' if self.tried != 1 else ''}"] if self.tried else []
        return [*(f"  fault: {one}" for one in self.faults), *(f"  not covered: {one}" for one in self.uncovered), *tried,
                *(f"  rests on: {a}" for a in self.assumptions), *(f"  warning: {w}" for w in self.warnings)]
