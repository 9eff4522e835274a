"""Rows of the table of primitives that compare, combine truth values, and choose.

Legend: u, v are entries, q a truth value, that is an expression of value 0 or 1; e the equation.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax

from derive.derivation import Assumption
from derive.errors import NotYet
from derive.index import ONE, ZERO, Add, At, Const, Expr, Fn, Index, Iverson, Stop, Sum, Where, add, mul, num, sub
from derive.rules.places import evidently_not_negative
from derive.rules.primitives import Equation, declare, elementwise
from derive.rules.reducing import reduction
from derive.rules.truth import above, at_least, both, defined, either, equal, finite, given, is_bit, opposite
from derive.rules.value import Value

__all__: list[str] = []

NAN = Const("nan")


def _select(e: Equation) -> Value:
    """select_n(q, u, v): v where q holds, else u; the chain that wraps a negative label is dropped and recorded."""
    if len(e.inputs) != 3 or e.inputs[0].kind != "bool":
        raise NotYet("A choice among more than two arrays has no row.", hint="Nest jnp.where.")

    def choose(q: Expr, u: Expr, v: Expr) -> Expr:
        q = defined(defined(q, v), u)
        if q is ONE or q is ZERO or u is v:
            return v if q is ONE else u
        if e.kind == "int" and _wraps(q, u, v):
            _not_negative(e, u)
            return u
        if u is NAN or v is NAN:
            return _defined(e, q if u is NAN else opposite(q), v if u is NAN else u)
        if e.kind == "bool" and {u, v} == {ONE, ZERO}:
            return q if v is ONE else opposite(q)
        return Where(q, given(v, q, holds=True), given(u, q, holds=False))
    return elementwise(choose, e.inputs, e.shape, e.kind, masks=False)


def _defined(e: Equation, condition: Expr, value: Expr) -> Expr:
    """Where a library answers NaN, the value is undefined: that it is not becomes an assumption."""
    e.assume(Assumption("the value is defined", condition))
    return value


def _wraps(q: Expr, u: Expr, v: Expr) -> bool:
    """Whether this is `u + size where u < 0`: the way in which JAX reads a negative index."""
    parts = u.args[0] if isinstance(u, Add) else (u,)
    return q is above(ZERO, u) and isinstance(v, Add) and v.args[0][:len(parts)] == parts


def _not_negative(e: Equation, u: Expr) -> None:
    """An index that is computed is assumed not to be negative; labels count from 0 by an assumption of their own."""
    if not (isinstance(u, At) or evidently_not_negative(u)):
        e.assume(Assumption("an index is not negative", at_least(u, ZERO)))


def _convert(e: Equation) -> Value:
    x = e.inputs[0]
    if e.kind == "int" and x.kind == "float":
        return Value(e.shape, lambda *i: _whole(e, x.at(*i)), e.kind)
    if e.kind == "bool" and x.kind != "bool":
        return Value(e.shape, lambda *i: opposite(equal(x.at(*i), ZERO)), "bool")
    return Value(e.shape, x.at, e.kind)


def _whole(e: Equation, u: Expr) -> Expr:
    """A float that is turned into an integer is assumed to be one, as rounding has no formula; nothing flows back through it."""
    e.assume(Assumption("what is turned into an integer is a whole number", Iverson("=", Fn("sin", (mul(Const("pi"), u),)))))
    return Stop(u)


def _on_bits(name: str, function: Callable[..., Expr]) -> Callable[[Equation], Value]:
    """A logical operation; on integers it is one where both are 0 or 1."""
    def checked(*u: Expr) -> Expr:
        if not all(map(is_bit, u)):
            raise NotYet(f"The operation {name!r} works on the bits of integers here.", hint="Compare first: (a > 0) & (b > 0).")
        return function(*u)

    def read(e: Equation) -> Value:
        if e.kind != "bool" and len(e.inputs) == 1:
            raise NotYet(f"The operation {name!r} works on the bits of integers here.", hint="Compare first: ~(a > 0).")
        return elementwise(function if e.kind == "bool" else checked, e.inputs, e.shape, e.kind, masks=False)
    return read


def _different(q: Expr, r: Expr) -> Expr:
    """Whether exactly one of the two is true."""
    for bit, other in ((q, r), (r, q)):
        if bit in (ONE, ZERO):
            return opposite(other) if bit is ONE else other
    return sub(add(q, r), mul(num(2), q, r))


def _any(bound: tuple[Index, ...], q: Expr) -> Expr:
    """Whether q is true for one of the indices."""
    return q if q in (ONE, ZERO) else Iverson(">", Sum(bound, q))


def _all(bound: tuple[Index, ...], q: Expr) -> Expr:
    """Whether q is true for all of the indices."""
    return opposite(_any(bound, opposite(q)))


_ROWS: tuple[tuple[str, str, Callable[..., Expr], Callable[..., object], str], ...] = (
    ("is_finite", "true where a number is finite", finite, lambda x: jnp.where(jnp.isfinite(jnp.where(x > 0, x, -jnp.inf)), x, 2.0), "x"),
    ("eq", "1{u = v}", equal, lambda x, y: jnp.where(x == y, x, 2 * y), "xy"),
    ("ne", "1{u ≠ v}", lambda u, v: opposite(equal(u, v)), lambda x, y: jnp.where(x != y, x, 2 * y), "xy"),
    ("gt", "1{u > v}", above, lambda x, y: jnp.where(x > y, x, 2 * y), "xy"),
    ("lt", "1{u < v}", lambda u, v: above(v, u), lambda x, y: jnp.where(x < y, x, 2 * y), "xy"),
    ("ge", "1{u ≥ v}", at_least, lambda x, y: jnp.where(x >= y, x, 2 * y), "xy"),
    ("le", "1{u ≤ v}", lambda u, v: at_least(v, u), lambda x, y: jnp.where(x <= y, x, 2 * y), "xy"),
)
for _name, _meaning, _function, _sample, _arguments in _ROWS:
    def _read(e: Equation, function: Callable[..., Expr] = _function) -> Value:
        return elementwise(function, e.inputs, e.shape, e.kind, masks=function is not finite)
    declare(_name, _meaning, _read, _sample, **dict.fromkeys(_arguments, "m d"))

declare("and", "both", _on_bits("and", both), lambda x, y: jnp.where((x > 0) & (y > 0), x, y), x="m d", y="m d")
declare("or", "at least one", _on_bits("or", either), lambda x, y: jnp.where((x > 0) | (y > 0), x, y), x="m d", y="m d")
declare("xor", "exactly one", _on_bits("xor", _different), lambda x, y: jnp.where((x > 0) ^ (y > 0), x * ((x > y) ^ 1), y), x="m d", y="m d")
declare("not", "the opposite", _on_bits("not", opposite), lambda x, y: jnp.where(~(x > y), x, y), x="m d", y="m d")
declare("reduce_or", "at least one along axes", reduction(_any),
        lambda x, y: jnp.where(jnp.any(x > y, axis=1, keepdims=True), x, y), x="m d", y="m d")
declare("reduce_and", "all along axes", reduction(_all),
        lambda x, y: jnp.where(jnp.all(x > y - 1, axis=1, keepdims=True), x, y), x="m d", y="m d")
declare("select_n", "u or v, as a mask says", _select, lambda x, y: jnp.where(x > y, x * x, y), x="m d", y="m d")
declare("convert_element_type", "the same number in another type", _convert,
        lambda x: (x > 0) * 1.0 * jnp.where(x > 0, lax.sign(x), 2.0).astype(int), x="m d")
