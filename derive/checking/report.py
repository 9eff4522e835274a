"""What a check found, in values and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from derive.errors import BadInput, DeriveError, Place

__all__ = ["CheckFailed", "Example", "Report", "PROVED", "EXACT", "NUMERIC", "OFF_KINK", "OWN_LOSS", "WRONG", "CANNOT_RUN", "UNDECIDED"]

PROVED = "proved for all sizes"
OFF_KINK = "proved for all sizes, ties aside"
EXACT = "exact at the sizes tried"
NUMERIC = "agrees numerically (not a proof)"
OWN_LOSS = "right for its own loss, which is not the reference loss"
UNDECIDED = "undecided"
WRONG = "wrong"
CANNOT_RUN = "cannot run"

_RANK = {PROVED: 3, OFF_KINK: 3, EXACT: 2, NUMERIC: 1}
_LEVELS = {"proved": 3, "exact": 2, "numeric": 1}


class CheckFailed(DeriveError, AssertionError):
    """A check reached less than was required; the message is the full diagnosis."""


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
        sizes = ", ".join(f"{name} = {value}" for name, value in self.sizes.items())
        lines = [f"at {sizes}:" if sizes else "at:"]
        lines += [f"    {name} = {_literal(value)}" for name, value in self.arrays.items()]
        where = f" at entry {self.place}" if self.place else ""
        return "\n".join([*lines, f"    claimed {self.claimed:.10g}, true {self.true:.10g}{where}"])


def _literal(value: Any) -> str:
    array = np.asarray(value)
    return repr(array.item()) if array.ndim == 0 else f"np.array({array.tolist()})"


@dataclass(frozen=True)
class Report:
    """The answer of `derive.check`.

    Attributes:
        function: the name of the handwritten function.
        wrt: the argument whose gradient was checked.
        verdict: the word that was earned: 'proved for all sizes', 'proved for all sizes, ties aside', 'agrees numerically (not a proof)',
            'right for its own loss, which is not the reference loss', 'wrong', 'undecided' or 'cannot run'.
        diagnosis: what is wrong, or what stood in the way, in words; empty where nothing is.
        difference: claimed − true as a formula; empty where there is none.
        loss: the verdict on the loss that the function returns against the reference, or '' where it returns none.
        counterexample: concrete numbers, or None.
        warnings: what is not wrong but should be known.
        assumptions: what a proof rests on.
        tried: at how many points the numbers were compared.
        place: where the handwritten function is.
    """

    function: str
    wrt: str
    verdict: str
    diagnosis: tuple[str, ...] = ()
    difference: str = ""
    loss: str = ""
    counterexample: Example | None = None
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    tried: int = 0
    place: Place | None = None
    parts: dict[str, Report] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong and nothing is left open."""
        own = self.verdict in _RANK and self.loss in ("", PROVED, NUMERIC, OFF_KINK)
        return own and all(part.ok for part in self.parts.values())

    def require(self, level: str) -> Report:
        """Raise unless at least this was reached.

        Args:
            level: 'proved', 'exact' or 'numeric'.

        Raises:
            CheckFailed: less was reached; the message is the full diagnosis.
        """
        if level not in _LEVELS:
            raise BadInput(f"There is no level {level!r}.", hint="The levels are 'proved', 'exact' and 'numeric'.")
        if not self.ok or _RANK.get(self.verdict, 0) < _LEVELS[level]:
            raise CheckFailed(f"{self}\n  (required: {level})")
        return self

    def __str__(self) -> str:
        head = f"{self.function}, gradient with respect to {self.wrt}: {self.verdict}"
        if self.parts:
            return "\n\n".join(str(part) for part in self.parts.values())
        lines = [head, *(f"  {line}" for line in self.diagnosis)]
        if self.difference:
            lines.append(f"  claimed − true = {self.difference}")
        if self.loss:
            lines.append(f"  its loss against the reference: {self.loss}")
        if self.counterexample is not None:
            lines.append("  " + str(self.counterexample).replace("\n", "\n  "))
        if self.tried:
            lines.append(f"  compared with jax.grad at {self.tried} point{'s' if self.tried != 1 else ''}")
        lines += [f"  rests on: {a}" for a in self.assumptions]
        lines += [f"  warning: {w}" for w in self.warnings]
        return "\n".join(lines)
