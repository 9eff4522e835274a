"""Sections of a document that are shown by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from derive.errors import BadInput
from derive.render.blocks import Block, Document, Heading
from derive.render.markdown import markdown_text
from derive.render.terminal import terminal_text

__all__ = ["Part", "part", "titles"]


@dataclass(frozen=True, repr=False)
class Part:
    """Some sections of a document: printing shows them as text, and Jupyter shows formulas.

    Attributes:
        formulas: the sections for forms that draw formulas.
        lines: the same for forms that have one line for a formula.
    """

    formulas: Document
    lines: Document

    def text(self, *, width: int = 100) -> str:
        """The sections as Unicode text."""
        return terminal_text(self.lines, width)

    def markdown(self) -> str:
        """The sections as Markdown with LaTeX formulas."""
        return markdown_text(self.formulas)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Part: {', '.join(titles(self.lines))}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, str]:
        return {"text/markdown": self.markdown(), "text/plain": self.text()}


def titles(document: Document) -> tuple[str, ...]:
    """The titles of the sections, in order."""
    return tuple(block.text for block in document.blocks if isinstance(block, Heading))


def part(formulas: Document, lines: Document, wanted: str) -> Part:
    """The sections whose title contains `wanted`, whatever the case.

    Raises:
        BadInput: there is none; the message lists the titles.
    """
    chosen = Part(_chosen(formulas, wanted), _chosen(lines, wanted))
    if not chosen.lines.blocks:
        raise BadInput(f"No section has {wanted!r} in its title.", hint=f"The titles are: {'; '.join(titles(lines))}.")
    return chosen


def _chosen(document: Document, wanted: str) -> Document:
    blocks: list[Block] = []
    inside = False
    for block in document.blocks:
        inside = wanted.casefold() in block.text.casefold() if isinstance(block, Heading) else inside
        blocks += [block] if inside else []
    return Document("", tuple(blocks))
