"""Rendering: a story as text, Markdown, LaTeX, HTML or a notebook's output, and an expression as one formula."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from derive.derivation import Story
from derive.errors import BadInput
from derive.index import Expr
from derive.render.html import html_text
from derive.render.latex import latex_text
from derive.render.markdown import markdown_text
from derive.render.mathml import math_element
from derive.render.names import Notation
from derive.render.phrases import condition
from derive.render.pieces import Context, compose
from derive.render.plain import ascii_text, unicode_text
from derive.render.telling import Extras, Statements, document
from derive.render.terminal import terminal_text
from derive.render.tex import latex_math

__all__ = ["Extras", "Notation", "Statements", "expression", "html", "latex", "markdown", "mimebundle", "relation", "text"]

_FORMS = {"text": unicode_text, "ascii": ascii_text, "latex": latex_math, "mathml": math_element}


def expression(expr: Expr, form: str = "text", names: Iterable[str] = (), notation: Notation | None = None) -> str:
    """One formula.

    Args:
        expr: the expression; its free indices get letters too.
        form: 'text' (Unicode), 'ascii', 'latex' (without dollar signs) or 'mathml' (a <math> element).
        names: further names that no letter may look like.
        notation: letters to share with other formulas; otherwise they are chosen afresh.

    Raises:
        BadInput: for a form that does not exist.
    """
    if form not in _FORMS:
        raise BadInput(f"there is no form {form!r} for a formula", hint=f"The forms are {', '.join(_FORMS)}.")
    context = Context(notation or Notation.of(expr, names=names), linear=form in ("text", "ascii"))
    return _FORMS[form](compose(expr, context).node)


def relation(expr: Expr, notation: Notation | None = None) -> str:
    """A condition of value 0 or 1 as a relation in Unicode text: k > y_i for 1{k > y_i}."""
    return unicode_text(condition(expr, Context(notation or Notation.of(expr), linear=True)))


def text(story: Story, statements: Statements | None = None, extras: Extras = (), width: int = 100, colour: bool = False) -> str:
    """The story as Unicode text, in lines of `width` characters.

    Args:
        story: what was worked out.
        statements: for each rule, its statement in plain words and in LaTeX; stated where the rule appears first.
        extras: further forms of the result, (title, kind, text) with kind 'latex', 'text', 'python' or 'prose'.  Of several under one title each
            form shows the one that suits it.
        width: the longest line, as far as the words and formulas allow.
        colour: whether to use ANSI colours.
    """
    return terminal_text(document(story, statements or {}, extras, linear=True), width, colour)


def markdown(story: Story, statements: Statements | None = None, extras: Extras = ()) -> str:
    """The story as Markdown with LaTeX between dollar signs; arguments as for `text`."""
    return markdown_text(document(story, statements or {}, extras))


def latex(story: Story, statements: Statements | None = None, extras: Extras = (), standalone: bool = True) -> str:
    """The story as a LaTeX document, or (not `standalone`) a fragment that needs amsmath; other arguments as for `text`."""
    return latex_text(document(story, statements or {}, extras), standalone)


def html(story: Story, statements: Statements | None = None, extras: Extras = (), standalone: bool = True) -> str:
    """The story as an HTML page that opens offline, or (not `standalone`) an <article> with its style; other arguments as for `text`."""
    return html_text(document(story, statements or {}, extras), standalone)


def mimebundle(story: Story, statements: Statements | None = None, extras: Extras = ()) -> Mapping[str, str]:
    """What a notebook is given, by MIME type: Markdown, which every notebook viewer draws with its own mathematics, and text.

    HTML is left out on purpose: Jupyter would prefer it, and it removes MathML from notebooks that it does not trust.
    """
    kept = tuple(extras)
    return {"text/markdown": markdown(story, statements, kept), "text/plain": text(story, statements, kept)}
