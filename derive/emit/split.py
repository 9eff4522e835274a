"""Merged axes taken apart: an array whose entry reads the digits of an index is kept over the axes that the index was merged from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from derive.derivation import Definition
from derive.emit.places import Places, minus, whole
from derive.emit.stable import Row, unused_name
from derive.emit.terms import factors_of
from derive.index import (
    ONE,
    At,
    Binder,
    Delta,
    Digit,
    Expr,
    Index,
    Iverson,
    Num,
    Sum,
    add,
    array_names,
    delta,
    digit,
    fresh,
    mul,
    num,
    rebuild,
    substitute,
    walk,
)

__all__ = ["split"]

Radix = tuple[Expr, ...]


def split(rows: list[Row], places: Places) -> list[Row]:
    """The rows, with no digit of an own or a bound index left where the axis comes apart into the sizes of the digits."""
    place = 0
    while place < len(rows):
        body = rows[place].definition.body
        rows = [*rows[:place], _with_body(rows[place], places.settled(_bound_split(_solved(body, places), places))), *rows[place + 1:]]
        mine = rows[place].definition  # an entry alone is read off as it stands
        own = () if isinstance(mine.body, At) else mine.indices
        found = next((pair for index in own if (pair := _radix(index, mine.body, places))), None)
        rows = rows if found is None else _kept_apart(rows, place, *found, places)
        place += found is None
    for place in range(len(rows) - 1):
        rows = _without_diagonal(rows, place, places)
    return rows


def _without_diagonal(rows: list[Row], place: int, places: Places) -> list[Row]:
    """An array that is 0 off a diagonal, δ(i, j) u, as its diagonal."""
    mine = rows[place].definition
    masks = [factor for factor in factors_of(mine.body) if isinstance(factor, Delta) and set(factor.args) <= set(mine.indices)]
    if not masks:
        return rows
    kept, gone = sorted(masks[0].args, key=mine.indices.index)
    body = substitute(mul(*(factor for factor in factors_of(mine.body) if factor is not masks[0])), {gone: kept})
    less = replace(mine, indices=tuple(i for i in mine.indices if i is not gone), body=places.settled(body), shape=())
    one, other = mine.indices.index(kept), mine.indices.index(gone)

    def change(node: Expr) -> Expr:
        node = rebuild(node, change)
        if isinstance(node, At) and node.name == mine.name and len(node.indices) == len(mine.indices):
            entry = At(node.name, (*node.indices[:other], *node.indices[other + 1:]), node.kind)
            return mul(delta(node.indices[one], node.indices[other]), entry)
        return node
    later = [_with_body(row, places.settled(change(row.definition.body))) for row in rows[place + 1:]]
    return _without_diagonal([*rows[:place], replace(rows[place], definition=less), *later], place, places)


def _with_body(row: Row, body: Expr) -> Row:
    return replace(row, definition=replace(row.definition, body=body))


def _radix(index: Index, body: Expr, places: Places) -> tuple[Index, Radix] | None:
    """The finest sizes that an index comes apart into, where digits of it, or of a sum that it is in, are read."""
    bounds: list[Expr] = []
    for part in walk(body):
        if isinstance(part, Digit) and index in part.free:
            found = _bounds(index, part, places)
        elif isinstance(part, Delta) and index in part.args:
            found = _weights(index, next(one for one in part.args if one is not index), places)
        else:
            continue
        bounds += [one for one in found if not any(places.same(one, other) for other in bounds)]
    bounds.sort(key=lambda one: (sum(places.quotient(one, other) is not None for other in bounds), one.key))
    radix: list[Expr] = []
    weight: Expr = ONE
    for bound in [*bounds, index.size]:
        factor = places.quotient(bound, weight)
        if factor is not None and factor is not ONE:
            radix.insert(0, factor)
            weight = bound
    return (index, tuple(radix)) if len(radix) > 1 else None


def _weights(index: Index, other: Expr, places: Places) -> list[Expr]:
    """The weights of the indices that make up another index."""
    linear = places.linear(other) if index not in other.free and whole(other) else None
    return [] if linear is None else [scale for _, scale in linear.parts if scale is not ONE and places.quotient(index.size, scale) is not None]


def _bounds(index: Index, part: Digit, places: Places) -> list[Expr]:
    """The multiples at which one digit changes or begins again as the index goes through its axis."""
    inner, sizes, k = part.args
    linear = places.linear(inner)
    scale = None if linear is None else dict(linear.parts).get(index)
    if scale is None:
        return []
    found = [places.quotient(mul(*sizes[place:]), scale) for place in (k + 1, k)]
    return [one for one in found if one is not None and one is not ONE and not places.same(one, index.size)
            and places.quotient(index.size, one) is not None]


def _digits(index: Index, radix: Radix) -> tuple[tuple[Index, ...], Expr]:
    """An index for each digit, and the index that they make up."""
    parts = tuple(fresh(Index(index.name, size, 0)) for size in radix)
    weights = [mul(*radix[k + 1:]) for k in range(len(radix))]
    return parts, add(*(mul(weight, part) for weight, part in zip(weights, parts)))


def _kept_apart(rows: list[Row], place: int, index: Index, radix: Radix, places: Places) -> list[Row]:
    """The rows, with that array over more axes and every use of it at the digits; the last row is then read off it."""
    mine = rows[place].definition
    parts, merged = _digits(index, radix)
    at = mine.indices.index(index)
    taken = {row.definition.name for row in rows}.union(*(array_names(row.definition.body) for row in rows))
    name = unused_name(mine.name + "′", taken) if place == len(rows) - 1 else mine.name
    indices = (*mine.indices[:at], *parts, *mine.indices[at + 1:])
    body = places.settled(substitute(mine.body, {index: merged}))
    shape = _shape_apart(mine, index, parts)
    role = "auto-named" if name != mine.name else mine.role
    apart = Row(Definition(name, indices, body, role, shape), rows[place].comment)

    def change(node: Expr) -> Expr:
        node = rebuild(node, change)
        if isinstance(node, At) and node.name == mine.name:
            slot = node.indices[at]
            entries = tuple(places.tidy(digit(slot, radix, k)) for k in range(len(radix)))
            return At(name, (*node.indices[:at], *entries, *node.indices[at + 1:]), node.kind)
        return node
    later = [_with_body(row, change(row.definition.body)) for row in rows[place + 1:]]
    if place == len(rows) - 1:
        later = [Row(replace(mine, body=change(At(mine.name, mine.indices))))]
    return [*rows[:place], apart, *later]


def _shape_apart(mine: Definition, index: Index, parts: Sequence[Index]) -> tuple[Expr, ...]:
    """The shape with one axis come apart."""
    out: list[Expr] = []
    rest = list(mine.indices)
    for size in mine.shape:
        if size is ONE:
            out.append(size)
            continue
        out += [part.size for part in parts] if rest.pop(0) is index else [size]
    return tuple(out)


# ------------------------------------------------------------------------------------------- bound indices


def _bound_split(node: Expr, places: Places) -> Expr:
    """Σ over a merged index as Σ over the indices that it was merged from."""
    node = rebuild(node, lambda part: _bound_split(part, places))
    if not isinstance(node, Binder):
        return node
    for index in node.bound:
        found = _radix(index, node.body, places)
        if found is not None:
            parts, merged = _digits(index, found[1])
            bound = tuple(b for one in node.bound for b in (parts if one is index else (one,)))
            body = places.settled(substitute(node.body, {index: merged}))
            return _bound_split(type(node)(*node.args[:-2], bound, body), places)
    return node


def _solved(node: Expr, places: Places) -> Expr:
    """Σ_b with deltas for all digits of b, or one that says that b is a multiple: b is then known, or runs over the multiples alone."""
    node = rebuild(node, lambda part: _solved(part, places))
    if not isinstance(node, Sum):
        return node
    factors = factors_of(node.body)
    for index in node.bound:
        same = next(((f, o) for f in factors if isinstance(f, Delta) and index in f.args for o in f.args
                     if o is not index and isinstance(o, Index) and o.size is index.size), None)
        if same is not None:
            body = places.settled(substitute(mul(*(f for f in factors if f is not same[0])), {index: same[1]}))
            left = tuple(b for b in node.bound if b is not index)
            return _solved(Sum(left, body) if left else body, places)
        found = _from_digits(index, factors, places)
        if found is not None:
            used, value = found
            guards = [] if places.inside(value, index.size)[1] else [Iverson(">", minus(index.size, value))]
            body = places.settled(substitute(mul(*(f for f in factors if f not in used), *guards), {index: value}))
            left = tuple(b for b in node.bound if b is not index)
            return _solved(Sum(left, body) if left else body, places)
        multiple = _multiples(index, factors, places)
        if multiple is not None:
            one, several, mask = multiple
            body = places.settled(substitute(mul(*(f for f in factors if f is not mask)), {index: several}))
            return _solved(Sum(tuple(one if b is index else b for b in node.bound), body), places)
    return node


def _from_digits(index: Index, factors: Sequence[Expr], places: Places) -> tuple[list[Expr], Expr] | None:
    """(the deltas used, the value of the index) where every digit of it is given, in its range."""
    given: dict[Radix, dict[int, tuple[Expr, Expr]]] = {}
    for factor in factors:
        for one, other in (factor.args, factor.args[::-1]) if isinstance(factor, Delta) else ():
            if isinstance(one, Digit) and one.args[0] is index and index not in other.free:
                given.setdefault(one.args[1], {})[one.args[2]] = (factor, other)
    for radix, found in given.items():
        values = [found[k][1] for k in range(len(radix)) if k in found]
        if len(values) == len(radix) and all(places.inside(value, size) == (True, True) for value, size in zip(values, radix)):
            total = add(*(mul(*radix[k + 1:], value) for k, value in enumerate(values)))
            return [delta for delta, _ in found.values()], places.tidy(total)
    return None


def _multiples(index: Index, factors: Sequence[Expr], places: Places) -> tuple[Index, Expr, Expr] | None:
    """(t, the index in terms of t, the delta) where a delta says that ± the index is a multiple of a number; numeric sizes alone."""
    for factor in factors:
        for one, other in (factor.args, factor.args[::-1]) if isinstance(factor, Delta) else ():
            last = isinstance(one, Digit) and one.args[2] == len(one.args[1]) - 1 and isinstance(other, Num)
            linear = places.linear(one.args[0]) if last else None
            if linear is None or [i for i, _ in linear.parts] != [index] or abs(linear.number_of(index)) != 1:
                continue
            step, offset = one.args[1][-1], linear.offset
            if not all(isinstance(part, Num) for part in (step, offset, index.size)):
                continue
            first = int(linear.number_of(index) * (other.args[0] - offset.args[0])) % int(step.args[0])
            count = -((first - int(index.size.args[0])) // int(step.args[0]))
            if count < 1:
                continue
            t = fresh(Index(index.name, num(count), 0))
            return t, add(mul(step, t), num(first)), factor
    return None
