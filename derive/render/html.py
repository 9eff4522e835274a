"""A document as HTML: one file, no script, nothing from the network; formulas are MathML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from derive.render.blocks import (
    Block,
    Chain,
    Choice,
    Code,
    Document,
    Equation,
    Equations,
    Extra,
    Heading,
    Items,
    Legend,
    Link,
    Phrase,
    Prose,
    Theorem,
    Theorems,
)
from derive.render.highlight import python_html
from derive.render.layout import Cases, Node, lines
from derive.render.mathml import math_element
from derive.render.stylesheet import STYLE
from derive.render.texmath import UnreadableError, read_latex

__all__ = ["html_text"]

_BREADTH = 58  # symbols on one line of a displayed formula


def html_text(document: Document, standalone: bool = True) -> str:
    """The document as a page, or as one <article> with its style for embedding in a page."""
    body = "\n".join(part for block in document.blocks for part in _block(block))
    article = f'<article class="derivation">\n<h1>{_words(document.title)}</h1>\n{body}\n</article>\n'
    if not standalone:
        return f"<style>{STYLE}</style>\n{article}"
    title = escape(document.title.replace("`", ""))
    return (f'<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" lang="en">\n<head>\n<meta charset="utf-8"/>\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"/>\n<meta name="color-scheme" content="light dark"/>\n'
            f"<title>{title}</title>\n<style>{STYLE}body{{margin:0}}</style>\n</head>\n<body>\n{article}</body>\n</html>\n")


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(text):
            yield f"<h2>{_words(text)}</h2>"
        case Prose(text):
            yield f"<p>{_words(text)}</p>"
        case Code(text, language):
            yield _code(text, language)
        case Legend(rows):
            items = "".join(f"<dt>{', '.join(map(math_element, marks.nodes))}</dt><dd>{_phrase(words)}</dd>" for marks, words in rows)
            yield f'<dl class="legend">{items}</dl>'
        case Equations(rows, main):
            yield _table("answer" if main else "equations", map(_equation, rows))
        case Chain():
            yield _table("chain", _chain(block))
        case Choice(left, rows):
            yield _table("chain", [_row(math_element(left), math_element(Cases(rows)), "")])
        case Theorems(rows):
            yield f'<aside>{"".join(map(_theorem, rows))}</aside>'
        case Items(rows):
            yield f"<ul>{''.join(map(_item, rows))}</ul>"
        case Extra():
            yield _extra(block)


def _code(text: str, language: str) -> str:
    return f'<pre><code>{python_html(text) if language == "python" else escape(text)}</code></pre>'


def _table(kind: str, rows: Iterator[str] | map[str] | list[str]) -> str:
    return f'<div class="wide"><table class="{kind}">{"".join(rows)}</table></div>'


def _equation(equation: Equation) -> str:
    return _row(math_element(equation.left), _formula(equation.right), f"<small>{_words(equation.note)}</small>" if equation.note else "")


def _chain(chain: Chain) -> Iterator[str]:
    if chain.left is None:
        yield f'<tr><td></td><td></td><td class="value">{_formula(chain.start)}</td><td></td></tr>'
    else:
        yield _row(math_element(chain.left), _formula(chain.start), "")
    yield from (_row("", _formula(link.value), _remark(link)) for link in chain.links)


def _remark(link: Link) -> str:
    note = f" <small>{_words(link.note)}</small>" if link.note else ""
    return f'<span class="rule">{_words(link.rule)}</span>{note}'


def _row(left: str, right: str, remark: str) -> str:
    return f'<tr><td class="left">{left}</td><td class="equals">=</td><td class="value">{right}</td><td class="remark">{remark}</td></tr>'


def _formula(node: Node) -> str:
    """A formula in as many lines as it needs."""
    first, *rest = [math_element(line) for line in lines(node, _BREADTH)]
    return first + "".join(f'<div class="more">{line}</div>' for line in rest)


def _theorem(theorem: Theorem) -> str:
    statement = f'<div class="statement">{_statement(theorem.latex)}</div>' if theorem.latex else ""
    return f"<div><b>{_words(theorem.rule)}</b> {_words(theorem.words)}{statement}</div>"


def _statement(latex: str) -> str:
    try:
        return math_element(read_latex(latex))
    except UnreadableError:
        return f"<code>{escape(latex)}</code>"


def _item(row: tuple[str, Node | None]) -> str:
    text, test = row
    return f"<li>{_words(text)}{': ' + math_element(test) if test is not None else ''}</li>"


def _extra(extra: Extra) -> str:
    kind, text = extra.best("latex", "python", "text")
    return f'<div class="wide answer">{_statement(text)}</div>' if kind == "latex" else _code(text, kind)


def _words(text: str) -> str:
    """Plain words, with `code` between backticks."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _phrase(phrase: Phrase) -> str:
    return "".join(_words(part) if isinstance(part, str) else math_element(part) for part in phrase)
