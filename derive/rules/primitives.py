"""The table of primitives: how to read each operation of JAX as an index expression.  One row each.

Legend: u, v are entries; i, j index tuples; x an array (`Value`); e the equation.  What a row holds is said in `reading`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from derive.derivation import Assumption
from derive.errors import NotYet
from derive.index import (
    ONE,
    ZERO,
    Add,
    At,
    Const,
    Expr,
    Fn,
    Index,
    Iverson,
    Num,
    Stop,
    Where,
    add,
    delta,
    div,
    mul,
    neg,
    num,
    power,
    product,
    sub,
    walk,
)
from derive.rules.reading import PRIMITIVES, Equation, Primitive, Wrapper, declare, elementwise
from derive.rules.table import table
from derive.rules.value import Value

__all__ = ["PRIMITIVES", "WRAPPERS", "Equation", "Primitive", "Wrapper", "declare", "elementwise"]

MINUS_INFINITY, INFINITY, NAN = Const("-inf"), Const("inf"), Const("nan")


_AT_MINUS_INFINITY = {"exp": ZERO, "logistic": ZERO, "relu": ZERO, "softplus": ZERO}


def _apply(name: str) -> Callable[..., Expr]:
    def apply(*u: Expr) -> Expr:
        return _AT_MINUS_INFINITY[name] if u == (MINUS_INFINITY,) and name in _AT_MINUS_INFINITY else Fn(name, u)
    return apply


def _infinite(u: Expr) -> bool:
    return u is MINUS_INFINITY or u is INFINITY


def _minus(u: Expr, v: Expr) -> Expr:
    return u if _infinite(u) and not _infinite(v) else sub(u, v)


def _integer(u: Expr) -> bool:
    return isinstance(u, Index) or (isinstance(u, At) and u.kind == "int") or (isinstance(u, Num) and u.value.denominator == 1)


def _above(u: Expr, v: Expr) -> Expr:
    """1{u > v}; an index is never below 0."""
    if isinstance(u, Num) and isinstance(v, Num):
        return ONE if u.value > v.value else ZERO
    if isinstance(u, Num) and u.value <= 0 and isinstance(v, Index):
        return ZERO
    if v is ZERO and certainly_positive(u):
        return ONE
    return Iverson(">", sub(u, v))


def _at_least(u: Expr, v: Expr) -> Expr:
    if isinstance(u, Num) and isinstance(v, Num):
        return ONE if u.value >= v.value else ZERO
    if isinstance(v, Num) and v.value <= 0 and isinstance(u, Index):
        return ONE
    return Iverson(">=", sub(u, v))


def _equal(u: Expr, v: Expr) -> Expr:
    if u is v:
        return ONE
    return delta(u, v) if _integer(u) and _integer(v) else Iverson("=", sub(u, v))


def _unary_not(u: Expr) -> Expr:
    return sub(ONE, u) if not isinstance(u, Num) else num(1 - u.value)


def _and(u: Expr, v: Expr) -> Expr:
    return mul(u, v)


def _or(u: Expr, v: Expr) -> Expr:
    if u is ONE or v is ONE:
        return ONE
    return u if v is ZERO else v if u is ZERO else sub(add(u, v), mul(u, v))


def _maximum(u: Expr, v: Expr) -> Expr:
    return v if u is MINUS_INFINITY else u if v is MINUS_INFINITY else Fn("max", (u, v))


def _minimum(u: Expr, v: Expr) -> Expr:
    return v if u is INFINITY else u if v is INFINITY else Fn("min", (u, v))


def _clamp(low: Expr, u: Expr, high: Expr) -> Expr:
    """At a bound u has the derivative 0, which is what lax.clamp does; low ≤ high."""
    below = u if high is INFINITY else Where(_above(high, u), u, high)
    return below if low is MINUS_INFINITY else Where(_above(u, low), below, low)


def _absolute(u: Expr) -> Expr:
    return u if certainly_positive(u) else Fn("abs", (u,))


def certainly_positive(u: Expr) -> bool:
    """Whether an expression as written is a sum or product of exponentials, sizes and positive numbers."""
    if isinstance(u, Num):
        return bool(u.value > 0)
    if isinstance(u, Fn):
        return u.args[0] == "exp"
    name = type(u).__name__
    if name in ("Add", "Mul"):
        return all(certainly_positive(part) for part in u.args[0])
    return name == "Size" or (name in ("Sum", "Pow") and certainly_positive(u.args[-1] if name == "Sum" else u.args[0]))


def _power(u: Expr, v: Expr) -> Expr:
    if isinstance(v, Num):
        return power(u, v.value)
    if isinstance(u, Num) and u.value > 0:
        return Fn("exp", (mul(v, Fn("log", (u,))),))
    return Fn("pow", (u, v))


def _logarithm1p(u: Expr) -> Expr:
    return Fn("log", (add(ONE, u),))


def _logaddexp(u: Expr, v: Expr) -> Expr:
    return Fn("softplus", (u,)) if v is ZERO else Fn("softplus", (v,)) if u is ZERO else Fn("logaddexp", (u, v))


def _select(e: Equation) -> Value:
    """select_n(q, u, v): v where q holds, else u; the chain that wraps a negative label is dropped and recorded."""
    if len(e.inputs) != 3 or e.inputs[0].kind != "bool":
        raise NotYet("A choice among more than two arrays has no row.", hint="Nest jnp.where.")

    def choose(q: Expr, u: Expr, v: Expr) -> Expr:
        if q is ONE or q is ZERO or u is v:
            return v if q is ONE else u
        if e.kind == "int" and _wraps(q, u, v):
            return u
        if u is NAN or v is NAN:
            return _defined(e, q if u is NAN else _unary_not(q), v if u is NAN else u)
        return Where(q, v, u)
    return elementwise(choose, e.inputs, e.shape, e.kind)


def _defined(e: Equation, condition: Expr, value: Expr) -> Expr:
    """Where a library answers NaN, the value is undefined: that it is not becomes an assumption."""
    e.assume(Assumption("the value is defined", condition))
    return value


def _wraps(q: Expr, u: Expr, v: Expr) -> bool:
    """Whether this is `u + size where u < 0`: the way in which JAX reads a negative index."""
    parts = u.args[0] if isinstance(u, Add) else (u,)
    return q is Iverson(">", sub(ZERO, u)) and isinstance(v, Add) and v.args[0][:len(parts)] == parts


def _convert(e: Equation) -> Value:
    if e.kind == "int" and e.inputs[0].kind == "float":
        raise NotYet("A float is turned into an integer, which rounds it.", hint="Keep labels as integers and numbers as floats.")
    if e.kind == "bool" and e.inputs[0].kind != "bool":
        return Value(e.shape, lambda *i: _unary_not(_equal(e.inputs[0].at(*i), ZERO)), "bool")
    return Value(e.shape, e.inputs[0].at, e.kind)


def _divide(e: Equation) -> Value:
    if e.kind == "int":
        raise NotYet("Integer division rounds, and is never read as division.", hint="Divide floats: a * 1.0 / b.")
    def quotient(u: Expr, v: Expr) -> Expr:
        return u if _infinite(u) and certainly_positive(v) else product((u, power(v, -1)))  # 0 / v is undefined at v = 0
    return elementwise(quotient, e.inputs, e.shape, e.kind)


def _multiply(u: Expr, v: Expr) -> Expr:
    if isinstance(u, Num) and isinstance(v, Num):
        return num(u.value * v.value)
    if (_infinite(u) and certainly_positive(v)) or (_infinite(v) and certainly_positive(u)):
        return u if _infinite(u) else v
    return product((u, v))


def _plus(u: Expr, v: Expr) -> Expr:
    if _infinite(u) != _infinite(v):
        return u if _infinite(u) else v
    return num(u.value + v.value) if isinstance(u, Num) and isinstance(v, Num) else add(u, v)


def _integer_power(e: Equation) -> Value:
    return elementwise(lambda u: power(u, e.params["y"]), e.inputs, e.shape, e.kind)


_LOGICAL = ("and", "or", "not")


def _rows(table: Mapping[str, tuple[str, Callable[..., Expr], Callable[..., Any], int]]) -> None:
    shapes = {1: {"x": "m d"}, 2: {"x": "m d", "y": "m d"}}
    for name, (meaning, function, sample, arity) in table.items():
        def read(e: Equation, name: str = name, function: Callable[..., Expr] = function) -> Value:
            if name in _LOGICAL and e.kind != "bool":
                raise NotYet(f"The operation {name!r} works on the bits of integers here.", hint="Compare first: (a > 0) & (b > 0).")
            return elementwise(function, e.inputs, e.shape, e.kind)
        declare(name, meaning, read, sample, **shapes[arity])


_rows({
    "add": ("u + v", _plus, lambda x, y: x + y, 2),
    "add_any": ("u + v, where a derivative inside of the function adds up", _plus,
                lambda x, y: jax.grad(lambda u: jnp.sum(u * jnp.sin(u) * y))(x), 2),
    "sub": ("u − v", _minus, lambda x, y: x - y, 2),
    "mul": ("u · v", _multiply, lambda x, y: x * y, 2),
    "neg": ("−u", neg, lambda x: -x, 1),
    "max": ("the larger of u and v", _maximum, lambda x, y: jnp.maximum(x, y), 2),
    "min": ("the smaller of u and v", _minimum, lambda x, y: jnp.minimum(x, y), 2),
    "exp": ("e^u", _apply("exp"), jnp.exp, 1),
    "exp2": ("2^u", lambda u: Fn("exp", (mul(u, Fn("log", (num(2),))),)), jnp.exp2, 1),
    "log": ("log u", _apply("log"), lambda x: jnp.log(x * x + 1), 1),
    "log1p": ("log(1 + u)", _logarithm1p, lambda x: jnp.log1p(x * x), 1),
    "expm1": ("e^u − 1", lambda u: sub(Fn("exp", (u,)), ONE), jnp.expm1, 1),
    "tanh": ("tanh u", _apply("tanh"), jnp.tanh, 1),
    "logistic": ("1 / (1 + e^(−u))", _apply("logistic"), jax.nn.sigmoid, 1),
    "sin": ("sin u", _apply("sin"), jnp.sin, 1),
    "cos": ("cos u", _apply("cos"), jnp.cos, 1),
    "atan": ("arctan u", _apply("atan"), jnp.arctan, 1),
    "erf": ("erf u", _apply("erf"), lax.erf, 1),
    "erf_inv": ("the inverse of erf", _apply("erf_inv"), lambda x: lax.erf_inv(0.5 * jnp.sin(x)), 1),
    "tan": ("sin u / cos u", lambda u: div(Fn("sin", (u,)), Fn("cos", (u,))), lambda x: jnp.tan(0.3 * jnp.sin(x)), 1),
    "erfc": ("1 − erf u", lambda u: sub(ONE, Fn("erf", (u,))), lax.erfc, 1),
    "lgamma": ("log Γ(u)", _apply("lgamma"), lambda x: lax.lgamma(x * x + 1), 1),
    "digamma": ("the derivative of log Γ", _apply("digamma"), lambda x: lax.digamma(x * x + 1), 1),
    "polygamma": ("a derivative of the digamma function", _apply("polygamma"),
                  lambda x: x * lax.polygamma(jnp.full_like(x, 2.0), lax.stop_gradient(x * x + 1)), 1),
    "sinh": ("(e^u − e^(−u)) / 2", lambda u: div(sub(Fn("exp", (u,)), Fn("exp", (neg(u),))), num(2)), jnp.sinh, 1),
    "cosh": ("(e^u + e^(−u)) / 2", lambda u: div(add(Fn("exp", (u,)), Fn("exp", (neg(u),))), num(2)), jnp.cosh, 1),
    "sqrt": ("√u", lambda u: power(u, Fraction(1, 2)), lambda x: jnp.sqrt(x * x + 1), 1),
    "rsqrt": ("1 / √u", lambda u: power(u, Fraction(-1, 2)), lambda x: lax.rsqrt(x * x + 1), 1),
    "square": ("u²", lambda u: power(u, 2), jnp.square, 1),
    "abs": ("|u|", _absolute, jnp.abs, 1),
    "sign": ("−1, 0 or 1", _apply("sign"), jnp.sign, 1),
    "pow": ("u^v", _power, lambda x, y: (x * x + 1) ** (y * 0.5), 2),
    "stop_gradient": ("u, held constant by differentiation", Stop, lambda x: lax.stop_gradient(x) * x, 1),
    "is_finite": ("true: the numbers are real", lambda u: ONE, lambda x: jnp.where(jnp.isfinite(x), x, 0.0), 1),
    "eq": ("1{u = v}", _equal, lambda x, y: jnp.where(x == y, x, 2 * y), 2),
    "ne": ("1{u ≠ v}", lambda u, v: _unary_not(_equal(u, v)), lambda x, y: jnp.where(x != y, x, 2 * y), 2),
    "gt": ("1{u > v}", _above, lambda x, y: jnp.where(x > y, x, 2 * y), 2),
    "lt": ("1{u < v}", lambda u, v: _above(v, u), lambda x, y: jnp.where(x < y, x, 2 * y), 2),
    "ge": ("1{u ≥ v}", _at_least, lambda x, y: jnp.where(x >= y, x, 2 * y), 2),
    "le": ("1{u ≤ v}", lambda u, v: _at_least(v, u), lambda x, y: jnp.where(x <= y, x, 2 * y), 2),
    "and": ("both", _and, lambda x, y: jnp.where((x > 0) & (y > 0), x, y), 2),
    "or": ("at least one", _or, lambda x, y: jnp.where((x > 0) | (y > 0), x, y), 2),
    "not": ("the opposite", _unary_not, lambda x, y: jnp.where(~(x > y), x, y), 2),
    "copy": ("u", lambda u: u, lambda x: jnp.array(x), 1),
    "clamp": ("u held between two bounds", _clamp, lambda x, y: lax.clamp(-1 - y * y, 2 * x, y * y), 2),
})
declare("div", "u / v", _divide, lambda x, y: x / (y * y + 1), x="m d", y="m d")
declare("integer_pow", "u to a whole power", _integer_power, lambda x: x**3, x="m d")
declare("select_n", "u or v, as a mask says", _select, lambda x, y: jnp.where(x > y, x * x, y), x="m d", y="m d")
declare("convert_element_type", "the same number in another type", _convert, lambda x: (x > 0) * 1.0, x="m d")
declare("optimization_barrier", "the same arrays", lambda e: list(e.inputs),
        lambda x, y: math.prod(lax.optimization_barrier((x, y))), x="m d", y="m d")

WRAPPERS: dict[str, Wrapper] = table((
    Wrapper("relu", _apply("relu"), 1, (jax.nn.relu, {"x": "m d"})),
    Wrapper("softplus", _apply("softplus"), 1, (jax.nn.softplus, {"x": "m d"})),
    Wrapper("logaddexp", _logaddexp, 2, (lambda x, y: jnp.logaddexp(x, y), {"x": "m d", "y": "m d"})),
))


def uses_label(u: Expr) -> bool:
    """Whether an index expression contains a label."""
    return any(isinstance(part, At) for part in walk(u))
