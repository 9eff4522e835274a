"""One number of the run: an expression in the entries of the arguments.

Legend: kind is 'float', 'int' or 'bool'; rank orders them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from derive.checking.exact.run import decide
from derive.checking.exact.simplify import above, minus, plus, times
from derive.checking.lift.session import refuse
from derive.index import ONE, ZERO, Const, Expr, Num, num

__all__ = ["Count", "Number", "Pick", "RANK", "as_number", "compare", "exact", "is_number", "picked"]

RANK = {"bool": 0, "int": 1, "float": 2}
_MOST_DIGITS, _LARGEST_DENOMINATOR = 15, 5000
_INFINITIES = {math.inf: Const("inf"), -math.inf: Const("-inf")}


def exact(value: Any) -> Expr:
    """A concrete number as an expression.  A float means its shortest decimal, or the small fraction that it is the rounding of."""
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return num(int(value))
    if isinstance(value, Fraction):
        return num(value)
    number = float(value)
    if number in _INFINITIES:
        return _INFINITIES[number]
    if number != number:
        refuse("a NaN")
    text = repr(number)
    digits = len(text.lower().partition("e")[0].replace(".", "").replace("-", "").strip("0"))
    fraction = Fraction(number).limit_denominator(_LARGEST_DENOMINATOR)
    return num(fraction if digits > _MOST_DIGITS and float(fraction) == number else Fraction(text))


def _kind(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "bool"
    return "int" if isinstance(value, (int, np.integer)) else "float"


def is_number(value: Any) -> bool:
    """Whether the value is one number, symbolic or not."""
    return isinstance(value, (Number, bool, int, float, np.bool_, np.integer, np.floating, Fraction))


def as_number(value: Any) -> Number:
    """The value as a `Number`."""
    if isinstance(value, Number):
        return value
    if not is_number(value):
        refuse(f"a {type(value).__name__} where a number is expected")
    return Number(exact(value), _kind(value))


def compare(op: str, u: Expr, v: Expr) -> Expr:
    """1 where u op v, else 0."""
    if op in ("<", "<="):
        return compare({"<": ">", "<=": ">="}[op], v, u)
    if op == "!=":
        return minus(ONE, compare("=", u, v))
    order = [{"-inf": -1, "inf": 1}.get(w.args[0], 0) if isinstance(w, Const) else 0 for w in (u, v)]
    if any(order):
        return num(int({">": order[0] > order[1], ">=": order[0] >= order[1], "=": order[0] == order[1]}[op]))
    return above(op, minus(u, v))


class Number:
    """A symbolic number."""

    __slots__ = ("expr", "kind")
    __array_priority__ = 1000.0

    def __init__(self, expr: Expr, kind: str = "float") -> None:
        self.expr, self.kind = expr, kind

    # ------------------------------------------------------------------------------------------- NumPy's protocols; filled by `ufuncs`

    ufunc: Callable[..., Any]
    function: Callable[..., Any]
    attribute: Callable[[Number, str], Any]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return Number.ufunc(ufunc, method, *inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return Number.function(function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Number.attribute(self, name)

    # ----------------------------------------------------------------- Python's conversions; `arithmetic` adds the operators

    def __hash__(self) -> int:
        return hash((self.expr, self.kind))

    def __bool__(self) -> bool:
        condition = self.expr if self.kind == "bool" else compare("!=", self.expr, ZERO)
        return bool(condition.value) if isinstance(condition, Num) else decide(condition)

    def __int__(self) -> int:
        if not isinstance(self.expr, Num):
            refuse("int() of a symbolic number")
        return int(self.expr.value)

    def __index__(self) -> int:
        if not isinstance(self.expr, Num) or self.kind == "float":
            refuse("a symbolic number as an index")
        return int(self.expr.value)

    def __float__(self) -> float:
        if not isinstance(self.expr, Num):
            refuse("float() of a symbolic number, by something that needs the number itself")
        return float(self.expr.value)

    def __repr__(self) -> str:
        return f"symbolic {self.kind}"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> Number:
        return self

    def __deepcopy__(self, memo: Any) -> Number:
        return self


class Pick(Number):
    """A whole number that depends on the data: one of several, each with its condition; exactly one of these holds.

    Attributes:
        cases: the condition for each value.
        fine: the conditions as they were first told apart, each with its value: numbers that were worked out from one place have these in common.
    """

    __slots__ = ("cases", "fine")

    def __init__(self, cases: tuple[tuple[Expr, int], ...], fine: tuple[tuple[Expr, int], ...]) -> None:
        super().__init__(plus(*(times(condition, num(n)) for condition, n in cases)), "int")
        self.cases, self.fine = cases, fine

    def goes_with(self, other: Any) -> bool:
        """Whether both are worked out from the same place."""
        return isinstance(other, Pick) and [q for q, _ in self.fine] == [q for q, _ in other.fine]

    def __index__(self) -> int:
        for condition, n in self.cases[:-1]:
            if decide(condition):
                return n
        return self.cases[-1][1]

    __int__ = __index__


def picked(cases: Iterable[tuple[Expr, int]]) -> Number:
    """The number of which exactly one case holds."""
    together: dict[int, Expr] = {}
    fine = tuple((condition, n) for condition, n in cases if condition is not ZERO)
    for condition, n in fine:
        together[n] = plus(together.get(n, ZERO), condition)
    if len(together) == 1:
        return Number(num(next(iter(together))), "int")
    return Pick(tuple((condition, n) for n, condition in together.items()), fine)


class Count(int):
    """A size: a whole number whose fractions and powers are exact."""

    @property
    def number(self) -> Any:
        """The same as a `Number`."""
        return Number(num(int(self)), "int")

    def __truediv__(self, other: Any) -> Any:
        return self.number / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.number

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        return int(self) ** other if isinstance(other, int) and other >= 0 else self.number**other

    def __mul__(self, other: Any) -> Any:
        return Count(int(self) * int(other)) if isinstance(other, int) else int(self) * other

    def __add__(self, other: Any) -> Any:
        return Count(int(self) + int(other)) if isinstance(other, int) else int(self) + other

    def __sub__(self, other: Any) -> Any:
        return Count(int(self) - int(other)) if isinstance(other, int) else int(self) - other
