"""Handwritten code that takes its parameters as a tree of arrays, or returns gradients as one, as code of single arrays."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import jax

from derive.checking.adapters import on_arrays
from derive.checking.arguments import matched, parameters_of
from derive.derivation import Argument
from derive.errors import BadInput
from derive.trace.trees import Tree

__all__ = ["asked", "taken_apart"]

Trees = Mapping[str, Tree]


def taken_apart(function: Callable[..., Any], trees: Trees, arguments: Sequence[Argument], fixed: Collection[str],
                role: str = "whole") -> tuple[Any, dict[str, str]]:
    """The function as one of arrays, and how the user's code calls each array that comes out of a tree.

    Args:
        function: the user's.
        trees: by the reference's argument.
        arguments: of the reference, each array in a tree for itself.
        fixed: parameters that are given otherwise.
        role: 'forward' or 'backward' of a pair, or 'whole'.
    """
    if not trees:
        return function, {}
    parameters = parameters_of(function)
    own = {} if _takes_arrays(parameters, trees) else _trees_of(function, trees, arguments, fixed, role)
    first = [name for name, p in parameters.items() if p.kind is p.POSITIONAL_ONLY]
    told = _as_it_is if role == "forward" else functools.partial(_by_name, trees=tuple(trees.values()))
    run = functools.wraps(function)(on_arrays(function, own, first, told))
    leaves = [(name, p.default) for name, p in parameters.items() if name not in own]
    leaves = [(leaf, inspect.Parameter.empty) for tree in own.values() for leaf in tree.packed.reach] + leaves
    keyword = inspect.Parameter.KEYWORD_ONLY
    run.__signature__ = inspect.Signature([inspect.Parameter(name, keyword, default=value) for name, value in leaves])  # type: ignore[attr-defined]
    return run, {leaf: text for tree in own.values() for leaf, text in tree.packed.reach.items()}


def asked(trees: Trees, arguments: Sequence[Argument], wrt: str | int) -> list[str]:
    """The arrays that `wrt` means: a tree stands for its float arrays, a number for the argument at that place."""
    within = {leaf: name for name, tree in trees.items() for leaf in tree.packed.reach}
    whole = list(dict.fromkeys(within.get(a.name, a.name) for a in arguments if a.name != "dout"))
    name = whole[wrt] if isinstance(wrt, int) and not isinstance(wrt, bool) and -len(whole) <= wrt < len(whole) else wrt
    kinds = {a.name: a.kind for a in arguments}
    return [leaf for leaf in trees[name].packed.reach if kinds[leaf] == "float"] if name in trees else [name]  # type: ignore[index, list-item]


def _takes_arrays(parameters: Collection[str], trees: Trees) -> bool:
    """Whether the arrays are parameters themselves."""
    return all(leaf in parameters for tree in trees.values() for leaf in tree.packed.reach)


def _trees_of(function: Callable[..., Any], trees: Trees, arguments: Sequence[Argument], fixed: Collection[str], role: str) -> dict[str, Tree]:
    """The trees that the function takes, by its own parameters; a backward pass has them under the same name or not at all."""
    if role == "backward":
        return {name: tree for name, tree in trees.items() if name in parameters_of(function)}
    within = {leaf: name for name, tree in trees.items() for leaf in tree.packed.reach}
    whole = [Argument(name, (), "tree") for name in dict.fromkeys(within.get(a.name, a.name) for a in arguments if a.name != "dout")]
    try:
        names = matched(function, whole, fixed)
    except BadInput:
        names = {name: name for name in trees if name in parameters_of(function)}
    return {names[name]: tree.called(names[name]) for name, tree in trees.items() if name in names}


# ------------------------------------------------------------------------------------------- what is returned


def _as_it_is(returned: Any) -> Any:
    return returned


def _by_name(returned: Any, trees: Sequence[Tree], outer: bool = True) -> Any:
    """The same with gradients by the names of arrays where a tree of them is returned.

    A plain tuple is a tree of gradients only inside of what is returned, as (loss, gradient) is one too.
    """
    plain = type(returned) in (tuple, list)
    if not (outer and plain and not (returned and isinstance(returned[0], (tuple, list, dict)))):
        for tree in trees:
            leaves, structure = jax.tree_util.tree_flatten(returned)
            if structure == tree.structure and not jax.tree_util.treedef_is_leaf(structure):
                return {name: leaf for name, leaf in zip(tree.leaves, leaves) if name is not None}
    if plain:
        return type(returned)(_by_name(part, trees, False) for part in returned)
    if not isinstance(returned, Mapping):
        return returned
    named = {key: _by_name(part, trees, False) for key, part in returned.items()}
    whole = {name: part for part in named.values() if isinstance(part, dict) for name, part in part.items()}
    return {**{key: part for key, part in named.items() if not isinstance(part, dict)}, **whole}
