"""Quotients by a probability that underflows: where dp holds 1/p and is used in p · dp alone, the product is what is computed.

Legend: X is a probability, an exponential or a logistic function of something, or one minus it; D is an array whose formula holds 1/X.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from derive.derivation import Definition
from derive.emit.stable import Row, body_of, unused_name
from derive.emit.terms import flat_factors, terms_of
from derive.index import Add, At, Expr, Fn, Mul, Num, Pow, add, array_names, mul, neg, num, power, rebuild, substitute, walk

__all__ = ["without_poles"]


class _ElsewhereError(Exception):
    """D is used without X; a signal within this module, never shown."""


def without_poles(rows: list[Row]) -> list[Row]:
    """The rows, with D · X computed where D alone would divide by X."""
    place = 0
    while place < len(rows) - 1:
        table = {row.definition.name: row.definition for row in rows}
        mine = rows[place].definition
        poles = _poles(mine.body, table) if mine.role not in ("user", "result") else []
        changed = next((new for x in poles if (new := _multiplied(rows, place, x)) is not None), None)
        rows, place = (rows, place + 1) if changed is None else (changed, place)
    return rows


def _poles(body: Expr, table: Mapping[str, Definition]) -> list[Expr]:
    found = dict.fromkeys(node.args[0] for node in walk(body) if isinstance(node, Pow) and node.args[1] < 0 and _vanishes(node.args[0], table))
    return sorted(found, key=lambda node: node.key)


def _vanishes(node: Expr, table: Mapping[str, Definition]) -> bool:
    """Whether a value may become 0 by rounding alone: p, or 1 − p."""
    if isinstance(node, Add):
        others = [term for term in terms_of(node) if not isinstance(term, Num)]
        return len(node.args[0]) == 2 and len(others) == 1 and any(_vanishes(part, table) for part in walk(others[0]) if isinstance(part, At))
    body = body_of(node, table)
    return body is not None and any(isinstance(factor, Fn) and factor.args[0] in ("exp", "logistic") for factor in flat_factors(body))


def _multiplied(rows: list[Row], place: int, x: Expr) -> list[Row] | None:
    mine = rows[place].definition
    body = _times(x, mine.body)
    if not x.free <= frozenset(mine.indices) or any(isinstance(node, Pow) and node.args[1] < 0 and _sign(node.args[0], x) for node in walk(body)):
        return None
    taken = {row.definition.name for row in rows}.union(*(array_names(row.definition.body) for row in rows))
    name = unused_name(f"{x.name}_{mine.name}" if isinstance(x, At) else mine.name + "′", taken)
    use = _Use(mine, x, name)
    try:
        later = [replace(row, definition=replace(row.definition, body=use.rewritten(row.definition.body))) for row in rows[place + 1:]]
    except _ElsewhereError:
        return None
    return [*rows[:place], replace(rows[place], definition=replace(mine, name=name, body=body)), *later]


class _Use:
    """Rewrites X · D at any indices as the new array."""

    def __init__(self, mine: Definition, x: Expr, name: str) -> None:
        self.mine, self.x, self.name = mine, x, name

    def rewritten(self, node: Expr) -> Expr:
        """The node with the new array.

        Raises:
            _ElsewhereError: D is used without X.
        """
        if self.mine.name not in array_names(node):
            return node
        if isinstance(node, At) and node.name == self.mine.name:
            raise _ElsewhereError
        return self._product(node) if isinstance(node, Mul) else rebuild(node, self.rewritten)

    def _product(self, node: Expr) -> Expr:
        factors = flat_factors(node)
        for entry in sorted((one for one in walk(node) if isinstance(one, At) and one.name == self.mine.name), key=lambda one: one.key):
            x = substitute(self.x, dict(zip(self.mine.indices, entry.indices)))
            other = next((k for k, factor in enumerate(factors) if _sign(factor, x)), None)
            holder = next((k for k, factor in enumerate(factors) if factor is entry or (isinstance(factor, Add) and _direct(factor, entry))), None)
            if other is None or holder is None:
                continue
            rest = [factor for k, factor in enumerate(factors) if k not in (other, holder)]
            sign, held = num(_sign(factors[other], x)), factors[holder]
            if held is entry:
                return self.rewritten(mul(sign, At(self.name, entry.indices), *rest))
            return self.rewritten(mul(*rest, add(*(mul(factors[other], term) for term in terms_of(held)))))
        return rebuild(node, self.rewritten)


def _direct(node: Add, entry: At) -> bool:
    return any(entry in flat_factors(term) for term in terms_of(node))


def _sign(node: Expr, x: Expr) -> int:
    """1 or −1 where the node is x or −x, else 0."""
    if node is x:
        return 1
    if isinstance(node, Add) and isinstance(x, Add):
        mine, yours = set(terms_of(node)), set(terms_of(x))
        return 1 if mine == yours else -1 if {neg(term) for term in mine} == yours else 0
    return 0


def _times(x: Expr, node: Expr) -> Expr:
    """X · node, each 1/x in a term of it cancelled."""
    if isinstance(node, Add):
        return add(*(_times(x, term) for term in terms_of(node)))
    factors = flat_factors(node)
    for k, factor in enumerate(factors):
        rest = [one for other, one in enumerate(factors) if other != k]
        if isinstance(factor, Pow) and factor.args[1].denominator == 1 and factor.args[1] < 0 and (sign := _sign(factor.args[0], x)):
            return mul(num(sign), power(factor.args[0], factor.args[1] + 1) if factor.args[1] < -1 else num(1), *rest)
    for k, factor in enumerate(factors):
        if isinstance(factor, Add) and any(isinstance(one, Pow) and one.args[1] < 0 and _sign(one.args[0], x) for one in walk(factor)):
            return mul(*(one for other, one in enumerate(factors) if other != k), _times(x, factor))
    return mul(x, node)


