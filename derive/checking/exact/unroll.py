"""Formulas for all sizes, written out at concrete sizes: sums become terms, labels become numbers.

Legend: an entry of an argument is At(name, (Num, …)); an index is a number.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from derive.checking.lift.session import CannotLift
from derive.derivation import Argument, Definition
from derive.index import (
    ONE,
    ZERO,
    At,
    Const,
    Delta,
    Digit,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    MatrixFn,
    Mul,
    Num,
    Size,
    Sum,
    Where,
    add,
    mul,
    num,
    power,
    rebuild,
)

__all__ = ["symbols", "unrolled"]

_MINUS_INFINITY, _INFINITY = Const("-inf"), Const("inf")
_COMPARE: dict[str, Callable[[Fraction], bool]] = {">": lambda u: u > 0, ">=": lambda u: u >= 0, "=": lambda u: u == 0}
_LARGEST = 4
Places = Mapping[Index, int]


def unrolled(
    definitions: Sequence[Definition], body: Expr, indices: tuple[Index, ...], sizes: Mapping[str, int], labels: Mapping[str, np.ndarray]
) -> np.ndarray:
    """A body over indices as an object array of expressions in the entries of the arguments.

    Args:
        definitions: named arrays that the body is made of.
        body, indices: the array.
        sizes: the value of each symbolic size.
        labels: the arrays of numbers, by name.
    """
    unroller = _Unroller(definitions, sizes, labels)
    shape = tuple(unroller.size(index.size) for index in indices)
    out = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        out[place] = unroller.value(body, dict(zip(indices, place)))
    return out


def symbols(argument: Argument, sizes: Mapping[str, int]) -> np.ndarray:
    """The entries of an argument, as expressions."""
    unroller = _Unroller((), sizes, {})
    shape = tuple(unroller.size(size) for size in argument.shape)
    out = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        out[place] = At(argument.name, tuple(map(num, place)), argument.kind)
    return out


class _Unroller:
    def __init__(self, definitions: Sequence[Definition], sizes: Mapping[str, int], labels: Mapping[str, np.ndarray]) -> None:
        self.definitions = {d.name: d for d in definitions}
        self.sizes, self.labels = sizes, labels
        self.memo: dict[Any, Expr] = {}

    def size(self, node: Expr) -> int:
        return self.number(node, {})

    def number(self, node: Expr, at: Places) -> int:
        found = self.value(node, at)
        if not isinstance(found, Num) or found.value.denominator > 1:
            raise CannotLift("an index or a size is no whole number")
        return int(found.value)

    def value(self, node: Expr, at: Places) -> Expr:
        """The node with its free indices at these places."""
        key = (node, tuple((index, at[index]) for index in node.free))
        if key not in self.memo:
            self.memo[key] = self._value(node, at)
        return self.memo[key]

    def _value(self, node: Expr, at: Places) -> Expr:
        if isinstance(node, Size):
            return num(self.sizes[node.name])
        if isinstance(node, Index):
            return num(at[node])
        if isinstance(node, At):
            return self._entry(node, at)
        if isinstance(node, Digit):
            return num(self._digit(node, at))
        if isinstance(node, Mul):
            return self._product(node, at)
        if isinstance(node, Sum):
            return self._gathered(self._all(node, at))
        if isinstance(node, Extremum):
            return _extremum(node.args[0], self._all(node, at))
        if isinstance(node, MatrixFn):
            return self._matrix(node, at)
        if isinstance(node, Where):
            condition = self.value(node.args[0], at)
            if isinstance(condition, Num):
                return self.value(node.args[1 if condition.value else 2], at)
        found = rebuild(node, lambda part: self.value(part, at)) if node.args else node
        return _folded(found)

    def _digit(self, node: Expr, at: Places) -> int:
        index, sizes, k = node.args
        after = math.prod(self.number(size, at) for size in sizes[k + 1 :])
        return self.number(index, at) // after % self.number(sizes[k], at)

    def _product(self, node: Expr, at: Places) -> Expr:
        """A product; a condition that fails hides what is undefined, or out of its array, beside it."""
        first = [self.value(u, at) for u in node.args[0] if isinstance(u, (Delta, Iverson))]
        if any(u is ZERO for u in first):
            return ZERO
        return _folded(mul(*(self.value(u, at) for u in node.args[0])))

    def _entry(self, node: At, at: Places) -> Expr:
        place = tuple(self.number(index, at) for index in node.indices)
        if node.name in self.definitions:
            d = self.definitions[node.name]
            return self.value(d.body, dict(zip(d.indices, place)))
        if any(index < 0 for index in place):
            raise CannotLift(f"{node.name} has no entry {place}")
        if node.name in self.labels:
            return num(Fraction(_label(node, np.asarray(self.labels[node.name]), place)))
        return At(node.name, tuple(map(num, place)), node.kind)

    def _matrix(self, node: MatrixFn, at: Places) -> Expr:
        """An entry of an inverse by cofactors, or log |det|, of a small matrix."""
        n = self.number(node.bound[0].size, at)
        if n > _LARGEST:
            raise CannotLift(f"a matrix of {n} rows is too large to be written out")
        flat = list(self._all(node, at))
        rows = [flat[r * n:(r + 1) * n] for r in range(n)]
        whole = _determinant(rows)
        if node.args[0] == "logdet":
            return Fn("log", (Fn("abs", (whole,)),))
        r, c = (self.number(index, at) for index in node.args[1])
        minor = [[u for k, u in enumerate(row) if k != r] for j, row in enumerate(rows) if j != c]
        return _folded(mul(num((-1) ** (r + c)), _determinant(minor), power(whole, -1)))

    def _all(self, node: Sum | Extremum | MatrixFn, at: Places) -> Iterator[Expr]:
        ranges = [range(self.number(index.size, at)) for index in node.bound]
        for place in itertools.product(*ranges):
            yield self.value(node.body, {**at, **dict(zip(node.bound, place))})

    @staticmethod
    def _gathered(parts: Iterator[Expr]) -> Expr:
        return _folded(add(*parts))


def _determinant(rows: list[list[Expr]]) -> Expr:
    """Along the first row."""
    if not rows:
        return ONE
    minors = [[row[:k] + row[k + 1:] for row in rows[1:]] for k in range(len(rows))]
    return _folded(add(*(_folded(mul(num((-1) ** k), u, _determinant(m))) for k, (u, m) in enumerate(zip(rows[0], minors)))))


def _label(node: At, array: np.ndarray, place: tuple[int, ...]) -> int:
    if any(n >= size for n, size in zip(place, array.shape)):
        raise CannotLift(f"{node.name} has no entry {place}")
    return int(array[place])


def _extremum(which: str, parts: Iterator[Expr]) -> Expr:
    """The largest or smallest; masked entries play no part."""
    masked = _MINUS_INFINITY if which == "max" else _INFINITY
    found = [part for part in dict.fromkeys(parts) if part is not masked]
    return functools.reduce(lambda u, v: _folded(Fn(which, (u, v))), found) if found else masked


def _folded(node: Expr) -> Expr:
    """A sum, product, function or comparison of numbers, worked out."""
    if isinstance(node, Mul):
        return _factors(node)
    if isinstance(node, (Fn, Iverson, Delta, Where)):
        return _of_numbers(node)
    parts = node.args[0] if node.args and isinstance(node.args[0], tuple) else ()
    numbers = [part for part in parts if isinstance(part, Num)]
    if len(numbers) > 1:
        rest = [part for part in parts if not isinstance(part, Num)]
        return add(*rest, num(sum((part.value for part in numbers), Fraction(0))))
    return node


def _factors(node: Expr) -> Expr:
    value, rest = Fraction(1), []
    for part in node.args[0]:
        if isinstance(part, Num):
            value *= part.value
        else:
            rest.append(part)
    return ZERO if not value else mul(num(value), *rest)


def _of_numbers(node: Expr) -> Expr:
    if isinstance(node, Iverson) and isinstance(node.args[1], Num):
        return ONE if _COMPARE[node.args[0]](node.args[1].value) else ZERO
    if isinstance(node, Delta) and all(isinstance(part, Num) for part in node.args):
        return ONE if node.args[0] is node.args[1] else ZERO
    if isinstance(node, Where) and isinstance(node.args[0], Num):
        chosen: Expr = node.args[1 if node.args[0].value else 2]
        return chosen
    if isinstance(node, Fn) and node.args[0] == "exp" and node.args[1][0] in (_MINUS_INFINITY, ZERO):
        return ONE if node.args[1][0] is ZERO else ZERO
    if isinstance(node, Fn) and node.args[0] in ("max", "min") and all(isinstance(part, Num) for part in node.args[1]):
        return num((max if node.args[0] == "max" else min)(part.value for part in node.args[1]))
    return node


