"""A document as Markdown with LaTeX between dollar signs, as Jupyter and code hosts draw it."""

from __future__ import annotations

from collections.abc import Iterator

from derive.render.blocks import (
    Block,
    Chain,
    Choice,
    Code,
    Document,
    Equations,
    Extra,
    Heading,
    Items,
    Legend,
    Phrase,
    Prose,
    Theorem,
    Theorems,
)
from derive.render.latex import aligned_chain, aligned_choice, aligned_equations
from derive.render.tex import latex_math

__all__ = ["markdown_text"]

_FENCE = {"text": "", "latex": "latex", "python": "python"}


def markdown_text(document: Document) -> str:
    """The document as Markdown; one without a title is a part of a page, and its headings are smaller."""
    mark = "##" if document.title else "####"
    out = [f"# {document.title}"] if document.title else []
    for block in document.blocks:
        out += [f"{mark} {block.text}"] if isinstance(block, Heading) else _block(block)
    return "\n\n".join(out) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Prose(text):
            yield text
        case Code(text, language):
            yield _fenced(text, language)
        case Legend(rows):
            yield "\n".join(f"- {', '.join(f'${latex_math(node)}$' for node in marks.nodes)} — {_phrase(words)}" for marks, words in rows)
        case Equations() | Chain() | Choice():
            yield _display(block)
        case Theorems(rows):
            yield "\n".join(map(_theorem, rows))
        case Items(rows):
            yield "\n".join(f"- {text}" + (f": ${latex_math(test)}$" if test is not None else "") for text, test in rows)
        case Extra():
            kind, text = block.best("latex", "python", "text")
            yield f"$$\n{text}\n$$" if kind == "latex" else _fenced(text, _FENCE.get(kind, kind))


def _display(block: Block) -> str:
    match block:
        case Equations():
            body = aligned_equations(block)
        case Chain():
            body = aligned_chain(block)
        case Choice():
            body = aligned_choice(block)
        case _:
            raise TypeError(f"no formula in {block!r}")
    return f"$$\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n$$"


def _theorem(theorem: Theorem) -> str:
    statement = f" ${theorem.latex}$" if theorem.latex else ""
    return f"- **{theorem.rule}**: {theorem.words}{statement}"


def _fenced(text: str, language: str) -> str:
    ticks = "```"
    while ticks in text:
        ticks += "`"
    return f"{ticks}{language}\n{text}\n{ticks}"


def _phrase(phrase: Phrase) -> str:
    return "".join(part if isinstance(part, str) else f"${latex_math(part)}$" for part in phrase)
