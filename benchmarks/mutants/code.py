"""The source of a variant with all its helpers, and a changed source as functions that can be run and inspected."""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from variants import Variant

Functions = tuple[Callable[..., Any], ...]


@dataclass(frozen=True, eq=False)
class Source:
    """The functions of a variant and the helpers that they call, as one module of their own."""

    variant: Variant
    tree: ast.Module


def names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


@cache
def source(variant: Variant) -> Source:
    """What the variant consists of: its functions, and what they use of their module, in the order of the file."""
    module = inspect.getmodule(variant.functions[0])
    assert module is not None
    whole = ast.parse(inspect.getsource(module))
    defined = {node.name: node for node in whole.body if isinstance(node, ast.FunctionDef)}
    needed, todo = set(), {f.__name__ for f in variant.functions}
    while todo:
        name = todo.pop()
        if name in defined and name not in needed:
            needed.add(name)
            todo |= names(defined[name])
    return Source(variant, ast.Module([node for name, node in defined.items() if name in needed], []))


def compiled(variant: Variant, text: str, label: str) -> Functions:
    """The functions of a variant, made from another text; the text is where tools look for the lines of a file."""
    filename = f"<{label}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    module = inspect.getmodule(variant.functions[0])
    namespace = {name: value for name, value in vars(module).items() if name == "np" or isinstance(value, float)} | {"__name__": label}
    exec(compile(text, filename, "exec"), namespace)
    return tuple(namespace[f.__name__] for f in variant.functions)


def original(variant: Variant) -> str:
    return "\n\n".join(ast.unparse(function) for function in source(variant).tree.body) + "\n"
