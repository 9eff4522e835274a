"""A document as blocks, before any printer: titles, prose, code, definitions, chains of equalities, theorems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from derive.render.layout import Node

__all__ = [
    "Block", "Chain", "Choice", "Code", "Document", "Entries", "Equation", "Equations", "Extra", "Heading", "Items", "Legend",
    "Link", "Phrase", "Prose", "Theorem", "Theorems",
]


@dataclass(frozen=True)
class Block:
    """Base of all blocks."""


@dataclass(frozen=True)
class Heading(Block):
    """The title of a section."""

    text: str


@dataclass(frozen=True)
class Prose(Block):
    """A paragraph of plain words; `code` stands between backticks."""

    text: str


@dataclass(frozen=True)
class Code(Block):
    """Text to be shown as it is; language is 'python' or ''."""

    text: str
    language: str = ""


@dataclass(frozen=True)
class Entries:
    """Layouts with commas between, such as the letters i, j."""

    nodes: tuple[Node, ...]


Phrase = tuple[str | Node, ...]
"""Plain words with formulas among them."""


@dataclass(frozen=True)
class Legend(Block):
    """What each mark means: (the marks, a phrase)."""

    rows: tuple[tuple[Entries, Phrase], ...]


@dataclass(frozen=True)
class Equation:
    """left = right, with a note in plain words."""

    left: Node
    right: Node
    note: str = ""


@dataclass(frozen=True)
class Equations(Block):
    """Equations below each other; `main` for the one that was asked for."""

    rows: tuple[Equation, ...]
    main: bool = False


@dataclass(frozen=True)
class Link:
    """One link of a chain: = value, by the rule of this name."""

    value: Node
    rule: str
    note: str = ""


@dataclass(frozen=True)
class Chain(Block):
    """left = start = … , one rule each."""

    left: Node | None
    start: Node
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Choice(Block):
    """left = { value if condition, … }."""

    left: Node
    rows: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True)
class Theorem:
    """A rule with its statement in plain words and in LaTeX; either may be empty."""

    rule: str
    words: str
    latex: str


@dataclass(frozen=True)
class Theorems(Block):
    """The rules that appear for the first time in the chain above."""

    rows: tuple[Theorem, ...]


@dataclass(frozen=True)
class Items(Block):
    """A list of sentences, each with a condition or None."""

    rows: tuple[tuple[str, Node | None], ...]


@dataclass(frozen=True)
class Extra(Block):
    """One more form of the result: its texts by kind ('latex', 'text', 'python'), of which a printer takes the one that suits it."""

    forms: Mapping[str, str]

    def best(self, *kinds: str) -> tuple[str, str]:
        """The first of these kinds that there is, with its text; else whatever there is."""
        for kind in (*kinds, *self.forms):
            if kind in self.forms:
                return kind, self.forms[kind]
        return "text", ""


@dataclass(frozen=True)
class Document:
    """A title and blocks."""

    title: str
    blocks: tuple[Block, ...]
