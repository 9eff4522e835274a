"""What a row of the table of primitives holds: a name, a way to read it as an index expression, and a sample.

Legend: u, v are entries; x an array (`Value`); e the equation.  The sample is a JAX function and the shapes to trace it at, from which
tests are generated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from derive.derivation import Assumption
from derive.index import ZERO, Const, Expr, Where
from derive.rules.table import declared_once
from derive.rules.value import Value, is_one

__all__ = ["INFINITE", "MINUS_INFINITY", "PRIMITIVES", "Equation", "Primitive", "Wrapper", "behind_masks", "declare", "elementwise"]


@dataclass(frozen=True)
class Equation:
    """One equation of a jaxpr: its inputs, parameters, the shape and kind of its result, and where to record an assumption."""

    inputs: tuple[Value, ...]
    params: Mapping[str, Any]
    shape: tuple[Expr, ...]
    kind: str
    assume: Callable[[Assumption], None]


@dataclass(frozen=True)
class Primitive:
    """A row: the name in the jaxpr, the meaning, how to read it, and a sample (function, shapes)."""

    name: str
    meaning: str
    read: Callable[[Equation], Value | list[Value]]
    sample: tuple[Callable[..., Any], dict[str, str]]


@dataclass(frozen=True)
class Wrapper:
    """A library function that is kept whole because its own rule is the textbook's."""

    name: str
    function: Callable[..., Expr]
    arity: int
    sample: tuple[Callable[..., Any], dict[str, str]]

    def fits(self, inputs: list[Value]) -> bool:
        """Whether it is called with the arguments that the row knows."""
        return len(inputs) == self.arity

    def read(self, inputs: list[Value]) -> Value:
        """The function, entry by entry."""
        return elementwise(self.function, tuple(inputs), max((x.shape for x in inputs), key=len), "float")

    def read_all(self, inputs: list[Value]) -> list[Value]:
        """The results, in order."""
        return [self.read(inputs)]


MINUS_INFINITY = Const("-inf")
INFINITE = (MINUS_INFINITY, Const("inf"))
PRIMITIVES: dict[str, Primitive] = {}


def declare(name: str, meaning: str, read: Callable[[Equation], Value | list[Value]], sample: Callable[..., Any], **shapes: str) -> None:
    """Add a row to the table; `sample` is a function that contains the primitive, to be traced at `shapes`.

    Raises:
        ValueError: the name is declared already.
    """
    declared_once(PRIMITIVES, Primitive(name, meaning, read, (sample, shapes)))


def elementwise(function: Callable[..., Expr], inputs: tuple[Value, ...], shape: tuple[Expr, ...], kind: str, *, masks: bool = True) -> Value:
    """A function of entries at the same index; scalars and axes of size 1 are stretched; `masks`: it is worked out behind infinite masks."""
    def at(*i: Expr) -> Expr:
        entries = [x.at(*(ZERO if is_one(n) else j for n, j in zip(x.shape, i))) if x.shape else x.at() for x in inputs]
        return behind_masks(function, entries) if masks else function(*entries)
    return Value(shape, at, kind)


def behind_masks(function: Callable[..., Expr], args: list[Expr]) -> Expr:
    """f(where(q, u, −∞)) = where(q, f(u), f(−∞)): an infinite number in a mask is a guard, and what it turns into is worked out."""
    for k, arg in enumerate(args):
        if isinstance(arg, Where) and any(side in INFINITE for side in arg.args[1:]):
            q, u, v = arg.args
            return Where(q, *(behind_masks(function, [*args[:k], side, *args[k + 1:]]) for side in (u, v)))
    return function(*args)
