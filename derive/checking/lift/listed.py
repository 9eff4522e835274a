"""Comprehensions over a symbolic number of elements: a list whose element i is known by a formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from derive.checking.lift.arrays import Elements, Operand, SymbolicArray, make, operand, symbolic
from derive.checking.lift.loops import Loop, symbolic_length
from derive.checking.lift.session import current, new_index, refuse
from derive.checking.lift.sizes import same
from derive.checking.lift.storage import Location, Storage, choose
from derive.index import Expr, Index, substitute

__all__ = ["Listed", "formatted", "listed", "mapped"]


class _Way:
    """What the comprehension gives on one way through its branches."""

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

    def __init__(self, index: Index, ways: Sequence[tuple[Expr, _Way]]) -> None:
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


def _locked(array: Any) -> Any:
    if isinstance(array, SymbolicArray):
        array.storage.locked = "an element of a list of symbolic length is changed in place"
    return array


def listed(function: Callable[[Any], Any], iterable: Any, lazy: bool = False) -> Any:
    """[function(v) for v in iterable]; run once with a symbolic index where the length is symbolic."""
    length = symbolic_length(iterable)
    if length is None:
        return (function(value) for value in iterable) if lazy else [function(value) for value in iterable]
    loop, ways, loops = Loop(new_index(length)), [], current().loops
    loops.append(loop)
    more = True
    while more:
        loop.start_way()
        value = function(loop.element(iterable))
        ways.append(_Way(value))
        more = loop.end_way()
    loops.pop()
    loop.close()
    return Listed(loop.index, [(done.guard, way) for done, way in zip(loop.ways, ways)])


def mapped(function: Any, *iterables: Any) -> Any:
    """map(function, iterable)."""
    if len(iterables) == 1:
        return listed(function, iterables[0], lazy=True)
    if any(symbolic_length(part) is not None for part in iterables):
        refuse("map over several arrays of symbolic length")
    return map(function, *iterables)


def formatted(text: Any, values: Any) -> Any:
    """text % values; what is symbolic is shown by its shape."""
    parts = values if isinstance(values, tuple) else (values,)
    if isinstance(values, dict) or not any(symbolic(part) or isinstance(part, Elements) for part in parts):
        return text % values
    return f"{text} % {parts!r}"
