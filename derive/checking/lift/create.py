"""New arrays: zeros, ones, arange, eye, and concrete arrays that are read as constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from derive.checking.lift.arrays import Elements, Operand, Scalar, SymbolicArray, make, operand, size_of, symbolic
from derive.checking.lift.registry import call, row
from derive.checking.lift.session import current, refuse
from derive.checking.lift.sizes import integer, nonnegative
from derive.checking.lift.storage import UNWRITTEN, Location, Storage, choose
from derive.index import ONE, ZERO, At, Expr, add, delta, neg, num, sub

__all__ = ["SymbolicRange", "kind_of_dtype", "shape_of"]


class SymbolicRange(Elements):
    """range(start, start + step·size, step) whose length is symbolic; step is 1 or −1."""

    def __init__(self, start: Expr, size: Expr, step: int = 1) -> None:
        self.start, self.size, self.step = start, size, step

    def lift_operand(self) -> Operand:
        """The same numbers as an array."""
        found: Operand = make([self.size], "int", lambda at: self._at(at[0]))
        return found

    def _at(self, index: Expr) -> Expr:
        return integer(add(index if self.step > 0 else neg(index), self.start))

    def element(self, index: Expr) -> Any:
        """Its element at that index."""
        return Scalar(self._at(index), "int")


@row("kind")
def kind_of_dtype(dtype: Any, default: str = "float") -> str:
    """'float', 'int' or 'bool', for a dtype as NumPy takes it."""
    if dtype is None:
        return default
    if isinstance(dtype, SymbolicArray):
        refuse("an array was given as a dtype")
    found = np.dtype(getattr(dtype, "real_type", dtype))
    if found.kind == "f":
        if found.itemsize < 8:
            current().note(f"precision drops to {found}")
        return "float"
    if found.kind == "b":
        return "bool"
    if found.kind != "i" or found.itemsize < 4:
        refuse(f"arrays of dtype {found} are not covered: they wrap around or hold something else than real numbers")
    return "int"


def shape_of(shape: Any) -> list[Expr]:
    """The sizes of a shape as NumPy takes it."""
    return [size_of(one) for one in (shape if isinstance(shape, (tuple, list)) else (shape,))]


def _full(sizes: Sequence[Expr], kind: str, value: Expr) -> Any:
    """An array of one value; without axes still an array, as NumPy's is."""
    storage = Storage(sizes, kind, lambda at: value)
    storage.plain = True
    return SymbolicArray(storage, sizes, lambda at: at)


@row("zeros")
def _zeros(shape: Any, dtype: Any = None, order: Any = "C") -> Any:
    return _full(shape_of(shape), kind_of_dtype(dtype), ZERO)


@row("ones")
def _ones(shape: Any, dtype: Any = None, order: Any = "C") -> Any:
    return _full(shape_of(shape), kind_of_dtype(dtype), ONE)


@row("empty")
def _empty(shape: Any, dtype: Any = None, order: Any = "C") -> Any:
    """Memory that must be written before it is read; what of it survives into an output is refused there."""
    current().emptied = True
    kind = kind_of_dtype(dtype)
    return _full(shape_of(shape), kind, At(UNWRITTEN, (), kind))


@row("empty_like")
def _empty_like(a: Any, dtype: Any = None, **kwargs: Any) -> Any:
    return _empty(operand(a).shape, operand(a).dtype if dtype is None else dtype)


@row("zeros_like")
def _zeros_like(a: Any, dtype: Any = None, **kwargs: Any) -> Any:
    return _full(operand(a).sizes, kind_of_dtype(dtype, operand(a).kind), ZERO)


@row("ones_like")
def _ones_like(a: Any, dtype: Any = None, **kwargs: Any) -> Any:
    return _full(operand(a).sizes, kind_of_dtype(dtype, operand(a).kind), ONE)


@row("full")
def _full_row(shape: Any, value: Any, dtype: Any = None) -> Any:
    given = operand(value)
    return _filled(_full(shape_of(shape), kind_of_dtype(dtype, given.kind), ZERO), given)


@row("full_like")
def _full_like(a: Any, value: Any, dtype: Any = None) -> Any:
    return _filled(_zeros_like(a, dtype), operand(value))


def _filled(array: Any, value: Operand) -> Any:
    call("fill", array, value)
    return array


@row("arange")
def _arange(*bounds: Any, dtype: Any = None) -> Any:
    ends = [size_of(bound) for bound in bounds[:2]]
    if len(bounds) > 2:
        refuse("arange with a step is not covered")
    start = ZERO if len(ends) == 1 else ends[0]
    length = integer(sub(ends[-1], start))
    if not nonnegative(length):
        refuse("arange may be empty for some sizes because its end may lie before its start")
    numbers = SymbolicRange(start, length).lift_operand()
    return numbers if kind_of_dtype(dtype, "int") == "int" else call("astype", numbers, dtype)


@row("float64", "float32", "float16")
def _number(value: Any) -> Any:
    source = operand(value)
    return call("astype", source, float) if source.kind != "float" else call("copy", source)


@row("array")
def _array(object: Any, dtype: Any = None, copy: Any = True, order: Any = "K", ndmin: int = 0) -> Any:
    value = object
    if isinstance(value, (list, tuple)):
        found = _list(value) if symbolic(value) else call("constant", np.asarray(value))
        found = found if dtype is None else call("astype", found, dtype)
    else:
        source = operand(value)
        found = _asarray(source, dtype) if not copy else call("copy", source) if dtype is None else call("astype", source, dtype)
    if ndmin > len(found.sizes):
        refuse("np.array with ndmin is not covered")
    return _with_memory(found)


def _with_memory(value: Any) -> Any:
    """An array, also where it has no axes: it can be changed in place."""
    return value if value.sizes or isinstance(value, SymbolicArray) else SymbolicArray(Storage((), value.kind, value.entry), (), lambda at: at)


@row("ascontiguousarray")
def _ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    source = _asarray(a, dtype)
    return call("perhaps shared", source) if isinstance(source, SymbolicArray) and source is a else source


@row("asarray", "asanyarray")
def _asarray(a: Any, dtype: Any = None, order: Any = "K", copy: Any = None) -> Any:
    if isinstance(a, (list, tuple)) or copy:
        return _array(a, dtype)
    source = operand(a)
    return _with_memory(source if dtype is None or kind_of_dtype(dtype) == source.kind else call("astype", source, dtype))


def _list(values: Sequence[Any]) -> Any:
    """np.array([u, v, …]): entry i is the i-th."""
    operands = [operand(value) for value in values]
    kind = max((one.kind for one in operands), key=("bool", "int", "float").index)
    if any(len(one.sizes) != len(operands[0].sizes) for one in operands):
        refuse("an array made of parts of different shapes")

    def entry(at: Location) -> Expr:
        parts = [one.entry(at[1:]) for one in operands]
        result: Expr = parts[-1]
        for position, part in reversed(list(enumerate(parts[:-1]))):
            result = choose(delta(at[0], num(position)), part, result)
        return result

    return make([num(len(operands)), *operands[0].sizes], kind, entry)


@row("constant")
def _constant(value: np.ndarray[Any, Any]) -> Any:
    """A concrete array: all entries the same, or few enough to be told one by one."""
    if value.dtype.kind not in "fib":
        refuse(f"an array of dtype {value.dtype} is not covered")
    if value.ndim == 0:
        return operand(value.item())
    if value.size and (value == value.flat[0]).all():
        first = operand(value.flat[0])
        return _full([num(size) for size in value.shape], first.kind, first.entry(()))
    if value.size == 0 or value.size > 32:
        refuse(f"a concrete array of shape {value.shape} is used beside symbolic ones")
    return _list(list(value))


@row("bincount")
def _bincount(x: Any, weights: Any = None, minlength: Any = 0) -> Any:
    """How often each label occurs, or the sum of its weights: as many entries as were asked for, where the labels are below that."""
    labels, size = operand(x), size_of(minlength)
    if size is ZERO or labels.kind != "int" or len(labels.sizes) != 1:
        refuse("bincount without minlength has as many entries as the largest label says")
    counts = _full([size], "int" if weights is None else "float", ZERO)
    call("add.at", counts, labels, 1 if weights is None else weights)
    return counts


@row("ndim")
def _ndim(a: Any) -> int:
    return len(operand(a).sizes)


@row("shape")
def _shape_of(a: Any) -> tuple[Any, ...]:
    shape: tuple[Any, ...] = operand(a).shape
    return shape


@row("size")
def _size(a: Any, axis: int | None = None) -> Any:
    return operand(a).size if axis is None else operand(a).shape[axis]


@row("item")
def _item(a: Any) -> Any:
    source = operand(a)
    if any(size is not ONE for size in source.sizes):
        refuse(".item() of an array with several entries")
    return Scalar(source.entry((ZERO,) * len(source.sizes)), source.kind)


@row("isscalar")
def _isscalar(a: Any) -> bool:
    return not operand(a).sizes
