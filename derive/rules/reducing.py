"""Rows of the table of primitives that reduce along axes: sums, products, extremes, and those so far.

Legend: as in `primitives`; b is an index that is reduced, n its size.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from functools import partial

import jax.numpy as jnp
from jax import lax

from derive.errors import NotYet
from derive.index import ONE, ZERO, At, Delta, Expr, Extremum, Fn, Index, Iverson, Num, Sum, Where, add, mul, num, product, sub, walk
from derive.rules.primitives import Equation, declare, maximum, minimum
from derive.rules.reading import behind_masks
from derive.rules.structure import apart, bound, summed
from derive.rules.value import Value, is_one

__all__ = ["reduction"]

Build = Callable[[tuple[Index, ...], Expr], Expr]
Combine = Callable[[Sequence[Expr]], Expr | None]

_FEW = 8


def reduction(build: Build, combine: Combine = lambda parts: None) -> Callable[[Equation], Value]:
    """How a reduction is read: the same entry for the same place.

    Args:
        build: makes it of the indices that are reduced and the body.
        combine: makes it of the entries of an axis that was put together from a few arrays; None where that is no simpler.
    """
    def read(e: Equation) -> Value:
        x, axes = e.inputs[0], e.params["axes"]
        kept = [axis for axis in range(len(x.shape)) if axis not in axes]

        @functools.cache
        def at(*i: Expr) -> Expr:
            return _reduced(x, dict(zip(kept, i)), [axis for axis in axes if not is_one(x.shape[axis])], build, combine)
        return Value(e.shape, at, x.kind)
    return read


def _reduced(x: Value, full: dict[int, Expr], axes: list[int], build: Build, combine: Combine) -> Expr:
    over = {axis: bound(x.shape[axis]) for axis in axes}
    body = x.at(*({**full, **over}.get(axis, ZERO) for axis in range(len(x.shape))))
    axis = next((axis for axis in axes if _falls_apart(over[axis], body)), None)
    if axis is not None:
        rest = [other for other in axes if other != axis]
        parts = [_reduced(x, {**full, axis: num(k)}, rest, build, combine) for k in range(int(x.shape[axis].args[0]))]
        whole = combine(parts)
        if whole is not None:
            return whole
    return build(tuple(over.values()), body) if over else body


def _falls_apart(b: Index, body: Expr) -> bool:
    """Whether the entries along an axis of a few are told apart by their number alone, as those of stacked arrays are."""
    if not (isinstance(b.size, Num) and b.size.value <= _FEW):
        return False
    tests = (part for part in walk(body) if isinstance(part, (Delta, Iverson)) and part.free == {b})
    return any(not any(isinstance(part, At) for part in walk(test)) for test in tests)


def _extreme(which: str) -> Build:
    return lambda bound, body: Extremum(which, *apart(bound, body))


def _larger(choose: Callable[..., Expr], parts: Sequence[Expr]) -> Expr | None:
    """One of two; among more than two, ties are shared in another way."""
    return behind_masks(choose, list(parts)) if len(parts) == 2 else None


def _added(parts: Sequence[Expr]) -> Expr:
    return add(*parts)


# ------------------------------------------------------------------------------------------- products


def _multiplied(e: Equation) -> Value:
    """A product along axes of known sizes, written out."""
    x, axes = e.inputs[0], e.params["axes"]
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]

    def at(*i: Expr) -> Expr:
        places: list[dict[int, Expr]] = [dict(zip(kept, i))]
        for axis in axes:
            places = [{**place, axis: num(k)} for place in places for k in range(_count(x.shape[axis]))]
        return product(x.at(*(place[axis] for axis in range(len(x.shape)))) for place in places)
    return Value(e.shape, at, x.kind)


def _count(n: Expr) -> int:
    if not isinstance(n, Num):
        raise NotYet("A product of a symbolic number of factors has no row.",
                     hint='Give that dimension a number, such as shapes={"x": "n 3"}; of positive factors, sum the logarithms.')
    return int(n.value)


def _multiplied_so_far(e: Equation) -> Value:
    """Π_{b ≤ i} x_b, or from the end: each factor counts where it is reached."""
    x, axis = e.inputs[0], e.params["axis"]
    count = _count(x.shape[axis])

    def at(*i: Expr) -> Expr:
        out: list[Expr] = []
        for k in range(count):
            entry = x.at(*(num(k) if a == axis else j for a, j in enumerate(i)))
            reached = _reached(num(k), i[axis], reverse=e.params["reverse"])
            out += [] if reached is ZERO else [entry if reached is ONE else Where(reached, entry, ONE)]
        return product(out)
    return Value(e.shape, at, x.kind)


def _reached(b: Expr, i: Expr, *, reverse: bool) -> Expr:
    first, last = (i, b) if reverse else (b, i)
    if isinstance(first, Num) and isinstance(last, Num):
        return ONE if first.value <= last.value else ZERO
    return ONE if first is ZERO else Iverson(">=", sub(last, first))


# ------------------------------------------------------------------------------------------- sums so far


def _so_far(build: Callable[[Expr], Expr], outer: Callable[[Expr], Expr]) -> Callable[[Equation], Value]:
    """outer(Σ_{b ≤ i} build(x_b)), or from the end."""
    def read(e: Equation) -> Value:
        x, axis = e.inputs[0], e.params["axis"]

        @functools.cache
        def at(*i: Expr) -> Expr:
            b = bound(x.shape[axis])
            entry = build(x.at(*(b if a == axis else j for a, j in enumerate(i))))
            return outer(Sum((b,), mul(_reached(b, i[axis], reverse=e.params["reverse"]), entry)))
        return Value(e.shape, at, x.kind)
    return read


def _same(u: Expr) -> Expr:
    return u


def _exponential(u: Expr) -> Expr:
    return Fn("exp", (u,))


declare("reduce_sum", "Σ over axes", reduction(summed, _added), lambda x: jnp.sum(x, axis=0) * jnp.sum(jnp.stack([x, x * x], 1), 1), x="m d")
declare("reduce_max", "the largest along axes", reduction(_extreme("max"), partial(_larger, maximum)),
        lambda x, y: jnp.max(x, axis=1, keepdims=True) * jnp.max(jnp.stack([x, y]), axis=(0, 2)), x="m d", y="m d")
declare("reduce_min", "the smallest along axes", reduction(_extreme("min"), partial(_larger, minimum)), lambda x: jnp.min(x, axis=1), x="m d")
declare("reduce_prod", "Π over axes", _multiplied, lambda x: jnp.prod(x, axis=(1, 2)), x="m 3 2")
declare("cumsum", "sums so far", _so_far(_same, _same), lambda x: jnp.cumsum(x, axis=1), x="m d")
declare("cumprod", "products so far", _multiplied_so_far, lambda x: jnp.cumprod(x, axis=1) * lax.cumprod(x, axis=1, reverse=True), x="m 3")
declare("cumlogsumexp", "log Σ exp so far", _so_far(_exponential, lambda u: Fn("log", (u,))),
        lambda x: lax.cumlogsumexp(x, axis=1) * lax.cumlogsumexp(x, axis=1, reverse=True), x="m d")
