"""The arguments of two functions, matched by name, or by position where the names differ."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from derive.derivation import Argument
from derive.errors import BadInput
from derive.index import At, Expr, substitute, walk
from derive.trace import Program, read
from derive.trace.captured import arrays_of, worth_a_name
from derive.trace.shapes import Shapes, argument_names, argument_shapes, place_of
from derive.trace.trees import Flat, Form, with_own_arrays

__all__ = ["argument_text", "form_like", "matched", "with_shared_arrays"]


def form_like(g: Callable[..., Any], form: Form) -> Callable[..., Any]:
    """g as a function of arrays, with its trees taken apart as those of the first function are: by name, or by position.

    Raises:
        BadInput: an argument of g has the name of an array in a tree.
    """
    whole, mine = list(argument_names(form.whole)), list(argument_names(g))
    if not form.trees or not (form.trees.keys() <= set(mine) or len(whole) == len(mine)):
        return g
    names = {name: name for name in form.trees} if form.trees.keys() <= set(mine) else dict(zip(whole, mine))
    trees = {names[name]: tree.called(names[name]) for name, tree in form.trees.items()}
    clash = {leaf for tree in trees.values() for leaf in tree.packed.reach} & set(mine)
    if clash:
        raise BadInput(f"{sorted(clash)[0]!r} is an argument of one function, and an array in a tree of the other.", place=place_of(g))
    return Flat(g, trees, "")


def with_shared_arrays(form: Form, g: Callable[..., Any]) -> Iterator[tuple[Form, Callable[..., Any]]]:
    """Both functions with the arrays that both use without taking them as further arguments; what is equal for any such arrays is so for these."""
    mine, theirs = (list(arrays_of(function).items()) for function in (form.whole, g))
    pairs = {name: (where, value) for name, (path, value) in mine for _, (where, other) in theirs if path and where and _same(value, other)}
    if not pairs or not worth_a_name({name: value for name, (_, value) in pairs.items()}):
        return
    like = form_like(g, form)
    trees = like.trees if isinstance(like, Flat) else {}
    for one in with_own_arrays(form, list(pairs)):
        yield one, Flat(g, trees, "", pairs)


def _same(value: Any, other: Any) -> bool:
    return value is other or (value.shape == other.shape and value.dtype == other.dtype and bool(np.array_equal(value, other)))


def matched(g: Callable[..., Any], left: Program, shapes: Shapes) -> tuple[Program, dict[str, str]]:
    """g read with f's shapes and f's names; the second value maps f's names to g's."""
    arguments = left.source.arguments
    mine = [a.name for a in argument_shapes(g, None)] if shapes is None else list(inspect.signature(g).parameters)
    if set(mine) >= {a.name for a in arguments} or not mine:
        names = {a.name: a.name for a in arguments}
    elif len(mine) >= len(arguments):
        names = {a.name: other for a, other in zip(arguments, mine)}
    else:
        raise BadInput(f"The functions take different arguments: {', '.join(a.name for a in arguments)} and {', '.join(mine)}.")
    given = shapes if isinstance(shapes, Mapping) else None
    extra = {name: given[name] for name in mine if given and name in given and name not in names.values()}
    right = read(g, {**{names[a.name]: argument_text(a) for a in arguments}, **extra})
    return _renamed(right, {new: old for old, new in names.items()}), names


def argument_text(argument: Argument) -> str:
    """The shape of an argument as it is given in `shapes`: "int m"."""
    lead = "" if argument.kind == "float" else argument.kind + " "
    return lead + " ".join(_size_text(part) for part in argument.shape)


def _size_text(part: Expr) -> str:
    kind = type(part).__name__
    if kind in ("Num", "Size"):
        return str(part.args[0])
    if kind == "Pow":
        return f"({_size_text(part.args[0])})**{part.args[1]}"
    return "(" + ("+" if kind == "Add" else "*").join(_size_text(kid) for kid in part.args[0]) + ")"


def _renamed(program: Program, names: Mapping[str, str]) -> Program:
    """The program with its arguments under other names."""
    clash = {new for old, new in names.items() if old != new}
    if not clash:
        return program
    moved = {d.name: d.name + "″" for d in program.definitions if d.name in clash}
    table = {**names, **moved}

    def change(node: Expr) -> Expr:
        entries = {part: At(table[part.name], part.indices, part.kind)
                   for part in walk(node) if isinstance(part, At) and part.name in table}
        return substitute(node, entries)
    definitions = tuple(replace(d, name=table.get(d.name, d.name), body=change(d.body)) for d in program.definitions)
    assumptions = tuple(replace(a, condition=change(a.condition) if a.condition is not None else None) for a in program.assumptions)
    arguments = tuple(replace(a, name=names.get(a.name, a.name)) for a in program.source.arguments)
    return replace(program, source=replace(program.source, arguments=arguments), definitions=definitions, assumptions=assumptions)
