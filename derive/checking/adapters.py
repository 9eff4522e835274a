"""Somebody's functions as one function of the reference's arguments: renamed, in another layout, or a forward and a backward pass joined.

What is built here is plain Python and NumPy, so that it runs on numbers and on formulas alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Layout", "called", "encoded", "joined", "on_arrays"]

Function = Callable[..., Any]


_WORDS = {"transposed": "is given transposed", "one-hot": "is given as one-hot rows", "signs": "is −1 and +1 for the labels 0 and 1",
          "binary": "is 0 or 1"}


@dataclass(frozen=True)
class Layout:
    """How the handwritten code wants an argument that the reference has otherwise.

    Attributes:
        kind: 'transposed'; 'one-hot', a row of zeros with a 1 at the label; 'signs', −1 and +1 for the labels 0 and 1; 'binary', the labels 0
            and 1 as they are.
        width: for one-hot, the argument and the axis whose size is the number of classes.
    """

    kind: str
    width: tuple[str, int] = ("", 0)

    @property
    def words(self) -> str:
        """What the code is given, to read after the parameter's name."""
        return _WORDS[self.kind]


def encoded(value: Any, layout: Layout | None, arguments: Mapping[str, Any]) -> Any:
    """An argument in the layout that the code wants."""
    if layout is None or layout.kind == "binary":
        return value
    if layout.kind == "transposed":
        return value.T
    if layout.kind == "signs":
        return np.where(value > 0, 1.0, -1.0)
    name, axis = layout.width
    return (value[..., None] == np.arange(arguments[name].shape[axis])).astype(float)


def called(function: Function, names: Mapping[str, str], first: Sequence[str], layouts: Mapping[str, Layout], fixed: Mapping[str, Any],
           split: Function) -> Function:
    """The user's function with the reference's names, as (value, {argument: gradient}).

    Args:
        function: the user's.
        names: its parameter for each argument.
        first: its positional-only parameters, in order.
        layouts: for arguments that it wants otherwise.
        fixed: further parameters, passed as they are.
        split: from what it returns to (value, {argument: gradient}).
    """

    def run(**arguments: Any) -> Any:
        given = dict(fixed)
        for name, value in arguments.items():
            if name in names:
                given[names[name]] = encoded(value, layouts.get(name), arguments)
        leading = [given.pop(name) for name in first]
        value, gradients = split(function(*leading, **given))
        turned = [name for name in gradients if name in layouts and layouts[name].kind == "transposed"]
        return value, {**gradients, **{name: gradients[name].T for name in turned}}

    return run


def joined(forward: Function, backward: Function, into_forward: Mapping[str, str], into_backward: Mapping[str, str], incoming: str,
           caches: Sequence[str], fixed: Mapping[str, Any]) -> Function:
    """A forward and a backward pass as one function of the arguments and of `dout`, which returns (out, gradients).

    Args:
        into_forward, into_backward: the parameter of each for each argument that it takes.
        incoming: the backward pass's parameter for the incoming gradient.
        caches: its parameters that the forward pass hands over, in order.
        fixed: further parameters, passed as they are to whichever takes them.
    """

    def run(**arguments: Any) -> Any:
        extra, more = fixed["forward"], fixed["backward"]
        returned = forward(**{into_forward[name]: arguments[name] for name in into_forward}, **extra)
        out, cache = (returned[0], list(returned[1:])) if isinstance(returned, (tuple, list)) else (returned, [])
        given = {into_backward[name]: arguments[name] for name in into_backward}
        given[incoming] = arguments["dout"]
        for name, part in zip(caches, _handed_over(caches, out, cache)):
            given[name] = part
        return out, backward(**given, **more)

    return run


def on_arrays(function: Function, trees: Mapping[str, Any], first: Sequence[str], by_name: Function) -> Function:
    """A function of trees of arrays as one of the arrays in them.

    Args:
        function: the user's.
        trees: a `Tree` for each parameter that is one.
        first: the user's positional-only parameters, in order.
        by_name: from what the user returns to the same with gradients by the names of arrays in the place of trees.
    """

    def run(**arguments: Any) -> Any:
        given = dict(arguments)
        for name, tree in trees.items():
            given[name] = tree.built({leaf: given.pop(leaf) for leaf in tree.packed.reach})
        return by_name(function(*[given.pop(name) for name in first], **given))

    return run


def _handed_over(caches: Sequence[str], out: Any, cache: list[Any]) -> list[Any]:
    """What the backward pass gets for these parameters: the cache, in one piece or in parts, after the value where it asks for one more."""
    if len(caches) == len(cache):
        return cache
    return [out, *cache] if len(caches) == len(cache) + 1 else [cache]
