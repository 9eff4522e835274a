"""Shapes given as strings, as tuples of numbers, by an example, or by the annotations of a class."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from derive.trace.shapes import annotation_text, annotations_of, plain_of

__all__ = ["annotated_trees", "is_example", "is_shape", "letters_for", "text_of", "words_in"]

_LETTERS = ("m", "d", "k", "n", "h", "p", "q", "r", "s", "t", "u", "v")


def is_example(spec: Any) -> bool:
    """An array, or something that has a shape and a type of numbers like one; a float."""
    if not (hasattr(spec, "shape") and hasattr(spec, "dtype")):
        return type(spec) is float
    try:
        return np.dtype(spec.dtype).kind in tuple("biufV")
    except TypeError:
        return False


def is_shape(spec: Any) -> bool:
    """Whether something is the shape of one array, and no tree: a tuple is where a number is in it and all else are numbers or words."""
    if isinstance(spec, str) or is_example(spec):
        return True
    if type(spec) not in (tuple, list):
        return False
    whole = all(isinstance(part, (int, str, np.integer)) and not isinstance(part, bool) for part in spec)
    return whole and not (spec and all(isinstance(part, str) for part in spec))


def text_of(spec: Any, letters: Mapping[int, str]) -> str:
    """The shape as a string of sizes."""
    if isinstance(spec, str):
        return spec
    if isinstance(spec, (tuple, list)):
        return " ".join(map(str, spec))
    kind = "float" if type(spec) is float else {"b": "bool", "i": "int", "u": "int"}.get(np.dtype(spec.dtype).kind, "float")
    return " ".join([kind, *(letters.get(n, str(n)) for n in np.shape(spec))])


def letters_for(lengths: Sequence[int], taken: Collection[str]) -> dict[int, str]:
    """A name of a size for each length."""
    free = [letter for letter in (*_LETTERS, *(f"n{k}" for k in range(1, 1000))) if letter not in taken]
    return dict(zip(lengths, free))


def words_in(specs: Iterable[Any]) -> set[str]:
    """The words in what is given as strings, sizes among them."""
    return {word for spec in specs if not hasattr(spec, "shape") for word in re.findall(r"\w+", str(spec))}


def annotated_trees(function: Callable[..., Any]) -> dict[str, Any]:
    """For each parameter annotated by a tuple, named tuple, dataclass or typed dict of annotated arrays, that tree with shapes for arrays."""
    found = {name: _tree_of(hint) for name, hint in annotations_of(plain_of(function)).items() if name != "return"}
    return {name: tree for name, tree in found.items() if tree is not None}


def _tree_of(hint: Any) -> Any:
    if typing.get_origin(hint) is tuple:
        inner = [annotation_text(one) or _tree_of(one) for one in typing.get_args(hint)]
        return tuple(inner) if inner and None not in inner else None
    record = isinstance(hint, type) and (dataclasses.is_dataclass(hint) or hasattr(hint, "_fields") or typing.is_typeddict(hint))
    if not record or hasattr(hint, "dim_str"):
        return None
    parts = {name: annotation_text(one) or _tree_of(one) for name, one in annotations_of(hint).items()}
    return hint(**parts) if parts and None not in parts.values() else None
