"""Small changes of a function's text, by the kind of node that they change: the table of people's slips.

A row is a generator of edits for one kind of node, or for a whole scene.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from derive.checking.repair.edits import arrays, names, operators, statements, terms, wholes
from derive.checking.repair.scene import Scene
from derive.checking.repair.source import Edit

__all__ = ["edits_of"]

_OF_NODES: dict[type[ast.AST], tuple[Callable[[Scene, Any], Iterator[Edit]], ...]] = {
    ast.BinOp: (operators.binary, terms.dropped, arrays.matrix_product, wholes.diagonal), ast.AugAssign: (operators.augmented, statements.buffered),
    ast.Compare: (operators.compared,), ast.UnaryOp: (operators.signed,), ast.Constant: (operators.number,), ast.Call: (arrays.call,),
    ast.Attribute: (arrays.attribute,), ast.Subscript: (arrays.subscript, wholes.summed), ast.Name: (names.name,), ast.Tuple: (names.tuples,),
    ast.Dict: (names.tuples,), ast.Expr: (statements.discarded,), ast.Assign: (statements.stored,)}
_OF_SCENES: tuple[Callable[[Scene], Iterator[Edit]], ...] = (terms.levels, statements.bodies, wholes.exchanged)


def edits_of(scene: Scene) -> list[Edit]:
    """Every edit of a unit, the most plausible first."""
    found = [edit for node in scene.nodes for row in _OF_NODES.get(type(node), ()) for edit in row(scene, node)]
    found += [edit for row in _OF_SCENES for edit in row(scene)]
    first: dict[tuple[int, int, str], Edit] = {}
    for edit in sorted(found, key=lambda e: e.rank):
        first.setdefault((edit.start, edit.end, edit.text), edit)
    return list(first.values())
