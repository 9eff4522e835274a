"""What a file defines, told from its text without running it: NumPy and JAX functions, custom rules, and what each returns."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from derive.errors import BadInput, Place

__all__ = ["CUSTOM", "GENERIC", "Defined", "definitions", "gradient_of_name"]

CUSTOM = ("jax.custom_vjp", "jax.custom_jvp", "torch.autograd.Function")
_LIBRARIES = {"jax": "jax", "numpy": "numpy", "scipy": "numpy", "torch": "torch"}
_GRADIENT = r"(?:d|d_|grad|grad_|gradient_|g_|nabla_|d[LlJEC]_d_?|dloss_d_?|dcost_d_?)"
GENERIC = frozenset({"grad", "grads", "gradient", "gradients", "dW"})


@dataclass(frozen=True)
class Defined:
    """A function, a class or a custom rule at the top of a file.

    Attributes:
        name, line: of the definition.
        kind: 'jax', 'numpy', 'torch' by what it or a helper of it uses, 'plain' where it uses none; one of CUSTOM; 'rule' for a function that
            a custom rule is made of; 'class' or 'value'.
        parameters: their names, in order; `required` of them have no default.
        returned: the names, or the keys of a dict, that the last return gives back; '' for an expression.
        uses: the names of the file's other definitions that it uses.
    """

    name: str
    line: int
    kind: str
    parameters: tuple[str, ...] = ()
    required: int = 0
    returned: tuple[str, ...] = ()
    uses: frozenset[str] = frozenset()

    @property
    def gradients(self) -> tuple[str, ...]:
        """The parameters whose gradients it returns, as far as the returned names tell."""
        found = (gradient_of_name(word, self.parameters) for word in self.returned)
        return tuple(dict.fromkeys(name for name in found if name))

    @property
    def returns_gradient(self) -> bool:
        """Whether a returned name is one that people give to a gradient, and is not just a parameter handed back."""
        return bool(self.gradients) or any(word in GENERIC and word not in self.parameters for word in self.returned)


def gradient_of_name(word: str, parameters: Sequence[str]) -> str:
    """The parameter whose gradient goes by that name, such as W for dW, grad_W or dL_dW; '' if there is none."""
    if word in parameters:
        return ""
    return next((name for name in parameters if re.fullmatch(rf"{_GRADIENT}{re.escape(name)}|{re.escape(name)}_grad(?:ient)?", word)), "")


def definitions(file: Path) -> dict[str, Defined]:
    """What a Python file defines at its top, by name, in order; the file is read and not run.

    Raises:
        BadInput: it is missing or is no Python.
    """
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except OSError as error:
        raise BadInput(f"There is no file {file}." if not file.exists() else f"{file} cannot be read: {error.strerror}.") from error
    except SyntaxError as error:
        raise BadInput(f"The file is not valid Python: {error.msg}.", place=Place(str(file), error.lineno or 0, error.text or "")) from error
    except ValueError as error:
        raise BadInput(f"{file} is no Python: {error}.") from error
    modules = dict(_imported(tree))
    nodes = dict(_named(tree))
    direct = {name: _direct(node, modules) for name, node in nodes.items()}
    links = {name: frozenset(_free_names(node) & nodes.keys() - {name}) for name, node in nodes.items()}
    found = {name: replace(_defined(name, node, _settled(name, direct, links), modules), uses=links[name])
             for name, node in nodes.items() if not _is_constant(node)}
    rules = set(_rules(tree))
    return {name: replace(one, kind="rule") if name in rules else one for name, one in found.items()}


def _rules(tree: ast.Module) -> Iterator[str]:
    """The functions that are handed to `defvjp`, `defjvp` or `defjvps`, or decorated with one of them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_defining(node.func):
            yield from (part.id for part in node.args if isinstance(part, ast.Name))
        elif isinstance(node, ast.FunctionDef) and any(map(_is_defining, node.decorator_list)):
            yield node.name


def _is_defining(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("defvjp", "defjvp", "defjvps")


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(the name, what it stands for with its module), for every import in the tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom):
            yield from ((alias.asname or alias.name, f"{node.module or '.'}.{alias.name}") for alias in node.names)


def _named(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Definitions and assignments to one name at the top of the file, under `if` and `try` too."""
    body: list[ast.stmt] = list(tree.body)
    while body:
        node = body.pop(0)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            body = [*node.body, *getattr(node, "orelse", []), *body]


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and not isinstance(node.value, (ast.Lambda, ast.Call))


def _free_names(node: ast.AST) -> set[str]:
    """The names that a definition reads and does not bind itself; annotations do not count."""
    skipped = {id(part) for one in ast.walk(node) for part in _annotations(one)}
    read: set[str] = set()
    bound: set[str] = set()
    todo: list[ast.AST] = [node]
    while todo:
        part = todo.pop()
        if isinstance(part, ast.Name):
            (read if isinstance(part.ctx, ast.Load) else bound).add(part.id)
        elif isinstance(part, ast.arg):
            bound.add(part.arg)
        todo.extend(child for child in ast.iter_child_nodes(part) if id(child) not in skipped)
    return read - bound if not isinstance(node, ast.Assign) else read


def _annotations(node: ast.AST) -> Iterator[ast.AST]:
    for name in ("annotation", "returns"):
        if isinstance(part := getattr(node, name, None), ast.AST):
            yield part


def _direct(node: ast.stmt, modules: dict[str, str]) -> frozenset[str]:
    """The libraries that a definition uses itself; where it uses none, those of its annotations."""
    known = {**modules, **dict(_imported(node))}

    def libraries(names: set[str]) -> frozenset[str]:
        spelled = (known[name] if name in known else known.get("*", "") if name not in vars(builtins) else "" for name in names)
        return frozenset(_LIBRARIES[root] for word in spelled if (root := word.split(".")[0]) in _LIBRARIES)

    local = {name for name, _ in _imported(node)}
    hints = {part.id for one in ast.walk(node) for hint in _annotations(one) for part in ast.walk(hint) if isinstance(part, ast.Name)}
    return libraries(_free_names(node) | local) or libraries(hints)


def _settled(name: str, direct: dict[str, frozenset[str]], links: dict[str, frozenset[str]]) -> str:
    """The kind by what the definition and everything that it leads to use: JAX before torch before NumPy."""
    seen, todo = {name}, [name]
    while todo:
        for other in links[todo.pop()] - seen:
            seen.add(other)
            todo.append(other)
    used = frozenset().union(*(direct[one] for one in seen))
    return next((library for library in ("jax", "torch", "numpy") if library in used), "plain")


def _defined(name: str, node: ast.stmt, kind: str, modules: dict[str, str]) -> Defined:
    custom = _custom(node, modules)
    value = node.value if isinstance(node, ast.Assign) else node
    if isinstance(value, (ast.FunctionDef, ast.Lambda)):
        parameters = [a.arg for a in (*value.args.posonlyargs, *value.args.args, *value.args.kwonlyargs)]
        optional = len(value.args.defaults) + sum(default is not None for default in value.args.kw_defaults)
        returned = _returned(value) if isinstance(value, ast.FunctionDef) else ()
        return Defined(name, node.lineno, custom or kind, tuple(parameters), len(parameters) - optional, returned)
    return Defined(name, node.lineno, custom or ("class" if isinstance(node, ast.ClassDef) else "value"))


def _custom(node: ast.stmt, modules: dict[str, str]) -> str:
    """Which of CUSTOM a definition is: by a decorator, a base class, or the call that it is assigned."""
    if isinstance(node, ast.Assign):
        marks: list[ast.expr] = [node.value.func] if isinstance(node.value, ast.Call) else []
    else:
        marks = list(getattr(node, "decorator_list", [])) if isinstance(node, ast.FunctionDef) else list(getattr(node, "bases", []))
    for mark in marks:
        calls = [mark.func, *mark.args] if isinstance(mark, ast.Call) else [mark]
        for word in (_full(call, modules) for call in calls):
            if word in ("jax.custom_vjp", "jax.custom_jvp") or word.endswith("torch.autograd.Function"):
                return word
            if word == "torch.autograd.function.Function":
                return CUSTOM[2]
    return ""


def _full(node: ast.expr, modules: dict[str, str]) -> str:
    first, *rest = ast.unparse(node).split(".")
    return ".".join([modules.get(first, first), *rest])


def _returned(function: ast.FunctionDef) -> tuple[str, ...]:
    """The names, or the keys, that the last return of a function gives back, flat."""
    todo: list[ast.stmt] = list(function.body)
    found: list[ast.Return] = []
    while todo:
        node = todo.pop(0)
        if isinstance(node, ast.Return) and node.value is not None:
            found.append(node)
        elif not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            todo.extend(child for child in ast.walk(node) if isinstance(child, ast.Return))
    return tuple(_words(max(found, key=lambda node: node.lineno).value)) if found else ()


def _words(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, (ast.Tuple, ast.List)):
        for part in node.elts:
            yield from _words(part)
    elif isinstance(node, ast.Dict):
        for key in node.keys:
            word = str(key.value) if isinstance(key, ast.Constant) else ""
            yield word if not word or word in GENERIC or re.match(rf"{_GRADIENT}.", word) or word in ("loss", "cost") else f"d{word}"
    else:
        yield node.id if isinstance(node, ast.Name) else ""
