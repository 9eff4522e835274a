"""Lists of symbolic length, whose element i is known by a formula: comprehensions, and lists that a loop appends to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from derive.checking.lift.arrays import Elements, Operand, Scalar, SymbolicArray, make, operand, size_of
from derive.checking.lift.registry import call, row
from derive.checking.lift.session import refuse
from derive.checking.lift.sizes import integer, same
from derive.checking.lift.storage import Location, Storage, choose
from derive.index import Expr, Index, add, num, substitute

__all__ = ["Chained", "Collector", "Listed", "Replicated", "Snapshot"]


class Snapshot:
    """An element as it is on one way through the branches."""

    def __init__(self, value: Any) -> None:
        found = operand(value)
        viewed = found.storage if isinstance(found, SymbolicArray) else None
        self.seen = viewed, viewed.version if viewed is not None else 0
        self.sizes, self.kind = found.sizes, found.kind
        self.storage = Storage(found.sizes, found.kind, found.entry)

    def fresh(self) -> bool:
        """Whether what was seen is still as it was: elements may be views of what is written to later."""
        viewed, version = self.seen
        return viewed is None or viewed.version == version


class Listed(Elements):
    """A list of symbolic length, in the order of its index; its elements are read, never written."""

    def __init__(self, index: Index, ways: Sequence[tuple[Expr, Snapshot]]) -> None:
        self.index, self.size, self.ways = index, index.size, ways
        self.sizes = ways[0][1].sizes
        if any(len(way.sizes) != len(self.sizes) or not all(map(same, way.sizes, self.sizes)) for _, way in ways):
            refuse("a list whose elements have different shapes")
        self.kind = max((way.kind for _, way in ways), key=("bool", "int", "float").index)

    def _entry(self, where: Expr, at: Location) -> Expr:
        if not all(way.fresh() for _, way in self.ways):
            refuse("a list holds views of an array that was changed since")
        result = self.ways[-1][1].storage.peek(at)
        for guard, way in reversed(self.ways[:-1]):
            result = choose(guard, way.storage.peek(at), result)
        return substitute(result, {self.index: where})

    def element(self, index: Expr) -> Any:
        """The element at that index."""
        return _locked(make(self.sizes, self.kind, lambda at: self._entry(index, at)))

    def lift_operand(self) -> Operand:
        """The same as an array."""
        found: Operand = _locked(make([self.size, *self.sizes], self.kind, lambda at: self._entry(at[0], at[1:])))
        return found

    def __getitem__(self, key: Any) -> Any:
        return _locked(self.lift_operand()[key])


    def __add__(self, other: Any) -> Any:
        return Chained([], self, list(map(Snapshot, other))) if isinstance(other, list) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return Chained(list(map(Snapshot, other)), self, []) if isinstance(other, list) else NotImplemented


class Chained(Elements):
    """A list of symbolic length with known elements before and behind it."""

    def __init__(self, before: list[Snapshot], middle: Listed, behind: list[Snapshot]) -> None:
        self.before, self.middle, self.behind = before, middle, behind
        self.size = integer(add(num(len(before) + len(behind)), middle.size))

    def lift_operand(self) -> Operand:
        """The same as an array."""
        ends = [one for one in (self.before, self.behind) if one]
        if not all(one.fresh() for end in ends for one in end):
            refuse("a list holds views of an array that was changed since")
        before, behind = ([_stacked(end)] if end else [] for end in (self.before, self.behind))
        found: Operand = _locked(call("concatenate", [*before, operand(self.middle), *behind]))
        return found

    def element(self, index: Expr) -> Any:
        """The element at that index."""
        return _locked(self.lift_operand()[Scalar(index, "int")])

    def __getitem__(self, key: Any) -> Any:
        return _locked(self.lift_operand()[key])


def _stacked(elements: list[Snapshot]) -> Any:
    return call("array", [make(one.sizes, one.kind, one.storage.peek) for one in elements])


def _locked(array: Any) -> Any:
    if isinstance(array, SymbolicArray):
        array.storage.locked = "an element of a list of symbolic length is changed in place"
    return array


class Replicated(SymbolicArray):
    """[value] * n for a number: its entries are read and stored one by one, and NumPy takes it for an array; a list knows no arithmetic."""

    @property  # type: ignore[misc]  # a class as a property is legal, and is how proxies answer isinstance
    def __class__(self) -> type:  # what isinstance sees: no array
        return Replicated

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self._place(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        if operand(value).sizes:
            refuse("an array is stored into a list of symbolic length")
        super().__setitem__(self._place(key), value)

    @staticmethod
    def _place(key: Any) -> Any:
        number = isinstance(key, int) or (isinstance(key, Operand) and not key.sizes and key.kind == "int")
        return key if number else refuse("a part of a list of symbolic length")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return refuse(f".{name} of a list of symbolic length")

    def _refused(self, *args: Any) -> Any:
        return refuse("arithmetic with a list of symbolic length")

    __add__ = __radd__ = __mul__ = __rmul__ = __iadd__ = __imul__ = __eq__ = __ne__ = __lt__ = __gt__ = _refused
    __hash__ = object.__hash__


@row("replicated")
def _replicated(values: Any, count: Any) -> Any:
    """[value] * n."""
    element = operand(values[0]) if len(values) == 1 else refuse("several elements are repeated a symbolic number of times")
    if isinstance(values, tuple) or element.sizes or element.kind != "float":
        refuse("a list of a symbolic length that does not hold floats")
    return Replicated(Storage([size_of(count)], "float", lambda at: element.entry(())), [size_of(count)], lambda at: at)


class Collector:
    """Stands for a list in a symbolic loop that appends to it once in each iteration."""

    def __init__(self, name: str, start: list[Any]) -> None:
        self.name, self.start = name, start
        self.ways: list[Snapshot] = []
        self.count = 0

    def append(self, value: Any) -> None:
        """Append in the present iteration."""
        self.count += 1
        if self.count == 1:
            self.ways.append(Snapshot(value))

    def end_way(self) -> None:
        """Check that one way through the iteration appended once."""
        if self.count != 1:
            refuse(f"'{self.name}' grows by {self.count} elements in one iteration of a symbolic loop")
        self.count = 0

    def after(self, index: Index, guards: Sequence[Expr]) -> Listed | Chained:
        """The list after the loop."""
        grown = Listed(index, list(zip(guards, self.ways)))
        return Chained(list(map(Snapshot, self.start)), grown, []) if self.start else grown

    def lift_operand(self) -> Any:
        """Refuse."""
        refuse(f"'{self.name}' is read while a symbolic loop appends to it")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.lift_operand()

    __iter__ = __len__ = __getitem__ = __add__ = __iadd__ = lift_operand
