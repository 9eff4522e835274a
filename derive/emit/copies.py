"""Softmaxes of one array along several axes: each axis gets a copy of the array, so that each can be shifted by its own maximum."""

from __future__ import annotations

from dataclasses import dataclass, replace

from derive.derivation import Definition
from derive.emit.stable import Row, first_use, match, scale_of, unused_name
from derive.emit.terms import factors_of
from derive.index import At, Expr, Fn, Index, Mul, Pow, Sum, array_names, mul, power, rebuild, substitute, walk

__all__ = ["apart"]


@dataclass(frozen=True)
class Copy:
    """An exponent, the indices that its exponentials are summed over, and the name of the copy for those sums."""

    exponent: Expr
    over: frozenset[Expr]
    entry: At


def apart(rows: list[Row]) -> list[Row]:
    """The rows, with a copy of each exponent for every further set of axes that its exponentials are normalised along."""
    families: dict[Expr, list[frozenset[Expr]]] = {}
    for row in rows:
        for node in sorted(walk(row.definition.body), key=lambda part: part.key):
            total = _normaliser(node)
            for exponent in _exponents(total.body) if total is not None else ():
                _collect(families, exponent, frozenset(total.bound) & exponent.free if total is not None else frozenset())
    for exponent, patterns in families.items():
        for over in patterns[1:]:
            rows = _with_copy(rows, exponent, over)
    return rows


def _normaliser(node: Expr) -> Sum | None:
    """S where the node is a quotient by the sum S, or its logarithm."""
    if isinstance(node, Pow) and node.args[1] < 0 and isinstance(node.args[0], Sum):
        return node.args[0]
    if isinstance(node, Fn) and node.args[0] == "log" and isinstance(node.args[1][0], Sum):
        return node.args[1][0]
    return None


def _exponents(body: Expr) -> list[Expr]:
    return [scale_of(factor.args[1][0])[1] for factor in factors_of(body) if isinstance(factor, Fn) and factor.args[0] == "exp"]


def _collect(families: dict[Expr, list[frozenset[Expr]]], exponent: Expr, over: frozenset[Expr]) -> None:
    if not over:
        return
    for known, patterns in families.items():
        binding = match(known, exponent, {})
        if binding is not None:
            pattern = frozenset(mine for mine, yours in binding.items() if yours in over)
            if pattern not in patterns:
                patterns.append(pattern)
            return
    families[exponent] = [over]


def _with_copy(rows: list[Row], exponent: Expr, over: frozenset[Expr]) -> list[Row]:
    taken = {row.definition.name for row in rows}.union(*(array_names(row.definition.body) for row in rows))
    indices: tuple[Index, ...] = tuple(sorted(exponent.free, key=lambda index: first_use(index, exponent)))
    copy = Copy(exponent, over, At(unused_name("u", taken), indices))
    bodies = [_copied(row.definition.body, copy) for row in rows]
    first = next(k for k, row in enumerate(rows) if bodies[k] is not row.definition.body)
    changed = [replace(row, definition=replace(row.definition, body=body)) for row, body in zip(rows, bodies)]
    return [*changed[:first], Row(Definition(copy.entry.name, indices, exponent, "auto-named")), *changed[first:]]


def _copied(node: Expr, copy: Copy) -> Expr:
    """The node, with the copy in the normalisers along those axes and in the exponentials that they divide."""
    total = _normaliser(node)
    if total is not None and _is_along(total, copy):
        named = _named(total, copy)
        return power(named, node.args[1]) if isinstance(node, Pow) else Fn("log", (named,))
    if isinstance(node, Mul):
        factors = node.args[0]
        if any(isinstance(f, Pow) and (s := _normaliser(f)) is not None and _is_along(s, copy) for f in factors):
            factors = tuple(_named(factor, copy) for factor in factors)
        return mul(*(_copied(factor, copy) for factor in factors))
    return rebuild(node, lambda part: _copied(part, copy))


def _is_along(total: Sum, copy: Copy) -> bool:
    for exponent in _exponents(total.body):
        binding = match(copy.exponent, exponent, {})
        if binding is not None and {mine for mine, yours in binding.items() if yours in total.bound} == copy.over:
            return True
    return False


def _named(node: Expr, copy: Copy) -> Expr:
    """An exponential, or a sum of products with one, in the name of the copy."""
    if isinstance(node, Fn) and node.args[0] == "exp":
        scale, exponent = scale_of(node.args[1][0])
        binding = match(copy.exponent, exponent, {})
        result: Expr = node if binding is None else Fn("exp", (mul(scale, substitute(copy.entry, binding)),))
        return result
    if isinstance(node, Sum):
        return Sum(node.bound, mul(*(_named(factor, copy) for factor in factors_of(node.body))))
    return power(_named(node.args[0], copy), node.args[1]) if isinstance(node, Pow) and node.args[1] > 0 else node
