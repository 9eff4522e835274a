"""What torch's functions mean: shapes, joining, picking."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from derive.checking.foreign.torch.tensors import row, whole
from derive.checking.lift.arrays import SymbolicArray, make, operand, size_of
from derive.checking.lift.registry import call
from derive.checking.lift.selection import in_range
from derive.checking.lift.session import refuse
from derive.checking.lift.sizes import same
from derive.checking.lift.storage import Location, choose
from derive.index import ONE, ZERO, Expr, Num, add, delta, mul

__all__: list[str] = []


def _sizes(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape


# The same memory, and the same numbers.
row("detach", "requires_grad_")(lambda x, *_: x)


@row("contiguous")
def _contiguous(x: Any, memory_format: Any = None) -> Any:
    return x if whole(x) else call("copy", x)


@row("reshape")
def _reshape(x: Any, *shape: Any) -> Any:
    return call("reshape", x, _sizes(shape))


@row("view_as", "reshape_as")
def _reshape_as(x: Any, other: Any) -> Any:
    return call("reshape", x, other.shape)


@row("t")
def _t(x: Any) -> Any:
    return call("transpose", x) if len(x.sizes) <= 2 else refuse(".t() of more than two axes")


@row("transpose", "swapaxes", "swapdims")
def _transpose(x: Any, dim0: int, dim1: int) -> Any:
    return call("swapaxes", x, dim0, dim1)


@row("permute")
def _permute(x: Any, *order: Any) -> Any:
    return call("transpose", x, _sizes(order))


@row("movedim", "moveaxis")
def _movedim(x: Any, source: int, destination: int) -> Any:
    return call("moveaxis", x, source, destination)


@row("unsqueeze")
def _unsqueeze(x: Any, dim: int) -> Any:
    axis = dim % (len(x.sizes) + 1)
    return x.view((*x.sizes[:axis], ONE, *x.sizes[axis:]), lambda at: (*at[:axis], *at[axis + 1 :]))


@row("squeeze")
def _squeeze(x: Any, dim: Any = None) -> Any:
    if dim is None:
        return call("squeeze", x)
    size = x.sizes[dim]
    if size is ONE:
        return call("squeeze", x, dim)
    return x if isinstance(size, Num) else refuse("torch's squeeze drops an axis only where its size happens to be 1")


@row("expand", "broadcast_to")
def _expand(x: Any, *shape: Any) -> Any:
    wanted = _sizes(shape)
    ahead = len(wanted) - len(x.sizes)
    kept = [x.shape[n - ahead] if isinstance(size, int) and size == -1 and n >= ahead else size for n, size in enumerate(wanted)]
    return call("broadcast_to", x, tuple(kept))


@row("expand_as")
def _expand_as(x: Any, other: Any) -> Any:
    return call("broadcast_to", x, other.shape)


@row("sum_to_size")
def _sum_to_size(x: Any, *shape: Any) -> Any:
    wanted = [size_of(one) for one in _sizes(shape)]
    ahead = len(x.sizes) - len(wanted)
    axes = [n for n, size in enumerate(x.sizes) if n >= ahead and wanted[n - ahead] is ONE and size is not ONE]
    total = call("sum", x, axis=tuple(axes), keepdims=True) if axes else x
    return call("sum", total, axis=tuple(range(ahead))) if ahead else total


@row("flatten", "ravel")
def _flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    rank = len(x.sizes)
    start, end = start_dim % rank, end_dim % rank
    return call("reshape", x, (*x.shape[:start], -1, *x.shape[end + 1 :]))


@row("cat", "concat", "concatenate")
def _cat(tensors: Any, dim: int = 0) -> Any:
    return call("concatenate", tensors, dim)


@row("stack")
def _stack(tensors: Any, dim: int = 0) -> Any:
    return call("stack", tensors, dim)


@row("repeat")
def _repeat(x: Any, *counts: Any) -> Any:
    return call("tile", x, _sizes(counts))


@row("unbind")
def _unbind(x: Any, dim: int = 0) -> Any:
    size = x.sizes[dim]
    if not isinstance(size, Num):
        refuse("unbind along an axis of symbolic size")
    axis = dim % len(x.sizes)
    return tuple(call("getitem", x, (*(slice(None),) * axis, k)) for k in range(int(size.value)))


@row("chunk")
def _chunk(x: Any, chunks: int, dim: int = 0) -> Any:
    size, axis = x.sizes[dim], dim % len(x.sizes)
    parts = [call("floor_divide", x.shape[axis], chunks)] * chunks
    if isinstance(size, Num) and int(size.value) % chunks:
        refuse("chunks of different sizes are not covered")
    starts = [call("multiply", k, parts[0]) for k in range(chunks + 1)]
    return tuple(call("getitem", x, (*(slice(None),) * axis, slice(a, b))) for a, b in pairwise(starts))


@row("narrow")
def _narrow(x: Any, dim: int, start: Any, length: Any) -> Any:
    axis = dim % len(x.sizes)
    return call("getitem", x, (*(slice(None),) * axis, slice(start, call("add", start, length))))


@row("select")
def _select(x: Any, dim: int, index: Any) -> Any:
    return call("getitem", x, (*(slice(None),) * (dim % len(x.sizes)), index))


# ------------------------------------------------------------------------------------------- picking by labels


@row("gather", "take_along_dim")
def _gather(x: Any, dim: int, index: Any) -> Any:
    if _index_first(dim):
        dim, index = index, dim
    axis = dim % len(x.sizes)
    if any(n != axis and not same(a, b) for n, (a, b) in enumerate(zip(x.sizes, index.sizes))):
        refuse("gather with fewer rows than there are")
    return call("take_along_axis", x, index, axis)


def _index_first(value: Any) -> bool:
    """Whether the arguments came in the order (x, index, dim)."""
    return isinstance(value, SymbolicArray)


@row("index_select")
def _index_select(x: Any, dim: int, index: Any) -> Any:
    return call("take", x, index, axis=dim)


@row("scatter")
def _scatter(x: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: Any = None) -> Any:
    if reduce not in (None, "add"):
        refuse(f"scatter with reduce={reduce} is not covered")
    return _scattered(x, dim, index, src if value is None else value, adds=reduce == "add")


@row("scatter_add")
def _scatter_add(x: Any, dim: int, index: Any, src: Any) -> Any:
    return _scattered(x, dim, index, src, adds=True)


def _scattered(x: Any, dim: int, index: Any, value: Any, *, adds: bool) -> Any:
    """One entry in each row is set, or added to, at the label of the row."""
    axis, given = dim % len(x.sizes), operand(value)
    rows = all(n == axis or same(a, b) for n, (a, b) in enumerate(zip(x.sizes, index.sizes)))
    if index.sizes[axis] is not ONE or not rows or (given.sizes and not all(same(a, b) for a, b in zip(given.sizes, index.sizes))):
        refuse("scatter of more than one entry in a row is not covered")

    def entry(at: Location) -> Expr:
        row_at = (*at[:axis], ZERO, *at[axis + 1 :])
        here = delta(at[axis], in_range(index.entry(row_at), x.sizes[axis]))
        new = given.entry(row_at if given.sizes else ())
        return add(x.entry(at), mul(here, new)) if adds else choose(here, new, x.entry(at))

    return make(x.sizes, x.kind, entry)


@row("one_hot")
def _one_hot(labels: Any, num_classes: Any = -1) -> Any:
    if isinstance(num_classes, int) and num_classes == -1:
        refuse("one_hot without num_classes depends on data")
    classes = size_of(num_classes)
    return make((*labels.sizes, classes), "int", lambda at: delta(in_range(labels.entry(at[:-1]), classes), at[-1]))


@row("index_add")
def _index_add(x: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> Any:
    out = make(x.sizes, x.kind, x.entry)
    amount = source if alpha == 1 else call("multiply", alpha, source)
    if dim % len(x.sizes):
        refuse("index_add along another axis than the first is not covered")
    call("add.at", out, index, amount)
    return out


