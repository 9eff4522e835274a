"""Rows of the table of primitives that move a window over an array: convolution and pooling.

Legend: x an array, w the weights; p is a position of the window and a one in it; s the stride, d the dilation of the window, lo the padding
in front.  The entry of x that they meet at is p s + a d − lo; where padding reaches outside of x an indicator says that it is inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jax import lax

from derive.errors import NotYet
from derive.index import ONE, ZERO, Expr, Extremum, Index, Num, Sum, Where, add, digit, fresh, mul, num
from derive.rules.picking import met_at, times
from derive.rules.primitives import Equation, declare
from derive.rules.reading import MINUS_INFINITY
from derive.rules.sizes import size
from derive.rules.structure import merged
from derive.rules.value import Value, is_one, letter_for

__all__: list[str] = []

Met = tuple[Expr, Expr]


def _met(p: Expr, a: Expr, n: Expr, how: tuple[int, int, tuple[object, object], int]) -> Met:
    """(the entry of an axis of size n that p and a meet at, an indicator that it is inside); `how` is s, d, (lo, hi) and the gap of x."""
    stride, dilation, (low, high), gap = how
    return met_at(_plus(times(p, stride), times(a, dilation)), n, size(low), size(high), gap)


def _plus(u: Expr, v: Expr) -> Expr:
    return num(u.value + v.value) if isinstance(u, Num) and isinstance(v, Num) else add(u, v)


def _over(n: Expr) -> Expr:
    """An index over a window, 0 where there is one entry."""
    return ZERO if is_one(n) else fresh(Index(letter_for(n), n, 0))


def _meetings(x: Sequence[Expr], p: Sequence[Expr], a: Sequence[Expr], e: Equation, spacing: tuple[str, str]) -> tuple[list[Expr], list[Expr]]:
    """For each axis of a window the entry that is met, and the indicators that are not 1."""
    dilation, gap = (e.params[name] for name in spacing)
    hows = zip(e.params["window_strides"], dilation, e.params["padding"], gap)
    met = [_met(*axis) for axis in zip(p, a, x, hows)]
    return [entry for entry, _ in met], [inside for _, inside in met if inside is not ONE]


def _convolution(e: Equation) -> Value:
    """Σ over input channels c and places a of the window: x[n, c, p s + a d − lo] w[o, c, a]."""
    x, w = e.inputs
    specs = e.params["dimension_numbers"]
    groups = e.params["feature_group_count"]
    if e.params["batch_group_count"] != 1:
        raise NotYet("A convolution with groups of examples has no row.", hint="Use feature_group_count, or one convolution for each group.")
    channels = w.shape[specs.rhs_spec[1]]
    outs = size(_shape_over(e.shape[specs.out_spec[1]], groups))

    def at(*i: Expr) -> Expr:
        n, o, *p = (i[axis] for axis in specs.out_spec)
        c, *a = (_over(w.shape[axis]) for axis in specs.rhs_spec[1:])
        spatial = [x.shape[axis] for axis in specs.lhs_spec[2:]]
        where, inside = _meetings(spatial, p, a, e, ("rhs_dilation", "lhs_dilation"))
        channel = merged([digit(o, (num(groups), outs), 0), c], (num(groups), channels))
        at_x = dict(zip(specs.lhs_spec, [n, channel, *where]))
        at_w = dict(zip(specs.rhs_spec, [o, c, *a]))
        entry = x.at(*(ZERO if is_one(m) else at_x[axis] for axis, m in enumerate(x.shape)))
        body = mul(*inside, entry, w.at(*(ZERO if is_one(m) else at_w[axis] for axis, m in enumerate(w.shape))))
        over = tuple(b for b in (c, *a) if isinstance(b, Index))
        return Sum(over, body) if over else body
    return Value(e.shape, at, e.kind)


def _shape_over(n: Expr, groups: int) -> object:
    """n / groups, for a size that is a multiple of the number of groups."""
    if groups == 1:
        return _text(n)
    parts = list(n.args[0]) if type(n).__name__ == "Mul" else [n]
    for k, part in enumerate(parts):
        if isinstance(part, Num) and part.value % groups == 0:
            parts[k] = num(part.value / groups)
            return _text(mul(*parts))
    raise NotYet(f"The channels do not come apart into {groups} groups.", hint=f"Name the size of a group: \"{groups}*g\".")


def _text(n: Expr) -> str:
    kind = type(n).__name__
    return str(n.args[0]) if kind in ("Num", "Size") else "(" + {"Mul": "*", "Add": "+"}.get(kind, "**").join(_text(k) for k in n.args[0]) + ")"


def _window(build: Callable[[tuple[Index, ...], Expr, list[Expr]], Expr]) -> Callable[[Equation], Value]:
    """build(places in the window, the entry met there, indicators that it is inside)."""
    def read(e: Equation) -> Value:
        x = e.inputs[0]

        def at(*i: Expr) -> Expr:
            a = [_over(size(n)) for n in e.params["window_dimensions"]]
            where, inside = _meetings(x.shape, i, a, e, ("window_dilation", "base_dilation"))
            entry = x.at(*(ZERO if is_one(n) else j for n, j in zip(x.shape, where)))
            return build(tuple(b for b in a if isinstance(b, Index)), entry, inside)
        return Value(e.shape, at, x.kind)
    return read


def _total(over: tuple[Index, ...], entry: Expr, inside: list[Expr]) -> Expr:
    body = mul(*inside, entry)
    return Sum(over, body) if over else body


def _largest(over: tuple[Index, ...], entry: Expr, inside: list[Expr]) -> Expr:
    body = Where(mul(*inside), entry, MINUS_INFINITY) if inside else entry
    return Extremum("max", over, body) if over else body


def _smallest(over: tuple[Index, ...], entry: Expr, inside: list[Expr]) -> Expr:
    if inside:
        raise NotYet("A smallest entry of a window that reaches into the padding has no row.", hint="Take the largest of −x.")
    return Extremum("min", over, entry) if over else entry


declare("conv_general_dilated", "Σ over a window, of entries times weights", _convolution,
        lambda x, w: lax.conv_general_dilated(x, w, (2, 1), [(1, 0), (0, 1)], rhs_dilation=(1, 2), feature_group_count=2), x="m 4 5 4", w="2*k 2 3 2")
declare("reduce_window_sum", "Σ over a window", _window(_total),
        lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 3), (1, 2), [(0, 0), (1, 1)]), x="m 5")
declare("reduce_window_max", "the largest in a window", _window(_largest),
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 3), (1, 2), [(0, 0), (1, 1)]), x="m 5")
declare("reduce_window_min", "the smallest in a window", _window(_smallest),
        lambda x: lax.reduce_window(x, jnp.inf, lax.min, (1, 2), (1, 2), "VALID"), x="m 5")
