"""Arguments for a row at concrete sizes, and what JAX says the derivative is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import oracle
from library import Row
from variants.variant import draw

from derive.derivation import Argument, Assumption
from derive.index import Expr, array_names
from derive.points import Point, concrete, holds, label_bounds, sizes_of
from derive.trace.read import Program

UNEQUAL = ((3, 2, 4, 5, 6, 7, 8), (2, 5, 3, 4, 7, 3, 2), (4, 3, 2, 6, 5, 2, 3))
FEWER = ((2, 3, 1, 2, 4), (1, 2, 3, 2, 2), (2, 1, 2, 3, 1))  # for many axes: 50 digits take their time
LARGE = (1e2, 1e3, 1e4)


def settings(row: Row, program: Program) -> list[dict[str, int]]:
    """Three times unequal sizes, then all ones."""
    names = sizes_of(program.source.arguments)
    unequal = UNEQUAL if len(names) < 4 else FEWER
    return [dict(zip(names, values)) | dict(row.sizes) for values in unequal] + [dict.fromkeys(names, 1) | dict(row.sizes)] if names else [{}] * 2


def drawn(row: Row, program: Program, sizes: Mapping[str, int], seed: int, scale: float = 1.0, rests: Sequence[Assumption] = ()) -> dict[str, Any]:
    """Arguments by name; `scale` enlarges the ordinary reals, as logits can be large."""
    rng = np.random.default_rng([seed, *sizes.values()])
    bounds = label_bounds([a.condition for a in (*program.assumptions, *rests)])
    return {a.name: one(row, a, sizes, bounds, rng, scale) for a in program.source.arguments}


def one(row: Row, argument: Argument, sizes: Mapping[str, int], bounds: Mapping[str, Any], rng: np.random.Generator, scale: float) -> Any:
    shape = tuple(concrete(part, dict(sizes)) for part in argument.shape)
    kind = row.draws.get(argument.name)
    if argument.kind == "bool":
        value = rng.random(shape) < 0.6
        value[..., :1] = True  # a row of a mask lets something through
        return value
    if argument.kind == "int":
        return labels(kind, shape, sizes, bounds.get(argument.name, []), rng)
    if kind is None:
        return scale * np.asarray(rng.normal(0.0, 1.1, shape))
    if kind == "zero":
        return np.zeros(shape)
    if kind == "sign01":
        return (rng.random(shape) < 0.5).astype(float)
    return np.asarray(draw(kind, shape, sizes, rng))


def labels(kind: str | None, shape: tuple[int, ...], sizes: Mapping[str, int], bounds: Any, rng: np.random.Generator) -> Any:
    if kind == "pairs":
        return np.arange(np.prod(shape)).reshape(shape) // 2
    if kind == "label":
        return rng.integers(1, 3, shape)
    if kind in sizes:
        return rng.integers(0, sizes[kind], shape)
    return rng.integers(0, min([concrete(bound, dict(sizes)) for bound in bounds], default=max([2, *sizes.values()])), shape)


def trials(row: Row, program: Program, scale: float = 1.0, rests: Sequence[Assumption] = ()) -> Iterator[tuple[dict[str, int], dict[str, Any]]]:
    """(sizes, arguments) at which JAX itself runs the function, and what the result rests on holds of the sizes."""
    of_sizes = [a.condition for a in rests if a.condition is not None and not a.condition.free and not array_names(a.condition)]
    for turn, sizes in enumerate(settings(row, program)):
        arrays = drawn(row, program, sizes, turn, scale, rests)
        if all(holds(condition, Point(dict(sizes), {}, "")) for condition in of_sizes) and oracle.accepted(row.function, arrays):
            yield sizes, arrays


def relative(found: Any, expected: Any, least: float = 1e-300) -> float:
    """max|Δ| / max|g|, or over `least` where that is larger."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    if found.shape != expected.shape:
        return float("inf")
    gap = float(np.max(np.abs(found - expected), initial=0.0))
    return gap if gap == 0 else gap / max(float(np.max(np.abs(expected), initial=0.0)), least)


def size_text(part: Expr) -> str:
    """A size as it is written in `shapes`."""
    kind = type(part).__name__
    if kind in ("Num", "Size"):
        return str(part.args[0])
    if kind == "Pow":
        return "*".join([size_text(part.args[0])] * int(part.args[1]))
    return ("+" if kind == "Add" else "*").join(map(size_text, part.args[0])).replace("+-1*", "-").replace("+-", "-")
