"""What one run of a handwritten function keeps: letters for indices, assumptions, and where in the user's file it is."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from derive.checking.lift.sizes import integer
from derive.derivation import Assumption
from derive.errors import BadInput, DeriveError, NotYet, Place
from derive.index import Expr, Index, fresh

__all__ = ["CannotLift", "Session", "bad", "current", "new_index", "refuse", "running"]

_LETTERS = "ijcaluvgh"


class CannotLift(NotYet):
    """The function cannot be run with symbolic sizes; run it at concrete sizes instead."""


class Session:
    """One run: the user's files, the letters given to sizes, the assumptions met, what is worth a note, the loops that are being run (innermost
    last), the first failure, the choices at branches on data outside of loops, and whether memory was taken that is not set.
    """

    def __init__(self, choices: Any = None) -> None:
        self.choices = choices
        self.notes: dict[str, None] = {}
        self.files: set[str] = set()
        self.letters: dict[Expr, str] = {}
        self.assumptions: dict[str, Assumption] = {}
        self.loops: list[Any] = []
        self.failure: DeriveError | None = None
        self.emptied = False

    def assume(self, text: str, condition: Expr) -> None:
        """Record an assumption, once for each text."""
        self.assumptions.setdefault(text, Assumption(text, condition))

    def note(self, text: str) -> None:
        """Record a note, with the line."""
        place = self.place()
        self.notes[text if place is None else f"{text} at line {place.line}"] = None

    def decide(self, condition: Expr) -> bool:
        """Which way to go at a branch on data: the innermost loop's choice, or the whole run's."""
        levels = [self.choices, *self.loops]
        if levels[-1] is None:
            refuse("a branch on data")
        outer = [decision for level in levels[:-1] if level is not None for decision in level.taken()]
        return bool(levels[-1].decide(condition, outer))

    def place(self) -> Place | None:
        """The line of the user's code that is running: the innermost frame of a file that was lifted."""
        frame = sys._getframe(1)
        while frame is not None:
            name = frame.f_code.co_filename
            if name in self.files:
                return Place(name, frame.f_lineno, linecache.getline(name, frame.f_lineno).strip())
            if frame.f_back is None:
                return None
            frame = frame.f_back
        return None


_session: ContextVar[Session] = ContextVar("lift_session")


def current() -> Session:
    """The run that is under way.

    Raises:
        CannotLift: a symbolic array was used after the run that made it.
    """
    found = _session.get(None)
    if found is None:
        raise CannotLift("a symbolic array was used outside of the run that made it")
    return found


@contextmanager
def running(choices: Any = None) -> Iterator[Session]:
    """Start a run, with its choices at branches on data."""
    token = _session.set(Session(choices))
    try:
        yield _session.get()
    finally:
        _session.reset(token)


def new_index(size: Expr) -> Index:
    """A fresh index that runs over `size`; the same size always gets the same letter."""
    letters, size = current().letters, integer(size)
    if size not in letters:
        letters[size] = _LETTERS[len(letters) % len(_LETTERS)]
    return fresh(Index(letters[size], size, 0))


def refuse(met: str, hint: str = "the function is checked at concrete sizes instead") -> NoReturn:
    """Raise CannotLift at the user's line."""
    raise _noted(CannotLift(met, place=current().place(), hint=hint))


def bad(met: str, hint: str = "") -> NoReturn:
    """Raise BadInput at the user's line: NumPy itself would refuse this, or do something else than is meant."""
    raise _noted(BadInput(met, place=current().place(), hint=hint))


def _noted(error: DeriveError) -> DeriveError:
    """Remember the first failure, in case the user's code swallows it."""
    session = current()
    session.failure = session.failure or error
    return error
