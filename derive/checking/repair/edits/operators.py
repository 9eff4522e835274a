"""Edits of operators, signs, comparisons and numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from derive.checking.repair.scene import ADD, ATOM, LOOSE, PRODUCT, SIGN, Scene
from derive.checking.repair.source import Edit

__all__ = ["augmented", "binary", "compared", "number", "signed"]

_BINARY: dict[type[ast.operator], tuple[tuple[str, str, float], ...]] = {
    ast.Add: (("+", "-", 1.2), ("+", "*", 1.8)), ast.Sub: (("-", "+", 1.2),),
    ast.Mult: (("*", "/", 1.6),), ast.Div: (("/", "*", 1.6),), ast.FloorDiv: (("//", "/", 1.0),)}
_AUGMENTED: dict[type[ast.operator], tuple[tuple[str, str, float], ...]] = {
    ast.Add: (("+=", "-=", 1.0), ("+=", "=", 1.5)), ast.Sub: (("-=", "+=", 1.0), ("-=", "=", 1.9)), ast.Mult: (("*=", "/=", 1.4),),
    ast.Div: (("/=", "*=", 1.4),), ast.FloorDiv: (("//=", "/=", 1.0),)}
_COMPARED: dict[type[ast.cmpop], tuple[str, tuple[tuple[str, float], ...]]] = {
    ast.Gt: (">", ((">=", 1.3), ("<", 1.5))), ast.GtE: (">=", ((">", 1.3), ("<=", 1.5))), ast.Lt: ("<", (("<=", 1.3), (">", 1.5))),
    ast.LtE: ("<=", (("<", 1.3), (">=", 1.5))), ast.Eq: ("==", (("!=", 1.5),)), ast.NotEq: ("!=", (("==", 1.5),))}
_NUMBERS = ("0", "1", "2", "0.5", "-1")


def binary(scene: Scene, node: ast.BinOp) -> Iterator[Edit]:
    """Another operator; and a quotient or product of a sum taken term by term."""
    for old, new, rank in _BINARY.get(type(node.op), ()):
        yield from scene.between(node.left, node.right, old, new, f"{new} in place of {old}", rank)
    if isinstance(node.op, (ast.Mult, ast.Div)):
        yield from _distributed(scene, node)
    if isinstance(node.op, (ast.Add, ast.Sub)):
        yield from _gathered(scene, node)
    if isinstance(node.op, ast.Pow):
        yield scene.put(node, f"2 * {scene.source(node.left, PRODUCT)}", PRODUCT, "differentiate the square", 2.6)


def _distributed(scene: Scene, node: ast.BinOp) -> Iterator[Edit]:
    """(a + b) / c as a / c + b and as a + b / c."""
    inner, sign = node.left, "/" if isinstance(node.op, ast.Div) else "*"
    if not (isinstance(inner, ast.BinOp) and isinstance(inner.op, (ast.Add, ast.Sub))):
        return
    plus = "+" if isinstance(inner.op, ast.Add) else "-"
    a, b, c = scene.source(inner.left, PRODUCT), scene.source(inner.right, PRODUCT), scene.source(node.right, SIGN)
    verb = "divide" if sign == "/" else "multiply"
    yield scene.put(node, f"{a} {sign} {c} {plus} {b}", ADD, f"{verb} {a} by {c}, not {b}", 2.0)
    yield scene.put(node, f"{a} {plus} {b} {sign} {c}", ADD, f"{verb} {b} by {c}, not {a}", 2.2)


def _gathered(scene: Scene, node: ast.BinOp) -> Iterator[Edit]:
    """a / c + b as (a + b) / c, and the other way round."""
    plus = "+" if isinstance(node.op, ast.Add) else "-"
    for inner, other, first in ((node.left, node.right, True), (node.right, node.left, False)):
        if isinstance(inner, ast.BinOp) and isinstance(inner.op, (ast.Mult, ast.Div)):
            sign = "*" if isinstance(inner.op, ast.Mult) else "/"
            pair = (scene.source(inner.left), scene.source(other)) if first else (scene.source(other), scene.source(inner.left, PRODUCT))
            c, verb = scene.source(inner.right, SIGN), "multiply" if sign == "*" else "divide"
            yield scene.put(node, f"({pair[0]} {plus} {pair[1]}) {sign} {c}", PRODUCT, f"{verb} the whole sum by {c}", 2.3)


def augmented(scene: Scene, node: ast.AugAssign) -> Iterator[Edit]:
    """Another operator in `a += b`."""
    for old, new, rank in _AUGMENTED.get(type(node.op), ()):
        yield from scene.between(node.target, node.value, old, new, f"{new} in place of {old}", rank)


def compared(scene: Scene, node: ast.Compare) -> Iterator[Edit]:
    """Another comparison."""
    if len(node.ops) == 1 and type(node.ops[0]) in _COMPARED:
        old, choices = _COMPARED[type(node.ops[0])]
        for new, rank in choices:
            yield from scene.between(node.left, node.comparators[0], old, new, f"{new} in place of {old}", rank)


def signed(scene: Scene, node: ast.UnaryOp) -> Iterator[Edit]:
    """The sign is dropped."""
    if isinstance(node.op, ast.USub):
        yield scene.put(node, scene.source(node.operand, SIGN), ATOM, "the sign dropped", 1.2)
    if isinstance(node.op, ast.Not):
        yield scene.put(node, scene.source(node.operand), LOOSE, "`not` dropped", 1.6)


def number(scene: Scene, node: ast.Constant) -> Iterator[Edit]:
    """Another number."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    near = [str(value + 1), str(value - 1)] if isinstance(value, int) else []
    for k, text in enumerate(dict.fromkeys((*near, *_NUMBERS, f"{2 * value}", f"{value / 2}"))):
        if text != str(value) and float(text) != value:
            tight = SIGN if text.startswith("-") else ATOM
            yield scene.put(node, text, tight, f"{text} in place of {scene.source(node)}", (1.5 if value else 1.65) + k / 50)
