"""Parts of the handwritten code that were never run: what numbers alone cannot speak about.

A part is told by its place in the source, down to the column, so that a branch on the line of its condition is seen as well.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import os
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CellType, CodeType, FrameType, FunctionType
from typing import Any

from derive.checking.running import attempt
from derive.checking.shortened import codes_of
from derive.checking.subject import Subject
from derive.points import Point

__all__ = ["unreached"]

Span = tuple[tuple[int, int], tuple[int, int]]  # from (line, column) to (line, column)
_LONGEST = 40
_MOST = 50
_LIBRARIES = tuple({os.path.abspath(sysconfig.get_path(kind)) for kind in ("stdlib", "purelib", "platlib")})
_KINDS_ALONE = frozenset({"isinstance", "hasattr", "callable", "ndim", "issubclass"})


def unreached(subject: Subject, points: Sequence[Point]) -> tuple[str, ...]:
    """The branches that no point reached, as sentences; those that only raise, or that the kind of the arguments decides, are not told.

    Args:
        subject: the handwritten code.
        points: where it is run.
    """
    functions = _with_helpers(subject.parts)
    codes = {code for function in functions for code in codes_of(function)}
    branches = [branch for function in functions for branch in _branches(function)]
    if not codes or not branches:
        return ()
    ran = _places_run(subject, points, codes)
    missed = [(span, text, alone) for span, text, alone in branches if not any(span[0] <= start and end <= span[1] for start, end in ran)]
    return tuple(dict.fromkeys(_sentence(span, text, alone) for span, text, alone in _outermost(missed)))


def _with_helpers(parts: Iterable[Callable[..., Any]]) -> list[Callable[..., Any]]:
    """These functions and the user's own functions that they call by name, from whatever file."""
    found = [inspect.unwrap(part) for part in parts]
    for function in found:
        if isinstance(function, FunctionType):
            free = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
            names = {name for code in codes_of(function) for name in code.co_names} - free.keys()
            values = [function.__globals__.get(name) for name in sorted(names)] + [_content(cell) for cell in free.values()]
            found += [value for value in values if isinstance(value, FunctionType) and _own(value) and value not in found and len(found) < _MOST]
    return found


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _own(function: FunctionType) -> bool:
    """Whether a function is the user's: its file is in no library."""
    file = os.path.abspath(function.__code__.co_filename)
    return not file.startswith(_LIBRARIES) and "site-packages" not in file


def _outermost(missed: Sequence[tuple[Span, str, bool]]) -> Iterator[tuple[Span, str, bool]]:
    """Those that are not within another one, from the first line on."""
    for one in sorted(missed):
        if not any(other[0] != one[0] and other[0][0] <= one[0][0] and one[0][1] <= other[0][1] for other in missed):
            yield one


def _sentence(span: Span, text: str, alone: bool) -> str:
    return f"line {span[0][0]} was not reached at any point" if alone else f"`{text}` on line {span[0][0]} was not reached at any point"


def _places_run(subject: Subject, points: Sequence[Point], codes: set[CodeType]) -> set[Span]:
    """The places in the source of all instructions that were run."""
    seen: set[tuple[CodeType, int]] = set()
    with _monitored(codes, seen) if sys.version_info >= (3, 12) else _traced(codes, seen):
        for point in points:
            attempt(subject, point)
    places = {code: list(code.co_positions()) for code in codes}
    known = (places[code][offset // 2] for code, offset in seen)
    return {((a, c), (b, d)) for a, b, c, d in known if a is not None and b is not None and c is not None and d is not None}


@contextlib.contextmanager
def _monitored(codes: set[CodeType], seen: set[tuple[CodeType, int]]) -> Iterator[None]:
    """Instructions by `sys.monitoring`, which Python 3.12 brought, and whose tracing leaves some out; nothing where no tool is free."""
    watch: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    tool = next((k for k in range(5, -1, -1) if watch.get_tool(k) is None), None)
    if tool is None:
        with _traced(codes, seen):
            yield
        return
    watch.use_tool_id(tool, "derive")
    watch.register_callback(tool, watch.events.INSTRUCTION, lambda code, offset: seen.add((code, offset)))
    try:
        for code in codes:
            watch.set_local_events(tool, code, watch.events.INSTRUCTION)
        yield
    finally:
        for code in codes:
            watch.set_local_events(tool, code, 0)
        watch.register_callback(tool, watch.events.INSTRUCTION, None)
        watch.free_tool_id(tool)


@contextlib.contextmanager
def _traced(codes: set[CodeType], seen: set[tuple[CodeType, int]]) -> Iterator[None]:
    """Instructions by `sys.settrace`."""
    def instruction(frame: FrameType, event: str, _: Any) -> Any:
        if event == "opcode":
            seen.add((frame.f_code, frame.f_lasti))
        return instruction

    def enter(frame: FrameType, _: str, __: Any) -> Any:
        if frame.f_code not in codes:
            return None
        frame.f_trace_opcodes = True
        return instruction

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def _branches(function: Callable[..., Any]) -> Iterator[tuple[Span, str, bool]]:
    """(where, source text, whether it begins its line) of all that is run under a condition alone."""
    try:
        lines, start = inspect.getsourcelines(inspect.unwrap(function))
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return
    margin = len(lines[0]) - len(lines[0].lstrip())
    for node in ast.walk(tree):
        for part in _parts(node):
            first, last = (part[0], part[-1]) if isinstance(part, list) else (part, part)
            span = ((start + first.lineno - 1, margin + first.col_offset), (start + (last.end_lineno or 0) - 1, margin + (last.end_col_offset or 0)))
            line = lines[first.lineno - 1]
            text = " ".join(ast.unparse(first).split())
            yield span, text if len(text) <= _LONGEST else text[:_LONGEST] + "…", not line.encode()[:margin + first.col_offset].strip()


def _parts(node: ast.AST) -> Iterable[Any]:
    """What a node runs under its condition alone: lists of statements, and expressions."""
    if isinstance(node, (ast.If, ast.While)):
        bodies = [body for body in (node.body, node.orelse) if body]
        return [] if _of_kinds(node.test) else [body for body in bodies if not isinstance(body[0], (ast.Raise, ast.Pass, ast.If))]
    if isinstance(node, ast.IfExp):
        return [] if _of_kinds(node.test) else [node.body, node.orelse]
    if isinstance(node, ast.BoolOp):
        return [] if _of_kinds(node.values[0]) else node.values[1:]
    return [case.body for case in node.cases] if isinstance(node, ast.Match) else []


def _of_kinds(test: ast.expr) -> bool:
    """Whether a condition asks for the kind of an argument, such as its type or its number of axes, and not for its values."""
    for node in ast.walk(test):
        if isinstance(node, ast.Compare) and any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops):
            return True
        if (isinstance(node, ast.Name) and node.id in _KINDS_ALONE) or (isinstance(node, ast.Attribute) and node.attr in _KINDS_ALONE):
            return True
    return False
