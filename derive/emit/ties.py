"""Which entry is the largest: a comparison of an array with its own maximum, both computed once and in the same way.

1{max_b u_b − u_j = 0} is exact in real numbers only: `(a + b).max() - a - b` need not be 0 in floating point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from derive.derivation import Definition
from derive.emit.stable import Row, first_use, match, resolved, unused_name
from derive.emit.terms import Tie, coefficient_of, terms_of
from derive.index import At, Expr, Extremum, Index, Iverson, add, array_names, expand, mul, num, rebuild, sub, substitute, walk
from derive.normal import P0, Algebra

__all__ = ["with_ties"]


def with_ties(rows: list[Row]) -> list[Row]:
    """The rows, with every 1{u_j − max u = 0} as a comparison of u with its maximum."""
    for place in range(len(rows)):
        while True:
            found = _first_tie(rows, rows[place])
            if found is None:
                break
            rows, place = _compared(rows, place, *found)
    return rows


def _first_tie(rows: list[Row], row: Row) -> tuple[Expr, Extremum, dict[Expr, Expr]] | None:
    table = {one.definition.name: one.definition for one in rows}
    for node in sorted((part for part in walk(row.definition.body) if isinstance(part, Iverson)), key=lambda part: part.key):
        for place, term in enumerate(terms_of(node.args[1]) if node.args[0] == "=" else ()):
            coefficient, entry = coefficient_of(term)
            peak = resolved(entry, table, Extremum)
            terms = terms_of(node.args[1])
            if isinstance(peak, Extremum):
                rest = add(*(mul(num(-1 / coefficient), one) for one in (*terms[:place], *terms[place + 1:])))
                stored = isinstance(rest, At) and isinstance(entry, At) and isinstance(peak.body, At)  # nothing to compute in two ways
                binding = None if stored else _place_of(rest, peak, table)
                if binding is not None:
                    return node, peak, binding
    return None


def _place_of(value: Expr, peak: Extremum, table: Mapping[str, Definition]) -> dict[Expr, Expr] | None:
    """The indices at which the value is an entry of what the maximum searches; None where it cannot be shown to be one."""
    for mine, yours in _levels(peak.body, value, table):
        entries = [part for part in walk(yours) if isinstance(part, At)]
        patterns = [part for part in walk(mine) if isinstance(part, At) and part.free & set(peak.bound)]
        for pattern, entry in ((p, e) for p in patterns for e in entries if p.name == e.name):
            found = match(pattern, entry, {}) or {}
            binding: dict[Expr, Expr] = {index: found[index] for index in peak.bound if index in found}
            if len(binding) == len(peak.bound) and Algebra().canonical(sub(substitute(mine, binding), yours)) is P0:
                return binding
    return None


def _levels(one: Expr, other: Expr, table: Mapping[str, Definition]) -> Iterator[tuple[Expr, Expr]]:
    """The pair as it stands, and with more and more names written out."""
    bodies = {name: (definition.indices, definition.body) for name, definition in table.items()}
    yield one, other
    for _ in range(len(table)):
        longer = expand(one, bodies), expand(other, bodies)
        if longer == (one, other):
            return
        yield longer[0], other
        yield one, longer[1]
        yield longer
        one, other = longer


def _compared(rows: list[Row], place: int, node: Expr, peak: Extremum, binding: dict[Expr, Expr]) -> tuple[list[Row], int]:
    """The rows with that one comparison made, and with the searched array under a name of its own; and where its row is now."""
    named, entry = _searched(rows, place, peak)
    place += len(named) - len(rows)
    tie = Tie(substitute(entry, binding), Extremum(peak.args[0], peak.bound, entry))

    def change(part: Expr) -> Expr:
        return tie if part is node else rebuild(part, change)

    row = named[place]
    body = _with_entry(change(row.definition.body), peak, entry)
    named[place] = replace(row, definition=replace(row.definition, body=body))
    return named, place


def _searched(rows: list[Row], place: int, peak: Extremum) -> tuple[list[Row], At]:
    if isinstance(peak.body, At) and all(isinstance(index, Index) for index in peak.body.indices):
        return list(rows), peak.body
    indices = tuple(sorted(peak.body.free, key=lambda index: first_use(index, peak.body)))
    taken = {row.definition.name for row in rows}.union(*(array_names(row.definition.body) for row in rows))
    entry = At(unused_name("u", taken), indices)
    changed = [replace(row, definition=replace(row.definition, body=_with_entry(row.definition.body, peak, entry))) for row in rows]
    first = next((k for k, (old, new) in enumerate(zip(rows, changed)) if old.definition.body is not new.definition.body), place)
    first = min(first, place)
    return [*changed[:first], Row(Definition(entry.name, indices, peak.body, "auto-named")), *changed[first:]], entry


def _with_entry(body: Expr, peak: Extremum, entry: At) -> Expr:
    """The body with every maximum over that array, at any indices, taken over its name."""

    def change(part: Expr) -> Expr:
        if isinstance(part, Extremum) and part.body is not entry and part.args[0] == peak.args[0]:
            binding = match(peak.body, part.body, {})
            if binding is not None and [binding[index] for index in peak.bound if index in binding] == list(part.bound):
                named: Expr = Extremum(part.args[0], part.bound, substitute(entry, binding))
                return named
        return rebuild(part, change)

    return change(body)
