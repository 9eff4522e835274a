"""Rewrites expressions and `while` loops of the user's source into calls that work on symbolic values.

[E for T in ITER]             becomes  listed(lambda v: [E for T in (v,)][0], ITER)
(E for T in ITER)             the same
"text %f" % E                 becomes  formatted("text %f", E)
while i < N: BODY; i += 1     becomes  for i in span(i, N): BODY    and  i = after(i, N)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["AFTER", "FORMATTED", "LISTED", "SPAN", "counted", "inside", "spelled"]

LISTED, FORMATTED, SPAN, AFTER = "__derive_listed", "__derive_formatted", "__derive_span", "__derive_after"
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.ClassDef)
_PLAIN = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.BinOp, ast.operator, ast.expr_context, ast.UnaryOp, ast.unaryop)


def inside(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
    """Every node of the statements, inner scopes left out."""
    stack: list[ast.AST] = list(nodes)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, SCOPES):
            stack.extend(ast.iter_child_nodes(node))


def _name(name: str) -> ast.Name:
    return ast.Name(id=name, ctx=ast.Load())


class _Expressions(ast.NodeTransformer):
    def _listed(self, node: ast.ListComp | ast.GeneratorExp) -> ast.expr:
        self.generic_visit(node)
        first = node.generators[0]
        if len(node.generators) > 1 or first.ifs or first.is_async or any(isinstance(part, ast.NamedExpr) for part in ast.walk(node)):
            return node
        held = ast.comprehension(target=first.target, iter=ast.Tuple(elts=[_name("__derive_element")], ctx=ast.Load()), ifs=[], is_async=0)
        body = ast.Subscript(value=ast.ListComp(elt=node.elt, generators=[held]), slice=ast.Constant(value=0), ctx=ast.Load())
        parameters = ast.arguments(posonlyargs=[], args=[ast.arg(arg="__derive_element")], kwonlyargs=[], kw_defaults=[], defaults=[])
        call = ast.Call(func=_name(LISTED), args=[ast.Lambda(args=parameters, body=body), first.iter], keywords=[])
        call.args.append(ast.Constant(value=isinstance(node, ast.GeneratorExp)))
        return ast.copy_location(call, node)

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        """A list comprehension."""
        return self._listed(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        """A generator expression."""
        return self._listed(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """Left alone: names of a class body cannot be seen from inside a function."""
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mod) and isinstance(node.left, (ast.Constant, ast.JoinedStr)) and isinstance(getattr(node.left, "value", ""), str):
            return ast.copy_location(ast.Call(func=_name(FORMATTED), args=[node.left, node.right], keywords=[]), node)
        return node


def spelled(tree: ast.AST) -> None:
    """Rewrite comprehensions and formatted texts everywhere in the tree."""
    _Expressions().visit(tree)


def _counts(node: ast.stmt, name: str) -> bool:
    """Whether the statement is `name += 1` or `name = name + 1`."""
    texts = {f"{name} += 1", f"{name} = {name} + 1", f"{name} = 1 + {name}"}
    return isinstance(node, (ast.Assign, ast.AugAssign)) and ast.unparse(node) in texts


def _continues(body: list[ast.stmt]) -> bool:
    for node in body:
        if isinstance(node, ast.Continue):
            return True
        if not isinstance(node, (ast.For, ast.While, *SCOPES)):
            blocks = [getattr(node, part, []) for part in ("body", "orelse", "finalbody")]
            blocks += [handler.body for handler in getattr(node, "handlers", [])]
            if any(_continues(block) for block in blocks):
                return True
    return False


def counted(node: ast.While, number: int) -> list[ast.stmt] | None:
    """A `while` loop that counts up to a bound, as a `for` loop; None where it is something else."""
    test = node.test
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.Lt, ast.LtE)) and isinstance(test.left, ast.Name)):
        return None
    name, bound = test.left.id, test.comparators[0]
    *body, last = node.body
    if node.orelse or not body or not _counts(last, name) or _continues(body) or not _still(bound, name, body):
        return None
    extra = " + 1" if isinstance(test.ops[0], ast.LtE) else ""
    start, stop = f"__derive_start{number}", f"__derive_stop{number}"
    text = f"{start} = {name}\n{stop} = ({ast.unparse(bound)}){extra}\nfor {name} in {SPAN}({start}, {stop}): pass\n{name} = {AFTER}({start}, {stop})"
    template = ast.parse(text).body
    for part in ast.walk(ast.Module(body=template, type_ignores=[])):
        ast.copy_location(part, node)
    loop = template[2]
    assert isinstance(loop, ast.For)
    loop.body = body
    return template


def _still(bound: ast.expr, name: str, body: list[ast.stmt]) -> bool:
    """Whether the counter and what the bound is made of stay as they are in the body."""
    allowed = all(isinstance(part, _PLAIN) or (isinstance(part, ast.Call) and ast.unparse(part.func) == "len") for part in ast.walk(bound))
    used = {part.id for part in ast.walk(bound) if isinstance(part, ast.Name)} | {name}
    attributes = any(isinstance(part, ast.Attribute) for part in ast.walk(bound))
    for part in inside(body):
        stored = isinstance(getattr(part, "ctx", None), (ast.Store, ast.Del))
        if stored and ((isinstance(part, ast.Name) and part.id in used) or (isinstance(part, ast.Attribute) and attributes)):
            return False
        if isinstance(part, (ast.Break, ast.Return)):
            return False
    return allowed
