"""The ways in which code is changed: for each kind of node a table of changes, as people slip and as a machine would.

A change is a pair (name, new node); `None` for a statement drops it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

Change = tuple[str, Any]
BINARY = {ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult,), ast.MatMult: (ast.Mult,)}
# For each comparison the one that differs at equality alone, and the one that is turned round.
COMPARE = {ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE), ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE),
           ast.Eq: (None, ast.NotEq), ast.NotEq: (None, ast.Eq)}
AUGMENTED = {ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,)}
# Functions and methods that are taken for one another.
WORDS = {"sum": ("mean", "max"), "mean": ("sum",), "max": ("min", "sum"), "amax": ("amin",), "exp": ("expm1", "log1p"), "log": ("log1p",),
         "maximum": ("minimum",), "minimum": ("maximum",), "zeros_like": ("ones_like",), "zeros": ("ones",), "sqrt": ("square",), "square": ("sqrt",),
         "tanh": ("sin", "arctan"), "var": ("std",), "abs": ("square",), "sign": ("abs",), "log1p": ("log",), "ones": ("zeros",),
         "tril": ("triu",), "repeat": ("tile",), "outer": ("multiply",), "dot": ("multiply",), "hstack": ("vstack",)}


def number(value: float) -> ast.expr:
    return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)


def constants(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield "the other truth value", ast.Constant(not value)
    elif isinstance(value, int):
        yield "a constant one larger", ast.Constant(value + 1)
        if value:
            yield "a constant one smaller", number(value - 1)
    elif isinstance(value, float):
        for name, other in (("a constant changed by 1e-4", value * 1.0001), ("a constant doubled", value * 2), ("a constant one larger", value + 1)):
            if other != value:
                yield name, number(other)


def binary(node: ast.BinOp) -> Iterator[Change]:
    for other in BINARY.get(type(node.op), ()):
        yield "another operator", ast.BinOp(node.left, other(), node.right)
    yield "a term or factor dropped", node.left
    yield "a term or factor dropped", node.right
    if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult, ast.Pow)):
        yield "operands swapped", ast.BinOp(node.right, node.op, node.left)


def unary(node: ast.UnaryOp) -> Iterator[Change]:
    yield "a sign or a negation dropped", node.operand


def compare(node: ast.Compare) -> Iterator[Change]:
    for name, other in zip(("> for >=, or < for <=", "a comparison turned round"), COMPARE.get(type(node.ops[0]), ())):
        if other is not None:
            yield name, ast.Compare(node.left, [other()], node.comparators)


def keywords(node: ast.Call) -> Iterator[Change]:
    for k, word in enumerate(node.keywords):
        rest = node.keywords[:k] + node.keywords[k + 1:]
        yield f"{word.arg} dropped", ast.Call(node.func, node.args, rest)
        if word.arg == "axis":
            for axis in (0, 1):
                if not (isinstance(word.value, ast.Constant) and word.value.value == axis):
                    yield "another axis", ast.Call(node.func, node.args, [*rest, ast.keyword("axis", ast.Constant(axis))])


def call(node: ast.Call) -> Iterator[Change]:
    yield from keywords(node)
    if len(node.args) >= 2:
        yield "arguments swapped", ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
    if isinstance(node.func, ast.Attribute):
        method, inner = node.func.attr, node.func.value
        if method in ("copy", "reshape", "transpose", "swapaxes", "astype"):
            yield f".{method} dropped", inner
        if method in ("dot", "outer") and len(node.args) == 1:
            yield "arguments swapped", ast.Call(ast.Attribute(node.args[0], method, ast.Load()), [inner], [])
        if method in ("sum", "max", "mean") and not any(w.arg == "axis" for w in node.keywords) and isinstance(inner, ast.Name) and inner.id == "np":
            yield "an axis for none", ast.Call(node.func, node.args, [*node.keywords, ast.keyword("axis", ast.Constant(0))])
    if isinstance(node.func, ast.Name) and node.func.id == "range" and len(node.args) == 1:
        yield "a loop from 1", ast.Call(node.func, [ast.Constant(1), node.args[0]], [])
        yield "a loop that ends early", ast.Call(node.func, [ast.BinOp(node.args[0], ast.Sub(), ast.Constant(1))], [])


def attribute(node: ast.Attribute) -> Iterator[Change]:
    if node.attr == "T":
        yield ".T dropped", node.value
    for other in WORDS.get(node.attr, ()):
        yield "another function", ast.Attribute(node.value, other, node.ctx)


def subscript(node: ast.Subscript) -> Iterator[Change]:
    index = node.slice
    if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
        return  # the index is a constant, which is changed as one
    if isinstance(index, ast.Tuple) and len(index.elts) >= 2:
        yield "indices swapped", ast.Subscript(node.value, ast.Tuple([index.elts[1], index.elts[0], *index.elts[2:]], ast.Load()), node.ctx)
        if isinstance(index.elts[0], ast.Slice):
            yield "[i] for [:, i]", ast.Subscript(node.value, index.elts[1], node.ctx)
        yield "an index dropped", ast.Subscript(node.value, index.elts[0], node.ctx)
    if isinstance(node.ctx, ast.Load):
        yield "an index dropped", node.value


def slices(node: ast.Slice) -> Iterator[Change]:
    if node.lower is not None:
        yield "a slice from the start", ast.Slice(None, node.upper, node.step)
    if node.upper is not None:
        yield "a slice to the end", ast.Slice(node.lower, None, node.step)


def conditional(node: ast.If) -> Iterator[Change]:
    yield "a condition negated", ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    yield "a condition dropped", ast.If(ast.Constant(True), node.body, [])
    if node.orelse:
        yield "branches joined", ast.If(node.test, node.body, node.body)


def augmented(node: ast.AugAssign) -> Iterator[Change]:
    for other in AUGMENTED.get(type(node.op), ()):
        yield "-= for +=, or /= for *=", ast.AugAssign(node.target, other(), node.value)
    yield "= for +=", ast.Assign([node.target], node.value)
    yield "changed by 1e-4", ast.AugAssign(node.target, node.op, slightly(node.value))
    yield "a line dropped", None


def slightly(value: ast.expr) -> ast.expr:
    return ast.BinOp(value, ast.Mult(), ast.Constant(1.0001))


def assigned(node: ast.Assign) -> Iterator[Change]:
    yield "a line dropped", None
    if not isinstance(node.value, (ast.Tuple, ast.Lambda, ast.Dict, ast.List)) and not isinstance(node.targets[0], ast.Tuple):
        yield "changed by 1e-4", ast.Assign(node.targets, slightly(node.value))
        yield "a sign", ast.Assign(node.targets, ast.UnaryOp(ast.USub(), node.value))
    if isinstance(node.targets[0], ast.Tuple) and len(node.targets[0].elts) > 1:
        parts = node.targets[0].elts
        for k in range(len(parts) - 1):
            yield "unpacked in another order", ast.Assign([ast.Tuple([*parts[:k], parts[k + 1], parts[k], *parts[k + 2:]], ast.Store())], node.value)


def expression(node: ast.Expr) -> Iterator[Change]:
    yield "a line dropped", None
    text = ast.unparse(node)
    if text.startswith("np.add.at("):
        target, index, value = node.value.args  # type: ignore[attr-defined]
        store = ast.Subscript(target, index, ast.Store())
        yield "a buffered update for np.add.at", ast.AugAssign(store, ast.Add(), value)


def returned(node: ast.Return) -> Iterator[Change]:
    if isinstance(node.value, ast.Tuple):
        parts = node.value.elts
        for k, part in enumerate(parts):
            if not isinstance(part, (ast.Tuple, ast.Dict)) and not (isinstance(part, ast.Name) and part.id in ("cache", "grads")):
                yield "changed by 1e-4", ast.Return(ast.Tuple([*parts[:k], slightly(part), *parts[k + 1:]], ast.Load()))
                yield "a sign", ast.Return(ast.Tuple([*parts[:k], ast.UnaryOp(ast.USub(), part), *parts[k + 1:]], ast.Load()))
            if k:
                yield "returned in another order", ast.Return(ast.Tuple([*parts[:k - 1], part, parts[k - 1], *parts[k + 1:]], ast.Load()))
    elif node.value is not None and not isinstance(node.value, ast.Dict):
        yield "changed by 1e-4", ast.Return(slightly(node.value))
        yield "a sign", ast.Return(ast.UnaryOp(ast.USub(), node.value))


TABLE: dict[type[ast.AST], Callable[[Any], Iterator[Change]]] = {
    ast.Constant: constants, ast.BinOp: binary, ast.UnaryOp: unary, ast.Compare: compare, ast.Call: call, ast.Attribute: attribute,
    ast.Subscript: subscript, ast.Slice: slices, ast.If: conditional, ast.AugAssign: augmented, ast.Assign: assigned, ast.Expr: expression,
    ast.Return: returned}


def others(node: ast.Name, candidates: list[str]) -> Iterator[Change]:
    """Another name of the same function for this one: the neighbours in the order of appearance."""
    if node.id in candidates and isinstance(node.ctx, ast.Load):
        k = candidates.index(node.id)
        for other in {candidates[k - 1], candidates[(k + 1) % len(candidates)]} - {node.id}:
            yield "another name", ast.Name(other, ast.Load())
