"""A JAX dimension, or the text of one, as an expression in sizes."""

from __future__ import annotations

import ast

from derive.errors import BadInput, NotYet
from derive.index import Expr, Size, add, mul, neg, num, power

__all__ = ["size"]


def size(dim: object, floors: list[Expr] | None = None) -> Expr:
    """A JAX dimension, or the text of one, as an expression in sizes.

    Args:
        dim: the dimension.
        floors: where to note what must not be below 0; max(n − 2, 0) is then read as n − 2.

    Raises:
        NotYet: the size is a floor division, a remainder or another operation that is not a polynomial.
    """
    if isinstance(dim, int):
        return num(dim)
    text = str(dim).replace("^", "**")
    try:
        return _size(_without_max(ast.parse(text, mode="eval").body, text, floors), text)
    except SyntaxError as error:
        raise BadInput(f"{text!r} is no size.") from error


def _without_max(node: ast.expr, text: str, floors: list[Expr] | None) -> ast.expr:
    """max(n, 0) as n, which is noted."""
    zero = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "max" and len(node.args) == 2
    if floors is None or not zero or not (isinstance(node.args[1], ast.Constant) and node.args[1].value == 0):  # type: ignore[attr-defined]
        return node
    floors.append(_size(node.args[0], text))  # type: ignore[attr-defined]
    return node.args[0]  # type: ignore[attr-defined]


def _size(node: ast.expr, text: str) -> Expr:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return num(node.value)
    if isinstance(node, ast.Name):
        return Size(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return neg(_size(node.operand, text))
    if isinstance(node, ast.BinOp):
        left = _size(node.left, text)
        right = _size(node.right, text)
        if isinstance(node.op, ast.Add):
            return add(left, right)
        if isinstance(node.op, ast.Sub):
            return add(left, neg(right))
        if isinstance(node.op, ast.Mult):
            return mul(left, right)
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant):
            return power(left, node.right.value)
    if isinstance(node, ast.Call):
        raise NotYet(f"The size {text} is not a polynomial in the sizes (// is never division).", hint="Give that size a name of its own.")
    raise BadInput(f"{text!r} is no size.")
