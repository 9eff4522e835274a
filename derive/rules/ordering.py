"""Rows of the table of primitives that order entries: sorting, and where the largest and the smallest stand.

Legend: x_a is an entry along the axis that is ordered; its rank r_a is how many entries come before it, by their size and among equal ones by
their place.  So sort(x)_i = Σ_a δ(i, r_a) x_a: the derivative of sorting is a permutation matrix, and ties go as in JAX, whose sorting is stable.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jax import lax

from derive.errors import NotYet
from derive.index import ZERO, Expr, Index, Iverson, Sum, add, delta, fresh, mul, sub
from derive.rules.primitives import Equation, declare
from derive.rules.structure import bound
from derive.rules.truth import may_be_infinite
from derive.rules.value import Value

__all__: list[str] = []


def _first(keys: Sequence[tuple[Expr, Expr]], a: Expr, b: Expr) -> Expr:
    """Whether the entry b comes before the entry a, by the first key (at a, at b) in which they differ, else by its place."""
    if not keys:
        return Iverson(">", sub(a, b))
    (here, there), *more = keys
    gap = sub(here, there)
    return add(Iverson(">", gap), mul(Iverson("=", gap), _first(more, a, b)))


def _rank(keys: Sequence[Value], axis: int, i: tuple[Expr, ...], a: Index, *, largest: bool = False) -> Expr:
    """How many entries come before the entry a along the axis, in ascending order, or in descending order."""
    b = fresh(a)
    pairs = [(_along(x, axis, i, a), _along(x, axis, i, b)) for x in keys]
    return Sum((b,), _first([(v, u) if largest else (u, v) for u, v in pairs], a, b))


def _along(x: Value, axis: int, i: tuple[Expr, ...], j: Expr) -> Expr:
    entry = x.at(*i[:axis], j, *i[axis + 1:])
    if may_be_infinite(entry):
        raise NotYet("Infinite numbers are put in order.", hint="Use a mask after sorting.")
    return entry


def _sort(e: Equation) -> list[Value]:
    axis, keys = e.params["dimension"], e.inputs[:e.params["num_keys"]]

    def sorted_as(x: Value) -> Value:
        @functools.cache
        def at(*i: Expr) -> Expr:
            a = bound(x.shape[axis])
            return Sum((a,), mul(delta(i[axis], _rank(keys, axis, i, a)), _along(x, axis, i, a)))
        return Value(x.shape, at, x.kind)
    return [sorted_as(x) for x in e.inputs]


def _largest_few(e: Equation) -> list[Value]:
    """The entries of the lowest ranks in descending order, and their places."""
    x, last = e.inputs[0], len(e.shape) - 1

    def picked(build: Callable[[Index, tuple[Expr, ...]], Expr], kind: str) -> Value:
        @functools.cache
        def at(*i: Expr) -> Expr:
            a = bound(x.shape[last])
            return Sum((a,), mul(delta(i[last], _rank([x], last, i, a, largest=True)), build(a, i)))
        return Value(e.shape, at, kind)
    return [picked(lambda a, i: _along(x, last, i, a), x.kind), picked(lambda a, i: a, "int")]


def _place(*, largest: bool) -> Callable[[Equation], Value]:
    """Σ_a a δ(0, r_a): the place of the entry that comes first."""
    def read(e: Equation) -> Value:
        x, (axis,) = e.inputs[0], e.params["axes"]

        @functools.cache
        def at(*i: Expr) -> Expr:
            a = bound(x.shape[axis])
            full = (*i[:axis], ZERO, *i[axis:])
            return Sum((a,), mul(delta(ZERO, _rank([x], axis, full, a, largest=largest)), a))
        return Value(e.shape, at, "int")
    return read


declare("sort", "in ascending order, equal entries as they stood", _sort,
        lambda x, y: jnp.sort(x, axis=1) * y + jnp.take_along_axis(y, jnp.argsort(-x * x, axis=1), axis=1), x="m d", y="m d")
declare("top_k", "the largest entries, in descending order", _largest_few,
        lambda x, y: lax.top_k(x, 2)[0] * jnp.take_along_axis(y, lax.top_k(x, 2)[1], axis=1), x="m 3", y="m 3")
declare("argmax", "the place of the first largest entry", _place(largest=True),
        lambda x, y: jnp.take_along_axis(y, jnp.argmax(x, axis=1, keepdims=True), axis=1) * jnp.argmax(x, axis=0), x="m d", y="m d")
declare("argmin", "the place of the first smallest entry", _place(largest=False),
        lambda x, y: y[jnp.arange(x.shape[0]), jnp.argmin(x, axis=1)], x="m d", y="m d")
