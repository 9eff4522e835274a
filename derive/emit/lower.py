"""From index expressions to array programs.

Every expression is lowered towards a target: the axes of the array that it will be combined with.  The result broadcasts to the target, so
sums, products and functions need no further alignment.  A sum picks axes of its own, the ones in which its operands are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from derive.emit import arithmetic, arrays, moves
from derive.emit.arrays import Axes, Value
from derive.emit.contract import contract
from derive.emit.entries import Store, entry, gathered, integer
from derive.emit.places import Places
from derive.emit.terms import Joined, Spread, Tie, coefficient_of, factors_of, terms_of
from derive.errors import NotYet
from derive.index import (
    Add,
    At,
    Const,
    Delta,
    Digit,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    MatrixFn,
    Mul,
    Num,
    Pow,
    Size,
    Stop,
    Sum,
    Where,
    add,
    mul,
    neg,
    power,
    substitute,
    walk,
)

__all__ = ["Lowering", "Store"]


class Lowering:
    """Lowers expressions, given how each named array is stored."""

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self.stores = stores
        self.places = Places()

    def lower(self, expr: Expr, target: Axes) -> Value:
        """The array of the expression, broadcasting to `target`, which holds all its free indices."""
        rule = _RULES.get(type(expr))
        if rule is None:
            raise NotYet(f"no array form for {type(expr).__name__}", hint="the derivation shows it; the code has to be written by hand")
        return arrays.fit(rule(self, expr, target), target)

    def natural(self, expr: Expr, order: tuple[Index, ...]) -> Axes:
        """The order of axes that the expression's own largest array suggests; else that of `order`."""
        best: tuple[Index, ...] = ()
        for node in walk(expr):
            if isinstance(node, At) and len(best) < len(node.free) and node.free <= expr.free:
                view = entry(node, self.stores[node.name], self.places)
                best = best if view is None else tuple(arrays.labels(view))
        if len(best) == len(expr.free):
            return best
        return tuple(sorted(expr.free, key=order.index))

    def add(self, expr: Expr, target: Axes) -> Value:
        """A sum, a leading minus moved behind a term without one."""
        signed = [(_sign(term), self.lower(neg(term) if _sign(term) < 0 else term, target)) for term in expr.args[0]]
        return arithmetic.plus(_positive_first(signed))

    def mul(self, expr: Expr, target: Axes) -> Value:
        """A product or quotient."""
        coefficient, rest = coefficient_of(expr)
        over: list[Value] = []
        under: list[Value] = []
        for factor in factors_of(rest):
            if isinstance(factor, Pow) and factor.args[1] < 0:
                under.append(self.lower(power(factor.args[0], -factor.args[1]), target))
            elif not isinstance(factor, Num):
                over.append(self.lower(factor, target))
        return arithmetic.times(coefficient, over, under)

    def pow(self, expr: Expr, target: Axes) -> Value:
        """A power; negative ones are quotients."""
        base, exponent = expr.args
        if exponent < 0:
            return arithmetic.times(Fraction(1), [], [self.lower(power(base, -exponent), target)])
        return arithmetic.power(self.lower(base, target), exponent)

    def sum(self, expr: Sum, target: Axes) -> Value:
        """Σ: products become matrix products, the rest a sum along axes."""
        bound, body = expr.bound, expr.body
        while isinstance(body, Sum):
            bound, body = bound + body.bound, body.body
        bound, body, repeats = _collapse(bound, body)
        if _distributes(body):
            return self.lower(add(*(mul(*repeats, Sum(bound, term)) for term in terms_of(body))), target)
        order = tuple(axis for axis in target if axis is not None) + bound
        inner = [factor for factor in factors_of(body) if factor.free & set(bound)]
        outer = [factor for factor in factors_of(body) if not factor.free & set(bound)] + repeats
        split = next((factor for factor in inner if _blows_up(factor)), None)
        if split is not None and len(inner) > 1:
            rest = [factor for factor in factors_of(body) if factor is not split]
            return self.lower(add(*(mul(*repeats, Sum(bound, mul(term, *rest))) for term in split.args[0])), target)
        split_off = [arithmetic.without_scalars(self._operand(factor, order)) for factor in inner]
        factors = [arrays.fit(value, target) for value in contract([array for _, array in split_off], bound, order)]
        scale = self.lower(mul(*outer), target)
        return arithmetic.times(Fraction(1), [scale, *(scalar for scalar, _ in split_off), *factors], [])

    def _operand(self, factor: Expr, order: tuple[Index, ...]) -> Value:
        axes = self.natural(factor, order)
        return arrays.squeezed(arrays.full(self.lower(factor, axes), axes) if len(axes) > 1 else self.lower(factor, axes))

    def extremum(self, expr: Extremum, target: Axes) -> Value:
        """The largest or smallest along axes."""
        bound = tuple(index for index in expr.bound if index in expr.body.free)
        if not bound:
            return self.lower(expr.body, target)
        order = tuple(axis for axis in target if axis is not None) + bound
        axes = self.natural(expr.body, order)
        return arrays.reduce(expr.args[0], arrays.full(self.lower(expr.body, axes), axes), bound)

    def entry(self, expr: At, target: Axes) -> Value:
        """A named array, whole, or at chosen places."""
        store = self.stores[expr.name]
        view = entry(expr, store, self.places)
        return gathered(expr, store, target, self.lower, self.places) if view is None else view

    def integer(self, expr: Expr, target: Axes) -> Value:
        """An integer-valued expression used as an index."""
        return integer(expr, target, self.lower)

    def spread(self, expr: Spread, target: Axes) -> Value:
        """An array with zeros around it."""
        inner, widths = expr.args
        if any(step > 1 for _, step, _ in widths):
            raise NotYet("zeros between the entries of an array that has no name")
        base = arrays.load(inner.name, (None,) * len(widths), self.stores[inner.name].kind)
        return moves.spread(base, widths, inner.indices)

    def joined(self, expr: Joined, target: Axes) -> Value:
        """Arrays one after the other along an axis."""
        index, parts, own = expr.args
        if not own:
            rest = tuple(axis for axis in target if axis is not index)
            return moves.stack([arrays.full(self.lower(part, rest), rest) for part in parts], target.index(index), target)
        axes = [tuple(one if axis is index else axis for axis in target) for one in own]
        values = [arrays.full(self.lower(part, labels), labels) for part, labels in zip(parts, axes)]
        return moves.concat(values, target.index(index), target)

    def matrix(self, expr: MatrixFn, target: Axes) -> Value:
        """A function of a whole matrix."""
        name, at, bound, body = expr.args
        if len(set(at)) < len(at) or not all(isinstance(i, Index) for i in at):
            raise NotYet("single entries of an inverse")
        return arrays.make("linalg", (arrays.cast(arrays.full(self.lower(body, bound), bound)),), (name,), at)

    def delta(self, expr: Delta, target: Axes) -> Value:
        """A Kronecker delta: the identity matrix, or a comparison with labels."""
        left, right = expr.args
        if isinstance(left, Index) and isinstance(right, Index) and left.size is right.size:
            first, second = sorted((left, right), key=target.index)
            return arrays.eye(first, second, self.lower(left.size, ()))
        if not isinstance(left, Index) and isinstance(right, Index):
            left, right = right, left
        return arrays.compare("==", self.integer(left, target), self.integer(right, target))

    def iverson(self, expr: Iverson, target: Axes) -> Value:
        """A mask; u − v > 0 is written u > v."""
        op, inner = expr.args
        spelled = {"=": "=="}.get(op, op)
        terms = terms_of(inner)
        if len(terms) == 2 and _sign(terms[0]) > 0 > _sign(terms[1]):
            return arrays.compare(spelled, self.lower(terms[0], target), self.lower(neg(terms[1]), target))
        return arrays.compare(spelled, self.lower(inner, target), arrays.number(Fraction(0)))


def _sign(expr: Expr) -> int:
    return -1 if coefficient_of(expr)[0] < 0 else 1


def _positive_first(terms: list[tuple[int, Value]]) -> list[tuple[int, Value]]:
    lead = next((term for term in terms if term[0] > 0), terms[0])
    return [lead, *(term for term in terms if term is not lead)]


def _collapse(bound: tuple[Index, ...], body: Expr) -> tuple[tuple[Index, ...], Expr, list[Expr]]:
    """Sum over deltas between indices of one size, and over indices that do not occur (a factor: their size)."""
    for factor in factors_of(body):
        if isinstance(factor, Delta) and all(isinstance(part, Index) for part in factor.args):
            first, second = factor.args
            gone = next((part for part in factor.args if part in bound), None)
            if gone is not None and first.size is second.size:
                kept = second if gone is first else first
                return _collapse(tuple(b for b in bound if b is not gone), substitute(body, {gone: kept}))
    repeats = [index.size for index in bound if index not in body.free]
    return tuple(index for index in bound if index in body.free), body, repeats


def _blows_up(expr: Expr) -> bool:
    """Whether a sum's array would be larger than each of its terms."""
    return isinstance(expr, Add) and max(len(term.free) for term in terms_of(expr)) < len(expr.free)


def _distributes(body: Expr) -> bool:
    """Whether Σ(u + v) is better done term by term: where a term is a product that a matrix product would sum."""
    return isinstance(body, Add) and any(
        max((len(factor.free) for factor in factors_of(term)), default=0) < len(term.free) for term in terms_of(body)
    )


_RULES: dict[type[Expr], Callable[[Lowering, Any, Axes], Value]] = {
    Num: lambda self, expr, target: arrays.number(expr.value),
    Const: lambda self, expr, target: arrays.const(expr.args[0]),
    Size: lambda self, expr, target: arrays.size(expr),
    Index: lambda self, expr, target: self.integer(expr, target),
    Stop: lambda self, expr, target: self.lower(expr.args[0], target),
    Fn: lambda self, expr, target: arrays.call(expr.args[0], [self.lower(arg, target) for arg in expr.args[1]]),
    Where: lambda self, expr, target: arrays.choose(*(self.lower(arg, target) for arg in expr.args)),
    Add: Lowering.add,
    Mul: Lowering.mul,
    Pow: Lowering.pow,
    Sum: Lowering.sum,
    Extremum: Lowering.extremum,
    MatrixFn: Lowering.matrix,
    At: Lowering.entry,
    Delta: Lowering.delta,
    Iverson: Lowering.iverson,
    Digit: lambda self, expr, target: self.integer(expr, target),
    Spread: Lowering.spread,
    Joined: Lowering.joined,
    Tie: lambda self, expr, target: arrays.compare("==", *(self.lower(arg, target) for arg in expr.args)),
}
