"""Whether an integer-valued index stays inside an axis, whatever the sizes are."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from derive.index import ONE, ZERO, Add, Delta, Expr, Index, Iverson, Mul, Num, Size, Sum, Where, add, mul, num, rebuild, sub, substitute

__all__ = ["decided", "fits"]

Linear = Mapping[Expr, Fraction]  # atoms (indices, sizes, 1, anything else) with their coefficients


def _linear(node: Expr) -> dict[Expr, Fraction]:
    """An integer-valued expression as Σ coefficient · atom."""
    if isinstance(node, Num):
        return {ONE: node.value} if node.value else {}
    if isinstance(node, Add):
        return _combined([(Fraction(1), _linear(term)) for term in node.args[0]])
    if isinstance(node, Mul):
        scales = [factor for factor in node.args[0] if isinstance(factor, Num)]
        if scales:
            rest = mul(*(factor for factor in node.args[0] if factor is not scales[0]))
            return _combined([(scales[0].value, _linear(rest))])
    return {node: Fraction(1)}


def _combined(parts: list[tuple[Fraction, Linear]]) -> dict[Expr, Fraction]:
    total: dict[Expr, Fraction] = {}
    for scale, part in parts:
        for atom, coefficient in part.items():
            total[atom] = total.get(atom, Fraction(0)) + scale * coefficient
    return {atom: coefficient for atom, coefficient in total.items() if coefficient}


def _as_index(linear: Linear) -> Expr:
    ordered = sorted(linear.items(), key=lambda pair: (pair[1] < 0, not isinstance(pair[0], Index), pair[0].key))
    return add(*(num(c) if atom is ONE else mul(num(c), atom) for atom, c in ordered))


def _bound(linear: Linear, largest: bool) -> dict[Expr, Fraction] | None:
    """The greatest or least value, in sizes; None where it is not known (labels)."""
    parts: list[tuple[Fraction, Linear]] = []
    for atom, coefficient in linear.items():
        if isinstance(atom, Index):
            if largest is (coefficient > 0):
                parts.append((coefficient, _linear(sub(atom.size, ONE))))
        elif atom is ONE or _is_size(atom):
            parts.append((coefficient, {atom: Fraction(1)}))
        else:
            return None
    return _combined(parts)


def _is_size(node: Expr) -> bool:
    return isinstance(node, Size) or (isinstance(node, Mul) and all(isinstance(factor, Size) for factor in node.args[0]))


def _never_negative(bound: Linear) -> bool:
    """Whether it is ≥ 0 for all sizes ≥ 1; False where that is not certain."""
    return all(coefficient >= 0 for atom, coefficient in bound.items() if atom is not ONE) and sum(bound.values()) >= 0


def fits(index: Expr, size: Expr) -> tuple[bool, bool]:
    """Whether an index is never below 0, and never beyond the last place of an axis of that size; labels count as in range."""
    least, greatest = _bound(_linear(index), False), _bound(_linear(index), True)
    if least is None or greatest is None:
        return True, True
    room = _combined([(Fraction(1), _linear(sub(size, ONE))), (Fraction(-1), greatest)])
    return _never_negative(least), _never_negative(room)


def decided(node: Expr) -> Expr:
    """The expression with what ranges decide: indicators that always or never hold as 1 and 0, Σ_b δ(b, e) u_b as u_e."""
    node = _cleared(rebuild(node, decided))
    if isinstance(node, Iverson) and node.args[0] in (">", ">="):
        return _indicator(node)
    return _picked(node) if isinstance(node, Sum) else node


def _cleared(node: Expr) -> Expr:
    """Without zero products, with numbers added up and choices made."""
    if isinstance(node, Mul) and ZERO in node.args[0]:
        return ZERO
    if isinstance(node, Where) and isinstance(node.args[0], Num):
        chosen: Expr = node.args[1] if node.args[0].value else node.args[2]
        return chosen
    return node


def _indicator(node: Iverson) -> Expr:
    margin: Linear = {ONE: Fraction(node.args[0] == ">")}
    least, greatest = _bound(_linear(node.args[1]), False), _bound(_linear(node.args[1]), True)
    if least is None or greatest is None:
        return node
    if _never_negative(_combined([(Fraction(1), least), (Fraction(-1), margin)])):
        return ONE
    below = _combined([(Fraction(1), margin), (Fraction(-1), _linear(ONE)), (Fraction(-1), greatest)])
    return ZERO if _never_negative(below) else node


def _picked(node: Sum) -> Expr:
    factors = node.body.args[0] if isinstance(node.body, Mul) else (node.body,)
    for mask in (factor for factor in factors if isinstance(factor, Delta)):
        for index in (index for index in node.bound if index in mask.free):
            value = _solved(mask, index)
            if value is not None:
                body = substitute(mul(*(factor for factor in factors if factor is not mask)), {index: value})
                left = tuple(b for b in node.bound if b is not index)
                return decided(Sum(left, body) if left else body)
    return node


def _solved(mask: Delta, index: Index) -> Expr | None:
    """The value of the index where the delta is 1, if that is certainly in its range and the ranges differ."""
    linear = _linear(sub(*mask.args))
    scale = linear.pop(index, Fraction(0))
    if abs(scale) != 1 or all(isinstance(part, Index) and part.size is index.size for part in mask.args):
        return None
    value = _as_index({atom: -coefficient / scale for atom, coefficient in linear.items()})
    return value if _bound(linear, True) is not None and index not in value.free and fits(value, index.size) == (True, True) else None
