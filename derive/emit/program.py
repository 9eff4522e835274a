"""From a story to a straight-line array program: which definitions are needed, in which order, and what is computed once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from derive.derivation import Definition, Story
from derive.emit import arrays
from derive.emit.copies import apart
from derive.emit.lower import Lowering, Store
from derive.emit.masked import folded
from derive.emit.once import Statement, once
from derive.emit.saturate import saturate
from derive.emit.stable import Row, shifted
from derive.emit.terms import coefficient_of, factors_of, plain, terms_of
from derive.emit.ties import with_ties
from derive.emit.within import decided
from derive.index import (
    ONE,
    Add,
    At,
    Delta,
    Expr,
    Index,
    Num,
    Pow,
    Sum,
    add,
    array_names,
    expand,
    mul,
    neg,
    num,
    power,
    substitute,
    walk,
)

__all__ = ["Program", "axes_of", "build", "needed_rows", "stores_of"]


@dataclass(frozen=True)
class Program:
    """Statements in order, and the name that holds the result."""

    statements: tuple[Statement, ...]
    result: str


def build(story: Story) -> Program:
    """The program that computes the story's result.

    Raises:
        NotYet: an expression has no array form.
    """
    rows = _needed(with_ties(needed_rows(story)))
    rows = _without_aliases(_inlined(shifted(apart(folded(_needed(saturate(rows)))))))
    stores = stores_of(story, [row.definition for row in rows])
    lowering = Lowering(stores)
    guarded = _labels_in_range(rows, story)
    statements: list[Statement] = []
    for row in rows:
        lines = _statements(row, lowering, guarded)
        stores[row.definition.name] = replace(stores[row.definition.name], kind=lines[0].value.kind)
        statements += lines
    return Program(tuple(once(statements)), rows[-1].definition.name)


def needed_rows(story: Story) -> list[Row]:
    """The definitions that the result rests on, the result last."""
    result = story.result
    taken = {definition.name for definition in (*story.definitions, *story.cotangents)} | {a.name for a in story.source.arguments}
    while result.name in taken:
        result = replace(result, name=result.name + "′")
    everything = [*story.definitions, *story.cotangents, result]
    bodies = [decided(plain(d.body)) for d in everything]
    return _needed([Row(replace(d, body=_tidy(body) if d.role != "user" else body)) for d, body in zip(everything, bodies)])


def _needed(rows: list[Row]) -> list[Row]:
    wanted = {rows[-1].definition.name}
    kept: list[Row] = []
    for row in reversed(rows):
        if row.definition.name in wanted:
            wanted |= array_names(row.definition.body)
            kept.append(row)
    return kept[::-1]


def _inlined(rows: list[Row]) -> list[Row]:
    """Put the body of an unnamed value in the one place where it is used."""
    for row in [row for row in rows if row.definition.role == "auto"]:
        target = row.definition
        uses = [node for other in rows for node in walk(other.definition.body) if isinstance(node, At) and node.name == target.name]
        if len(uses) == 1:
            bodies = {target.name: (target.indices, target.body)}
            rows = [
                replace(other, definition=replace(other.definition, body=expand(other.definition.body, bodies)))
                for other in rows if other.definition.name != target.name
            ]
    return rows


def _without_aliases(rows: list[Row]) -> list[Row]:
    """Where a row only gives another array a second name, that array itself is used."""
    for row in rows[:-1]:
        mine = row.definition
        if mine.role != "user" and isinstance(mine.body, At) and mine.body.indices == mine.indices:
            bodies = {mine.name: (mine.indices, next(one.definition.body for one in rows if one.definition.name == mine.name))}
            rows = [
                replace(one, definition=replace(one.definition, body=expand(one.definition.body, bodies)))
                for one in rows if one.definition.name != mine.name
            ]
    return rows


def _tidy(body: Expr) -> Expr:
    """Common scalar factors taken out of a sum: (u − v) / m."""
    common, rest = _common(body)
    return body if not isinstance(rest, Add) or rest is body else mul(rest, *common)


def _common(body: Expr) -> tuple[list[Expr], Expr]:
    """Factors without indices that every term has, and what is left."""
    outer = [factor for factor in factors_of(body) if not isinstance(factor, Add)]
    sums = [factor for factor in factors_of(body) if isinstance(factor, Add)]
    if outer and len(sums) == 1 and all(not factor.free for factor in outer):
        inside, rest = _common(sums[0])
        return outer + inside, rest
    terms = terms_of(body)
    shared = [factor for factor in dict.fromkeys(factors_of(terms[0])) if not factor.free and not isinstance(factor, (Num, Sum))]
    shared = [factor for factor in shared if all(factor in factors_of(term) for term in terms)]
    sizes = {abs(coefficient_of(term)[0]) for term in terms}
    scale = num(sizes.pop()) if len(sizes) == 1 else ONE
    if len(terms) < 2 or not shared:
        return [], body
    return [scale, *shared] if scale is not ONE else shared, add(*(_without(term, shared, scale) for term in terms))


def _without(term: Expr, shared: list[Expr], scale: Num) -> Expr:
    rest = list(factors_of(term))
    for factor in shared:
        rest.remove(factor)
    coefficient, others = coefficient_of(mul(*rest))
    return mul(num(coefficient / scale.value), others)


# ------------------------------------------------------------------------------------------- storage


def stores_of(story: Story, definitions: Iterable[Definition]) -> dict[str, Store]:
    """How the arguments and these definitions are stored."""
    stores = {a.name: Store(tuple(size is ONE for size in a.shape), a.kind, a.shape) for a in story.source.arguments}
    if story.kind == "vjp":
        stores["dout"] = Store(tuple(size is ONE for size in story.definitions[-1].shape))
    for definition in definitions:
        units = _units(definition)
        rest = [index.size for index in definition.indices]
        stores[definition.name] = Store(units, "float", tuple(ONE if unit else rest.pop(0) for unit in units))
    return stores


def _units(definition: Definition) -> tuple[bool, ...]:
    units = tuple(size is ONE for size in definition.shape)
    return units if units.count(False) == len(definition.indices) else (False,) * len(definition.indices)


def axes_of(definition: Definition) -> arrays.Axes:
    """The axes that a definition is stored with."""
    rest = list(definition.indices)
    return tuple(None if unit else rest.pop(0) for unit in _units(definition))


# ------------------------------------------------------------------------------------------- statements


def _statements(row: Row, lowering: Lowering, guarded: set[str]) -> list[Statement]:
    definition = row.definition
    axes = axes_of(definition)
    hot = _hot_update(definition, axes, lowering, guarded)
    if hot is not None:
        return hot
    value = arrays.full(lowering.lower(definition.body, axes), axes)
    if definition.role == "result":
        value = arrays.cast(value)
        value = arrays.copied(value) if value.op in ("load", "view") and value.axes else value
    return [Statement(definition.name, "=", value, comment=row.comment)]


def _labels_in_range(rows: list[Row], story: Story) -> set[str]:
    """Label arrays that the program itself uses as an index: only those may be one in the gradient (a negative label would wrap)."""
    bodies = [plain(definition.body) for definition in story.definitions]
    entries = [node for body in bodies for node in walk(body) if isinstance(node, At)]
    return {inner.name for node in entries for index in node.indices for inner in walk(index) if isinstance(inner, At)}


def _hot_update(definition: Definition, axes: arrays.Axes, lowering: Lowering, guarded: set[str]) -> list[Statement] | None:
    """u_ic − δ(c, y_i) v_i as a copy of u, changed at the entries (i, y_i)."""
    common, inner = _common(definition.body)
    terms = terms_of(inner)
    deltas = {factor for term in terms for factor in factors_of(term) if isinstance(factor, Delta)}
    found = next((pair for one in sorted(deltas, key=lambda d: d.key) if (pair := _label_of(one, definition, guarded)) is not None), None)
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


def _negated(change: Expr) -> Expr:
    return add(*(neg(term) for term in terms_of(change)))


def _minus_one(term: Expr, mask: Expr) -> list[Expr]:
    rest = list(factors_of(term))
    rest.remove(mask)
    return rest


def _label_of(mask: Delta, definition: Definition, guarded: set[str]) -> tuple[Index, Expr, Delta] | None:
    for index, label in (mask.args, mask.args[::-1]):
        labelled = isinstance(label, At) and label.name in guarded
        if labelled and isinstance(index, Index) and index in definition.indices and index not in label.free:
            return index, label, mask
    return None


def _scaling(name: str, common: list[Expr], lowering: Lowering) -> list[Statement]:
    if not common:
        return []
    if all(isinstance(factor, Pow) and factor.args[1] < 0 for factor in common):
        divisor = mul(*(power(factor.args[0], -factor.args[1]) for factor in common))
        return [Statement(name, "/=", lowering.lower(divisor, ()))]
    return [Statement(name, "*=", lowering.lower(mul(*common), ()))]
