"""Copies of the user's containers, classes and objects, with everything in them patched: the user's own are never changed."""

from __future__ import annotations

import abc
import functools
import sys
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import numpy as np

__all__ = ["Copies"]

_KEPT = {"__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__annotations__", "__firstlineno__", "__static_attributes__"}


class Copies:
    """Copies each thing once.

    Args:
        patch: what stands for a value that the user's code can see.
        users: whether a file is the user's own.
    """

    def __init__(self, patch: Callable[[Any], Any], users: Callable[[str], bool]) -> None:
        self.patch, self.users = patch, users
        self.made: dict[int, Any] = {}
        self.alive: list[Any] = []

    def of(self, value: Any) -> Any:
        """The copy, or None where the value is no container, class or object of the user's."""
        if id(value) in self.made:
            return self.made[id(value)]
        make = self._maker(value)
        return None if make is None else make(value)

    def once(self, value: Any, copied: Callable[[Any], Any]) -> Any:
        """The copy that is made of a value, the same one each time."""
        return self.made[id(value)] if id(value) in self.made else self._keep(value, copied(value))

    def _maker(self, value: Any) -> Callable[[Any], Any] | None:
        if type(value) in (list, dict, set, tuple):
            return self._container
        if type(value) is np.ndarray:
            return lambda array: self.once(array, np.copy)
        if isinstance(value, functools.partial):
            return lambda part: functools.partial(self.patch(part.func), *map(self.patch, part.args), **self._dict(part.keywords))
        if isinstance(value, MethodType) and isinstance(value.__func__, FunctionType):
            return lambda method: MethodType(self.patch(method.__func__), self.patch(method.__self__))
        if isinstance(value, type):
            return self._class if self._rebuilt(value) else None
        if isinstance(value, property):
            return lambda one: property(*(None if f is None else self.patch(f) for f in (one.fget, one.fset, one.fdel)))
        if isinstance(value, (staticmethod, classmethod)):
            return lambda one: type(one)(self.patch(one.__func__))
        return self._object if self._rebuilt(type(value)) and hasattr(value, "__dict__") else None

    def _keep(self, value: Any, copy: Any) -> Any:
        self.alive.append(value)
        self.made[id(value)] = copy
        return copy

    def _dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        return {key: self.patch(part) for key, part in value.items()}

    def _container(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(self.patch, value))
        copy = self._keep(value, type(value)())
        if isinstance(copy, dict):
            copy.update(self._dict(value))
        elif isinstance(copy, list):
            copy.extend(map(self.patch, value))
        else:
            copy.update(value)
        return copy

    def _rebuilt(self, cls: type) -> bool:
        """Whether it is a plain class that the user wrote."""
        module = sys.modules.get(cls.__module__)
        plain = type(cls) in (type, abc.ABCMeta) and not issubclass(cls, (tuple, BaseException)) and "__slots__" not in vars(cls)
        return plain and cls.__module__ != "builtins" and self.users(getattr(module, "__file__", None) or "")

    def _class(self, cls: type) -> type:
        bases = tuple(self.patch(base) if self._rebuilt(base) else base for base in cls.__bases__)
        copy: type = self._keep(cls, type(cls)(cls.__name__, bases, {"__module__": cls.__module__, "__qualname__": cls.__qualname__}))
        for name, value in vars(cls).items():
            if name not in _KEPT:
                setattr(copy, name, self.patch(value))
        return copy

    def _object(self, value: Any) -> Any:
        copy = self._keep(value, object.__new__(self.patch(type(value))))
        copy.__dict__.update(self._dict(vars(value)))
        return copy
