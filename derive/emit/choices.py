"""Choices between two formulas, written with an indicator, as choices; exponentials that only count where they are small."""

from __future__ import annotations

from dataclasses import replace

from derive.emit.stable import Row
from derive.emit.terms import factors_of, flat_factors, terms_of
from derive.index import ONE, ZERO, Add, Binder, Expr, Fn, Iverson, Mul, Num, Where, add, mul, neg, num, rebuild

__all__ = ["chosen"]


def chosen(rows: list[Row]) -> list[Row]:
    """The rows with 1{…} u + (1 − 1{…}) v as a choice, and exp(u) − 1 as expm1(u)."""
    return [replace(row, definition=replace(row.definition, body=_chosen(row.definition.body))) for row in rows]


def _chosen(node: Expr) -> Expr:
    node = rebuild(node, _chosen)
    if isinstance(node, Mul):
        return _bounded(node)
    if isinstance(node, Add):
        return _less_one(node) or _choice(node)
    return node


def _complement(node: Expr) -> Expr | None:
    """The indicator m where the node is 1 − m."""
    terms = terms_of(node)
    rest = [neg(term) for term in terms if term is not ONE]
    return rest[0] if len(terms) == 2 and len(rest) == 1 and isinstance(rest[0], Iverson) else None


def _bounded(node: Mul) -> Expr:
    """(1 − 1{u > 0}) exp(u), where u is at most 0, with exp(min(u, 0))."""
    low = {mask.args[1] for factor in node.args[0] if (mask := _complement(factor)) is not None and mask.args[0] in (">", ">=")}
    low |= {neg(factor.args[1]) for factor in node.args[0] if isinstance(factor, Iverson) and factor.args[0] in (">", ">=")}

    def small(factor: Expr) -> Expr:
        if isinstance(factor, Fn) and factor.args[0] == "exp" and factor.args[1][0] in low:
            bounded: Expr = Fn("exp", (Fn("min", (factor.args[1][0], ZERO)),))
            return bounded
        return factor if isinstance(factor, Binder) else rebuild(factor, small)
    return mul(*map(small, node.args[0])) if low else node


def _choice(node: Add) -> Expr:
    """1{…} u + (1 − 1{…}) v."""
    terms = terms_of(node)
    for term in terms:
        for factor in factors_of(term):
            mask = _complement(factor)
            if mask is None:
                continue
            within = [mul(*(f for f in factors_of(one) if f is not mask)) for one in terms if mask in factors_of(one)]
            without = [mul(*(f for f in factors_of(one) if _complement(f) is not mask)) for one in terms
                       if any(_complement(f) is mask for f in factors_of(one))]
            if within and len(within) + len(without) == len(terms):
                choice: Expr = Where(mask, add(*within), add(*without))
                return choice
    return node


def _less_one(node: Add) -> Expr | None:
    """exp(u) − 1, or 1 − exp(u), without the loss of digits near 0."""
    terms = terms_of(node)
    numbers = [term.value for term in terms if isinstance(term, Num)]
    parts = [flat_factors(term) for term in terms if not isinstance(term, Num)]
    if len(terms) != 2 or len(numbers) != 1 or abs(numbers[0]) != 1 or not parts:
        return None
    inner = [factor for factor in parts[0] if factor is not num(-numbers[0])]
    if len(inner) == 1 and isinstance(inner[0], Fn) and inner[0].args[0] == "exp" and (len(parts[0]) == 2 or numbers[0] == -1):
        return mul(num(-numbers[0]), Fn("expm1", inner[0].args[1]))
    return None
