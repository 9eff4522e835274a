"""Memory of one array: an expression over its own indices, changed in place by additions and stores.

Legend: b are the storage's own indices, s the indices of a selection, e(s) where the selection lies in the storage.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from derive.checking.lift.digits import combine, digit, product_of
from derive.checking.lift.session import current, new_index, refuse
from derive.checking.lift.sizes import at_least, integer, nonnegative, same
from derive.errors import Place
from derive.index import (
    ONE,
    ZERO,
    Add,
    At,
    Const,
    Delta,
    Digit,
    Expr,
    Fn,
    Index,
    Iverson,
    Mul,
    Num,
    Pow,
    Size,
    Sum,
    Where,
    add,
    delta,
    mul,
    neg,
    num,
    sub,
    substitute,
    walk,
)  # fmt: skip
from derive.rules.functions import FUNCTIONS

__all__ = ["UNWRITTEN", "Location", "Storage", "certain", "choose", "guarded", "negation", "picked", "positive", "solve", "unwritten"]

Location = tuple[Expr, ...]


_MINUS_INFINITY = Const("-inf")


def choose(condition: Expr, u: Expr, v: Expr) -> Expr:
    """The choice: u where the condition is 1, else v; a mask says where the entries are finite, so that there is one way to write it."""
    if condition is ONE or u is v:
        return u
    if condition is ZERO:
        return v
    if u is _MINUS_INFINITY and isinstance(condition, Iverson) and condition.args[0] != "=":
        condition, u, v = Iverson(">" if condition.args[0] == ">=" else ">=", neg(condition.args[1])), v, u
    return condition if u is ONE and v is ZERO else Where(condition, u, v)


UNWRITTEN = "memory that was never written"


def unwritten(u: Expr) -> bool:
    """Whether the expression uses what np.empty holds."""
    return any(isinstance(part, At) and part.name == UNWRITTEN for part in walk(u))


def positive(u: Expr) -> bool:
    """Whether u > 0 is certain by its form."""
    if isinstance(u, Num):
        return u.value > 0
    if isinstance(u, (Add, Mul)):
        return all(map(positive, u.args[0]))
    if isinstance(u, Sum):
        return positive(u.body)
    return isinstance(u, Size) or (isinstance(u, Fn) and u.args[0] == "exp") or (isinstance(u, Pow) and positive(u.args[0]))


def _partial(u: Expr) -> bool:
    if isinstance(u, Fn):
        row = FUNCTIONS.get(u.args[0])
        return u.args[0] == "tan" or (row is not None and row.domain is not None and not all(map(positive, row.domain(*u.args[1]))))
    return isinstance(u, Pow) and (u.args[1] < 0 or u.args[1].denominator > 1) and not positive(u.args[0])


def certain(condition: Expr) -> bool | None:
    """Whether a condition on indices holds for all of them, or for none; None where that cannot be told."""
    if condition in (ONE, ZERO):
        return condition is ONE
    if isinstance(condition, Mul):
        parts = [certain(part) for part in condition.args[0]]
        return False if False in parts else True if all(parts) else None
    if isinstance(condition, Iverson) and condition.args[0] != "=":
        gap, least = condition.args[1], num(1 if condition.args[0] == ">" else 0)
        if nonnegative(sub(gap, least)):
            return True
        return False if nonnegative(sub(sub(least, ONE), gap)) else None
    if isinstance(condition, Delta):
        gap = integer(sub(condition.args[0], condition.args[1]))
        apart = nonnegative(sub(gap, ONE)) or nonnegative(sub(neg(gap), ONE))
        return True if gap is ZERO else False if apart else None
    return None


def picked(u: Expr) -> Expr:
    """The expression, or the side of a choice whose condition is certain."""
    while isinstance(u, Where):
        holds = certain(u.args[0])
        if holds is None:
            rest = picked(u.args[2])
            return u if rest is u.args[2] else choose(u.args[0], u.args[1], rest)
        u = u.args[1] if holds else u.args[2]
    return u


def guarded(condition: Expr, amount: Expr) -> Expr:
    """The amount where the condition holds, else 0: a product, unless the amount may be undefined, or outside of its arrays, elsewhere."""
    ranges = any(isinstance(part, Iverson) and not any(isinstance(inner, At) for inner in walk(part)) for part in walk(condition))
    if condition is ONE or not (ranges or any(map(_partial, walk(amount)))):
        return mul(condition, amount)
    return choose(condition, amount, ZERO)


def negation(condition: Expr) -> Expr:
    """1 − condition, undone where it was already of that form."""
    if isinstance(condition, (Delta, Iverson)):
        return sub(ONE, condition)
    rest = integer(sub(ONE, condition))
    return rest if isinstance(rest, (Delta, Iverson)) or rest in (ONE, ZERO) else sub(ONE, condition)


def solve(
    location: Location, unknowns: Sequence[Index], targets: Sequence[Expr], sizes: Sequence[Expr]
) -> tuple[dict[Expr, Expr], Expr] | None:
    """The one s with e(s) = b, and the condition on b for it to exist; None where b does not determine s.

    Args:
        location: e(s), one expression for each axis of the storage.
        unknowns: s.
        targets: b.
        sizes: the sizes of the storage's axes.
    """
    conditions: list[Expr] = []
    found, used = _merged(location, unknowns, targets, sizes)
    for unknown in unknowns:
        if unknown in found:
            continue
        for axis, (where, target, size) in enumerate(zip(location, targets, sizes)):
            solved = None if axis in used else _alone(where, unknown, set(unknowns), target, size)
            if solved is not None:
                found[unknown] = solved[0]
                conditions.extend(solved[1])
                used.add(axis)
                break
        else:
            return None
    rest = [axis for axis in range(len(location)) if axis not in used and sizes[axis] is not ONE]
    conditions += [delta(targets[axis], substitute(location[axis], found)) for axis in rest]
    return found, mul(*conditions)


def _merged(
    location: Location, unknowns: Sequence[Index], targets: Sequence[Expr], sizes: Sequence[Expr]
) -> tuple[dict[Expr, Expr], set[int]]:
    """The unknowns that are split over whole axes, or that together make up a whole axis, and those axes."""
    found: dict[Expr, Expr] = {}
    used: set[int] = set()
    for axis, where in enumerate(location):
        mine = [unknown for unknown in unknowns if unknown in where.free]
        if isinstance(where, Digit) and where.args[0] in mine:
            axes = [n for n, other in enumerate(location) if isinstance(other, Digit) and other.args[:2] == where.args[:2]]
            radices = where.args[1] if same(product_of(where.args[1]), where.args[0].size) else ()
            whole = all(same(sizes[n], radix) for n, radix in zip(axes, radices))
            if radices and whole and [location[n].args[2] for n in axes] == list(range(len(radices))):
                found[where.args[0]] = combine([targets[n] for n in axes], radices)
                used.update(axes)
        elif 1 < len(mine) <= 3 and not any(unknown in found for unknown in mine):
            for order in itertools.permutations(mine):
                radices = [unknown.size for unknown in order]
                if combine(order, radices) is integer(where) and same(product_of(radices), sizes[axis]):
                    found |= {unknown: digit(targets[axis], radices, place) for place, unknown in enumerate(order)}
                    used.add(axis)
                    break
    return found, used


def _alone(where: Expr, unknown: Index, unknowns: set[Index], target: Expr, size: Expr) -> tuple[Expr, list[Expr]] | None:
    """The unknown where `where` is start + unknown or start − unknown, and the conditions for it to be in its range."""
    if unknown not in where.free:
        return None
    start = integer(sub(where, unknown))
    if not start.free & unknowns:
        value = integer(sub(target, start)) if start is not ZERO else target
        conditions: list[Expr] = [Iverson(">=", sub(target, start))] if start is not ZERO else []
        if not same(add(start, unknown.size), size):
            conditions.append(Iverson(">", sub(add(start, unknown.size), target)))
        return value, conditions
    start = integer(add(where, unknown))
    if start.free & unknowns:
        return None
    value = integer(sub(start, target))
    low, high = nonnegative(value), at_least(unknown.size, add(value, ONE))
    within: list[Expr] = [] if low else [Iverson(">=", value)]
    return value, within + ([] if high else [Iverson(">", sub(unknown.size, value))])


class Storage:
    """The memory behind an array and all of its views.

    Attributes:
        sizes, indices, body, kind: the array, as an expression over `indices` ('float', 'int' or 'bool').
        owner: the argument whose memory this is, or None.
        version: how often it was written.
        birth: how many symbolic loops were running when it was made.
        locked: why it must not be written, if so.
        plain: whether it surely lies in memory row by row.
        shared: memory that this may or may not share, as it was when this was made.
        cell: for memory that stands for a name that a loop rebinds, which name; its kind follows the values that are added.
    """

    def __init__(self, sizes: Sequence[Expr], kind: str, entry: Callable[[Location], Expr], owner: str | None = None) -> None:
        self.sizes = tuple(sizes)
        self.indices = tuple(new_index(size) for size in self.sizes)
        self.kind, self.owner = kind, owner
        self.targets: Location = tuple(ZERO if size is ONE else index for size, index in zip(self.sizes, self.indices))
        self.body = entry(self.targets)
        self.version, self.birth, self.cell, self.locked = 0, len(current().loops), "", ""
        self.plain = owner is not None
        self.shared: tuple[Storage, int] | None = None
        self.place: Place | None = current().place()

    def read(self, location: Location) -> Expr:
        """The entry at `location`."""
        self._log("read", location)
        return self.peek(location)

    def peek(self, location: Location) -> Expr:
        """The entry at `location`, unseen by the loops that are running."""
        if self.shared is not None and self.shared[0].version != self.shared[1]:
            refuse("an array is changed of which another may be a view or a copy")
        mapping: dict[Expr, Expr] = {
            index: where for index, where, size in zip(self.indices, location, self.sizes) if size is not ONE and index is not where
        }
        return picked(substitute(self.body, mapping)) if mapping else self.body

    def write(self, sizes: Sequence[Expr], locate: Callable[[Location], Location], value: Callable[[Location], Expr], adds: bool) -> None:
        """Store, or add, value(s) at e(s) for all s.

        Raises:
            CannotLift: two s may share a place, where NumPy keeps the last one only.
        """
        unknowns = tuple(new_index(size) for size in sizes if size is not ONE)
        free = iter(unknowns)
        at = tuple(ZERO if size is ONE else next(free) for size in sizes)
        location = locate(at)
        solved = solve(location, unknowns, self.targets, self.sizes)
        if solved is None:
            refuse("the same place may be written twice, as with repeated labels, and NumPy then keeps only one of the writes")
        found, condition = solved
        amount = substitute(value(at), found)
        self._log("add" if adds else "store", location, guarded(condition, amount))
        if adds:
            self.body = add(self.body, guarded(condition, amount))
        else:
            self.body = picked(choose(condition, amount, self.body))
        self.touch()

    def add_everywhere(self, amount: Expr, locations: Sequence[Location]) -> None:
        """Add an expression over its own indices that is 0 outside of these locations."""
        for location in locations[1:]:
            self._log("add", location)
        self._log("add", locations[0], amount)
        self.body = add(self.body, amount)
        self.touch()

    def note_read(self, location: Location) -> None:
        """Tell the loops that are running that the entry at `location` is used."""
        self._log("read", location)

    def touch(self) -> None:
        """Note that it was written, and where."""
        if self.locked:
            refuse(self.locked)
        self.version += 1
        self.place = current().place()

    def _log(self, what: str, location: Location, amount: Expr = ZERO) -> None:
        loops = current().loops
        if self.birth < len(loops):
            loops[-1].log(self, what, location, amount)
