"""Sums of products: which of them are matrix products, which are sums along an axis, and what is left for einsum."""

from __future__ import annotations

from fractions import Fraction

from derive.emit import arithmetic, arrays
from derive.emit.arrays import Value
from derive.index import Index

__all__ = ["contract"]


def contract(values: list[Value], bound: tuple[Index, ...], order: tuple[Index, ...]) -> list[Value]:
    """Sum the product of the values over `bound`; returns factors that are still to be multiplied elementwise.

    `order` says which of two free indices comes first in a result.
    """
    left = list(bound)
    values = _merge_alike(values)
    while left:
        index = min(left, key=lambda b: (len(_holders(values, b)), left.index(b)))
        holders = _holders(values, index)
        others = [value for value in values if value not in holders]
        result = _alone(holders[0], left, others) if len(holders) == 1 else _several(holders, left, others, order)
        values = _merge_alike([*others, *result])
        left = [b for b in left if _holders(values, b)]
    return values


def _holders(values: list[Value], index: Index) -> list[Value]:
    return [value for value in values if index in value.axes]


def _merge_alike(values: list[Value]) -> list[Value]:
    """Multiply elementwise what has the same labels."""
    groups: dict[frozenset[Index], list[Value]] = {}
    for value in values:
        groups.setdefault(frozenset(arrays.labels(value)), []).append(value)
    return [_product(group, max(group, key=_standing)) for group in groups.values()]


def _standing(value: Value) -> int:
    """Whose order of axes a product takes: a stored array's, rather than that of a product of matrices, which turns for free."""
    return 2 if arrays.viewed(value) and value.op != "view" else int(value.op != "matmul")


def _product(values: list[Value], like: Value) -> Value:
    if len(values) == 1:
        return values[0]
    if len(set(values)) == 1:
        return arithmetic.power(values[0], Fraction(len(values)))
    return arithmetic.times(Fraction(1), [arrays.fit(value, like.axes) for value in values], [])


def _private(value: Value, bound: list[Index], others: list[Value]) -> list[Index]:
    return [b for b in bound if b in value.axes and not _holders(others, b)]


def _alone(value: Value, bound: list[Index], others: list[Value]) -> list[Value]:
    two_vectors = value.op == "times" and value.data == (Fraction(1), 2) and [part.axes for part in value.args] == [value.axes] * 2
    if two_vectors and len(value.axes) == 1:
        return [arrays.matmul(*value.args)]
    return [arrays.reduce("sum", value, _private(value, bound, others))]


def _several(holders: list[Value], bound: list[Index], others: list[Value], order: tuple[Index, ...]) -> list[Value]:
    if len(holders) == 2:
        first, second = holders
        shared = set(first.axes) & set(second.axes)
        summed = [b for b in bound if b in shared and not _holders(others, b)]
        if set(summed) == shared and len(shared) == 1 and min(len(first.axes), len(second.axes)) <= 2:
            return [_matmul(first, second, summed[0], order)]
    pair = _nested(holders)
    if pair is not None:
        small, large = pair
        return [*(value for value in holders if value not in pair), _product([large, small], large)]
    return [_einsum(holders, bound, others, order)]


def _nested(values: list[Value]) -> tuple[Value, Value] | None:
    """Two values of which one has all the labels of the other."""
    pairs = [(a, b) for a in values for b in values if a is not b and set(a.axes) <= set(b.axes)]
    return min(pairs, key=lambda pair: len(pair[1].axes), default=None)


def _einsum(values: list[Value], bound: list[Index], others: list[Value], order: tuple[Index, ...]) -> Value:
    gone = {b for b in bound if not _holders(others, b)}
    present = {axis for value in values for axis in value.axes}
    return arrays.einsum(values, tuple(index for index in order if index in present and index not in gone))


def _matmul(first: Value, second: Value, index: Index, order: tuple[Index, ...]) -> Value:
    """One matrix product; the operand that holds the result's first axis goes left, a vector goes right."""
    both = len(first.axes) == len(second.axes) == 2
    if len(first.axes) < len(second.axes) or (both and _rank(second, index, order) < _rank(first, index, order)):
        first, second = second, first
    left = tuple(axis for axis in first.axes if axis is not index)
    right = tuple(axis for axis in second.axes if axis is not index)
    return arrays.matmul(arrays.view(first, (*left, index)), arrays.view(second, (index, *right)))


def _rank(value: Value, index: Index, order: tuple[Index, ...]) -> int:
    return min((order.index(axis) for axis in arrays.labels(value) if axis is not index), default=len(order))
