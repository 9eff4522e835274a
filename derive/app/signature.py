"""Which shapes the arguments have: annotated, given as text, or guessed from names that are in common use; and which argument is meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from derive.errors import BadInput
from derive.trace.shapes import annotated_shapes, place_of

__all__ = ["GUESSES", "SCALARS", "Signature", "parse_shapes", "parse_wrt", "signature"]

# Signatures in common use: the names that must all be there, and the shapes of the names that may be.  The first row that fits is taken.
GUESSES: tuple[tuple[frozenset[str], Mapping[str, str]], ...] = (
    (frozenset({"W1", "W2"}), {"W1": "d h", "b1": "h", "W2": "h k", "b2": "k", "X": "m d", "y": "int m"}),
    (frozenset({"W", "X"}), {"W": "d k", "b": "k", "X": "m d", "y": "int m"}),
    (frozenset({"w", "X"}), {"w": "d", "b": "", "X": "m d", "y": "m"}),
    (frozenset({"U", "V", "R"}), {"U": "m r", "V": "n r", "R": "m n"}),
    (frozenset({"A", "x"}), {"A": "n n", "x": "n", "b": "n"}),
    (frozenset({"z", "y"}), {"z": "m k", "y": "int m"}),
    (frozenset({"z"}), {"z": "m k"}),
)
# Names that are taken for one number wherever they appear.
SCALARS = frozenset({"lam", "lambda_", "reg", "alpha", "eps", "temperature", "tau", "delta", "margin"})

_FORM = "Write --shapes 'W=d k; X=m d; y=int m; lam=': sizes by name, led by int or bool, nothing for a single number."


@dataclass(frozen=True)
class Signature:
    """Shapes by argument name, and those among them that were guessed."""

    shapes: Mapping[str, str]
    guessed: Mapping[str, str]

    @property
    def note(self) -> str:
        """What was guessed, in one sentence; empty where nothing was."""
        if not self.guessed:
            return ""
        shown = ", ".join(f"{name} is {shape or 'a number'}" for name, shape in self.guessed.items())
        return f"Shapes guessed from the names: {shown}. Say otherwise with --shapes."


def parse_shapes(text: str | None) -> dict[str, str]:
    """The mapping that 'W=d k; X=m d; y=int m; lam=' means.

    Raises:
        BadInput: a part is not of the form name=shape, or names an argument twice.
    """
    shapes: dict[str, str] = {}
    for part in (text or "").split(";"):
        name, equals, shape = (piece.strip() for piece in part.partition("="))
        if not name and not equals:
            continue
        if not name.isidentifier() or not equals or "=" in shape or name in shapes:
            why = "is there twice" if name in shapes else "is not of the form name=shape"
            raise BadInput(f"In --shapes {text!r}, {part.strip()!r} {why}.", hint=_FORM)
        shapes[name] = shape
    return shapes


def signature(function: Callable[..., Any], given: Mapping[str, str]) -> Signature:
    """The shapes of a function's arguments: what was given, else what is annotated, else what the names suggest.

    An argument with a default that is neither given nor annotated keeps its default.

    Raises:
        BadInput: a shape is for an argument that does not exist, or is known from nowhere.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError) as error:
        raise BadInput(f"{function!r} has no readable signature.", hint="Name a plain Python function.") from error
    place = place_of(function)
    if unknown := [name for name in given if name not in parameters]:
        raise BadInput(f"--shapes names {unknown[0]!r}, which is no argument; the arguments are {', '.join(parameters)}.", place=place)
    known = {**annotated_shapes(function), **given}
    row = next((shapes for needed, shapes in GUESSES if needed <= parameters.keys()), {})
    guesses = {**dict.fromkeys(SCALARS, ""), **row}
    fixed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    open_names = [name for name, p in parameters.items() if name not in known and p.default is p.empty and p.kind not in fixed]
    if missing := [name for name in open_names if name not in guesses]:
        names = ", ".join(repr(name) for name in missing)
        raise BadInput(f"The shape of {names} is not known.", place=place,
                       hint=f'{_FORM} Or annotate the argument: {missing[0]}: Float[Array, "m d"].')
    guessed = {name: guesses[name] for name in open_names}
    both = {**known, **guessed}
    return Signature({name: both[name] for name in parameters if name in both}, guessed)


def parse_wrt(names: Sequence[str] | None, function: Callable[..., Any]) -> list[str | int | None]:
    """The arguments that `--wrt W --wrt b`, `--wrt W,b` or `--wrt 0` name; none given is the first argument, told as None."""
    words = [word.strip() for name in names or () for word in name.split(",") if word.strip()]
    if names and not words:
        raise BadInput("--wrt names no argument.", place=place_of(function))
    return [int(word) if word.lstrip("-").isdigit() else word for word in words] or [None]
