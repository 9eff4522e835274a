"""Memory of one array: an expression over its own indices, changed in place by additions and stores.

Legend: b are the storage's own indices, s the indices of a selection, e(s) where the selection lies in the storage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from derive.checking.lift.session import current, new_index, refuse
from derive.checking.lift.sizes import integer, same
from derive.errors import Place
from derive.index import (
    ONE,
    ZERO,
    Add,
    At,
    Delta,
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
    sub,
    substitute,
    walk,
)  # fmt: skip

__all__ = ["Location", "Storage", "choose", "guarded", "negation", "solve"]

Location = tuple[Expr, ...]


def choose(condition: Expr, u: Expr, v: Expr) -> Expr:
    """The choice: u where the condition is 1, else v."""
    if condition is ONE or u is v:
        return u
    if condition is ZERO:
        return v
    return condition if u is ONE and v is ZERO else Where(condition, u, v)


def _positive(u: Expr) -> bool:
    if isinstance(u, Num):
        return u.value > 0
    if isinstance(u, (Add, Mul)):
        return all(map(_positive, u.args[0]))
    if isinstance(u, Sum):
        return _positive(u.body)
    return isinstance(u, Size) or (isinstance(u, Fn) and u.args[0] == "exp") or (isinstance(u, Pow) and _positive(u.args[0]))


def _partial(u: Expr) -> bool:
    if isinstance(u, Fn):
        return u.args[0] in ("log", "log1p", "tan") and not _positive(u.args[1][0])
    return isinstance(u, Pow) and (u.args[1] < 0 or u.args[1].denominator > 1) and not _positive(u.args[0])


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
    found: dict[Expr, Expr] = {}
    conditions: list[Expr] = []
    used: set[int] = set()
    for unknown in unknowns:
        for axis, (where, target, size) in enumerate(zip(location, targets, sizes)):
            start = integer(sub(where, unknown))
            if axis in used or unknown not in where.free or start.free & set(unknowns):
                continue
            found[unknown] = integer(sub(target, start)) if start is not ZERO else target
            used.add(axis)
            if start is not ZERO:
                conditions.append(Iverson(">=", sub(target, start)))
            if not same(add(start, unknown.size), size):
                conditions.append(Iverson(">", sub(add(start, unknown.size), target)))
            break
        else:
            return None
    rest = [axis for axis in range(len(location)) if axis not in used and sizes[axis] is not ONE]
    conditions += [delta(targets[axis], substitute(location[axis], found)) for axis in rest]
    return found, mul(*conditions)


class Storage:
    """The memory behind an array and all of its views.

    Attributes:
        sizes, indices, body, kind: the array, as an expression over `indices` ('float', 'int' or 'bool').
        owner: the argument whose memory this is, or None.
        version: how often it was written.
        birth: how many symbolic loops were running when it was made.
        locked: why it must not be written, if so.
        cell: for memory that stands for a name that a loop rebinds, which name; its kind follows the values that are added.
    """

    def __init__(self, sizes: Sequence[Expr], kind: str, entry: Callable[[Location], Expr], owner: str | None = None) -> None:
        self.sizes = tuple(sizes)
        self.indices = tuple(new_index(size) for size in self.sizes)
        self.kind, self.owner = kind, owner
        self.targets: Location = tuple(ZERO if size is ONE else index for size, index in zip(self.sizes, self.indices))
        self.body = entry(self.targets)
        self.version, self.birth, self.cell, self.locked = 0, len(current().loops), "", ""
        self.place: Place | None = current().place()

    def read(self, location: Location) -> Expr:
        """The entry at `location`."""
        self._log("read", location)
        return self.peek(location)

    def peek(self, location: Location) -> Expr:
        """The entry at `location`, unseen by the loops that are running."""
        mapping: dict[Expr, Expr] = {
            index: where for index, where, size in zip(self.indices, location, self.sizes) if size is not ONE and index is not where
        }
        return substitute(self.body, mapping) if mapping else self.body

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
            self.body = choose(condition, amount, self.body)
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
