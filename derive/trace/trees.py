"""Functions whose arguments are trees of arrays, or whose shapes are given by examples, as functions of arrays with symbolic shapes.

What a shape may be, in `shapes=`:

* a string of sizes, such as "m d" or "int m"; a number or a tuple of numbers is one too;
* an example: an array, a float or a `jax.ShapeDtypeStruct`.  Each length other than 1 becomes a symbolic size, the same one wherever it occurs, so
  that the result holds for all sizes in that pattern;
* a tree of these, as `jax.tree_util` has them: dicts, lists and tuples of strings, named tuples, registered dataclasses and modules.  What is
  no shape and no array in a tree, such as a function, keeps its value.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from derive.derivation import Argument, Assumption, Packed, Source
from derive.errors import BadInput, DeriveError
from derive.trace.captured import arrays_of, shape_texts, with_arrays, worth_a_name
from derive.trace.examples import annotated_trees, is_example, is_shape, letters_for, text_of, words_in
from derive.trace.leaves import has_word, names_of, reach_of
from derive.trace.names import first_names
from derive.trace.shapes import Shapes, annotated_shapes, argument_names, argument_shapes, by_name, call, name_of, place_of, plain_of

__all__ = ["Flat", "Form", "Tree", "formed", "notes_of", "packed_in", "source_of", "with_own_arrays"]

_LEAF: Any = jax.tree_util.tree_structure(0)


@dataclass(frozen=True)
class Tree:
    """An argument that is a tree of arrays.

    Attributes:
        packed: its name, and how each array in it is reached.
        structure: of the tree.
        leaves: for each leaf the name that it has as an argument, or None where it keeps its value.
        values: the leaves that keep their value, None elsewhere.
    """

    packed: Packed
    structure: Any
    leaves: tuple[str | None, ...]
    values: tuple[Any, ...]

    def built(self, arrays: Mapping[str, Any]) -> Any:
        """The tree with these arrays, by the names of its leaves."""
        return self.filled([value if name is None else arrays[name] for name, value in zip(self.leaves, self.values)])

    def called(self, name: str) -> Tree:
        """The same tree as an argument of another name."""
        reach = {leaf: re.sub(rf"\b{re.escape(self.packed.name)}\b", name, text, count=1) for leaf, text in self.packed.reach.items()}
        return replace(self, packed=Packed(name, reach))

    def filled(self, leaves: Iterable[Any]) -> Any:
        """The tree with these leaves, in order."""
        return jax.tree_util.tree_unflatten(self.structure, list(leaves))


class Flat:
    """The user's function as a function of arrays, by name.

    Args:
        function: the user's.
        trees: by its own argument.
        note: what is to be said of the sizes; may be empty.
        own: arrays that it uses without taking them, with where they are, by name.
    """

    def __init__(self, function: Callable[..., Any], trees: Mapping[str, Tree], note: str,
                 own: Mapping[str, tuple[tuple[Any, ...], Any]] = MappingProxyType({})) -> None:
        self.function = self.__wrapped__ = function
        self.trees, self.note, self.own = trees, note, own
        self.packed = tuple(tree.packed for tree in trees.values())
        names = [leaf for name in argument_names(function) for leaf in (trees[name].packed.reach if name in trees else [name])]
        optional = {name: None for name, left_out in argument_names(function).items() if left_out and name not in trees}
        names += [name for name in own if name not in names]
        self.__signature__ = inspect.Signature([
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=optional.get(name, inspect.Parameter.empty)) for name in names])

    def __call__(self, **arrays: Any) -> Any:
        """The value of the user's function, with the trees put together."""
        leaves = {leaf for tree in self.trees.values() for leaf in tree.packed.reach}
        whole = {name: tree.built(arrays) for name, tree in self.trees.items()}
        inside = {path: arrays[name] for name, (path, _) in self.own.items() if path}
        left = {name: value for name, value in arrays.items() if name not in leaves and not (name in self.own and self.own[name][0])}
        return call(with_arrays(self.function, inside), {**whole, **left})


@dataclass(frozen=True)
class Form:
    """A function of arrays, with their shapes as strings.

    Attributes:
        function: takes each leaf of a tree as an argument of its own.
        shapes: of its arguments, as strings; None where the annotations are to be read.
        trees: by the user's argument.
        numbers: the same to be tried next: with the lengths of the examples as they are, and tuples of sizes as shapes; may be None.
    """

    function: Callable[..., Any]
    shapes: Shapes
    trees: Mapping[str, Tree] = field(default_factory=dict)
    numbers: Form | None = None

    @property
    def own(self) -> dict[str, Any]:
        """The arrays that the function uses without taking them, by name."""
        return {name: value for name, (_, value) in self.function.own.items()} if isinstance(self.function, Flat) else {}

    @property
    def whole(self) -> Callable[..., Any]:
        """The user's own function."""
        return self.function.function if isinstance(self.function, Flat) else self.function


def formed(function: Callable[..., Any], shapes: Any) -> Form:
    """A function and the shapes of its arguments, with trees taken apart and examples read.

    Args:
        function: the user's function.
        shapes: a mapping from argument name to a shape, a sequence of shapes in the order of the arguments, or None.

    Raises:
        BadInput: a shape is for an unknown argument, or is no shape.
    """
    if isinstance(function, Flat) or isinstance(shapes, str):
        return Form(function, shapes)
    trees_told = annotated_trees(function)
    if shapes is None and not trees_told:
        return Form(function, shapes)
    given = {**trees_told, **by_name(shapes, argument_names(function), place_of(function))}
    given = {name: str(spec) if type(spec) is int else spec for name, spec in given.items()}
    if all(isinstance(text, str) for text in given.values()):
        return Form(function, given)
    kept = [leaf for spec in given.values() for leaf in jax.tree_util.tree_leaves(spec, is_leaf=is_shape)]
    lengths = list(dict.fromkeys(n for leaf in kept if is_example(leaf) for n in np.shape(leaf) if n != 1))
    trees = _named(function, given)
    leaves = {leaf for tree in trees.values() for leaf in tree.packed.reach}
    letters = letters_for(lengths, leaves | given.keys() | argument_names(function).keys() | words_in(kept))
    note = "" if not letters else (", ".join(f"{letter} = {n}" for n, letter in letters.items())
                                   + " in the examples that were given; axes of equal length there are of equal size")
    joined = {name: " ".join(spec) if _is_words(spec) else spec for name, spec in given.items()}
    numbers = formed(function, joined) if any(map(_is_words, given.values())) else None if not letters else _form(
        function, given, trees, {}, "the sizes are those of the examples that were given")
    return _form(function, given, trees, letters, note, numbers)


def _is_words(spec: Any) -> bool:
    """Whether it is a tuple of single sizes, which is taken for one shape where it does not do as a tree of vectors."""
    return type(spec) in (tuple, list) and bool(spec) and all(isinstance(part, str) and len(part.split()) == 1 for part in spec)


def _form(function: Callable[..., Any], given: Mapping[str, Any], trees: Mapping[str, Tree], letters: Mapping[int, str], note: str,
          numbers: Form | None = None) -> Form:
    texts: dict[str, str] = {}
    for name, spec in given.items():
        if name in trees:
            found = jax.tree_util.tree_leaves(spec, is_leaf=is_shape)
            texts |= {leaf: text_of(one, letters) for leaf, one in zip(trees[name].leaves, found) if leaf is not None}
        elif is_shape(spec):
            texts[name] = text_of(spec, letters)
        else:
            raise BadInput(f"The shape of {name!r} is {spec!r}, which is no shape.", place=place_of(function),
                           hint='Give a string of sizes such as "m d", an example array, or a tree of these.')
    flat = Flat(function, trees, note)
    return Form(flat, texts, trees, numbers)


def with_own_arrays(form: Form, names: Collection[str] | None = None) -> Iterator[Form]:
    """The function with the arrays that it uses without taking them as further arguments, the shapes written in one way after another.

    Args:
        form: the function.
        names: those of them that count; None is all of them, if one is more than a short list of numbers.
    """
    texts = dict(form.shapes) if isinstance(form.shapes, Mapping) else annotated_shapes(form.whole)
    own = {name: found for name, found in arrays_of(form.whole).items() if name not in texts and (names is None or name in names)}
    arrays = {name: value for name, (_, value) in own.items()}
    if not arrays or (names is None and not worth_a_name(arrays)):
        return
    words = [word for text in texts.values() for word in text.split() if word not in ("int", "bool", "float")]
    letters = letters_for(range(len(arrays) * 8), {*texts, *words, *arrays, *argument_names(form.whole)})
    note = (f"{', '.join(own)}: arrays that the function uses without taking them; the result holds for any others, "
            "axes of equal length being of equal size")
    flat = Flat(form.whole, form.trees, "; ".join(filter(None, (getattr(form.function, "note", ""), note))), own)
    for shapes in shape_texts(arrays, words, list(letters.values())):
        yield Form(flat, {**texts, **shapes}, form.trees)


def source_of(function: Callable[..., Any], arguments: tuple[Argument, ...]) -> Source:
    """The user's function as text."""
    try:
        text = textwrap.dedent(inspect.getsource(plain_of(function)))
    except (OSError, TypeError):
        text = ""
    return Source(name_of(function), text, place_of(function), arguments, packed_in(function))


def packed_in(function: Callable[..., Any]) -> tuple[Packed, ...]:
    """Which arguments of a function come out of a tree."""
    return function.packed if isinstance(function, Flat) else ()


def notes_of(function: Callable[..., Any]) -> tuple[Assumption, ...]:
    """What is said of the sizes of examples."""
    return (Assumption(function.note),) if isinstance(function, Flat) and function.note else ()


# ------------------------------------------------------------------------------------------- trees


def _named(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Tree]:
    """The arguments that are trees; an array that has a number for a key is called what the function itself calls it."""
    trees = _trees(function, given, {})
    if all(has_word(path) for _, path in _paths(_flattened(given))):
        return trees
    form = _form(function, given, trees, {}, "")
    try:
        found = first_names(form.function, argument_shapes(form.function, form.shapes))
    except DeriveError:
        return trees
    return _trees(function, given, found)


def _flattened(given: Mapping[str, Any]) -> dict[str, tuple[list[tuple[Any, Any]], Any]]:
    """(path, leaf) pairs and the structure, for each argument that is a tree."""
    flat = {name: jax.tree_util.tree_flatten_with_path(spec, is_leaf=is_shape) for name, spec in given.items() if not is_shape(spec)}
    return {name: found for name, found in flat.items() if found[1] != _LEAF}


def _paths(flat: Mapping[str, tuple[list[tuple[Any, Any]], Any]]) -> list[tuple[str, Any]]:
    return [(name, path) for name, (leaves, _) in flat.items() for path, leaf in leaves if is_shape(leaf)]


def _trees(function: Callable[..., Any], given: Mapping[str, Any], called: Mapping[str, str]) -> dict[str, Tree]:
    """The arguments that are trees, by name; `called` has other words for leaves, by the names that they have without it."""
    flat = _flattened(given)
    taken = argument_names(function).keys()
    plain = list(names_of(_paths(flat), taken))
    names = iter(names_of(_paths(flat), taken, [called.get(name, "") for name in plain]))
    out = {}
    for name, (leaves, structure) in flat.items():
        named = [next(names) if is_shape(leaf) else None for _, leaf in leaves]
        reach = {leaf: reach_of(name, path, place) for place, (leaf, (path, _)) in enumerate(zip(named, leaves)) if leaf is not None}
        out[name] = Tree(Packed(name, reach), structure, tuple(named), tuple(None if is_shape(leaf) else leaf for _, leaf in leaves))
    return out
