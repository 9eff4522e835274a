"""What can go wrong, said so that the reader knows what was met, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BadInput", "DeriveError", "MissingExtra", "Never", "NotYet", "Place", "Undecided"]


@dataclass(frozen=True)
class Place:
    """A line of the user's own source file."""

    file: str
    line: int
    text: str = ""

    def __str__(self) -> str:
        code = f": {self.text.strip()}" if self.text else ""
        return f"{self.file}, line {self.line}{code}"


class DeriveError(Exception):
    """Base of every error that derive raises on purpose.

    Args:
        met: what was found, in one sentence.
        place: the line of the user's file, where one can be told.
        hint: what to do about it.
    """

    def __init__(self, met: str, *, place: Place | None = None, hint: str = "") -> None:
        self.met, self.place, self.hint = met, place, hint
        lines = [met]
        if place is not None:
            lines.append(f"  at {place}")
        if hint:
            lines.append(f"  {hint}")
        super().__init__("\n".join(lines))


class BadInput(DeriveError, ValueError):
    """The call or the data cannot mean anything: a missing shape, an unknown argument, labels out of range."""


class NotYet(DeriveError, NotImplementedError):
    """A meaningful request that a further row of a table would answer."""


class Never(DeriveError, TypeError):
    """A request that has no answer by its nature, such as a Python branch on the values of the data."""


class Undecided(DeriveError):
    """Neither proved nor refuted; the reason is in the message."""


class MissingExtra(DeriveError, ImportError):
    """An optional package is needed and is not installed."""
