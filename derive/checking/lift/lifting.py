"""Runs a handwritten NumPy function on arrays of index expressions, so that what it returns is known for all sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from derive.checking.lift.arrays import Operand, Scalar, SymbolicArray, operand
from derive.checking.lift.patch import Patcher
from derive.checking.lift.session import CannotLift, Session, running
from derive.checking.lift.sizes import integer
from derive.checking.lift.storage import Storage
from derive.derivation import Argument, Assumption
from derive.errors import DeriveError, Place
from derive.index import ONE, At, Expr, Index

__all__ = ["Lifted", "LiftedArray", "lift"]

# What Python and NumPy raise when code meets a value that it was not written for.
_RAISED = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError, StopIteration, TypeError,
    ValueError, Warning,
)  # fmt: skip


@dataclass(frozen=True)
class LiftedArray:
    """An array that a function returned.

    Attributes:
        shape: its sizes.
        indices: one index for each axis that is not of size 1, in order.
        body: its entry, in those indices.
        kind: 'float', 'int' or 'bool'.
        alias: the argument whose memory it shares, or None.
        place: the line that made it or wrote to it last.
    """

    shape: tuple[Expr, ...]
    indices: tuple[Index, ...]
    body: Expr
    kind: str
    alias: str | None = None
    place: Place | None = None


@dataclass(frozen=True)
class Lifted:
    """What a handwritten function computes, for all sizes.

    Attributes:
        outputs: its value, with each array and number as a `LiftedArray`; tuples, lists and dicts are kept.
        mutated: the arguments that it changed in place.
        assumptions: what this rests on, such as labels in range.
        places: for each output, by its path such as '[1]' or "['W']", the line that made it or wrote to it last.
    """

    outputs: Any
    mutated: tuple[str, ...]
    assumptions: tuple[Assumption, ...]
    places: Mapping[str, Place]


def _argument(argument: Argument) -> Any:
    sizes = tuple(integer(size) for size in argument.shape)
    if not sizes:
        return Scalar(At(argument.name, (), argument.kind), argument.kind)
    storage = Storage(sizes, argument.kind, lambda at: At(argument.name, at, argument.kind), owner=argument.name)
    return SymbolicArray(storage, sizes, lambda at: at)


def _output(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        parts = [_output(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {name: _output(part) for name, part in value.items()}
    if value is None or isinstance(value, (str, FunctionType)):
        return value
    found = operand(value)
    sizes = found.sizes
    if isinstance(found, SymbolicArray):
        copy = Storage(sizes, found.kind, found.entry)
        indices = tuple(index for index, size in zip(copy.indices, sizes) if size is not ONE)
        return LiftedArray(sizes, indices, copy.body, found.kind, found.storage.owner, found.storage.place)
    return LiftedArray((), (), found.entry(()), found.kind, None, getattr(value, "place", None))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, LiftedArray]]:
    if isinstance(value, LiftedArray):
        yield path, value
    elif isinstance(value, (tuple, list)):
        for position, part in enumerate(value):
            yield from _leaves(part, f"{path}[{position}]")
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, f"{path}[{name!r}]")


def _run(session: Session, function: FunctionType, values: Mapping[str, Any]) -> Any:
    patched = Patcher(session).function(function)
    try:
        with np.errstate(all="ignore"):
            outputs = _output(patched(**values))
        if session.failure is not None:
            raise session.failure
        return outputs
    except DeriveError:
        raise
    except _RAISED as error:
        place = _raised_at(session, error)
        raise CannotLift(f"the function raised {type(error).__name__} on symbolic arrays: {error}", place=place) from error


def _raised_at(session: Session, error: BaseException) -> Place | None:
    found = None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name in session.files:
            found = Place(name, trace.tb_lineno)
        trace = trace.tb_next
    return found


def lift(function: Callable[..., Any], arguments: Mapping[str, Argument]) -> Lifted:
    """Run a handwritten NumPy function on arrays with symbolic sizes.

    Args:
        function: a plain Python function; it is rebuilt, never changed, and called with the arguments by name.
        arguments: the symbolic arguments, by the names of the function's parameters.

    Returns:
        its value as index expressions, over the reals, for all sizes ≥ 1.

    Raises:
        CannotLift: it does something that has no index expression, such as a branch on data; run it at concrete sizes.
        BadInput: NumPy itself would refuse what it does, for sizes in general.

    >>> m = Size("m")                                                       # doctest: +SKIP
    >>> lift(lambda x: (x * x).sum(), {"x": Argument("x", (m,))}).outputs   # doctest: +SKIP
    """
    inner: Any = function
    with running() as session:
        if not isinstance(inner, FunctionType):
            raise CannotLift(f"a {type(function).__name__} is no plain Python function", hint="wrap it in a def")
        values = {name: _argument(argument) for name, argument in arguments.items()}
        session.files.add(inner.__code__.co_filename)
        outputs = _run(session, inner, values)
        storages = [value.storage for value in values.values() if isinstance(value, Operand) and isinstance(value, SymbolicArray)]
        mutated = tuple(str(storage.owner) for storage in storages if storage.version)
        places = {path: leaf.place for path, leaf in _leaves(outputs) if leaf.place is not None}
        return Lifted(outputs, mutated, tuple(session.assumptions.values()), places)
