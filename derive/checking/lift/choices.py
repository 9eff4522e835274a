"""Which way a run takes at each branch on data: a run is repeated until every way was taken, and what follows from earlier choices is not asked.

Legend: g is a condition of value 0 or 1; u > 0, u ≥ 0 and u = 0 are held as what signs u may have.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from derive.checking.lift.session import current, refuse
from derive.checking.lift.storage import guarded, negation
from derive.errors import Place
from derive.index import ONE, Add, Binder, Expr, Index, Iverson, Mul, Num, mul
from derive.index.scope import rebuild, substitute

__all__ = ["Choices", "Decision", "alike", "follows"]

Decision = tuple[Expr, bool]
_ALLOWED = {">": frozenset({1}), ">=": frozenset({0, 1}), "=": frozenset({0})}
_MOST_CHOICES = 24
_LARGEST = 50_000  # parts of a condition, written out; what an iteration decides on doubles at each turn
_ALL = frozenset({-1, 0, 1})


def _parts(node: Expr, counted: dict[Expr, int]) -> int:
    """How many parts an expression has, written out."""
    if node not in counted:
        counted[node] = 1 + sum(_parts(kid, counted) for kid in node.kids)
    return counted[node]


def alike(node: Expr) -> Expr:
    """The expression with its bound indices named by their depth: the same object for two that differ in those names alone."""
    if not node.height:
        return node
    if not isinstance(node, Binder):
        return rebuild(node, alike)
    names = {index: Index("i", index.size, -64 * node.height - place) for place, index in enumerate(node.bound)}
    body = substitute(alike(node.body), names)
    return type(node)(*node.args[:-2], tuple(names.values()), body)


def _terms(u: Expr, scale: Fraction, into: dict[Expr, Fraction]) -> dict[Expr, Fraction]:
    """The terms of a sum with their coefficients; products of sums are left as they are."""
    if isinstance(u, Add):
        for term in u.args[0]:
            _terms(term, scale, into)
        return into
    if isinstance(u, Mul) and isinstance(u.args[0][0], Num):
        return _terms(mul(*u.args[0][1:]), scale * u.args[0][0].value, into)
    atom, factor = (ONE, u.value) if isinstance(u, Num) else (u, Fraction(1))
    into[atom] = into.get(atom, Fraction(0)) + scale * factor
    return into


def _signs(condition: Expr) -> tuple[object, frozenset[int]] | None:
    """(u, the signs of u under which the condition holds), with u up to a positive factor and up to its sign."""
    if not isinstance(condition, Iverson):
        opposite = negation(condition)
        found = _signs(opposite) if isinstance(opposite, Iverson) else None
        return None if found is None else (found[0], _ALL - found[1])
    terms = {atom: factor for atom, factor in _terms(condition.args[1], Fraction(1), {}).items() if factor}
    if not terms:
        return None
    lead = terms[min(terms, key=lambda atom: atom.key)]
    allowed = _ALLOWED[condition.args[0]]
    key = frozenset((atom, factor / abs(lead) if lead > 0 else -factor / abs(lead)) for atom, factor in terms.items())
    return key, allowed if lead > 0 else frozenset(-sign for sign in allowed)


def follows(known: Iterable[Decision], condition: Expr) -> bool | None:
    """Whether the condition, or its opposite, follows from what was decided."""
    wanted = _signs(condition)
    possible = _ALL
    for one, outcome in known:
        if one is condition:
            return outcome
        if negation(one) is condition:
            return not outcome
        found = _signs(one)
        if wanted is not None and found is not None and found[0] == wanted[0]:
            possible &= found[1] if outcome else _ALL - found[1]
    if wanted is None or not possible or possible == _ALL:
        return None
    return True if possible <= wanted[1] else False if not possible & wanted[1] else None


class Choices:
    """The choices of the present run, in the order in which they were asked."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.places: list[Place | None] = []
        self.position = 0

    def start(self) -> None:
        """Make ready for a run."""
        self.position = 0

    def taken(self) -> list[Decision]:
        """What was decided so far in this run."""
        return self.decisions[: self.position]

    def decide(self, condition: Expr, outer: Iterable[Decision] = ()) -> bool:
        """Which way to go at a branch: the way of this run."""
        if _parts(condition, {}) > _LARGEST:
            refuse("a choice that depends on data by way of a formula that grows at each turn of a loop")
        condition = alike(condition)
        known = follows([*outer, *self.taken()], condition)
        if known is not None:
            return known
        if self.position == len(self.decisions):
            if self.position >= _MOST_CHOICES:
                refuse(f"more than {_MOST_CHOICES} choices that depend on data, one after another")
            self.decisions.append((condition, True))
            self.places.append(current().place())
        asked, chosen = self.decisions[self.position]
        if asked is not condition:
            refuse("other branches are taken when it is run again")
        self.position += 1
        return chosen

    def guard(self) -> Expr:
        """The condition under which this way is taken."""
        result: Expr = ONE
        for condition, outcome in reversed(self.taken()):
            result = guarded(condition if outcome else negation(condition), result)
        return result

    def advance(self) -> bool:
        """Turn to the next way, and say whether there is one."""
        if self.position != len(self.decisions):
            refuse("other branches are taken when it is run again")
        while self.decisions and not self.decisions[-1][1]:
            self.decisions.pop()
            self.places.pop()
        if not self.decisions:
            return False
        self.decisions[-1] = (self.decisions[-1][0], False)
        return True
