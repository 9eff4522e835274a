"""One run of a function at concrete sizes: what it decided at its branches, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from derive.checking.exact.decide import contradict
from derive.checking.lift.session import refuse
from derive.index import ONE, Expr, mul, sub

__all__ = ["Run", "decide", "deciding"]

MOST_WAYS = 64


class Run:
    """The answers to the branches of one run, in order; the first ones are given, further ones are Yes where that is possible.

    Attributes:
        answers: (condition, answer, whether the other answer is possible too).
    """

    def __init__(self, given: tuple[bool, ...]) -> None:
        self.given = given
        self.answers: list[tuple[Expr, bool, bool]] = []
        self.known: dict[Expr, bool] = {}

    @property
    def condition(self) -> Expr:
        """What must hold of the inputs for this way, as a product."""
        return mul(*(q if answer else sub(ONE, q) for q, answer, _ in self.answers))

    def answer(self, condition: Expr) -> bool:
        """Whether the condition holds on this way."""
        if condition not in self.known:
            self.known[condition] = self._new(condition)
        return self.known[condition]

    def _new(self, condition: Expr) -> bool:
        so_far = [(q, answer) for q, answer, _ in self.answers]
        if contradict([*so_far, (condition, True)]):
            return False
        if contradict([*so_far, (condition, False)]):
            return True
        place = len(self.answers)
        found = self.given[place] if place < len(self.given) else True
        if place > 4 * MOST_WAYS:
            refuse("too many branches on the data")
        self.answers.append((condition, found, place >= len(self.given)))
        return found

    def alternatives(self) -> Iterator[tuple[bool, ...]]:
        """The runs that answer one of the new branches the other way."""
        for place, (_, answer, new) in enumerate(self.answers):
            if new:
                yield (*(one for _, one, _ in self.answers[:place]), not answer)


_run: ContextVar[Run] = ContextVar("exact_run")


@contextmanager
def deciding(run: Run) -> Iterator[Run]:
    """Make this the run that is under way."""
    token = _run.set(run)
    try:
        yield run
    finally:
        _run.reset(token)


def decide(condition: Expr) -> bool:
    """Take a branch."""
    found = _run.get(None)
    if found is None:
        refuse("a branch on symbolic numbers outside of a run")
    return found.answer(condition)
