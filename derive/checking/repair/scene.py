"""A unit with what its names held in a run, and how a new text is put in the place of a node.

Legend: a level is an expression that stands for a whole value: what is assigned or returned, an additive term of it, an argument of a call.
"""

from __future__ import annotations

import ast
import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from derive.checking.repair.source import Edit, Unit

__all__ = ["ADD", "ATOM", "LOOSE", "PRODUCT", "SIGN", "Kind", "Scene", "binding"]

LOOSE, ADD, PRODUCT, SIGN, ATOM = 0, 1, 2, 3, 5
Kind = tuple[int, str, tuple[int, ...]]
_PLAIN = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Subscript, ast.Slice, ast.Tuple, ast.Attribute, ast.Call, ast.Compare, ast.operator,
          ast.unaryop, ast.cmpop, ast.expr_context, ast.keyword)
_PURE = {"dot", "matmul", "sum", "mean", "reshape", "transpose", "exp", "log", "tanh", "sqrt", "maximum", "outer", "square", "multiply", "where",
         "len"}
_TIGHT = (ast.Attribute, ast.Subscript, ast.Call)


def binding(node: ast.AST) -> int:
    """How tightly an expression holds together."""
    if isinstance(node, ast.BinOp):
        return ADD if isinstance(node.op, (ast.Add, ast.Sub)) else PRODUCT
    if isinstance(node, ast.UnaryOp):
        return SIGN
    return LOOSE if isinstance(node, (ast.Compare, ast.BoolOp, ast.IfExp, ast.Lambda)) else ATOM


class Scene:
    """What the generators of edits look at.

    Args:
        unit: the function that is edited.
        held: what each local name held at the end of a run.
        sizes: the concrete sizes of that run, by name.
        numbers: that the diagnosis speaks of.
    """

    def __init__(self, unit: Unit, held: Mapping[str, Any], sizes: Mapping[str, int], numbers: Sequence[str] = ()) -> None:
        self.unit, self.sizes, self.numbers = unit, sizes, tuple(numbers)
        self.held = {name: value for name, value in held.items() if isinstance(value, (np.ndarray, np.generic, int, float))}
        self._kinds: dict[ast.expr, Kind | None] = {}
        self.parameters = [a.arg for a in (*unit.tree.args.posonlyargs, *unit.tree.args.args, *unit.tree.args.kwonlyargs)]
        self.numpy = next((n for n, v in unit.function.__globals__.items() if v is np), "np")

    @functools.cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the body that may be edited: nothing that decides how often a `while` runs."""
        inside = [node for statement in self.unit.tree.body for node in ast.walk(statement)]
        return [node for node in inside if not isinstance(node, ast.While) and not self.unit.inside((ast.While, ast.Lambda), node)]

    @functools.cached_property
    def counters(self) -> set[str]:
        """The names that loops count with."""
        loops = [node.target for node in ast.walk(self.unit.tree) if isinstance(node, (ast.For, ast.comprehension))]
        return {part.id for target in loops for part in ast.walk(target) if isinstance(part, ast.Name)}

    @functools.cached_property
    def divisors(self) -> list[str]:
        """An expression for each size, a name where there is one."""
        out: dict[int, str] = {}
        sizes = set(self.sizes.values())
        for name, value in self.held.items():
            if isinstance(value, (int, float, np.integer)) and not isinstance(value, bool) and value in sizes and name not in self.counters:
                out.setdefault(int(value), name)
        for name in self.parameters:
            for axis, size in enumerate(np.shape(self.held.get(name, 0))):
                if size in sizes:
                    out.setdefault(size, f"{name}.shape[{axis}]")
        return list(out.values())

    def kind(self, name: str) -> Kind | None:
        """(number of axes, 'f' or 'i', shape) of what a name held."""
        return _kind_of(self.held.get(name))

    def kind_of(self, node: ast.expr) -> Kind | None:
        """The same of an expression with the values that the names held at the end; None where it is no plain arithmetic of arrays."""
        if isinstance(node, ast.Name):
            return self.kind(node.id)
        if node not in self._kinds:
            value = None
            if all(isinstance(part, _PLAIN) and (not isinstance(part, ast.Call) or _is_pure(part)) for part in ast.walk(node)):
                with contextlib.suppress(Exception), np.errstate(all="ignore"):  # it may raise at the values of another moment
                    code = compile(ast.Expression(node), "<expression>", "eval")
                    value = eval(code, {**self.unit.function.__globals__}, dict(self.held))  # the user's own arithmetic
            self._kinds[node] = _kind_of(value)
        return self._kinds[node]

    def alike(self, name: str) -> Iterator[str]:
        """Other names that held an array of the same shape and kind."""
        yield from (other for other in self.of_kind(self.kind(name)) if other != name)

    def of_kind(self, own: Kind | None) -> Iterator[str]:
        """The names that held an array of this shape and kind."""
        if own is not None:
            yield from (other for other in self.held if self.kind(other) == own)

    @functools.cached_property
    def levels(self) -> list[tuple[ast.expr, float]]:
        """(expression, how deep it stands), whole values first."""
        out: dict[ast.expr, float] = {}
        for node in self.nodes:
            value = node.value if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return, ast.AnnAssign)) else None
            parts = [value] if value is not None else []
            if isinstance(value, (ast.Tuple, ast.List)):
                parts = list(value.elts)
            if isinstance(value, ast.Dict):
                parts = list(value.values)
            for part in parts:
                self._summands(part, 0.0, out)
            if isinstance(node, ast.Call):
                for argument in node.args:
                    self._summands(argument, 1.0, out)
        return [(node, depth) for node, depth in out.items() if not isinstance(node, (ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Starred))]

    def _summands(self, node: ast.expr, depth: float, out: dict[ast.expr, float]) -> None:
        out.setdefault(node, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
            for part in (node.left, node.right):
                self._summands(part, depth + 0.3, out)

    def _demanded(self, node: ast.AST) -> int:
        """How tightly what stands in the place of the node must hold together."""
        above = self.unit.parents.get(node)
        if self._enclosed(node):
            return LOOSE
        if isinstance(above, ast.BinOp):
            if isinstance(above.op, (ast.Pow, ast.MatMult)):
                return ATOM
            own = binding(above)
            return own + (node is above.right)
        if isinstance(above, ast.UnaryOp):
            return SIGN
        tight = isinstance(above, _TIGHT) and (getattr(above, "value", None) is node or getattr(above, "func", None) is node)
        return ATOM if tight else ADD if isinstance(above, (ast.Compare, ast.BoolOp)) else LOOSE

    def _enclosed(self, node: ast.AST) -> bool:
        start, end = self.unit.span(node)
        return self.unit.data[:start].rstrip()[-1:] == b"(" and self.unit.data[end:].lstrip()[:1] == b")"

    def source(self, node: ast.AST, demanded: int = LOOSE) -> str:
        """The text of a node, in parentheses where it does not hold together as tightly as is demanded."""
        text = self.unit.source(node)
        return f"({text})" if binding(node) < demanded else text

    def put(self, node: ast.AST, text: str, tight: int, words: str, rank: float) -> Edit:
        """The edit that puts a text in the place of a node.

        Args:
            tight: how tightly the text holds together.
        """
        start, end = self.unit.span(node)
        return Edit(self.unit.number, start, end, f"({text})" if tight < self._demanded(node) else text, words, rank)

    def between(self, left: ast.AST, right: ast.AST, old: str, new: str, words: str, rank: float) -> Iterator[Edit]:
        """The edit that changes the operator which stands between two nodes."""
        start, end = self.unit.span(left)[1], self.unit.span(right)[0]
        at = self.unit.data[start:end].find(old.encode())
        if at >= 0:
            yield Edit(self.unit.number, start + at, start + at + len(old.encode()), new, words, rank)

    def line(self, statement: ast.stmt, text: str, words: str, rank: float, after: bool = True) -> Edit:
        """The edit that puts a new line after (or before) a statement."""
        start, end = self.unit.lines(statement)
        place = end if after else start
        indent = self.unit.data[start:].decode()
        indent = indent[:len(indent) - len(indent.lstrip(" \t"))]
        missing = "\n" if after and self.unit.data[:end][-1:] != b"\n" else ""
        return Edit(self.unit.number, place, place, f"{missing}{indent}{text}\n", words, rank)


def _is_pure(call: ast.Call) -> bool:
    """Whether a call does nothing but compute, as far as its name tells."""
    return (call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else "") in _PURE


def _kind_of(value: Any) -> Kind | None:
    if value is None or isinstance(value, bool) or not isinstance(value, (np.ndarray, np.generic, int, float)):
        return None
    array = np.asarray(value)
    return (array.ndim, "f" if array.dtype.kind == "f" else "i", array.shape) if array.dtype.kind in "fiu" else None
