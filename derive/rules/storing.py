"""Rows of the table of primitives that store entries into an array.

Legend: as in `primitives`; n is a size, g the dimension numbers of a scatter.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax

from derive.errors import NotYet
from derive.index import ONE, ZERO, Expr, Index, Iverson, Num, Sum, Where, add, mul, sub, substitute, walk
from derive.rules.picking import assume_in_range, held, label_at, shifted, starts_on
from derive.rules.places import same_place
from derive.rules.primitives import Equation, declare, uses_label
from derive.rules.structure import bound
from derive.rules.value import Value, is_one

__all__: list[str] = []


def _update_slice(e: Equation) -> Value:
    """A part replaced, from where scalars say, or as late as it fits."""
    x, v, *starts = e.inputs

    def at(*i: Expr) -> Expr:
        inside: list[Expr] = []
        where: list[Expr] = []
        for j, n, length, s in zip(i, x.shape, v.shape, starts):
            start = ZERO if length is n else held(s.at(), starts_on(n, length))
            if length is not n:
                assume_in_range(e, start, starts_on(n, length))
                inside += [same_place(j, start)] if is_one(length) else [Iverson(">=", sub(j, start)), Iverson(">", sub(add(start, length), j))]
            where.append(ZERO if is_one(length) else shifted(j, start, minus=True))
        return Where(mul(*inside), v.at(*where), x.at(*i)) if inside else v.at(*where)
    return Value(e.shape, at, x.kind)


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
    wide = [axis for axis in range(len(x.shape)) if axis not in (*g.inserted_window_dims, *g.operand_batching_dims)]
    parts = dict(zip(wide, (updates.shape[axis] for axis in g.update_window_dims)))
    offsets = dict(zip(wide, (i[axis] for axis in wide)))
    hit: Expr = ONE
    pairs = []
    for k, axis in enumerate(g.scatter_dims_to_operand_dims):
        start = label_at(labels, rows, k)
        if axis in parts and not is_one(parts[axis]):
            inside, offsets[axis] = _within(e, i[axis], start, x.shape[axis], parts[axis])
            hit = mul(hit, *inside)
        else:
            pairs.append((axis, start))
    pairs += [(a, rows[b]) for a, b in zip(g.operand_batching_dims, g.scatter_indices_batching_dims)]
    fixed: dict[Expr, Expr] = {row: ZERO for row in rows if is_one(row.size)}
    conditions = []
    for axis, label in pairs:
        if isinstance(label, Index) and label in rows and label not in fixed:
            fixed[label] = i[axis]
            hit = hit if label.size is x.shape[axis] else mul(hit, Iverson(">", sub(label.size, i[axis])))
        else:
            conditions.append((axis, label))
    for axis, label in conditions:
        label = _substituted(label, fixed)
        hit = mul(hit, same_place(i[axis], label))
        if uses_label(label):
            assume_in_range(e, label, x.shape[axis])
    windows, each = iter([offsets[axis] for axis in wide]), iter(rows)
    where = [next(windows) if axis in g.update_window_dims else next(each) for axis in range(len(updates.shape))]
    update = updates.at(*(ZERO if is_one(n) else w for n, w in zip(updates.shape, where)))
    return hit, _substituted(update, fixed), tuple(row for row in rows if row not in fixed)


def _within(e: Equation, i: Expr, start: Expr, n: Expr, length: Expr) -> tuple[list[Expr], Expr]:
    """(indicators that i lies in the part of this length from `start` on, its place in the part)."""
    if any(isinstance(part, Index) for part in walk(start)):
        raise NotYet("Several parts are stored at once, each from a start of its own.", hint="Store them one after the other.")
    places = starts_on(n, length)
    if isinstance(start, Num) and isinstance(places, Num):
        return ([ZERO], i) if not 0 <= start.value < places.value else ([Iverson(">=", sub(i, start)), Iverson(">", sub(add(start, length), i))],
                                                                        shifted(i, start, minus=True))
    assume_in_range(e, start, places)
    if length is n:
        return [], i
    return [Iverson(">=", sub(i, start)), Iverson(">", sub(add(start, length), i))], shifted(i, start, minus=True)


def _substituted(u: Expr, mapping: dict[Expr, Expr]) -> Expr:
    return substitute(u, mapping) if mapping else u


def _stored(old: Expr, hit: Expr, new: Expr) -> Expr:
    return new if hit is ONE else Where(hit, new, old)


declare("dynamic_update_slice", "a part replaced, from where scalars say", _update_slice,
        lambda x, v, y: lax.dynamic_update_slice(lax.dynamic_update_slice(x, v, (1, 0)), 2 * v[:1], (y, y)), x="5 3", v="2 3", y="int")
declare("scatter", "entries replaced at labels", _scatter(_stored, adds=False),
        lambda x, y: x.at[jnp.arange(x.shape[0]), y].set(0.0), x="m k", y="int m")
declare("scatter-add", "entries increased at labels", _scatter(lambda old, hit, new: add(old, mul(hit, new)), adds=True),
        lambda x, y: x.at[jnp.arange(x.shape[0]), y].add(2.0), x="m k", y="int m")
declare("scatter-mul", "entries multiplied at labels", _scatter(lambda old, hit, new: Where(hit, mul(old, new), old), adds=False),
        lambda x, y: x.at[jnp.arange(x.shape[0]), y].multiply(2.0), x="m k", y="int m")
