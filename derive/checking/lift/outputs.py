"""What a lifted function returns: arrays as expressions, and the ways through its branches on data put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from derive.checking.lift.arrays import SymbolicArray, operand
from derive.checking.lift.choices import Decision
from derive.checking.lift.filling import filled
from derive.checking.lift.session import CannotLift, current, new_index
from derive.checking.lift.sizes import same
from derive.checking.lift.storage import Storage, choose, unwritten
from derive.errors import Place
from derive.index import ONE, ZERO, Expr, Index, substitute

__all__ = ["LiftedArray", "NOTHING", "Way", "leaves", "merged", "output"]

_KINDS = ("bool", "int", "float")
NOTHING = object()  # the value of a way that raises


@dataclass(frozen=True)
class LiftedArray:
    """An array that a function returned.

    Attributes:
        shape: its sizes.
        indices: one index for each axis that is not of size 1, in order.
        body: its entry, in those indices.
        kind: 'float', 'int' or 'bool'.
        alias: the argument whose memory it shares, or None.
        place: the line that made it or wrote to it last.
    """

    shape: tuple[Expr, ...]
    indices: tuple[Index, ...]
    body: Expr
    kind: str
    alias: str | None = None
    place: Place | None = None


@dataclass(frozen=True)
class Way:
    """One way through the branches on data: what was decided, and what is returned then."""

    decisions: Sequence[Decision]
    outputs: Any


def output(value: Any) -> Any:
    """A returned value with each array and number as a `LiftedArray`; tuples, lists and dicts are kept."""
    if isinstance(value, (tuple, list)):
        parts = [output(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {name: output(part) for name, part in value.items()}
    if value is None or isinstance(value, (str, FunctionType)):
        return value
    found = operand(value)
    sizes = found.sizes
    if current().emptied and unwritten(filled(found.entry(tuple(ZERO if size is ONE else new_index(size) for size in sizes)))):
        place = found.storage.place if isinstance(found, SymbolicArray) else current().place()
        raise CannotLift("np.empty holds whatever was in memory, and not all of it was written", place=place, hint="use np.zeros")
    if isinstance(found, SymbolicArray):
        copy = Storage(sizes, found.kind, found.entry)
        indices = tuple(index for index, size in zip(copy.indices, sizes) if size is not ONE)
        if not copy.body.free <= set(indices):
            raise CannotLift("an entry depends on an index that is no axis of its array", place=found.storage.place)
        body = filled(copy.body)
        return LiftedArray(sizes, indices, body, found.kind, found.storage.owner, found.storage.place)
    if found.entry(()).free:
        raise CannotLift("a number depends on an index", place=getattr(value, "place", None))
    return LiftedArray((), (), found.entry(()), found.kind, None, getattr(value, "place", None))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, LiftedArray]]:
    """The arrays of a returned value, with their paths."""
    if isinstance(value, LiftedArray):
        yield path, value
    elif isinstance(value, (tuple, list)):
        for position, part in enumerate(value):
            yield from leaves(part, f"{path}[{position}]")
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from leaves(part, f"{path}[{name!r}]")


def merged(ways: Sequence[Way], depth: int = 0) -> Any:
    """What all ways together return: a choice by each condition.

    Raises:
        CannotLift: the ways return values of different structure.
    """
    if len(ways) == 1:
        return ways[0].outputs
    condition = ways[0].decisions[depth][0]
    yes, no = ([way for way in ways if way.decisions[depth][1] is side] for side in (True, False))
    return _either(condition, merged(yes, depth + 1), merged(no, depth + 1))


def _either(condition: Expr, u: Any, v: Any) -> Any:
    if u is NOTHING or v is NOTHING:
        return v if u is NOTHING else u
    if isinstance(u, LiftedArray) and isinstance(v, LiftedArray):
        return _choice(condition, u, v)
    if type(u) is type(v) and isinstance(u, (tuple, list)) and len(u) == len(v):
        parts = [_either(condition, one, other) for one, other in zip(u, v)]
        return type(u)(*parts) if hasattr(u, "_fields") else type(u)(parts)
    if isinstance(u, dict) and isinstance(v, dict) and list(u) == list(v):
        return {name: _either(condition, u[name], v[name]) for name in u}
    if type(u) is type(v) and (u is v or (isinstance(u, str) and u == v)):
        return u
    raise CannotLift("the sides of a branch on data return values of different structure", hint="return the same kind of value on every way")


def _choice(condition: Expr, u: LiftedArray, v: LiftedArray) -> LiftedArray:
    if len(u.shape) != len(v.shape) or not all(map(same, u.shape, v.shape)):
        raise CannotLift("the sides of a branch on data return arrays of different shapes", place=v.place)
    body = choose(condition, u.body, substitute(v.body, dict(zip(v.indices, u.indices))))
    return LiftedArray(u.shape, u.indices, body, max(u.kind, v.kind, key=_KINDS.index), u.alias or v.alias, u.place or v.place)
