"""Rebuilds a function so that its `np`, its builtins and its helpers work on symbolic arrays; the user's module is never changed."""

from __future__ import annotations

import builtins
import math
import sys
import sysconfig
from collections.abc import Mapping
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from derive.checking import adapters
from derive.checking.lift.comprehensions import AFTER, FORMATTED, LISTED, SPAN
from derive.checking.lift.loops import iterate, plus
from derive.checking.lift.mapping import Vectorized, formatted, listed
from derive.checking.lift.objects import Copies
from derive.checking.lift.python import BUILTINS, after, numpy_attribute, replacement, span
from derive.checking.lift.rewrite import ITERATE, PLUS, rewritten
from derive.checking.lift.session import Session, refuse

__all__ = ["Patcher"]

_HELPERS = {ITERATE: iterate, PLUS: plus, LISTED: listed, FORMATTED: formatted, SPAN: span, AFTER: after}
_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


class _Module(ModuleType):
    """Stands for a module: its attributes are patched when they are asked for."""

    def __init__(self, patcher: Patcher, real: ModuleType, prefix: str = "") -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_patcher=patcher, _real=real, _prefix=prefix)

    def __getattr__(self, name: str) -> Any:
        if self._real is np:
            if name == "random":
                refuse("random numbers")
            if name == "linalg":
                return _Module(self._patcher, np.linalg, "linalg.")
            return numpy_attribute(np, name)
        if self._real is np.linalg:
            return numpy_attribute(np.linalg, name, self._prefix)
        return self._patcher.patch(getattr(self._real, name))


class Patcher:
    """Rebuilds functions, each once, for one run.

    Args:
        session: the run; the files of rebuilt functions are noted there.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.functions: dict[int, FunctionType] = {}
        self.globals: dict[int, dict[str, Any]] = {}
        self.modules: dict[int, _Module] = {}
        self.copies = Copies(self.patch, _is_users)
        self.alive: list[Any] = []

    def patch(self, value: Any) -> Any:
        """What stands for a value that the user's function can see."""
        if isinstance(value, ModuleType):
            return self._module(value)
        if isinstance(value, FunctionType) and _is_users(value.__code__.co_filename):
            return self.function(value)
        if isinstance(value, np.vectorize):
            return Vectorized(self.patch(value.pyfunc))
        found = replacement(value)
        found = self.copies.of(value) if found is None else found
        return value if found is None else found

    def _module(self, module: ModuleType) -> ModuleType:
        known = module in (np, math, np.linalg, builtins) or module.__name__ in ("scipy", "scipy.special")
        if not known and not _is_users(getattr(module, "__file__", None) or ""):
            return module
        if id(module) not in self.modules:
            self.modules[id(module)] = _Module(self, module, "linalg." if module is np.linalg else "")
        return self.modules[id(module)]

    def function(self, function: FunctionType) -> FunctionType:
        """The function with patched globals, closure, defaults and loops."""
        if id(function) in self.functions:
            return self.functions[id(function)]
        code = rewritten(function)
        if code.co_filename != adapters.__file__:
            self.session.files.add(code.co_filename)
        cells = {name: CellType() for name in function.__code__.co_freevars}
        names = self._globals(function.__globals__)
        new = FunctionType(code, names, function.__name__, None, tuple(cells[name] for name in code.co_freevars))
        self.functions[id(function)] = new
        self.alive.append(function)
        self._fill(names, function.__globals__, code)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            if _filled(cell):
                held = cell.cell_contents
                handed = code.co_filename == adapters.__file__ and isinstance(held, FunctionType)  # the code to be checked, wherever it lives
                cells[name].cell_contents = self.function(held) if handed else self.patch(held)
        new.__defaults__ = None if function.__defaults__ is None else tuple(map(self.patch, function.__defaults__))
        new.__kwdefaults__ = {name: self.patch(value) for name, value in (function.__kwdefaults__ or {}).items()} or None
        return new

    def _globals(self, real: dict[str, Any]) -> dict[str, Any]:
        if id(real) not in self.globals:
            names = {name: value for name, value in real.items() if name.startswith("__")} | _HELPERS
            self.globals[id(real)] = {**names, "__builtins__": {**BUILTINS, "__import__": self._import}}
        return self.globals[id(real)]

    def _fill(self, names: dict[str, Any], real: dict[str, Any], code: CodeType) -> None:
        """Patch the global names that the code uses."""
        for name in code.co_names:
            if name in real and name not in names:
                names[name] = real[name]
                names[name] = self.patch(real[name])
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._fill(names, real, constant)

    def _import(self, name: str, outer: Mapping[str, Any] | None = None, local: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        found = __import__(name, outer, local, fromlist, level)
        if name in sys.modules and not fromlist and "." not in name:
            return self.patch(found)
        return self.patch(found) if isinstance(found, ModuleType) else found


def _filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _is_users(file: str) -> bool:
    """Whether a file is the user's own: not of the standard library, of an installed package or of derive, save what adapts it."""
    return file == adapters.__file__ or (bool(file) and not file.startswith((*_LIBRARIES, "<frozen", _OURS)))


_OURS = __file__.rpartition("check")[0]
