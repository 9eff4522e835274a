"""Loading and storing through masks: a[mask], a[mask] = v, a[i, mask], and sums over what a mask selects."""

from __future__ import annotations

from typing import Any

import numpy as np

from derive.checking.lift.arrays import Operand, Scalar, SymbolicArray, make, operand, shape_text
from derive.checking.lift.elementwise import broadcast
from derive.checking.lift.masked import Masked, MaskIndex, MaskPart, count_of, same_mask
from derive.checking.lift.registry import call, row
from derive.checking.lift.selection import mask_of
from derive.checking.lift.session import bad, refuse
from derive.checking.lift.sizes import same
from derive.checking.lift.storage import Location, choose, guarded
from derive.index import ONE, ZERO, Expr

__all__ = ["frozen", "last", "masked_load", "masked_store", "masked_view"]


def frozen(value: Operand) -> Operand:
    """A copy that later writes cannot change."""
    if isinstance(value, Masked):
        whole = make(value.full, value.kind, value.entry)
        return Masked(value.full, value.kind, whole.entry, value.mask)
    return value if isinstance(value, Scalar) else make(value.sizes, value.kind, value.entry)


def last(value: Operand, at: Location) -> Expr:
    """The entry of a value that is broadcast to `at`; what it has more axes than that are of size 1."""
    width = len(value.sizes)
    return value.entry(at[len(at) - width :] if width <= len(at) else (ZERO,) * (width - len(at)) + at)


def masked_view(a: Any, key: Any, stores: bool) -> tuple[Any, Operand] | None:
    """(the view of `a` whose first axes a mask selects from, the mask), where the key has a mask; None where it has none."""
    items = list(key) if isinstance(key, tuple) else [key]
    if isinstance(key, MaskIndex) or (len(items) == 1 and mask_of(key) is not None):
        return a, frozen(mask_of(key))  # type: ignore[arg-type]
    if items and all(isinstance(item, MaskPart) for item in items):
        masks = [item.mask for item in items]
        if [item.axis for item in items] == list(range(len(masks[0].sizes))) and all(same_mask(mask, masks[0]) for mask in masks):
            return a, frozen(masks[0])
        refuse("positions of different masks are used together")
    places = [place for place, item in enumerate(items) if mask_of(item) is not None or isinstance(item, MaskPart)]
    return None if not places else _beside(a, items, places, stores)


def _beside(a: Any, items: list[Any], places: list[int], stores: bool) -> tuple[Any, Operand]:
    """A mask beside integers and slices."""
    (place, *more) = places
    mask = mask_of(items[place])
    others = items[:place] + items[place + 1 :]
    if more or mask is None or not all(isinstance(item, slice) or _whole(item) for item in others):
        refuse("a mask beside other indices is not covered")
    before = sum(isinstance(item, slice) for item in items[:place])
    if before and not stores:
        refuse("a mask behind a slice is not covered")
    view = call("getitem", a, (*items[:place], *(slice(None),) * len(mask.sizes), *items[place + 1 :]))
    width, rank = len(mask.sizes), len(view.sizes)
    order = [*range(before, before + width), *range(before), *range(before + width, rank)]
    return call("transpose", view, order), frozen(mask)


def _whole(item: Any) -> bool:
    return isinstance(item, (int, np.integer)) and not isinstance(item, (bool, np.bool_))


def _check(a: Operand, mask: Operand) -> None:
    leading = a.sizes[: len(mask.sizes)]
    if len(mask.sizes) > len(a.sizes) or not all(same(u, v) for u, v in zip(leading, mask.sizes)):
        bad(f"a mask of shape {shape_text(mask.sizes)} does not fit an array of shape {shape_text(a.sizes)}")


def masked_load(a: Operand, mask: Operand) -> Masked:
    """a[mask], a copy."""
    _check(a, mask)
    source = frozen(a)
    return Masked(source.sizes, source.kind, source.entry, mask)


def masked_store(a: SymbolicArray, mask: Operand, value: Operand) -> None:
    """a[mask] = value."""
    _check(a, mask)
    value, width = frozen(value), len(mask.sizes)
    if isinstance(value, Masked):
        if len(value.full) != len(a.sizes) or not same_mask(value.mask, mask):
            refuse("a selection by one mask is stored through another")
    else:
        _trailing(value, a, width)
    old = frozen(a)

    def entry(at: Location) -> Expr:
        new = value.entry(at) if isinstance(value, Masked) else last(value, at[width:])
        return choose(mask.entry(at[:width]), new, old.entry(at))

    a.storage.write(a.sizes, a.locate, entry, adds=False)


def _trailing(value: Operand, a: Operand, width: int) -> None:
    """Refuse a value that does not broadcast over the places that the mask selects."""
    rest = a.sizes[width:]
    if any(size is not ONE for size in value.sizes) and (
        len(value.sizes) > len(rest) or not all(map(same, broadcast(value.sizes, rest), rest))
    ):  # fmt: skip
        refuse("an array is stored through a mask")


@row("masked getitem")
def _getitem(a: Masked, key: Any) -> Masked:
    """a[mask][:, key]: the key is for the trailing axes."""
    items = list(key) if isinstance(key, tuple) else [key]
    if not items or not isinstance(items[0], slice) or items[0] != slice(None):
        refuse("an entry of a[mask] depends on data")
    whole = make(a.full, a.kind, a.entry)
    picked = call("getitem", whole, (*(slice(None),) * len(a.mask.sizes), *items[1:]))
    return Masked(picked.sizes, a.kind, picked.entry, a.mask)


@row("masked reduction")
def _reduction(name: str, a: Masked, axis: Any, keepdims: Any) -> Any:
    """A sum or mean over the places that the mask selects, or along a trailing axis."""
    if isinstance(axis, tuple) or keepdims or name not in ("sum", "mean", "any", "all", "max", "min"):
        refuse(f"this {name} of a[mask] is not covered")
    axis = axis if axis is None or axis >= 0 else axis + 1 + len(a.trailing)
    width = len(a.mask.sizes)
    if axis:
        whole = call(name, make(a.full, a.kind, a.entry), axis=width + axis - 1)
        return Masked(whole.sizes, whole.kind, whole.entry, a.mask)
    if name not in ("sum", "mean"):
        refuse(f"the {name} of a[mask] is not covered")
    kind = "int" if a.kind == "bool" else a.kind
    guards = make(a.full, kind, lambda at: guarded(a.mask.entry(at[:width]), a.entry(at)))
    total = call("sum", guards, axis=None if axis is None else tuple(range(width)))
    if name == "sum":
        return total
    count = count_of(a.mask)
    for size in a.shape[1:] if axis is None else ():
        count = call("multiply", count, size)
    return call("divide", total, count)


@row("nonzero")
def _nonzero(mask: Any) -> MaskIndex:
    found = operand(mask)
    return MaskIndex(call("not_equal", found, 0) if found.kind != "bool" else found)


@row("flatnonzero")
def _flatnonzero(mask: Any) -> MaskPart:
    found = _nonzero(mask)
    return found[0] if len(found) == 1 else refuse("flatnonzero of an array with several axes is not covered")
