"""What a mask that depends on the data selects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from derive.checking.exact.numbers import Number, as_number, is_number
from derive.checking.lift.session import refuse

__all__ = ["Chosen", "MaskIndex", "MaskPart", "mask_of", "same_mask"]


def same_mask(u: np.ndarray, v: np.ndarray) -> bool:
    """Whether two plain arrays of conditions are the same."""
    return u.shape == v.shape and all(p.expr is q.expr for p, q in zip(u.ravel(), v.ravel()))


class MaskIndex:
    """np.where(mask) and np.nonzero(mask), usable as an index, and taken apart."""

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask

    def __len__(self) -> int:
        return self.mask.ndim

    def __getitem__(self, axis: int) -> MaskPart:
        return MaskPart(self.mask, range(self.mask.ndim)[axis])

    def __iter__(self) -> Iterator[MaskPart]:
        return (self[axis] for axis in range(len(self)))


class MaskPart:
    """The places along one axis at which a mask holds; usable as an index together with those along the other axes."""

    def __init__(self, mask: np.ndarray, axis: int) -> None:
        self.mask, self.axis = mask, axis

    @property
    def size(self) -> Any:
        """How many there are."""
        return Number.function("sum", (self.mask,), {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return refuse("the places where a mask holds depend on the data")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return refuse("the places where a mask holds depend on the data")


def mask_of(key: Any) -> np.ndarray | None:
    """The mask that np.nonzero, or all of its parts in order, stand for; None where the index is something else."""
    if isinstance(key, MaskIndex):
        return key.mask
    parts = key if isinstance(key, tuple) else (key,)
    if not any(isinstance(part, MaskPart) for part in parts):
        return None
    first = next(part.mask for part in parts if isinstance(part, MaskPart))
    whole = len(parts) == first.ndim and all(isinstance(part, MaskPart) and part.axis == axis for axis, part in enumerate(parts))
    if not whole or not all(same_mask(part.mask, first) for part in parts):
        refuse("the places where a mask holds, beside other indices")
    return first


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
        if function in (np.sum, np.mean, np.size) and len(args) == 1 and not kwargs:
            return {np.sum: self.sum, np.mean: self.mean, np.size: lambda: self.size}[function]()
        if function in (np.dot, np.inner, np.vdot) and isinstance(args[0], Chosen) and not kwargs:
            return args[0].dot(args[1])
        return refuse(f"{function.__name__} of a selection by a mask")

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, Chosen) or np.ndim(self.conditions) != 1:
            refuse("an entry of a selection by a mask")
        inside = Number.ufunc("bitwise_and", "__call__", self.conditions, self._whole(key))
        return Chosen(self.values, np.asarray(np.frompyfunc(as_number, 1, 1)(inside.view(np.ndarray)), dtype=object))

    @property
    def size(self) -> Any:
        """How many entries it has."""
        return Number.function("sum", (self.conditions,), {})

    @property
    def shape(self) -> tuple[Any, ...]:
        """How many entries it has, of an array with one axis."""
        return (self.size,) if np.ndim(self.conditions) == 1 else refuse("the shape of a selection by a mask")

    def dot(self, other: Any) -> Any:
        """The inner product with another selection by the same mask."""
        if np.ndim(self.conditions) != 1 or not isinstance(other, Chosen):
            refuse("this product of a selection by a mask")
        return self.__array_ufunc__(np.multiply, "__call__", self, other).sum()

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


_BINARY: dict[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "and": np.bitwise_and, "or": np.bitwise_or,
}  # fmt: skip
_UNARY: dict[str, Any] = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}

for _name, _ufunc in _BINARY.items():
    setattr(Chosen, f"__{_name}__", _operator(_ufunc, False))
    setattr(Chosen, f"__r{_name}__", _operator(_ufunc, True))
for _name, _ufunc in _UNARY.items():
    setattr(Chosen, f"__{_name}__", lambda self, _ufunc=_ufunc: _ufunc(self))
setattr(Chosen, "__matmul__", Chosen.dot)  # noqa: B010  # like the operators above
