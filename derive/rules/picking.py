"""Rows of the table of primitives that pick entries: slices, pieces, and labels.

Legend: as in `primitives`; n is a size, g the dimension numbers of a gather or scatter.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax

from derive.derivation import Assumption, label_in_range
from derive.index import ONE, ZERO, Add, Expr, Index, Iverson, Num, Where, add, delta, digit, mul, neg, num, sub
from derive.rules.places import at_place, is_place
from derive.rules.primitives import Equation, declare, uses_label
from derive.rules.sizes import size
from derive.rules.value import Value, is_one

__all__ = ["assume_in_range", "by_position", "held", "label_at", "met_at", "shifted", "starts_on", "times"]


def _sum_of(a: Expr, b: Expr) -> Expr:
    return num(a.value + b.value) if isinstance(a, Num) and isinstance(b, Num) else add(a, b)


def shifted(i: Expr, by: Expr, *, minus: bool = False) -> Expr:
    """I + by or i − by, computed where both are literals."""
    if by is ZERO:
        return i
    if isinstance(i, Num) and isinstance(by, Num):
        return num(i.value - by.value if minus else i.value + by.value)
    return sub(i, by) if minus else by if i is ZERO else add(i, by)


def times(i: Expr, step: int) -> Expr:
    """step · i, computed where i is a literal."""
    return i if step == 1 else num(i.value * step) if isinstance(i, Num) else mul(num(step), i)


def _concatenate(e: Equation) -> Value:
    """Pieces side by side: a literal position picks its piece, a symbolic one is compared with the boundaries."""
    axis, offsets = e.params["dimension"], []
    start: Expr = ZERO
    for x in e.inputs:
        offsets.append(start)
        start = _sum_of(start, x.shape[axis])

    def at(*i: Expr) -> Expr:
        def piece(k: int) -> Expr:
            x = e.inputs[k]
            j = ZERO if is_one(x.shape[axis]) else shifted(i[axis], offsets[k], minus=True)
            return x.at(*(j if a == axis else old for a, old in enumerate(i)))
        if isinstance(i[axis], Num) and all(isinstance(o, Num) for o in offsets):
            return piece(max(k for k, o in enumerate(offsets) if o.args[0] <= i[axis].args[0]))
        out = piece(len(e.inputs) - 1)
        for k in range(len(e.inputs) - 2, -1, -1):
            out = Where(Iverson(">", sub(offsets[k + 1], i[axis])), piece(k), out)
        return out
    return Value(e.shape, at, e.inputs[0].kind)


def by_position(parts: Sequence[Value], axis: int) -> Value:
    """Arrays along a new axis: Σ_t δ(i, t) y_t, or y_t itself at a literal position."""
    shape = (*parts[0].shape[:axis], num(len(parts)), *parts[0].shape[axis:])

    def at(*i: Expr) -> Expr:
        rest = (*i[:axis], *i[axis + 1:])
        if isinstance(i[axis], Num):
            return parts[int(i[axis].args[0])].at(*rest)
        return add(*(mul(delta(i[axis], num(t)), part.at(*rest)) for t, part in enumerate(parts)))
    return Value(shape, at, parts[0].kind)


def _slice(e: Equation) -> Value:
    x, starts = e.inputs[0], e.params["start_indices"]
    strides = e.params["strides"] or (1,) * len(starts)
    return Value(e.shape, lambda *i: x.at(*(shifted(times(j, step), size(start)) for j, start, step in zip(i, starts, strides))), x.kind)


def _split(e: Equation) -> list[Value]:
    x, axis, out = e.inputs[0], e.params["axis"], []
    start: Expr = ZERO
    for part in e.params["sizes"]:
        shape = tuple(size(part) if a == axis else n for a, n in enumerate(x.shape))
        def at(*i: Expr, start: Expr = start) -> Expr:
            return x.at(*(shifted(j, start) if a == axis else j for a, j in enumerate(i)))
        out.append(Value(shape, at, x.kind))
        start = _sum_of(start, size(part))
    return out


def _reverse(e: Equation) -> Value:
    x, axes = e.inputs[0], e.params["dimensions"]
    return Value(e.shape, lambda *i: x.at(*(_from_the_end(n, j) if a in axes else j for a, (n, j) in enumerate(zip(x.shape, i)))), x.kind)


def _from_the_end(n: Expr, j: Expr) -> Expr:
    """N − 1 − j; twice gives j again."""
    if isinstance(n, Num) and isinstance(j, Num):
        return num(n.value - 1 - j.value)
    back = neg(j.args[0][-1]) if isinstance(j, Add) else j
    return back if j is sub(sub(n, ONE), back) else sub(sub(n, ONE), j)


def _gather(e: Equation) -> Value:
    """Rows, x[i, y[i]] and take_along_axis: each axis of the operand has a label, a batch index or a free index."""
    x, labels = e.inputs
    g = e.params["dimension_numbers"]
    wide = [axis for axis in range(len(x.shape)) if axis not in (*g.collapsed_slice_dims, *g.operand_batching_dims)]
    sizes = [size(n) for n in e.params["slice_sizes"]]

    def at(*i: Expr) -> Expr:
        batch = [j for axis, j in enumerate(i) if axis not in g.offset_dims]
        offsets = dict(zip(wide, [i[axis] for axis in g.offset_dims]))
        picked = []
        for axis in range(len(x.shape)):
            if axis in g.operand_batching_dims:
                picked.append(batch[g.start_indices_batching_dims[g.operand_batching_dims.index(axis)]])
                continue
            start = label_at(labels, batch, g.start_index_map.index(axis)) if axis in g.start_index_map else ZERO
            if axis in offsets and sizes[axis] is x.shape[axis]:
                start = ZERO
            elif axis in g.start_index_map:
                assume_in_range(e, start, starts_on(x.shape[axis], sizes[axis]))
            picked.append(ZERO if is_one(x.shape[axis]) else shifted(offsets[axis], start) if axis in offsets else start)
        return at_place(x.at, picked)
    return Value(e.shape, at, x.kind)


def _dynamic_slice(e: Equation) -> Value:
    """x[0], x[−1] and x[y] for a scalar label y: a part that starts where scalars say, or as late as it fits."""
    x, starts = e.inputs[0], e.inputs[1:]
    sizes = [size(n) for n in e.params["slice_sizes"]]

    def at(*i: Expr) -> Expr:
        picked = []
        for axis, (n, length) in enumerate(zip(x.shape, sizes)):
            start = ZERO if length is n else held(starts[axis].at(), starts_on(n, length))
            if length is not n and start is not add(num(-1), n):
                assume_in_range(e, start, starts_on(n, length))
            picked.append(ZERO if is_one(n) else start if is_one(length) else shifted(i[axis], start))
        return at_place(x.at, picked)
    return Value(e.shape, at, x.kind)


def starts_on(n: Expr, length: Expr) -> Expr:
    """How many places there are on an axis of size n where a part of this length can start."""
    if isinstance(n, Num) and isinstance(length, Num):
        return num(n.value - length.value + 1)
    return n if is_one(length) else sub(add(n, ONE), length)


def held(start: Expr, places: Expr) -> Expr:
    """A literal start, held between 0 and the last place."""
    both = isinstance(start, Num) and isinstance(places, Num)
    return num(max(min(start.args[0], places.args[0] - 1), 0)) if both else start


def _pad(e: Equation) -> Value:
    """The array with entries of one value around it and between its entries; a negative count cuts off."""
    x, filler = e.inputs

    def at(*i: Expr) -> Expr:
        met = [met_at(j, n, size(low), size(high), between + 1) for j, n, (low, high, between) in zip(i, x.shape, e.params["padding_config"])]
        inside = [condition for _, condition in met if condition is not ONE]
        entry = x.at(*(ZERO if is_one(n) else j for n, (j, _) in zip(x.shape, met)))
        return Where(mul(*inside), entry, filler.at()) if inside else entry
    return Value(e.shape, at, x.kind)


def met_at(p: Expr, n: Expr, low: Expr, high: Expr, gap: int) -> tuple[Expr, Expr]:
    """(the entry of an axis of size n that stands at p after padding, an indicator that there is one); entries stand `gap` apart."""
    q = shifted(p, low, minus=True)
    inside = [] if not_positive(low) else [Iverson(">=", q)]
    if gap == 1:
        return q, mul(*inside, *([] if not_positive(high) else [Iverson(">", sub(n, q))]))
    inside += [] if not_positive(high) else [Iverson(">", sub(sub(mul(num(gap), n), num(gap - 1)), q))]
    return digit(q, (n, num(gap)), 0), mul(*inside, delta(digit(q, (n, num(gap)), 1), ZERO))


def not_positive(n: Expr) -> bool:
    """Whether a size is a literal that is not above 0."""
    return isinstance(n, Num) and n.value <= 0


def _tile(e: Equation) -> Value:
    x, reps = e.inputs[0], e.params["reps"]
    return Value(e.shape, lambda *i: x.at(*(ZERO if is_one(n) else digit(j, (size(r), n), 1) for j, n, r in zip(i, x.shape, reps))), x.kind)


def label_at(labels: Value, batch: Sequence[Expr], position: int) -> Expr:
    """The label that picks along one axis, for one place in the batch."""
    return labels.at(*(ZERO if is_one(n) else j for n, j in zip(labels.shape, batch)), num(position))


def _literally_inside(label: Expr, n: Expr) -> bool:
    return isinstance(label, Num) and isinstance(n, Num) and bool(0 <= label.value < n.value)


def assume_in_range(e: Equation, label: Expr, n: Expr) -> None:
    """Record that an index lies in 0 … n − 1, unless that is evident."""
    if is_place(label):
        return
    if uses_label(label):
        e.assume(label_in_range(label, n))
    elif not (label is ZERO or (isinstance(label, Index) and label.size is n) or _literally_inside(label, n)):
        e.assume(Assumption("index in range", Iverson(">", sub(n, label))))


declare("concatenate", "side by side", _concatenate, lambda x: jnp.concatenate([x, 2 * x], axis=1), x="m d")
declare("stack", "along a new axis", lambda e: by_position(e.inputs, e.params["axis"]), lambda x: jnp.stack([x, x * x], axis=1), x="m d")
declare("slice", "a part, from a fixed start, in fixed steps", _slice, lambda x: lax.slice(x, (1, 1), (5, 3), (2, 1)) * x[:2, :2], x="5 3")
declare("dynamic_slice", "a part, from where scalars say", _dynamic_slice, lambda x, y: x[0] * x[-1] + x[y] ** 2, x="k", y="int")
declare("tile", "repeated side by side", _tile, lambda x: jnp.tile(x, (2, 3)), x="m d")
declare("pad", "one value around the entries, and between them", _pad,
        lambda x: lax.pad(jnp.pad(x, ((1, 2), (0, 0))), 2.0, ((-1, 2, 1), (0, 0, 0))), x="m d")
declare("gather", "entries picked by labels", _gather, lambda x, y: x[jnp.arange(x.shape[0]), y], x="m k", y="int m")
declare("rev", "in reverse order", _reverse, lambda x: x[:, ::-1], x="m d")
declare("split", "cut into parts", _split, lambda x: jnp.split(x, 2, axis=0)[1], x="4 d")
