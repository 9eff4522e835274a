"""Whether two expressions over the entries of the arguments are equal for all real inputs.

The difference of their values at a random point of a prime field is worked out; it is 0 where they are equal, and otherwise 0 with a chance
below degree / p < 2⁻¹⁰⁰.  Conditions are kept as symbols, and where the difference still has some, it must vanish in every case of them
that linear inequalities allow; where two compared numbers are equal, one of them is written in terms of the rest, and where a maximum of
several stands in the way, each of them is the largest in turn.
"""

from __future__ import annotations

from collections.abc import Sequence

from derive.checking.exact.field import Beyond, Symbol, Value, prime
from derive.checking.exact.forms import flat, minimum
from derive.checking.exact.image import Image, postorder
from derive.checking.exact.order import Fact, Form, contradictory, minus
from derive.index import ONE, At, Expr, Fn, Iverson, Mul, mul, sub, substitute, walk

__all__ = ["contradict", "equal", "equal_ties_aside", "reset"]

_MOST_CASES, _MOST_QUESTIONS = 400, 120
_UNCHECKED = 40
_MOST_NODES = 150_000
_CERTAIN = 2.0**-100

_shared: dict[bool, Image] = {}


def reset() -> None:
    """Forget the point; the next question is answered at another."""
    _shared.clear()


def _image(ties: bool) -> Image:
    """The image that questions are answered in, where two compared numbers may be equal and where not."""
    if ties not in _shared or len(_shared[ties].images) > _MOST_NODES:
        _shared[ties] = Image(ties=ties)
    _shared[ties].work = 0
    return _shared[ties]


def equal(left: Expr, right: Expr, condition: Expr = ONE) -> bool:
    """Whether left = right is certain for all real inputs that satisfy the condition, wherever both are defined.

    False means that it was not seen.
    """
    return _decided(left, right, condition, ties=True)


def equal_ties_aside(left: Expr, right: Expr, condition: Expr = ONE) -> bool:
    """The same where no two compared numbers are equal."""
    return _decided(left, right, condition, ties=False)


def contradict(conditions: Sequence[tuple[Expr, bool]]) -> bool:
    """Whether conditions, each with whether it holds, cannot all be so, as far as linear inequalities tell."""
    image = _image(True)
    try:
        return contradictory([fact for condition, holds in conditions for fact in _facts(image, condition, holds)])
    except (Beyond, RecursionError):
        return False


def _facts(image: Image, condition: Expr, holds: bool) -> list[Fact]:
    if isinstance(condition, Mul) and holds:
        return [fact for part in condition.args[0] for fact in _facts(image, part, True)]
    form = image.form(condition.args[1]) if isinstance(condition, Iverson) else None
    if form is None:
        return []
    op = condition.args[0]
    if op == "=":
        return [(form, False), (minus(form), False)] if holds else []
    return [(form, op == ">")] if holds else [(minus(form), op == ">=")]


def _impossible(image: Image, condition: Expr) -> bool:
    value = image.image(condition)
    return value is not None and _Cases(image).vanishes(value, ())


def _decided(left: Expr, right: Expr, condition: Expr, ties: bool) -> bool:
    if left is right:
        return True
    try:
        return _Question(_image(ties)).holds(left, right, condition)
    except (Beyond, OverflowError, RecursionError):
        return False


class _Question:
    """One question, and how many further ones it may lead to."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.left = _MOST_QUESTIONS

    def holds(self, left: Expr, right: Expr, condition: Expr) -> bool:
        """Whether left = right under the condition."""
        self.left -= 1
        if self.left < 0:
            raise Beyond
        largest, gap = None, None
        try:
            gap = self._gap(left, right, condition)
            if gap is None or _Cases(self.image).vanishes(gap, ()):
                return gap is not None
            largest = self._largest(left, right, condition)
        except Beyond:
            largest = self._largest(left, right, condition)
            if largest is None:
                raise
        if largest is not None:
            return self._each_largest(largest, tuple(map(_by_maxima, (left, right, condition))))
        return gap is not None and self.image.ties and self._where_equal(gap, (left, right, condition))

    def _gap(self, left: Expr, right: Expr, condition: Expr) -> Value | None:
        """The condition times the difference; None where something is undefined, or of too high a degree for its value to tell."""
        image = self.image
        values = [image.image(node) for node in (left, right, condition)]
        if any(value is None for value in values):
            return None
        if sum(image.degrees[node] for node in (left, right, condition)) / prime() > _CERTAIN:
            return None
        u, v, q = (value for value in values if value is not None)
        return image.mul(q, image.sub(u, v))

    def _largest(self, *nodes: Expr) -> Expr | None:
        """An innermost maximum that is kept as it is."""
        if not self.image.kept:
            return None
        found = [node for node in postorder(*map(_by_maxima, nodes)) if isinstance(node, Fn) and node.args[0] == "max"]
        inside = {part for node in found for part in node.args[1]}
        return next((node for node in found if node not in inside and node in self.image.kept), None)

    def _each_largest(self, largest: Expr, parts: tuple[Expr, ...]) -> bool:
        """The question with a maximum replaced by each of what it is the maximum of, where that is the largest."""
        members = list(dict.fromkeys(flat((largest,))))
        for member in members:
            left, right, condition = (substitute(part, {largest: member}) for part in parts)
            case = mul(condition, *(Iverson(">=", sub(member, other)) for other in members if other is not member))
            if not _impossible(self.image, case) and not self.holds(left, right, case):
                return False
        return True

    def _where_equal(self, gap: Value, parts: tuple[Expr, Expr, Expr]) -> bool:
        """The question where two compared numbers are equal, for each such pair in turn, then where none are."""
        for symbol in [symbol for symbol in self.image.conditions(gap) if symbol[0] == "="]:
            there = self.image.restricted(gap, symbol, True)
            if not _Cases(self.image).vanishes(there, tuple(self.image.facts(symbol, True))):
                solution = _solved(self.image, symbol)
                if solution is None:
                    return False
                left, right, condition = (substitute(part, solution) for part in parts)
                if not self.holds(left, right, condition):
                    return False
            gap = self.image.restricted(gap, symbol, False)
        return _Cases(self.image).vanishes(gap, ())


def _by_maxima(node: Expr) -> Expr:
    """The expression with its minima written by maxima."""
    found = [part for part in postorder(node) if isinstance(part, Fn) and part.args[0] == "min"]
    return _by_maxima(substitute(node, {found[-1]: minimum(found[-1].args[1])})) if found else node


def _solved(image: Image, symbol: Symbol) -> dict[Expr, Expr] | None:
    """An entry that stands alone in an equation, with a number in front, in terms of the rest of it."""
    form: Form = image.forms[symbol[1]]
    for n, c in form.items():
        entry = image.exprs.get(n)
        rest = image.written({other: -x / c for other, x in form.items() if other != n})
        if isinstance(entry, At) and rest is not None and not any(part is entry for part in walk(rest)):
            return {entry: rest}
    return None


class _Cases:
    """Goes through the cases of the conditions that occur in a value."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.left = _MOST_CASES

    def vanishes(self, value: Value, facts: tuple[Fact, ...]) -> bool:
        """Whether the value is 0 in every case that the facts allow."""
        if not value:
            return True
        self.left -= 1
        if self.left < 0:
            raise Beyond
        symbols = self.image.conditions(value)
        if (not symbols or self.left < _MOST_CASES - _UNCHECKED) and contradictory(facts):
            return True
        if not symbols:
            return False
        symbol = symbols[0]
        return all(
            self.vanishes(self.image.restricted(value, symbol, holds), (*facts, *self.image.facts(symbol, holds))) for holds in (True, False)
        )


