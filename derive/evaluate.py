"""The value of an expression at concrete sizes, in high precision: an oracle that shares no algebra with the normal form.

Legend: sizes maps the names of sizes to integers; arrays maps names to nested lists or NumPy arrays.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np

from derive.derivation import Definition
from derive.index import (
    Add,
    At,
    Binder,
    Const,
    Delta,
    Digit,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    MatrixFn,
    Mono,
    Mul,
    Num,
    Poly,
    Pow,
    Size,
    Stop,
    Sum,
    Where,
    walk,
)
from derive.rules.functions import FUNCTIONS

__all__ = ["DIGITS", "Evaluator"]

DIGITS = 50
_NOISE = mpmath.mpf(10) ** -35  # what rounding leaves of a tie


class Evaluator:
    """Evaluates expressions at one point.

    Args:
        sizes: the value of each symbolic size.
        arrays: the arrays, by name; integers stay integers.
        definitions: named arrays that are computed from the others.
        digits: how many decimal digits are kept.
    """

    def __init__(self, sizes: Mapping[str, int], arrays: Mapping[str, Any], definitions: tuple[Definition, ...] = (),
                 digits: int = DIGITS) -> None:
        self.digits = digits
        self.sizes = sizes
        self.arrays = {name: np.asarray(value) for name, value in arrays.items()}
        self.definitions = {d.name: d for d in definitions}
        self.memo: dict[tuple[str, tuple[int, ...]], Any] = {}
        self.sums: dict[tuple[Expr, tuple[int, ...]], Any] = {}

    def size(self, node: Expr) -> int:
        """The value of a size."""
        return int(self.value(node, {}))

    def array(self, node: Expr, indices: tuple[Index, ...]) -> np.ndarray:
        """All entries, as an object array of numbers in high precision, with one axis for each index."""
        ranges = [range(self.size(i.size)) for i in indices]
        out = np.empty(tuple(len(r) for r in ranges), dtype=object)
        for place in itertools.product(*ranges):
            out[place] = self.value(node, dict(zip(indices, place)))
        return out

    def value(self, node: Expr, at: Mapping[Index, int]) -> Any:
        """One entry, with the free indices at these places."""
        with mpmath.workdps(self.digits):
            return self._value(node, at)

    def _value(self, node: Expr, at: Mapping[Index, int]) -> Any:
        if isinstance(node, Binder):  # a sum within a sum is worked out once for each place of its own free indices
            key = (node, tuple(at[i] for i in node.free))
            if key not in self.sums:
                self.sums[key] = _EVALUATE[type(node)](self, node, at)
            return self.sums[key]
        return _EVALUATE[type(node)](self, node, at)

    def _number(self, node: Expr, at: Mapping[Index, int]) -> Any:
        q = node.args[0]
        return q.numerator if q.denominator == 1 else mpmath.mpf(q.numerator) / q.denominator

    def _const(self, node: Expr, at: Mapping[Index, int]) -> Any:
        return {"pi": mpmath.pi(), "-inf": -mpmath.inf, "inf": mpmath.inf}[node.args[0]]

    def _size(self, node: Expr, at: Mapping[Index, int]) -> Any:
        return self.sizes[node.args[0]]

    def _index(self, node: Expr, at: Mapping[Index, int]) -> Any:
        return at[node]  # type: ignore[index]

    def _entry(self, node: Expr, at: Mapping[Index, int]) -> Any:
        assert isinstance(node, At)
        place = tuple(int(self._value(i, at)) for i in node.indices)
        if node.name in self.definitions:
            key = (node.name, place)
            if key not in self.memo:
                d = self.definitions[node.name]
                self.memo[key] = self._value(d.body, dict(zip(d.indices, place)))
            return self.memo[key]
        if any(p < 0 for p in place):
            raise IndexError(f"{node.name} has no entry {place}")
        entry = self.arrays[node.name][place]
        return int(entry) if node.kind in ("int", "bool") else entry if isinstance(entry, mpmath.mpf) else mpmath.mpf(float(entry))

    def _add(self, node: Expr, at: Mapping[Index, int]) -> Any:
        return sum((self._value(u, at) for u in node.args[0]), 0)

    def _mul(self, node: Expr, at: Mapping[Index, int]) -> Any:
        """A product; a factor of 0 that is an indicator hides what is undefined beside it, and one of integers does so first."""
        out: Any = 1
        for u in sorted(node.args[0], key=_rank):
            value = self._value(u, at)
            if value == 0 and _rank(u) < 2:
                return 0
            out = out * value
        return out

    def _pow(self, node: Expr, at: Mapping[Index, int]) -> Any:
        return _power(self._value(node.args[0], at), node.args[1])

    def _mono(self, node: Expr, at: Mapping[Index, int]) -> Any:
        pairs = sorted(node.args[0], key=lambda f: (_rank(f[0]), f[0].key))
        out: Any = 1
        for a, e in pairs:
            value = self._value(a, at)
            if value == 0 and _rank(a) < 2:
                return 0
            out = out * _power(value, e)
        return out

    def _poly(self, node: Expr, at: Mapping[Index, int]) -> Any:
        total: Any = 0
        for m, c in sorted(node.args[0], key=lambda pair: pair[0].key):
            total = total + mpmath.mpf(c.numerator) / c.denominator * self._value(m, at)
        return total

    def _function(self, node: Expr, at: Mapping[Index, int]) -> Any:
        name, args = node.args
        values = [mpmath.mpf(v) if not isinstance(v, mpmath.mpf) else v for v in (self._value(u, at) for u in args)]
        result = FUNCTIONS[name].numeric(*values)
        return mpmath.nan if isinstance(result, mpmath.mpc) else result

    def _delta(self, node: Expr, at: Mapping[Index, int]) -> Any:
        return int(self._value(node.args[0], at) == self._value(node.args[1], at))

    def _digit(self, node: Expr, at: Mapping[Index, int]) -> Any:
        i, sizes, k = node.args
        after = 1
        for n in sizes[k + 1:]:
            after *= self.size(n)
        return (int(self._value(i, at)) // after) % self.size(sizes[k])

    def _iverson(self, node: Expr, at: Mapping[Index, int]) -> Any:
        value = self._value(node.args[1], at)
        value = 0 if abs(value) < _NOISE else value
        return int({">": value > 0, ">=": value >= 0, "=": value == 0}[node.args[0]])

    def _where(self, node: Expr, at: Mapping[Index, int]) -> Any:
        return self._value(node.args[1] if self._value(node.args[0], at) else node.args[2], at)

    def _stop(self, node: Expr, at: Mapping[Index, int]) -> Any:
        return self._value(node.args[0], at)

    def _bound(self, node: Sum | Extremum | MatrixFn, at: Mapping[Index, int]) -> list[Any]:
        ranges = [range(self.size(b.size)) for b in node.bound]
        return [self._value(node.body, {**at, **dict(zip(node.bound, place))}) for place in itertools.product(*ranges)]

    def _sum(self, node: Expr, at: Mapping[Index, int]) -> Any:
        assert isinstance(node, Sum)
        return sum(self._bound(node, at), 0)

    def _extremum(self, node: Expr, at: Mapping[Index, int]) -> Any:
        assert isinstance(node, Extremum)
        return (max if node.args[0] == "max" else min)(self._bound(node, at))

    def _matrix(self, node: Expr, at: Mapping[Index, int]) -> Any:
        """An entry of an inverse, or log |det|; NaN where the matrix has no inverse."""
        assert isinstance(node, MatrixFn)
        n = self.size(node.bound[0].size)
        flat = [mpmath.mpf(u) for u in self._bound(node, at)]
        rows = [[*flat[r * n:(r + 1) * n], *(mpmath.mpf(r == c) for c in range(n))] for r in range(n)]
        determinant = _eliminated(rows, n)
        if determinant == 0:
            return mpmath.nan
        if node.args[0] == "logdet":
            return mpmath.log(abs(determinant))
        row, column = (int(self._value(i, at)) for i in node.args[1])
        return rows[row][n + column]


def _eliminated(rows: list[list[Any]], n: int) -> Any:
    """The determinant of the first n columns; they are made the identity, and the rest with them: Gauss and Jordan, with pivots."""
    product: Any = mpmath.mpf(1)
    for k in range(n):
        best = max(range(k, n), key=lambda r: abs(rows[r][k]))
        if rows[best][k] == 0:
            return mpmath.mpf(0)
        if best != k:
            rows[k], rows[best], product = rows[best], rows[k], -product
        pivot = rows[k][k]
        product = product * pivot
        rows[k] = [u / pivot for u in rows[k]]
        for r in range(n):
            if r != k and rows[r][k] != 0:
                rows[r] = [u - rows[r][k] * v for u, v in zip(rows[r], rows[k])]
    return product


def _rank(u: Expr) -> int:
    """0 for an indicator, or a sum or product of some, that compares integers; 1 for another indicator; 2 for the rest."""
    if isinstance(u, (Delta, Iverson)):
        return int(any(isinstance(part, At) and part.kind == "float" for part in walk(u)))
    if isinstance(u, (Add, Mul)) and all(isinstance(part, Num) or _rank(part) == 0 for part in u.args[0]):
        return 0
    return 2


def _power(base: Any, e: Any) -> Any:
    if e.denominator == 1:
        if base == 0 and e < 0:
            return mpmath.nan
        return mpmath.mpf(base) ** int(e)
    if base < 0 or (base == 0 and e < 0):
        return mpmath.nan
    return mpmath.power(base, mpmath.mpf(e.numerator) / e.denominator)


_EVALUATE: dict[type, Callable[..., Any]] = {
    Num: Evaluator._number, Const: Evaluator._const, Size: Evaluator._size, Index: Evaluator._index, At: Evaluator._entry,
    Add: Evaluator._add, Mul: Evaluator._mul, Pow: Evaluator._pow, Mono: Evaluator._mono, Poly: Evaluator._poly, Fn: Evaluator._function,
    Delta: Evaluator._delta, Digit: Evaluator._digit, Iverson: Evaluator._iverson, Where: Evaluator._where, Stop: Evaluator._stop,
    Sum: Evaluator._sum, Extremum: Evaluator._extremum, MatrixFn: Evaluator._matrix,
}


