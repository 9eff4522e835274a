"""Loops over a symbolic range, run once with a symbolic index (once for each way through its branches).

A loop is lifted when it is a sum in disguise: what it changes is only added to and never read, or is only touched in the row of the
present iteration.  Everything else is refused.

Legend: i is the loop's index, g the guard of a way through the branches, b the indices of a storage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from derive.checking.lift.arrays import Elements, Operand, Scalar, SymbolicArray, operand, shape_text
from derive.checking.lift.choices import Choices
from derive.checking.lift.listed import Collector
from derive.checking.lift.registry import call
from derive.checking.lift.session import current, new_index, refuse
from derive.checking.lift.standins import Cell, Poison
from derive.checking.lift.storage import Location, Storage, choose, guarded, picked, solve
from derive.index import Expr, Index, Num, Sum, add, substitute

__all__ = ["Loop", "Poison", "iterate", "plus", "symbolic_length"]

_MOST_WAYS = 64
_Record = list[tuple[str, Location, Expr]]


@dataclass
class _Way:
    """What one way through the loop's branches did to each storage: its guard, the bodies it left, and what it touched."""

    guard: Expr
    bodies: dict[Storage, Expr]
    records: dict[Storage, _Record]


class Loop(Choices):
    """A symbolic loop that is being run."""

    def __init__(self, index: Index) -> None:
        super().__init__()
        self.index = index
        self.before: dict[Storage, Expr] = {}
        self.records: dict[Storage, _Record] = {}
        self.ways: list[_Way] = []
        self.cells: list[Any] = []
        self.names: dict[str, Any] = {}
        self.collectors: dict[str, Collector] = {}
        self.holders: list[tuple[Any, Any]] = []

    def log(self, storage: Storage, what: str, location: Location, amount: Expr) -> None:
        """Note a read, an addition or a store, before it is done."""
        self.before.setdefault(storage, storage.body)
        self.records.setdefault(storage, []).append((what, location, amount))

    def start_way(self) -> None:
        """Make ready for one way through the branches."""
        self.start()
        self.records = {}

    def end_way(self) -> bool:
        """Put everything back and say whether there is another way."""
        self.ways.append(_Way(self.guard(), {storage: storage.body for storage in self.records}, self.records))
        if len(self.ways) > _MOST_WAYS:
            refuse("too many ways through the branches of a loop")
        for storage in self.records:
            storage.body = self.before[storage]
        return self.advance()

    def element(self, iterable: Any) -> Any:
        """The element of the present iteration."""
        return iterable.element(self.index) if isinstance(iterable, Elements) else iterable[Scalar(self.index, "int")]

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
        fixed = {loop.index for loop in current().loops} | {self.index}
        for axis, size in enumerate(storage.sizes):
            wheres = {location[axis] for location in locations}
            if len(wheres) == 1 and self.index in (where := next(iter(wheres))).free and where.free <= fixed:
                return solve((where,), (self.index,), (storage.targets[axis],), (size,))
        return None

    def _accumulate(self, storage: Storage, locations: list[Location]) -> None:
        ways = [way for way in self.ways if storage in way.records]
        amount = add(*(guarded(way.guard, add(*(part for _, _, part in way.records[storage]))) for way in ways))
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
        storage.body = picked(choose(condition, picked(substitute(body, found)), old))
        storage.touch()

    def begin(
        self, scope: str, local: Mapping[str, Any], outer: Mapping[str, Any],
        plain: Sequence[str], added: Sequence[str], summed: Sequence[str], grown: Sequence[str]
    ) -> tuple[Any, ...]:
        """The values that the assigned names have when a way starts: cells for what is added to, poison for the rest.

        Args:
            scope: tells the names of this function from those of others.
            local: the user's local variables.
            outer: the global ones.
            plain: names that the body assigns.
            added: names that the body changes by += and −= alone.
            summed: names that the body changes by n = n + e alone, which makes a new array each time.
            grown: names that the body appends to.
        """
        if not self.ways:
            seen = [*local.values(), *(value for name, value in outer.items() if not name.startswith("__"))]
            self.holders = [(value, _contents(value)) for value in seen]
            for name in (*added, *summed):
                self.names[name] = self._cell(scope + name, local.get(name, Poison(name)), copies=name in summed)
            for name in grown:
                value = self.names[name] = local.get(name, Poison(name))
                if isinstance(value, list):
                    self.names[name] = self.collectors[name] = Collector(name, value)
        for name in plain:
            self.names[name] = Poison(name)
        return tuple(self.names[name] for name in sorted([*plain, *added, *summed, *grown]))

    def _cell(self, key: str, value: Any, copies: bool) -> Any:
        """What stands for a name that is added to: an array itself, or new memory where Python makes a new value each time."""
        array = isinstance(value, SymbolicArray)
        known = isinstance(value, Cell) or (array and value.storage.cell == key)
        if known or (array and not copies) or not isinstance(value, (bool, int, float, np.number, Operand)):
            return value
        start = operand(value)
        loops = current().loops
        loops.pop()
        storage = Storage(start.sizes, start.kind, start.entry)
        loops.append(self)
        storage.cell = key
        cell = SymbolicArray(storage, start.sizes, lambda at: at) if start.sizes else Cell(storage)
        self.cells.append(cell)
        return cell

    def end(self, local: Mapping[str, Any], added: Sequence[str]) -> None:
        """Check that a way left nothing behind that is not a storage."""
        for name in added:
            if local.get(name) is not self.names[name]:
                refuse(f"'{name}' is changed from one iteration of a symbolic loop to the next")
        for collector in self.collectors.values():
            collector.end_way()
        for value, contents in self.holders:
            if _contents(value) != contents:
                refuse("a list or a dict is changed in a symbolic loop")

    def after(self, plain: Sequence[str], added: Sequence[str], summed: Sequence[str], grown: Sequence[str]) -> tuple[Any, ...]:
        """The values that the assigned names have after the loop."""
        values: dict[str, Any] = {name: Poison(name) for name in plain}
        for name in (*added, *summed):
            value = values[name] = self.names[name]
            if any(value is cell for cell in self.cells):
                value.storage.cell = ""
                values[name] = Scalar(value.entry(()), value.kind) if isinstance(value, Cell) else value
        for name in grown:
            values[name] = self.names[name]
            if name in self.collectors:
                collector = self.collectors[name]
                values[name] = collector.after(self.index, [way.guard for way in self.ways])
                collector.start[:] = [Poison(name)]  # the list may be known by another name, which would miss what was appended
        return tuple(values[name] for name in sorted([*plain, *added, *summed, *grown]))


def _contents(value: Any, depth: int = 3) -> Any:
    """What a container holds, by identity; refuses objects that could hide a change."""
    if isinstance(value, (Operand, Elements, Collector, ModuleType, FunctionType, type, Loop, Poison)):
        return None
    if isinstance(value, (list, tuple, set, dict)) and depth:
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)
        return tuple((id(part), _contents(part, depth - 1)) for part in parts)
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return _contents(vars(value), depth) if hasattr(value, "__dict__") else None


def plus(key: str, value: Any, amount: Any, adds: bool, changes: bool) -> Any:
    """Change the value of a name: `n += e` (or −=), or `n = n + e` (or n − e).

    Args:
        key: the name; a symbolic loop has put memory in its place where the loop adds to it.
        adds: + rather than −.
        changes: the first form, which changes an array in place.
    """
    if isinstance(value, (SymbolicArray, Cell)) and value.storage.cell == key:
        return call("update", "add" if adds else "subtract", value, amount)
    if changes:
        if adds:
            value += amount
        else:
            value -= amount
        return value
    return value + amount if adds else value - amount


def symbolic_length(iterable: Any) -> Expr | None:
    """How many elements it has, where that is symbolic."""
    if isinstance(iterable, Operand):
        return iterable.sizes[0] if iterable.sizes and not isinstance(iterable.sizes[0], Num) else None
    return iterable.size if isinstance(iterable, Elements) else None


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
    loops = current().loops
    loop = Loop(new_index(length))
    loops.append(loop)
    while True:
        loop.start_way()
        yield loop, loop.element(iterable)
        if loops[-1] is not loop:
            refuse("a symbolic loop was left in the middle")
        if not loop.end_way():
            break
    loops.pop()
    loop.close()


