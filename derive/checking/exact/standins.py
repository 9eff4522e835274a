"""What stands for np.vectorize, np.r_, np.c_, np.piecewise and NumPy's float types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from derive.checking.exact.entries import kind_of, plain, result, symbolic
from derive.checking.exact.numbers import Count, Number, as_number
from derive.checking.exact.table import call
from derive.checking.lift.session import refuse

__all__ = ["Joined", "Real", "Vectorized", "piecewise"]


class Vectorized:
    """np.vectorize(function)."""

    def __init__(self, pyfunc: Callable[..., Any], otypes: Any = None, **kwargs: Any) -> None:
        if kwargs:
            refuse("np.vectorize with options")
        self.pyfunc, self.otypes = pyfunc, otypes

    def __call__(self, *values: Any) -> Any:
        """The function of each entry; NumPy gives all entries the type of the first."""
        arrays = np.broadcast_arrays(*map(plain, values))
        out = np.empty(arrays[0].shape, dtype=object)
        for place in np.ndindex(out.shape):
            out[place] = as_number(self.pyfunc(*(array[place] for array in arrays)))
        if self.otypes is not None:
            return call("astype", (result(out), self.otypes[0]), {})
        if len({number.kind for number in out.ravel()}) > 1:
            refuse("a function gives a float on some entries and an integer on others: NumPy takes the type of the first")
        return result(out)


class Joined:
    """np.r_ and np.c_."""

    def __init__(self, name: str, real: Any) -> None:
        self.name, self.real = name, real

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not any(map(symbolic, parts)):
            return self.real[key]
        if any(isinstance(part, (slice, str)) for part in parts):
            refuse("np.r_ or np.c_ of slices")
        rows = [call("atleast_1d", (result(plain(part)),), {}) for part in parts]
        return call(self.name, (rows,), {})


class Real(type):
    """Stands for a type of floats: the same `isinstance` and dtype, but a symbolic number stays one."""

    real_type: type
    arrays: bool

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.real_type) or (isinstance(value, Number) and value.kind == "float")

    def __call__(cls, *args: Any) -> Any:
        """The conversion."""
        if len(args) == 1 and (symbolic(args[0]) or isinstance(args[0], Count)):
            return call("astype", (args[0] if cls.arrays else call("item", args, {}), float), {})
        return cls.real_type(*args)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.real_type, name)


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kwargs: Any) -> Any:
    """np.piecewise: each function of what its condition selects, the last one of the rest; the kind is that of x."""
    conditions = [condlist] if not isinstance(condlist, (list, tuple)) else list(condlist)
    out = call("zeros_like", (x,), {})
    functions = list(funclist)
    if len(functions) == len(conditions) + 1:
        rest = functions.pop()
        covered = conditions[0]
        for condition in conditions[1:]:
            covered = covered | condition
        conditions, functions = [*conditions, ~covered], [*functions, rest]
    if len(functions) != len(conditions) or kind_of(plain(x)) != "float":
        refuse("np.piecewise of this")
    for condition, function in zip(conditions, functions):
        out[condition] = function(x[condition], *args, **kwargs) if callable(function) else function
    return out
