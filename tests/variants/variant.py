"""One row of the table: what somebody wrote, what it should be the gradient of, and whether it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Family:
    """What several people wrote the gradient of.

    reference: the loss, or the layer, as a JAX function.
    wrt: the arguments whose gradients are returned, in that order.
    shapes: of the arguments of the reference, as derive takes them.
    draws: how an argument is drawn where it is no ordinary real: a size (labels below it), "positive", "mask", "sign", "unit",
        "share" (positive, summing to one along the last axis).
    assume: what derive may assume, as text.
    sizes: sizes to run at, where not all sizes go together.
    change: another convention: of the reference's value and the arguments, the value that the function returns.
    """

    reference: Callable[..., Any]
    wrt: tuple[str, ...]
    shapes: Mapping[str, str]
    draws: Mapping[str, str] = field(default_factory=dict)
    assume: tuple[str, ...] = ()
    sizes: tuple[Mapping[str, int], ...] = ()
    change: Callable[[Any, Any], Any] | None = None


@dataclass(frozen=True, eq=False)
class Variant:
    """A handwritten gradient: one function, or a forward and a backward pass with a cache.

    fault: what is wrong, in words; empty where it is right.
    own: the gradient is right for the loss that the function itself returns, which is not the reference's.
    """

    family: Family
    functions: tuple[Callable[..., Any], ...]
    fault: str = ""
    own: bool = False

    @property
    def name(self) -> str:
        return self.functions[-1].__name__

    @property
    def right(self) -> bool:
        return not self.fault


def row(family: Family, *functions: Callable[..., Any], fault: str = "", own: bool = False) -> Variant:
    return Variant(family, functions, fault, own)


def with_respect_to(family: Family, *names: str) -> Family:
    """The same loss, of which other gradients are returned."""
    return replace(family, wrt=names)


UNEQUAL = (3, 2, 4, 5, 6, 7, 8, 9)
OTHER = (2, 5, 3, 4, 7, 6, 9, 8)


def size_names(family: Family) -> list[str]:
    names: list[str] = []
    for text in family.shapes.values():
        for part in text.replace("*", " ").split():
            if part.isidentifier() and part not in ("int", "bool", "float") and part not in names:
                names.append(part)
    return names


def settings(family: Family) -> list[dict[str, int]]:
    """Concrete sizes: unequal ones twice, and all one."""
    if family.sizes:
        return [dict(s) for s in family.sizes]
    names = size_names(family)
    return [dict(zip(names, UNEQUAL)), dict(zip(names, OTHER)), dict.fromkeys(names, 1)]


def drawn(family: Family, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, Any]:
    """Arguments of the reference at these sizes."""
    out: dict[str, Any] = {}
    for name, text in family.shapes.items():
        words = text.split()
        whole = bool(words) and words[0] in ("int", "bool")
        shape = tuple(eval(part, {}, dict(sizes)) for part in words[whole:])
        value = draw(family.draws.get(name, "int" if whole else "real"), shape, sizes, rng)
        out[name] = value.astype(bool) if words[:1] == ["bool"] else value
    return out


def draw(kind: str, shape: tuple[int, ...], sizes: Mapping[str, int], rng: np.random.Generator) -> Any:
    if kind == "real":
        value: Any = rng.normal(0.0, 1.0, shape)
    elif kind == "positive":
        value = rng.uniform(0.3, 2.0, shape)
    elif kind == "unit":
        value = rng.uniform(0.05, 0.95, shape)
    elif kind == "share":
        value = rng.uniform(0.1, 1.0, shape)
        value = value / value.sum(axis=-1, keepdims=True)
    elif kind == "mask":
        value = (rng.random(shape) < 0.6).astype(float)
    elif kind == "sign":
        value = rng.choice([-1.0, 1.0], shape)
    else:
        value = rng.integers(0, max(sizes[kind], 1), shape)
    return value if shape else np.asarray(value)[()]
