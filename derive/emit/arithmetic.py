"""Sums, products and powers of array values, with the number types kept safe."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from derive.emit.arrays import Value, broadcast, make, number, size, widened

__all__ = ["plus", "power", "times", "without_scalars"]


def plus(terms: Sequence[tuple[int, Value]]) -> Value:
    """A sum of signed terms (sign, value)."""
    if len(terms) == 1:
        sign, only = terms[0]
        return only if sign > 0 else times(Fraction(-1), [only], [])
    first = terms[0][1]
    safe = first.kind == "float" and bool(first.axes) and terms[0][0] > 0
    scalar = not first.axes and first.kind in ("float", "count") and terms[0][0] > 0 and len(terms) == 2
    parts = [term if safe or (scalar and term.kind == "bool") else widened(term) for _, term in terms]
    kind = "float" if any(part.kind == "float" for part in parts) else "count"
    return make("plus", parts, tuple(sign for sign, _ in terms), broadcast(parts), kind)


def times(coefficient: Fraction, over: Sequence[Value], under: Sequence[Value]) -> Value:
    """The product coefficient · over / under; a sum divided by the size that it ran over becomes a mean."""
    coefficient, tops, bottoms = _flatten(coefficient, over, under)
    tops, bottoms = _means(tops, bottoms)
    if not coefficient:
        return number(Fraction(0))
    if not bottoms and not tops:
        return number(coefficient)
    if len(tops) == 1 and not bottoms and coefficient == 1:
        return tops[0]
    tops = _safe_factors(coefficient, tops, bottoms)
    parts = [*tops, *bottoms]
    floating = bool(bottoms) or coefficient.denominator != 1 or any(part.kind == "float" for part in parts)
    return make("times", parts, (coefficient, len(tops)), broadcast(parts), "float" if floating else "count")


def _flatten(coefficient: Fraction, over: Sequence[Value], under: Sequence[Value]) -> tuple[Fraction, list[Value], list[Value]]:
    tops: list[Value] = []
    bottoms: list[Value] = []
    for values, same, other in ((over, tops, bottoms), (under, bottoms, tops)):
        for value in values:
            data: Any = value.data
            if value.op == "number":
                scale = data[0]
            elif value.op == "times":
                scale, count = data
                same += value.args[:count]
                other += value.args[count:]
            else:
                scale = Fraction(1)
                same.append(value)
            coefficient = coefficient * scale if same is tops else coefficient / scale
    return coefficient, tops, bottoms


def without_scalars(value: Value) -> tuple[Value, Value]:
    """A product as (its scalar factors, the rest)."""
    if value.op != "times" or not value.axes:
        return number(Fraction(1)), value
    coefficient, tops, bottoms = _flatten(Fraction(1), [value], [])
    outside = times(coefficient, [top for top in tops if not top.axes], [bottom for bottom in bottoms if not bottom.axes])
    return outside, times(Fraction(1), [top for top in tops if top.axes], [bottom for bottom in bottoms if bottom.axes])


def _means(tops: list[Value], bottoms: list[Value]) -> tuple[list[Value], list[Value]]:
    for place, top in enumerate(tops):
        inner = top.args[0] if top.op == "view" else top
        if inner.op == "reduce" and inner.data[0] == "sum":
            positions: Any = inner.data[1]
            summed = [inner.args[0].axes[position] for position in positions]
            sizes = [size(axis.size) for axis in summed if axis is not None]
            if sizes and all(bottoms.count(one) >= sizes.count(one) for one in sizes):
                left = list(bottoms)
                for one in sizes:
                    left.remove(one)
                mean = make("reduce", inner.args, ("mean", *inner.data[1:]), inner.axes)
                mean = mean if inner is top else make("view", (mean,), top.data, top.axes)
                return [*tops[:place], mean, *tops[place + 1:]], left
    return tops, bottoms


def _safe_factors(coefficient: Fraction, tops: list[Value], bottoms: list[Value]) -> list[Value]:
    if any(top.kind in ("float", "count") and top.axes for top in tops) or (not bottoms and coefficient.denominator != 1):
        return tops
    if bottoms and len(tops) == 1 and abs(coefficient) == 1 and coefficient > 0:
        return tops
    return [widened(tops[0]), *tops[1:]] if len(tops) == 1 else [widened(top) for top in tops]


def power(base: Value, exponent: Fraction) -> Value:
    """A power: base ** exponent, the exponent positive."""
    base = widened(base)
    return base if exponent == 1 else make("power", (base,), (exponent,), base.axes, base.kind if exponent.denominator == 1 else "float")
