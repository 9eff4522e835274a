"""Elementwise functions: arithmetic, comparisons, scalar functions; with NumPy's kinds and broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from derive.checking.lift.arrays import Operand, make, operand, shape_text
from derive.checking.lift.infinite import RULES, infinite, spread
from derive.checking.lift.masked import Masked
from derive.checking.lift.registry import call, row
from derive.checking.lift.session import bad, current, refuse
from derive.checking.lift.sizes import is_size, same
from derive.checking.lift.storage import Location, choose, negation, unwritten
from derive.index import ONE, ZERO, Const, Expr, Fn, Iverson, Num, add, div, mul, neg, num, power, sub

__all__ = ["broadcast", "elementwise", "entries", "finish", "widest"]

_RANK = {"bool": 0, "int": 1, "float": 2}


def broadcast(*shapes: Sequence[Expr]) -> tuple[Expr, ...]:
    """The common shape.

    Raises:
        BadInput: two axes differ and neither has size 1.
    """
    width = max((len(shape) for shape in shapes), default=0)
    result: list[Expr] = [ONE] * width
    for shape in shapes:
        for axis, size in enumerate(shape, width - len(shape)):
            if result[axis] is ONE:
                result[axis] = size
            elif size is not ONE and not same(size, result[axis]):
                pair = shape_text([result[axis], size])
                bad(
                    f"shapes {' and '.join(shape_text(s) for s in shapes)} do not fit together",
                    f"the axes {pair} differ: right only when they happen to be equal",
                )
    return tuple(result)


def entries(operands: Sequence[Operand], at: Location) -> list[Expr]:
    """The entry of each operand that is broadcast to `at`."""
    return [one.entry(at[len(at) - len(one.sizes) :]) for one in operands]


def elementwise(kind: str, function: Callable[..., Expr], *operands: Operand) -> Any:
    """A new array of that kind: the function of the entries."""
    masked = next((one for one in operands if isinstance(one, Masked)), None)
    if masked is not None:
        return masked.changed(kind, function, operands)
    return make(broadcast(*(one.sizes for one in operands)), kind, lambda at: function(*entries(operands, at)))


def widest(operands: Sequence[Operand]) -> str:
    """The widest kind."""
    return max((one.kind for one in operands), key=_RANK.__getitem__)


def finish(result: Any, out: Any) -> Any:
    """The result, stored into `out` where that is given."""
    if isinstance(out, tuple):
        out = out[0] if out else None
    return result if out is None else call("assign", out, result)


def _declare(names: str, kind: Callable[[list[Any]], str], function: Callable[..., Expr]) -> None:
    """A row for an elementwise function; `kind` gives the kind of the result, or refuses."""
    for name in names.split():
        rule = RULES.get(name)
        row(name)(_row(name, kind, function if rule is None else spread(function, rule)))


def _row(name: str, kind: Callable[[list[Any]], str], function: Callable[..., Expr]) -> Callable[..., Any]:
    def apply(*values: Any, out: Any = None, where: Any = True, **kwargs: Any) -> Any:
        if any(value is not None for key, value in kwargs.items() if key != "dtype" or call("kind", value) != "float"):
            refuse(f"{name} with {', '.join(kwargs)} is not covered")
        operands = [operand(value) for value in values]
        found = elementwise(kind(operands), function, *operands)
        return finish(found if where is True else _where(found, where, out), out)

    return apply


def _where(result: Any, where: Any, out: Any) -> Any:
    """The result where the mask holds, and what `out` has elsewhere."""
    target = (out[0] if out else None) if isinstance(out, tuple) else out
    kept = refuse("where= without out= leaves memory that was never written") if target is None else operand(target)
    mask = operand(where)
    if mask.kind != "bool":
        bad("where= takes truth values")
    return elementwise(widest([result, kept]), choose, mask, result, kept)


def _float(operands: list[Operand]) -> str:
    if all(one.kind == "bool" for one in operands):
        current().note("precision drops to float16, which is what NumPy makes of truth values")
    return "float"


def _quotient(operands: list[Operand]) -> str:
    return "float"


def _bool(operands: list[Operand]) -> str:
    return "bool"


def _no_bool(operands: list[Operand]) -> str:
    kind = widest(operands)
    if kind == "bool" and not any(one.sizes for one in operands):
        refuse("arithmetic with truth values alone: Python and NumPy differ")
    if kind == "bool":
        bad("NumPy does not subtract or negate boolean arrays", "use ~, or make it a number first")
    return kind


def _with_axes(operands: list[Operand]) -> list[Operand]:
    """Refuse a truth value alone: ~True is −2 in Python and False in NumPy."""
    return operands if any(isinstance(one, Masked) or one.sizes for one in operands) else refuse("~ of a truth value alone: Python and NumPy differ")


def _only_bool(operands: list[Operand]) -> str:
    if any(one.kind != "bool" for one in operands):
        refuse("bitwise or logical operations on numbers are not covered")
    return "bool"


def _no_small(kind: str) -> str:
    return refuse("powers of truth values are integers of 8 bits, which wrap around") if kind == "bool" else kind


def _product(u: Expr, v: Expr) -> Expr:
    for zero, other in ((u, v), (v, u)):
        if zero is ZERO and (infinite(other) or unwritten(other)):
            refuse("memory that was never written, or −∞, is multiplied by 0, which need not give 0")
    return mul(u, v)


def _either(u: Expr, v: Expr) -> Expr:
    return sub(add(u, v), mul(u, v))


_declare("subtract", _no_bool, sub)
_declare("negative", _no_bool, neg)
_declare("multiply", widest, _product)
_declare("divide true_divide", _quotient, div)
_declare("maximum fmax", widest, lambda u, v: Fn("max", (u, v)))
_declare("minimum fmin", widest, lambda u, v: Fn("min", (u, v)))
_declare("absolute abs fabs", widest, lambda u: Fn("abs", (u,)))
_declare("sign", _no_bool, lambda u: Fn("sign", (u,)))
_declare("sqrt", _float, lambda u: power(u, "1/2"))
_declare("reciprocal", lambda ones: "float" if widest(ones) == "float" else refuse("reciprocal of integers"), lambda u: power(u, -1))
_declare("square", lambda ones: _no_small(widest(ones)), lambda u: power(u, 2))
_declare("positive", _no_bool, lambda u: u)
_declare("logaddexp", _float, lambda u, v: Fn("logaddexp", (u, v)))
_declare("exp2", _float, lambda u: Fn("exp", (mul(u, Fn("log", (num(2),))),)))
_declare("heaviside", _float, lambda u, v: choose(Iverson("=", u), v, Iverson(">", u)))
_declare("bitwise_and", _only_bool, mul)
_declare("bitwise_or", _only_bool, _either)
_declare("logical_xor bitwise_xor", _only_bool, lambda u, v: sub(add(u, v), mul(num(2), u, v)))
_declare("invert bitwise_not", lambda ones: _only_bool(_with_axes(ones)), negation)
_declare("opposite", _only_bool, negation)
_SCALAR = {"tanh": "tanh", "sin": "sin", "cos": "cos", "arctan atan": "atan", "arcsinh asinh": "asinh", "erf": "erf", "expit": "logistic",
           "gammaln": "lgamma"}
for _name, _own in _SCALAR.items():
    _declare(_name, _float, lambda u, _own=_own: Fn(_own, (u,)))
_declare("digamma psi", _float, lambda u: Fn("digamma", (u,)))
_declare("log1p", _float, lambda u: Fn("log", (add(ONE, u),)))
_declare("expm1", _float, lambda u: sub(Fn("exp", (u,)), ONE))
_declare("sinh", _float, lambda u: div(sub(Fn("exp", (u,)), Fn("exp", (neg(u),))), num(2)))
_declare("cosh", _float, lambda u: div(add(Fn("exp", (u,)), Fn("exp", (neg(u),))), num(2)))
_declare("tan", _float, lambda u: div(Fn("sin", (u,)), Fn("cos", (u,))))
_declare("log_expit", _float, lambda u: Fn("log", (Fn("logistic", (u,)),)))
_declare("xlogy", _float, lambda u, v: choose(Iverson("=", u), ZERO, mul(u, Fn("log", (v,)))))
_declare("exp", _float, lambda u: Fn("exp", (u,)) if u is not ZERO else ONE)
_declare("log", _float, lambda u: Fn("log", (u,)) if u is not ONE else ZERO)


_declare("log2", _float, lambda u: div(Fn("log", (u,)), Fn("log", (num(2),))))
_declare("log10", _float, lambda u: div(Fn("log", (u,)), Fn("log", (num(10),))))
_declare("hypot", _float, lambda u, v: power(add(power(u, 2), power(v, 2)), "1/2"))
_declare("isfinite", _bool, lambda u: ONE)
_declare("isnan isinf isneginf isposinf", _bool, lambda u: ZERO)


@row("nan_to_num")
def _nan_to_num(a: Any, copy: bool = True, **kwargs: Any) -> Any:
    source = operand(a)
    found = elementwise(source.kind, spread(lambda u: u, RULES["nan_to_num"]), source)
    return found if copy else a


_sums = {"bool": _row("add", widest, _either), "": _row("add", widest, spread(add, RULES["add"]))}


@row("add")
def _add(u: Any, v: Any, **kwargs: Any) -> Any:
    operands = [operand(u), operand(v)]
    kind = widest(operands)
    if kind == "bool" and not any(one.sizes for one in operands):
        refuse("arithmetic with truth values alone: Python and NumPy differ")
    return _sums["bool" if kind == "bool" else ""](*operands, **kwargs)


@row("power", "float_power", "pow")
def _power(base: Any, exponent: Any, out: Any = None) -> Any:
    u, v = operand(base), operand(exponent)
    number = None if isinstance(u, Masked) or u.sizes else u.entry(())
    if number is Const("e"):
        return finish(call("exp", v), out)
    raised = None if isinstance(v, Masked) or v.sizes else v.entry(())
    if not isinstance(raised, Num):
        refuse("a power whose exponent is not a constant number is not covered")
    _no_small(u.kind)
    value = raised.value
    size = number is not None and is_size(number)
    kind = "float" if "float" in (u.kind, v.kind) or value.denominator > 1 or (value < 0 and size) else "int"
    if kind == "int" and value < 0:
        bad("integers to negative integer powers are not allowed", "make the array a float array first")
    return finish(elementwise(kind, lambda entry: power(entry, value) if value else ONE, u), out)
