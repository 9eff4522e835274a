"""Edits of axes, transposes, products, reductions and indices."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from derive.checking.repair.scene import ATOM, LOOSE, PRODUCT, Scene, binding
from derive.checking.repair.source import Edit

__all__ = ["attribute", "call", "matrix_product", "subscript"]

_REDUCTIONS = {"sum", "mean", "max", "min", "amax", "amin", "average", "prod", "var", "std"}
_PAIRS = (("sum", "mean"), ("max", "min"), ("amax", "amin"), ("maximum", "minimum"), ("zeros_like", "ones_like"), ("zeros", "ones"), ("log", "log1p"),
          ("exp", "expm1"), ("argmax", "argmin"), ("add", "subtract"), ("multiply", "divide"))
_INSTEAD = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
_PRODUCTS = {"dot", "matmul"}


def _name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""


def _is_method(scene: Scene, node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and not (isinstance(node.func.value, ast.Name) and node.func.value.id == scene.numpy)


def call(scene: Scene, node: ast.Call) -> Iterator[Edit]:
    """Axes and keepdims of reductions, another function, the call dropped, products the other way round."""
    name = _name(node)
    if name in _INSTEAD and isinstance(node.func, ast.Attribute):
        end = scene.unit.span(node.func)[1]
        yield Edit(scene.unit.number, end - len(name), end, _INSTEAD[name], f"{_INSTEAD[name]} in place of {name}", 1.6)
    if name in _REDUCTIONS:
        yield from _reduction(scene, node, _is_method(scene, node))
    if name in _PRODUCTS and isinstance(node.func, ast.Attribute):
        pair = (node.func.value, *node.args) if _is_method(scene, node) else tuple(node.args)
        if len(pair) == 2:
            yield from _products(scene, node, pair[0], pair[1], _is_method(scene, node))
    plain = node.args and not node.keywords and not _is_method(scene, node) and name not in ("range", "len", "arange", "zip", "enumerate")
    if plain and len(node.args) == 1:
        yield scene.put(node, scene.source(node.args[0]), binding(node.args[0]), f"drop {name}", 2.4)
    if plain and len(node.args) == 2 and name not in _PRODUCTS:
        yield scene.put(node, f"{scene.source(node.func)}({scene.source(node.args[1])}, {scene.source(node.args[0])})", ATOM,
                        "the two arguments the other way round", 1.9)


def _reduction(scene: Scene, node: ast.Call, method: bool) -> Iterator[Edit]:
    keywords = {k.arg: k for k in node.keywords}
    positional = node.args[(0 if method else 1):]
    axis = keywords["axis"].value if "axis" in keywords else positional[0] if positional else None
    if axis is not None:
        for new in ("0", "1", "-1", "None"):
            if scene.source(axis) != new:
                yield scene.put(axis, new, LOOSE, f"along axis {new} in place of {scene.source(axis)}", 1.1 if new != "None" else 1.9)
    end = scene.unit.span(node)[1] - 1
    lead = ", " if node.args or node.keywords else ""
    if axis is None:
        for new in ("0", "1"):
            for keep in ("", ", keepdims=True"):
                yield Edit(scene.unit.number, end, end, f"{lead}axis={new}{keep}", f"along axis {new}, not over everything", 1.4 + bool(keep) / 10)
    if "keepdims" in keywords:
        new = "False" if scene.source(keywords["keepdims"].value) == "True" else "True"
        yield scene.put(keywords["keepdims"].value, new, LOOSE, f"keepdims={new}", 2.0)
    elif axis is not None:
        yield Edit(scene.unit.number, end, end, ", keepdims=True", "keepdims=True", 2.0)


def matrix_product(scene: Scene, node: ast.BinOp) -> Iterator[Edit]:
    """a @ b with its factors transposed or the other way round."""
    if isinstance(node.op, ast.MatMult):
        yield from _products(scene, node, node.left, node.right, None)


def _products(scene: Scene, node: ast.expr, a: ast.expr, b: ast.expr, method: bool | None) -> Iterator[Edit]:
    """The other products of two matrices: each as it is or transposed, in both orders."""
    choices = [(x, y) for p, q in ((a, b), (b, a)) for x in _transposes(scene, p) for y in _transposes(scene, q)]
    lead = scene.source(node.func) if isinstance(node, ast.Call) else ""
    for rank, (x, y) in enumerate(choices):
        text = f"{x} @ {y}" if method is None else f"{x}.dot({y})" if method else f"{lead}({x}, {y})"
        if text != scene.source(node):
            yield scene.put(node, text, PRODUCT if method is None else ATOM, f"the product {text}", 1.4 + rank / 50)


def _transposes(scene: Scene, node: ast.expr) -> tuple[str, str]:
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return scene.source(node), scene.source(node.value, ATOM)
    return scene.source(node, ATOM), f"{scene.source(node, ATOM)}.T"


def attribute(scene: Scene, node: ast.Attribute) -> Iterator[Edit]:
    """A transpose dropped; the size along another axis."""
    if node.attr == "T":
        yield scene.put(node, scene.source(node.value), binding(node.value), "do not transpose", 1.5)


def subscript(scene: Scene, node: ast.Subscript) -> Iterator[Edit]:
    """The two indices the other way round; another index that is in use."""
    if isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2:
        a, b = (scene.source(part) for part in node.slice.elts)
        yield scene.put(node.slice, f"{b}, {a}", LOOSE, f"the indices [{b}, {a}]", 1.5)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    known = {scene.source(n) for n in scene.nodes if isinstance(n, ast.Subscript) and isinstance(n.value, ast.Name)
             and (scene.kind(n.value.id) or (0, ""))[0] == 1 and (scene.kind(n.value.id) or (0, ""))[1] == "i"}
    for part in parts:
        if isinstance(part, (ast.Name, ast.Subscript)):
            for text in sorted({*scene.counters, *known}):
                if text != scene.source(part) and not text.startswith(f"{scene.source(part)}["):
                    yield scene.put(part, text, ATOM, f"at {text} in place of {scene.source(part)}", 1.5)
