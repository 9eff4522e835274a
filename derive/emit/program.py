"""From a story to a straight-line array program: which definitions are needed, in which order, and what is computed once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from derive.derivation import Definition, Story
from derive.emit import arrays, moves
from derive.emit.choices import chosen
from derive.emit.compact import factored, narrowed
from derive.emit.copies import apart
from derive.emit.entries import Store
from derive.emit.lower import Lowering
from derive.emit.masked import folded, kept_inside
from derive.emit.once import Statement, once
from derive.emit.pieces import in_pieces
from derive.emit.places import Places
from derive.emit.poles import without_poles
from derive.emit.saturate import saturate
from derive.emit.split import split
from derive.emit.stable import Row, shifted
from derive.emit.statements import statements_of, units_of
from derive.emit.terms import plain, tidy
from derive.emit.ties import with_ties
from derive.emit.window import windowed
from derive.emit.within import decided
from derive.index import (
    ONE,
    At,
    array_names,
    expand,
    walk,
)

__all__ = ["Program", "build", "needed_rows", "stores_of"]


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
    rows = _needed(with_ties(_laid_out(needed_rows(story), story)))
    rows = _without_aliases(_inlined(chosen(kept_inside(shifted(apart(folded(_needed(saturate(rows)))))))))
    best = _program(rows, story)
    wide = [place for place, row in enumerate(rows[:-1]) if row.definition.indices and ONE in row.definition.shape]
    for places in [wide, *([place] for place in wide[:_MOST_TRIED])]:
        other = [replace(row, definition=replace(row.definition, shape=())) if place in places else row for place, row in enumerate(rows)]
        made = _program(other, story)
        if _views(made) < _views(best):
            rows, best = other, made
    return best


_MOST_TRIED = 8


def _views(program: Program) -> int:
    """How often an array is given an axis of size 1, loses one, or is turned."""
    return sum(part.op == "view" for statement in program.statements for part in arrays.subvalues(statement.value))


def _program(rows: list[Row], story: Story) -> Program:
    """The program of these rows, each array stored with the axes of size 1 that its shape has."""
    stores = stores_of(story, [row.definition for row in rows])
    lowering = Lowering(stores)
    guarded = _labels_in_range(rows, story)
    arguments = {a.name for a in story.source.arguments} | {"dout"}
    statements: list[Statement] = []
    for row in rows:
        lines = statements_of(row, lowering, guarded, arguments)
        stores[row.definition.name] = replace(stores[row.definition.name], kind=lines[0].value.kind)
        statements += lines
    last = statements[-1]
    if last.value.op == "reshape" and story.kind in ("gradient", "vjp"):
        statements[-1] = replace(last, value=moves.reshaped(last.value.args[0], last.value.axes, story.wrt))
    return Program(tuple(once(statements)), rows[-1].definition.name)


def _laid_out(rows: list[Row], story: Story) -> list[Row]:
    """The rows with axes, windows and pieces as arrays have them."""
    places = Places()
    shapes = {a.name: a.shape for a in story.source.arguments} | ({"dout": story.definitions[-1].shape} if story.kind == "vjp" else {})
    return _needed(factored(without_poles(narrowed(windowed(in_pieces(split(rows, places), shapes, places), shapes, places)))))


def needed_rows(story: Story) -> list[Row]:
    """The definitions that the result rests on, the result last."""
    result = story.result
    taken = {definition.name for definition in (*story.definitions, *story.cotangents)} | {a.name for a in story.source.arguments}
    while result.name in taken:
        result = replace(result, name=result.name + "′")
    everything = [*story.definitions, *story.cotangents, result]
    bodies = [decided(plain(d.body)) for d in everything]
    return _needed([Row(replace(d, body=tidy(body) if d.role != "user" else body)) for d, body in zip(everything, bodies)])


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
    last = rows[-1].definition
    place = next((k for k, row in enumerate(rows[:-1]) if isinstance(last.body, At) and row.definition.name == last.body.name), None)
    if place is None or rows[place].definition.role == "user" or last.body.args[1] != last.indices:
        return rows
    return [*rows[:place], replace(rows[place], definition=replace(rows[place].definition, name=last.name, role=last.role, shape=last.shape))]


# ------------------------------------------------------------------------------------------- storage


def stores_of(story: Story, definitions: Iterable[Definition]) -> dict[str, Store]:
    """How the arguments and these definitions are stored."""
    stores = {a.name: Store(tuple(size is ONE for size in a.shape), a.kind, a.shape) for a in story.source.arguments}
    if story.kind == "vjp":
        shape = story.definitions[-1].shape
        stores["dout"] = Store(tuple(size is ONE for size in shape), "float", shape)
    for definition in definitions:
        units = units_of(definition)
        rest = [index.size for index in definition.indices]
        stores[definition.name] = Store(units, "float", tuple(ONE if unit else rest.pop(0) for unit in units))
    return stores


def _labels_in_range(rows: list[Row], story: Story) -> set[str]:
    """Label arrays that the program itself uses as an index: only those may be one in the gradient (a negative label would wrap)."""
    bodies = [plain(definition.body) for definition in story.definitions]
    entries = [node for body in bodies for node in walk(body) if isinstance(node, At)]
    return {inner.name for node in entries for index in node.indices for inner in walk(index) if isinstance(inner, At)}
