"""An array whose entry is one formula up to some place and another one behind it, as pieces that are joined along that axis."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from derive.derivation import Definition
from derive.emit.places import Places, minus, whole
from derive.emit.stable import Row, unused_name
from derive.emit.terms import Joined, factors_of, terms_of
from derive.emit.window import Shapes
from derive.index import ONE, ZERO, At, Delta, Expr, Index, Iverson, Num, add, array_names, fresh, num, substitute, walk

__all__ = ["in_pieces"]

_MOST_PIECES = 8


def in_pieces(rows: list[Row], shapes: Shapes, places: Places) -> list[Row]:
    """The rows, with an array in pieces wherever an index of it would else reach outside of another array."""
    known = {**shapes, **{row.definition.name: tuple(i.size for i in row.definition.indices) for row in rows}}
    out: list[Row] = []
    for row in rows:
        found = next((pair for index in row.definition.indices if (pair := _breaks(row.definition, index, known, places))), None)
        taken = {one.definition.name for one in (*rows, *out)}.union(*(array_names(one.definition.body) for one in rows))
        if found is None:
            one = next((index for index in row.definition.indices if _by_place(row.definition.body, index)), None)
            out += [row] if one is None else _stacked(row, one, taken, places)
            continue
        out += _joined(row, *found, taken, places)
    return out


def _breaks(mine: Definition, index: Index, shapes: Shapes, places: Places) -> tuple[Index, list[Expr]] | None:
    """(the index, the places where pieces begin, 0 first and the size last) where these are in order at all sizes."""
    if not _reaches_outside(mine.body, index, shapes, places):
        return None
    found: dict[Expr, None] = {}
    for node in walk(mine.body):
        if isinstance(node, Iverson) and node.args[0] in (">", ">=") and index in node.free:
            start = _start(node, index, places) if node.free == {index} and whole(node) else None
            if start is None:
                return None
            found[start] = None
    ordered = _in_order([ZERO, *(one for one in found if one not in (ZERO, index.size)), index.size], places)
    if ordered is None or not 2 < len(ordered) <= _MOST_PIECES + 1:
        return None
    lengths = [places.tidy(minus(end, start)) for start, end in pairwise(ordered)]
    return None if ONE in lengths else (index, ordered)


def _reaches_outside(body: Expr, index: Index, shapes: Shapes, places: Places) -> bool:
    for node in walk(body):
        if isinstance(node, At) and node.name in shapes and len(node.indices) == len(shapes[node.name]):
            for slot, size in zip(node.indices, shapes[node.name]):
                if slot.free == {index} and places.inside(slot, size) != (True, True):
                    return True
    return False


def _start(node: Iverson, index: Index, places: Places) -> Expr | None:
    """The first place of the index where the indicator is 1, or where it is 0 again."""
    linear = places.linear(node.args[1])
    if linear is None or abs(linear.number_of(index)) != 1:
        return None
    strict = num(1 if node.args[0] == ">" else 0)
    if linear.number_of(index) > 0:
        return places.tidy(minus(strict, linear.offset))
    return places.tidy(add(linear.offset, num(1), minus(ZERO, strict)))


def _in_order(found: list[Expr], places: Places) -> list[Expr] | None:
    """The places in order, each certainly beyond the one before; None where that is not so at all sizes."""
    left, out = list(found), []
    while left:
        first = next((one for one in left if all(other is one or places.sure(minus(other, one), 1) for other in left)), None)
        if first is None:
            return None
        out.append(first)
        left.remove(first)
    return out


def _by_place(body: Expr, index: Index) -> bool:
    """Whether there are formulas for given places of a short axis: one for each term, or for two places or more."""
    if not isinstance(index.size, Num) or not 1 < index.size.value <= _MOST_PIECES:
        return False
    at = [_places_of(term, index) for term in terms_of(body)]
    return all(at) or len(set().union(*at, *(_places_of(factor, index) for factor in walk(body)))) > 1


def _places_of(node: Expr, index: Index) -> set[Expr]:
    masks = (factor for factor in factors_of(node) if isinstance(factor, Delta) and index in factor.args)
    return {part for mask in masks for part in mask.args if isinstance(part, Num)}


def _stacked(row: Row, index: Index, taken: set[str], places: Places) -> list[Row]:
    """A row whose entries along an axis are formulas of their own."""
    mine = row.definition
    made: list[Row] = []
    rest = tuple(i for i in mine.indices if i is not index)
    for place in range(int(index.size.args[0])):
        name = unused_name(f"{mine.name.rstrip('′')}_{place + 1}", taken | {one.definition.name for one in made})
        body = places.settled(substitute(mine.body, {index: num(place)}))
        made.append(Row(Definition(name, rest, body, "auto-named", tuple(i.size for i in rest)), row.comment if not made else ""))
    parts = tuple(At(one.definition.name, rest) for one in made)
    return [*made, Row(replace(mine, body=Joined(index, parts, ())))]


def _joined(row: Row, index: Index, starts: list[Expr], taken: set[str], places: Places) -> list[Row]:
    mine = row.definition
    made: list[Row] = []
    own: list[Index] = []
    for start, end in pairwise(starts):
        one = fresh(Index(index.name, places.tidy(minus(end, start)), 0))
        name = unused_name(f"{mine.name.rstrip('′')}_{len(made) + 1}", taken | {other.definition.name for other in made})
        body = places.settled(substitute(mine.body, {index: add(start, one)}))
        indices = tuple(one if i is index else i for i in mine.indices)
        own.append(one)
        made.append(Row(Definition(name, indices, body, "auto-named", _shape(mine, index, one))))
    parts = tuple(At(piece.definition.name, piece.definition.indices) for piece in made)
    made[0] = replace(made[0], comment=row.comment)
    return [*made, Row(replace(mine, body=Joined(index, parts, tuple(own))))]


def _shape(mine: Definition, index: Index, one: Index) -> tuple[Expr, ...]:
    rest = list(mine.indices)
    return tuple(size if size is ONE else one.size if rest.pop(0) is index else size for size in mine.shape)


