"""Layout as LaTeX mathematics, of the kind that LaTeX, MathJax and KaTeX all read."""

from __future__ import annotations

from derive.render.layout import Cases, Fence, Fraction, Large, Node, Number, Operator, Root, Row, Script, Symbol, Word, tall
from derive.render.names import GREEK, hatted

__all__ = ["LATEX_MARKS", "escaped", "latex_math", "prose"]

# The last name of a letter wins: `epsilon` rather than `eps`.
_COMMANDS = {letter: f"\\{name}" for name, letter in reversed(list(GREEK.items()))} | {
    "ε": r"\varepsilon", "λ": r"\lambda", "Σ": r"\Sigma",
}
_MARKS = {
    "−": "-", "·": r"\cdot", "≥": r"\geq", "≤": r"\leq", "≠": r"\neq", "∂": r"\partial", "∈": r"\in", "→": r"\to", "…": r"\dots",
    "√": r"\surd",
}
_SIDE_BY_SIDE = Operator("", "thin")
_FENCES = {"{": r"\lbrace", "}": r"\rbrace", "⌊": r"\lfloor", "⌋": r"\rfloor"}
_OWN = frozenset(("log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "arctan", "arcsin", "arccos", "max", "min"))
LATEX_MARKS = {
    **_COMMANDS, **_MARKS,
    "×": r"\times", "′": r"{}^{\prime}", "⊤": r"{}^{\top}", "∇": r"\nabla", "≈": r"\approx", "∞": r"\infty", "⇒": r"\Rightarrow",
    **{mark: f"{{}}_{digit}" for mark, digit in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789")},
    **{mark: f"{{}}^{digit}" for mark, digit in zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")}, "ᵀ": r"{}^{\top}", "½": r"\frac12",
}
"""Characters of prose that are mathematics in LaTeX."""
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", **{mark: f"\\{mark}" for mark in "&%$#_{}"}}


def latex_math(node: Node) -> str:
    r"""The layout as LaTeX, without the dollar signs: \frac{e^{z_{ic}}}{\sum_{b} e^{z_{ib}}}."""
    match node:
        case Symbol(base, sub, primes):
            return _name(base) + "'" * primes + (f"_{{{sub if sub.isdigit() else _upright(sub)}}}" if sub else "")
        case Number(text):
            return text
        case Word(text):
            return rf"\text{{{escaped(text)}}}"
        case Operator(mark, role):
            return _operator(_MARKS.get(mark, mark), role)
        case Large(mark, under):
            return rf"\{'sum' if mark == 'Σ' else mark}_{{{latex_math(under)}}}"
        case Row(parts):
            return _spaced([_between(parts, place) if part == _SIDE_BY_SIDE else latex_math(part) for place, part in enumerate(parts)])
        case Fence(left, body, right):
            return _fence(_FENCES.get(left, left), latex_math(body), _FENCES.get(right, right), tall(body))
        case _:
            return _stacked(node)


def _stacked(node: Node) -> str:
    match node:
        case Script(base, sub, sup):
            inner = latex_math(base)
            held = f"{{{inner}}}" if isinstance(base, Symbol) and (base.sub or base.primes) else inner
            return held + (f"_{{{latex_math(sub)}}}" if sub else "") + (f"^{{{latex_math(sup)}}}" if sup else "")
        case Fraction(top, bottom):
            return rf"\frac{{{latex_math(top)}}}{{{latex_math(bottom)}}}"
        case Root(body):
            return rf"\sqrt{{{latex_math(body)}}}"
        case Cases(rows):
            lines = r" \\ ".join(f"{latex_math(value)} & {_when(test)}" for value, test in rows)
            return rf"\begin{{cases}} {lines} \end{{cases}}"
        case _:
            raise TypeError(f"no LaTeX for {node!r}")


def _when(test: Node) -> str:
    return latex_math(test) if isinstance(test, Word) else rf"\text{{if }} {latex_math(test)}"


def _fence(left: str, body: str, right: str, grow: bool) -> str:
    if grow:
        return rf"\left{left} {body} \right{right}"
    return f"{left} {body} {right}" if left.startswith("\\") else f"{left}{body}{right}"


def _between(parts: tuple[Node, ...], place: int) -> str:
    """The gap between two factors: words would run together without one."""
    # not a backslash and a comma, which Markdown readers take for an escaped comma
    return r"\thinspace " if any(_wordy(parts[near]) for near in (place - 1, place + 1)) else " "


def _wordy(node: Node) -> bool:
    return _wordy(node.base) if isinstance(node, Script) else isinstance(node, Symbol) and len(node.base) > 1


def _operator(mark: str, role: str) -> str:
    if role in ("thin", "apply"):
        return " "
    if role in ("tight", "comma", "prefix"):
        return mark + (" " if role == "comma" or mark.startswith("\\") else "")
    return f" {mark} "


def _spaced(texts: list[str]) -> str:
    """The texts in a row, with a space where a command would swallow the letter after it."""
    out = ""
    for text in texts:
        command = out.rpartition("\\")[2]
        out += " " if "\\" in out and command.isalpha() and text[:1].isalpha() else ""
        out += text
    return out


def _name(base: str) -> str:
    if base in _COMMANDS:
        return _COMMANDS[base]
    if base in _OWN:
        return f"\\{base}"
    hat = hatted(base)
    if hat is not None:
        return (r"\mathrm{d}" if hat[0] else "") + rf"\hat{{{hat[1]}}}"
    return base if len(base) == 1 else _upright(base)


def _upright(word: str) -> str:
    return rf"\mathrm{{{escaped(word)}}}"


def prose(text: str) -> str:
    """Plain words for LaTeX: special characters escaped, mathematical letters in formulas, `code` in typewriter."""
    pieces = text.split("`")
    return "".join(rf"\texttt{{{_plain(piece)}}}" if place % 2 else _plain(piece) for place, piece in enumerate(pieces))


def _plain(text: str) -> str:
    return "".join(f"${LATEX_MARKS[char]}$" if char in LATEX_MARKS else char for char in escaped(text))


def escaped(text: str) -> str:
    """Plain text with the characters that LaTeX would read as commands escaped."""
    return "".join(_SPECIAL.get(char, char) for char in text)
