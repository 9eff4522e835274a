"""Rewrites the `for` loops of the user's source, so that a loop over a symbolic range can be run once with a symbolic index.

    for T in ITER: BODY

becomes, with L a name of its own for each loop,

    L = None
    for L, V in iterate(ITER, leaves):
        if L is not None: (names) = L.begin(locals(), globals(), plain, added)
        T = V
        for once in (None,): BODY
        if L is not None: L.end(locals(), added)
    if L is not None: (names) = L.after(plain, added)
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType

__all__ = ["ITERATE", "rewritten"]

ITERATE = "__derive_iterate"
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.ClassDef)


def _inside(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
    """Every node of the statements, inner scopes left out."""
    stack: list[ast.AST] = list(nodes)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, _SCOPES):
            stack.extend(ast.iter_child_nodes(node))


def _leaves(body: list[ast.stmt]) -> bool:
    """Whether the statements can leave the loop that they are the body of."""
    for node in body:
        if isinstance(node, (ast.Break, ast.Return)):
            return True
        if isinstance(node, _SCOPES):
            continue
        inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, (ast.stmt, ast.ExceptHandler))]
        if isinstance(node, (ast.For, ast.While)):
            if any(isinstance(part, ast.Return) for part in _inside(node.body)) or _leaves(node.orelse):
                return True
        elif any(_leaves([child]) if isinstance(child, ast.stmt) else _leaves(child.body) for child in inner):
            return True
    return False


def _names(loop: ast.For) -> tuple[frozenset[str], frozenset[str]]:
    """The names that the body assigns, and those that it changes by += and −= alone."""
    plain: set[str] = set()
    added: set[str] = set()
    augmented: set[int] = set()
    for node in _inside([*loop.body, ast.Expr(value=loop.target)]):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and isinstance(node.op, (ast.Add, ast.Sub)):
            added.add(node.target.id)
            augmented.add(id(node.target))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            plain.add(node.id) if id(node) not in augmented else None
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            plain.add(node.name)
        elif isinstance(node, ast.alias):
            plain.add((node.asname or node.name).split(".")[0])
    plain = {name for name in plain if not name.startswith("__derive")}
    return frozenset(plain), frozenset(added - plain)


class _Rewriter(ast.NodeTransformer):
    """Innermost loops first."""

    def __init__(self) -> None:
        self.count = 0

    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        """Rewrite one loop."""
        plain, added = _names(node)
        leaves = _leaves(node.body)
        self.count += 1
        loop, value = f"__derive_loop{self.count}", f"__derive_value{self.count}"
        self.generic_visit(node)
        names = ", ".join(sorted(plain | added)) + ("," if len(plain | added) == 1 else "")
        sets = f"{sorted(plain)!r}, {sorted(added)!r}"
        source = f"for {loop}, {value} in {ITERATE}(None, {leaves}):\n"
        source += f"    if {loop} is not None:\n        ({names}) = {loop}.begin(locals(), globals(), {sets})\n    pass\n"
        source += "" if leaves else f"    for __derive_once in (None,):\n        pass\n    if {loop} is not None:\n        {loop}.end(locals(), {sorted(added)!r})\n"
        template = ast.parse(f"{loop} = None\n{source}if {loop} is not None:\n    ({names}) = {loop}.after({sets})\n").body
        for part in ast.walk(ast.Module(body=template, type_ignores=[])):
            ast.copy_location(part, node)
        outer = template[1]
        assert isinstance(outer, ast.For) and isinstance(outer.iter, ast.Call)
        outer.iter.args[0] = node.iter
        outer.orelse = node.orelse
        target = ast.Assign(targets=[node.target], value=ast.Name(id=value, ctx=ast.Load()))
        outer.body[1] = ast.copy_location(target, node)
        if leaves:
            outer.body.extend(node.body)
        else:
            once = outer.body[2]
            assert isinstance(once, ast.For)
            once.body = node.body
        return template


def _code(module: CodeType, name: str, line: int) -> CodeType | None:
    for constant in module.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_name == name and constant.co_firstlineno == line:
                return constant
            found = _code(constant, name, line)
            if found is not None:
                return found
    return None


def rewritten(function: FunctionType) -> CodeType:
    """The function's code with its loops rewritten; unchanged where it has none, or where the source cannot be had."""
    original = function.__code__
    try:
        lines, start = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError, TypeError):
        return original
    nodes = list(ast.walk(tree))
    if not any(isinstance(node, ast.For) for node in nodes) or any(isinstance(node, (ast.Global, ast.Nonlocal)) for node in nodes):
        return original
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        return original
    ast.increment_lineno(tree, start - 1)
    definition.decorator_list = []
    free = ", ".join(original.co_freevars)
    factory = ast.parse(f"def __derive_factory({free}): pass")
    body = factory.body[0]
    assert isinstance(body, ast.FunctionDef)
    body.body = [_Rewriter().visit(definition)]
    ast.fix_missing_locations(factory)
    found = _code(compile(factory, original.co_filename, "exec"), original.co_name, definition.lineno)
    return found or original
