"""Another convention in loss and gradient at once: twice both, half of both, one more half of the regulariser in both.

Such a gradient is right for the loss that its function returns, and that is not the reference's; the check must say both.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from variants import Variant

from mutants.code import source
from mutants.mutate import Mutant, picked, with_change

KIND = "another convention"
STRENGTHS = ("reg", "lam", "lam_", "lambda_", "lamda", "alpha", "l2", "beta")


def parts_of(node: ast.Return, count: int) -> list[ast.expr] | None:
    """The gradients returned beside the loss, as many as are asked for; None where the return statement has another form."""
    value = node.value
    if not isinstance(value, ast.Tuple) or len(value.elts) < 2:
        return None
    rest = value.elts[1:]
    if len(rest) == 1 and isinstance(rest[0], ast.Dict):
        return list(rest[0].values)
    plain = len(rest) == count and not any(isinstance(part, (ast.Dict, ast.Tuple, ast.List)) for part in rest)
    return list(rest) if plain else None


def rebuilt(node: ast.Return, loss: ast.expr, parts: list[ast.expr]) -> ast.Return:
    assert isinstance(node.value, ast.Tuple)
    last = node.value.elts[1]
    if isinstance(last, ast.Dict):
        return ast.Return(ast.Tuple([loss, ast.Dict(last.keys, parts)], ast.Load()))
    return ast.Return(ast.Tuple([loss, *parts], ast.Load()))


def times(factor: float, value: ast.expr) -> ast.expr:
    return ast.BinOp(ast.Constant(factor), ast.Mult(), value)


def text(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


Change = tuple[str, ast.Return, Callable[[Any, Any], Any]]


def scaled(node: ast.Return, parts: list[ast.expr]) -> Iterator[Change]:
    assert isinstance(node.value, ast.Tuple)
    loss = node.value.elts[0]
    for factor, words in ((2.0, "twice the loss"), (0.5, "half the loss")):
        yield words, rebuilt(node, times(factor, loss), [times(factor, p) for p in parts]), lambda value, given, c=factor: c * value


def regularised(variant: Variant, node: ast.Return, parts: list[ast.expr], names: list[str]) -> Iterator[Change]:
    """One more ½λ‖W‖² in the loss, and λW in the gradient, where the function has a strength and returns the gradient by a matrix."""
    family = variant.family
    strength = next((n for n in STRENGTHS if n in family.shapes and family.shapes[n] == ""), None)
    if strength is None or list(family.shapes) != names or len(parts) != len(family.wrt):
        return
    w = family.wrt[0]
    assert isinstance(node.value, ast.Tuple)
    loss = ast.BinOp(node.value.elts[0], ast.Add(), text(f"0.5 * {strength} * ({w} * {w}).sum()"))
    first = ast.BinOp(parts[0], ast.Add(), text(f"{strength} * {w}"))

    def change(value: Any, given: Any) -> Any:
        return value + 0.5 * given[strength] * (given[w] * given[w]).sum()
    yield "one more half of the regulariser", rebuilt(node, loss, [first, *parts[1:]]), change


def conventions(variant: Variant) -> list[Mutant]:
    """The function of a variant with the convention of its loss changed, in loss and gradient at once."""
    if len(variant.functions) != 1:
        return []
    whole, out = source(variant), []
    place = next(k for k, f in enumerate(whole.tree.body) if isinstance(f, ast.FunctionDef) and f.name == variant.name)
    function = whole.tree.body[place]
    assert isinstance(function, ast.FunctionDef)
    returns = [n for n in ast.walk(function) if isinstance(n, ast.Return)]
    parts = parts_of(returns[0], len(variant.family.wrt)) if len(returns) == 1 else None
    if parts is None:
        return []
    base = ast.unparse(ast.Module(whole.tree.body, []))
    for words, node, change in (*scaled(returns[0], parts), *regularised(variant, returns[0], parts, [a.arg for a in function.args.args])):
        changed = with_change(whole, place, returns[0], node)
        if changed is not None:
            other = replace(variant, family=replace(variant.family, change=change))
            out.append(Mutant(other, f"{KIND}: {words}", *picked(base, changed)))
    return out
