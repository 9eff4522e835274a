"""Functions that are applied to each of a symbolic number of elements: comprehensions, map, np.vectorize, np.apply_along_axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from derive.checking.lift.arrays import Elements, Operand, Scalar, make, operand, symbolic
from derive.checking.lift.elementwise import broadcast, entries
from derive.checking.lift.listed import Listed, Snapshot
from derive.checking.lift.loops import Loop, symbolic_length
from derive.checking.lift.registry import call, row
from derive.checking.lift.selection import probe
from derive.checking.lift.session import current, new_index, refuse
from derive.checking.lift.sizes import same
from derive.checking.lift.storage import Location, choose
from derive.index import Expr, Index, num, substitute

__all__ = ["Vectorized", "formatted", "listed", "mapped"]


def _ways(loop: Loop, function: Callable[[], Any]) -> list[tuple[Expr, Snapshot]]:
    """What the function gives on each way through its branches, with the guard of the way."""
    found, loops, more = [], current().loops, True
    loops.append(loop)
    while more:
        loop.start_way()
        found.append(Snapshot(function()))
        more = loop.end_way()
    loops.pop()
    loop.close()
    return [(done.guard, way) for done, way in zip(loop.ways, found)]


def listed(function: Callable[[Any], Any], iterable: Any, lazy: bool = False) -> Any:
    """[function(v) for v in iterable]; run once with a symbolic index where the length is symbolic."""
    length = symbolic_length(iterable)
    if length is None:
        return (function(value) for value in iterable) if lazy else [function(value) for value in iterable]
    loop = Loop(new_index(length))
    return Listed(loop.index, _ways(loop, lambda: function(loop.element(iterable))))


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


def _applied(at: Location, function: Callable[[], Any]) -> tuple[tuple[Expr, ...], str, Callable[[Location, Location], Expr]]:
    """The sizes and kind of what the function gives at the indices `at`, and its entry at other indices in their place."""
    free = [index for index in at if isinstance(index, Index)]
    ways = _ways(Loop(free[0] if free else new_index(num(1))), function)
    sizes, kind = ways[0][1].sizes, ways[0][1].kind
    if any(way.kind != kind for _, way in ways):
        refuse("a function gives a float on some entries and an integer on others: NumPy takes the type of the first")
    if any(len(way.sizes) != len(sizes) or not all(map(same, way.sizes, sizes)) for _, way in ways):
        refuse("a function gives arrays of different shapes")

    def entry(where: Location, inner: Location) -> Expr:
        result = ways[-1][1].storage.peek(inner)
        for guard, way in reversed(ways[:-1]):
            result = choose(guard, way.storage.peek(inner), result)
        return substitute(result, {index: place for index, place in zip(at, where) if isinstance(index, Index)})

    return sizes, kind, entry


class Vectorized:
    """np.vectorize(function)."""

    def __init__(self, pyfunc: Callable[..., Any], otypes: Any = None, **kwargs: Any) -> None:
        if kwargs:
            refuse("vectorize with options is not covered")
        self.pyfunc = pyfunc

    def __call__(self, *values: Any) -> Any:
        """The function of each entry."""
        operands = [operand(value) for value in values]
        sizes = broadcast(*(one.sizes for one in operands))
        at = probe(sizes)
        inner, kind, entry = _applied(at, lambda: self.pyfunc(*(Scalar(u, one.kind) for u, one in zip(entries(operands, at), operands))))
        if inner:
            refuse("a function under vectorize gives an array")
        return make(sizes, kind, lambda where: entry(where, ()))


@row("apply_along_axis")
def _apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    source = operand(arr)
    axis %= len(source.sizes)
    moved = call("moveaxis", source, axis, len(source.sizes) - 1)
    outer: tuple[Expr, ...] = moved.sizes[:-1]
    at = probe(outer)

    def piece() -> Operand:
        return make(moved.sizes[-1:], source.kind, lambda last: moved.entry((*at, *last)))

    inner, kind, entry = _applied(at, lambda: func1d(piece(), *args, **kwargs))

    def whole(where: Location) -> Expr:
        return entry((*where[:axis], *where[axis + len(inner) :]), where[axis : axis + len(inner)])

    return make((*outer[:axis], *inner, *outer[axis:]), kind, whole)
