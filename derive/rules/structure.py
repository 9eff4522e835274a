"""Rows of the table of primitives that move, sum or pick entries.

Legend: as in `primitives`; n is a size, g the dimension numbers of a gather or scatter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from derive.derivation import Assumption
from derive.errors import NotYet
from derive.index import ONE, ZERO, Delta, Digit, Expr, Extremum, Index, Iverson, Mul, Num, Pow, Sum, Where, add, delta, fresh, mul, num, sub, substitute, walk
from derive.rules.primitives import Equation, Primitive, declare, uses_label
from derive.rules.value import Value, is_one, letter_for
from derive.rules.sizes import size

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
        raise NotYet("A reshape that splits an axis of symbolic size has no row.", hint="Give the array the shape that it needs from the start.")
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


def _expand_dims(e: Equation) -> Value:
    x, new = e.inputs[0], set(e.params["dimensions"])
    return Value(e.shape, lambda *i: x.at(*(j for axis, j in enumerate(i) if axis not in new)), x.kind)


def _concatenate(e: Equation) -> Value:
    """Pieces side by side: a literal position picks its piece, a symbolic one is compared with the boundaries."""
    axis, offsets, start = e.params["dimension"], [], ZERO
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


def _sum_of(a: Expr, b: Expr) -> Expr:
    return num(a.value + b.value) if isinstance(a, Num) and isinstance(b, Num) else add(a, b)


def shifted(i: Expr, by: Expr, *, minus: bool = False) -> Expr:
    """i + by or i − by, computed where both are literals."""
    if by is ZERO:
        return i
    if isinstance(i, Num) and isinstance(by, Num):
        return num(i.value - by.value if minus else i.value + by.value)
    return sub(i, by) if minus else by if i is ZERO else add(i, by)


def _slice(e: Equation) -> Value:
    x, starts = e.inputs[0], e.params["start_indices"]
    strides = e.params["strides"] or (1,) * len(starts)
    if any(stride != 1 for stride in strides):
        raise NotYet("A slice with a step has no row.", hint="Take every entry, or reshape first.")
    return Value(e.shape, lambda *i: x.at(*(shifted(j, size(start)) for j, start in zip(i, starts))), x.kind)


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


def _label(labels: Value, batch: list[Expr], position: int) -> Expr:
    return labels.at(*(ZERO if is_one(n) else j for n, j in zip(labels.shape, batch)), num(position))


def _assume_in_range(e: Equation, label: Expr, n: Expr) -> None:
    if uses_label(label):
        e.assume(Assumption("labels in range", Delta(*sorted((label, n), key=lambda node: node.key))))
    elif not (label is ZERO or isinstance(label, Index)):
        e.assume(Assumption("index in range", Iverson(">", sub(n, label))))


def _scatter(build: Callable[[Expr, Expr, Expr], Expr], *, adds: bool) -> Callable[[Equation], Value]:
    def read(e: Equation) -> Value:
        x, labels, updates = e.inputs
        g = e.params["dimension_numbers"]
        wide = [axis for axis in range(len(x.shape)) if axis not in (*g.inserted_window_dims, *g.operand_batching_dims)]

        def at(*i: Expr) -> Expr:
            rows = [bound(n) for axis, n in enumerate(updates.shape) if axis not in g.update_window_dims]
            known: dict[Expr, Expr] = {}
            conditions = []
            pairs = [(axis, _label(labels, rows, k)) for k, axis in enumerate(g.scatter_dims_to_operand_dims)]  # type: ignore[arg-type]
            pairs += [(a, rows[b]) for a, b in zip(g.operand_batching_dims, g.scatter_indices_batching_dims)]
            for axis, label in pairs:
                if isinstance(label, Index) and label in rows and label not in known:
                    known[label] = i[axis]
                else:
                    conditions.append((axis, label))
            left = [row for row in rows if row not in known and not is_one(row.size)]
            fixed = {**{row: ZERO for row in rows if is_one(row.size)}, **known}
            hit = ONE
            for axis, label in conditions:
                hit = mul(hit, delta(i[axis], _substituted(label, fixed)))
                if uses_label(label):
                    _assume_in_range(e, _substituted(label, fixed), x.shape[axis])
            windows = iter([i[axis] for axis in wide])
            row_iter = iter(rows)
            where = [next(windows) if axis in g.update_window_dims else next(row_iter) for axis in range(len(updates.shape))]
            update = _substituted(updates.at(*(ZERO if is_one(n) else w for n, w in zip(updates.shape, where))), fixed)
            if left and not adds:
                raise NotYet("Entries are stored at labels that may coincide, so that the last one wins.",
                             hint="Use one row index for each row, x.at[jnp.arange(m), y].set(v), or .add.")
            if left:
                return add(x.at(*i), Sum(tuple(left), mul(hit, update)))
            return build(x.at(*i), hit, update)
        return Value(e.shape, at, x.kind)
    return read


def _substituted(u: Expr, mapping: dict[Expr, Expr]) -> Expr:
    return substitute(u, mapping) if mapping else u


def _stored(old: Expr, hit: Expr, new: Expr) -> Expr:
    return new if hit is ONE else Where(hit, new, old)


def _cumulative(e: Equation) -> Value:
    """Σ_{b ≤ i} x_b, or from the end."""
    x, axis = e.inputs[0], e.params["axis"]

    def at(*i: Expr) -> Expr:
        b = bound(x.shape[axis])
        gap = sub(b, i[axis]) if e.params["reverse"] else sub(i[axis], b)
        return Sum((b,), mul(Iverson(">=", gap), x.at(*(b if a == axis else j for a, j in enumerate(i)))))
    return Value(e.shape, at, x.kind)


def _reverse(e: Equation) -> Value:
    x, axes = e.inputs[0], e.params["dimensions"]
    return Value(e.shape, lambda *i: x.at(*(sub(sub(n, ONE), j) if a in axes else j for a, (n, j) in enumerate(zip(x.shape, i)))), x.kind)


def _split(e: Equation) -> list[Value]:
    x, axis, start, out = e.inputs[0], e.params["axis"], ZERO, []
    for part in e.params["sizes"]:
        shape = tuple(size(part) if a == axis else n for a, n in enumerate(x.shape))
        def at(*i: Expr, start: Expr = start) -> Expr:
            return x.at(*(shifted(j, start) if a == axis else j for a, j in enumerate(i)))
        out.append(Value(shape, at, x.kind))
        start = _sum_of(start, size(part))
    return out


_M, _MK = {"x": "m d"}, {"x": "m k", "y": "int m"}
_ROWS: tuple[tuple[str, str, Callable[[Equation], Any], Callable[..., Any], dict[str, str]], ...] = (
    ("dim_as_value", "a size as a number", _dim_as_value, lambda x: x * x.shape[0], _M),
    ("iota", "the index itself", _iota, lambda x: x * jnp.arange(x.shape[1]), _M),
    ("broadcast_in_dim", "repeats along new axes", _broadcast, lambda x: x + jnp.sum(x, axis=1, keepdims=True), _M),
    ("reshape", "axes of size 1 appear or disappear, neighbours merge", _reshape, lambda x: x.reshape(-1) @ x.reshape(-1), _M),
    ("transpose", "exchanges axes", _transpose, lambda x: x.T, _M),
    ("squeeze", "drops axes of size 1", _squeeze, lambda x: jnp.squeeze(x[:, None], axis=1), _M),
    ("expand_dims", "adds axes of size 1", _expand_dims, lambda x: jnp.expand_dims(x, 1) * x[:, :, None], _M),
    ("reduce_sum", "Σ over axes", _reduction(summed), lambda x: jnp.sum(x, axis=0), _M),
    ("reduce_max", "the largest along axes", _reduction(lambda b, u: Extremum("max", b, u)), lambda x: jnp.max(x, axis=1), _M),
    ("reduce_min", "the smallest along axes", _reduction(lambda b, u: Extremum("min", b, u)), lambda x: jnp.min(x, axis=1), _M),
    ("dot_general", "Σ over contracted axes", _dot_general, lambda x, w: x @ w, {"x": "m d", "w": "d k"}),
    ("concatenate", "side by side", _concatenate, lambda x: jnp.concatenate([x, 2 * x], axis=1), _M),
    ("slice", "a part, from a fixed start", _slice, lambda x: x[1:3], {"x": "5 d"}),
    ("gather", "entries picked by labels", _gather, lambda x, y: x[jnp.arange(x.shape[0]), y], _MK),
    ("scatter", "entries replaced at labels", _scatter(_stored, adds=False), lambda x, y: x.at[jnp.arange(x.shape[0]), y].set(0.0), _MK),
    ("scatter-add", "entries increased at labels", _scatter(lambda old, hit, new: add(old, mul(hit, new)), adds=True),
     lambda x, y: x.at[jnp.arange(x.shape[0]), y].add(2.0), _MK),
    ("scatter_add", "entries increased at labels", _scatter(lambda old, hit, new: add(old, mul(hit, new)), adds=True),
     lambda x, y: x.at[jnp.arange(x.shape[0]), y].add(2.0), _MK),
    ("scatter-mul", "entries multiplied at labels", _scatter(lambda old, hit, new: Where(hit, mul(old, new), old), adds=False),
     lambda x, y: x.at[jnp.arange(x.shape[0]), y].multiply(2.0), _MK),
    ("cumsum", "sums so far", _cumulative, lambda x: jnp.cumsum(x, axis=1), _M),
    ("rev", "in reverse order", _reverse, lambda x: x[:, ::-1], _M),
    ("split", "cut into parts", _split, lambda x: jnp.split(x, 2, axis=0)[1], {"x": "4 d"}),
)
for _name, _meaning, _read, _sample, _shapes in _ROWS:
    declare(Primitive(_name, _meaning, _read, (_sample, _shapes)))
