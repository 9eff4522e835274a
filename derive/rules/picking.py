"""Rows of the table of primitives that pick entries: slices, pieces, and labels.

Legend: as in `primitives`; n is a size, g the dimension numbers of a gather or scatter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jax import lax

from derive.derivation import Assumption, label_in_range
from derive.errors import NotYet
from derive.index import ONE, ZERO, Expr, Index, Iverson, Num, Sum, Where, add, delta, mul, num, sub, substitute
from derive.rules.primitives import Equation, declare, uses_label
from derive.rules.sizes import size
from derive.rules.structure import bound
from derive.rules.value import Value, is_one

__all__: list[str] = []


def _sum_of(a: Expr, b: Expr) -> Expr:
    return num(a.value + b.value) if isinstance(a, Num) and isinstance(b, Num) else add(a, b)


def shifted(i: Expr, by: Expr, *, minus: bool = False) -> Expr:
    """I + by or i − by, computed where both are literals."""
    if by is ZERO:
        return i
    if isinstance(i, Num) and isinstance(by, Num):
        return num(i.value - by.value if minus else i.value + by.value)
    return sub(i, by) if minus else by if i is ZERO else add(i, by)


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


def _slice(e: Equation) -> Value:
    x, starts = e.inputs[0], e.params["start_indices"]
    strides = e.params["strides"] or (1,) * len(starts)
    if any(stride != 1 for stride in strides):
        raise NotYet("A slice with a step has no row.", hint="Take every entry, or reshape first.")
    return Value(e.shape, lambda *i: x.at(*(shifted(j, size(start)) for j, start in zip(i, starts))), x.kind)


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
    return Value(e.shape, lambda *i: x.at(*(sub(sub(n, ONE), j) if a in axes else j for a, (n, j) in enumerate(zip(x.shape, i)))), x.kind)


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
            start = _label(labels, batch, g.start_index_map.index(axis)) if axis in g.start_index_map else ZERO
            if axis in offsets and sizes[axis] is x.shape[axis]:
                start = ZERO
            elif axis in g.start_index_map:
                _assume_in_range(e, start, x.shape[axis])
            picked.append(ZERO if is_one(x.shape[axis]) else shifted(offsets[axis], start) if axis in offsets else start)
        return x.at(*picked)
    return Value(e.shape, at, x.kind)


def _dynamic_slice(e: Equation) -> Value:
    """x[0], x[−1] and x[y] for a scalar label y: a part that starts where scalars say."""
    x, starts = e.inputs[0], e.inputs[1:]
    sizes = [size(n) for n in e.params["slice_sizes"]]

    def at(*i: Expr) -> Expr:
        picked = []
        for axis, (n, length) in enumerate(zip(x.shape, sizes)):
            start = ZERO if length is n else starts[axis].at()
            if length is not n and start is not add(num(-1), n):
                _assume_in_range(e, start, n)
            picked.append(ZERO if is_one(n) else start if is_one(length) else shifted(i[axis], start))
        return x.at(*picked)
    return Value(e.shape, at, x.kind)


def _pad(e: Equation) -> Value:
    """The array with entries of one value around it."""
    x, filler = e.inputs
    config = [(int(low), int(high), int(between)) for low, high, between in e.params["padding_config"]]
    if any(low < 0 or high < 0 or between for low, high, between in config):
        raise NotYet("Padding that cuts off or goes between entries has no row.", hint="Pad with counts that are not negative.")

    def at(*i: Expr) -> Expr:
        inside: Expr = ONE
        for j, n, (low, high, _) in zip(i, x.shape, config):
            inside = mul(inside, *([Iverson(">=", sub(j, num(low)))] if low else []),
                         *([Iverson(">", sub(add(n, num(low)), j))] if high else []))
        entry = x.at(*(ZERO if is_one(n) else shifted(j, num(low), minus=True) for j, n, (low, _, _) in zip(i, x.shape, config)))
        return entry if inside is ONE else Where(inside, entry, filler.at())
    return Value(e.shape, at, x.kind)


def _label(labels: Value, batch: Sequence[Expr], position: int) -> Expr:
    return labels.at(*(ZERO if is_one(n) else j for n, j in zip(labels.shape, batch)), num(position))


def _assume_in_range(e: Equation, label: Expr, n: Expr) -> None:
    if uses_label(label):
        e.assume(label_in_range(label, n))
    elif not (label is ZERO or isinstance(label, Index)):
        e.assume(Assumption("index in range", Iverson(">", sub(n, label))))


def _scatter(build: Callable[[Expr, Expr, Expr], Expr], *, adds: bool) -> Callable[[Equation], Value]:
    """Entries changed where an update lands: build(old entry, whether one lands here, update)."""
    def read(e: Equation) -> Value:
        x = e.inputs[0]

        def at(*i: Expr) -> Expr:
            hit, update, left = _landing(e, i)
            if left and not adds:
                raise NotYet("Entries are stored at labels that may coincide, so that the last one wins.",
                             hint="Use one row index for each row, x.at[jnp.arange(m), y].set(v), or .add.")
            if left:
                return add(x.at(*i), Sum(left, mul(hit, update)))
            return build(x.at(*i), hit, update)
        return Value(e.shape, at, x.kind)
    return read


def _landing(e: Equation, i: tuple[Expr, ...]) -> tuple[Expr, Expr, tuple[Index, ...]]:
    """(whether an update lands on the entry i, that update, the rows of updates that i does not determine)."""
    x, labels, updates = e.inputs
    g = e.params["dimension_numbers"]
    rows = [bound(n) for axis, n in enumerate(updates.shape) if axis not in g.update_window_dims]
    pairs = [(axis, _label(labels, rows, k)) for k, axis in enumerate(g.scatter_dims_to_operand_dims)]
    pairs += [(a, rows[b]) for a, b in zip(g.operand_batching_dims, g.scatter_indices_batching_dims)]
    fixed: dict[Expr, Expr] = {row: ZERO for row in rows if is_one(row.size)}
    hit: Expr = ONE
    conditions = []
    for axis, label in pairs:
        if isinstance(label, Index) and label in rows and label not in fixed:
            fixed[label] = i[axis]
            hit = hit if label.size is x.shape[axis] else mul(hit, Iverson(">", sub(label.size, i[axis])))
        else:
            conditions.append((axis, label))
    for axis, label in conditions:
        label = _substituted(label, fixed)
        hit = mul(hit, delta(i[axis], label))
        if uses_label(label):
            _assume_in_range(e, label, x.shape[axis])
    wide = [axis for axis in range(len(x.shape)) if axis not in (*g.inserted_window_dims, *g.operand_batching_dims)]
    windows, each = iter([i[axis] for axis in wide]), iter(rows)
    where = [next(windows) if axis in g.update_window_dims else next(each) for axis in range(len(updates.shape))]
    update = updates.at(*(ZERO if is_one(n) else w for n, w in zip(updates.shape, where)))
    return hit, _substituted(update, fixed), tuple(row for row in rows if row not in fixed)


def _substituted(u: Expr, mapping: dict[Expr, Expr]) -> Expr:
    return substitute(u, mapping) if mapping else u


def _stored(old: Expr, hit: Expr, new: Expr) -> Expr:
    return new if hit is ONE else Where(hit, new, old)


declare("concatenate", "side by side", _concatenate, lambda x: jnp.concatenate([x, 2 * x], axis=1), x="m d")
declare("slice", "a part, from a fixed start", _slice, lambda x: lax.slice_in_dim(x, 1, 3) * x[:2], x="5 d")
declare("dynamic_slice", "a part, from where scalars say", _dynamic_slice, lambda x, y: x[0] * x[-1] + x[y] ** 2, x="k", y="int")
declare("pad", "one value around the entries", _pad, lambda x: jnp.pad(x, ((1, 2), (0, 0))), x="m d")
declare("gather", "entries picked by labels", _gather, lambda x, y: x[jnp.arange(x.shape[0]), y], x="m k", y="int m")
declare("scatter", "entries replaced at labels", _scatter(_stored, adds=False),
        lambda x, y: x.at[jnp.arange(x.shape[0]), y].set(0.0), x="m k", y="int m")
declare("scatter-add", "entries increased at labels", _scatter(lambda old, hit, new: add(old, mul(hit, new)), adds=True),
        lambda x, y: x.at[jnp.arange(x.shape[0]), y].add(2.0), x="m k", y="int m")
declare("scatter-mul", "entries multiplied at labels", _scatter(lambda old, hit, new: Where(hit, mul(old, new), old), adds=False),
        lambda x, y: x.at[jnp.arange(x.shape[0]), y].multiply(2.0), x="m k", y="int m")
declare("rev", "in reverse order", _reverse, lambda x: x[:, ::-1], x="m d")
declare("split", "cut into parts", _split, lambda x: jnp.split(x, 2, axis=0)[1], x="4 d")
