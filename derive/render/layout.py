"""The layout language: how a formula is laid out on paper, before any printer chooses its marks.

Every printer (text, LaTeX, MathML) is a walk over these nodes and decides nothing about meaning: precedence, parentheses and names were
settled when the tree was composed.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Cases", "Fence", "Fraction", "Large", "Node", "Number", "Operator", "Root", "Row", "Script", "Symbol", "Word", "lines",
    "parts_of", "row", "tall",
]


@dataclass(frozen=True)
class Node:
    """Base of all layout nodes."""


@dataclass(frozen=True)
class Symbol(Node):
    """A name: a letter or a word, with a subscript that belongs to the name (the 1 of W1) and primes."""

    base: str
    sub: str = ""
    primes: int = 0


@dataclass(frozen=True)
class Number(Node):
    """Digits."""

    text: str


@dataclass(frozen=True)
class Word(Node):
    """Plain words inside a formula, such as `otherwise`."""

    text: str


@dataclass(frozen=True)
class Operator(Node):
    """A mark between parts.  role: 'binary', 'relation', 'prefix', 'comma', 'tight', 'thin' (two factors side
    by side) or 'apply' (a function's name or a large operator, and what it is applied to).
    """

    mark: str
    role: str = "binary"


@dataclass(frozen=True)
class Large(Node):
    """A large operator with its indices below: mark 'Σ', 'max' or 'min'; it stands before its body in a row."""

    mark: str
    under: Node


@dataclass(frozen=True)
class Row(Node):
    """Parts from left to right."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Fraction(Node):
    """A stacked fraction."""

    top: Node
    bottom: Node


@dataclass(frozen=True)
class Script(Node):
    """A base with a subscript, a superscript or both."""

    base: Node
    sub: Node | None = None
    sup: Node | None = None


@dataclass(frozen=True)
class Root(Node):
    """A square root."""

    body: Node


@dataclass(frozen=True)
class Fence(Node):
    """A body between two marks, such as ( ), { }, [ ] or | |."""

    left: str
    body: Node
    right: str


@dataclass(frozen=True)
class Cases(Node):
    """Values by condition: (value, condition) pairs, from top to bottom."""

    rows: tuple[tuple[Node, Node], ...]


def row(*parts: Node) -> Node:
    """The parts side by side, rows within flattened; a single part is itself."""
    flat = tuple(piece for part in parts for piece in (part.parts if isinstance(part, Row) else (part,)))
    return flat[0] if len(flat) == 1 else Row(flat)


def parts_of(node: Node) -> list[Node]:
    """The layouts directly inside this one, in order."""
    match node:
        case Row(parts):
            return list(parts)
        case Fraction(top, bottom):
            return [top, bottom]
        case Script(base, sub, sup):
            return [part for part in (base, sub, sup) if part is not None]
        case Root(body) | Fence(_, body, _) | Large(_, body):
            return [body]
        case Cases(rows):
            return [part for pair in rows for part in pair]
        case _:
            return []


def lines(node: Node, limit: int) -> list[Node]:
    """The layout in lines of about `limit` symbols, broken before a + or − of the outermost sum."""
    if not isinstance(node, Row) or _breadth(node) <= limit:
        return [node]
    out: list[list[Node]] = [[]]
    for part in node.parts:
        if isinstance(part, Operator) and part.mark in "+−" and part.role == "binary" and sum(map(_breadth, out[-1])) > limit // 2:
            out.append([])
        out[-1].append(part)
    return [Row(tuple(line)) for line in out]


def _breadth(node: Node) -> int:
    """About how many symbols wide a layout is."""
    inside = [_breadth(part) for part in parts_of(node)]
    if isinstance(node, (Fraction, Cases)):
        return max(inside, default=0)
    return sum(inside) or (len(node.base) if isinstance(node, Symbol) else 1)


def tall(node: Node) -> bool:
    """Whether parentheses around it must grow."""
    return isinstance(node, (Fraction, Large, Cases)) or (not isinstance(node, Script) and any(map(tall, parts_of(node))))
