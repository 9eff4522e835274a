"""The border to SymPy: an index expression as an ordinary SymPy expression.

No text is ever parsed: a user's name becomes a plain Symbol of that name, whatever it is called (I, E, S, N, Q, lambda).  Sums stay
unevaluated and deltas stay deltas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.errors import NotYet
from derive.index import (
    Add,
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
    Mono,
    Mul,
    Num,
    Partial,
    Poly,
    Pow,
    Size,
    Stop,
    Sum,
    Where,
)
from derive.render.names import Notation
from derive.sympy_masks import Choice, Indicator

__all__ = ["FUNCTIONS", "Choice", "ExtremumOver", "Indicator", "MaxOver", "MinOver", "to_sympy"]


class ExtremumOver(ExprWithLimits):
    """The largest or smallest value of an expression over ranges of indices: MaxOver(body, (i, 0, n − 1), …)."""

    is_real = True  # as everything that is searched here
    _choose: Any = None

    def __new__(cls, body: Any, *limits: Any) -> Any:
        """Build it without evaluating anything."""
        node = ExprWithLimits.__new__(cls, body, *limits)
        node.is_commutative = True
        return node

    def doit(self, **hints: Any) -> Any:
        """Max(…) or Min(…) where every limit is a number, else itself."""
        body, limits = self.function, self.limits
        if hints.get("deep", True):
            body = body.doit(**hints)
        if not all(lower.is_Integer and upper.is_Integer for _, lower, upper in limits):
            return self.func(body, *limits)
        values = [body]
        for symbol, lower, upper in limits:
            values = [value.subs(symbol, number) for value in values for number in range(int(lower), int(upper) + 1)]
        return type(self)._choose(*values)

    def _eval_evalf(self, prec: int) -> Any:
        known = self.doit()
        return None if isinstance(known, ExtremumOver) else known.evalf(prec)


class MaxOver(ExtremumOver):
    """The largest value."""

    _choose = sympy.Max


class MinOver(ExtremumOver):
    """The smallest value."""

    _choose = sympy.Min


def _logistic(u: Any) -> Any:
    return 1 / (1 + sympy.exp(-u))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "exp": sympy.exp, "log": sympy.log, "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "sinh": sympy.sinh, "cosh": sympy.cosh,
    "tanh": sympy.tanh, "atan": sympy.atan, "asin": sympy.asin, "acos": sympy.acos, "asinh": sympy.asinh, "acosh": sympy.acosh,
    "atanh": sympy.atanh, "atan2": sympy.atan2, "erf": sympy.erf, "erfc": sympy.erfc, "abs": sympy.Abs,
    "sign": sympy.sign, "max": sympy.Max, "min": sympy.Min, "sqrt": sympy.sqrt, "lgamma": sympy.loggamma, "digamma": sympy.digamma,
    "logistic": _logistic,
    "relu": lambda u: sympy.Max(u, 0),
    "softplus": lambda u: sympy.log(1 + sympy.exp(u)),
    "logaddexp": lambda u, v: sympy.log(sympy.exp(u) + sympy.exp(v)),
    "log1p": lambda u: sympy.log(1 + u),
    "expm1": lambda u: sympy.exp(u) - 1,
    "rsqrt": lambda u: 1 / sympy.sqrt(u),
    "square": lambda u: u**2,
    "pow": lambda u, v: sympy.Pow(u, v),
    "heaviside": lambda u: sympy.Heaviside(u, sympy.Rational(1, 2)),
    "polygamma": sympy.polygamma,
}
"""The SymPy meaning of each scalar function; `to_sympy` takes another table where one is given."""

_CONSTANTS: Mapping[str, Any] = {"pi": sympy.pi, "e": sympy.E, "inf": sympy.oo, "-inf": -sympy.oo}
_RELATIONS: Mapping[str, Callable[[Any], Any]] = {
    ">": lambda u: sympy.Gt(u, 0), ">=": lambda u: sympy.Ge(u, 0), "=": lambda u: sympy.Eq(u, 0),
}
_KINDS: Mapping[str, dict[str, bool]] = {"float": {"real": True}, "int": {"integer": True}, "bool": {"integer": True}}


def to_sympy(expr: Expr, notation: Notation | None = None, functions: Mapping[str, Callable[..., Any]] = FUNCTIONS) -> Any:
    """The expression in SymPy.

    An index is a nonnegative integer Symbol, an entry an Indexed of a real IndexedBase (a real Symbol for a scalar), a size a positive
    integer Symbol, δ a KroneckerDelta, a sum an unevaluated Sum from 0 to n − 1, an indicator an `Indicator`, a choice by a mask a
    `Choice`, `Stop` the undefined function stop_gradient, `Partial` an undefined function of what is differentiated and the entry.

    Args:
        expr: the expression.
        notation: the letters of the indices; pass the same one for expressions that belong together.  Two indices never share a Symbol.
        functions: the SymPy function for each scalar function by name.

    Raises:
        NotYet: for a scalar function or a constant without a meaning in SymPy.
    """
    return _Crossing(notation or Notation.of(expr), functions).cross(expr)


class _Crossing:
    def __init__(self, notation: Notation, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._notation, self._functions = notation, functions
        self._done: dict[Expr, Any] = {}

    def cross(self, expr: Expr) -> Any:
        if expr not in self._done:
            self._done[expr] = _ROWS[type(expr)](self, expr)
        return self._done[expr]

    def number(self, expr: Expr) -> Any:
        return sympy.Rational(expr.args[0].numerator, expr.args[0].denominator)

    def constant(self, expr: Expr) -> Any:
        return self._found(_CONSTANTS, expr.args[0], "constant")

    def size(self, expr: Expr) -> Any:
        return sympy.Symbol(expr.args[0], integer=True, positive=True)

    def index(self, expr: Expr) -> Any:
        assert isinstance(expr, Index)
        return sympy.Symbol(self._notation.unique(expr), integer=True, nonnegative=True)

    def entry(self, expr: Expr) -> Any:
        name, indices, kind = expr.args
        symbol = sympy.Symbol(name, **_KINDS[kind])
        return sympy.Indexed(sympy.IndexedBase(symbol), *map(self.cross, indices)) if indices else symbol

    def sum(self, expr: Expr) -> Any:
        return sympy.Add(*map(self.cross, expr.args[0]))

    def product(self, expr: Expr) -> Any:
        return sympy.Mul(*map(self.cross, expr.args[0]))

    def power(self, expr: Expr) -> Any:
        return self._raised(*expr.args)

    def _raised(self, base: Expr, exponent: Any) -> Any:
        return sympy.Pow(self.cross(base), sympy.Rational(exponent.numerator, exponent.denominator))

    def mono(self, expr: Expr) -> Any:
        return sympy.Mul(*(self._raised(*part) for part in sorted(expr.args[0], key=lambda part: (part[0].key, part[1]))))

    def poly(self, expr: Expr) -> Any:
        terms = sorted(expr.args[0], key=lambda term: term[0].key)
        return sympy.Add(*(sympy.Rational(value.numerator, value.denominator) * self.cross(mono) for mono, value in terms))

    def function(self, expr: Expr) -> Any:
        return self._found(self._functions, expr.args[0], "function")(*map(self.cross, expr.args[1]))

    def delta(self, expr: Expr) -> Any:
        return sympy.KroneckerDelta(*map(self.cross, expr.args))

    def digit(self, expr: Expr) -> Any:
        """A digit of a merged index, as floor and remainder."""
        index, sizes, k = expr.args
        whole = sympy.floor(self.cross(index) / sympy.Mul(*map(self.cross, sizes[k + 1:])))
        return sympy.Mod(whole, self.cross(sizes[k]))

    def indicator(self, expr: Expr) -> Any:
        return Indicator(self._condition(expr))

    def choice(self, expr: Expr) -> Any:
        test, yes, no = expr.args
        return Choice(self._condition(test), self.cross(yes), self.cross(no))

    def _condition(self, test: Expr) -> Any:
        if isinstance(test, Iverson):
            return _RELATIONS[test.args[0]](self.cross(test.args[1]))
        if isinstance(test, Delta):
            return sympy.Eq(*map(self.cross, test.args))
        return sympy.Ne(self.cross(test), 0)

    def stopped(self, expr: Expr) -> Any:
        return sympy.Function("stop_gradient", real=True)(self.cross(expr.args[0]))

    def partial(self, expr: Expr) -> Any:
        return sympy.Function("partial")(*map(self.cross, expr.args))

    def summed(self, expr: Expr) -> Any:
        return sympy.Sum(self.cross(expr.args[1]), *self._limits(expr.args[0]))

    def extremum(self, expr: Expr) -> Any:
        kind, bound, body = expr.args
        return (MaxOver if kind == "max" else MinOver)(self.cross(body), *self._limits(bound))

    def matrix(self, expr: Expr) -> Any:
        name, at, bound, body = expr.args
        named = isinstance(body, At) and body.indices == bound
        inside = [sympy.Symbol(body.args[0])] if named else [self.cross(body), *map(self.cross, bound)]
        return sympy.Function(name, real=True)(*inside, *map(self.cross, at))

    def _limits(self, bound: tuple[Index, ...]) -> list[tuple[Any, Any, Any]]:
        return [(self.cross(index), sympy.S.Zero, self.cross(index.size) - 1) for index in bound]

    def _found(self, table: Mapping[str, Any], name: str, what: str) -> Any:
        if name not in table:
            raise NotYet(f"the {what} {name!r} has no meaning in SymPy here", hint=f"The table has {', '.join(sorted(table))}.")
        return table[name]


_ROWS: Mapping[type[Expr], Callable[[_Crossing, Expr], Any]] = {
    Num: _Crossing.number, Const: _Crossing.constant, Size: _Crossing.size, Index: _Crossing.index, At: _Crossing.entry,
    Add: _Crossing.sum, Mul: _Crossing.product, Pow: _Crossing.power, Mono: _Crossing.mono,
    Poly: _Crossing.poly, Fn: _Crossing.function, Delta: _Crossing.delta, Digit: _Crossing.digit,
    Iverson: _Crossing.indicator, Where: _Crossing.choice, Stop: _Crossing.stopped, Partial: _Crossing.partial, Sum: _Crossing.summed,
    Extremum: _Crossing.extremum, MatrixFn: _Crossing.matrix,
}
