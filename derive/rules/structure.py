"""Rows of the table of primitives that move, sum or pick entries.

Legend: as in `primitives`; n is a size, g the dimension numbers of a gather or scatter.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax.numpy as jnp

from derive.errors import NotYet
from derive.index import (
    ONE,
    ZERO,
    Digit,
    Expr,
    Extremum,
    Index,
    Iverson,
    Mul,
    Num,
    Pow,
    Sum,
    fresh,
    mul,
    num,
    sub,
    substitute,
    walk,
)
from derive.rules.primitives import Equation, declare
from derive.rules.sizes import size
from derive.rules.value import Value, is_one, letter_for

__all__: list[str] = []


def bound(n: Expr) -> Index:
    """A fresh bound index over a size."""
    return fresh(Index(letter_for(n), n, 0))


def _dim_as_value(e: Equation) -> Value:
    n = size(e.params["dim"])
    return Value((), lambda: n, "int")


def _iota(e: Equation) -> Value:
    return Value(e.shape, lambda *i: i[e.params["dimension"]], e.kind)


def _broadcast(e: Equation) -> Value:
    x, axes = e.inputs[0], e.params["broadcast_dimensions"]
    return Value(e.shape, lambda *i: x.at(*(ZERO if is_one(n) else i[axis] for n, axis in zip(x.shape, axes))), x.kind)


def _reshape(e: Equation) -> Value:
    """Axes of size 1 appear or disappear, and neighbouring axes merge into one."""
    x = e.inputs[0]
    old, new = ([n for n in shape if not is_one(n)] for shape in (x.shape, e.shape))
    groups = _merged(old, new)

    def at(*i: Expr) -> Expr:
        merged = [j for n, j in zip(e.shape, i) if not is_one(n)]
        left = iter([digit for j, group in zip(merged, groups) for digit in _digits(j, group)])
        return x.at(*(ZERO if is_one(n) else next(left) for n in x.shape))
    return Value(e.shape, at, x.kind)


def _merged(old: list[Expr], new: list[Expr]) -> list[tuple[Expr, ...]]:
    """For each new axis, the sizes of the old axes that it merges."""
    groups, rest = [], list(old)
    for n in new:
        group: list[Expr] = []
        while rest and not _same_size(group, n):
            group.append(rest.pop(0))
        groups.append(tuple(group))
        if not _same_size(group, n):
            break
    if rest or len(groups) != len(new) or not all(_same_size(list(g), n) for g, n in zip(groups, new)):
        raise NotYet("A reshape that splits an axis of symbolic size has no row.",
                     hint="Give the array the shape that it needs from the start.")
    return groups


def _same_size(group: list[Expr], n: Expr) -> bool:
    return bool(group) and sorted(part.key for part in _factors(mul(*group))) == sorted(part.key for part in _factors(n))


def _factors(n: Expr) -> list[Expr]:
    """The factors of a size, a whole power written out."""
    parts = n.args[0] if isinstance(n, Mul) else (n,)
    out = []
    for part in parts:
        out += [part.args[0]] * int(part.args[1]) if isinstance(part, Pow) else [part]
    number = num(math.prod(int(part.value) for part in out if isinstance(part, Num)))
    return [part for part in out if not isinstance(part, Num)] + ([] if number is ONE else [number])


def _digits(j: Expr, group: tuple[Expr, ...]) -> list[Expr]:
    return [j] if len(group) == 1 else [Digit(j, group, k) for k in range(len(group))]


def summed(bound: tuple[Index, ...], body: Expr) -> Expr:
    """Σ over the bound indices; a merged one comes apart into those that it was merged from."""
    for b in bound:
        uses = [part for part in walk(body) if isinstance(part, Digit) and part.args[0] is b]
        if uses and len({use.args[1] for use in uses}) == 1:
            apart = tuple(fresh(Index(letter_for(n), n, 0)) for n in uses[0].args[1])
            freed = substitute(body, {Digit(b, uses[0].args[1], k): i for k, i in enumerate(apart)})
            if b not in freed.free:
                return summed(tuple(x for x in bound if x is not b) + apart, freed)
    return Sum(bound, body)


def _transpose(e: Equation) -> Value:
    x, order = e.inputs[0], e.params["permutation"]
    return Value(e.shape, lambda *i: x.at(*(i[order.index(axis)] for axis in range(len(i)))), x.kind)


def _reduction(build: Callable[[tuple[Index, ...], Expr], Expr]) -> Callable[[Equation], Value]:
    def read(e: Equation) -> Value:
        x, axes = e.inputs[0], e.params["axes"]
        kept = [axis for axis in range(len(x.shape)) if axis not in axes]

        def at(*i: Expr) -> Expr:
            full: dict[int, Expr] = dict(zip(kept, i))
            over = []
            for axis in axes:
                full[axis] = ZERO if is_one(x.shape[axis]) else bound(x.shape[axis])
                over += [] if is_one(x.shape[axis]) else [full[axis]]
            body = x.at(*(full[axis] for axis in range(len(x.shape))))
            return build(tuple(over), body) if over else body  # type: ignore[arg-type]
        return Value(e.shape, at, x.kind)
    return read


def _dot_general(e: Equation) -> Value:
    """Σ over the contracted axes of x · y; batch axes come first, then the free axes of x, then those of y."""
    x, y = e.inputs
    (over_x, over_y), (batch_x, batch_y) = e.params["dimension_numbers"]
    free_x = [axis for axis in range(len(x.shape)) if axis not in (*over_x, *batch_x)]
    free_y = [axis for axis in range(len(y.shape)) if axis not in (*over_y, *batch_y)]

    def at(*i: Expr) -> Expr:
        over = [ZERO if is_one(x.shape[axis]) else bound(x.shape[axis]) for axis in over_x]
        n = len(batch_x)
        at_x = {**dict(zip(batch_x, i)), **dict(zip(free_x, i[n:])), **dict(zip(over_x, over))}
        at_y = {**dict(zip(batch_y, i)), **dict(zip(free_y, i[n + len(free_x):])), **dict(zip(over_y, over))}
        body = mul(x.at(*(at_x[a] for a in range(len(x.shape)))), y.at(*(at_y[a] for a in range(len(y.shape)))))
        over_all = tuple(b for b in over if isinstance(b, Index))
        return summed(over_all, body) if over_all else body
    return Value(e.shape, at, e.kind)


def _squeeze(e: Equation) -> Value:
    x, gone = e.inputs[0], set(e.params["dimensions"])

    def at(*i: Expr) -> Expr:
        left = iter(i)
        return x.at(*(ZERO if axis in gone else next(left) for axis in range(len(x.shape))))
    return Value(e.shape, at, x.kind)


def _cumulative(e: Equation) -> Value:
    """Σ_{b ≤ i} x_b, or from the end."""
    x, axis = e.inputs[0], e.params["axis"]

    def at(*i: Expr) -> Expr:
        b = bound(x.shape[axis])
        gap = sub(b, i[axis]) if e.params["reverse"] else sub(i[axis], b)
        return Sum((b,), mul(Iverson(">=", gap), x.at(*(b if a == axis else j for a, j in enumerate(i)))))
    return Value(e.shape, at, x.kind)


declare("dim_as_value", "a size as a number", _dim_as_value, lambda x: x * x.shape[0], x="m d")
declare("iota", "the index itself", _iota, lambda x: x * jnp.arange(x.shape[1]), x="m d")
declare("broadcast_in_dim", "repeats along new axes", _broadcast, lambda x: x + jnp.sum(x, axis=1, keepdims=True), x="m d")
declare("reshape", "axes of size 1 appear or disappear, neighbours merge", _reshape, lambda x: x.reshape(-1) @ x.reshape(-1), x="m d")
declare("transpose", "exchanges axes", _transpose, lambda x: x.T, x="m d")
declare("squeeze", "drops axes of size 1", _squeeze, lambda x: jnp.squeeze(x[:, None], axis=1), x="m d")
declare("reduce_sum", "Σ over axes", _reduction(summed), lambda x: jnp.sum(x, axis=0), x="m d")
declare("reduce_max", "the largest along axes", _reduction(lambda b, u: Extremum("max", b, u)), lambda x: jnp.max(x, axis=1), x="m d")
declare("reduce_min", "the smallest along axes", _reduction(lambda b, u: Extremum("min", b, u)), lambda x: jnp.min(x, axis=1), x="m d")
declare("dot_general", "Σ over contracted axes", _dot_general, lambda x, w: x @ w, x="m d", w="d k")
declare("cumsum", "sums so far", _cumulative, lambda x: jnp.cumsum(x, axis=1), x="m d")
