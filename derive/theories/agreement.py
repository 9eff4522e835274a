"""Whether a derivation, a handwritten NumPy function and JAX agree: as formulas for all sizes, and in numbers at points.

Numbers are compared in 64-bit at unequal sizes, at sizes that are all 1, and where compared numbers tie.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from derive.assume import declared, use
from derive.checking.difference import reasoning
from derive.checking.lift import CannotLift, lift
from derive.checking.report import Example
from derive.derivation import Argument, Assumption, Story
from derive.errors import BadInput, DeriveError, NotYet
from derive.evaluate import Evaluator
from derive.index import ZERO, Expr, Index
from derive.normal import Algebra
from derive.normal.algebra import written_out
from derive.points import Point, concrete, label_bounds, points
from derive.trace.shapes import call

__all__ = ["ClaimFailed", "agree", "by_name", "evaluated", "lifted", "name_of", "points_for", "same_form", "sizes_text",
           "with_cotangent"]

_TOLERANCE = 1e-10
_STYLES = ("normal", "positive", "ties")


class ClaimFailed(DeriveError, AssertionError):
    """What was claimed is not so, or is not seen to be so; the message says where and by how much."""


def name_of(function: Callable[..., Any]) -> str:
    """What a function is called."""
    return str(getattr(function, "__name__", function))


def sizes_text(shape: Sequence[Expr]) -> str:
    """A symbolic shape as text."""
    return "(" + ", ".join(str(part.args[0]) for part in shape) + ")"


def _parameters(function: Callable[..., Any], given: Mapping[str, Any]) -> list[str]:
    """The parameters of a handwritten function, each of which is one of the names that are given.

    Raises:
        BadInput: it needs something else.
    """
    found = inspect.signature(function).parameters
    unknown = [name for name, p in found.items() if name not in given and p.default is p.empty]
    if unknown:
        raise BadInput(f"{name_of(function)} needs {', '.join(unknown)}; there are {', '.join(given)}.")
    return [name for name in found if name in given]


def by_name(function: Callable[..., Any], arrays: Mapping[str, Any]) -> Any:
    """A handwritten function at concrete arguments, those that it needs, on copies; a number is given as a plain number."""
    return call(function, {name: np.array(arrays[name])[()] for name in _parameters(function, arrays)})


def lifted(function: Callable[..., Any], story: Story) -> Any:
    """A handwritten function as formulas for all sizes: `LiftedArray`s in whatever it returns.

    Raises:
        ClaimFailed: it does something that has no index expression.
    """
    arguments: dict[str, Argument] = {a.name: a for a in story.source.arguments}
    if story.kind == "vjp":
        arguments["dout"] = Argument("dout", story.definitions[-1].shape)
    try:
        return lift(function, {name: arguments[name] for name in _parameters(function, arguments)}).outputs
    except CannotLift as error:
        raise ClaimFailed(f"{name_of(function)} is not lifted to a formula: {error.met}", place=error.place, hint=error.hint) from error


def same_form(left: Expr, right: Expr, story: Story, assume: Sequence[str] = ()) -> bool:
    """Whether two expressions in the names of a story have the same normal form."""
    algebra = Algebra(hard=True, lookup=written_out(reasoning(story)))
    use(declared(assume, story.source.arguments), algebra, story.source.arguments)
    try:
        return algebra.is_zero(algebra.sub(algebra.canonical(left), algebra.canonical(right)))
    except NotYet:
        return False


def points_for(arguments: Sequence[Argument], assumptions: Sequence[Assumption]) -> tuple[Point, ...]:
    """Where numbers are compared: unequal sizes and sizes that are all 1, labels within their bounds."""
    tried = points(arguments, label_bounds([a.condition for a in assumptions]))
    return tuple(p for p in tried if p.style in _STYLES and (len(p.sizes) < 2 or set(p.sizes.values()) != {2}))


def evaluated(story: Story, body: Expr, indices: tuple[Index, ...], point: Point) -> np.ndarray:
    """An expression of a story in numbers, computed in high precision, with one axis for each index."""
    evaluator = Evaluator(point.sizes, point.arrays, (*story.definitions, *story.cotangents))
    if body is ZERO:
        return np.zeros([evaluator.size(i.size) for i in indices])
    return evaluator.array(body, indices).astype(float)


def with_cotangent(story: Story, point: Point) -> Point:
    """The point with an incoming gradient `dout` in the shape of the value."""
    shape = [concrete(part, point.sizes) for part in story.definitions[-1].shape]
    dout = np.round(np.random.default_rng(shape).normal(size=shape), 3)
    return Point(point.sizes, {**point.arrays, "dout": dout}, point.style)


def agree(pairs: Iterable[tuple[Point, Any, Any]], who: str, other: str) -> None:
    """Arrays are equal to 10 digits at every point where they are defined, and they are defined somewhere.

    Args:
        pairs: a point and the two arrays there.
        who, other: what made them, for the message.

    Raises:
        ClaimFailed: they are not; the message has numbers to paste.
    """
    defined = False
    for point, left, right in pairs:
        mine, true = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
        if mine.shape != true.shape:
            raise ClaimFailed(f"{who} has the shape {mine.shape}, {other} has {true.shape}, at {point.sizes}.")
        inside = np.isfinite(mine) | np.isfinite(true)
        gap = np.where(inside, np.abs(np.where(inside, mine, 0) - np.where(inside, true, 0)), 0)
        scale = 1 + np.max(np.abs(true), initial=0.0, where=np.isfinite(true))
        if not (gap <= _TOLERANCE * scale).all():
            place = tuple(int(k) for k in np.unravel_index(int(np.argmax(np.where(np.isnan(gap), np.inf, gap))), gap.shape))
            example = Example(point.sizes, point.arrays, float(mine[place]), float(true[place]), place)
            raise ClaimFailed(f"{who} and {other} differ.", hint=str(example).replace("claimed", who).replace(", true", f", {other}"))
        defined = defined or bool(inside.all())
    if not defined:
        raise ClaimFailed(f"{who} and {other} are undefined at every point that was tried.")
