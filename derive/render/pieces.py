"""Composing a layout from an expression: the parts that all kinds of nodes share.

A `Piece` is a layout together with how tightly it holds together, so that whoever puts it into something larger knows when to fence it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TypeVar

from derive.errors import NotYet
from derive.index import Expr, Index
from derive.render.layout import Fence, Node
from derive.render.names import Notation

__all__ = ["Context", "Handler", "Level", "Piece", "Reach", "appearance", "compose", "fenced", "handles"]


class Level(IntEnum):
    """How tightly a layout holds together, from loose to tight."""

    SUM = 1
    PRODUCT = 2
    POWER = 3
    ATOM = 4


class Reach(IntEnum):
    """What would be read as part of a layout if it were written right after it: nothing, a factor, or a term as well."""

    CLOSED = 0
    FACTORS = 1
    TERMS = 2


@dataclass(frozen=True)
class Piece:
    """A layout, how tightly it holds together, and how far to the right it reaches."""

    node: Node
    level: Level = Level.ATOM
    reach: Reach = Reach.CLOSED
    dotted: bool = False


@dataclass(frozen=True)
class Context:
    """Where an expression is composed.

    Attributes:
        notation: the letters and spellings.
        linear: whether everything must fit on one line of text, so that a fraction is u / v.
        scope: the letters of the indices that can be seen here.
    """

    notation: Notation
    linear: bool = False
    scope: Mapping[Index, str] = field(default_factory=dict)

    def inside(self, bound: Iterable[Index]) -> Context:
        """The context within a binder of these indices."""
        return replace(self, scope=self.notation.letters(tuple(bound), self.scope))


Handler = Callable[[Expr, Context], Piece]
_F = TypeVar("_F", bound=Handler)
_handlers: dict[type[Expr], Handler] = {}


def handles(*kinds: type[Expr]) -> Callable[[_F], _F]:
    """Say how these kinds of nodes are composed."""

    def register(handler: _F) -> _F:
        for kind in kinds:
            if kind in _handlers:
                raise ValueError(f"{kind.__name__} is composed in two places")
            _handlers[kind] = handler
        return handler

    return register


def compose(expr: Expr, context: Context) -> Piece:
    """The layout of an expression.

    Raises:
        NotYet: for a kind of node that has no layout.
    """
    handler = _handlers.get(type(expr))
    if handler is None:
        raise NotYet(f"an expression of kind {type(expr).__name__} cannot be written down", hint="Add its layout to derive/render.")
    missing = [index for index in appearance(expr) if index not in context.scope] if expr.free - context.scope.keys() else []
    return handler(expr, context.inside(missing) if missing else context)


def appearance(*expressions: Expr) -> list[Index]:
    """The free indices, in the order in which they are first seen."""
    found: dict[Index, None] = {}
    for expr in expressions:
        _appear(expr, frozenset(expr.free), found)
    return list(found)


def _appear(expr: Expr, wanted: frozenset[Index], found: dict[Index, None]) -> None:
    if isinstance(expr, Index):
        if expr in wanted:
            found.setdefault(expr)
        return
    kids = expr.kids
    if any(isinstance(arg, frozenset) for arg in expr.args):  # a set has no order of its own
        kids = sorted(kids, key=lambda kid: kid.key)
    for kid in kids:
        if kid.free & wanted:
            _appear(kid, wanted, found)


def fenced(piece: Piece, level: Level, last: bool = True, reach: Reach = Reach.CLOSED) -> Node:
    """The layout, in parentheses if it is looser than `level`, or if it is not last and reaches further than `reach`."""
    if piece.level >= level and (last or piece.reach <= reach):
        return piece.node
    return Fence("(", piece.node, ")")
