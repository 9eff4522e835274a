"""Rows of the table of primitives that move, sum or pick entries.

Legend: as in `primitives`; n is a size, g the dimension numbers of a gather or scatter.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from derive.errors import NotYet
from derive.index import (
    ZERO,
    Add,
    Digit,
    Expr,
    Index,
    Mul,
    Num,
    Pow,
    Sum,
    add,
    digit,
    fresh,
    mul,
    num,
    substitute,
    walk,
)
from derive.rules.primitives import Equation, declare
from derive.rules.sizes import size
from derive.rules.value import Value, is_one, letter_for

__all__ = ["apart", "bound", "factors_of", "merged", "summed"]


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
    """Axes of size 1 appear or disappear, neighbouring axes merge into one, and a merged axis splits."""
    x = e.inputs[0]
    groups = _groups([n for n in x.shape if not is_one(n)], [n for n in e.shape if not is_one(n)])

    def at(*i: Expr) -> Expr:
        whole = [j for n, j in zip(e.shape, i) if not is_one(n)]
        left: list[Expr] = []
        for old, new in groups:
            mine, whole = whole[:len(new)], whole[len(new):]
            whole_index = merged(mine, new)
            left += [digit(whole_index, old, k) for k in range(len(old))] if len(old) > 1 else [whole_index]
        entries = iter(left)
        return x.at(*(ZERO if is_one(n) else next(entries) for n in x.shape))
    return Value(e.shape, at, x.kind)


def _groups(old: list[Expr], new: list[Expr]) -> list[tuple[tuple[Expr, ...], tuple[Expr, ...]]]:
    """The shortest runs of old axes and of new ones that hold the same number of entries."""
    ends = {factors_of(mul(*old[:k])): k for k in range(1, len(old) + 1)}
    out, start, begin = [], 0, 0
    for stop in range(1, len(new) + 1):
        end = ends.get(factors_of(mul(*new[:stop])))
        if end is not None:
            out.append((tuple(old[begin:end]), tuple(new[start:stop])))
            start, begin = stop, end
    if begin != len(old) or start != len(new):
        raise NotYet("A reshape between these sizes has no row.", hint="Name the parts of an axis that is split: \"2*h\", and not \"d\".")
    return out


def factors_of(n: Expr) -> tuple[str, ...]:
    """The factors of a size in one order, a whole power written out and numbers multiplied."""
    parts = n.args[0] if isinstance(n, Mul) else (n,)
    out: list[Expr] = []
    for part in parts:
        out += [part.args[0]] * int(part.args[1]) if isinstance(part, Pow) else [part]
    number = num(math.prod(int(part.value) for part in out if isinstance(part, Num)))
    return (*sorted(part.key for part in out if not isinstance(part, Num)), number.key)


def merged(i: list[Expr], sizes: tuple[Expr, ...]) -> Expr:
    """The integer with the digits i in the mixed radix `sizes`."""
    total: Expr = ZERO
    for j, n in zip(i, sizes):
        scaled = num(total.value * n.value) if isinstance(total, Num) and isinstance(n, Num) else mul(n, total)
        total = num(scaled.value + j.value) if isinstance(scaled, Num) and isinstance(j, Num) else _distributed(scaled, j)
    return total


def _distributed(scaled: Expr, j: Expr) -> Expr:
    if isinstance(scaled, Mul) and isinstance(scaled.args[0][-1], Add):
        front = scaled.args[0][:-1]
        scaled = add(*(mul(*front, part) for part in scaled.args[0][-1].args[0]))
    return add(scaled, j)


def apart(bound: tuple[Index, ...], body: Expr) -> tuple[tuple[Index, ...], Expr]:
    """The bound indices and the body with each merged index taken apart into those that it was merged from."""
    for b in bound:
        uses = {part.args[1] for part in walk(body) if isinstance(part, Digit) and part.args[0] is b}
        fitting = [sizes for sizes in uses if factors_of(mul(*sizes)) == factors_of(b.size)]
        if fitting:
            sizes = min(fitting, key=str)
            digits = tuple(fresh(Index(letter_for(n), n, 0)) for n in sizes)
            freed = substitute(body, {Digit(b, sizes, k): i for k, i in enumerate(digits)})
            return apart((*(x for x in bound if x is not b), *digits), substitute(freed, {b: merged(list(digits), sizes)}))
    return bound, body


def summed(bound: tuple[Index, ...], body: Expr) -> Expr:
    """Σ over the bound indices; a merged one comes apart into those that it was merged from."""
    return Sum(*apart(bound, body))


def _transpose(e: Equation) -> Value:
    x, order = e.inputs[0], e.params["permutation"]
    return Value(e.shape, lambda *i: x.at(*(i[order.index(axis)] for axis in range(len(i)))), x.kind)


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


declare("dim_as_value", "a size as a number", _dim_as_value, lambda x: x * x.shape[0], x="m d")
declare("iota", "the index itself", _iota, lambda x: x * jnp.arange(x.shape[1]), x="m d")
declare("broadcast_in_dim", "repeats along new axes", _broadcast, lambda x: x + jnp.sum(x, axis=1, keepdims=True), x="m d")
declare("reshape", "axes of size 1 appear or disappear, neighbours merge or come apart", _reshape,
        lambda x: x.reshape(-1) @ x.reshape(-1) * jnp.max(x.reshape(x.shape[0], 2, -1), axis=1), x="m 2*d")
declare("transpose", "exchanges axes", _transpose, lambda x: x.T, x="m d")
declare("squeeze", "drops axes of size 1", _squeeze, lambda x: jnp.squeeze(x[:, None], axis=1), x="m d")
declare("dot_general", "Σ over contracted axes", _dot_general, lambda x, w: x @ w, x="m d", w="d k")
