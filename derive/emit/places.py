"""Where an index points: integer-valued expressions as multiples of indices plus an offset, and whether they stay inside an axis."""

from __future__ import annotations

from dataclasses import dataclass

from derive.emit.within import decided
from derive.index import ONE, ZERO, At, Delta, Digit, Expr, Index, Iverson, Num, Size, add, delta, mul, num, rebuild, walk
from derive.normal import Algebra
from derive.normal.ring import factors, monomial, poly, terms

__all__ = ["Linear", "Places", "minus", "whole"]


@dataclass(frozen=True)
class Linear:
    """Σ coefficient · index + offset, the coefficients and the offset without indices."""

    parts: tuple[tuple[Index, Expr], ...]
    offset: Expr

    def number_of(self, index: Index) -> int:
        """The coefficient of an index where it is a whole number, else 0."""
        found = dict(self.parts).get(index, ZERO)
        return int(found.value) if isinstance(found, Num) and found.value.denominator == 1 else 0


def whole(node: Expr) -> bool:
    """Whether an expression is made of indices, sizes and numbers alone."""
    return all(not isinstance(part, At) for part in walk(node))


class Places:
    """Arithmetic of indices, by the normal form of the engine."""

    def __init__(self) -> None:
        self._algebra = Algebra()
        self._tidied: dict[Expr, Expr] = {}

    def tidy(self, node: Expr) -> Expr:
        """An integer-valued expression in normal form."""
        if isinstance(node, (Index, Num, Size, At)):
            return node
        return self._algebra.written(self._algebra.canonical(node))

    def sure(self, node: Expr, above: int = 0) -> bool:
        """Whether an integer-valued expression is at least `above`, whatever the sizes are."""
        return self._algebra.surely(self._algebra.canonical(node), above)

    def same(self, one: Expr, other: Expr) -> bool:
        """Whether two integer-valued expressions are equal."""
        return one is other or self._algebra.canonical(one) is self._algebra.canonical(other)

    def inside(self, slot: Expr, size: Expr) -> tuple[bool, bool]:
        """Whether it is certainly not below 0, and certainly below the size; labels count as in range."""
        if not whole(slot):
            return True, True
        return self.sure(slot), self.sure(minus(size, slot), 1)

    def quotient(self, one: Expr, other: Expr) -> Expr | None:
        """The quotient of two products of sizes where it is whole."""
        found = self._algebra.quotient(self._algebra.canonical(one), self._algebra.canonical(other))
        return None if found is None or any(e < 0 for m, _ in terms(found) for _, e in factors(m)) else self._algebra.written(found)

    def linear(self, node: Expr) -> Linear | None:
        """The expression taken apart; None where digits or labels occur, or a product of indices."""
        parts: dict[Index, list[Expr]] = {}
        offset: list[Expr] = []
        for m, c in terms(self._algebra.canonical(node)):
            moving = [a for a, e in factors(m) if not isinstance(a, Size)]
            if any(not isinstance(a, Index) for a in moving) or len(moving) > 1 or any(e < 0 or e.denominator != 1 for _, e in factors(m)):
                return None
            rest = self._algebra.written(poly({monomial({a: e for a, e in factors(m) if a not in moving}): c}))
            index = next((a for a in moving if isinstance(a, Index)), None)
            (offset if index is None else parts.setdefault(index, [])).append(rest)
        made = [(index, self.tidy(add(*found))) for index, found in parts.items()]
        made.sort(key=lambda pair: pair[0].key)
        return Linear(tuple(made), self.tidy(add(*offset)) if offset else ZERO)

    def settled(self, node: Expr) -> Expr:
        """The expression with its indices tidied, and with what integers decide: deltas and indicators that are 0 or 1."""
        if node not in self._tidied:
            self._tidied[node] = decided(self._settled(rebuild(node, self.settled)))
        return self._tidied[node]

    def _settled(self, node: Expr) -> Expr:
        if isinstance(node, At) and any(not isinstance(slot, Index) for slot in node.indices):
            return At(node.name, tuple(self.tidy(slot) if whole(slot) else slot for slot in node.indices), node.kind)
        if isinstance(node, Digit):
            return self.tidy(node)
        if isinstance(node, Delta) and whole(node):
            return self._algebra.written(self._algebra.canonical(delta(*map(self.tidy, node.args))))
        if isinstance(node, Iverson) and _compares_integers(node):
            return self._compared(node)
        return node

    def _compared(self, node: Iverson) -> Expr:
        op, inner = node.args
        inner = self.tidy(inner)
        if op in (">", ">="):
            least = int(op == ">")
            if self.sure(inner, least):
                return ONE
            if self.sure(minus(num(least - 1), inner)):
                return ZERO
        return Iverson(op, inner)


def minus(one: Expr, other: Expr) -> Expr:
    """The difference, not simplified."""
    return add(one, mul(num(-1), other))


def _compares_integers(node: Iverson) -> bool:
    return all(isinstance(part, (Index, Num, Size, Digit, Iverson)) or type(part).__name__ in ("Add", "Mul", "Pow") for part in walk(node))
