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

from derive.errors import NotYet
from derive.index import (
    ONE,
    ZERO,
    At,
    Const,
    Expr,
    Fn,
    Num,
    Stop,
    Where,
    add,
    div,
    mul,
    neg,
    num,
    power,
    product,
    sub,
    walk,
)
from derive.rules.linear import MATRIX_WRAPPERS
from derive.rules.reading import PRIMITIVES, Equation, Primitive, Wrapper, declare, elementwise
from derive.rules.table import table
from derive.rules.truth import above, certainly_positive
from derive.rules.value import Value

__all__ = ["PRIMITIVES", "WRAPPERS", "Equation", "Primitive", "Wrapper", "declare", "elementwise", "maximum", "minimum"]

MINUS_INFINITY, INFINITY, NAN = Const("-inf"), Const("inf"), Const("nan")


_AT_INFINITY: dict[tuple[str, Expr], Expr] = {
    **{(name, MINUS_INFINITY): ZERO for name in ("exp", "logistic", "relu", "softplus")},
    **{(name, INFINITY): INFINITY for name in ("exp", "log", "relu", "softplus")},
    ("logistic", INFINITY): ONE, ("tanh", INFINITY): ONE, ("tanh", MINUS_INFINITY): num(-1), ("abs", INFINITY): INFINITY,
    ("abs", MINUS_INFINITY): INFINITY}


def _apply(name: str) -> Callable[..., Expr]:
    def apply(*u: Expr) -> Expr:
        return _AT_INFINITY[name, u[0]] if len(u) == 1 and (name, u[0]) in _AT_INFINITY else Fn(name, u)
    return apply


def _infinite(u: Expr) -> bool:
    return u is MINUS_INFINITY or u is INFINITY


def _negative(u: Expr) -> Expr:
    return (INFINITY if u is MINUS_INFINITY else MINUS_INFINITY) if _infinite(u) else neg(u)


def _minus(u: Expr, v: Expr) -> Expr:
    return _plus(u, _negative(v)) if _infinite(u) or _infinite(v) or (isinstance(u, Num) and isinstance(v, Num)) else sub(u, v)


def maximum(u: Expr, v: Expr) -> Expr:
    """The larger of two entries, either of which may be infinite."""
    return v if u is MINUS_INFINITY else u if v is MINUS_INFINITY else Fn("max", (u, v))


def minimum(u: Expr, v: Expr) -> Expr:
    """The smaller of two entries, either of which may be infinite."""
    return v if u is INFINITY else u if v is INFINITY else Fn("min", (u, v))


def _clamp(low: Expr, u: Expr, high: Expr) -> Expr:
    """At a bound u has the derivative 0, which is what lax.clamp does; low ≤ high."""
    below = u if high is INFINITY else _chosen(above(high, u), u, high)
    return below if low is MINUS_INFINITY else _chosen(above(u, low), below, low)


def _chosen(q: Expr, u: Expr, v: Expr) -> Expr:
    return u if q is ONE else v if q is ZERO else Where(q, u, v)


def _rounded(name: str) -> Callable[[Expr], Expr]:
    """A number that is known when the function is read, rounded."""
    def read(u: Expr) -> Expr:
        if not isinstance(u, Num):
            raise NotYet(f"The operation {name!r} rounds numbers, and has no formula.", hint="Its derivative is 0 wherever there is one.")
        return num({"floor": math.floor, "ceil": math.ceil}[name](u.value))
    return read


def _absolute(u: Expr) -> Expr:
    return u if certainly_positive(u) else _apply("abs")(u)


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


def _divide(e: Equation) -> Value:
    if e.kind == "int":
        raise NotYet("Integer division rounds, and is never read as division.", hint="Divide floats: a * 1.0 / b.")
    def quotient(u: Expr, v: Expr) -> Expr:
        return u if _infinite(u) and certainly_positive(v) else product((u, power(v, -1)))  # 0 / v is undefined at v = 0
    return elementwise(quotient, e.inputs, e.shape, e.kind)


def _multiply(u: Expr, v: Expr) -> Expr:
    if isinstance(u, Num) and isinstance(v, Num):
        return num(u.value * v.value)
    for one, other in ((u, v), (v, u)):
        if _infinite(one) and (certainly_positive(other) or certainly_positive(neg(other))):
            return one if certainly_positive(other) else _negative(one)
    return product((u, v))


def _plus(u: Expr, v: Expr) -> Expr:
    if _infinite(u) != _infinite(v):
        return u if _infinite(u) else v
    return num(u.value + v.value) if isinstance(u, Num) and isinstance(v, Num) else add(u, v)


def _integer_power(e: Equation) -> Value:
    return elementwise(lambda u: power(u, e.params["y"]), e.inputs, e.shape, e.kind)


def _rows(table: Mapping[str, tuple[str, Callable[..., Expr], Callable[..., Any], int]]) -> None:
    shapes = {1: {"x": "m d"}, 2: {"x": "m d", "y": "m d"}}
    for name, (meaning, function, sample, arity) in table.items():
        def read(e: Equation, name: str = name, function: Callable[..., Expr] = function) -> Value:
            return elementwise(function, e.inputs, e.shape, e.kind)
        declare(name, meaning, read, sample, **shapes[arity])


_rows({
    "add": ("u + v", _plus, lambda x, y: x + y, 2),
    "add_any": ("u + v, where a derivative inside of the function adds up", _plus,
                lambda x, y: jax.grad(lambda u: jnp.sum(u * jnp.sin(u) * y))(x), 2),
    "sub": ("u − v", _minus, lambda x, y: x - y, 2),
    "mul": ("u · v", _multiply, lambda x, y: x * y, 2),
    "neg": ("−u", _negative, lambda x: -x, 1),
    "max": ("the larger of u and v", maximum, lambda x, y: jnp.maximum(x, y), 2),
    "min": ("the smaller of u and v", minimum, lambda x, y: jnp.minimum(x, y), 2),
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
    "asin": ("arcsin u", _apply("asin"), lambda x: jnp.arcsin(0.5 * jnp.sin(x)), 1),
    "acos": ("arccos u", _apply("acos"), lambda x: jnp.arccos(0.5 * jnp.sin(x)), 1),
    "asinh": ("arsinh u", _apply("asinh"), jnp.arcsinh, 1),
    "acosh": ("arcosh u", _apply("acosh"), lambda x: jnp.arccosh(x * x + 2), 1),
    "atanh": ("artanh u", _apply("atanh"), lambda x: jnp.arctanh(0.5 * jnp.sin(x)), 1),
    "atan2": ("the angle of the point (v, u)", _apply("atan2"), lambda x, y: jnp.arctan2(x, y), 2),
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
    "stop_gradient": ("u, held constant by differentiation", lambda u: u if _infinite(u) else Stop(u), lambda x: lax.stop_gradient(x) * x, 1),
    "floor": ("a number that is known, rounded down", _rounded("floor"), lambda x: x * lax.floor(jnp.full(x.shape, 1.5)), 1),
    "ceil": ("a number that is known, rounded up", _rounded("ceil"), lambda x: x * lax.ceil(jnp.full(x.shape, 1.5)), 1),
    "copy": ("u", lambda u: u, lambda x: jnp.array(x), 1),
    "clamp": ("u held between two bounds", _clamp, lambda x, y: lax.clamp(-1 - y * y, 2 * x, y * y), 2),
})
declare("div", "u / v", _divide, lambda x, y: x / (y * y + 1), x="m d", y="m d")
declare("integer_pow", "u to a whole power", _integer_power, lambda x: x**3, x="m d")
declare("optimization_barrier", "the same arrays", lambda e: list(e.inputs),
        lambda x, y: math.prod(lax.optimization_barrier((x, y))), x="m d", y="m d")

WRAPPERS: dict[str, Wrapper] = table((
    Wrapper("relu", _apply("relu"), 1, (jax.nn.relu, {"x": "m d"})),
    Wrapper("softplus", _apply("softplus"), 1, (jax.nn.softplus, {"x": "m d"})),
    Wrapper("logaddexp", _logaddexp, 2, (lambda x, y: jnp.logaddexp(x, y), {"x": "m d", "y": "m d"})),
    *MATRIX_WRAPPERS,
))


def uses_label(u: Expr) -> bool:
    """Whether an index expression contains a label."""
    return any(isinstance(part, At) for part in walk(u))
