"""Walking through expressions, and replacing parts of them without capturing a bound index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from derive.index.build import add, delta, digit, fresh, num, power, product
from derive.index.nodes import Add, At, Binder, Delta, Digit, Expr, Index, Mono, Mul, Poly, Pow, Size

__all__ = ["array_names", "expand", "rebuild", "size_names", "substitute", "walk"]


def rebuild(node: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The node with `change` applied to each direct part."""
    if isinstance(node, (Mono, Poly)):
        return _collected(node, change)
    args = tuple(_changed(arg, change) for arg in node.args)
    if args == node.args:
        return node
    if isinstance(node, Delta):
        return delta(*args)
    if isinstance(node, Digit):
        return digit(*args)
    if isinstance(node, Add):
        return add(*args[0])
    if isinstance(node, Mul):
        return product(args[0])
    if isinstance(node, Pow):
        return power(*args)
    return type(node)(*args)


def _collected(node: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """A canonical product or sum with its parts changed; as written where two parts became the same, so that both still count."""
    old = node.args[0]
    pairs = [(change(part), q) for part, q in old]
    if all(new is part for (new, _), (part, _) in zip(pairs, old)):
        return node
    if len({part for part, _ in pairs}) == len(pairs):
        return type(node)(frozenset(pairs))
    if isinstance(node, Mono):
        return product(power(part, q) for part, q in sorted(pairs, key=lambda pair: pair[0].key))
    return add(*(product((num(q), part)) for part, q in sorted(pairs, key=lambda pair: pair[0].key)))


def _changed(arg: Any, change: Callable[[Expr], Expr]) -> Any:
    if isinstance(arg, Expr):
        return change(arg)
    if isinstance(arg, tuple):
        return tuple(_changed(part, change) for part in arg)
    if isinstance(arg, frozenset):
        return frozenset(_changed(part, change) for part in arg)
    return arg


def substitute(node: Expr, mapping: Mapping[Any, Expr]) -> Expr:
    """Replace nodes (indices, entries) by others, everywhere and at once, without capturing a bound index.

    A key that mentions a bound index is replaced where it stands under that binder, and its value is read in the same scope.
    """
    memo: dict[Expr, Expr] = {}
    indices = frozenset(mapping) if all(isinstance(key, Index) for key in mapping) else None

    def change(part: Expr) -> Expr:
        if indices is not None and indices.isdisjoint(part.free):
            return part
        if part in mapping:
            return mapping[part]
        if part not in memo:
            memo[part] = _under(part)
        return memo[part]

    def _under(part: Expr) -> Expr:
        if not isinstance(part, Binder):
            return rebuild(part, change) if part.args else part
        inner = {key: value for key, value in mapping.items() if key not in part.bound}
        clash = {index: fresh(index) for index in part.bound if any(index in v.free and index not in k.free for k, v in inner.items())}
        if not clash:
            return _rebound(part, change(part.body) if len(inner) == len(mapping) else substitute(part.body, inner), {}, change)
        scoped = {substitute(k, clash): substitute(v, clash) if k.free & clash.keys() else v for k, v in inner.items()}
        return _rebound(part, substitute(substitute(part.body, clash), scoped), clash, change)

    return change(node)


def _rebound(binder: Binder, body: Expr, renamed: Mapping[Index, Index], change: Callable[[Expr], Expr]) -> Expr:
    bound = tuple(renamed.get(index, index) for index in binder.bound)
    return type(binder)(*(_changed(arg, change) for arg in binder.args[:-2]), bound, body)


def walk(node: Expr) -> Iterable[Expr]:
    """Every node below and including this one, each once."""
    seen: set[Expr] = set()
    stack = [node]
    while stack:
        part = stack.pop()
        if part not in seen:
            seen.add(part)
            yield part
            stack.extend(part.kids)


def array_names(node: Expr) -> set[str]:
    """The names of the arrays that occur, label arrays included."""
    return set(_names(node))


def _names(node: Expr) -> frozenset[str]:
    if node.names is None:
        own = frozenset([node.name]) if isinstance(node, At) else frozenset()
        node.names = own.union(*map(_names, node.kids))
    return node.names


def size_names(node: Expr) -> set[str]:
    """The names of the symbolic sizes that occur, those of bound indices included."""
    return {part.name for part in walk(node) if isinstance(part, Size)}


def expand(node: Expr, bodies: Mapping[str, tuple[tuple[Index, ...], Expr]]) -> Expr:
    """Replace named entries by their bodies, at their indices."""
    def change(part: Expr) -> Expr:
        part = rebuild(part, change) if part.args else part
        if isinstance(part, At) and part.name in bodies:
            indices, body = bodies[part.name]
            return substitute(body, dict(zip(indices, part.indices)))
        return part
    return change(node)
