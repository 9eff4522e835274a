"""Shorter rows: no axis that nothing depends on, and what all terms of a sum have in common taken out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from derive.derivation import Definition
from derive.emit.stable import Row
from derive.emit.terms import coefficient_of, factors_of, flat_factors, terms_of
from derive.index import ONE, Add, At, Delta, Expr, Iverson, Num, Pow, Sum, add, mul, neg, num, power, rebuild, walk

__all__ = ["factored", "narrowed"]


def narrowed(rows: list[Row]) -> list[Row]:
    """The rows, where an array is the same along an axis with that axis of size 1; the last row keeps its shape."""
    for place in range(len(rows) - 1):
        mine = rows[place].definition
        if mine.role != "argument" and not frozenset(mine.indices) <= mine.body.free:
            rows = _without_axes(rows, mine)
    return rows


def _without_axes(rows: list[Row], mine: Definition) -> list[Row]:
    kept = [place for place, index in enumerate(mine.indices) if index in mine.body.free]
    wide = [size for size in mine.shape if size is not ONE]
    left = list(mine.indices)
    shape = tuple(size if size is ONE or left.pop(0) in mine.body.free else ONE for size in mine.shape) if len(wide) == len(left) else ()
    shape = shape if any(size is not ONE for size in shape) or ONE in mine.shape else ()
    less = replace(mine, indices=tuple(mine.indices[place] for place in kept), shape=shape)

    def change(node: Expr) -> Expr:
        node = rebuild(node, change)
        if isinstance(node, At) and node.name == mine.name and len(node.indices) == len(mine.indices):
            return At(node.name, tuple(node.indices[place] for place in kept), node.kind)
        return node
    return [replace(row, definition=less if row.definition is mine else replace(row.definition, body=change(row.definition.body)))
            for row in rows]


def factored(rows: list[Row]) -> list[Row]:
    """The rows, with u v − u w as u (v − w) in what was derived."""
    return [row if row.definition.role == "user" else replace(row, definition=replace(row.definition, body=_factored(row.definition.body)))
            for row in rows]


def _factored(node: Expr, summed: bool = False) -> Expr:
    node = rebuild(node, lambda part: _factored(part, summed or isinstance(node, Sum)))
    if isinstance(node, Sum):
        return _outside(node)
    if isinstance(node, Add) and len(node.args[0]) == 2 and num(-1) in node.args[0] and any(isinstance(u, Iverson) for u in node.args[0]):
        return mul(num(-1), add(ONE, *(neg(term) for term in terms_of(node) if term is not num(-1))))  # 1 − 1{…}, with its sign in front
    if not isinstance(node, Add) or any(isinstance(part, Delta) for part in walk(node)):
        return node
    terms = list(terms_of(node))
    while len(terms) > 1:
        pairs = [(_shared(one, other), k, k + 1 + n) for k, one in enumerate(terms) for n, other in enumerate(terms[k + 1:])]
        pairs = [pair for pair in pairs if not summed or _stays_small(pair[0], [_left(terms[place], pair[0]) for place in pair[1:]])]
        if not pairs:
            break
        shared, k, n = max(pairs, key=lambda pair: _gain(pair[0]))
        divides = any(len(_powers(terms[place])) == len(shared) for place in (k, n))
        if _gain(shared) < (1 if divides or len(terms) == 2 else 2):
            break
        joined = mul(*(power(base, least) for base, least in shared.items()), add(*(_left(terms[place], shared) for place in (k, n))))
        terms = [*terms[:k], joined, *(term for place, term in enumerate(terms) if place > k and place != n)]
    return add(*terms)


def _outside(node: Sum) -> Expr:
    """A sum without the factors that do not change in it."""
    moving = [factor for factor in factors_of(node.body) if factor.free & set(node.bound)]
    fixed = [factor for factor in factors_of(node.body) if not factor.free & set(node.bound)]
    return mul(*fixed, Sum(node.bound, mul(*moving))) if fixed and moving else node


def _stays_small(shared: Mapping[Expr, int], rest: list[Expr]) -> bool:
    """Whether what is left has the axes of one shared factor, so that it is one factor of a matrix product with it."""
    axes = frozenset().union(*(one.free for one in rest))
    return any(axes <= base.free for base in shared)


def _gain(shared: Mapping[Expr, int]) -> int:
    """How many arrays two terms have in common."""
    return sum(bool(base.free) for base in shared)


def _shared(one: Expr, other: Expr) -> dict[Expr, int]:
    mine, yours = _powers(one), _powers(other)
    return {base: min(exponent, yours[base]) for base, exponent in mine.items() if base in yours}


def _left(term: Expr, shared: Mapping[Expr, int]) -> Expr:
    rest = [power(base, e - shared.get(base, 0)) for base, e in _powers(term).items() if e != shared.get(base, 0)]
    number = num(_number(term))
    (inner,) = rest if len(rest) == 1 else (None,)
    if inner is not None and isinstance(inner, Add):
        return add(*(mul(number, one) for one in terms_of(inner)))
    return mul(number, *rest)


def _powers(term: Expr) -> dict[Expr, int]:
    """The factors of a term with whole exponents; other powers count as one factor."""
    out: dict[Expr, int] = {}
    for factor in flat_factors(term):
        whole = isinstance(factor, Pow) and factor.args[1].denominator == 1 and factor.args[1] > 0
        base, exponent = (factor.args[0], int(factor.args[1])) if whole else (factor, 1)
        if not isinstance(factor, Num):
            out[base] = out.get(base, 0) + exponent
    return out


def _number(term: Expr) -> Fraction:
    return coefficient_of(mul(*flat_factors(term)))[0]
