"""Programs that do not overflow: exp(u)/Σexp(u), log Σexp(u), 1/(1 + exp u) and log(1 + exp u), recognised by structure across definitions.

The shift by the maximum is a change of gauge: u becomes u′ + M.  Then every value becomes v′ + w·M or v′ · exp(w·M) with a weight w that
is found by walking the program.  Where all weights cancel in the result, u may be replaced by u′ everywhere, and that is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from derive.derivation import Definition
from derive.gauge import NoGauge, Shift, Weight, regauge
from derive.index import (
    Add, At, Delta, Expr, Extremum, Fn, Index, Mul, Num, ONE, Pow, Stop, Sum, Where, ZERO, add, fresh, mul, neg, power, rebuild, sub,
    substitute, walk,
)

__all__ = ["Row", "body_of", "saturate", "shifted"]


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


def shifted(rows: list[Row]) -> list[Row]:
    """The rows, with the maximum subtracted wherever an unshifted exp is summed and the sum cancels in the last row."""
    done: set[Expr] = set()
    while True:
        table = {row.definition.name: row.definition for row in rows}
        found = next(((u, bound) for u, bound in _summed_exponents(rows, table) if u not in done and not _is_shifted(u, bound, table)), None)
        if found is None:
            return rows
        done.add(found[0])
        rows = _shift(rows, table, *found)


def _summed_exponents(rows: list[Row], table: Mapping[str, Definition]) -> Iterator[tuple[Expr, tuple[Index, ...]]]:
    for row in rows:
        for node in sorted((part for part in walk(row.definition.body) if isinstance(part, Sum)), key=lambda part: part.key):
            exponent = _exponent(node.body, table)
            if exponent is not None and exponent.free & set(node.bound):
                yield exponent, tuple(index for index in node.bound if index in exponent.free)


def _exponent(node: Expr, table: Mapping[str, Definition]) -> Expr | None:
    """u where the node is exp(u), perhaps through a name, perhaps times other factors."""
    if isinstance(node, Fn) and node.args[0] == "exp":
        return node.args[1][0]
    if isinstance(node, Mul):
        return next((found for factor in node.args[0] if (found := _exponent(factor, table)) is not None), None)
    body = body_of(node, table)
    return None if body is None or isinstance(body, Mul) else _exponent(body, table)


def _is_shifted(exponent: Expr, bound: tuple[Index, ...], table: Mapping[str, Definition]) -> bool:
    """Whether the exponent is v − max v, over the indices that are summed."""
    body = _resolved(exponent, table, Add)
    if not isinstance(body, Add):
        return False
    terms = body.args[0]
    for place, term in enumerate(terms):
        top = _resolved(neg(term), table, Extremum)
        if isinstance(top, Extremum) and top.args[0] == "max" and len(top.bound) == len(bound):
            rest = add(*terms[:place], *terms[place + 1:])
            peak = substitute(top.body, dict(zip(top.bound, bound)))
            if peak is rest or _expanded(peak, table) is _expanded(rest, table):
                return True
    return False


def _resolved(node: Expr, table: Mapping[str, Definition], wanted: type[Expr]) -> Expr:
    """The node, looked through names, stops and guards until it is of the wanted type."""
    while not isinstance(node, wanted):
        below = node.args[0] if isinstance(node, Stop) else node.args[1] if isinstance(node, Where) else body_of(node, table)
        if below is None:
            return node
        node = below
    return node


def _expanded(node: Expr, table: Mapping[str, Definition]) -> Expr:
    body = body_of(node, table)
    return node if body is None else _expanded(body, table)


def _shift(rows: list[Row], table: Mapping[str, Definition], exponent: Expr, bound: tuple[Index, ...]) -> list[Row]:
    rows, exponent = _named(rows, table, exponent)
    base = next((row.definition for row in rows if isinstance(exponent, At) and row.definition.name == exponent.name), None)
    old = exponent.args[0]
    indices = tuple(index for index in exponent.args[1])
    names = {row.definition.name for row in rows}
    name, top = _unused(old + "′", names), _unused(old + "_max", names)
    searched = {index: fresh(index) for index in bound}
    rest = tuple(index for index in indices if index not in bound)
    peak = Extremum("max", tuple(searched.values()), substitute(exponent, searched))
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
        except NoGauge:
            continue
    return rows


_COMMENT = "added: subtracting the maximum keeps exp from overflowing and cancels in exact arithmetic"


def _reduced(shape: tuple[Expr, ...], indices: tuple[Index, ...], bound: tuple[Index, ...]) -> tuple[Expr, ...]:
    """The shape with the axes of the bound indices reduced to size 1."""
    labels = list(indices) if [size for size in shape if size is not ONE] == [index.size for index in indices] else []
    if not labels:
        return tuple(ONE if index in bound else index.size for index in indices)
    return tuple(size if size is ONE or labels.pop(0) not in bound else ONE for size in shape)


def _unused(name: str, names: set[str]) -> str:
    while name in names:
        name += "′"
    return name


def _named(rows: list[Row], table: Mapping[str, Definition], exponent: Expr) -> tuple[list[Row], Expr]:
    """Give the exponent a name of its own unless it is one, and use that name in every exp of it."""
    if isinstance(exponent, At) and all(isinstance(index, Index) for index in exponent.indices) and len(exponent.free) == len(exponent.indices):
        return rows, exponent
    indices = tuple(sorted(exponent.free, key=lambda index: _first_use(index, exponent)))
    name = _unused("u", set(table) | {node.name for row in rows for node in walk(row.definition.body) if isinstance(node, At)})
    entry = At(name, indices)
    used = [k for k, row in enumerate(rows) if any(part is not None for part in [_with_name(row.definition.body, exponent, entry, probe=True)])]
    first = min(used, default=0)
    changed = [replace(row, definition=replace(row.definition, body=_with_name(row.definition.body, exponent, entry) or row.definition.body)) for row in rows]
    return [*changed[:first], Row(Definition(name, indices, exponent, "auto-named")), *changed[first:]], entry


def _first_use(index: Index, expr: Expr) -> tuple[int, str]:
    places = [node.indices.index(index) for node in walk(expr) if isinstance(node, At) and index in node.indices]
    return (min(places, default=9), index.key)


def _with_name(body: Expr, pattern: Expr, entry: At, probe: bool = False) -> Expr | None:
    """The body with every exp(pattern), at any indices, written exp(entry); None where there is none and `probe` asks."""
    hits = 0

    def change(node: Expr) -> Expr:
        nonlocal hits
        if isinstance(node, Fn) and node.args[0] == "exp":
            binding = match(pattern, node.args[1][0], {})
            if binding is not None:
                hits += 1
                return Fn("exp", (substitute(entry, binding),))
        return rebuild(node, change)

    changed = change(body)
    return None if probe and not hits else changed


def match(pattern: Expr, node: Expr, binding: dict[Expr, Expr]) -> dict[Expr, Expr] | None:
    """What the free indices of the pattern stand for, where the node is an instance of it."""
    if pattern in binding:
        return binding if binding[pattern] is node else None
    if isinstance(pattern, Index):
        return {**binding, pattern: node} if isinstance(node, (Index, At, Num)) else None
    if type(pattern) is not type(node) or not pattern.free and pattern is not node:
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
        raise NoGauge
    return changed


# ------------------------------------------------------------------------------------------- 1/(1 + exp u), log(1 + exp u)


def saturate(rows: list[Row]) -> list[Row]:
    """The rows with quotients and logarithms of two-term sums of exponentials written as logistic and logaddexp."""
    table = {row.definition.name: row.definition for row in rows}
    return [replace(row, definition=replace(row.definition, body=_saturated(row.definition.body, table))) for row in rows]


def _saturated(node: Expr, table: Mapping[str, Definition]) -> Expr:
    def inside(part: Expr) -> Expr:
        return _saturated(part, table)

    whole = isinstance(node, Mul)  # a quotient of a product is read with the whole product at hand
    node = rebuild(node, lambda part: rebuild(part, inside) if whole and isinstance(part, Pow) else inside(part))
    if isinstance(node, Fn) and node.args[0] in ("log", "log1p", "softplus"):
        return _logarithm(node, table)
    if isinstance(node, (Mul, Pow)):
        return _quotient(node, table)
    return node


def _logarithm(node: Fn, table: Mapping[str, Definition]) -> Expr:
    name, (inner,) = node.args
    if name == "softplus":
        return Fn("logaddexp", (ZERO, inner))
    if name == "log1p":
        exponent = _exponent_alone(inner, table)
        return node if exponent is None else Fn("logaddexp", (ZERO, exponent))
    body = _resolved(inner, table, Fn)
    if isinstance(body, Fn) and body.args[0] == "logistic":
        return neg(Fn("logaddexp", (ZERO, neg(body.args[1][0]))))
    pair = _two_exponents(inner, table)
    return node if pair is None else Fn("logaddexp", pair)


def _exponent_alone(node: Expr, table: Mapping[str, Definition]) -> Expr | None:
    """u where the node is exp(u) or 1 = exp(0), perhaps through names."""
    if node is ONE:
        return ZERO
    body = _resolved(node, table, Fn)
    return body.args[1][0] if isinstance(body, Fn) and body.args[0] == "exp" else None


def _two_exponents(node: Expr, table: Mapping[str, Definition]) -> tuple[Expr, Expr] | None:
    body = _resolved(node, table, Add)
    if not isinstance(body, Add) or len(body.args[0]) != 2:
        return None
    first, second = (_exponent_alone(term, table) for term in body.args[0])
    return None if first is None or second is None else (first, second)


def _quotient(node: Expr, table: Mapping[str, Definition]) -> Expr:
    """exp(a)^p · exp(b)^q / (exp a + exp b)^(p + q) = logistic(a − b)^p · logistic(b − a)^q."""
    factors = list(node.args[0]) if isinstance(node, Mul) else [node]
    for place, factor in enumerate(factors):
        if isinstance(factor, Pow) and factor.args[1] < 0 and factor.args[1].denominator == 1:
            pair = _two_exponents(factor.args[0], table)
            if pair is not None:
                rest = factors[:place] + factors[place + 1:]
                found = _share(rest, pair, -int(factor.args[1]), table)
                if found is not None:
                    return _saturated(mul(*found), table)
    return node


def _share(rest: list[Expr], pair: tuple[Expr, Expr], count: int, table: Mapping[str, Definition]) -> list[Expr] | None:
    a, b = (pair[1], pair[0]) if pair[0] is ZERO else pair
    used = {a: 0, b: 0}
    left: list[Expr] = []
    for factor in rest:
        base, times = (factor.args[0], factor.args[1]) if isinstance(factor, Pow) and factor.args[1] > 0 else (factor, 1)
        exponent = _exponent_alone(base, table) if base is not ONE else None
        if exponent in used and exponent is not None and times == int(times) and sum(used.values()) + times <= count:
            used[exponent] += int(times)
        else:
            left.append(factor)
    if b is not ZERO and sum(used.values()) < count:
        return None
    shares = ((sub(a, b), used[a]), (sub(b, a), count - used[a]))
    return [*left, *(power(Fn("logistic", (u,)), times) for u, times in shares if times)]
