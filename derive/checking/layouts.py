"""Which other layouts handwritten code may expect: transposed matrices, one-hot labels, labels −1 and +1."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from derive.checking.adapters import Layout
from derive.checking.subject import Subject
from derive.derivation import Argument
from derive.errors import BadInput
from derive.index import ONE, Expr

__all__ = ["candidates", "given_layouts"]

# Names of masks, whose floats are 0 or 1, and of labels, which are where the code asks whether they are: both are tried where it is wrong otherwise.
_MASKS = frozenset({"M", "observed", "valid", "keep", "weights_mask"})
_LABELS = frozenset({"y", "Y", "t", "T", "target", "targets", "labels"})
KINDS = ("transposed", "one-hot", "signs")


def given_layouts(layouts: Mapping[str, str], arguments: Sequence[Argument], bounds: Mapping[str, Sequence[Expr]]) -> dict[str, Layout]:
    """The layouts that the user named.

    Raises:
        BadInput: there is no such layout, or no argument tells how many classes there are.
    """
    out = {}
    for name, kind in layouts.items():
        if kind not in KINDS:
            raise BadInput(f"There is no layout {kind!r} for {name!r}.", hint=f"The layouts are {', '.join(map(repr, KINDS))}.")
        width = _width(name, arguments, bounds) if kind == "one-hot" else ("", 0)
        if width is None:
            raise BadInput(f"It cannot be told how many classes the one-hot rows of {name!r} have.")
        out[name] = Layout(kind, width)
    return out


def _width(label: str, arguments: Sequence[Argument], bounds: Mapping[str, Sequence[Expr]]) -> tuple[str, int] | None:
    """An axis of another argument whose size is the number of classes."""
    for bound in bounds.get(label, ()):
        for a in arguments:
            for axis, size in enumerate(a.shape):
                if size is bound and a.name != label:
                    return a.name, axis
    return None


# What asks for the form of an array, and not for its entries.
_FORM = frozenset({"shape", "size", "ndim", "dtype"})


def _uses(function: Callable[..., Any], name: str) -> int:
    """How often a function reads the entries of its parameter; many where its source is not known."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return 2
    form = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in _FORM}
    return sum(isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load) and id(node) not in form for node in ast.walk(tree))


def _turned(subject: Subject, argument: str, wrt: Sequence[str]) -> bool:
    """Whether code that is right for this argument transposed means it so: a single place that reads it could be a slip of two indices."""
    return argument in wrt or sum(_uses(part, subject.names[argument]) for part in subject.parts) > 1


def _two_valued(subject: Subject, argument: str) -> bool:
    """Whether floats are meant to be 0 or 1: they are a mask by name, or labels that the code compares with 0, 1 or 1/2, or branches on."""
    if argument in _MASKS or "mask" in argument.lower():
        return True
    return argument in _LABELS and any(_asks(part, subject.names[argument]) for part in subject.parts)


def _asks(function: Callable[..., Any], name: str) -> bool:
    """Whether a function asks which of two values an entry of its parameter has."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    return any(_is_question(node, name) for node in ast.walk(tree))


def _is_question(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Compare):
        sides = (node.left, *node.comparators)
        return any(map(_literal, sides)) and any(_entry_of(side, name) for side in sides)
    if isinstance(node, (ast.If, ast.IfExp)):
        return _entry_of(node.test, name)
    if isinstance(node, ast.Call):
        chosen = bool(node.args) and _entry_of(node.args[0], name) and ast.unparse(node.func).endswith((".where", "bool"))
        return chosen or ast.unparse(node).startswith(f"{name}.astype(bool")
    return False


def _literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (0, 1, 0.5)


def _entry_of(node: ast.expr, name: str) -> bool:
    """Whether an expression is a name, or entries of it."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name) and node.id == name


def candidates(subject: Subject, arguments: Sequence[Argument], bounds: Mapping[str, Sequence[Expr]], raised: bool,
               wrt: Sequence[str] = ()) -> Iterator[dict[str, Layout]]:
    """Layouts to try in turn: those that change shapes where the code raises as it is, two values where it is wrong."""
    taken = [a for a in arguments if a.name in subject.names and a.name != "dout"]
    matrices = [a.name for a in taken if a.kind == "float" and len(a.shape) == 2 and ONE not in a.shape and _turned(subject, a.name, wrt)]
    labels = [a.name for a in taken if a.kind == "int" and len(a.shape) == 1]
    hot = {name: Layout("one-hot", width) for name in labels if (width := _width(name, arguments, bounds)) is not None}
    if raised:
        for one_hot in ({}, hot) if hot else ({},):
            for count in range(0 if one_hot else 1, min(len(matrices), 3) + 1):
                for names in itertools.combinations(matrices, count):
                    yield {**{name: Layout("transposed") for name in names}, **one_hot}
    else:
        yield from ({name: Layout(kind)} for name in labels for kind in ("binary", "signs") if name not in bounds)
        yield from ({a.name: Layout("binary")} for a in taken if a.kind == "float" and _two_valued(subject, a.name))
