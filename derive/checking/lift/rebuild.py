"""Rebuilds a function so that its `np`, its builtins and its helpers work on symbolic values; the user's module is never changed.

What the names mean is said by a subclass: one for arrays of symbolic sizes, one for symbolic entries at concrete sizes.
"""

from __future__ import annotations

import builtins
import math
import sysconfig
from collections.abc import Mapping
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, ClassVar

import numpy as np

from derive.checking import adapters
from derive.checking.lift.objects import Copies
from derive.checking.lift.session import Session

__all__ = ["Rebuilder"]

_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_SCIPY = ("scipy", "scipy.special")
_OURS = __file__.rpartition("checking")[0]


class _Module(ModuleType):
    """Stands for a module: its attributes are patched when they are asked for."""

    def __init__(self, rebuilder: Rebuilder, real: ModuleType) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_rebuilder=rebuilder, _real=real)

    def __getattr__(self, name: str) -> Any:
        return self._rebuilder.attribute(self._real, name)


class Rebuilder:
    """Rebuilds functions, each once, for one run.

    Args:
        session: the run; the files of rebuilt functions are noted there.

    Attributes:
        builtins: Python's own names.
        helpers: further global names.
    """

    builtins: ClassVar[Mapping[str, Any]] = {}
    helpers: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, session: Session) -> None:
        self.session = session
        self.functions: dict[int, FunctionType] = {}
        self.globals: dict[int, dict[str, Any]] = {}
        self.modules: dict[int, _Module] = {}
        self.copies = Copies(self.patch, _is_users)
        self.alive: list[Any] = []

    # ------------------------------------------------------------------------------------------- what the subclasses say

    def stand_in(self, value: Any) -> Any:
        """What stands for a function or a number of Python's or NumPy's; None where nothing does."""
        return None

    def attribute(self, module: ModuleType, name: str) -> Any:
        """What module.name is."""
        return self.patch(getattr(module, name))

    def code(self, function: FunctionType) -> CodeType:
        """The code that is run in place of the function's own."""
        return function.__code__

    # ------------------------------------------------------------------------------------------- rebuilding

    def patch(self, value: Any) -> Any:
        """What stands for a value that the user's function can see."""
        if isinstance(value, ModuleType):
            return self._module(value)
        if isinstance(value, FunctionType) and _is_users(value.__code__.co_filename):
            return self.function(value)
        found = self.stand_in(value)
        found = self.copies.of(value) if found is None else found
        return value if found is None else found

    def patched(self, function: FunctionType | MethodType) -> Any:
        """The function that is run, wherever it is defined."""
        if isinstance(function, FunctionType):
            return self.function(function)
        inner = function.__func__
        return MethodType(self.function(inner), self.patch(function.__self__)) if isinstance(inner, FunctionType) else self.patch(function)

    def _module(self, module: ModuleType) -> ModuleType:
        known = module in (np, math, np.linalg, builtins) or module.__name__ in _SCIPY or module.__name__.startswith("numpy.lib")
        if not known and not _is_users(getattr(module, "__file__", None) or ""):
            return module
        if id(module) not in self.modules:
            self.modules[id(module)] = _Module(self, module)
        return self.modules[id(module)]

    def function(self, function: FunctionType) -> FunctionType:
        """The function with patched globals, closure, defaults and loops."""
        if id(function) in self.functions:
            return self.functions[id(function)]
        code = self.code(function)
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
            names = {name: value for name, value in real.items() if name.startswith("__")} | dict(self.helpers)
            self.globals[id(real)] = {**names, "__builtins__": {**self.builtins, "__import__": self._import}}
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
        return self.patch(found) if isinstance(found, ModuleType) else found


def _filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _is_users(file: str) -> bool:
    """Whether a file is the user's own: not of the standard library, of an installed package or of derive, save what adapts it."""
    return file == adapters.__file__ or (bool(file) and not file.startswith((*_LIBRARIES, "<frozen", _OURS)))
