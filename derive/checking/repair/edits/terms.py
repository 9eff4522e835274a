"""Edits of factors and terms: one too many is dropped, one that is missing is put in."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from derive.checking.repair.scene import ADD, ATOM, LOOSE, PRODUCT, SIGN, Kind, Scene, binding
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
        for number in dict.fromkeys(("2", *scene.numbers)):
            yield scene.put(node, f"{number} * {scene.source(node, SIGN)}", PRODUCT, f"multiply by {number}", 2.1 + depth)
            yield scene.put(node, f"{plain} / {number}", PRODUCT, f"divide by {number}", 2.2 + depth)
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
    """A factor or a term of the same shape: the derivative of an activation, a gate, what flows back from elsewhere."""
    above = scene.unit.parents.get(node)
    while isinstance(above, ast.BinOp) and isinstance(above.op, (ast.Add, ast.Sub)):
        above = scene.unit.parents.get(above)
    target = above.targets[0] if isinstance(above, ast.Assign) else above.target if isinstance(above, ast.AugAssign) else None
    named = isinstance(target, ast.Name)
    kind = scene.kind(target.id) if isinstance(target, ast.Name) else scene.kind_of(node)
    if named or depth < 1:
        yield from _scaled(scene, node, depth)
    if kind is None or kind[0] == 0:
        return
    yield from _chosen(scene, node, kind, depth)
    for other in scene.of_kind(kind):
        if not (isinstance(target, ast.Name) and other == target.id):
            yield from _by_other(scene, node, other, depth + 0.3 * (not named))


def _scaled(scene: Scene, node: ast.expr, depth: float) -> Iterator[Edit]:
    """A number that the code has computed as a factor."""
    for scalar in [n for n in scene.held if (scene.kind(n) or (1,))[:2] == (0, "f") and n not in scene.parameters]:
        yield scene.put(node, f"{scene.source(node, SIGN)} * {scalar}", PRODUCT, f"multiply by {scalar}", 2.6 + depth)
        yield scene.put(node, f"{scene.source(node, PRODUCT)} / {scalar}", PRODUCT, f"divide by {scalar}", 2.7 + depth)


def _by_other(scene: Scene, node: ast.expr, other: str, depth: float) -> Iterator[Edit]:
    """Another array as a factor, with what it is as the value of an activation, and as a term."""
    own = f"{other} * (1 - {other})"
    choices = ((f"({other} > 0)", "where {} is positive alone", 2.5), (f"(1 - {other}**2)", "times the derivative of tanh", 2.6),
               (own, "times the derivative of the logistic function", 2.6), (f"(1 - {other})", "times 1 - {}", 2.9), (other, "times {}", 3.2))
    for factor, words, rank in choices:
        yield scene.put(node, f"{scene.source(node, SIGN)} * {factor}", PRODUCT, words.format(other), rank + depth)
    yield scene.put(node, f"{scene.source(node, ADD)} - {other}", ADD, f"subtract {other}", 3.0 + depth)
    yield scene.put(node, f"{scene.source(node, ADD)} + {other}", ADD, f"add {other}", 3.0 + depth)


def _chosen(scene: Scene, node: ast.expr, kind: Kind, depth: float) -> Iterator[Edit]:
    """The derivative of a choice that the code makes, such as np.where(z > 0, z, 0.01 * z), as a factor."""
    for call in scene.nodes:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "where" and len(call.args) == 3:
            slopes = [_slope(scene, part) for part in call.args[1:]]
            shape = (scene.kind_of(call) or (0, "", ()))[2]
            if None not in slopes and shape == kind[2]:
                factor = f"{scene.numpy}.where({scene.source(call.args[0])}, {slopes[0]}, {slopes[1]})"
                yield scene.put(node, f"{scene.source(node, SIGN)} * {factor}", PRODUCT, "times the derivative of the activation", 2.5 + depth)


def _slope(scene: Scene, node: ast.expr) -> str | None:
    """The derivative of a name, a number, or a number times a name."""
    if isinstance(node, ast.Constant):
        return "0"
    if isinstance(node, ast.Name):
        return "1" if (scene.kind(node.id) or (0,))[0] else "0"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        pair = {_slope(scene, part): part for part in (node.left, node.right)}
        return scene.source(pair["0"]) if pair.keys() == {"0", "1"} else None
    return None
