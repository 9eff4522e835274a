"""Runs a handwritten NumPy function on arrays of index expressions, so that what it returns is known for all sizes."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from types import FunctionType, TracebackType
from typing import Any

import numpy as np

from derive.checking.lift.arrays import Operand, Scalar, SymbolicArray
from derive.checking.lift.choices import Choices
from derive.checking.lift.outputs import NOTHING, LiftedArray, Way, leaves, merged, output
from derive.checking.lift.patch import Patcher
from derive.checking.lift.session import CannotLift, Session, running
from derive.checking.lift.sizes import integer
from derive.checking.lift.storage import Storage, negation
from derive.derivation import Argument, Assumption
from derive.errors import DeriveError, Place
from derive.index import At

__all__ = ["Lifted", "LiftedArray", "lift"]

_MOST_WAYS = 32

# What Python and NumPy raise when code meets a value that it was not written for.
_RAISED = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError, StopIteration, TypeError,
    ValueError, Warning,
)  # fmt: skip


@dataclass(frozen=True)
class Lifted:
    """What a handwritten function computes, for all sizes.

    Attributes:
        outputs: its value, with each array and number as a `LiftedArray`; tuples, lists and dicts are kept.
        mutated: the arguments that it changed in place.
        assumptions: what this rests on, such as labels in range.
        places: for each output, by its path such as '[1]' or "['W']", the line that made it or wrote to it last.
        uncovered: the branches on data of which one side could not be followed, such as "line 12: if norm > 5 depends on data".
        notes: what is no error but worth knowing, such as "precision drops to float32 at line 7".
    """

    outputs: Any
    mutated: tuple[str, ...]
    assumptions: tuple[Assumption, ...]
    places: Mapping[str, Place]
    uncovered: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _argument(argument: Argument) -> Any:
    sizes = tuple(integer(size) for size in argument.shape)
    if not sizes:
        return Scalar(At(argument.name, (), argument.kind), argument.kind)
    storage = Storage(sizes, argument.kind, lambda at: At(argument.name, at, argument.kind), owner=argument.name)
    return SymbolicArray(storage, sizes, lambda at: at)


def _run(session: Session, function: FunctionType, values: Mapping[str, Any]) -> Any:
    patched = Patcher(session).function(function)
    try:
        with np.errstate(all="ignore"), redirect_stdout(StringIO()):
            outputs = output(patched(**values))
        if session.failure is not None:
            raise session.failure
        return outputs
    except DeriveError:
        raise
    except Exception as error:
        if session.choices.taken() and not session.loops and session.failure is None and _on_purpose(session, error):
            return NOTHING
        if not isinstance(error, _RAISED):
            raise
        place = _raised_at(session, error)
        raise CannotLift(f"the function raised {type(error).__name__} on symbolic arrays: {error}", place=place) from error


def _frames(error: BaseException) -> Iterator[TracebackType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _raised_at(session: Session, error: BaseException) -> Place | None:
    found = [trace for trace in _frames(error) if trace.tb_frame.f_code.co_filename in session.files]
    return Place(found[-1].tb_frame.f_code.co_filename, found[-1].tb_lineno) if found else None


def _on_purpose(session: Session, error: BaseException) -> bool:
    """Whether the user's own `raise` or `assert` raised it."""
    last = list(_frames(error))[-1]
    code = last.tb_frame.f_code
    return code.co_filename in session.files and dis.opname[code.co_code[last.tb_lasti]] == "RAISE_VARARGS"


@dataclass
class _Found:
    """What the ways that were run so far gave."""

    ways: list[Way] = field(default_factory=list)
    mutated: dict[str, None] = field(default_factory=dict)
    assumptions: dict[str, Assumption] = field(default_factory=dict)
    uncovered: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def add(self, session: Session, choices: Choices, outputs: Any, values: Mapping[str, Any]) -> None:
        """Keep what one way gave."""
        self.ways.append(Way(tuple(choices.taken()), outputs))
        storages = [value.storage for value in values.values() if isinstance(value, Operand) and isinstance(value, SymbolicArray)]
        self.mutated.update({str(storage.owner): None for storage in storages if storage.version})
        self.notes.update(session.notes)
        for text, assumption in session.assumptions.items():
            self.assumptions.setdefault(text, assumption)
        if outputs is NOTHING:
            text = _branch(choices.places[choices.position - 1])
            self.uncovered[f"{text} depends on data, and one side raises an error"] = None
            self.assumptions[f"no error is raised: {text}"] = Assumption(f"no error is raised: {text}", negation(choices.guard()))


def _branch(place: Place | None) -> str:
    return "a branch" if place is None else f"line {place.line}: {place.text.strip().removesuffix(':')}"


def lift(function: Callable[..., Any], arguments: Mapping[str, Argument]) -> Lifted:
    """Run a handwritten NumPy function on arrays with symbolic sizes, once for each way through its branches on data.

    Args:
        function: a plain Python function; it is rebuilt, never changed, and called with the arguments by name.
        arguments: the symbolic arguments, by the names of the function's parameters.

    Returns:
        its value as index expressions, over the reals, for all sizes ≥ 1.

    Raises:
        CannotLift: it does something that has no index expression; run it at concrete sizes.
        BadInput: NumPy itself would refuse what it does, for sizes in general.

    >>> m = Size("m")                                                       # doctest: +SKIP
    >>> lift(lambda x: (x * x).sum(), {"x": Argument("x", (m,))}).outputs   # doctest: +SKIP
    """
    inner: Any = function
    if not isinstance(inner, FunctionType):
        raise CannotLift(f"a {type(function).__name__} is no plain Python function", hint="wrap it in a def")
    choices, found, more = Choices(), _Found(), True
    while more:
        with running(choices) as session:
            choices.start()
            values = {name: _argument(argument) for name, argument in arguments.items()}
            outputs = _run(session, inner, values)
            found.add(session, choices, outputs, values)
            more = choices.advance()
        if len(found.ways) > _MOST_WAYS:
            raise CannotLift(f"more than {_MOST_WAYS} ways through branches on data")
    outputs = merged(found.ways)
    if outputs is NOTHING:
        raise CannotLift("every way through the function raises an error")
    places = {path: leaf.place for path, leaf in leaves(outputs) if leaf.place is not None}
    return Lifted(outputs, tuple(found.mutated), tuple(found.assumptions.values()), places, tuple(found.uncovered), tuple(found.notes))
