"""The terminal: colours where there is a terminal that wants them, plain text elsewhere; rich where it is installed."""

from __future__ import annotations

import io
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from derive.data.extras import extra
from derive.errors import MissingExtra

__all__ = ["Screen"]

_WIDEST, _NARROWEST = 110, 40
_CODES = {"bold": "1", "dim": "2", "good": "32", "bad": "31", "unsure": "33", "accent": "36"}
_MARKS = {"good": "✓", "bad": "✗", "unsure": "?"}

Progress = Callable[[int, int, float], None]


class Screen:
    """Writes to one stream.

    Attributes:
        width: the columns to use.
        colour: whether ANSI colours are written: to a terminal, unless NO_COLOR is set or TERM is dumb; or where FORCE_COLOR is set.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        if isinstance(self.stream, io.TextIOWrapper):
            self.stream.reconfigure(errors="replace")  # a terminal that cannot show λ shows a question mark
        self.terminal = self.stream.isatty()
        wanted = bool(os.environ.get("FORCE_COLOR")) or (self.terminal and os.environ.get("TERM") != "dumb")
        self.colour = wanted and not os.environ.get("NO_COLOR")
        self.width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((100, 40)).columns))

    def ink(self, text: str, style: str) -> str:
        """The text in a colour, where there are colours."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colour and text else text

    def raw(self, text: str = "") -> None:
        """Text as it stands."""
        self.stream.write(text if text.endswith("\n") else text + "\n")

    def heading(self, text: str, remark: str = "") -> None:
        """The title of a part, over a line; a remark stands at the right, where there is room."""
        room = self.width - len(text) - len(remark)
        tail = " " * room + self.ink(remark, "dim") if remark and room > 1 else ""
        self.raw(f"\n{self.ink(text, 'bold')}{tail}\n{self.ink('━' * self.width, 'accent')}")
        self.stream.flush()

    def words(self, text: str, indent: str = "", style: str = "") -> None:
        """A paragraph in lines of the terminal's width."""
        for line in textwrap.wrap(text, self.width, initial_indent=indent, subsequent_indent=indent, break_long_words=False,
                                  break_on_hyphens=False):
            self.raw(self.ink(line, style) if style else line)

    def verdict(self, kind: str, head: str, text: str = "") -> None:
        """A line with a mark: `kind` is 'good', 'bad' or 'unsure'; `head` is the verdict, `text` what it is about."""
        lead = f"  {_MARKS[kind]} {head}"
        body = textwrap.wrap(f"{lead}{'  ' if text else ''}{text}", self.width, subsequent_indent="    ", drop_whitespace=True)
        first, *rest = body or [lead]
        self.raw(self.ink(lead, kind) + first[len(lead):] if first.startswith(lead) else first)
        for line in rest:
            self.raw(line)

    def pairs(self, rows: list[tuple[str, str]]) -> None:
        """Names and values in two columns."""
        column = max((len(name) for name, _ in rows), default=0)
        for name, value in rows:
            lead = f"  {name:<{column}}  "
            lines = textwrap.wrap(value, max(20, self.width - len(lead)), break_long_words=False, break_on_hyphens=False) or [""]
            self.raw(self.ink(lead, "dim") + lines[0])
            for line in lines[1:]:
                self.raw(" " * len(lead) + line)

    def code(self, source: str, indent: str = "    ") -> None:
        """Python source, coloured where there are colours and rich is installed."""
        shown = self._highlighted(source) if self.colour else source
        for line in shown.rstrip("\n").split("\n"):
            self.raw((indent + line).rstrip())

    def _highlighted(self, source: str) -> str:
        try:
            syntax, console = extra("rich.syntax", "colours"), extra("rich.console", "colours")
        except MissingExtra:
            return source
        out = io.StringIO()
        width = max(map(len, source.splitlines()), default=1)
        page = console.Console(file=out, force_terminal=True, color_system="standard", width=width, no_color=False)
        page.print(syntax.Syntax(source, "python", theme="ansi_dark", background_color="default"))
        return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))

    @contextmanager
    def progress(self, what: str) -> Iterator[Progress]:
        """A function to call as `report(step, steps, value)`: a bar in a terminal, four lines elsewhere."""
        bar = self._bar() if self.terminal else None
        if bar is None:
            yield _Lines(self, what)
            return
        with bar:
            task = bar.add_task(what, total=None, loss="")
            yield lambda step, steps, value: bar.update(task, completed=step, total=steps, loss=f"loss {value:.4f}")

    def _bar(self) -> Any:
        try:
            module, console = extra("rich.progress", "the progress bar"), extra("rich.console", "the progress bar")
        except MissingExtra:
            return None
        page = console.Console(file=self.stream, width=self.width, no_color=not self.colour)
        columns = (module.TextColumn("  {task.description}"), module.BarColumn(bar_width=None), module.MofNCompleteColumn(),
                   module.TextColumn("{task.fields[loss]}"), module.TimeElapsedColumn())
        return module.Progress(*columns, console=page)


class _Lines:
    """Progress as lines of text, one for each quarter."""

    def __init__(self, screen: Screen, what: str) -> None:
        self.screen, self.what, self.quarter = screen, what, 0

    def __call__(self, step: int, steps: int, value: float) -> None:
        if 4 * step >= (self.quarter + 1) * steps:
            self.quarter = 4 * step // steps
            self.screen.raw(f"  {self.what}: {step} of {steps}, loss {value:.4f}")
