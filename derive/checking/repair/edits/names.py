"""Edits of names: another one of the same shape, arguments and returned values in another order."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from derive.checking.repair.scene import ADD, ATOM, PRODUCT, Scene
from derive.checking.repair.source import Edit

__all__ = ["name", "tuples"]


def name(scene: Scene, node: ast.Name) -> Iterator[Edit]:
    """Another name that held something of the same shape; a copy where the name is shared."""
    if not isinstance(node.ctx, ast.Load):
        return
    own = scene.kind(node.id)
    if own is None:
        return
    scalar = own[0] == 0
    for other in scene.held:
        kind = scene.kind(other)
        if other == node.id or kind is None:
            continue
        if kind == own or (scalar and kind[0] == 0):
            yield scene.put(node, other, ATOM, f"{other} in place of {node.id}", 1.6 if own[1] == "i" else 1.8 if scalar else 2.7)
        elif kind[0] == own[0] and kind[1] == own[1]:
            yield scene.put(node, other, ATOM, f"{other} in place of {node.id}", 3.5)
    above = scene.unit.parents.get(node)
    if not scalar and own[1] == "f":
        yield from _of_one(scene, node)
    if not scalar and isinstance(above, ast.Assign):
        yield scene.put(node, f"{node.id}.copy()", ATOM, f"copy {node.id}, which is changed in place", 2.2)
    if scalar and own[1] == "i" and scene.held[node.id] in scene.sizes.values():
        for size in scene.divisors:
            if size != node.id and "." in size:
                yield scene.put(node, size, ATOM, f"{size} in place of {node.id}", 1.8)


def _of_one(scene: Scene, node: ast.Name) -> Iterator[Edit]:
    """What is often meant in the place of an array: its square, 1 minus it, where it is positive, its deviation from the mean."""
    a = node.id
    yield scene.put(node, f"{a} ** 2", PRODUCT, f"{a} squared", 2.6)
    yield scene.put(node, f"1 - {a}", ADD, f"1 - {a} in place of {a}", 2.6)
    yield scene.put(node, f"({a} > 0).astype(float)", ATOM, f"1 where {a} is positive, in place of {a}", 2.6)
    for other in scene.alike(a):
        yield scene.put(node, f"{a} * {other}", PRODUCT, f"times {other}", 3.3)
    yield scene.put(node, f"{a} - {a}.mean(axis=0)", ADD, f"subtract the mean of {a}", 2.9)
    yield scene.put(node, f"{a} - {a}.mean(axis=-1, keepdims=True)", ADD, f"subtract the mean of {a}", 2.95)


def tuples(scene: Scene, node: ast.Tuple | ast.Return | ast.Dict) -> Iterator[Edit]:
    """Two parts of a tuple that is unpacked or returned, or two values of a dict, change places."""
    above = scene.unit.parents.get(node)
    parts = node.values if isinstance(node, ast.Dict) else node.elts if isinstance(node, ast.Tuple) else []
    fits = isinstance(above, (ast.Return, ast.Assign)) or isinstance(node, ast.Dict)
    rank = 2.2 if isinstance(above, ast.Assign) and ".shape" in scene.source(above) else 1.7
    if not fits or len(parts) > 8:
        return
    for i, j in itertools.combinations(range(len(parts)), 2):
        texts = [scene.source(part) for part in parts]
        if texts[i] == texts[j]:
            continue
        texts[i], texts[j] = texts[j], texts[i]
        start, end = scene.unit.span(parts[i])[0], scene.unit.span(parts[j])[1]
        middle = scene.unit.data[scene.unit.span(parts[i])[1]:scene.unit.span(parts[j])[0]].decode()
        yield Edit(scene.unit.number, start, end, f"{texts[i]}{middle}{texts[j]}", f"{texts[j]} and {texts[i]} change places", rank)


