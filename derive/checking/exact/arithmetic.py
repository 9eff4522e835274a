"""Arithmetic of symbolic numbers, with NumPy's kinds, and Python's operators for them.

Legend: u, v are numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from derive.checking.exact.numbers import RANK, Number, Pick, as_number, compare, is_number, picked
from derive.checking.exact.signs import positive
from derive.checking.exact.simplify import minus, plus, times, to_power
from derive.checking.lift.session import bad, refuse
from derive.index import ONE, ZERO, Const, Fn, Num, Where, num

__all__ = ["absolute", "add", "both", "choose", "comparison", "differ", "divide", "either", "floor_divide", "invert", "multiply", "negative",
           "raised", "remainder", "subtract"]


def _binary(operation: Callable[[Number, Number], Number], swapped: bool) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not is_number(other):
            return NotImplemented
        pair = (as_number(other), as_number(self)) if swapped else (as_number(self), as_number(other))
        return operation(*pair)

    return method


def _by_cases(operation: Callable[[Number, Number], Number]) -> Callable[[Number, Number], Number]:
    """The operation on each of the cases, where one of the numbers is picked by the data."""

    @functools.wraps(operation)
    def apply(u: Number, v: Number) -> Number:
        if not isinstance(u, Pick) and not isinstance(v, Pick):
            return operation(u, v)
        first = u if isinstance(u, Pick) else v
        assert isinstance(first, Pick)
        found = []
        for k, (condition, _) in enumerate(first.fine):
            found.append((condition, apply(*(Number(num(w.fine[k][1]), "int") if isinstance(w, Pick) and first.goes_with(w) else w for w in (u, v)))))
        if all(w.kind == "int" and isinstance(w.expr, Num) for _, w in found):
            return picked((condition, int(w)) for condition, w in found)
        return Number(plus(*(times(condition, w.expr) for condition, w in found)), found[0][1].kind)

    return apply


def _higher(u: Number, v: Number, least: str = "bool") -> str:
    return max(u.kind, v.kind, least, key=RANK.__getitem__)


def _infinite(u: Number) -> bool:
    return isinstance(u.expr, Const) and u.expr.args[0] != "pi"


def _finite(*numbers: Number) -> None:
    if any(map(_infinite, numbers)):
        refuse("an infinite number")


def _with_infinite(u: Number, v: Number) -> Number:
    """u + v where one of them is infinite."""
    if _infinite(u) and _infinite(v) and u.expr is not v.expr:
        refuse("the difference of infinite numbers")
    return u if _infinite(u) else v


@_by_cases
def add(u: Number, v: Number) -> Number:
    """u + v."""
    if u.kind == v.kind == "bool":
        return either(u, v)
    if _infinite(u) or _infinite(v):
        return _with_infinite(u, v)
    return Number(plus(u.expr, v.expr), _higher(u, v))


@_by_cases
def subtract(u: Number, v: Number) -> Number:
    """u − v."""
    if u.kind == v.kind == "bool":
        bad("NumPy refuses to subtract booleans", "use ^ or astype")
    if _infinite(u) or _infinite(v):
        return _with_infinite(u, negative(v))
    return Number(minus(u.expr, v.expr), _higher(u, v))


@_by_cases
def multiply(u: Number, v: Number) -> Number:
    """u v."""
    for one, other in ((u, v), (v, u)):
        if _infinite(one) and isinstance(other.expr, Num) and other.expr is not ZERO:
            return one if other.expr.value > 0 else negative(one)
    _finite(u, v)
    return Number(times(u.expr, v.expr), _higher(u, v))


def divide(u: Number, v: Number) -> Number:
    """u / v."""
    if _infinite(u) and positive(v.expr):
        return u
    _finite(u, v)
    if v.expr is ZERO:
        refuse("a division by 0")
    return Number(times(u.expr, to_power(v.expr, Fraction(-1))), "float")


def raised(u: Number, v: Number) -> Number:
    """u to the power v."""
    _finite(u, v)
    kind = _higher(u, v)
    if isinstance(v.expr, Num):
        if kind != "float" and v.expr.value < 0:
            if isinstance(u.expr, Num):
                return Number(to_power(u.expr, v.expr.value), "float")
            bad("NumPy refuses integers to negative powers", "make it a float array first")
        if u.expr is ZERO and v.expr.value < 0:
            refuse("a division by 0")
        return Number(to_power(u.expr, v.expr.value), kind)
    return Number(Fn("pow", (u.expr, v.expr)), "float")


def _whole(u: Number, v: Number) -> tuple[Fraction, Fraction]:
    if not isinstance(u.expr, Num) or not isinstance(v.expr, Num) or v.expr is ZERO:
        refuse("whole division of symbolic numbers")
    return u.expr.value, v.expr.value


@_by_cases
def floor_divide(u: Number, v: Number) -> Number:
    """u // v, of concrete numbers."""
    a, b = _whole(u, v)
    return Number(num(a // b), _higher(u, v, "int"))


@_by_cases
def remainder(u: Number, v: Number) -> Number:
    """u % v, of concrete numbers."""
    a, b = _whole(u, v)
    return Number(num(a % b), _higher(u, v, "int"))


def negative(u: Number) -> Number:
    """−u."""
    if u.kind == "bool":
        bad("NumPy refuses the negative of a boolean", "use ~ or astype")
    if isinstance(u.expr, Const) and u.expr.args[0] != "pi":
        return Number(Const("inf" if u.expr.args[0] == "-inf" else "-inf"), u.kind)
    return Number(times(num(-1), u.expr), u.kind)


def absolute(u: Number) -> Number:
    """|u|."""
    if isinstance(u.expr, Num):
        return Number(num(abs(u.expr.value)), u.kind)
    return u if u.kind == "bool" else Number(Fn("abs", (u.expr,)), u.kind)


def _logical(u: Number, v: Number) -> None:
    if u.kind != "bool" or v.kind != "bool":
        refuse("bitwise operations on numbers")


def both(u: Number, v: Number) -> Number:
    """u and v."""
    _logical(u, v)
    return Number(times(u.expr, v.expr), "bool")


def either(u: Number, v: Number) -> Number:
    """u or v."""
    _logical(u, v)
    return Number(u.expr if u.expr is v.expr else minus(plus(u.expr, v.expr), times(u.expr, v.expr)), "bool")


def differ(u: Number, v: Number) -> Number:
    """u or v, and not both."""
    _logical(u, v)
    return Number(minus(plus(u.expr, v.expr), times(num(2), u.expr, v.expr)), "bool")


def invert(u: Number) -> Number:
    """Not u."""
    _logical(u, u)
    return Number(minus(ONE, u.expr), "bool")


def comparison(op: str) -> Callable[[Number, Number], Number]:
    """The comparison, as a function of two numbers."""
    return _by_cases(lambda u, v: Number(compare(op, u.expr, v.expr), "bool"))


def choose(condition: Number, u: Number, v: Number) -> Number:
    """u where the condition holds, else v."""
    kind = _higher(u, v)
    q = condition.expr if condition.kind == "bool" else compare("!=", condition.expr, ZERO)
    if isinstance(q, Num):
        return Number((u if q.value else v).expr, kind)
    if u.expr is v.expr:
        return Number(u.expr, kind)
    infinite = [isinstance(w.expr, Const) and w.expr.args[0] != "pi" for w in (u, v)]
    if any(infinite):
        refuse("an infinite number behind a mask")
    return Number(q if u.expr is ONE and v.expr is ZERO else Where(q, u.expr, v.expr), kind)

_BINARY = {
    "add": add, "sub": subtract, "mul": multiply, "truediv": divide, "floordiv": floor_divide, "mod": remainder, "pow": raised, "and": both,
    "or": either, "xor": differ,
}  # fmt: skip
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "=", "ne": "!="}
_UNARY: dict[str, Callable[[Number], Number]] = {"neg": negative, "pos": lambda u: u, "abs": absolute, "invert": invert}

for _name, _operation in _BINARY.items():
    setattr(Number, f"__{_name}__", _binary(_operation, False))
    setattr(Number, f"__r{_name}__", _binary(_operation, True))
for _name, _op in _COMPARISONS.items():
    setattr(Number, f"__{_name}__", _binary(comparison(_op), False))
for _name, _unary in _UNARY.items():
    setattr(Number, f"__{_name}__", _unary)
setattr(Number, "__divmod__", lambda u, v: (u // v, u % v))  # noqa: B010  # like the operators above
