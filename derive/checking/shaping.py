"""A claimed array beside the true one: as it is, with axes of size 1 dropped, or told that it has another shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from derive.derivation import Argument
from derive.points import Point

__all__ = ["Fit", "aligned", "shape_words"]


@dataclass(frozen=True)
class Fit:
    """A claimed array in the true one's shape.

    Attributes:
        claimed: in the true shape where that can be, else in its own; None where it cannot be compared.
        place: where it is wrong by its shape alone, else None.
        notes: what is to be said about the shape.
    """

    claimed: np.ndarray | None
    place: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()


def aligned(claimed: np.ndarray, true: np.ndarray, arguments: Sequence[Argument], wrt: str | None, point: Point) -> Fit:
    """The claimed array in the shape of the true one.

    Args:
        claimed, true: the two arrays.
        arguments: with their symbolic shapes, for the words.
        wrt: the argument that the gradient is for, or None for a value.
        point: where both were computed.
    """
    if claimed.shape == true.shape:
        return Fit(claimed)
    own, due = shape_words(claimed.shape, point), shape_words(true.shape, point)
    note = f"the gradient has shape {own} where the argument has {due}" if wrt is not None else f"the value has shape {own}, not {due}"
    if _squeezed(claimed) == _squeezed(true):
        return Fit(claimed.reshape(true.shape), None, (note,))
    if claimed.ndim == 2 and claimed.T.shape == true.shape:
        if np.allclose(claimed.T, true, rtol=1e-7, atol=1e-10):
            note += ": it is the transpose of the true gradient"
        n = min(true.shape)
        gap = np.abs(claimed[:n, :n] - true[:n, :n])
        return Fit(claimed, tuple(int(k) for k in np.unravel_index(int(np.argmax(gap)), gap.shape)), (note,))
    return Fit(None, (0,) * true.ndim if true.size else (), (note,))


def _squeezed(array: np.ndarray) -> tuple[int, ...]:
    return tuple(n for n in array.shape if n != 1)


def shape_words(shape: Sequence[int], point: Point) -> str:
    """A shape by the names of its sizes where each is told by its number, such as (d, k)."""
    names = {value: name for name, value in point.sizes.items()}
    told = len(names) == len(point.sizes)
    parts = [names.get(n, str(n)) if told else str(n) for n in shape]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
