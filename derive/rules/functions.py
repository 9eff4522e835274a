"""The table of scalar functions.  A new scalar function is one row here and one row in `rules.primitives`.

Legend: u, v are the arguments.  The derivative is SymPy's unless the row states a convention at a kink; `expand` rewrites the function in
simpler ones, for the form that decides equality.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import sympy

from derive.errors import NotYet
from derive.index import (
    ONE,
    ZERO,
    At,
    Const,
    Expr,
    Fn,
    Iverson,
    Num,
    add,
    mul,
    neg,
    num,
    power,
    sub,
    substitute,
)
from derive.rules.table import table

__all__ = ["FUNCTIONS", "Function", "derivative", "from_sympy"]


class _Logistic(sympy.Function):
    nargs = 1

    def fdiff(self, argindex: int = 1) -> Any:
        return self * (1 - self)


class _Softplus(sympy.Function):
    nargs = 1

    def fdiff(self, argindex: int = 1) -> Any:
        return _Logistic(self.args[0])


class _LogAddExp(sympy.Function):
    nargs = 2

    def fdiff(self, argindex: int = 1) -> Any:
        return sympy.exp(self.args[argindex - 1] - self)


@dataclass(frozen=True)
class Function:
    """One scalar function.

    Attributes:
        name: its name in `Fn`.
        sympy: the SymPy function of the same arguments.
        statement: its derivative, in LaTeX.
        numeric: its value in high precision (mpmath).
        convention: the derivative with respect to each argument where SymPy's is not that of JAX (kinks), else None.
        kink: the convention in words, shown with every derivation that uses it.
        expand: the same function in simpler ones, for deciding equality, else None.
        sign: 'positive', 'nonnegative' or '' for all arguments.
        domain: what the arguments must satisfy, as expressions that must be > 0.
        sample: arguments away from kinks, for the generated tests.
        fixed: how many of the first arguments are whole numbers that nothing is differentiated by.
    """

    name: str
    sympy: Callable[..., Any]
    statement: str
    numeric: Callable[..., Any]
    convention: Callable[..., tuple[Expr, ...]] | None = None
    kink: str = ""
    expand: Callable[..., Expr] | None = None
    sign: str = ""
    domain: Callable[..., tuple[Expr, ...]] | None = None
    sample: tuple[float, ...] = (0.7,)
    fixed: int = 0


def _fn(name: str, *args: Expr) -> Expr:
    return Fn(name, args)


def _above(u: Expr, v: Expr = ZERO) -> Expr:
    return Iverson(">", sub(u, v))


def _step(u: Expr, v: Expr) -> Expr:
    return _fn("heaviside", sub(u, v))


def _maximum(u: Expr, v: Expr) -> Expr:
    return add(v, mul(sub(u, v), _above(u, v)))


def _sigmoid(u: Expr) -> Expr:
    return power(add(ONE, _fn("exp", neg(u))), -1)


def _inside_one(u: Expr) -> tuple[Expr, ...]:
    return sub(ONE, u), add(ONE, u)


_HALF_AT_TIE = "at a tie the derivative is 1/2 for each side (jnp.maximum, jnp.minimum)"

_ROWS = (
    Function("exp", sympy.exp, r"(e^u)' = e^u\,u'", mpmath.exp, sign="positive"),
    Function("log", sympy.log, r"(\log u)' = u'/u", mpmath.log, domain=lambda u: (u,)),
    Function("tanh", sympy.tanh, r"(\tanh u)' = (1-\tanh^2 u)\,u'", mpmath.tanh,
             expand=lambda u: sub(ONE, mul(num(2), power(add(ONE, _fn("exp", mul(num(2), u))), -1)))),
    Function("logistic", _Logistic, r"\sigma(u)' = \sigma(u)(1-\sigma(u))\,u'", lambda u: 1 / (1 + mpmath.exp(-u)),
             expand=_sigmoid, sign="positive"),
    Function("softplus", _Softplus, r"(\log(1+e^u))' = \sigma(u)\,u'", lambda u: mpmath.log(1 + mpmath.exp(u)),
             expand=lambda u: _fn("log", add(ONE, _fn("exp", u))), sign="positive"),
    Function("logaddexp", _LogAddExp, r"(\log(e^u+e^v))' = \frac{e^u u' + e^v v'}{e^u+e^v}",
             lambda u, v: mpmath.log(mpmath.exp(u) + mpmath.exp(v)),
             expand=lambda u, v: _fn("log", add(_fn("exp", u), _fn("exp", v))), sample=(0.7, -0.4)),
    Function("sin", sympy.sin, r"(\sin u)' = \cos(u)\,u'", mpmath.sin),
    Function("cos", sympy.cos, r"(\cos u)' = -\sin(u)\,u'", mpmath.cos),
    Function("erf", sympy.erf, r"\operatorname{erf}(u)' = \tfrac{2}{\sqrt\pi}e^{-u^2}\,u'", mpmath.erf),
    Function("erf_inv", sympy.erfinv, r"\operatorname{erf}^{-1}(u)' = \tfrac{\sqrt\pi}{2}e^{(\operatorname{erf}^{-1}u)^2}\,u'", mpmath.erfinv,
             domain=_inside_one, sample=(0.3,)),
    Function("atan", sympy.atan, r"(\arctan u)' = \frac{u'}{1+u^2}", mpmath.atan),
    Function("asin", sympy.asin, r"(\arcsin u)' = \frac{u'}{\sqrt{1-u^2}}", mpmath.asin, domain=_inside_one, sample=(0.3,)),
    Function("acos", sympy.acos, r"(\arccos u)' = -\frac{u'}{\sqrt{1-u^2}}", mpmath.acos, domain=_inside_one, sample=(0.3,),
             expand=lambda u: sub(mul(num(Fraction(1, 2)), Const("pi")), _fn("asin", u))),
    Function("asinh", sympy.asinh, r"(\operatorname{arsinh} u)' = \frac{u'}{\sqrt{1+u^2}}", mpmath.asinh,
             expand=lambda u: _fn("log", add(u, power(add(mul(u, u), ONE), Fraction(1, 2))))),
    Function("acosh", sympy.acosh, r"(\operatorname{arcosh} u)' = \frac{u'}{\sqrt{u-1}\sqrt{u+1}}", mpmath.acosh,
             domain=lambda u: (sub(u, ONE),), sample=(1.7,)),
    Function("atanh", sympy.atanh, r"(\operatorname{artanh} u)' = \frac{u'}{1-u^2}", mpmath.atanh, domain=_inside_one, sample=(0.3,),
             expand=lambda u: mul(num(Fraction(1, 2)), sub(_fn("log", add(ONE, u)), _fn("log", sub(ONE, u))))),
    Function("atan2", sympy.atan2, r"\operatorname{atan2}(u,v)' = \frac{v\,u' - u\,v'}{u^2+v^2}", mpmath.atan2,
             domain=lambda u, v: (add(mul(u, u), mul(v, v)),), sample=(0.7, -0.4)),
    Function("lgamma", sympy.loggamma, r"(\log\Gamma(u))' = \psi(u)\,u'", mpmath.loggamma,
             convention=lambda u: (_fn("digamma", u),), domain=lambda u: (u,), sample=(1.7,)),
    Function("digamma", sympy.digamma, r"\psi(u)' = \psi_1(u)\,u'", mpmath.digamma, domain=lambda u: (u,),
             sample=(1.7,)),
    Function("polygamma", sympy.polygamma, r"\psi_n(u)' = \psi_{n+1}(u)\,u'",
             lambda n, u: mpmath.polygamma(int(n), u),
             domain=lambda n, u: (u,), sample=(2, 1.7), fixed=1,
             convention=lambda n, u: (ZERO, _fn("polygamma", add(n, ONE) if not isinstance(n, Num) else num(n.value + 1), u))),
    Function("pow", lambda u, v: sympy.Pow(u, v), r"(u^v)' = u^v\,(v'\log u + v\,u'/u)", mpmath.power,
             expand=lambda u, v: _fn("exp", mul(v, _fn("log", u))), sign="positive", domain=lambda u, v: (u,), sample=(1.3, 0.7)),
    Function("relu", lambda u: sympy.Max(u, 0), r"\operatorname{relu}(u)' = 1\{u>0\}\,u'", lambda u: max(u, mpmath.mpf(0)),
             convention=lambda u: (_above(u),), kink="the derivative of relu at 0 is 0 (jax.nn.relu)",
             expand=lambda u: mul(u, _above(u)), sign="nonnegative"),
    Function("abs", sympy.Abs, r"|u|' = (2\cdot 1\{u\ge 0\}-1)\,u'", abs,
             convention=lambda u: (sub(mul(num(2), Iverson(">=", u)), ONE),), kink="the derivative of |u| at 0 is 1 (jnp.abs)",
             expand=lambda u: sub(mul(num(2), u, _above(u)), u), sign="nonnegative"),
    Function("sign", sympy.sign, r"\operatorname{sign}(u)' = 0", lambda u: mpmath.sign(u),
             convention=lambda u: (ZERO,), kink="the derivative of sign is 0 everywhere (jnp.sign)",
             expand=lambda u: sub(_above(u), _above(neg(u)))),
    Function("heaviside", lambda u: sympy.Heaviside(u, sympy.Rational(1, 2)), r"H(u)' = 0", lambda u: (mpmath.sign(u) + 1) / 2,
             convention=lambda u: (ZERO,), kink="H(u) is 1 for u > 0, 0 for u < 0 and 1/2 at u = 0; its derivative is 0",
             expand=lambda u: add(_above(u), mul(num(Fraction(1, 2)), Iverson("=", u))), sign="nonnegative"),
    Function("max", sympy.Max, r"\max(u,v)' = H(u-v)\,u' + H(v-u)\,v'", max,
             convention=lambda u, v: (_step(u, v), _step(v, u)), kink=_HALF_AT_TIE, expand=_maximum, sample=(0.7, -0.4)),
    Function("min", sympy.Min, r"\min(u,v)' = H(v-u)\,u' + H(u-v)\,v'", min,
             convention=lambda u, v: (_step(v, u), _step(u, v)), kink=_HALF_AT_TIE,
             expand=lambda u, v: neg(_maximum(neg(u), neg(v))), sample=(0.7, -0.4)),
)

FUNCTIONS: dict[str, Function] = table(_ROWS)

_BACK = {sympy.exp: "exp", sympy.log: "log", sympy.tanh: "tanh", sympy.sin: "sin", sympy.cos: "cos", sympy.erf: "erf",
         sympy.erfinv: "erf_inv", sympy.atan: "atan", sympy.asin: "asin", sympy.acos: "acos", sympy.asinh: "asinh", sympy.acosh: "acosh",
         sympy.atanh: "atanh", sympy.atan2: "atan2",
         sympy.loggamma: "lgamma", sympy.digamma: "digamma", sympy.polygamma: "polygamma",
         _Logistic: "logistic", _Softplus: "softplus", _LogAddExp: "logaddexp"}


def derivative(function: Fn) -> tuple[Expr, ...]:
    """The derivative of a scalar function with respect to each of its arguments, at those arguments."""
    name, args = function.args
    row = FUNCTIONS[name]
    if row.convention is not None:
        return row.convention(*args)
    places, results = _by_sympy(name, len(args))
    return tuple(substitute(result, dict(zip(places, args))) for result in results)


@functools.cache
def _by_sympy(name: str, arity: int) -> tuple[tuple[At, ...], tuple[Expr, ...]]:
    symbols = sympy.symbols(f"u0:{arity}", real=True)
    places = tuple(At(f"\N{BULLET}{k}") for k in range(arity))
    value = FUNCTIONS[name].sympy(*symbols)
    back = dict(zip(symbols, places))
    return places, tuple(from_sympy(sympy.diff(value, symbol), back) for symbol in symbols)


def from_sympy(value: Any, symbols: dict[Any, Expr]) -> Expr:
    """A SymPy expression in scalar functions, as an index expression; `symbols` says what each symbol stands for."""
    if value in symbols:
        return symbols[value]
    if value.is_Rational:
        return num(Fraction(int(value.p), int(value.q)))
    if value is sympy.pi:
        return Const("pi")
    parts = [from_sympy(arg, symbols) for arg in value.args]
    if value.is_Add:
        positive_first = sorted(zip(value.args, parts), key=lambda pair: pair[0].could_extract_minus_sign())
        return add(*(part for _, part in positive_first))
    if value.is_Mul:
        return mul(*parts)
    if isinstance(value, sympy.Pow) and value.exp.is_Rational:
        return power(parts[0], Fraction(int(value.exp.p), int(value.exp.q)))
    if isinstance(value, sympy.Pow):
        return Fn("pow", tuple(parts))
    if value.func in _BACK:
        return Fn(_BACK[value.func], tuple(parts))
    raise NotYet(f"SymPy's derivative contains {value.func.__name__}, which has no row in the table of functions.",
                 hint="Add a row to derive/rules/functions.py.")
