"""A reader for the LaTeX in which theorems are stated, so that text and HTML can show them too.

It reads letters, numbers, the common commands, scripts, fractions, roots and parentheses.  What it does not know it refuses, and the
caller shows the LaTeX as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from derive.render.layout import Fence, Fraction, Large, Node, Number, Operator, Root, Row, Script, Symbol, Word, row
from derive.render.names import GREEK

__all__ = ["UnreadableError", "read_latex"]


class UnreadableError(ValueError):
    """LaTeX outside the part that `read_latex` knows."""


_TOKEN = re.compile(r"\\text\{[^{}]*\}|\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|\s+|.", re.DOTALL)
_RELATIONS = {
    "\\le": "≤", "\\leq": "≤", "\\ge": "≥", "\\geq": "≥", "\\ne": "≠", "\\neq": "≠", "\\in": "∈", "\\to": "→", "\\mapsto": "↦",
    "\\Rightarrow": "⇒", "\\Longrightarrow": "⇒", "\\implies": "⇒", "\\iff": "⇔", "\\quad": "\u2003", "\\qquad": "\u2003", "\\approx":
    "≈", "=": "=", "<": "<", ">": ">", ":": ":", "\\colon": ":", "\\land": "∧", "\\lor": "∨", "\\equiv": "≡", "\\notin": "∉",
}
_BINARY = {"+": "+", "-": "−", "\\cdot": "·", "\\times": "×", "/": "/", "\\pm": "±", "\\circ": "∘", "\\odot": "⊙"}
_GAPS = frozenset(("\\,", "\\;", "\\:", "\\ ", "~", "\\thinspace"))
_SKIPPED = frozenset(("\\!", "\\displaystyle", "\\limits", "\\bigl", "\\bigr", "\\big", "\\Big", "\\Bigl", "\\Bigr"))
_SYMBOLS = {"\\partial": "∂", "\\nabla": "∇", "\\infty": "∞", "\\top": "⊤", "\\ell": "ℓ", "\\dots": "…", "\\ldots": "…", "\\cdots": "⋯",
            "\\varepsilon": "ε", "\\prime": "′", "\\mid": "|", "\\vert": "|", "\\_": "_", "\\%": "%", "\\forall": "∀", "\\exists": "∃"}
_LARGE = {"\\sum": "Σ", "\\prod": "∏", "\\max": "max", "\\min": "min"}
_OPEN = {"(": ")", "[": "]", "\\{": "}", "\\lbrace": "}", "|": "|", "\\|": "‖", "\\lvert": "|", "\\langle": "⟩"}
_CLOSE = frozenset((")", "]", "\\}", "\\rbrace", "|", "\\|", "\\rvert", "\\rangle"))
_SHOWN = {"\\|": "‖", "\\{": "{", "\\lbrace": "{", "\\lvert": "|", "\\langle": "⟨"}
_WORDS = frozenset(("log", "exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan", "arcsin", "arccos", "det", "dim", "ln"))


def read_latex(source: str) -> Node:
    """The layout of a formula in LaTeX.

    Raises:
        UnreadableError: at the first command that is not known, or where braces do not match.
    """
    reader = _Reader([token for token in _TOKEN.findall(source) if not token.isspace()])
    node = reader.row(lambda token: False)
    if reader.peek():
        raise UnreadableError(f"nothing opens {reader.peek()!r} in {source!r}")
    return node


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._place = tokens, 0

    def peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise UnreadableError(f"{wanted or 'more'} expected, {token or 'the end'} found")
        self._place += 1
        return token

    def row(self, stop: Callable[[str], bool]) -> Node:
        parts: list[Node] = []
        while self.peek() and not stop(self.peek()) and self.peek() not in ("}", "\\right"):
            if self.peek() in _CLOSE and self.peek() not in _OPEN:
                break
            node = self._scripted(self._atom(first=not parts or isinstance(parts[-1], Operator)))
            parts += _gap(parts[-1] if parts else None, node)
            parts.append(node)
        return row(*parts) if parts else Operator("", "tight")

    def group(self) -> Node:
        if self.peek() != "{":
            return self._atom(first=True)
        self.take("{")
        node = self.row(lambda token: False)
        self.take("}")
        return node

    def _scripted(self, base: Node) -> Node:
        sub: Node | None = None
        sup: Node | None = None
        primes = 0
        while self.peek() in ("_", "^", "'"):
            mark = self.take()
            if mark == "'":
                primes += 1
            elif mark == "_":
                sub = _closed_up(self.group())
            else:
                sup = self.group()
        if isinstance(base, Large):
            return Large(base.mark, sub) if sub is not None and sup is None else self._bounded(base, sub, sup)
        if primes:
            base = Symbol(base.base, base.sub, primes) if isinstance(base, Symbol) else row(base, Operator("′" * primes, "prefix"))
        return Script(base, sub, sup) if sub is not None or sup is not None else base

    def _bounded(self, base: Large, sub: Node | None, sup: Node | None) -> Node:
        if base.mark in ("max", "min") and sub is None and sup is None:
            return Symbol(base.mark)
        raise UnreadableError(f"{base.mark} with these bounds")

    def _atom(self, first: bool) -> Node:
        token = self.take()
        if token in _SKIPPED:
            return Operator("", "tight")
        if token == "{":
            self._place -= 1
            return self.group()
        if token == "\\left":
            return self._fenced(self.take(), True)
        if token in _OPEN:
            return self._fenced(token, False)
        if token in ("\\frac", "\\tfrac", "\\dfrac"):
            return Fraction(self.group(), self.group())
        if token == "\\sqrt":
            return Root(self.group())
        if token.startswith("\\text{"):
            return Word(token[6:-1])
        if token in ("\\mathrm", "\\operatorname", "\\mathbf", "\\mathbb"):
            return self._words()
        return _mark(token, first)

    def _fenced(self, left: str, paired: bool) -> Node:
        if left not in _OPEN:
            raise UnreadableError(f"\\left{left}")
        body = self.row(lambda token: token == left and left in ("|", "\\|"))
        if paired:
            self.take("\\right")
        right = self.take()
        if right not in _CLOSE:
            raise UnreadableError(f"{right} closes nothing")
        return Fence(_SHOWN.get(left, left), body, _OPEN[left])

    def _words(self) -> Node:
        self.take("{")
        letters: list[str] = []
        while self.peek() != "}":
            letters.append(self.take())
        self.take("}")
        text = "".join(letters)
        return Number(text) if text.isdigit() else Symbol(text)


def _mark(token: str, first: bool) -> Node:
    if token in _GAPS:
        return Operator("", "thin")
    if token in _RELATIONS:
        return Operator(_RELATIONS[token], "relation")
    if token in _BINARY:
        return Operator(_BINARY[token], "prefix" if first and token in "+-" else "binary")
    if token in (",", ";", "."):
        return Operator(token, "comma")
    if token in _LARGE:
        return Large(_LARGE[token], Operator("", "tight"))
    if token in ("\\partial", "\\nabla"):
        return Operator(_SYMBOLS[token], "prefix")
    if token in _SYMBOLS:
        return Symbol(_SYMBOLS[token])
    name = token[1:]
    if token.startswith("\\") and (name in GREEK or name in _WORDS or name == "Sigma"):
        return Symbol(GREEK.get(name, "Σ" if name == "Sigma" else name))
    if token.replace(".", "").isdigit():
        return Number(token)
    if len(token) == 1 and (token.isalpha() or token in "!?*"):
        return Symbol(token)
    raise UnreadableError(f"{token} is not known here")


def _closed_up(node: Node) -> Node:
    """Indices stand without gaps: δ_ij."""
    return row(*(part for part in node.parts if part != Operator("", "thin"))) if isinstance(node, Row) else node


def _gap(before: Node | None, node: Node) -> list[Node]:
    """A space between two factors, and between a large operator or a word and what it is applied to."""
    if before is None or (isinstance(node, Operator) and node.role != "prefix") or isinstance(before, Operator):
        return []
    start = node.parts[0] if isinstance(node, Row) else node
    if isinstance(before, Word) or isinstance(node, Word):
        return []
    if isinstance(start, Fence) and start.left in "([{" and not isinstance(before, (Large, Fraction)):
        return []
    return [Operator("", "apply" if isinstance(before, Large) else "thin")]
