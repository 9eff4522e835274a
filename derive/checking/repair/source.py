"""The user's functions as text that can be edited at a place: positions, parents, what runs in their stead, and the diff.

Legend: a unit is one function with its text; an edit replaces the bytes start … end of a unit's text.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import itertools
import linecache
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from derive.errors import Place

__all__ = ["Edit", "Unit", "built", "units_of"]

Function = Callable[..., Any]
_SERIAL = itertools.count()


@dataclass(frozen=True)
class Edit:
    """One change of one unit.

    Attributes:
        unit: its position among the units.
        start, end: the bytes that are replaced.
        text: what stands there instead.
        words: what the edit does, to read.
        rank: how far-fetched it is; edits whose ranks are close are equally plausible.
    """

    unit: int
    start: int
    end: int
    text: str
    words: str
    rank: float


class Unit:
    """One function with its source.

    Args:
        function: a plain Python function.
        number: its position among the units.

    Raises:
        OSError, SyntaxError, TypeError: there is no source of its own.
    """

    def __init__(self, function: Function, number: int) -> None:
        if not isinstance(function, types.FunctionType):
            raise TypeError("no plain function")
        lines, first = inspect.getsourcelines(function)
        self.function, self.number, self.first = function, number, max(first, 1)
        self.file = inspect.getsourcefile(function) or function.__code__.co_filename
        self.text = "".join(lines)
        self.data = self.text.encode()
        self.nested = self.text[:1].isspace()
        tree = ast.parse(self._whole(self.text))
        found = tree.body[0].body[0] if self.nested and isinstance(tree.body[0], ast.If) else tree.body[0]
        if not isinstance(found, ast.FunctionDef) or found.decorator_list:
            raise TypeError("no plain def")
        self.tree = found
        self.parents = {kid: node for node in ast.walk(found) for kid in ast.iter_child_nodes(node)}
        self.starts = [0, *itertools.accumulate(len(line) for line in self.data.splitlines(keepends=True))]
        self.kept: types.CodeType | None = None

    def _whole(self, text: str) -> str:
        """The text as a module: an indented function stands under an `if`."""
        return "if 1:\n" + text if self.nested else text

    def _offset(self, line: int, column: int) -> int:
        return self.starts[line - 1 - int(self.nested)] + column

    def span(self, node: ast.AST) -> tuple[int, int]:
        """The bytes of a node, (start, end)."""
        place: Any = node
        return self._offset(place.lineno, place.col_offset), self._offset(place.end_lineno, place.end_col_offset)

    def source(self, node: ast.AST) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.data[start:end].decode()

    def lines(self, node: ast.AST) -> tuple[int, int]:
        """The bytes of a statement with its indentation and the end of its last line."""
        place: Any = node
        shift = 1 + int(self.nested)
        return self.starts[place.lineno - shift], self.starts[min(place.end_lineno - shift + 1, len(self.starts) - 1)]

    def inside(self, kinds: tuple[type[ast.AST], ...], node: ast.AST) -> bool:
        """Whether the node stands inside of a node of one of these kinds."""
        above = self.parents.get(node)
        while above is not None:
            if isinstance(above, kinds):
                return True
            above = self.parents.get(above)
        return False

    def edited(self, edits: Sequence[Edit]) -> str:
        """The text after these edits, which must not overlap."""
        data = self.data
        for edit in sorted(edits, key=lambda e: (e.start, e.end), reverse=True):
            data = data[:edit.start] + edit.text.encode() + data[edit.end:]
        return data.decode()

    def code(self, text: str | None = None) -> types.CodeType:
        """The compiled definition; without a text, the user's own.

        Raises:
            SyntaxError, ValueError: the text is no Python.
        """
        if text is not None:
            return compile(self._whole(text), "<repair>", "exec")
        if self.kept is None:
            self.kept = self.listed(self.text)
        return self.kept

    def listed(self, text: str) -> types.CodeType:
        """The compiled definition, whose source can be looked up like that of a function in a file."""
        file = f"<repaired {self.function.__name__} {next(_SERIAL)}>"
        whole = "\n" * (self.first - 1 - int(self.nested)) + self._whole(text) if self.first > 1 else self._whole(text)
        linecache.cache[file] = (len(whole), None, whole.splitlines(keepends=True), file)
        return compile(whole, file, "exec")

    def diff(self, text: str) -> tuple[str, Place]:
        """(the change as a unified diff with the file's own line numbers, the first changed line)."""
        old, new = self.text.splitlines(), text.splitlines()
        blocks = [b for b in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if b[0] != "equal"]
        name = Path(self.file).name
        out = [f"--- {name}", f"+++ {name}"]
        shift = 0
        for _, i, j, k, n in blocks:
            out.append(f"@@ -{_range(self.first + i, j - i)} +{_range(self.first + i + shift, n - k)} @@")
            out += [f"-{line}" for line in old[i:j]] + [f"+{line}" for line in new[k:n]]
            shift += (n - k) - (j - i)
        at = min(blocks[0][1], len(old) - 1) if blocks else 0
        return "\n".join(out), Place(self.file, self.first + at, old[at])


def _range(start: int, length: int) -> str:
    """A range of lines as unified diffs write it; an empty one is named by the line before it."""
    return f"{start}" if length == 1 else f"{start - 1 if length == 0 else start},{length}"


def _helpers(function: types.FunctionType) -> Iterator[types.FunctionType]:
    """The functions of the same file that a function calls by name."""
    free = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    for name in (*function.__code__.co_names, *free):
        try:
            value = free[name].cell_contents if name in free else function.__globals__.get(name)
        except ValueError:
            continue
        if isinstance(value, types.FunctionType) and value.__code__.co_filename == function.__code__.co_filename and value.__name__ == name:
            yield value


def units_of(parts: Sequence[Function]) -> list[Unit] | None:
    """The user's functions and the helpers of the same file that they call; None where one of the former has no source of its own."""
    out: list[Unit] = []
    for part in parts:
        try:
            out.append(Unit(part, len(out)))
        except (OSError, SyntaxError, TypeError, IndexError):
            return None
    for unit in out:
        for helper in _helpers(unit.function):
            if all(helper is not one.function for one in out) and len(out) < 6:
                try:
                    out.append(Unit(helper, len(out)))
                except (OSError, SyntaxError, TypeError, IndexError):
                    continue
    return out


def built(units: Sequence[Unit], codes: Sequence[types.CodeType]) -> list[Function]:
    """The functions that these definitions make, which see one another and whatever the user's own see."""
    space: dict[str, Any] = {}
    for unit in units:
        space.update(unit.function.__globals__)
    for unit in units:
        for name, cell in zip(unit.function.__code__.co_freevars, unit.function.__closure__ or ()):
            try:
                space[name] = cell.cell_contents
            except ValueError:
                continue
    for code in codes:
        exec(code, space)
    return [space[unit.function.__name__] for unit in units]
