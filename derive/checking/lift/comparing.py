"""Comparisons, choices, casts and what `if` asks; and the operations on sizes that have an answer for all sizes."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from derive.checking.lift.arrays import Operand, Scalar, operand, shape_text
from derive.checking.lift.digits import divided
from derive.checking.lift.elementwise import elementwise, finish, widest
from derive.checking.lift.infinite import RULES, spread
from derive.checking.lift.masked import Masked
from derive.checking.lift.registry import call, row
from derive.checking.lift.session import current, refuse
from derive.checking.lift.sizes import is_size, signs
from derive.checking.lift.storage import choose, negation
from derive.index import ONE, ZERO, Delta, Expr, Iverson, Num, Where, delta, sub

__all__: list[str] = []


def _logical(name: str, own: str) -> None:
    def apply(*values: Any, out: Any = None) -> Any:
        """The operation on what counts as true."""
        return finish(call(own, *(_as_mask(operand(value)) for value in values)), out)

    row(name)(apply)


_logical("logical_and", "bitwise_and")
_logical("logical_or", "bitwise_or")
_logical("logical_not", "opposite")


def _whole(name: str, u: Any, v: Any) -> tuple[Expr, Expr]:
    """Two sizes of which the first is a multiple of the second."""
    left, right = operand(u), operand(v)
    if left.sizes or right.sizes or not (is_size(left.entry(())) and is_size(right.entry(()))):
        refuse(f"{name} is covered for sizes alone")
    quotient = divided(left.entry(()), right.entry(()))
    if quotient is None:
        refuse(f"{name} of sizes that need not divide without a rest")
    return quotient, ZERO


@row("floor_divide")
def _floor_divide(u: Any, v: Any) -> Any:
    return Scalar(_whole("floor_divide (//)", u, v)[0], "int")


@row("remainder", "mod", "fmod")
def _remainder(u: Any, v: Any) -> Any:
    return Scalar(_whole("remainder (%)", u, v)[1], "int")


def _truth_of_sizes(name: str, u: Expr, v: Expr) -> bool | None:
    """The comparison of two sizes, decided for all sizes, or None where either is no size."""
    if not (is_size(u) and is_size(v)):
        return None
    wanted = {"less": {-1}, "less_equal": {-1, 0}, "greater": {1}, "greater_equal": {0, 1}, "equal": {0}, "not_equal": {-1, 1}}[name]
    possible = signs(sub(u, v))
    if possible & wanted and not possible <= wanted:
        refuse(f"the comparison of sizes {shape_text([u])} and {shape_text([v])} has no answer for all sizes")
    return possible <= wanted


def _cases(u: Expr) -> tuple[Expr, Fraction, Fraction] | None:
    """(q, a, b) where the entry is a number a or another one b, as the condition q says; None where it is something else."""
    if isinstance(u, (Iverson, Delta)):
        return u, Fraction(1), Fraction(0)
    sides = u.args[1:] if isinstance(u, Where) else ()
    return (u.args[0], sides[0].value, sides[1].value) if sides and all(isinstance(side, Num) for side in sides) else None


def _by_cases(name: str, function: Callable[[Expr, Expr], Expr]) -> Callable[[Expr, Expr], Expr]:
    """The comparison of a mask's ones and zeros with a number is the mask, or its opposite."""
    holds = _HOLDS[name]

    def apply(u: Expr, v: Expr) -> Expr:
        for entry, other, swapped in ((u, v, False), (v, u, True)):
            found = _cases(entry)
            if found is not None and isinstance(other, Num):
                number = other.value
                yes, no = (holds(number, one) if swapped else holds(one, number) for one in found[1:])
                return (ONE if yes else ZERO) if yes is no else found[0] if yes else negation(found[0])
        return function(u, v)

    return apply


_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "less": operator.lt, "less_equal": operator.le, "greater": operator.gt, "greater_equal": operator.ge, "equal": operator.eq,
    "not_equal": operator.ne,
}  # fmt: skip


def _compare(name: str, function: Callable[[Expr, Expr], Expr]) -> None:
    function = _by_cases(name, spread(function, RULES[name]))

    def apply(left: Any, right: Any) -> Any:
        if left is None or right is None or isinstance(left, str) or isinstance(right, str):
            return name == "not_equal"
        u, v = operand(left), operand(right)
        if isinstance(u, Scalar) and isinstance(v, Scalar) and "float" not in (u.kind, v.kind):
            known = _truth_of_sizes(name, u.entry(()), v.entry(()))
            if known is not None:
                return known
        if name in ("equal", "not_equal") and "float" not in (u.kind, v.kind):
            return elementwise("bool", delta if name == "equal" else lambda a, b: sub(ONE, delta(a, b)), u, v)
        return elementwise("bool", function, u, v)

    row(name)(apply)


_compare("less", lambda u, v: Iverson(">", sub(v, u)))
_compare("less_equal", lambda u, v: Iverson(">=", sub(v, u)))
_compare("greater", lambda u, v: Iverson(">", sub(u, v)))
_compare("greater_equal", lambda u, v: Iverson(">=", sub(u, v)))
_compare("equal", lambda u, v: Iverson("=", sub(u, v)))
_compare("not_equal", lambda u, v: sub(ONE, Iverson("=", sub(u, v))))


@row("clip")
def _clip(a: Any, low: Any = None, high: Any = None, out: Any = None, a_min: Any = None, a_max: Any = None) -> Any:
    low, high = (a_min if low is None else low), (a_max if high is None else high)
    result = operand(a)
    if low is not None:
        result = call("maximum", result, low)
    if high is not None:
        result = call("minimum", result, high)
    return finish(result, out)


@row("where")
def _where(condition: Any, *values: Any) -> Any:
    mask = _as_mask(operand(condition))
    if not values:
        return call("nonzero", mask)
    operands = [operand(value) for value in values]
    return elementwise(widest(operands), choose, mask, *operands)


@row("select")
def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    found = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        found = _where(condition, choice, found)
    return found


@row("piecewise")
def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kwargs: Any) -> Any:
    """Each function of what its condition selects, the last of them of the rest; the kind is that of x."""
    source = operand(x)
    conditions = list(condlist) if isinstance(condlist, (list, tuple)) else [condlist]
    if len(funclist) not in (len(conditions), len(conditions) + 1) or source.kind != "float" or not source.sizes:
        refuse("this np.piecewise is not covered")
    rest = [call("invert", functools.reduce(lambda u, v: call("logical_or", u, v), conditions))] if len(funclist) > len(conditions) else []
    out = call("zeros_like", source)
    for condition, function in zip((*conditions, *rest), funclist, strict=True):
        mask = call("copy", condition)
        out[mask] = function(source[mask], *args, **kwargs) if callable(function) else function
    return out


def _as_mask(value: Operand) -> Any:
    return value if value.kind == "bool" else call("not_equal", value, 0)


@row("astype", "asbool")
def _astype(a: Any, dtype: Any = "bool", copy: bool = True, **kwargs: Any) -> Any:
    u, kind = operand(a), call("kind", dtype)
    if kind == "bool":
        return elementwise("bool", lambda entry: entry, _as_mask(u))
    if kind == "int" and u.kind == "float":
        refuse("turning floats into integers cuts off their decimals")
    return elementwise(kind, lambda entry: entry, u) if copy or kind != u.kind else u


@row("truth")
def _truth(value: Operand) -> bool:
    """What `if` asks."""
    if isinstance(value, Masked) or value.sizes:
        refuse("a branch on the values of a whole array")
    condition = _as_mask(value)
    if isinstance(condition, bool):
        return condition
    body = condition.entry(())
    if body in (ONE, ZERO):
        return body is ONE
    return bool(current().decide(body))


