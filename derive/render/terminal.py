"""A document as Unicode text for the terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from derive.render.blocks import (
    Block,
    Chain,
    Choice,
    Code,
    Document,
    Entries,
    Equation,
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
from derive.render.plain import unicode_text
from derive.render.texmath import UnreadableError, read_latex

__all__ = ["broken", "terminal_text"]

_BOLD, _DIM, _ACCENT, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[0m"
_DEPTH = {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}


def terminal_text(document: Document, width: int = 100, colour: bool = False) -> str:
    """The document in lines of at most `width` characters, where the words in it allow; with ANSI colours if `colour`."""
    paper = _Paper(max(width, 30), colour)
    title = document.title.replace("`", "")
    out = [paper.ink(title, _BOLD), "═" * min(len(title), paper.width), ""] if title else []
    for block in document.blocks:
        lines = list(paper.block(block))
        out += lines if isinstance(block, Heading) else [*lines, ""]
    return "\n".join(line.rstrip() for line in out).rstrip("\n") + "\n"


def broken(formula: str, width: int, indent: str = "") -> list[str]:
    """The formula in lines of at most `width`, broken before = + − · outside of brackets where possible; later lines are indented."""
    lines: list[str] = []
    while len(formula) > width:
        cut = _best_break(formula, width, len(indent) if lines else 0)
        if cut is None:
            break
        lines.append(formula[:cut].rstrip())
        formula = indent + formula[cut:].lstrip()
    return [*lines, formula]


def _roomy(formula: str, width: int, indent: str, tag: str) -> list[str]:
    """The formula in lines, broken once more where that leaves room for its remark behind the last one."""
    lines = broken(formula, width, indent)
    room = width - 3 - len(tag)
    if not tag or len(lines[-1]) <= room or room < width // 2:
        return lines
    narrow = broken(formula, room, indent)
    fits = max(map(len, narrow)) <= room and _torn(narrow) <= _torn(lines)
    return narrow if fits else lines


def _torn(lines: list[str]) -> int:
    """How many lines begin in the middle of a term."""
    return sum(line.lstrip()[:1] not in ("=", "+", "−") for line in lines[1:])


def _best_break(formula: str, width: int, start: int) -> int | None:
    """Where to break: as far outside as possible, before a relation, a sign, or any space, as far right as possible."""
    depth, best = 0, (-1000, -1)
    first = start + (width - start) // 3  # no short lines for the sake of a bracket
    for place, char in enumerate(formula[: width + 1]):
        depth += _DEPTH.get(char, 0)
        if char != " " or place <= start or formula[place - 1] in "=+−·/" or formula[place + 1 : place + 2] == "/":
            continue  # a mark stays with what follows it, a quotient together
        mark = formula[place + 1 : place + 2]
        rank = 0 if mark in "=<>≤≥≠" else 1 if mark in "+−" else 2 if mark == "·" else 3
        best = max(best, (-depth * 4 - rank - (100 if place < first else 0), place))
    return best[1] if best[1] >= 0 else None


class _Paper:
    def __init__(self, width: int, colour: bool) -> None:
        self.width, self._colour = width, colour

    def ink(self, text: str, code: str) -> str:
        return f"{code}{text}{_RESET}" if self._colour and text else text

    def block(self, block: Block) -> Iterator[str]:
        match block:
            case Heading(text):
                title = text.replace("`", "")
                yield from (self.ink(title, _BOLD), self.ink("─" * min(len(title), self.width), _DIM))
            case Prose(text):
                yield from textwrap.wrap(text.replace("`", ""), self.width)
            case Code(text, _):
                yield from (f"    {line}" for line in text.splitlines())
            case Legend(rows):
                yield from self._legend([(_entries(marks), _phrase(words)) for marks, words in rows])
            case Equations(rows, _):
                yield from self._equations(rows)
            case Chain():
                yield from self._chain(block)
            case _:
                yield from self._list(block)

    def _list(self, block: Block) -> Iterator[str]:
        match block:
            case Choice(left, rows):
                yield from self._choice(unicode_text(left), [(unicode_text(value), unicode_text(test)) for value, test in rows])
            case Theorems(rows):
                yield from (line for theorem in rows for line in self._theorem(theorem))
            case Items(rows):
                for text, test in rows:
                    whole = text if test is None else f"{text}: {unicode_text(test)}"
                    yield from textwrap.wrap(whole.replace("`", ""), self.width, initial_indent="  • ", subsequent_indent="    ")
            case Extra():
                yield from self._extra(block)

    def _legend(self, rows: list[tuple[str, str]]) -> Iterator[str]:
        column = max((len(marks) for marks, _ in rows), default=0)
        for marks, words in rows:
            yield from textwrap.wrap(words, self.width, initial_indent=f"  {marks:<{column}}  ", subsequent_indent=" " * (column + 4))

    def _equations(self, rows: tuple[Equation, ...]) -> Iterator[str]:
        lefts = [f"  {unicode_text(equation.left)} = " for equation in rows]
        shown = [_roomy(left + unicode_text(equation.right), self.width, " " * min(len(left), 16), equation.note)
                 for left, equation in zip(lefts, rows)]
        column = self._column([lines[-1] for lines in shown], [equation.note for equation in rows])
        for lines, equation in zip(shown, rows):
            yield from self._tagged(lines, equation.note, 3, column)

    def _tagged(self, lines: list[str], tag: str, gap: int, column: int = 0) -> Iterator[str]:
        """The lines with a remark behind the last one, or below where there is no room."""
        if not tag:
            yield from lines
            return
        at = max(column if column + len(tag) <= self.width else 0, len(lines[-1]) + gap)
        if at + len(tag) <= self.width:
            yield from (*lines[:-1], lines[-1].ljust(at) + self.ink(tag, _ACCENT))
            return
        yield from lines
        yield from (self.ink(line, _ACCENT) for line in textwrap.wrap(tag, self.width, initial_indent=" " * 8, subsequent_indent=" " * 9))

    def _chain(self, chain: Chain) -> Iterator[str]:
        left = "  " + (unicode_text(chain.left) if chain.left is not None else "")
        margin = " " * (len(left) if chain.left is not None and len(left) <= self.width // 4 else 4)
        if chain.left is None:
            yield from broken(f"  {unicode_text(chain.start)}", self.width, " " * 6)
        elif len(left) == len(margin):
            yield from broken(f"{left} = {unicode_text(chain.start)}", self.width, f"{margin}     ")
        else:
            yield left
            yield from broken(f"{margin} = {unicode_text(chain.start)}", self.width, f"{margin}     ")
        tags = [f"[{link.rule}]" + (f" {link.note}" if link.note else "") for link in chain.links]
        shown = [_roomy(f"{margin} = {unicode_text(link.value)}", self.width, f"{margin}     ", tag) for link, tag in zip(chain.links, tags)]
        column = self._column([lines[-1] for lines in shown], tags)
        for lines, tag in zip(shown, tags):
            yield from self._tagged(lines, tag, 3, column)

    def _column(self, lines: list[str], tags: list[str]) -> int:
        """Where the remarks stand below each other: behind the longest line that leaves room for its own."""
        fitting = [len(line) + 3 for line, tag in zip(lines, tags) if tag and len(line) + 3 + len(tag) <= self.width]
        return max(fitting, default=0)

    def _choice(self, left: str, rows: list[tuple[str, str]]) -> Iterator[str]:
        column = max(len(value) for value, _ in rows)
        for place, (value, test) in enumerate(rows):
            brace = "⎧⎩"[place] if len(rows) == 2 else "⎨⎧⎩"[0 if 0 < place < len(rows) - 1 else 1 if place == 0 else 2]
            head = f"  {left} = " if place == 0 else " " * (len(left) + 5)
            when = test if test == "otherwise" else f"if {test}"
            yield f"{head}{brace} {value:<{column}}   {when}"

    def _theorem(self, theorem: Theorem) -> Iterator[str]:
        head = f"  {theorem.rule}: "
        body = textwrap.wrap(head + theorem.words, self.width, subsequent_indent="    ")
        yield from (self.ink(line, _DIM) for line in body)
        if theorem.latex:
            yield from (self.ink(line, _DIM) for line in broken(f"      {readable(theorem.latex)}", self.width, " " * 10))

    def _extra(self, extra: Extra) -> Iterator[str]:
        kind, text = extra.best("text", "python", "latex")
        shown = readable(text) if kind == "latex" else text
        yield from (f"    {line}" for line in shown.splitlines())


def readable(latex: str) -> str:
    """LaTeX as a line of text, or as it stands where it cannot be read."""
    try:
        return re.sub(r" +", " ", unicode_text(read_latex(latex)))
    except UnreadableError:
        return latex


def _entries(entries: Entries) -> str:
    return ", ".join(map(unicode_text, entries.nodes))


def _phrase(phrase: Phrase) -> str:
    return "".join(part if isinstance(part, str) else unicode_text(part) for part in phrase)
