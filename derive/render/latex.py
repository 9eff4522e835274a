"""A document as LaTeX: a fragment for a document of one's own, or a document that compiles by itself."""

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
from derive.render.layout import Node, Word, lines
from derive.render.tex import LATEX_MARKS, escaped, latex_math, prose

__all__ = ["aligned_chain", "aligned_choice", "aligned_equations", "latex_text"]

_BREADTH = 46  # symbols on one line of a displayed formula
_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage{amsmath,amssymb}
\usepackage[margin=2.4cm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.6em}
\allowdisplaybreaks
"""


def latex_text(document: Document, standalone: bool = True) -> str:
    """The document in LaTeX; not `standalone`, a fragment that needs amsmath and amssymb alone."""
    body = "\n\n".join(paragraph for block in document.blocks for paragraph in _block(block))
    if not standalone:
        return body + "\n"
    special = sorted(set(body) & LATEX_MARKS.keys())
    known = [rf"\DeclareUnicodeCharacter{{{ord(char):04X}}}{{\ensuremath{{{LATEX_MARKS[char]}}}}}" for char in special]
    marks = "\\ifdefined\\DeclareUnicodeCharacter\n" + "".join(f"  {line}\n" for line in known) + "\\fi\n" if known else ""
    return f"{_PREAMBLE}{marks}\\begin{{document}}\n{{\\Large\\bfseries {prose(document.title)}\\par}}\n\n{body}\n\\end{{document}}\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(text):
            yield rf"\section*{{{prose(text)}}}"
        case Prose(text):
            yield prose(text)
        case Code(text, _):
            yield _verbatim(text)
        case Legend(rows):
            yield _itemised(f"{', '.join(f'${latex_math(node)}$' for node in marks.nodes)}: {_phrase(words)}" for marks, words in rows)
        case Equations():
            yield _align(aligned_equations(block))
        case Chain():
            yield _align(aligned_chain(block))
        case Choice():
            yield _align(aligned_choice(block))
        case Theorems(rows):
            yield _itemised(map(_theorem, rows))
        case Items(rows):
            yield _itemised(prose(text) + (f": ${latex_math(test)}$" if test is not None else "") for text, test in rows)
        case Extra():
            kind, text = block.best("latex", "python", "text")
            yield f"\\[\n{text}\n\\]" if kind == "latex" else _verbatim(text)


def _verbatim(text: str) -> str:
    return f"\\begin{{verbatim}}\n{text}\n\\end{{verbatim}}"


def _align(body: str) -> str:
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def _itemised(items: Iterator[str] | map[str]) -> str:
    return "\\begin{itemize}\n" + "\n".join(rf"  \item {item}" for item in items) + "\n\\end{itemize}"


def _theorem(theorem: Theorem) -> str:
    statement = f" ${theorem.latex}$" if theorem.latex else ""
    return rf"\emph{{{prose(theorem.rule)}}}: {prose(theorem.words)}{statement}"


# ------------------------------------------------------------------------------------------- displayed formulas, without their environment


def aligned_equations(block: Equations) -> str:
    """The lines of left & = right."""
    rows = [_line(latex_math(equation.left), equation.right, equation.note) for equation in block.rows]
    return " \\\\\n".join(rows)


def aligned_chain(block: Chain) -> str:
    """The lines of left & = start, then & = value for each link, with the name of its rule."""
    if block.left is None:
        rows = [f"& {_broken(block.start)}"]
    else:
        rows = [_line(latex_math(block.left), block.start, "")]
    rows += [_line("", link.value, f"[{link.rule}]" + (f" {link.note}" if link.note else "")) for link in block.links]
    return " \\\\\n".join(rows)


def aligned_choice(block: Choice) -> str:
    """The line left & = the cases."""
    cells = " \\\\ ".join(f"{latex_math(value)} & {_when(test)}" for value, test in block.rows)
    return rf"{latex_math(block.left)} & = \begin{{cases}} {cells} \end{{cases}}"


def _when(test: Node) -> str:
    return latex_math(test) if isinstance(test, Word) else rf"\text{{if }} {latex_math(test)}"


def _line(left: str, value: Node, remark: str) -> str:
    shown = rf" && \text{{{escaped(remark)}}}" if remark else ""
    return f"{left + ' ' if left else ''}& = {_broken(value)}{shown}"


def _broken(value: Node) -> str:
    """The formula, with later lines indented."""
    return " \\\\\n& \\qquad ".join(latex_math(line) for line in lines(value, _BREADTH))


def _phrase(phrase: Phrase) -> str:
    return "".join(prose(part) if isinstance(part, str) else f"${latex_math(part)}$" for part in phrase)
