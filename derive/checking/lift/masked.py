"""Selections by a mask, a[mask]: as many entries as the mask has ones, so that they have no shape of their own.

Legend: w is the number of axes of the mask, which are the first of the array that was masked; the rest are trailing axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from derive.checking.lift.arrays import Operand, Scalar, dim, shape_text
from derive.checking.lift.choices import alike
from derive.checking.lift.registry import call
from derive.checking.lift.session import new_index, refuse
from derive.checking.lift.sizes import same
from derive.checking.lift.storage import Location
from derive.index import ONE, ZERO, Expr, Index, Sum

__all__ = ["MaskIndex", "MaskPart", "Masked", "count_of", "same_mask"]


def same_mask(one: Operand, other: Operand) -> bool:
    """Whether two masks select the same places."""
    if len(one.sizes) != len(other.sizes) or not all(map(same, one.sizes, other.sizes)):
        return False
    at = tuple(ZERO if size is ONE else new_index(size) for size in one.sizes)
    return alike(one.entry(at)) is alike(other.entry(at))


def count_of(mask: Operand) -> Any:
    """How many places a mask selects."""
    at = tuple(ZERO if size is ONE else new_index(size) for size in mask.sizes)
    bound = tuple(index for index in at if isinstance(index, Index))
    return Scalar(Sum(bound, mask.entry(at)) if bound else mask.entry(at), "int")


class Masked(Operand):
    """`a[mask]`: it can be computed with, summed, or stored through the same mask.

    Attributes:
        full: the sizes of the array that was masked; the first are those of the mask.
    """

    def __init__(self, sizes: Sequence[Expr], kind: str, entry: Callable[[Location], Expr], mask: Operand) -> None:
        self.full, self.kind, self._entry, self.mask = tuple(sizes), kind, entry, mask

    @property
    def sizes(self) -> tuple[Expr, ...]:  # type: ignore[override]  # refuses where the base has a plain attribute
        """None that can be told."""
        refuse("the shape of a[mask] depends on data")

    @property
    def trailing(self) -> tuple[Expr, ...]:
        """The sizes of the axes behind the mask's."""
        return self.full[len(self.mask.sizes) :]

    @property
    def shape(self) -> tuple[Any, ...]:
        """How many places the mask selects, and the trailing sizes."""
        return (count_of(self.mask), *map(dim, self.trailing))

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return 1 + len(self.trailing)

    def entry(self, at: Location) -> Expr:
        """The entry at the indices of the array that was masked."""
        return self._entry(at)

    def changed(self, kind: str, function: Callable[..., Expr], operands: Sequence[Operand]) -> Masked:
        """An elementwise function of selections by this mask, of numbers and of arrays that broadcast to the trailing axes."""
        for one in operands:
            if isinstance(one, Masked):
                if len(one.full) != len(self.full) or not all(map(same, one.full, self.full)):
                    refuse("arithmetic between selections of different shapes")
                if not same_mask(self.mask, one.mask):
                    refuse("arithmetic between selections by two different masks")
            elif one.sizes and not self._broadcasts(one.sizes):
                refuse(f"arithmetic between a[mask] and an array of shape {shape_text(one.sizes)}")

        def entry(at: Location) -> Expr:
            return function(*(one.entry(at if isinstance(one, Masked) else at[len(at) - len(one.sizes) :]) for one in operands))

        return Masked(self.full, kind, entry, self.mask)

    def _broadcasts(self, sizes: Sequence[Expr]) -> bool:
        own = self.trailing[len(self.trailing) - len(sizes) :] if len(sizes) <= len(self.trailing) else ()
        return len(own) == len(sizes) and all(size is ONE or same(size, other) for size, other in zip(sizes, own))

    def __getitem__(self, key: Any) -> Any:
        return call("masked getitem", self, key)


class MaskIndex:
    """What `np.nonzero(mask)` gives: a tuple of the positions, usable as a key and taken apart, and for nothing else."""

    def __init__(self, mask: Operand) -> None:
        self.mask = mask

    def __iter__(self) -> Any:
        return iter([MaskPart(self.mask, axis) for axis in range(len(self.mask.sizes))])

    def __len__(self) -> int:
        return len(self.mask.sizes)

    def __getitem__(self, axis: int) -> MaskPart:
        return list(self)[axis]


class MaskPart:
    """The positions along one axis at which a mask holds."""

    def __init__(self, mask: Operand, axis: int) -> None:
        self.mask, self.axis = mask, axis

    @property
    def size(self) -> Any:
        """How many there are."""
        return count_of(self.mask)

    @property
    def shape(self) -> tuple[Any, ...]:
        """How many there are, as a shape."""
        return (self.size,)

    def lift_operand(self) -> Any:
        """Refuse."""
        refuse("the positions where a mask holds depend on data")

    __iter__ = __len__ = __getitem__ = lift_operand
