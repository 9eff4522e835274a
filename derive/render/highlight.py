"""Python source as HTML with its comments, strings, numbers and keywords marked."""

from __future__ import annotations

import keyword
import re
from html import escape

__all__ = ["python_html"]

_TOKEN = re.compile(
    r"(?P<comment>\#[^\n]*)|(?P<string>\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
    r"|(?P<number>\b\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?\b)|(?P<word>\b[^\W\d]\w*\b)|(?P<other>.)", re.DOTALL)
_CLASSES = {"comment": "c", "string": "s", "number": "n"}


def python_html(source: str) -> str:
    """The source, escaped, with <span> around what is coloured."""
    return "".join(map(_span, _TOKEN.finditer(source)))


def _span(match: re.Match[str]) -> str:
    kind, text = match.lastgroup or "other", escape(match.group())
    if kind == "word":
        return f'<span class="k">{text}</span>' if keyword.iskeyword(match.group()) else text
    return f'<span class="{_CLASSES[kind]}">{text}</span>' if kind in _CLASSES else text
