"""Rewrites that keep the meaning, for each kind of node a table: as one person writes it and as another would.

Some keep it only where they fit (a matrix product for two matrices, another shift in a softmax); the truth decides which are used.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from mutants.operators import Change

UFUNC = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.MatMult: "matmul"}
REDUCTIONS = ("sum", "mean", "max", "min", "amax")


def np(name: str, *args: ast.expr, **words: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name("np", ast.Load()), name, ast.Load()), list(args), [ast.keyword(k, v) for k, v in words.items()])


def negative(value: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), value)


def is_np(node: ast.expr, name: str | None = None) -> bool:
    return (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np" and name in (None, node.attr))


def binary(node: ast.BinOp) -> Iterator[Change]:
    left, right = node.left, node.right
    if type(node.op) in UFUNC and not isinstance(left, (ast.Constant, ast.Tuple)):
        yield "a ufunc for an operator", np(UFUNC[type(node.op)], left, right)
    if isinstance(node.op, (ast.Add, ast.Mult)):
        yield "operands in the other order", ast.BinOp(right, node.op, left)
    if isinstance(node.op, ast.Sub):
        yield "a − b as −(b − a)", negative(ast.BinOp(right, ast.Sub(), left))
        yield "a − b as a + (−b)", ast.BinOp(left, ast.Add(), negative(right))
    if isinstance(node.op, ast.Div):
        yield "a / b as a · (1/b)", ast.BinOp(left, ast.Mult(), ast.BinOp(ast.Constant(1.0), ast.Div(), right))
    if isinstance(node.op, ast.MatMult):
        yield "einsum for @", np("einsum", ast.Constant("ij,jk->ik"), left, right)
        yield "dot for @", ast.Call(ast.Attribute(left, "dot", ast.Load()), [right], [])
    yield from powers(node)
    yield from distributed(node)


def powers(node: ast.BinOp) -> Iterator[Change]:
    if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant) and node.right.value == 2:
        yield "x·x for x²", ast.BinOp(node.left, ast.Mult(), node.left)
        yield "np.square for x²", np("square", node.left)
    if isinstance(node.op, ast.Mult) and ast.dump(node.left) == ast.dump(node.right):
        yield "x² for x·x", ast.BinOp(node.left, ast.Pow(), ast.Constant(2))


def distributed(node: ast.BinOp) -> Iterator[Change]:
    right = node.right
    if isinstance(node.op, ast.Mult) and isinstance(right, ast.BinOp) and isinstance(right.op, (ast.Add, ast.Sub)):
        yield "a product with a sum multiplied out", ast.BinOp(ast.BinOp(node.left, ast.Mult(), right.left), right.op,
                                                               ast.BinOp(node.left, ast.Mult(), right.right))
    if isinstance(node.op, ast.Div) and isinstance(node.left, ast.BinOp) and isinstance(node.left.op, (ast.Add, ast.Sub)):
        yield "a quotient of a sum split", ast.BinOp(ast.BinOp(node.left.left, ast.Div(), right), node.left.op,
                                                     ast.BinOp(node.left.right, ast.Div(), right))


def call(node: ast.Call) -> Iterator[Change]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    plain = isinstance(node.func, ast.Attribute) and not is_np(node.func)
    if is_np(node.func) and name in REDUCTIONS and node.args and not isinstance(node.args[0], ast.GeneratorExp):
        yield "a method for a function", ast.Call(ast.Attribute(node.args[0], name.replace("amax", "max"), ast.Load()), node.args[1:], node.keywords)
    if plain and name in REDUCTIONS:
        yield "a function for a method", np(name, node.func.value, *node.args, **{w.arg: w.value for w in node.keywords if w.arg})  # type: ignore[attr-defined]
    if is_np(node.func, "dot") and len(node.args) == 2:
        yield "@ for dot", ast.BinOp(node.args[0], ast.MatMult(), node.args[1])
        yield "einsum for dot", np("einsum", ast.Constant("ij,jk->ik"), *node.args)
    if plain and name == "dot" and len(node.args) == 1:
        yield "@ for dot", ast.BinOp(node.func.value, ast.MatMult(), node.args[0])  # type: ignore[attr-defined]
        yield "einsum for dot", np("einsum", ast.Constant("ij,jk->ik"), node.func.value, node.args[0])  # type: ignore[attr-defined]
        yield "np.dot for a method", np("dot", node.func.value, node.args[0])  # type: ignore[attr-defined]
    if name in ("max", "amax") and isinstance(node.func, ast.Attribute):
        yield "a shift by the mean for one by the maximum", ast.Call(ast.Attribute(node.func.value, "mean", ast.Load()), node.args, node.keywords)
    yield from functions(node, name)
    yield from axes(node)


def functions(node: ast.Call, name: str) -> Iterator[Change]:
    """Another function that means the same."""
    if not is_np(node.func) or not node.args:
        return
    x = node.args[0]
    if name == "sqrt":
        yield "x to the half for a root", ast.BinOp(x, ast.Pow(), ast.Constant(0.5))
    if name == "square":
        yield "x·x for np.square", ast.BinOp(x, ast.Mult(), x)
    if name == "maximum" and len(node.args) == 2:
        yield "np.where for np.maximum", np("where", ast.Compare(node.args[0], [ast.Gt()], [node.args[1]]), node.args[0], node.args[1])
        yield "np.maximum with its arguments swapped", np("maximum", node.args[1], node.args[0])
    if name == "zeros_like":
        yield "zeros of a shape for zeros_like", np("zeros", ast.Attribute(x, "shape", ast.Load()))
        yield "0·x for zeros_like", ast.BinOp(ast.Constant(0.0), ast.Mult(), x)
    if name == "mean" and not node.keywords and len(node.args) == 1:
        yield "sum / size for mean", ast.BinOp(np("sum", x), ast.Div(), np("size", x))
    if name == "outer":
        none, every = ast.Constant(None), ast.Slice()
        yield "broadcasting for np.outer", ast.BinOp(ast.Subscript(x, ast.Tuple([every, none], ast.Load()), ast.Load()), ast.Mult(),
                                                     ast.Subscript(node.args[1], ast.Tuple([none, every], ast.Load()), ast.Load()))
    if name == "tanh":
        yield "tanh by exponentials", ast.parse(f"1.0 - 2.0 / (np.exp(2.0 * ({ast.unparse(x)})) + 1.0)", mode="eval").body


def axes(node: ast.Call) -> Iterator[Change]:
    """Another way to name the axis, of a matrix."""
    for k, word in enumerate(node.keywords):
        if word.arg != "axis":
            continue
        rest = node.keywords[:k] + node.keywords[k + 1:]
        value = word.value
        for old, new in ((-1, 1), (1, -1), (0, -2)):
            if ast.unparse(value) == str(old):
                named = ast.keyword("axis", ast.parse(str(new), mode="eval").body)
                yield "an axis from the other end", ast.Call(node.func, node.args, [*rest, named])
        if [w.arg for w in rest] == ["keepdims"] and ast.unparse(value) in ("1", "-1"):
            column = ast.Tuple([ast.Slice(), ast.Constant(None)], ast.Load())
            yield "[:, None] for keepdims", ast.Subscript(ast.Call(node.func, node.args, [word]), column, ast.Load())


def attribute(node: ast.Attribute) -> Iterator[Change]:
    if node.attr == "T":
        yield "np.transpose for .T", np("transpose", node.value)
        yield ".transpose() for .T", ast.Call(ast.Attribute(node.value, "transpose", ast.Load()), [], [])


def augmented(node: ast.AugAssign) -> Iterator[Change]:
    load = ast.parse(ast.unparse(node.target), mode="eval").body
    yield "out of place", ast.Assign([node.target], ast.BinOp(load, node.op, node.value))


def assigned(node: ast.Assign) -> Iterator[Change]:
    if not isinstance(node.value, (ast.Lambda, ast.Dict)) and len(node.targets) == 1 and not isinstance(node.targets[0], ast.Tuple):
        name = ast.Name("tmp", ast.Store())
        yield "a temporary", [ast.Assign([name], node.value), ast.Assign(node.targets, ast.Name("tmp", ast.Load()))]
        yield "1 · it", ast.Assign(node.targets, ast.BinOp(ast.Constant(1.0), ast.Mult(), node.value))


def returned(node: ast.Return) -> Iterator[Change]:
    """A list of temporaries before it is returned."""
    if isinstance(node.value, ast.Tuple) and not any(isinstance(p, (ast.Tuple, ast.Dict)) for p in node.value.elts):
        names = [f"out{k}" for k in range(len(node.value.elts))]
        stores = [ast.Assign([ast.Name(n, ast.Store())], part) for n, part in zip(names, node.value.elts)]
        yield "results named before they are returned", [*stores, ast.Return(ast.Tuple([ast.Name(n, ast.Load()) for n in names], ast.Load()))]


def compare(node: ast.Compare) -> Iterator[Change]:
    flipped = {ast.Gt: ast.Lt, ast.Lt: ast.Gt, ast.GtE: ast.LtE, ast.LtE: ast.GtE, ast.Eq: ast.Eq, ast.NotEq: ast.NotEq}
    if type(node.ops[0]) in flipped:
        yield "a comparison read from the right", ast.Compare(node.comparators[0], [flipped[type(node.ops[0])]()], [node.left])


def conditional(node: ast.If) -> Iterator[Change]:
    if node.orelse:
        yield "branches exchanged", ast.If(ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body)


def loop(node: ast.For) -> Iterator[Change]:
    it = node.iter
    counted = isinstance(it, ast.Call) and isinstance(it.func, ast.Name) and it.func.id == "range" and len(it.args) == 1
    if counted and isinstance(node.target, ast.Name):
        pair = ast.Tuple([ast.Name("_k", ast.Store()), node.target], ast.Store())
        yield "enumerate(range) for range", ast.For(pair, ast.Call(ast.Name("enumerate", ast.Load()), [it], []), node.body, node.orelse)
        if not any(isinstance(n, (ast.Continue, ast.Break)) for n in ast.walk(node)):
            start, step = ast.parse(f"{node.target.id} = 0\n{node.target.id} += 1").body
            test = ast.parse(f"{node.target.id} < {ast.unparse(it.args[0])}", mode="eval").body  # type: ignore[attr-defined]
            yield "a while loop for a for loop", [start, ast.While(test, [*node.body, step], [])]


TABLE: dict[type[ast.AST], Callable[[Any], Iterator[Change]]] = {
    ast.BinOp: binary, ast.Call: call, ast.Attribute: attribute, ast.AugAssign: augmented, ast.Assign: assigned, ast.Return: returned,
    ast.Compare: compare, ast.If: conditional, ast.For: loop}
