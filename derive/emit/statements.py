"""The lines of a program that compute one definition: an assignment, or an array of which some entries are then changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from derive.derivation import Definition
from derive.emit import arrays, moves
from derive.emit.arrays import Value
from derive.emit.entries import entry, gathered
from derive.emit.lower import Lowering
from derive.emit.once import Statement
from derive.emit.places import Places, whole
from derive.emit.stable import Row
from derive.emit.terms import Spread, coefficient_of, common_of, factors_of, terms_of
from derive.index import ONE, ZERO, At, Delta, Expr, Index, Num, Pow, Sum, add, mul, neg, num, power, substitute, walk

__all__ = ["axes_of", "statements_of", "units_of"]


def units_of(definition: Definition) -> tuple[bool, ...]:
    """For each axis that a definition is stored with, whether it is of size 1."""
    units = tuple(size is ONE for size in definition.shape)
    return units if units.count(False) == len(definition.indices) else (False,) * len(definition.indices)


def axes_of(definition: Definition) -> arrays.Axes:
    """The axes that a definition is stored with."""
    rest = list(definition.indices)
    return tuple(None if unit else rest.pop(0) for unit in units_of(definition))


def statements_of(row: Row, lowering: Lowering, guarded: set[str], arguments: set[str]) -> list[Statement]:
    """The lines that compute a row; `guarded` are the label arrays that are certainly in range, `arguments` what must not be handed back."""
    definition = row.definition
    axes = axes_of(definition)
    if isinstance(definition.body, Spread) and any(step > 1 for _, step, _ in definition.body.args[1]):
        return _with_gaps(definition, definition.body, lowering)
    changed = _hot_update(definition, axes, lowering, guarded) or _looked_up(definition, axes, lowering, guarded)
    if changed is not None:
        return [replace(changed[0], comment=row.comment), *changed[1:]]
    value = arrays.full(lowering.lower(definition.body, axes), axes)
    if definition.role == "result":
        value = arrays.cast(value)
        value = arrays.copied(value) if arrays.viewed(value) in arguments and value.axes else value
    return [Statement(definition.name, "=", value, comment=row.comment)]


def _with_gaps(definition: Definition, body: Spread, lowering: Lowering) -> list[Statement]:
    """An array of zeros, of which every second entry or so is then set."""
    entry, widths = body.args
    axes = axes_of(definition)
    cuts = [_behind(index.size, *width) for index, width in zip(definition.indices, widths)]
    value = arrays.load(entry.name, axes, lowering.stores[entry.name].kind)
    where = moves.sliced(arrays.load(definition.name, axes), cuts, axes)
    return [Statement(definition.name, "=", arrays.full(arrays.number(ZERO.value), axes)), Statement(definition.name, "=", value, where)]


def _behind(size: Expr, before: Expr, step: int, behind: Expr) -> moves.Cut:
    """before::step, up to where the zeros begin."""
    if step == 1 and before is ZERO and behind is ZERO:
        return None
    short = isinstance(behind, Num) and behind.value < step
    stop = None if short else Places().tidy(add(size, neg(behind)))
    return ("cut", before, stop, step)


def _hot_update(definition: Definition, axes: arrays.Axes, lowering: Lowering, guarded: set[str]) -> list[Statement] | None:
    """u_ic − δ(c, y_i) v_i as a copy of u, changed at the entries (i, y_i)."""
    common, inner = common_of(definition.body)
    terms = terms_of(inner)
    deltas = {factor for term in terms for factor in factors_of(term) if isinstance(factor, Delta)}
    pairs = (_label_of(one, definition, guarded, lowering.places) for one in sorted(deltas, key=lambda d: d.key))
    found = next((pair for pair in pairs if pair is not None), None)
    if found is None:
        return None
    index, label, mask = found
    hot = [mul(*_minus_one(term, mask)) for term in terms if mask in factors_of(term)]
    base = add(*(term for term in terms if mask not in factors_of(term)))
    if any(isinstance(node, Delta) and index in node.free for term in hot for node in walk(term)) or not base.free >= {index}:
        return None
    name = definition.name
    start = arrays.copied(arrays.cast(arrays.full(lowering.lower(base, axes), axes)))
    change = substitute(add(*hot), {index: label})
    entry = substitute(At(name, definition.indices), {index: label})
    where = lowering.lower(entry, tuple(axis for axis in axes if axis is not None and axis is not index))
    how = "-=" if all(coefficient_of(term)[0] < 0 for term in terms_of(change)) else "+="
    amount = arrays.fit(lowering.lower(_negated(change) if how == "-=" else change, where.axes), where.axes)
    lines = [Statement(name, "=", start), Statement(name, how, amount, where)]
    return lines + _scaling(name, common, lowering)


def _looked_up(definition: Definition, axes: arrays.Axes, lowering: Lowering, guarded: set[str]) -> list[Statement] | None:
    """u + Σ_i δ(c, y_i) v_i as a copy of u, to which v_i is added at each y_i; one place may be met several times."""
    common, inner = common_of(definition.body)
    terms = terms_of(inner)
    found = next((met for term in terms if (met := _met(term, definition, guarded, lowering.places)) is not None), None)
    if found is None:
        return None
    base = add(*(term for term in terms if term is not found.term))
    if any(isinstance(node, Delta) and node.free & found.places.keys() for node in walk(base)):
        return None
    name = definition.name
    start = arrays.copied(arrays.cast(arrays.full(lowering.lower(base, axes), axes)))
    spots: list[Index] = []
    used = tuple(one for one in found.order if any(one in place.free for place in found.places.values()))
    for axis in axes:
        if axis is not None:
            here = used if axis in found.places else (axis,)
            spots += [one for one in here if one not in spots]
    where = _spots(At(name, tuple(found.places.get(index, index) for index in definition.indices)), tuple(spots), lowering)
    value = arrays.fit(arrays.cast(lowering.lower(found.amount, where.axes)), where.axes)
    how = "add.at" if where.op == "take" else "=" if base is ZERO else "+="
    return [Statement(name, "=", start), Statement(name, how, value, where), *_scaling(name, common, lowering)]


def _spots(expr: At, axes: arrays.Axes, lowering: Lowering) -> Value:
    """The entries that are changed: a slice, or index arrays."""
    store = lowering.stores[expr.name]
    view = entry(expr, store, lowering.places)
    if view is not None and view.op == "slice" and view.args[0].op == "load":
        return view
    return gathered(expr, store, axes, lowering.lower, lowering.places)


@dataclass(frozen=True)
class _Met:
    """A term Σ δ(c, y) v: the place y of each index c, the order of the summed indices, and the amount v."""

    term: Expr
    places: dict[Index, Expr]
    order: tuple[Index, ...]
    amount: Expr


def _met(term: Expr, definition: Definition, guarded: set[str], places: Places) -> _Met | None:
    coefficient, rest = coefficient_of(term)
    sums = [factor for factor in factors_of(rest) if isinstance(factor, Sum)]
    if len(sums) != 1:
        return None
    (whole,) = sums
    outer = [num(coefficient), *(factor for factor in factors_of(rest) if factor is not whole)]
    found = {mask: pair for mask in factors_of(whole.body) if isinstance(mask, Delta)
             and (pair := _label_of(mask, definition, guarded, places)) is not None and pair[1].free & set(whole.bound)}
    at = {index: label for index, label, _ in found.values()}
    used = frozenset().union(*(label.free for label in at.values()))
    bound = tuple(one for one in whole.bound if one not in used)
    added = mul(*(factor for factor in factors_of(whole.body) if factor not in found))
    amount = mul(*outer, Sum(bound, added) if bound else added)
    if not at or len(at) < len(found) or at.keys() & amount.free or at.keys() & used:
        return None
    return _Met(term, at, whole.bound, amount)


def _negated(change: Expr) -> Expr:
    return add(*(neg(term) for term in terms_of(change)))


def _minus_one(term: Expr, mask: Expr) -> list[Expr]:
    rest = list(factors_of(term))
    rest.remove(mask)
    return rest


def _label_of(mask: Delta, definition: Definition, guarded: set[str], places: Places) -> tuple[Index, Expr, Delta] | None:
    """(c, y, the delta) for an index c and a place y that is certainly on its axis."""
    for index, label in (mask.args, mask.args[::-1]):
        if isinstance(index, Index) and index in definition.indices and index not in label.free and not isinstance(label, (Index, Num)):
            labelled = isinstance(label, At) and label.name in guarded and all(isinstance(i, Index) for i in label.indices)
            if labelled or (whole(label) and places.linear(label) is not None and places.inside(label, index.size) == (True, True)):
                return index, label, mask
    return None


def _scaling(name: str, common: list[Expr], lowering: Lowering) -> list[Statement]:
    if not common:
        return []
    if all(isinstance(factor, Pow) and factor.args[1] < 0 for factor in common):
        divisor = mul(*(power(factor.args[0], -factor.args[1]) for factor in common))
        return [Statement(name, "/=", lowering.lower(divisor, ()))]
    return [Statement(name, "*=", lowering.lower(mul(*common), ()))]
