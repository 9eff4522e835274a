"""What a mask that depends on the data selects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from derive.checking.exact.numbers import Number, is_number
from derive.checking.lift.session import refuse

__all__ = ["Chosen", "MaskIndex", "same_mask"]


def same_mask(u: np.ndarray, v: np.ndarray) -> bool:
    """Whether two plain arrays of conditions are the same."""
    return u.shape == v.shape and all(p.expr is q.expr for p, q in zip(u.ravel(), v.ravel()))


class MaskIndex:
    """np.where(mask) and np.nonzero(mask), usable as an index."""

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask


class Chosen:
    """a[mask] for a mask that depends on the data: how many entries it has is not known, but each can be computed with and stored again.

    Attributes:
        values: the whole array.
        conditions: for each of its entries, whether it is selected.
    """

    __array_priority__ = 2000.0

    def __init__(self, values: Any, conditions: np.ndarray) -> None:
        self.values, self.conditions = values, conditions

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "reduce" and ufunc is np.add and kwargs.get("axis", 0) in (None, 0) and np.ndim(self.conditions) == 1:
            return self.sum()
        if method != "__call__" or kwargs:
            refuse(f"{ufunc.__name__} of a selection by a mask")
        return Chosen(Number.ufunc(ufunc, method, *map(self._whole, inputs)), self.conditions)

    def _whole(self, value: Any) -> Any:
        if isinstance(value, Chosen):
            if not same_mask(value.conditions, self.conditions):
                refuse("two selections by different masks are combined")
            return value.values
        if not is_number(value):
            refuse("a selection by a mask is combined with an array")
        return value

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.sum and len(args) == 1 and not kwargs:
            return self.sum()
        return refuse(f"{function.__name__} of a selection by a mask")

    def sum(self) -> Any:
        """The sum of what the mask selects."""
        return Number.function("sum", (Number.function("where", (self.conditions, self.values, 0), {}),), {})

    def mean(self) -> Any:
        """Their mean; undefined where the mask selects nothing."""
        return self.sum() / Number.function("sum", (self.conditions,), {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return refuse(f".{name} of a selection by a mask")


def _operator(ufunc: Any, swapped: bool) -> Callable[..., Any]:
    def method(self: Chosen, other: Any) -> Any:
        return ufunc(other, self) if swapped else ufunc(self, other)

    return method


for _name, _ufunc in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power}.items():
    setattr(Chosen, f"__{_name}__", _operator(_ufunc, False))
    setattr(Chosen, f"__r{_name}__", _operator(_ufunc, True))
