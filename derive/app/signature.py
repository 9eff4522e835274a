"""What the command line says about arguments: shapes, the argument that is meant, and values that are fixed."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any

from derive.errors import BadInput
from derive.trace.shapes import place_of

__all__ = ["parse_fixed", "parse_shapes", "parse_wrt", "words_of"]

_FORM = "Write --shapes 'W=d k; X=m d; y=int m; lam=': sizes by name, led by int or bool, nothing for a single number."


def parse_shapes(text: str | None) -> dict[str, Any]:
    """The mapping that 'W=d k; X=m d; y=int m; lam=' means; 'params.W=d k; params.b=k' is one of a dict, and 'layers.0.W=d h' of a list.

    Raises:
        BadInput: a part is not of the form name=shape, or names an argument twice.
    """
    shapes: dict[str, str] = {}
    for part in (text or "").split(";"):
        name, equals, shape = (piece.strip() for piece in part.partition("="))
        if not name and not equals:
            continue
        if not re.fullmatch(r"[^\W\d]\w*(\.\w+)*", name) or not equals or "=" in shape or name in shapes:
            why = "is there twice" if name in shapes else "is not of the form name=shape"
            raise BadInput(f"In --shapes {text!r}, {part.strip()!r} {why}.", hint=_FORM)
        shapes[name] = shape
    tree: dict[str, Any] = {}
    for name, shape in shapes.items():
        _put(tree, name.split("."), shape, f"In --shapes {text!r}, {name!r}")
    return {name: _with_lists(part) for name, part in tree.items()}


def _put(tree: dict[str, Any], path: Sequence[str], shape: str, lead: str) -> None:
    """Put a shape at a path of keys."""
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise BadInput(f"{lead} is within something that has a shape already.", hint=_FORM)
    if path[-1] in tree:
        raise BadInput(f"{lead} has parts already.", hint=_FORM)
    tree[path[-1]] = shape


def _with_lists(part: Any) -> Any:
    """The tree with a list where all keys are 0, 1, 2, …"""
    if not isinstance(part, dict):
        return part
    inner = {key: _with_lists(one) for key, one in part.items()}
    places = [str(k) for k in range(len(inner))]
    return [inner[k] for k in places] if set(inner) == set(places) else inner


def parse_wrt(names: Sequence[str] | None, function: Callable[..., Any]) -> list[str | int | None]:
    """The arguments that `--wrt W --wrt b`, `--wrt W,b` or `--wrt 0` name; none given is told as None."""
    words = words_of(names)
    if names and not words:
        raise BadInput("--wrt names no argument.", place=place_of(function))
    return [int(word) if word.lstrip("-").isdigit() else word for word in words] or [None]


def words_of(values: Sequence[str] | None) -> list[str]:
    """The words of an option that may be given several times and may hold several words with commas between them."""
    return [word.strip() for value in values or () for word in value.split(",") if word.strip()]


def parse_fixed(texts: Sequence[str] | None) -> dict[str, Any]:
    """The mapping that 'stride=2' and 'conv_param={"stride": 1}' mean: a name and a Python literal each.

    Raises:
        BadInput: a text is not of that form.
    """
    fixed: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = (piece.strip() for piece in text.partition("="))
        try:
            if not name.isidentifier() or not equals:
                raise ValueError(text)
            fixed[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError) as error:
            raise BadInput(f"--fixed {text!r} is not of the form name=value, with a Python literal for the value.",
                           hint="Write --fixed stride=2 or --fixed 'conv_param={\"stride\": 1, \"pad\": 1}'.") from error
    return fixed
