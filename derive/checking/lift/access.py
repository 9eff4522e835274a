"""Loading and storing: a[key], a[key] = v, a += v, with NumPy's views, copies and casts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from derive.checking.lift.arrays import Operand, Scalar, SymbolicArray, dim, make, operand, shape_text
from derive.checking.lift.elementwise import broadcast, entries
from derive.checking.lift.filling import filled
from derive.checking.lift.infinite import infinite
from derive.checking.lift.masked import Masked
from derive.checking.lift.masking import frozen, last, masked_load, masked_store, masked_view
from derive.checking.lift.registry import call, row
from derive.checking.lift.selection import Selection, in_range, mask_of, probe, select
from derive.checking.lift.session import bad, current, refuse
from derive.checking.lift.sizes import same
from derive.checking.lift.storage import Location, Storage
from derive.index import ONE, ZERO, Expr, Index, Sum, add, delta, mul, substitute

__all__ = ["Element"]

_RANK = {"bool": 0, "int": 1, "float": 2}


@dataclass
class Origin:
    """Where a copy was loaded from, and what was added to it since: so that `a[rows, y] -= 1` can be told as an addition."""

    storage: Storage
    version: int
    location: Location
    added: list[Operand] = field(default_factory=list)


class Element(Scalar):
    """A number loaded from an array, such as a[i, j]."""

    def __init__(self, body: Expr, kind: str, origin: Origin) -> None:
        super().__init__(body, kind)
        self.origin = origin

    def entry(self, at: Location) -> Expr:
        """Itself; using it counts as reading the array."""
        self.origin.storage.note_read(self.origin.location)
        return self.body

    def _plus(self, other: Any, sign: int) -> Any:
        amount = operand(other)
        if amount.sizes or self.kind == "bool" or amount.kind == "bool":
            return call("add" if sign > 0 else "subtract", self, other)
        amount = amount if sign > 0 else call("negative", amount)
        kind = max(self.kind, amount.kind, key=_RANK.__getitem__)
        origin = Origin(self.origin.storage, self.origin.version, self.origin.location, [*self.origin.added, amount])
        return Element(add(self.body, amount.entry(())), kind, origin)

    def __iadd__(self, other: Any) -> Any:
        return self._plus(other, 1)

    def __isub__(self, other: Any) -> Any:
        return self._plus(other, -1)


def _absolute(a: Operand, selection: Selection) -> Callable[[Location], Location]:
    if isinstance(a, SymbolicArray):
        return lambda at: a.locate(selection.locate(at))
    return selection.locate


@row("getitem")
def _getitem(a: Operand, key: Any) -> Any:
    masked = masked_view(a, key, stores=False)
    if masked is not None:
        return masked_load(*masked)
    if not a.sizes:
        bad("a number cannot be indexed")
    selection = select(a.sizes, key)
    if not isinstance(a, SymbolicArray):
        return make(selection.sizes, a.kind, lambda at: a.entry(selection.locate(at)))
    if not selection.sizes:
        location = a.locate(selection.locate(()))
        return Element(a.storage.peek(location), a.kind, Origin(a.storage, a.storage.version, location))
    if not selection.copies:
        return a.view(selection.sizes, selection.locate)
    copy = make(selection.sizes, a.kind, lambda at: a.entry(selection.locate(at)))
    copy.origin = Origin(a.storage, a.storage.version, _absolute(a, selection)(copy.storage.targets))
    return copy


def _fits(a: SymbolicArray, sizes: Sequence[Expr], value: Operand) -> None:
    shape = value.sizes
    if shape and not sizes:
        refuse("an array is stored into a single entry")
    while len(shape) > len(sizes) and shape[0] is ONE:
        shape = shape[1:]
    common = broadcast(sizes, shape)
    if len(common) > len(sizes) or not all(same(u, v) for u, v in zip(common, sizes)):
        bad(f"a value of shape {shape_text(value.sizes)} does not fit into {shape_text(sizes)}")


def _cast(storage: Storage, value: Operand) -> None:
    """Refuse a store that changes the value, as into an integer array."""
    if storage.cell:
        storage.kind = max(storage.kind, value.kind, key=_RANK.__getitem__)
    elif storage.kind == "int" and value.kind == "float":
        refuse("a float is stored into an integer array, where NumPy cuts off its decimals")
    elif storage.kind == "bool" and value.kind != "bool" and not (value.sizes == () and value.entry(()) in (ONE, ZERO)):
        refuse("a number is stored into a boolean array")


@row("setitem")
def _setitem(a: SymbolicArray, key: Any, value: Any) -> None:
    masked = masked_view(a, key, stores=True)
    if masked is not None:
        given = operand(value)
        _cast(a.storage, given)
        masked_store(masked[0], masked[1], given)
        _fill(a.storage)
        return
    selection = select(a.sizes, key)
    locate = _absolute(a, selection)
    if _updates(a, selection, locate, value):
        return
    given = operand(value)
    _fits(a, selection.sizes, given)
    _cast(a.storage, given)
    given = frozen(given)
    a.storage.write(selection.sizes, locate, lambda at: last(given, at), adds=False)
    _fill(a.storage)


def _fill(storage: Storage) -> None:
    """Forget what was never written where everything was."""
    if current().emptied:
        storage.body = filled(storage.body)


def _updates(a: SymbolicArray, selection: Selection, locate: Callable[[Location], Location], value: Any) -> bool:
    """Do a store that gives back what was loaded from the same place, with what was added to it."""
    storage = a.storage
    if isinstance(value, SymbolicArray) and value.storage is storage and len(value.sizes) == len(selection.sizes):
        at = probe(selection.sizes)
        return all(same(u, v) for u, v in zip(value.sizes, selection.sizes)) and value.locate(at) == locate(at)
    origin = getattr(value, "origin", None)
    if not isinstance(origin, Origin) or origin.storage is not storage or origin.version != storage.version:
        return False
    if not all(same(u, v) for u, v in zip(value.sizes, selection.sizes)) or _RANK[value.kind] > _RANK[storage.kind]:
        return False
    if isinstance(value, SymbolicArray):
        unchanged = value.storage.version == len(origin.added) and value.sizes == value.storage.sizes
        if not unchanged or value.storage.targets != value.locate(value.storage.targets):
            return False
    if locate(value.storage.targets if isinstance(value, SymbolicArray) else ()) != origin.location:
        return False
    for amount in origin.added:
        storage.write(selection.sizes, locate, functools.partial(last, amount), adds=True)
    if not origin.added:
        storage.touch()
    return True


@row("update")
def _update(name: str, a: Any, other: Any) -> Any:
    """In place: a += v and its like, for the operation of that name."""
    given = operand(other)
    if isinstance(given, Masked):
        refuse("an array is updated by a[mask]")
    adds = name in ("add", "subtract") and a.kind != "bool" and not (infinite(a.storage.body) or infinite(given.entry(probe(given.sizes))))
    kind = max(a.kind, given.kind, "float" if name == "divide" else "bool", key=_RANK.__getitem__)
    result = None if adds else call(name, a, given)
    kind = kind if result is None else result.kind
    if a.storage.cell:
        a.storage.kind = kind
    elif _RANK[kind] > _RANK[a.kind]:
        bad(f"NumPy refuses to change an array of kind {a.kind} in place by a {kind} (UFuncTypeError)", "make it a float array first")
    sizes = broadcast(a.sizes, given.sizes) if result is None else result.sizes
    if len(sizes) != len(a.sizes) or not all(same(u, v) for u, v in zip(sizes, a.sizes)):
        bad(f"an array of shape {shape_text(a.sizes)} cannot be changed in place by one of shape {shape_text(given.sizes)}")
    amount = frozen(given if name == "add" else call("negative", given) if result is None and given.kind != "bool" else given)
    if name == "subtract" and given.kind == "bool":
        amount = call("negative", call("astype", given, int))
    value = amount if result is None else result
    if isinstance(a.origin, Origin) and adds:
        a.origin.added.append(amount)
    a.storage.write(a.sizes, a.locate, lambda at: entries([value], at)[0], adds=adds)
    return a


@row("assign", "copyto")
def _assign(target: Any, value: Any) -> Any:
    if not isinstance(target, SymbolicArray):
        refuse("out= of something that is no symbolic array")
    _setitem(target, (Ellipsis,), value)
    return target


@row("fill")
def _fill_row(a: Any, value: Any) -> None:
    _assign(a, value)


@row("take")
def _take(a: Any, indices: Any, axis: int | None = None) -> Any:
    source = operand(a)
    if axis is None:
        refuse("take without an axis is not covered")
    return _getitem(frozen(source), (*(slice(None),) * (axis % len(source.sizes)), indices))


@row("take_along_axis")
def _take_along_axis(a: Any, indices: Any, axis: int) -> Any:
    source, index = operand(a), operand(indices)
    axis %= len(source.sizes)
    sizes = tuple(index.sizes[n] if n == axis else broadcast([size], [index.sizes[n]])[0] for n, size in enumerate(source.sizes))

    def entry(at: Location) -> Expr:
        where = in_range(index.entry(at), source.sizes[axis])
        found: Expr = source.entry((*at[:axis], where, *at[axis + 1 :]))
        return found

    return make(sizes, source.kind, entry)


@row("put_along_axis")
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: int) -> None:
    index = operand(indices)
    axis %= len(arr.sizes)
    grid = []
    for n, size in enumerate(index.sizes):
        order = [1] * len(index.sizes)
        order[n] = -1
        grid.append(index if n == axis else call("reshape", call("arange", dim(size)), order))
    _setitem(arr, tuple(grid), values)


@row("choose")
def _choose(index: Any, choices: Any) -> Any:
    labels, table = operand(index), operand(choices)
    sizes = broadcast(labels.sizes, table.sizes[1:])
    return make(sizes, table.kind, lambda at: table.entry((in_range(entries([labels], at)[0], table.sizes[0]), *_tail(table, at))))


def _tail(table: Operand, at: Location) -> Location:
    width = len(table.sizes) - 1
    return at[len(at) - width :]


@row("subtract.at")
def _subtract_at(a: Any, key: Any, value: Any) -> None:
    _add_at(a, key, call("negative", value))


@row("add.at")
def _add_at(a: Any, key: Any, value: Any) -> None:
    """np.add.at: every one of repeated places counts."""
    if not isinstance(a, SymbolicArray) or mask_of(key) is not None:
        refuse("np.add.at of this is not covered")
    given = frozen(operand(value))
    selection = select(a.sizes, key)
    _fits(a, selection.sizes, given)
    at = probe(selection.sizes)
    location = _absolute(a, selection)(at)
    bound = tuple(index for index in at if isinstance(index, Index))
    conditions = [delta(b, e) for b, e, size in zip(a.storage.targets, location, a.storage.sizes) if size is not ONE]
    body: Expr = mul(*conditions, last(given, at))
    amount: Expr = Sum(bound, body) if bound else body
    targets = a.storage.targets
    a.storage.write(a.storage.sizes, lambda at: at, lambda at: substitute(amount, dict(zip(targets, at))), adds=True)


