"""Where sums end: solving a delta for a bound index, taking an index apart into its digits, and joining digits to one index.

Legend: b is a bound index; a a delta; i, k are indices, k over 0 … w − 1; the rest as in `ring`.

A delta is solved for an index without more ado only where the index certainly takes that value: the ranges say so, or the value is a
label, which is recorded as the assumption that the label is in range.  Elsewhere an indicator says that the value is in range.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations

from derive.derivation import Assumption, label_in_range
from derive.index import ONE, Add, At, Delta, Digit, Expr, Index, Iverson, Mul, Num, Poly, Pow, Sum, add, fresh, mul, num, sub, walk
from derive.normal.integers import integral
from derive.normal.products import Products
from derive.normal.ring import P1, atom, depends, is_number, number
from derive.rules.places import is_rank
from derive.rules.value import letter_for

__all__ = ["Ranges", "Solution", "combined", "under"]

# A delta, the index that it is solved for, the value, and an indicator that the value is in range, or None where that is certain.
Solution = tuple[Delta, Index, Expr, Expr | None]


class Ranges(Products):
    """What bound indices range over."""

    def __init__(self, *, hard: bool = False) -> None:
        super().__init__(hard=hard)
        self.labels: dict[tuple[Expr, ...], Assumption] = {}
        self.guards: tuple[Expr, ...] = ()

    def index_form(self, i: Expr) -> Expr:
        """An index expression, written in one canonical way; given by the layer above."""
        raise NotImplementedError

    def canonical(self, node: Expr) -> Poly:
        """The node in normal form; given by the layer above."""
        raise NotImplementedError

    def in_range(self, value: Expr, b: Index) -> bool:
        """Whether `value` lies in 0 … size − 1 of b; for a label that is assumed and recorded."""
        if isinstance(value, Index) and value.size is b.size:
            return True
        if _computed(value):
            return is_rank(value, b.size)
        if any(isinstance(part, At) for part in walk(value)):
            self.assume_label(value, b.size)
            return True
        return self.below(self.canonical(value), self.canonical(b.size))

    def assume_label(self, value: Expr, size: Expr) -> None:
        """Record that a label is in range, where the guards hold."""
        if (value, size) not in self.labels:
            whole = label_in_range(value, size)
            holds = whole.condition if whole.condition is None else under(whole.condition, self.guards)
            self.labels[value, size, *self.guards] = Assumption(whole.text, holds)

    def solution(self, deltas: Sequence[Delta], bound: Sequence[Index]) -> Solution | None:
        """A delta that can be solved for a bound index, one that needs no indicator first."""
        for a in deltas:
            for b, value in (a.args, a.args[::-1]):
                if b in bound and isinstance(b, Index) and not depends(value, b) and self.in_range(value, b):
                    return a, b, value, None
        open_ones = [found for a in deltas for b in bound if b in a.free and (found := self._solved_for(a, b)) is not None]
        if not open_ones:
            return None
        return min(open_ones, key=lambda s: (s[3] is not None, isinstance(s[1].size, Num), self.skeleton(s[1].size), s[0].key, s[1].key))

    def _solved_for(self, a: Delta, b: Index) -> Solution | None:
        value = self.solved(self.sub(self.canonical(a.args[0]), self.canonical(a.args[1])), b)
        if value is None or _computed(value):
            return None
        written = self.index_form(self.written(value))
        certain = self.below(value, self.canonical(b.size))
        inside = None if certain else mul(Iverson(">=", written), Iverson(">", sub(b.size, written)))
        return a, b, written, inside

    def windowed(self, bound: Sequence[Index], powers: dict[Expr, Fraction]) -> tuple[list[Index], Poly] | None:
        """Where 0 ≤ e < K for a number K limits b, which stands alone in e, to fewer values than it has: the sum is over e instead."""
        floors = [p if a.args[0] == ">=" else self.sub(p, P1) for a in powers
                  if isinstance(a, Iverson) and a.args[0] != "=" and integral(p := self.canonical(a.args[1]))]
        for p, q in permutations(floors, 2):
            top = self.add(p, q)
            if not is_number(top) or number(top) < 0:
                continue
            for b in sorted((b for b in bound if b in p.free), key=lambda b: (self.skeleton(b), b.key)):
                a = fresh(Index(letter_for(b.size), num(number(top) + 1), 0))
                value = self.solved(self.sub(p, atom(a)), b)
                if value is not None and not (isinstance(b.size, Num) and b.size.value <= number(top) + 1):
                    written = self.index_form(self.written(value))
                    rest = self.prod(self.power(self.substituted(f, {b: written}), e) for f, e in powers.items())
                    inside = self.canonical(mul(Iverson(">=", written), Iverson(">", sub(b.size, written))))
                    return [*(x for x in bound if x is not b), a], self.mul(inside, rest)
        return None

    def apart(self, bound: Sequence[Index], p: Poly) -> tuple[list[Index], Poly] | None:
        """Where the digits of a bound index are used, one index for each digit takes its place."""
        for b in bound:
            if isinstance(b.size, (Mul, Pow, Num)) and b in p.free:
                uses = {part.args[1] for part in walk(p) if isinstance(part, Digit) and part.args[0] is b and len(part.args[1]) > 1}
                whole = self.canonical(b.size)
                fitting = [sizes for sizes in uses if self.canonical(mul(*sizes)) is whole]
                if fitting:
                    parts = [fresh(Index(letter_for(n), n, 0)) for n in min(fitting, key=lambda sizes: (-len(sizes), str(sizes)))]
                    value = self.written(self.canonical(combined(parts)))
                    return [*(x for x in bound if x is not b), *parts], self.substituted(p, {b: value})
        return None

    def as_one(self, bound: Sequence[Index], powers: dict[Expr, Fraction]) -> tuple[list[Index], Poly] | None:
        """Where i and k occur as w i + k alone, one index takes their place."""
        entries = {i for f in powers for part in walk(f) if isinstance(part, At) for i in part.indices}
        for expression in sorted((i for i in entries if isinstance(i, Add)), key=lambda i: i.key):
            for high, low in permutations([b for b in bound if b in expression.free and b not in entries], 2):
                size = self.written(self.mul(self.canonical(high.size), self.canonical(low.size)))
                b = fresh(Index(letter_for(low.size), size, 0))
                value = self.written(self.sub(atom(b), self.mul(atom(high), self.canonical(low.size))))
                out = self.prod(self.power(self.substituted(f, {low: value}), e) for f, e in powers.items())
                if high not in out.free and low not in out.free:
                    return [*(x for x in bound if x not in (high, low)), b], out
        return None


def combined(digits: Sequence[Index]) -> Expr:
    """The integer with these digits: each index times the sizes of those after it."""
    return add(*(mul(*(later.size for later in digits[k + 1:]), i) for k, i in enumerate(digits)))


def under(condition: Expr, guards: Sequence[Expr]) -> Expr:
    """The condition, asked for only where all guards are 1."""
    return sub(ONE, mul(*guards, sub(ONE, condition))) if guards else condition


def _computed(place: Expr) -> bool:
    """Whether a place is counted, or depends on real numbers: then it is no label, and nothing is assumed of its range."""
    return any(isinstance(part, Sum) or (isinstance(part, At) and part.kind == "float") for part in walk(place))
