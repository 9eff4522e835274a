"""Index expressions written out at concrete sizes as plain SymPy: every sum term by term, every entry a symbol of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import sympy

from derive.derivation import Definition
from derive.index import Add, At, Const, Delta, Expr, Extremum, Fn, Index, Iverson, MatrixFn, Mul, Num, Pow, Size, Stop, Sum, Where
from derive.rules import FUNCTIONS

PLAIN: Mapping[str, Callable[..., Any]] = {
    "logistic": lambda u: 1 / (1 + sympy.exp(-u)),
    "softplus": lambda u: sympy.log(1 + sympy.exp(u)),
    "logaddexp": lambda u, v: sympy.log(sympy.exp(u) + sympy.exp(v)),
    "digamma": lambda u: sympy.polygamma(0, u),
}
"""Functions whose row has a SymPy class of its own, in SymPy's own functions."""


class Unroller:
    """Writes expressions out.

    Args:
        sizes: the value of each symbolic size.
        labels: integer arrays by name.
        definitions: named arrays, which are written out too.
    """

    def __init__(self, sizes: Mapping[str, int], labels: Mapping[str, Any] | None = None, definitions: Iterable[Definition] = ()) -> None:
        self.sizes, self.labels = sizes, labels or {}
        self.definitions = {d.name: d for d in definitions}
        self.stopped: dict[Any, Any] = {}

    def entries(self, node: Expr, indices: tuple[Index, ...]) -> dict[tuple[int, ...], Any]:
        """The expression at all values of its free indices."""
        places = itertools.product(*(range(int(self(i.size, {}))) for i in indices))
        return {place: self(node, dict(zip(indices, place))) for place in places}

    def __call__(self, node: Expr, at: Mapping[Index, int]) -> Any:
        """The expression with its free indices at these values."""
        return getattr(self, "_" + type(node).__name__.lower())(node, at)

    def released(self, value: Any) -> Any:
        """The value with what was held constant written out."""
        while value.has(*self.stopped):
            value = value.subs(self.stopped)
        return value

    def _num(self, node: Num, at: Mapping[Index, int]) -> Any:
        return sympy.Rational(node.value.numerator, node.value.denominator)

    def _const(self, node: Const, at: Mapping[Index, int]) -> Any:
        return {"pi": sympy.pi}[node.args[0]]

    def _size(self, node: Size, at: Mapping[Index, int]) -> Any:
        return sympy.Integer(self.sizes[node.name])

    def _index(self, node: Index, at: Mapping[Index, int]) -> Any:
        return sympy.Integer(at[node])

    def _at(self, node: At, at: Mapping[Index, int]) -> Any:
        place = tuple(int(self(i, at)) for i in node.indices)
        if node.name in self.labels:
            return sympy.Integer(int(np.asarray(self.labels[node.name])[place]))
        if node.name in self.definitions:
            d = self.definitions[node.name]
            return self(d.body, dict(zip(d.indices, place)))
        return entry(node.name, place)

    def _add(self, node: Add, at: Mapping[Index, int]) -> Any:
        return sympy.Add(*(self(u, at) for u in node.args[0]))

    def _mul(self, node: Mul, at: Mapping[Index, int]) -> Any:
        return sympy.Mul(*(self(u, at) for u in node.args[0]))

    def _pow(self, node: Pow, at: Mapping[Index, int]) -> Any:
        return self(node.args[0], at) ** sympy.Rational(node.args[1].numerator, node.args[1].denominator)

    def _fn(self, node: Fn, at: Mapping[Index, int]) -> Any:
        name, args = node.args
        return PLAIN.get(name, FUNCTIONS[name].sympy)(*(self(u, at) for u in args))

    def _delta(self, node: Delta, at: Mapping[Index, int]) -> Any:
        return sympy.Integer(int(self(node.args[0], at) == self(node.args[1], at)))

    def _iverson(self, node: Iverson, at: Mapping[Index, int]) -> Any:
        u = self(node.args[1], at)
        return sympy.Piecewise((1, {">": u > 0, ">=": u >= 0, "=": sympy.Eq(u, 0)}[node.args[0]]), (0, True))

    def _where(self, node: Where, at: Mapping[Index, int]) -> Any:
        test, u, v = (self(part, at) for part in node.args)
        return sympy.Piecewise((u, sympy.Ne(test, 0)), (v, True))

    def _stop(self, node: Stop, at: Mapping[Index, int]) -> Any:
        held = sympy.Dummy("held", real=True)
        self.stopped[held] = self(node.args[0], at)
        return held

    def _sum(self, node: Sum, at: Mapping[Index, int]) -> Any:
        return sympy.Add(*self._bound(node, at))

    def _extremum(self, node: Extremum, at: Mapping[Index, int]) -> Any:
        return (sympy.Max if node.args[0] == "max" else sympy.Min)(*self._bound(node, at))

    def _matrixfn(self, node: MatrixFn, at: Mapping[Index, int]) -> Any:
        n = int(self(node.bound[0].size, at))
        whole = sympy.Matrix(n, n, self._bound(node, at))
        if node.args[0] == "logdet":
            return sympy.log(sympy.Abs(whole.det()))
        return whole.inv()[tuple(int(self(i, at)) for i in node.args[1])]

    def _bound(self, node: Any, at: Mapping[Index, int]) -> list[Any]:
        places = itertools.product(*(range(int(self(b.size, at))) for b in node.bound))
        return [self(node.body, {**at, **dict(zip(node.bound, place))}) for place in places]


def entry(name: str, place: tuple[int, ...]) -> Any:
    """The symbol of one entry."""
    return sympy.Symbol(f"{name}{list(place)}", real=True)


def numbers(values: Iterable[Any], seed: int = 0) -> dict[Any, Any]:
    """A rational number for each symbol that occurs, all different, of both signs, away from 0."""
    symbols = sorted(set().union(*(value.free_symbols for value in values)), key=lambda s: s.name)
    order = np.random.default_rng(seed).permutation(len(symbols))
    return {s: sympy.Rational(int(3 * k + 2) * (-1) ** int(k), 7) / (1 + len(symbols) // 4) for s, k in zip(symbols, order)}


def assert_same(left: Any, right: Any, point: Mapping[Any, Any]) -> None:
    """Two SymPy expressions have the same value at a point, to 25 digits."""
    difference = (sympy.sympify(left) - sympy.sympify(right)).subs(point)
    scale = 1 + abs(sympy.sympify(right).subs(point).evalf(40))
    assert abs(difference.evalf(40)) < sympy.Float("1e-25") * scale, f"{left} is not {right} at {point}"
