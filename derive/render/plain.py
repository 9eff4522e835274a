"""Layout as one line of Unicode text, or of plain ASCII."""

from __future__ import annotations

import re

from derive.render.layout import Cases, Fence, Fraction, Large, Node, Number, Operator, Root, Row, Script, Symbol, Word
from derive.render.names import GREEK

__all__ = ["ascii_text", "unicode_text"]

_THIN = Operator("", "thin")
_LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_HIGH = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_LATIN = {letter: name for name, letter in reversed(list(GREEK.items()))} | {
    "Σ": "sum", "−": "-", "·": "*", "∂": "d", "√": "sqrt", "≥": ">=", "≤": "<=", "≠": "!=", "′": "'", "δ": "delta",
    **dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789")), **dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")),
}


def ascii_text(node: Node) -> str:
    """The layout in ASCII characters, as far as the user's names allow."""
    raised = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", r"^\g<0>", unicode_text(node))
    return "".join(_LATIN.get(char, char) for char in raised)


def unicode_text(node: Node) -> str:
    """The layout on one line: p_ic = e^{z_ic} / Σ_b e^{z_ib}."""
    match node:
        case Symbol(base, sub, primes):
            low = sub.translate(_LOW) if sub.isdigit() else f"_{sub}" if sub else ""
            return base + low + "′" * primes
        case Number(text) | Word(text):
            return text
        case Operator(mark, role):
            return {"thin": " ", "apply": " ", "comma": f"{mark} ", "tight": mark, "prefix": mark}.get(role, f" {mark} ")
        case Large(mark, under):
            return f"{mark}_{_braced(under)}"
        case Row(parts):
            return "".join(_beside(parts, place) for place in range(len(parts)))
        case Fence(left, body, right):
            return f"{left}{unicode_text(body)}{right}"
        case _:
            return _stacked(node)


def _stacked(node: Node) -> str:
    match node:
        case Script(base, sub, sup):
            return unicode_text(base) + (f"_{_braced(sub)}" if sub else "") + (_raised(sup) if sup else "")
        case Fraction(top, bottom):
            mark = "/" if unicode_text(top).startswith("∂") else " / "
            return f"{_closed(top)}{mark}{_closed(bottom)}"
        case Root(body):
            return f"√{_closed(body)}"
        case Cases(rows):
            return "{" + "; ".join(f"{unicode_text(value)} {_when(test)}" for value, test in rows) + "}"
        case _:
            raise TypeError(f"no text for {node!r}")


def _beside(parts: tuple[Node, ...], place: int) -> str:
    """A part of a row; a fraction that was laid out for stacking is parenthesised beside a factor, unless it is a derivative."""
    part, before, after = parts[place], parts[place - 1] if place else None, parts[place + 1] if place + 1 < len(parts) else None
    if part == _THIN and _curly(before) and _curly(after):
        return " · "
    text = unicode_text(part)
    return f"({text})" if isinstance(part, Fraction) and not _curly(part) and _THIN in (before, after) else text


def _curly(node: Node | None) -> bool:
    return isinstance(node, Fraction) and unicode_text(node.top).startswith("∂")


def _when(test: Node) -> str:
    return unicode_text(test) if isinstance(test, Word) else f"if {unicode_text(test)}"


def _braced(node: Node) -> str:
    """A script: bare where it is a run of letters, else in braces."""
    text = unicode_text(node)
    parts = node.parts if isinstance(node, Row) else (node,)
    digits = len(parts) == 1 and isinstance(node, Number)
    letters = all(isinstance(part, Symbol) and len(part.base) == 1 and not part.sub for part in parts)
    return text if digits or letters else "{" + text + "}"


def _raised(node: Node) -> str:
    number = node.parts[-1] if isinstance(node, Row) and len(node.parts) == 2 and node.parts[0] == Operator("−", "prefix") else node
    if isinstance(number, Number):
        return unicode_text(node).translate(_HIGH)
    return f"^{_braced(node)}"


def _closed(node: Node) -> str:
    """Of a fraction or root that was laid out for stacking: parenthesised where it has parts."""
    text = unicode_text(node)
    return f"({text})" if " " in text else text
