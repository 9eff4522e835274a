"""Edits of factors and terms: one too many is dropped, one that is missing is put in."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from derive.checking.repair.scene import ADD, ATOM, LOOSE, PRODUCT, SIGN, Scene, binding
from derive.checking.repair.source import Edit

__all__ = ["dropped", "levels"]


def dropped(scene: Scene, node: ast.BinOp) -> Iterator[Edit]:
    """One operand alone."""
    left, right = scene.source(node.left), scene.source(node.right)
    names = {ast.Div: f"do not divide by {right}", ast.Mult: f"drop the factor {right}", ast.Add: f"drop the term {right}",
             ast.Sub: f"drop the term {right}", ast.Pow: f"drop the power {right}"}
    if type(node.op) in names:
        yield scene.put(node, left, binding(node.left), names[type(node.op)],
                        1.4 if isinstance(node.right, ast.Constant) else 1.7 if isinstance(node.op, (ast.Div, ast.Mult)) else 2.1)
    if isinstance(node.op, ast.Mult):
        if isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Mult):
            first, second = scene.source(node.left.left), scene.source(node.left.right)
            yield scene.put(node, first, binding(node.left.left), f"drop the factors {second} and {right}", 1.9)
        yield scene.put(node, right, binding(node.right), f"drop the factor {left}", 1.4 if isinstance(node.left, ast.Constant) else 1.7)
    if isinstance(node.op, (ast.Add, ast.Sub)):
        sign = "-" if isinstance(node.op, ast.Sub) else ""
        yield scene.put(node, sign + scene.source(node.right, SIGN if sign else LOOSE), SIGN if sign else binding(node.right),
                        f"drop the term {left}", 2.3)


def levels(scene: Scene) -> Iterator[Edit]:
    """Factors and terms at each whole value."""
    for node, depth in scene.levels:
        plain = scene.source(node, PRODUCT)
        for size in scene.divisors if depth < 1 else []:
            yield scene.put(node, f"{plain} / {scene.numpy}.sqrt({size})", PRODUCT, f"divide by the root of {size}", 2.6 + depth)
        for size in scene.divisors:
            yield scene.put(node, f"{plain} / {size}", PRODUCT, f"divide by {size}", 2.0 + depth)
            yield scene.put(node, f"{size} * {scene.source(node, SIGN)}", PRODUCT, f"multiply by {size}", 2.3 + depth)
        yield scene.put(node, f"-{scene.source(node, SIGN)}", SIGN, "flip the sign", 2.1 + depth)
        if depth < 1:
            yield scene.put(node, f"{scene.source(node, ADD)} + 1", ADD, "add 1", 2.9 + depth)
            yield scene.put(node, f"{scene.source(node, ADD)} - 1", ADD, "subtract 1", 2.9 + depth)
        yield scene.put(node, f"2 * {scene.source(node, SIGN)}", PRODUCT, "multiply by 2", 2.1 + depth)
        yield scene.put(node, f"{plain} / 2", PRODUCT, "divide by 2", 2.2 + depth)
        if depth < 1:
            for axis in ("0", "1", "0, keepdims=True"):
                yield scene.put(node, f"{scene.source(node, ATOM)}.sum(axis={axis})", ATOM, f"sum along axis {axis[0]}", 2.4 + depth)
        yield from _regularised(scene, node, depth)
        yield from _masked(scene, node, depth)


def _regularised(scene: Scene, node: ast.expr, depth: float) -> Iterator[Edit]:
    """+ strength * weights, for each scalar and each array among the parameters."""
    if depth > 0:
        return
    scalars = [name for name in scene.parameters if scene.kind(name) is not None and scene.kind(name)[:2] == (0, "f")]  # type: ignore[index]
    arrays = [name for name in scene.parameters if scene.kind(name) is not None and scene.kind(name)[0] > 0 and scene.kind(name)[1] == "f"]  # type: ignore[index]
    for scalar in scalars:
        for array in arrays:
            for term, rank in ((f"{scalar} * {array}", 2.0), (f"2 * {scalar} * {array}", 2.1)):
                words = f"add {term}, the derivative of the regulariser"
                yield scene.put(node, f"{scene.source(node, ADD)} + {term}", ADD, words, rank)


def _masked(scene: Scene, node: ast.expr, depth: float) -> Iterator[Edit]:
    """The derivative of an activation, for a value of the same shape as the name that is assigned."""
    above = scene.unit.parents.get(node)
    while isinstance(above, ast.BinOp) and isinstance(above.op, (ast.Add, ast.Sub)):
        above = scene.unit.parents.get(above)
    target = above.targets[0] if isinstance(above, ast.Assign) else above.target if isinstance(above, ast.AugAssign) else None
    if not isinstance(target, ast.Name):
        return
    plain = scene.source(node, SIGN)
    scalars = [n for n in scene.held if (scene.kind(n) or (1,))[:2] == (0, "f") and n not in scene.parameters]
    for scalar in scalars:
        yield scene.put(node, f"{plain} * {scalar}", PRODUCT, f"multiply by {scalar}", 2.6 + depth)
        yield scene.put(node, f"{scene.source(node, PRODUCT)} / {scalar}", PRODUCT, f"divide by {scalar}", 2.7 + depth)
    for other in scene.alike(target.id):
        if (scene.kind(other) or (0,))[0] == 0:
            continue
        own = f"{other} * (1 - {other})"
        choices = ((f"({other} > 0)", "where {} is positive alone", 2.5), (f"(1 - {other}**2)", "times the derivative of tanh", 2.6),
                   (own, "times the derivative of the logistic function", 2.6), (f"(1 - {other})", "times 1 - {}", 2.9), (other, "times {}", 3.2))
        for factor, words, rank in choices:
            yield scene.put(node, f"{plain} * {factor}", PRODUCT, words.format(other), rank + depth)
        yield scene.put(node, f"{scene.source(node, ADD)} - {other}", ADD, f"subtract {other}", 3.0 + depth)
        yield scene.put(node, f"{scene.source(node, ADD)} + {other}", ADD, f"add {other}", 3.0 + depth)


