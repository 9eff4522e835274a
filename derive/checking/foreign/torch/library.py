"""torch's modules as the user's function sees them while it is lifted, and the rebuilding of functions that use them."""

from __future__ import annotations

import math
import sys
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from derive.checking.foreign.torch.tensors import FRESH, Tensor, apply
from derive.checking.lift.arrays import symbolic
from derive.checking.lift.patch import Patcher
from derive.checking.lift.python import BUILTINS
from derive.checking.lift.session import refuse

__all__ = ["TorchPatcher"]

# Python's functions that would treat a tensor as a NumPy array.
_GUARDED = ("sum", "max", "min", "round", "divmod", "sorted", "map", "filter", "reversed")


def _tensors(values: Any) -> bool:
    return any(isinstance(value, Tensor) or (isinstance(value, (list, tuple)) and _tensors(value)) for value in values)


def _guarded(function: Any) -> Any:
    """A function of NumPy or Python that refuses tensors."""
    if isinstance(function, type) or not callable(function):
        return function

    def apply_to_numbers(*values: Any, **named: Any) -> Any:
        if _tensors((*values, *named.values())):
            refuse(f"{getattr(function, '__name__', 'a function')} of NumPy or Python was given a tensor")
        return function(*values, **named)

    return apply_to_numbers


def _isinstance(value: Any, kinds: Any) -> bool:
    """A tensor of ours counts as torch.Tensor in the user's own code, and in no other."""
    if not isinstance(value, Tensor):
        return isinstance(value, kinds)
    wanted = sys.modules["torch"].Tensor
    return any(issubclass(wanted, kind) for kind in (kinds if isinstance(kinds, tuple) else (kinds,)) if isinstance(kind, type))


class _Guarded(ModuleType):
    """NumPy or math, for sizes and numbers."""

    def __init__(self, inner: ModuleType) -> None:
        super().__init__(inner.__name__)
        self.__dict__["_inner"] = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return _Guarded(found) if isinstance(found, ModuleType) else _guarded(found)


class _Library(ModuleType):
    """torch, or one of its modules."""

    def __init__(self, real: ModuleType) -> None:
        super().__init__(real.__name__)
        self.__dict__["_real"] = real

    def __getattr__(self, name: str) -> Any:
        lead = "linalg_" if self._real.__name__ == "torch.linalg" else ""
        return _of_torch(getattr(self._real, name), lead + name)


def _of_torch(value: Any, name: str) -> Any:
    """What stands for something of torch's: modules, functions; classes, dtypes and constants are themselves."""
    if isinstance(value, ModuleType):
        return _Library(value)
    if isinstance(value, type) or not callable(value):
        return value

    def function(*values: Any, **named: Any) -> Any:
        if name in FRESH or _tensors((*values, *named.values())) or any(map(symbolic, (*values, *named.values()))):
            given = named.pop("input", None)
            return apply(name, *(values if given is None else (given, *values)), **named)
        found = value(*values, **named)
        return refuse(f"torch's {name} gives a tensor that is not covered") if hasattr(found, "requires_grad") else found

    function.__name__ = name
    return function


def _name_in_torch(value: Any) -> str:
    """The name of one of torch's functions; '' for anything else."""
    torch = sys.modules.get("torch")
    name = getattr(value, "__name__", "")
    if torch is None or not isinstance(name, str) or isinstance(value, type) or not callable(value):
        return ""
    if vars(torch.linalg).get(name.removeprefix("linalg_")) is value:
        return f"linalg_{name.removeprefix('linalg_')}"
    return name if any(vars(owner).get(name) is value for owner in (torch, torch.nn.functional, torch.special)) else ""


class TorchPatcher(Patcher):
    """Rebuilds functions that compute with tensors."""

    def patch(self, value: Any) -> Any:
        """What stands for a value that the user's function can see."""
        if isinstance(value, ModuleType):
            if value.__name__.split(".")[0] == "torch":
                return _Library(value)
            found = super().patch(value)
            return _Guarded(found) if value in (np, math, np.linalg) else found
        if name := _name_in_torch(value):
            return _of_torch(value, name)
        if isinstance(value, (FunctionType, type)):
            return super().patch(value)
        found = super().patch(value)
        return _guarded(found) if found is not value and callable(found) else found

    def _globals(self, real: dict[str, Any]) -> dict[str, Any]:
        names = super()._globals(real)
        inside: dict[str, Any] = names["__builtins__"]
        inside.update({name: _guarded(BUILTINS[name]) for name in _GUARDED} | {"isinstance": _isinstance})
        return names

