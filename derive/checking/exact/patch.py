"""What the names of a function mean while it is run on symbolic numbers: its `np`, its `math`, some builtins."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from derive.checking.exact.entries import Entries, plain, symbolic
from derive.checking.exact.numbers import Count, Number, as_number, is_number
from derive.checking.exact.standins import Joined, Real, Vectorized, piecewise
from derive.checking.exact.table import TABLE, call
from derive.checking.exact.ufuncs import ELEMENTWISE, apply
from derive.checking.lift.rebuild import Rebuilder
from derive.checking.lift.session import refuse
from derive.index import Const

__all__ = ["Patcher"]

# Functions that make arrays, or whose value on known numbers has no exact float.
_ALWAYS = {
    "zeros", "ones", "zeros_like", "ones_like", "full", "full_like", "eye", "identity", "empty", "empty_like", "array", "asarray", "sqrt", "exp",
    "log", "tanh", "sin", "cos", "log1p", "expm1", "log2", "log10", "cbrt", "sinh", "cosh", "tan", "arctan",
}  # fmt: skip
_MATH = {
    "sqrt": "sqrt", "exp": "exp", "log": "log", "tanh": "tanh", "sin": "sin", "cos": "cos", "log1p": "log1p", "expm1": "expm1", "fabs": "absolute",
    "pow": "power", "sinh": "sinh", "cosh": "cosh", "tan": "tan", "atan": "arctan", "erf": "erf", "log2": "log2", "log10": "log10",
    "hypot": "hypot", "isnan": "isnan", "isfinite": "isfinite", "isinf": "isinf",
}  # fmt: skip
_REFUSED = {"random": "random numbers", **dict.fromkeys(("matrix", "asmatrix", "bmat"), "np.matrix"), "ma": "masked arrays"}
_CONSTANTS = {"pi": Number(Const("pi")), "e": apply("exp", "__call__", 1)}


class _Float(metaclass=Real):
    real_type, arrays, dtype = float, False, np.dtype(float)


class _Float64(metaclass=Real):
    real_type, arrays, dtype = np.float64, True, np.dtype(float)


def _len(value: Any) -> Any:
    return Count(len(value)) if isinstance(value, np.ndarray) else len(value)


def _extremum(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def apply_to(*values: Any, **kwargs: Any) -> Any:
        parts = list(values[0]) if len(values) == 1 else list(values)
        if kwargs or not symbolic(parts) or not all(map(is_number, parts)):
            return real(*([parts] if len(values) == 1 else values), **kwargs)
        return apply(f"{name}imum", "reduce", parts)

    return apply_to


def _fsum(values: Any) -> Any:
    parts = list(values)
    return call("sum", (parts,), {}) if symbolic(parts) else math.fsum(parts)


_BUILTINS: dict[str, Any] = {"float": _Float, "len": _len, "max": _extremum("max", max), "min": _extremum("min", min)}


def _dispatch(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """Our row where an argument is symbolic, or always for some functions; the real function otherwise."""

    def apply_to(*args: Any, **kwargs: Any) -> Any:
        fresh = name in _ALWAYS and not _of_whole_numbers(name, args, kwargs)
        if fresh or any(map(symbolic, (*args, *kwargs.values()))):
            return call(name, args, kwargs) if name in TABLE or name in ELEMENTWISE else call(real, args, kwargs)
        return real(*args, **{key: getattr(value, "real_type", value) for key, value in kwargs.items()})

    return apply_to


def _of_whole_numbers(name: str, args: Any, kwargs: Any) -> bool:
    """np.array of known whole numbers or booleans stays NumPy's own; so do the arrays of nothing but text."""
    if name not in ("array", "asarray") or "dtype" in kwargs or len(args) > 1 or symbolic(args):
        return False
    return np.asarray(args[0]).dtype.kind != "f"


class _Ufunc:
    """np.add and its like: a function with `.at`, `.reduce`, `.outer` and `.accumulate`."""

    def __init__(self, real: Any) -> None:
        self.real, self.name = real, real.__name__
        self.apply = _dispatch(self.name, real)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.keys() - {"dtype"} or self.name not in ELEMENTWISE:
            return self.real(*args, **kwargs)
        return self.apply(*args)

    def __getattr__(self, method: str) -> Any:
        return getattr(self.real, method)


class Patcher(Rebuilder):
    """Rebuilds functions, each once, for one run."""

    builtins: ClassVar[Mapping[str, Any]] = {**vars(builtins), **_BUILTINS}

    def stand_in(self, value: Any) -> Any:
        """What stands for an array of numbers, or a function of Python's, of math or of NumPy's."""
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            return self.copies.once(value, lambda array: Entries.of(plain(array), "float"))
        return Vectorized(self.patch(value.pyfunc)) if isinstance(value, np.vectorize) else _replacement(value)

    def attribute(self, module: ModuleType, name: str) -> Any:
        """What module.name is."""
        if module is np and name in _REFUSED:
            refuse(_REFUSED[name])
        if module in (np, math) and name in _CONSTANTS:
            return _CONSTANTS[name]
        if module is np and name in _ATTRIBUTES:
            return _ATTRIBUTES[name]
        return self.patch(getattr(module, name))


_TYPES: dict[type, Any] = {float: _Float, np.float64: _Float64, np.vectorize: Vectorized}
_ATTRIBUTES = {"r_": Joined("concatenate", np.r_), "c_": Joined("column_stack", np.c_), "piecewise": piecewise}


def _replacement(value: Any) -> Any:
    """What stands for a function of Python, of math or of NumPy; None where nothing does."""
    if isinstance(value, np.ufunc):
        return _Ufunc(value)
    if isinstance(value, type) or not callable(value):
        return _TYPES.get(value) if isinstance(value, type) else None
    name = getattr(value, "__name__", "")
    if name in _BUILTINS and getattr(builtins, name, None) is value:
        return _BUILTINS[name]
    if value is math.fsum:
        return _fsum
    if name in _MATH and getattr(math, name, None) is value:
        return _math(_MATH[name], getattr(math, name))
    module = getattr(value, "__module__", None) or ""
    return _dispatch(name, value) if module.startswith("numpy") and not module.startswith("numpy.random") else None


def _math(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def apply_to(*args: Any) -> Any:
        if not all(map(is_number, args)) or (name == "log" and len(args) == 2):
            return real(*args)
        return apply(name, "__call__", *map(as_number, args))

    return apply_to
