"""Arrays that a function uses without taking them: from an enclosing function, its module, an object or a partial application.

They become arguments under their own names, so that a loss of fixed data reads Xᵀ(Xw − y)/m and not as numbers.
"""

from __future__ import annotations

import copy
import functools
import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

import jax
import numpy as np

__all__ = ["arrays_of", "shape_texts", "worth_a_name", "with_arrays"]

_TABLE = 8
_MOST_WAYS = 64
_JIT = type(jax.jit(lambda: None))
Path = tuple[str, Any]


def arrays_of(function: Callable[..., Any]) -> dict[str, tuple[tuple[Path, ...], Any]]:
    """(where it is, the array) by name; the path is empty for the default of a parameter.

    A function under a decorator that is not known, which may do anything, has none of its own.
    """
    found: dict[str, tuple[tuple[Path, ...], Any]] = {}
    for name, p in inspect.signature(function).parameters.items():
        if _is_array(p.default):
            found[name] = (), p.default
    for path, value in _seen(function):
        name = re.sub(r"\W", "_", str(path[-1][1]))
        while name in found or name in inspect.signature(function).parameters:
            name += "_"
        found[name] = path, value
    return found


def worth_a_name(arrays: Mapping[str, Any]) -> bool:
    """Whether one of the arrays is more than a short list of numbers."""
    return any(value.ndim > 1 or value.size > _TABLE for value in arrays.values())


def with_arrays(function: Callable[..., Any], arrays: Mapping[tuple[Path, ...], Any]) -> Callable[..., Any]:
    """The function with other arrays in these places; the user's own objects stay as they are."""
    inner: dict[Path, dict[tuple[Path, ...], Any]] = {}
    for path, value in arrays.items():
        inner.setdefault(path[0], {})[path[1:]] = value
    if not inner:
        return function
    own = {step: values[()] for step, values in inner.items() if () in values}
    deeper = {step: values for step, values in inner.items() if () not in values}
    if isinstance(function, _JIT):
        return with_arrays(inspect.unwrap(function), arrays)
    if isinstance(function, functools.partial):
        given = [own.get(("argument", _parameter(function, k)), value) for k, value in enumerate(function.args)]
        rest = deeper.get(("function", "func"))
        return functools.partial(with_arrays(function.func, rest) if rest else function.func, *given, **function.keywords)
    if isinstance(function, MethodType):
        held, plain = (deeper.get(("object", part), {}) for part in ("self", "func"))
        return MethodType(_rebuilt(function.__func__, {p[0]: v for p, v in plain.items()}), _changed(function.__self__, held))
    if isinstance(function, FunctionType):
        return _rebuilt(function, own)
    return with_arrays(MethodType(type(function).__call__, function), arrays)


def shape_texts(arrays: Mapping[str, Any], words: Sequence[str], letters: Sequence[str]) -> Iterator[dict[str, str]]:
    """Ways to write the shapes of the arrays, the most general first.

    A length that stands as a number among the words stays one; any other is a letter of its own, or one of the sizes among the words, or else
    the number that it is.
    """
    lengths = list(dict.fromkeys(n for value in arrays.values() for n in value.shape if n != 1 and str(n) not in words))
    sizes = [word for word in dict.fromkeys(words) if word.isidentifier()]
    own = dict(zip(lengths, letters))
    ways = itertools.product(*([own[n], *sizes] for n in lengths))
    fair = (way for way in ways if len(set(way)) == len(way))
    told = [dict(zip(lengths, way)) for way in itertools.islice(sorted(fair, key=lambda way: sum(word in sizes for word in way)), _MOST_WAYS)]
    for names in [*told, {}] if lengths else [{}]:
        yield {name: " ".join([_kind(value), *(names.get(n, str(n)) for n in value.shape)]) for name, value in arrays.items()}


def _kind(value: Any) -> str:
    return {"b": "bool", "i": "int", "u": "int"}.get(np.dtype(value.dtype).kind, "float")


# ------------------------------------------------------------------------------------------- what a function sees


def _seen(function: Any) -> Iterator[tuple[tuple[Path, ...], Any]]:
    if isinstance(function, _JIT):
        yield from _seen(inspect.unwrap(function))
    elif isinstance(function, functools.partial):
        yield from (((("argument", _parameter(function, k)),), value) for k, value in enumerate(function.args) if _is_array(value))
        yield from (((("function", "func"), *path), value) for path, value in _seen(function.func))
    elif isinstance(function, MethodType):
        yield from (((("object", "self"), ("attribute", name)), value) for name, value in _attributes(function.__self__) if _is_array(value))
        if isinstance(function.__func__, FunctionType):
            yield from (((("object", "func"), *path), value) for path, value in _seen(function.__func__))
    elif isinstance(function, FunctionType):
        if not hasattr(function, "__wrapped__"):
            yield from (((step,), value) for step, value in _of_plain(function) if _is_array(value))
    elif callable(function) and isinstance(type(function).__call__, FunctionType) and not hasattr(function, "__wrapped__"):
        yield from _seen(MethodType(type(function).__call__, function))


def _of_plain(function: FunctionType) -> Iterator[tuple[Path, Any]]:
    """What a plain function reads from where it was defined."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            yield ("cell", name), cell.cell_contents
        except ValueError:  # it is not filled yet
            continue
    names = dict.fromkeys(name for code in _codes(function.__code__) for name in code.co_names)
    yield from ((("global", name), function.__globals__[name]) for name in names if name in function.__globals__)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _attributes(held: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(held, "__dict__", {}).items()


def _parameter(function: functools.partial[Any], place: int) -> str:
    names = list(inspect.signature(function.func).parameters)
    return names[place] if place < len(names) else str(place)


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, jax.Array)) and not isinstance(value, jax.core.Tracer) and value.ndim > 0 and value.size > 0 and (
        np.dtype(value.dtype).kind in "biuf")


# ------------------------------------------------------------------------------------------- the same with other arrays


def _rebuilt(function: Any, values: Mapping[Path, Any]) -> Any:
    """A plain function that sees these values."""
    if not values or not isinstance(function, FunctionType):
        return function
    cells = tuple(CellType(values["cell", name]) if ("cell", name) in values else cell
                  for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()))
    seen = {**function.__globals__, **{name: value for (kind, name), value in values.items() if kind == "global"}}
    new = FunctionType(function.__code__, seen, function.__name__, None, cells)
    new.__defaults__, new.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    new.__annotations__ = function.__annotations__
    return new


def _changed(held: Any, values: Mapping[tuple[Path, ...], Any]) -> Any:
    """A copy of an object with other arrays among its attributes."""
    if not values:
        return held
    other = copy.copy(held)
    for path, value in values.items():
        object.__setattr__(other, path[0][1], value)
    return other
