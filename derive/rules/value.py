"""Arrays while they are read: a shape, and a function from indices to a scalar expression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from derive.index import Expr, Index, Num, num

__all__ = ["LETTERS", "Value", "index_letters", "indices_for", "is_one", "letter_for", "scalar"]

# The letters that indices over a size of this name are shown with, in order of preference.
LETTERS = {"m": "ijl", "n": "ijl", "N": "ijl", "M": "ijl", "batch": "ijl", "B": "ijl", "d": "abq", "D": "abq", "f": "abq",
           "features": "abq", "k": "cbg", "K": "cbg", "C": "cbg", "c": "cbg", "classes": "cbg", "h": "rsu", "H": "rsu", "hidden": "rsu",
           "l": "jst", "L": "jst", "t": "tsu", "T": "tsu", "e": "vwu", "p": "qvw"}
_POOL = "ijklabcrstuvnqgw"


@dataclass(frozen=True)
class Value:
    """An array: its symbolic shape, its entry at given indices, and its kind ('float', 'int' or 'bool').

    At an axis of size 1 the index that is passed in is 0.
    """

    shape: tuple[Expr, ...]
    at: Callable[..., Expr]
    kind: str = "float"


def scalar(u: Expr, kind: str = "float") -> Value:
    """A scalar as an array without axes."""
    return Value((), lambda: u, kind)


def is_one(size: Expr) -> bool:
    """Whether the axis has the concrete size 1."""
    return isinstance(size, Num) and size.value == 1


def index_letters(size: Expr, taken: set[str]) -> str:
    """A letter for an index over this size that is not taken."""
    preferred = LETTERS.get(size.args[0], "") if size.args and isinstance(size.args[0], str) else ""
    return next((letter for letter in preferred + _POOL if letter not in taken), "i")


def letter_for(size: Expr) -> str:
    """The first choice of a letter for an index over this size."""
    return index_letters(size, set())


def indices_for(shape: Sequence[Expr], reserved: set[str]) -> tuple[tuple[Index, ...], tuple[Expr, ...]]:
    """One index for each axis of size other than 1, and the full list of indices with 0 at the axes of size 1."""
    taken = set(reserved)
    indices: list[Index] = []
    full: list[Expr] = []
    for size in shape:
        if is_one(size):
            full.append(num(0))
            continue
        letter = index_letters(size, taken)
        taken.add(letter)
        index = Index(letter, size, 0)
        indices.append(index)
        full.append(index)
    return tuple(indices), tuple(full)
