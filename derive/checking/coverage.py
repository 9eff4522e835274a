"""Lines of the handwritten code that were never run: what numbers alone cannot speak about."""

from __future__ import annotations

import ast
import dis
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FrameType
from typing import Any

from derive.checking.running import attempt
from derive.checking.subject import Subject
from derive.points import Point

__all__ = ["unreached"]


def unreached(subject: Subject, points: Sequence[Point]) -> tuple[str, ...]:
    """The statements under a branch that no point reached, as sentences; lines that only raise are not told.

    Args:
        subject: the handwritten code.
        points: where it is run.
    """
    codes = {code for part in subject.parts for code in _codes(getattr(inspect.unwrap(part), "__code__", None))}
    if not codes:
        return ()
    seen = _lines_run(subject, points, codes)
    wanted = {line for code in codes for _, line in dis.findlinestarts(code) if line is not None and line != code.co_firstlineno}
    branched = {line for part in subject.parts for line in _under_branches(part)}
    return tuple(f"line {line} was not reached at any point" for line in sorted((wanted & branched) - seen))


def _codes(code: CodeType | None) -> Iterator[CodeType]:
    """A function's code and that of the functions inside of it."""
    if code is not None:
        yield code
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                yield from _codes(inner)


def _lines_run(subject: Subject, points: Sequence[Point], codes: set[CodeType]) -> set[int]:
    seen: set[int] = set()

    def line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            seen.add(frame.f_lineno)
        return line

    def enter(frame: FrameType, _: str, __: Any) -> Any:
        return line if frame.f_code in codes else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        for point in points:
            attempt(subject, point)
    finally:
        sys.settrace(before)
    return seen


def _under_branches(function: Callable[..., Any]) -> Iterator[int]:
    """The first line of each statement under an `if`, of those that do more than raise or go on."""
    try:
        lines, start = inspect.getsourcelines(inspect.unwrap(function))
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.If):
            first = [body[0] for body in (node.body, node.orelse) if body]
            yield from (start + one.lineno - 1 for one in first if not isinstance(one, (ast.Raise, ast.Pass, ast.If)))
