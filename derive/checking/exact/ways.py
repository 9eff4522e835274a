"""Runs a handwritten function at concrete sizes with symbolic entries, once for each way through its branches on the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from derive.checking.exact.entries import Chosen, Entries, plain
from derive.checking.exact.numbers import Number, is_number
from derive.checking.exact.patch import Patcher
from derive.checking.exact.run import MOST_WAYS, Run, deciding
from derive.checking.exact.table import call
from derive.checking.exact.ufuncs import apply
from derive.checking.exact.unroll import symbols
from derive.checking.lift.session import CannotLift, Session, refuse, running
from derive.derivation import Argument
from derive.errors import BadInput, DeriveError, Place
from derive.index import Expr

__all__ = ["Way", "ways"]

# What Python and NumPy raise when code meets a value that it was not written for.
_RAISED = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError, StopIteration, TypeError,
    ValueError, Warning,
)  # fmt: skip

# The protocols of numbers and arrays end here.
Number.ufunc, Number.function = apply, call
_METHODS = {"sum", "mean", "max", "min", "item", "astype", "dot", "reshape", "ravel", "flatten", "copy", "squeeze", "round", "any", "all", "clip",
            "std", "var", "tolist", "prod", "argmax", "argmin", "transpose"}  # fmt: skip
_PLAIN = {"ndim": 0, "shape": (), "size": 1}


def _attribute(number: Number, name: str) -> Any:
    if name in _PLAIN:
        return _PLAIN[name]
    if name == "T":
        return number
    if name == "dtype":
        return np.dtype({"float": float, "int": int, "bool": bool}[number.kind])
    if name in ("copy", "tolist"):
        return lambda: number
    if name in _METHODS:
        return lambda *args, **kwargs: call(name, (number, *args), kwargs)
    return refuse(f".{name} of a symbolic number")


Number.attribute = _attribute


@dataclass(frozen=True)
class Way:
    """One way through the branches of a function.

    Attributes:
        condition: what must hold of the inputs, as a product of conditions; ONE where there was no branch.
        outputs: what was returned: tuples, lists and dicts are kept, every array is an object array of expressions, every number an expression.
        mutated: the parameters whose arrays it changed in place.
    """

    condition: Expr
    outputs: Any
    mutated: tuple[str, ...]


def ways(
    function: Callable[..., Any],
    arguments: Mapping[str, Argument],
    sizes: Mapping[str, int],
    labels: Mapping[str, np.ndarray],
    given: Mapping[str, Any] | None = None,
) -> tuple[Way, ...]:
    """Run a function at concrete sizes on arrays of symbolic numbers.

    Args:
        function: a Python function; it is rebuilt, never changed, and called with the arguments by name.
        arguments: the symbolic arguments, by the names of the function's parameters.
        sizes: the value of each symbolic size.
        labels: the concrete arrays of integers and booleans, by the names of the function's parameters.
        given: further values, passed as they are.

    Returns:
        each way through the branches on the data; together they cover all inputs.

    Raises:
        CannotLift: it does something that has no expression, or has too many ways.
    """
    if not isinstance(function, (FunctionType, MethodType)):
        raise CannotLift(f"a {type(function).__name__} is no plain Python function", hint="wrap it in a def")
    waiting: list[tuple[bool, ...]] = [()]
    found: list[Way] = []
    while waiting:
        run = Run(waiting.pop())
        found.append(_way(run, function, arguments, sizes, labels, given or {}))
        waiting += run.alternatives()
        if len(found) + len(waiting) > MOST_WAYS:
            raise CannotLift(f"more than {MOST_WAYS} ways through the branches on the data")
    return tuple(found)


def _way(run: Run, function: Any, arguments: Mapping[str, Argument], sizes: Mapping[str, int], labels: Mapping[str, np.ndarray],
         given: Mapping[str, Any]) -> Way:
    with running() as session, deciding(run), np.errstate(all="ignore"):
        values = {name: _argument(argument, sizes, labels.get(name)) for name, argument in arguments.items()}
        before = {name: plain(value).copy() for name, value in values.items()}
        inner: Any = function.__func__ if isinstance(function, MethodType) else function
        session.files.add(inner.__code__.co_filename)
        try:
            outputs = _output(Patcher(session).patched(function)(**values, **given))
        except BadInput as error:
            raise CannotLift(error.met, place=error.place) from error
        except DeriveError:
            raise
        except _RAISED as error:
            raise CannotLift(f"the function raised {type(error).__name__} on symbolic numbers: {error}", place=_raised_at(session, error)) from error
        if session.failure is not None:
            raise CannotLift(session.failure.met, place=session.failure.place)
        mutated = tuple(name for name, old in before.items() if not _same(old, plain(values[name])))
        return Way(run.condition, outputs, mutated)


def _argument(argument: Argument, sizes: Mapping[str, int], label: np.ndarray | None) -> Any:
    if label is not None:
        return np.array(label) if np.ndim(label) else np.asarray(label)[()]
    if argument.kind != "float":
        raise CannotLift(f"no values for {argument.name} were given")
    entries = symbols(argument, sizes)
    if not entries.ndim:
        entry: Any = entries[()]
        return Number(entry)
    return Entries.of(np.asarray(np.frompyfunc(Number, 1, 1)(entries), dtype=object), "float")


def _output(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        parts = [_output(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {name: _output(part) for name, part in value.items()}
    if isinstance(value, Chosen):
        refuse("a selection by a mask is returned")
    if is_number(value):
        number: Any = plain(value)[()]
        return number.expr
    if isinstance(value, np.ndarray):
        return np.asarray(np.frompyfunc(lambda number: number.expr, 1, 1)(plain(value)), dtype=object)
    return value


def _same(old: np.ndarray, new: np.ndarray) -> bool:
    return old.shape == new.shape and all(u.expr is v.expr for u, v in zip(old.ravel(), new.ravel()))


def _raised_at(session: Session, error: BaseException) -> Place | None:
    found = None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name in session.files:
            found = Place(name, trace.tb_lineno)
        trace = trace.tb_next
    return found
