"""Edits of whole statements: one is left out, moved into or out of a block, changes places with the next, or is put in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from derive.checking.repair.scene import SIGN, Scene
from derive.checking.repair.source import Edit

__all__ = ["bodies", "buffered", "discarded", "stored"]

_FIXED = (ast.Return, ast.FunctionDef, ast.Import, ast.ImportFrom, ast.Pass, ast.For, ast.If, ast.While)
_ALL = "let every one of several equal labels count"
_AT = {ast.Add: "add", ast.Sub: "subtract"}


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "…"


def bodies(scene: Scene) -> Iterator[Edit]:
    """For every block: its statements left out, swapped, moved, and lines put in between."""
    blocks: list[tuple[ast.AST, list[ast.stmt]]] = [(scene.unit.tree, scene.unit.tree.body)]
    for node in scene.nodes:
        if isinstance(node, (ast.For, ast.If)):
            blocks += [(node, node.body), (node, node.orelse)]
    for owner, block in blocks:
        for k, statement in enumerate(block):
            following = block[k + 1] if k + 1 < len(block) else None
            yield from _around(scene, owner, block, statement, following)
    yield from _inserted(scene)


def _around(scene: Scene, owner: Any, block: list[ast.stmt], statement: ast.stmt, following: ast.stmt | None) -> Iterator[Edit]:
    start, end = scene.unit.lines(statement)
    text = scene.unit.data[start:end].decode()
    words = _short(scene.source(statement))
    if not isinstance(statement, _FIXED):
        left = "" if len(block) > 1 else text[:len(text) - len(text.lstrip())] + "pass\n"
        yield Edit(scene.unit.number, start, end, left, f"leave out `{words}`", 2.9)
    if following is None and not isinstance(owner, ast.FunctionDef) and not isinstance(statement, _FIXED) and len(block) > 1:
        yield from _out_of(scene, owner, start, end, text, words)
    if isinstance(statement, ast.If) and statement.orelse and not isinstance(statement.orelse[0], ast.If):
        yield _always(scene, statement)
    if following is not None and not isinstance(following, _FIXED):
        after, last = scene.unit.lines(following)
        other = scene.unit.data[after:last].decode()
        if not isinstance(statement, _FIXED):
            same = isinstance(statement, ast.AugAssign) and isinstance(following, ast.AugAssign)
            yield Edit(scene.unit.number, start, last, other + scene.unit.data[end:after].decode() + text,
                       f"`{_short(scene.source(following))}` before `{words}`", 1.9 if same else 2.4)
        if isinstance(statement, (ast.For, ast.If)):
            yield from _into(scene, statement, after, last, other, _short(scene.source(following)))


def _always(scene: Scene, statement: ast.If) -> Edit:
    """What stands under `else` behind the `if`, to be done in every case."""
    start = scene.unit.lines(statement.body[-1])[1]
    first, end = scene.unit.lines(statement.orelse[0])[0], scene.unit.lines(statement.orelse[-1])[1]
    inner = scene.unit.data[first:end].decode().splitlines(keepends=True)
    outer = scene.unit.data[scene.unit.lines(statement)[0]:].decode()
    shift = (len(inner[0]) - len(inner[0].lstrip())) - (len(outer) - len(outer.lstrip()))
    return Edit(scene.unit.number, start, end, "".join(line[shift:] for line in inner), "what stands under `else` in every case", 2.4)


def _out_of(scene: Scene, owner: Any, start: int, end: int, text: str, words: str) -> Iterator[Edit]:
    """The last statement of a block behind the block."""
    whole, last = scene.unit.lines(owner)
    header = scene.unit.data[whole:].decode()
    indent = header[:len(header) - len(header.lstrip())]
    kind = "loop" if isinstance(owner, ast.For) else "if"
    yield Edit(scene.unit.number, start, last, scene.unit.data[end:last].decode() + indent + text.lstrip(), f"`{words}` out of the {kind}", 1.95)


def _into(scene: Scene, owner: ast.For | ast.If, start: int, end: int, text: str, words: str) -> Iterator[Edit]:
    """The statement behind a block as the last one of the block."""
    first = scene.unit.lines((owner.orelse or owner.body)[-1])[0]
    line = scene.unit.data[first:].decode()
    indent = line[:len(line) - len(line.lstrip())]
    yield Edit(scene.unit.number, start, end, indent + text.lstrip(), f"`{words}` inside the {'loop' if isinstance(owner, ast.For) else 'if'}", 2.5)


def _inserted(scene: Scene) -> Iterator[Edit]:
    """The correction at the right class, and the mask of a ReLU, behind the assignment of an array."""
    labels = [n for n in scene.parameters if (kind := scene.kind(n)) is not None and kind[:2] == (1, "i")]
    for node in scene.nodes:
        if not isinstance(node, (ast.Assign, ast.AugAssign)):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        target = target.value if isinstance(target, ast.Subscript) else target
        kind = scene.kind(target.id) if isinstance(target, ast.Name) else None
        if not isinstance(target, ast.Name) or kind is None or kind[1] != "f":
            continue
        for y in labels:
            if kind[0] == 2 and kind[2][:1] == np.shape(scene.held[y]):
                text = f"{target.id}[{scene.numpy}.arange(len({y})), {y}] -= 1"
                yield scene.line(node, text, f"subtract 1 from {target.id} at the right class", 2.75)
                text = f"{target.id}[{scene.numpy}.arange(len({y})), {y}] -= {target.id}.sum(axis=1)"
                yield scene.line(node, text, f"subtract the sum of each row of {target.id} at the right class", 2.8)
        for other in scene.alike(target.id):
            if kind[0] > 0:
                yield scene.line(node, f"{target.id}[{other} <= 0] = 0", f"0 where {other} is not positive", 2.7)


def stored(scene: Scene, node: ast.Assign) -> Iterator[Edit]:
    """A number that is stored at some entries is a sum along the rows: how many there are, not one."""
    if not isinstance(node.targets[0], ast.Subscript) or not isinstance(node.value, (ast.Constant, ast.UnaryOp)):
        return
    for name in scene.held:
        if (scene.kind(name) or (0,))[0] == 2:
            for axis in (1, 0):
                yield scene.put(node.value, f"-{name}.sum(axis={axis})", SIGN, f"minus the sum of {name} along axis {axis}", 2.2 + axis / 10)


def discarded(scene: Scene, node: ast.Expr) -> Iterator[Edit]:
    """A result that is thrown away is kept under the name of an argument."""
    if isinstance(node.value, ast.Call):
        names = [part.id for part in ast.walk(node.value) if isinstance(part, ast.Name) and scene.kind(part.id) is not None]
        for target in dict.fromkeys(names):
            start, _ = scene.unit.span(node)
            yield Edit(scene.unit.number, start, start, f"{target} = ", f"keep the result in {target}", 2.0)


def buffered(scene: Scene, node: ast.AugAssign) -> Iterator[Edit]:
    """a[:, y] -= v lets one of several equal labels count; np.subtract.at lets all."""
    if type(node.op) not in _AT or not isinstance(node.target, ast.Subscript):
        return
    index = node.target.slice
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    texts = ["slice(None)" if isinstance(part, ast.Slice) and not (part.lower or part.upper or part.step) else scene.source(part) for part in parts]
    place = f"({', '.join(texts)})" if len(texts) > 1 else texts[0]
    text = f"{scene.numpy}.{_AT[type(node.op)]}.at({scene.source(node.target.value)}, {place}, {scene.source(node.value)})"
    start, end = scene.unit.span(node)
    yield Edit(scene.unit.number, start, end, text, _ALL, 2.0)
    if len(texts) == 2 and isinstance(parts[0], ast.Slice):
        turned = f"{scene.source(node.target.value)}.T, {texts[1]}, {scene.source(node.value)}.T"
        yield Edit(scene.unit.number, start, end, f"{scene.numpy}.{_AT[type(node.op)]}.at({turned})", _ALL, 2.1)
