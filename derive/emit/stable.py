"""The shift by the maximum: exp(u)/Σexp(u) and log Σexp(u), recognised by structure across definitions, made safe from overflow.

The shift by the maximum is a change of gauge: u becomes u′ + M.  Then every value becomes v′ + w·M or v′ · exp(w·M) with a weight w that
is found by walking the program.  Where all weights cancel in the result, u may be replaced by u′ everywhere, and that is exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from derive.derivation import Definition
from derive.emit.gauge import GaugeError, Shift, Weight, regauge
from derive.index import (
    ONE,
    Add,
    At,
    Const,
    Expr,
    Extremum,
    Fn,
    Index,
    Mul,
    Num,
    Stop,
    Sum,
    Where,
    add,
    array_names,
    fresh,
    mul,
    neg,
    num,
    rebuild,
    sub,
    substitute,
    walk,
)

__all__ = ["Row", "body_of", "first_use", "match", "resolved", "scale_of", "shifted", "unused_name"]


@dataclass(frozen=True)
class Row:
    """A definition of the program, with a comment for the code; empty where there is nothing to say."""

    definition: Definition
    comment: str = ""


def body_of(entry: Expr, table: Mapping[str, Definition]) -> Expr | None:
    """The body of the definition that an entry names, at that entry's indices; None where it is an argument."""
    if not isinstance(entry, At) or entry.name not in table:
        return None
    found = table[entry.name]
    return substitute(found.body, dict(zip(found.indices, entry.indices)))


# ------------------------------------------------------------------------------------------- the shift


_MOST_SHIFTS = 32  # far more than a loss has; the search must end


def shifted(rows: list[Row]) -> list[Row]:
    """The rows, with the maximum subtracted wherever an unshifted exp is summed and the sum cancels in the last row."""
    done: set[Expr] = set()
    while len(done) <= _MOST_SHIFTS:
        table = {row.definition.name: row.definition for row in rows}
        candidates = ((u, bound) for u, bound in _summed_exponents(rows, table) if u not in done)
        found = next(((u, b) for u, b in candidates if not _is_shifted(u, b, table) and not _is_shifted(scale_of(u)[1], b, table)), None)
        if found is None:
            return rows
        done.add(found[0])
        rows = _shift(rows, table, scale_of(found[0])[1], found[1])
    return rows


def scale_of(exponent: Expr) -> tuple[Num, Expr]:
    """A positive number and the rest: 2 and z − w of 2 z − 2 w; a minus stays with the rest."""
    terms = exponent.args[0] if isinstance(exponent, Add) else (exponent,)
    parts = [_number_of(term) for term in terms]
    sizes = {abs(value) for value, _ in parts}
    if len(sizes) != 1 or sizes <= {0, 1}:
        return ONE, exponent
    size = sizes.pop()
    return num(size), add(*(mul(num(value / size), rest) for value, rest in parts))


def _number_of(term: Expr) -> tuple[Fraction, Expr]:
    factors = term.args[0] if isinstance(term, Mul) else (term,)
    numbers = [factor for factor in factors if isinstance(factor, Num)]
    value = math.prod((factor.value for factor in numbers), start=Fraction(1))
    return value, mul(*(factor for factor in factors if factor not in numbers))


def _summed_exponents(rows: list[Row], table: Mapping[str, Definition]) -> Iterator[tuple[Expr, tuple[Index, ...]]]:
    for row in rows:
        for node in sorted((part for part in walk(row.definition.body) if isinstance(part, Sum)), key=lambda part: part.key):
            exponent = _exponent(node.body, table)
            if exponent is not None and exponent.free & set(node.bound):
                yield exponent, tuple(index for index in node.bound if index in exponent.free)


def _exponent(node: Expr, table: Mapping[str, Definition]) -> Expr | None:
    """U where the node is exp(u), perhaps through a name, perhaps times other factors."""
    if isinstance(node, Fn) and node.args[0] == "exp":
        inner: Expr = node.args[1][0]
        return inner
    if isinstance(node, Mul):
        return next((found for factor in node.args[0] if (found := _exponent(factor, table)) is not None), None)
    body = body_of(node, table)
    return None if body is None or isinstance(body, Mul) else _exponent(body, table)


def _is_shifted(exponent: Expr, bound: tuple[Index, ...], table: Mapping[str, Definition]) -> bool:
    """Whether the exponent is v − max v, over the indices that are summed."""
    masked = resolved(exponent, table, Where)
    mask = masked.args[0] if isinstance(masked, Where) and masked.args[2] is Const("-inf") else None
    body = resolved(exponent if mask is None else masked.args[1], table, Add)
    if not isinstance(body, Add):
        return False
    terms = body.args[0]
    for place, term in enumerate(terms):
        top = resolved(neg(term), table, Extremum, guards=True)
        if isinstance(top, Extremum) and top.args[0] == "max" and len(top.bound) == len(bound):
            rest = add(*terms[:place], *terms[place + 1:])
            peak = substitute(top.body, dict(zip(top.bound, bound)))
            if mask is not None and isinstance(peak, Where) and peak.args[0] is mask and peak.args[2] is Const("-inf"):
                peak = peak.args[1]
            if peak is rest or _expanded(peak, table) is _expanded(rest, table):
                return True
    return False


def resolved(node: Expr, table: Mapping[str, Definition], wanted: type[Expr], guards: bool = False) -> Expr:
    """The node, looked through names and stops, and guards where asked, until it is of the wanted type."""
    while not isinstance(node, wanted):
        below: Expr | None = body_of(node, table)
        if isinstance(node, Stop):
            below = node.args[0]
        elif guards and isinstance(node, Where):
            below = node.args[1]
        elif guards and isinstance(node, Fn) and node.args[0] == "max" and Const("-inf") in node.args[1]:
            below = next((part for part in node.args[1] if part is not Const("-inf")), None)
        if below is None:
            return node
        node = below
    return node


def _expanded(node: Expr, table: Mapping[str, Definition]) -> Expr:
    body = body_of(node, table)
    return node if body is None else _expanded(body, table)


def _shift(original: list[Row], table: Mapping[str, Definition], exponent: Expr, bound: tuple[Index, ...]) -> list[Row]:
    named = _named(original, table, exponent)
    if named is None:
        return original
    rows, exponent = named
    base = next((row.definition for row in rows if row.definition.name == exponent.args[0]), None)
    old = exponent.args[0]
    indices: tuple[Index, ...] = exponent.args[1]
    names = {row.definition.name for row in rows}.union(*(array_names(row.definition.body) for row in rows))
    name, top = unused_name(old + "′", names), unused_name(old + "_max", names)
    searched = tuple(fresh(index) for index in bound)
    rest = tuple(index for index in indices if index not in bound)
    peak = Extremum("max", searched, substitute(exponent, dict(zip(bound, searched))))
    shape = base.shape if base is not None else ()
    added = [
        Row(Definition(top, rest, peak, "auto", _reduced(shape, indices, bound))),
        Row(Definition(name, indices, sub(exponent, At(top, rest)), "auto-named", shape), _COMMENT),
    ]
    place = next((k + 1 for k, row in enumerate(rows) if row.definition is base), 0)
    keep = tuple(indices.index(index) for index in rest)
    for everywhere in (True, False):
        shift = Shift(old, name, top, keep, everywhere)
        try:
            return rows[:place] + added + _regauged(rows[place:], shift)
        except GaugeError:
            continue
    return original


_COMMENT = "added: subtracting the maximum keeps exp from overflowing and cancels in exact arithmetic"


def _reduced(shape: tuple[Expr, ...], indices: tuple[Index, ...], bound: tuple[Index, ...]) -> tuple[Expr, ...]:
    """The shape with the axes of the bound indices reduced to size 1."""
    labels = list(indices) if [size for size in shape if size is not ONE] == [index.size for index in indices] else []
    if not labels:
        return tuple(ONE if index in bound else index.size for index in indices)
    return tuple(size if size is ONE or labels.pop(0) not in bound else ONE for size in shape)


def unused_name(name: str, names: set[str]) -> str:
    """The name, with as many primes as make it new."""
    while name in names:
        name += "′"
    return name


def _named(rows: list[Row], table: Mapping[str, Definition], exponent: Expr) -> tuple[list[Row], At] | None:
    """Give the exponent a name of its own unless it is one, and use that name in every exp of it; None where there is none."""
    if isinstance(exponent, At) and set(exponent.indices) == exponent.free and len(exponent.free) == len(exponent.indices):
        return rows, exponent
    indices = tuple(sorted(exponent.free, key=lambda index: first_use(index, exponent)))
    name = unused_name("u", set(table).union(*(array_names(row.definition.body) for row in rows)))
    entry = At(name, indices)
    bodies = [_with_name(row.definition.body, exponent, entry) for row in rows]
    first = next((k for k, row in enumerate(rows) if bodies[k] is not row.definition.body), None)
    if first is None:
        return None
    changed = [replace(row, definition=replace(row.definition, body=body)) for row, body in zip(rows, bodies)]
    return [*changed[:first], Row(Definition(name, indices, exponent, "auto-named")), *changed[first:]], entry


def first_use(index: Index, expr: Expr) -> tuple[int, str]:
    """Where an index stands in the arrays of an expression: a key that orders the axes as those arrays do."""
    places = [node.indices.index(index) for node in walk(expr) if isinstance(node, At) and index in node.indices]
    return (min(places, default=9), index.key)


def _with_name(body: Expr, pattern: Expr, entry: At) -> Expr:
    """The body with every exp(c · pattern), at any indices, written exp(c · entry)."""

    def change(node: Expr) -> Expr:
        if isinstance(node, Fn) and node.args[0] == "exp":
            scale, exponent = scale_of(node.args[1][0])
            binding = match(pattern, exponent, {})
            if binding is not None:
                named: Expr = Fn("exp", (mul(scale, substitute(entry, binding)),))
                return named
        return rebuild(node, change)

    return change(body)


def match(pattern: Expr, node: Expr, binding: dict[Expr, Expr]) -> dict[Expr, Expr] | None:
    """What the free indices of the pattern stand for, where the node is an instance of it."""
    if pattern in binding:
        return binding if binding[pattern] is node else None
    if isinstance(pattern, Index):
        return {**binding, pattern: node} if isinstance(node, (Index, At, Num)) else None
    if type(pattern) is not type(node) or (not pattern.free and pattern is not node):
        return None
    if len(pattern.kids) != len(node.kids) or not _same_data(pattern.args, node.args):
        return None
    inner: dict[Expr, Expr] | None = binding
    for mine, yours in zip(pattern.kids, node.kids):
        inner = match(mine, yours, inner) if inner is not None else None
    return inner


def _same_data(mine: tuple[object, ...], yours: tuple[object, ...]) -> bool:
    return all(isinstance(a, (Expr, tuple)) or a == b for a, b in zip(mine, yours))


def _regauged(rows: list[Row], shift: Shift) -> list[Row]:
    weights: dict[str, tuple[tuple[Index, ...], Weight]] = {}
    changed = []
    for row in rows:
        body, weight = regauge(row.definition.body, shift, weights)
        weights[row.definition.name] = (row.definition.indices, weight)
        changed.append(replace(row, definition=replace(row.definition, body=body)))
    if rows and weight.shift:
        raise GaugeError
    return changed
