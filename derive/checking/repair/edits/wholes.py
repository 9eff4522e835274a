"""Edits of what stands for a whole: the diagonal of a Jacobian, two right-hand sides, an entry that something is added to."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from derive.checking.repair.scene import ADD, ATOM, PRODUCT, Scene
from derive.checking.repair.source import Edit

__all__ = ["diagonal", "exchanged", "summed"]

_MOST = 8


def diagonal(scene: Scene, node: ast.BinOp) -> Iterator[Edit]:
    """g p (1 − p), the diagonal of the Jacobian of a softmax alone, as p (g − Σ g p)."""
    factors = _factors(node)
    if len(factors) != 3 or (isinstance(above := scene.unit.parents.get(node), ast.BinOp) and isinstance(above.op, ast.Mult)):
        return
    for g, p, rest in itertools.permutations(factors):
        name = scene.source(p)
        if isinstance(rest, ast.BinOp) and isinstance(rest.op, ast.Sub) and scene.source(rest) in (f"1 - {name}", f"1-{name}", f"1.0 - {name}"):
            inner = scene.source(g, ADD + 1)
            for axis in ("-1", "0"):
                whole = f"{scene.source(p, PRODUCT)} * ({inner} - ({scene.source(g, PRODUCT)} * {name}).sum(axis={axis}, keepdims=True))"
                yield scene.put(node, whole, PRODUCT, "the whole Jacobian of the softmax, not its diagonal alone", 2.3)


def _factors(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]


def exchanged(scene: Scene) -> Iterator[Edit]:
    """Two statements that write to the same array, with their right-hand sides exchanged."""
    writes = [node for node in scene.nodes if isinstance(node, (ast.Assign, ast.AugAssign))]
    blocks: dict[tuple[int, str], list[ast.Assign | ast.AugAssign]] = {}
    for node in writes:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Subscript):
            blocks.setdefault((id(scene.unit.parents.get(node)), scene.source(target.value)), []).append(node)
    for members in blocks.values():
        for a, b in itertools.combinations(members[:_MOST], 2):
            first, last = scene.unit.span(a.value), scene.unit.span(b.value)
            texts = scene.source(a.value), scene.source(b.value)
            if texts[0] != texts[1] and first[1] <= last[0]:
                middle = scene.unit.data[first[1]:last[0]].decode()
                yield Edit(scene.unit.number, first[0], last[1], f"{texts[1]}{middle}{texts[0]}",
                           f"{texts[0]} and {texts[1]} change places", 2.3)


def summed(scene: Scene, node: ast.Subscript) -> Iterator[Edit]:
    """An entry with another array of its shape added: what flows back from elsewhere."""
    kind = scene.kind_of(node)
    if isinstance(node.ctx, ast.Load) and kind is not None and kind[0] > 0 and kind[1] == "f":
        for other in scene.of_kind(kind):
            yield scene.put(node, f"{scene.source(node, ATOM)} + {other}", ADD, f"add {other}", 3.0)
