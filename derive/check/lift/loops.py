"""Loops over a symbolic range, run once with a symbolic index (once for each way through its branches).

A loop is lifted when it is a sum in disguise: what it changes is only added to and never read, or is only touched in the row of the
present iteration.  Everything else is refused.

Legend: i is the loop's index, g the guard of a way through the branches, b the indices of a storage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from derive.check.lift.arrays import Operand, Scalar, SymbolicArray, operand, shape_text
from derive.check.lift.session import current, new_index, refuse
from derive.check.lift.storage import Location, Storage, choose, guarded, negation, solve
from derive.index import Expr, Index, Num, Sum, add, mul, substitute

__all__ = ["Loop", "Poison", "iterate"]

_MOST_WAYS = 64
_Record = list[tuple[str, Location, Expr]]


class Poison:
    """The value of a name that only some iterations give; every use is refused."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "poisoned", name)

    def lift_operand(self) -> Any:
        """Refuse."""
        refuse(f"'{object.__getattribute__(self, 'poisoned')}' keeps a value from one iteration of a symbolic loop to another place")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__array"):
            raise AttributeError(name)
        return self.lift_operand()

    def _use(self, *args: Any) -> Any:
        return self.lift_operand()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __matmul__ = _use
    __neg__ = __getitem__ = __setitem__ = __call__ = __iter__ = __len__ = __bool__ = __float__ = __int__ = __index__ = _use
    __lt__ = __le__ = __gt__ = __ge__ = __rmatmul__ = __abs__ = __contains__ = _use


@dataclass
class _Way:
    """What one way through the loop's branches did to each storage: its guard, the bodies it left, and what it touched."""

    guard: Expr
    bodies: dict[Storage, Expr]
    records: dict[Storage, _Record]


@dataclass
class Loop:
    """A symbolic loop that is being run."""

    index: Index
    value: Any
    decisions: list[tuple[Expr, bool]] = field(default_factory=list)
    position: int = 0
    before: dict[Storage, Expr] = field(default_factory=dict)
    records: dict[Storage, _Record] = field(default_factory=dict)
    ways: list[_Way] = field(default_factory=list)
    cells: dict[str, tuple[Any, SymbolicArray]] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)
    holders: list[tuple[Any, Any]] = field(default_factory=list)

    def log(self, storage: Storage, what: str, location: Location, amount: Expr) -> None:
        """Note a read, an addition or a store, before it is done."""
        self.before.setdefault(storage, storage.body)
        self.records.setdefault(storage, []).append((what, location, amount))

    def decide(self, condition: Expr) -> bool:
        """Which way to go at a branch: the way of this run."""
        outer = [pair for loop in current().loops[:-1] for pair in loop.decisions[: loop.position]]
        for known, outcome in [*outer, *self.decisions[: self.position]]:
            if known is condition:
                return outcome
            if negation(known) is condition:
                return not outcome
        if self.position == len(self.decisions):
            self.decisions.append((condition, True))
        known, outcome = self.decisions[self.position]
        if known is not condition:
            refuse("the loop takes other branches when it is run again")
        self.position += 1
        return outcome

    def start_way(self) -> None:
        """Make ready for one way through the branches."""
        self.position, self.records = 0, {}

    def end_way(self) -> bool:
        """Put everything back and say whether there is another way."""
        if self.position != len(self.decisions):
            refuse("the loop takes other branches when it is run again")
        guard = mul(*(condition if outcome else negation(condition) for condition, outcome in self.decisions))
        self.ways.append(_Way(guard, {storage: storage.body for storage in self.records}, self.records))
        if len(self.ways) > _MOST_WAYS:
            refuse("too many ways through the branches of a loop")
        for storage in self.records:
            storage.body = self.before[storage]
        while self.decisions and not self.decisions[-1][1]:
            self.decisions.pop()
        if not self.decisions:
            return False
        self.decisions[-1] = (self.decisions[-1][0], False)
        return True

    def close(self) -> None:
        """Do to each storage what all iterations together do."""
        for storage in dict.fromkeys(storage for way in self.ways for storage in way.records):
            touched = [record for way in self.ways for record in way.records.get(storage, [])]
            if all(what == "read" for what, _, _ in touched):
                self._pass_on(storage, touched)
            elif all(what == "add" for what, _, _ in touched):
                self._accumulate(storage, [location for _, location, _ in touched])
            else:
                self._rows(storage, touched)

    def _pass_on(self, storage: Storage, touched: _Record) -> None:
        loops = current().loops
        if storage.birth < len(loops):
            for what, location, amount in touched:
                loops[-1].log(storage, what, location, amount)

    def _axis(self, storage: Storage, locations: list[Location]) -> tuple[dict[Expr, Expr], Expr] | None:
        """The iteration that touches entry b and the condition that there is one, where each iteration keeps to a row of its own."""
        for axis, size in enumerate(storage.sizes):
            wheres = {location[axis] for location in locations}
            if len(wheres) == 1 and self.index in (where := next(iter(wheres))).free:
                return solve((where,), (self.index,), (storage.targets[axis],), (size,))
        return None

    def _accumulate(self, storage: Storage, locations: list[Location]) -> None:
        amounts = [guarded(way.guard, add(*(amount for _, _, amount in way.records[storage]))) for way in self.ways if storage in way.records]
        amount = add(*amounts)
        row = self._axis(storage, locations)
        if row is not None:
            found, condition = row
            total = guarded(condition, substitute(amount, found))
        else:
            index = new_index(self.index.size)
            total = Sum((index,), substitute(amount, {self.index: index}))
        storage.add_everywhere(total, locations)

    def _rows(self, storage: Storage, touched: _Record) -> None:
        row = self._axis(storage, [location for _, location, _ in touched])
        if row is None:
            refuse("an iteration of a loop uses what another iteration changes")
        found, condition = row
        old = self.before[storage]
        body = old
        for way in reversed(self.ways):
            body = choose(way.guard, way.bodies.get(storage, old), body)
        self._pass_on(storage, touched)
        storage.body = choose(condition, substitute(body, found), old)
        storage.touch()

    def begin(self, local: Mapping[str, Any], outer: Mapping[str, Any], plain: frozenset[str], added: frozenset[str]) -> tuple[Any, ...]:
        """The values that the assigned names have when a way starts: cells for what is added to, poison for the rest.

        Args:
            local: the user's local variables.
            outer: the global ones.
            plain: names that the body assigns.
            added: names that the body changes by += and −= alone.
        """
        if not self.ways:
            self.holders = [(value, _contents(value)) for value in (*local.values(), *(value for name, value in outer.items() if name[:2] != "__"))]
            for name in sorted(added):
                self.names[name] = self._cell(name, local.get(name, Poison(name)))
        for name in plain:
            self.names[name] = Poison(name)
        return tuple(self.names[name] for name in sorted(plain | added))

    def _cell(self, name: str, value: Any) -> Any:
        if isinstance(value, SymbolicArray) or not isinstance(value, (bool, int, float, np.number, Scalar)):
            return value
        start = operand(value)
        loops = current().loops
        loops.pop()
        storage = Storage((), start.kind, lambda at: start.entry(()))
        loops.append(self)
        storage.promotes = True
        cell = SymbolicArray(storage, (), lambda at: at)
        self.cells[name] = (value, cell)
        return cell

    def end(self, local: Mapping[str, Any], added: frozenset[str]) -> None:
        """Check that a way left nothing behind that is not a storage."""
        for name in added:
            if local.get(name) is not self.names[name]:
                refuse(f"'{name}' is changed from one iteration of a symbolic loop to the next")
        for value, contents in self.holders:
            if _contents(value) != contents:
                refuse("a list or a dict is changed in a symbolic loop")

    def after(self, plain: frozenset[str], added: frozenset[str]) -> tuple[Any, ...]:
        """The values that the assigned names have after the loop."""
        values: dict[str, Any] = {name: Poison(name) for name in plain}
        for name in added:
            values[name] = Scalar(self.cells[name][1].storage.read(()), self.cells[name][1].kind) if name in self.cells else self.names[name]
        return tuple(values[name] for name in sorted(plain | added))


def _contents(value: Any, depth: int = 3) -> Any:
    """What a container holds, by identity; refuses objects that could hide a change."""
    if isinstance(value, (list, tuple, set, dict)) and depth:
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)
        return tuple((id(part), _contents(part, depth - 1)) for part in parts)
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, (Operand, ModuleType, FunctionType, type, Loop, Poison)) or not hasattr(value, "__dict__"):
        return None
    return _contents(vars(value), depth)


def symbolic_length(iterable: Any) -> Expr | None:
    """How many elements it has, where that is symbolic."""
    if isinstance(iterable, Operand):
        return iterable.sizes[0] if iterable.sizes and not isinstance(iterable.sizes[0], Num) else None
    return iterable.size if hasattr(iterable, "element") else None


def iterate(iterable: Any, leaves: bool) -> Iterator[Any]:
    """Run a `for` loop: yields (None, element) for ordinary iterables, and (loop, element) once for each way through a symbolic loop.

    Args:
        leaves: whether the body has a `break` or a `return`.
    """
    length = symbolic_length(iterable)
    if length is None:
        for element in iterable:
            yield None, element
        return
    if leaves:
        refuse(f"a loop over {shape_text([length])[1:-2]} elements that may end early")
    index = new_index(length)
    loops = current().loops
    loop = Loop(index, None)
    loops.append(loop)
    loop.start_way()
    while True:
        loop.start_way()
        yield loop, iterable.element(index) if hasattr(iterable, "element") else iterable[Scalar(index, "int")]
        if loops[-1] is not loop:
            refuse("a symbolic loop was left in the middle")
        if not loop.end_way():
            break
    loops.pop()
    loop.close()


