"""Which size a function needs as a number, where it cannot be traced with symbols alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

from derive.derivation import Argument
from derive.errors import BadInput, DeriveError
from derive.index import Expr, Mul, Num, Pow, Size, num, size_names, substitute, walk

__all__ = ["with_numbers"]

_NUMBER = 4
_MOST = 8


def with_numbers(error: DeriveError, arguments: Sequence[Argument], runs: Callable[[Sequence[Argument]], bool]) -> DeriveError:
    """The error, which says as well which sizes have to be numbers, where numbers for one or two of them help.

    Args:
        error: why the function cannot be traced.
        arguments: of the function.
        runs: whether it can be traced with other arguments.
    """
    names = sorted(set().union(*(size_names(part) for a in arguments for part in a.shape)) if arguments else set())
    for few in (1, 2):
        for chosen in combinations(names[:_MOST], few):
            numbers: dict[Expr, Expr] = {Size(name): num(_NUMBER) for name in chosen}
            given = [replace(a, shape=tuple(_numbered(part, numbers) for part in a.shape)) for a in arguments]
            if runs(given):
                return _told(error, chosen, next(new for new, old in zip(given, arguments) if new.shape != old.shape))
    return error


def _told(error: DeriveError, chosen: Sequence[str], example: Argument) -> DeriveError:
    sizes, them = ("the size " + chosen[0], "it") if len(chosen) == 1 else ("the sizes " + " and ".join(chosen), "them")
    shape = " ".join(map(_text, example.shape))
    led = shape if example.kind == "float" else f"{example.kind} {shape}"
    hint = f'It can be traced with {sizes} as a number: write {them} so wherever it stands in shapes=, such as {{"{example.name}": "{led}"}}.'
    return type(error)(error.met, place=error.place, hint=hint if isinstance(error, BadInput) else f"{error.hint} {hint}")


def _numbered(part: Expr, numbers: dict[Expr, Expr]) -> Expr:
    """A size with numbers in it, worked out where no symbol is left."""
    new = substitute(part, numbers)
    return new if any(isinstance(kid, Size) for kid in walk(new)) else num(_value(new))


def _value(part: Expr) -> int:
    if isinstance(part, Num):
        return int(part.value)
    if isinstance(part, Pow):
        return int(_value(part.args[0]) ** part.args[1])
    values = [_value(kid) for kid in part.kids]
    total = values[0]
    for value in values[1:]:
        total = total * value if isinstance(part, Mul) else total + value
    return total


def _text(part: Expr) -> str:
    if isinstance(part, (Num, Size)):
        return str(part.args[0])
    if isinstance(part, Pow):
        return f"{_text(part.args[0])}**{part.args[1]}"
    return ("*" if isinstance(part, Mul) else "+").join(map(_text, part.kids))
