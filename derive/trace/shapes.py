"""Symbolic shapes: from jaxtyping annotations or `shapes=`, through JAX's symbolic dimensions, to sizes in index expressions."""

from __future__ import annotations

import functools
import inspect
import itertools
import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from derive.derivation import Argument
from derive.errors import BadInput, DeriveError, NotYet, Place
from derive.index import Expr, Size, size_names, substitute
from derive.rules.sizes import size

__all__ = ["Shapes", "annotated_shapes", "annotation_text", "annotations_of", "argument_names", "argument_shapes", "by_name", "call", "name_of",
           "place_of", "plain_of"]

Shapes = Mapping[str, Any] | Sequence[Any] | None
_KINDS = {"int": "int", "bool": "bool", "float": "float"}
_ANNOTATION = re.compile(r"(\w*)\[[^\"']*[\"']([^\"']*)[\"']\s*\]$")


def plain_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The Python function under decorators, partial applications and callable objects, as far as it can be told."""
    while True:
        function = inspect.unwrap(function)
        if isinstance(function, functools.partial):
            function = function.func
        elif not hasattr(function, "__code__") and hasattr(type(function).__call__, "__code__"):
            function = type(function).__call__
        else:
            return function


def name_of(function: Callable[..., Any]) -> str:
    """What a function is called: by its own name, a callable object by its class's; f where it has none."""
    name = getattr(plain_of(function), "__name__", "")
    if name == "__call__":
        under = inspect.unwrap(function)
        name = type(under.func if isinstance(under, functools.partial) else under).__name__
    return name if name.isidentifier() else "f"


def place_of(function: Callable[..., Any]) -> Place | None:
    """Where a function is defined."""
    code = getattr(plain_of(function), "__code__", None)
    return None if code is None else Place(code.co_filename, code.co_firstlineno)


def call(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """Call a function with arguments by name: in their place as long as none is left out, as some wrappers take no keywords."""
    parameters = inspect.signature(function).parameters
    placed = itertools.takewhile(lambda p: p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.name in values, parameters.values())
    first = [p.name for p in placed]
    first += [name for name, p in parameters.items() if p.kind is p.POSITIONAL_ONLY and name in values and name not in first]
    return function(*(values[name] for name in first), **{name: value for name, value in values.items() if name not in first})


def argument_shapes(function: Callable[..., Any], shapes: Shapes) -> tuple[Argument, ...]:
    """The arguments of a function with their symbolic shapes.

    Args:
        function: the user's function.
        shapes: a mapping from argument name to a jaxtyping-style string, led by `int` or `bool` where it is not a float array
            (`"int m"`), or a sequence in the order of the arguments; None to read the annotations.  An argument that has a default
            keeps it where neither this nor an annotation of its shape speaks of it.

    Raises:
        BadInput: a shape is missing, is for an unknown argument, or cannot be read.
    """
    names = argument_names(function)
    place = place_of(function)
    given = by_name(shapes, names, place)
    annotated = annotated_shapes(function)
    arguments = []
    for name, optional in names.items():
        text = given.get(name, annotated.get(name))
        if optional and name not in given and _keeps_default(text, shapes):
            continue
        if text is None:
            raise BadInput(f"The shape of the argument {name!r} is not known.", place=place,
                           hint=f'Annotate it, {name}: Float[Array, "m d"], or pass shapes={{"{name}": "m d", …}} ("" is a scalar).')
        arguments.append(_argument(name, text, place))
    return _apart(tuple(arguments))


def _keeps_default(text: str | None, shapes: Shapes) -> bool:
    """Whether an argument that has a default, and the annotation `text`, stays as it is: a whole number such as an axis, and what is not named."""
    return text is None or text == "int" or (text == "float" and shapes is not None)


def _apart(arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
    """A size that has the name of an argument is called n_ and that name, so that the two cannot be mistaken."""
    names = {a.name for a in arguments}
    sizes: set[str] = set().union(*(size_names(part) for a in arguments for part in a.shape))
    renamed: dict[Expr, Expr] = {Size(name): Size("n_" + name) for name in sizes & names}
    if not renamed:
        return arguments
    return tuple(Argument(a.name, tuple(substitute(part, renamed) for part in a.shape), a.kind) for a in arguments)


def argument_names(function: Callable[..., Any]) -> dict[str, bool]:
    """The names of the arguments, and whether each may be left out."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise BadInput(f"{function!r} is not a function with a readable signature.", hint="Pass a plain Python function.") from error
    named = {p.name: p.default is not p.empty for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    if not named and parameters:
        raise NotYet(f"The argument {next(iter(parameters))} takes any number of values.", place=place_of(function),
                     hint="Name the arguments: lambda x, y: f(x, y).")
    return named


def by_name(shapes: Shapes, names: Iterable[str], place: Place | None) -> dict[str, Any]:
    """The shapes by argument name, where they may be given in the order of the arguments.

    Raises:
        BadInput: there are more than arguments, or one is for no argument.
    """
    names = list(names)
    if shapes is None:
        return {}
    if isinstance(shapes, str):
        raise BadInput(f"shapes={shapes!r} is one string.", hint="Give a mapping from argument name to shape, or one string per argument.")
    if not isinstance(shapes, Mapping):
        if len(shapes) > len(names):
            raise BadInput(f"shapes= has {len(shapes)} entries for {len(names)} arguments.", place=place)
        shapes = dict(zip(names, shapes))
    for name in shapes:
        if name not in names:
            raise BadInput(f"shapes= names {name!r}, which is no argument; the arguments are {', '.join(names)}.", place=place)
    return dict(shapes)


def annotated_shapes(function: Callable[..., Any]) -> dict[str, str]:
    """The shapes that jaxtyping annotations (or `float`, `int`) give, by argument name; the others are left out."""
    found = {}
    for name, hint in annotations_of(plain_of(function)).items():
        text = annotation_text(hint)
        if text is not None:
            found[name] = text
    return found


def annotations_of(annotated: Any) -> dict[str, Any]:
    """The annotations of a function or a class by name, as objects where they can be evaluated."""
    try:
        return typing.get_type_hints(annotated, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError):
        return dict(getattr(annotated, "__annotations__", {}))


def annotation_text(hint: Any) -> str | None:
    """The shape of a jaxtyping annotation, as an object or as the text that `from __future__ import annotations` leaves."""
    if isinstance(hint, str):
        match = _ANNOTATION.search(hint.strip())
        return None if match is None else f"{_kind_of(match[1])} {match[2]}"
    if hasattr(hint, "dim_str") and hasattr(hint, "dtypes"):
        kinds = hint.dtypes if isinstance(hint.dtypes, (list, tuple)) else [hint.__name__]
        return f"{_kind_of(str(kinds[0]) if kinds else hint.__name__)} {hint.dim_str}"
    return "float" if hint is float else "int" if hint is int else None


def _kind_of(word: str) -> str:
    word = word.lower()
    return "int" if "int" in word else "bool" if "bool" in word else "float"


def _argument(name: str, text: str, place: Place | None) -> Argument:
    if not isinstance(text, str):
        text = " ".join(map(str, text)) if isinstance(text, Sequence) else str(text)
    words = text.replace(",", " ").split()
    kind = _KINDS.get(words[0]) if words else None
    dims = words[1:] if kind else words
    try:
        return Argument(name, tuple(size(word) for word in dims), kind or "float")
    except DeriveError as error:
        raise BadInput(f"The shape {text!r} of the argument {name!r} cannot be read: {error.met}", place=place,
                       hint='A shape is a string of sizes, such as "m d", "m 3", "n+1" or "int m".') from error
