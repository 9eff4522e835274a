"""Rebuilds a function so that its `np`, its `math`, some builtins and its helpers work on symbolic numbers; the user's module is never changed."""

from __future__ import annotations

import builtins
import copy
import math
import sys
import sysconfig
from collections.abc import Callable, Mapping
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from derive.checking.exact.entries import Entries, plain, symbolic
from derive.checking.exact.numbers import Count, Number, as_number, is_number
from derive.checking.exact.table import TABLE, call
from derive.checking.exact.ufuncs import ELEMENTWISE, apply
from derive.checking.lift.session import Session, refuse
from derive.index import Const

__all__ = ["Patcher"]

_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_OURS = __file__.rpartition("checking")[0]
_ADAPTERS = _OURS + "checking/adapters"
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


class _FloatMeta(type):
    """Stands for Python's float: the same `isinstance` and dtype, but a symbolic number stays one."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, float) or (isinstance(value, Number) and value.kind == "float")

    def __call__(cls, *args: Any) -> Any:
        if len(args) == 1 and (symbolic(args[0]) or isinstance(args[0], Count)):
            return call("astype", (call("item", args, {}), float), {})
        return float(*args)

    def __getattr__(cls, name: str) -> Any:
        return getattr(float, name)


class _Float(metaclass=_FloatMeta):
    real_type, dtype = float, np.dtype(float)


def _len(value: Any) -> Any:
    return Count(len(value)) if isinstance(value, np.ndarray) else len(value)


def _extremum(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def apply_to(*values: Any, **kwargs: Any) -> Any:
        parts = list(values[0]) if len(values) == 1 else list(values)
        if kwargs or not symbolic(parts) or not all(map(is_number, parts)):
            return real(*([parts] if len(values) == 1 else values), **kwargs)
        return apply(f"{name}imum", "reduce", parts)

    return apply_to


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


class _Module(ModuleType):
    """Stands for a module: its attributes are patched when they are asked for."""

    def __init__(self, patcher: Patcher, real: ModuleType) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_patcher=patcher, _real=real)

    def __getattr__(self, name: str) -> Any:
        real: ModuleType = self._real
        if real is np and name in _REFUSED:
            refuse(_REFUSED[name])
        if real in (np, math) and name in _CONSTANTS:
            return _CONSTANTS[name]
        return self._patcher.patch(getattr(real, name))


class Patcher:
    """Rebuilds functions, each once, for one run.

    Args:
        session: the run; the files of rebuilt functions are noted there.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.made: dict[int, Any] = {}
        self.alive: list[Any] = []

    def patch(self, value: Any) -> Any:
        """What stands for a value that the user's function can see."""
        if isinstance(value, ModuleType):
            return self._module(value)
        if isinstance(value, FunctionType) and _is_users(value.__code__.co_filename):
            return self.function(value)
        if isinstance(value, MethodType) and isinstance(value.__func__, FunctionType):
            return MethodType(self.patch(value.__func__), self._copied(value.__self__))
        if isinstance(value, type) and _is_users(getattr(sys.modules.get(value.__module__), "__file__", None) or ""):
            return self._class(value)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            return Entries.of(plain(value), "float")
        if isinstance(value, (list, tuple, dict)):
            return self._container(value)
        return _replacement(value)

    def patched(self, function: FunctionType | MethodType) -> Callable[..., Any]:
        """The function that is run, wherever it is defined."""
        if isinstance(function, MethodType):
            return MethodType(self.function(function.__func__), self._copied(function.__self__))  # type: ignore[arg-type]  # a plain function
        return self.function(function)

    def _container(self, value: Any) -> Any:
        """A copy, the same one each time, so that what the run stores is not left in the user's own."""
        if type(value) not in (list, tuple, dict):
            return value
        if isinstance(value, tuple):
            return tuple(map(self.patch, value))
        if id(value) not in self.made:
            self.alive.append(value)
            made = self.made[id(value)] = type(value)()
            if isinstance(value, dict):
                made.update({key: self.patch(part) for key, part in value.items()})
            else:
                made.extend(map(self.patch, value))
        return self.made[id(value)]

    def _copied(self, owner: Any) -> Any:
        """A copy of the object that a method belongs to, for the same reason."""
        if id(owner) not in self.made:
            self.alive.append(owner)
            self.made[id(owner)] = copy.copy(owner)
        return self.made[id(owner)]

    def _module(self, module: ModuleType) -> ModuleType:
        known = module in (np, math, np.linalg, builtins) or module.__name__.startswith(("numpy.lib", "scipy.special"))
        if not known and not _is_users(getattr(module, "__file__", None) or ""):
            return module
        if id(module) not in self.made:
            self.made[id(module)] = _Module(self, module)
        found: ModuleType = self.made[id(module)]
        return found

    def _class(self, value: type) -> Any:
        """The class with patched methods."""
        if id(value) not in self.made:
            self.alive.append(value)
            names = {name: part for name, part in vars(value).items() if name not in ("__dict__", "__weakref__")}
            bases = tuple(self.patch(base) for base in value.__bases__)
            made = self.made[id(value)] = type(value)(value.__name__, bases, names)
            for name, part in names.items():
                if isinstance(part, (FunctionType, staticmethod, classmethod)):
                    inner = part if isinstance(part, FunctionType) else part.__func__
                    wrap: Any = type(part)
                    setattr(made, name, self.patch(inner) if inner is part else wrap(self.patch(inner)))
        return self.made[id(value)]

    def function(self, function: FunctionType) -> FunctionType:
        """The function with patched globals, closure and defaults."""
        found: FunctionType | None = self.made.get(id(function))
        if found is not None:
            return found
        code = function.__code__
        self.session.files.add(code.co_filename)
        cells = tuple(CellType() for _ in code.co_freevars)
        new = FunctionType(code, self._globals(function.__globals__), function.__name__, None, cells)
        self.made[id(function)] = new
        self.alive.append(function)
        for cell, real in zip(cells, function.__closure__ or ()):
            if _filled(real):
                held = real.cell_contents
                handed = code.co_filename.startswith(_ADAPTERS) and isinstance(held, FunctionType)  # the code to be checked, wherever it lives
                cell.cell_contents = self.function(held) if handed else self.patch(held)
        new.__defaults__ = None if function.__defaults__ is None else tuple(map(self.patch, function.__defaults__))
        new.__kwdefaults__ = {name: self.patch(value) for name, value in (function.__kwdefaults__ or {}).items()} or None
        return new

    def _globals(self, real: dict[str, Any]) -> dict[str, Any]:
        if id(real) in self.made:
            known: dict[str, Any] = self.made[id(real)]
            return known
        names: dict[str, Any] = {}
        self.made[id(real)] = names
        self.alive.append(real)
        names.update({name: value if name.startswith("__") else self.patch(value) for name, value in list(real.items())})
        names["__builtins__"] = {**vars(builtins), **_BUILTINS, "__import__": self._import}
        return names

    def _import(self, name: str, outer: Mapping[str, Any] | None = None, local: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        found = __import__(name, outer, local, fromlist, level)
        return self.patch(found) if isinstance(found, ModuleType) else found


def _replacement(value: Any) -> Any:
    """What stands for a function of Python, of math or of NumPy; the value itself where nothing does."""
    if isinstance(value, np.ufunc):
        return _Ufunc(value)
    if isinstance(value, type) or not callable(value):
        return _Float if value is float else value
    name = getattr(value, "__name__", "")
    if name in _BUILTINS and getattr(builtins, name, None) is value:
        return _BUILTINS[name]
    if name in _MATH and getattr(math, name, None) is value:
        return _math(_MATH[name], getattr(math, name))
    module = getattr(value, "__module__", None) or ""
    return _dispatch(name, value) if module.startswith("numpy") and not module.startswith("numpy.random") else value


def _math(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def apply_to(*args: Any) -> Any:
        if not all(map(is_number, args)) or (name == "log" and len(args) == 2):
            return real(*args)
        return apply(name, "__call__", *map(as_number, args))

    return apply_to


def _filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _is_users(file: str) -> bool:
    """Whether a file is the user's own, or joins the user's functions: neither of a library, nor otherwise of derive."""
    return bool(file) and (file.startswith(_ADAPTERS) or not file.startswith((*_LIBRARIES, "<frozen", _OURS)))
