"""A number with 40 digits that remembers how it was computed, so that a gradient comes from one walk backwards.

This is autodiff that is neither JAX's nor derive's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import mpmath
import numpy as np

CONTEXT = mpmath.mp.clone()
CONTEXT.dps = 40
mpf = CONTEXT.mpf


def _scalar(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operation that leaves arrays to NumPy."""
    @wraps(operation)
    def guarded(self: Any, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) and other.ndim else operation(self, other)
    return guarded


class Number:
    """A value, and for each number that it came from the partial derivative."""

    __slots__ = ("parents", "value")

    def __init__(self, value: Any, parents: tuple[tuple[Number, Any], ...] = ()) -> None:
        self.value, self.parents = mpf(value), parents

    @_scalar
    def __add__(self, other: Any) -> Number:
        o = number(other)
        return Number(self.value + o.value, ((self, 1), (o, 1)))

    @_scalar
    def __sub__(self, other: Any) -> Number:
        o = number(other)
        return Number(self.value - o.value, ((self, 1), (o, -1)))

    @_scalar
    def __mul__(self, other: Any) -> Number:
        o = number(other)
        return Number(self.value * o.value, ((self, o.value), (o, self.value)))

    @_scalar
    def __truediv__(self, other: Any) -> Number:
        o = number(other)
        q = self.value / o.value
        return Number(q, ((self, 1 / o.value), (o, -q / o.value)))

    @_scalar
    def __pow__(self, power: Any) -> Number:
        p = number(power).value
        if p == int(p) and p >= 0:
            p = int(p)
            return Number(self.value**p, ((self, p * self.value ** (p - 1) if p else 0),))
        return Number(self.value**p, ((self, p * self.value ** (p - 1)),))

    __radd__ = __add__
    __rmul__ = __mul__

    @_scalar
    def __rsub__(self, other: Any) -> Number:
        return number(other) - self

    @_scalar
    def __rtruediv__(self, other: Any) -> Number:
        return number(other) / self

    def __neg__(self) -> Number:
        return Number(-self.value, ((self, -1),))

    def __abs__(self) -> Number:
        return -self if self.value < 0 else self

    def _of(self, value: Any, slope: Any) -> Number:
        return Number(value, ((self, slope),))

    def exp(self) -> Number:
        e = CONTEXT.exp(self.value)
        return self._of(e, e)

    def expm1(self) -> Number:
        return self._of(CONTEXT.expm1(self.value), CONTEXT.exp(self.value))

    def log(self) -> Number:
        return self._of(CONTEXT.log(self.value), 1 / self.value)

    def log1p(self) -> Number:
        return self._of(CONTEXT.log1p(self.value), 1 / (1 + self.value))

    def sqrt(self) -> Number:
        r = CONTEXT.sqrt(self.value)
        return self._of(r, 1 / (2 * r))

    def tanh(self) -> Number:
        t = CONTEXT.tanh(self.value)
        return self._of(t, 1 - t * t)

    def sin(self) -> Number:
        return self._of(CONTEXT.sin(self.value), CONTEXT.cos(self.value))

    def arctan(self) -> Number:
        return self._of(CONTEXT.atan(self.value), 1 / (1 + self.value**2))

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return bool(self.value != 0)

    @_scalar
    def __eq__(self, other: object) -> bool:
        return bool(self.value == number(other).value)

    @_scalar
    def __lt__(self, other: Any) -> bool:
        return bool(self.value < number(other).value)

    @_scalar
    def __le__(self, other: Any) -> bool:
        return bool(self.value <= number(other).value)

    @_scalar
    def __gt__(self, other: Any) -> bool:
        return bool(self.value > number(other).value)

    @_scalar
    def __ge__(self, other: Any) -> bool:
        return bool(self.value >= number(other).value)

    __hash__ = object.__hash__


def number(value: Any) -> Number:
    if isinstance(value, Number):
        return value
    if isinstance(value, np.ndarray) and value.dtype == object:
        return value.item()
    return Number(value.item() if isinstance(value, (np.generic, np.ndarray)) else value)


def backward(result: Number) -> dict[int, Any]:
    """The derivative of a result with respect to every number that it came from, by identity."""
    order: list[Number] = []
    seen: set[int] = set()
    stack: list[tuple[Number, bool]] = [(result, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent, _ in node.parents)
    slope: dict[int, Any] = {id(node): mpf(0) for node in order}
    slope[id(result)] = mpf(1)
    for node in reversed(order):
        for parent, partial in node.parents:
            slope[id(parent)] += slope[id(node)] * partial
    return slope
