"""Rewrites the `for` loops of the user's source, so that a loop over a symbolic range can be run once with a symbolic index.

    for T in ITER: BODY

becomes, with L and V names of their own for each loop,

    L = None
    for L, V in iterate(ITER, leaves):
        if L is not None: (names) = L.begin(scope, locals(), globals(), plain, added, summed, grown)
        T = V
        for once in (None,): BODY
        if L is not None: L.end(locals(), added + summed)
    if L is not None: (names) = L.after(plain, added, summed, grown)

and `n += e`, `n = n + e` in a loop become `n = plus(…)`, so that a loop knows which name is added to.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import warnings
from types import CodeType, FunctionType

from derive.checking.lift.bytecode import same_code
from derive.checking.lift.comprehensions import SCOPES, counted, inside, spelled

__all__ = ["ITERATE", "PLUS", "rewritten"]

ITERATE, PLUS = "__derive_iterate", "__derive_plus"
_MOST_KNOWN = 512
_REWRITTEN = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.Mod)


def _leaves(body: list[ast.stmt]) -> bool:
    """Whether the statements can leave the loop that they are the body of."""
    for node in body:
        if isinstance(node, (ast.Break, ast.Return)):
            return True
        if isinstance(node, SCOPES):
            continue
        inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, (ast.stmt, ast.ExceptHandler))]
        if isinstance(node, (ast.For, ast.While)):
            if any(isinstance(part, ast.Return) for part in inside(node.body)) or _leaves(node.orelse):
                return True
        elif any(_leaves([child]) if isinstance(child, ast.stmt) else _leaves(child.body) for child in inner):
            return True
    return False


def _sum(node: ast.AST) -> tuple[ast.Name, ast.expr, bool] | None:
    """(n, e, whether added) where the statement is `n = n + e`, `n = e + n` or `n = n - e`."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.value, ast.BinOp):
        return None
    target, left, right, op = node.targets[0], node.value.left, node.value.right, node.value.op
    if not isinstance(target, ast.Name) or not isinstance(op, (ast.Add, ast.Sub)):
        return None
    if isinstance(left, ast.Name) and left.id == target.id:
        return target, right, isinstance(op, ast.Add)
    if isinstance(right, ast.Name) and right.id == target.id and isinstance(op, ast.Add):
        return target, left, True
    return None


def _appends(node: ast.AST) -> str | None:
    """The name n where the statement is n.append(e)."""
    call = node.value if isinstance(node, ast.Expr) else None
    method = call.func if isinstance(call, ast.Call) else None
    return method.value.id if isinstance(method, ast.Attribute) and method.attr == "append" and isinstance(method.value, ast.Name) else None


def _names(loop: ast.For, local: set[str]) -> tuple[list[str], list[str], list[str], list[str]]:
    """The names that the body assigns, those that it changes by += and −= alone, those by `n = n + e` alone, and those that it appends to.

    Args:
        local: the names that the function assigns.
    """
    grown: set[str] = set()
    plain: set[str] = set()
    added: set[str] = set()
    summed: set[str] = set()
    augmented: set[int] = set()
    for node in inside([*loop.body, ast.Expr(value=loop.target)]):
        pair, appended = _sum(node), _appends(node)
        if appended in local and appended is not None:
            grown.add(appended)
        if pair is not None:
            summed.add(pair[0].id)
            augmented.add(id(pair[0]))
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and isinstance(node.op, (ast.Add, ast.Sub)):
            added.add(node.target.id)
            augmented.add(id(node.target))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            plain.add(node.id) if id(node) not in augmented else None
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            plain.add(node.name)
        elif isinstance(node, ast.alias):
            plain.add((node.asname or node.name).split(".")[0])
    plain |= added & summed
    return sorted(plain), sorted(added - plain), sorted(summed - plain), sorted(grown - plain - added - summed)


class _Rewriter(ast.NodeTransformer):
    """Outer loops first, so that what they assign is told from the source as it was written."""

    def __init__(self, scope: str) -> None:
        self.scope, self.count, self.depth = scope, 0, 0
        self.local: set[str] = set()

    def _plus(self, name: str, amount: ast.expr, adds: bool, changes: bool, at: ast.stmt) -> ast.Assign:
        call = ast.parse(f"{name} = {PLUS}({self.scope + name!r}, {name}, None, {adds}, {changes})").body[0]
        assert isinstance(call, ast.Assign) and isinstance(call.value, ast.Call)
        for part in ast.walk(call):
            ast.copy_location(part, at)
        call.value.args[2] = amount
        return call

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        """`n = n + e` in a loop becomes n = plus(n, e, …)."""
        self.generic_visit(node)
        pair = _sum(node)
        return self._plus(pair[0].id, pair[1], pair[2], False, node) if pair is not None and self.depth else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        """`n += e` in a loop becomes n = plus(n, e, …)."""
        self.generic_visit(node)
        if not self.depth or not isinstance(node.target, ast.Name) or not isinstance(node.op, (ast.Add, ast.Sub)):
            return node
        return self._plus(node.target.id, node.value, isinstance(node.op, ast.Add), True, node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Remember the names that the function assigns."""
        outer, self.local = self.local, {part.id for part in inside(node.body) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        self.generic_visit(node)
        self.local = outer
        return node

    def visit_While(self, node: ast.While) -> ast.AST | list[ast.stmt]:
        """A `while` loop that counts becomes a `for` loop."""
        statements = counted(node, self.count + 1)
        if statements is None:
            return self.generic_visit(node)
        assert isinstance(statements[2], ast.For)
        return [*statements[:2], *self.visit_For(statements[2]), statements[3]]

    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        """Rewrite one loop."""
        plain, added, summed, grown = _names(node, self.local)
        leaves = _leaves(node.body)
        self.count += 1
        loop, value = f"__derive_loop{self.count}", f"__derive_value{self.count}"
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
        everything = sorted([*plain, *added, *summed, *grown])
        names = ", ".join(everything) + ("," if len(everything) == 1 else "")
        sets = f"{plain!r}, {added!r}, {summed!r}, {grown!r}"
        source = f"for {loop}, {value} in {ITERATE}(None, {leaves}):\n"
        source += f"    if {loop} is not None:\n        ({names}) = {loop}.begin({self.scope!r}, locals(), globals(), {sets})\n    pass\n"
        if not leaves:
            source += "    for __derive_once in (None,):\n        pass\n"
            source += f"    if {loop} is not None:\n        {loop}.end(locals(), {[*added, *summed]!r})\n"
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


def _compiled(definition: ast.FunctionDef, original: CodeType) -> CodeType | None:
    """The code of a definition, with the free names of the original."""
    factory = ast.parse(f"def __derive_factory({', '.join(original.co_freevars)}): pass")
    body = factory.body[0]
    assert isinstance(body, ast.FunctionDef)
    body.body = [definition]
    ast.fix_missing_locations(factory)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user's own file was compiled, and warned about, before
        return _code(compile(factory, original.co_filename, "exec"), original.co_name, definition.lineno)


def _parsed(function: FunctionType) -> ast.FunctionDef | None:
    """The definition of a function; None where its source cannot be had, or is not what the function was compiled from."""
    try:
        lines, start = inspect.getsourcelines(function)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError, TypeError):
        return None
    definition = tree.body[0]
    if not any(isinstance(node, _REWRITTEN) for node in ast.walk(tree)) or not isinstance(definition, ast.FunctionDef):
        return None
    ast.increment_lineno(tree, start - 1)
    definition.decorator_list = []
    plain = _compiled(definition, function.__code__)
    by_pytest = "@pytest_ar" in function.__code__.co_names  # pytest compiles the asserts of a test's file in its own way
    return definition if plain is not None and (by_pytest or same_code(plain, function.__code__)) else None


_known: dict[tuple[CodeType, str], CodeType] = {}


def rewritten(function: FunctionType) -> CodeType:
    """The function's code with its loops rewritten; unchanged where it has none, or where the source cannot be had."""
    original = function.__code__
    key = original, original.co_filename
    if key not in _known:
        _known[key] = _rewritten(function)
        if len(_known) > _MOST_KNOWN:
            del _known[next(iter(_known))]
    return _known.get(key, original)


def _rewritten(function: FunctionType) -> CodeType:
    original = function.__code__
    definition = _parsed(function)
    if definition is None:
        return original
    start = original.co_firstlineno
    if not any(isinstance(node, (ast.Global, ast.Nonlocal)) for node in ast.walk(definition)):
        definition = _Rewriter(f"{original.co_filename}:{start}:").visit(definition)
    spelled(definition)
    return _compiled(definition, original) or original
