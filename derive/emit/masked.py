"""Masked exponentials: 1{…} exp(u) as exp(u where …, else −∞), so that what a mask leaves out takes no part in a maximum."""

from __future__ import annotations

from dataclasses import replace

from derive.emit.stable import Row, match, scale_of
from derive.emit.terms import factors_of
from derive.index import ZERO, Add, At, Const, Expr, Extremum, Fn, Iverson, Mul, Pow, Sum, Where, mul, rebuild, substitute, walk

__all__ = ["folded", "kept_inside"]

Pair = tuple[Expr, Expr]  # a mask, and the exponent under it


def folded(rows: list[Row]) -> list[Row]:
    """The rows, with the masks of summed exponentials inside the exponentials."""
    pairs = list(dict.fromkeys(pair for row in rows for node in walk(row.definition.body) for pair in _masked(node)))
    if not pairs:
        return rows
    return [replace(row, definition=replace(row.definition, body=_folded(row.definition.body, pairs, frozenset()))) for row in rows]


def kept_inside(rows: list[Row]) -> list[Row]:
    """The rows with exp(u) where a mask is 1, else 0, as exp(u where the mask is 1, else −∞): what is left out cannot overflow."""
    return [replace(row, definition=replace(row.definition, body=_kept(row.definition.body))) for row in rows]


def _kept(node: Expr) -> Expr:
    node = rebuild(node, _kept)
    if isinstance(node, Where) and node.args[2] is ZERO and isinstance(node.args[1], Fn) and node.args[1].args[0] == "exp":
        inside: Expr = Fn("exp", (Where(node.args[0], node.args[1].args[1][0], Const("-inf")),))
        return inside
    return node


def _is_mask(node: Expr) -> bool:
    return isinstance(node, Iverson) or (isinstance(node, At) and node.kind == "bool")


def _masked(node: Expr) -> list[Pair]:
    """The (mask, exponent) pairs of a sum Σ 1{…} exp(u) over indices of both."""
    if not isinstance(node, Sum):
        return []
    body = node.body
    if isinstance(body, Where) and body.args[2] is ZERO:
        body = mul(body.args[0], body.args[1])
    masks = [factor for factor in factors_of(body) if _is_mask(factor) and factor.free & set(node.bound)]
    found = [scale_of(factor.args[1][0])[1] for factor in factors_of(body) if isinstance(factor, Fn) and factor.args[0] == "exp"]
    return [(mask, exponent) for mask in masks for exponent in found if mask.free <= exponent.free]


def _folded(node: Expr, pairs: list[Pair], masks: frozenset[Expr]) -> Expr:
    """The node where it counts only if all of the masks are 1."""
    if isinstance(node, Mul):
        return _product(node.args[0], pairs, masks)
    if isinstance(node, Where) and node.args[2] is ZERO and _is_mask(node.args[0]):
        inside = _folded(node.args[1], pairs, masks | {node.args[0]})
        return inside if isinstance(node.args[1], Fn) and inside is not node.args[1] else Where(node.args[0], inside, ZERO)
    if isinstance(node, Fn) and node.args[0] == "exp":
        return _exponential(node, pairs, masks)
    if isinstance(node, (Sum, Extremum)):
        masks = frozenset(mask for mask in masks if not mask.free & set(node.bound))
    elif not isinstance(node, Add) and not (isinstance(node, Pow) and node.args[1] > 0):
        masks = frozenset()
    return rebuild(node, lambda part: _folded(part, pairs, masks))


def _product(factors: tuple[Expr, ...], pairs: list[Pair], masks: frozenset[Expr]) -> Expr:
    own = {factor for factor in factors if _is_mask(factor)}
    changed = [_folded(factor, pairs, masks | own) if factor not in own else factor for factor in factors]
    bases = [factor.args[0] if isinstance(factor, Pow) and factor.args[1] > 0 else factor for factor in changed]
    inside = {part.args[0] for base in bases if isinstance(base, Fn) and base.args[0] == "exp"
              for part in [scale_of(base.args[1][0])[1]] if isinstance(part, Where)}
    return mul(*(factor for factor in changed if factor not in own or factor not in inside))


def _exponential(node: Fn, pairs: list[Pair], masks: frozenset[Expr]) -> Expr:
    scale, exponent = scale_of(node.args[1][0])
    for mask, pattern in pairs:
        binding = match(pattern, exponent, {})
        here = None if binding is None else substitute(mask, binding)
        if here in masks and here is not None:
            result: Expr = Fn("exp", (mul(scale, Where(here, exponent, Const("-inf"))),))
            return result
    return node
