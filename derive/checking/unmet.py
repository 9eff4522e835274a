"""Cases of a formula that no point met: where numbers alone decide, nothing was seen of what the code does in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from derive.checking.dense import Dense
from derive.checking.difference import Differences, reasoning
from derive.derivation import Story
from derive.errors import NotYet
from derive.index import ZERO, At, Expr, Fn, Iverson, sub, walk
from derive.points import Point

__all__ = ["unmet_cases"]

_LONGEST = 120


def unmet_cases(claimed: Expr, story: Story, points: Sequence[Point]) -> tuple[str, ...]:
    """The conditions of a claimed gradient that were the same at every point, as sentences; what the truth decides by as well is passed over.

    Args:
        claimed: the handwritten gradient as a formula.
        story: the derivation of the truth, with the names that the formula uses.
        points: where the numbers were compared.
    """
    shared = {part for body in (story.result.body, *(d.body for d in reasoning(story))) for part in walk(body)}
    found: dict[str, None] = {}
    for part, left, right in _cases(claimed):
        seen = set() if part in shared else _signs(sub(left, right), story, points, strict=isinstance(part, Fn))
        if len(seen) == 1:
            found.setdefault(f"{_side(seen.pop(), left, right, story)} at every point that was tried: what the code does elsewhere was not seen")
    return tuple(found)


def _cases(claimed: Expr) -> Iterator[tuple[Expr, Expr, Expr]]:
    """(part, left, right) for each part that is one thing where left > right and another one elsewhere."""
    for part in walk(claimed):
        if isinstance(part, Iverson) and part.args[0] != "=" and _on_data(part):
            yield part, part.args[1], ZERO
        elif isinstance(part, Fn) and part.args[0] in ("max", "min") and len(part.args[1]) == 2 and _on_data(part):
            yield part, *part.args[1]
        elif isinstance(part, Fn) and part.args[0] in ("abs", "sign", "relu") and _on_data(part):
            yield part, part.args[1][0], ZERO


def _on_data(part: Expr) -> bool:
    return any(isinstance(one, At) and one.kind == "float" for one in walk(part))


def _signs(gap: Expr, story: Story, points: Sequence[Point], *, strict: bool) -> set[bool]:
    """Whether the gap is positive, over all entries at all points but those of ties; both where that cannot be told.  A gap of 0 tells nothing
    where strict.
    """
    seen: set[bool] = set()
    for point in (p for p in points if p.style != "ties"):
        try:
            with np.errstate(all="ignore"):
                values = Dense(point.sizes, point.arrays, reasoning(story)).value(gap)[0]
        except NotYet:
            return {True, False}
        told = values[np.isfinite(values) & ((values != 0) if strict else True)]
        seen |= {bool(one) for one in np.unique(told > 0)}
    return seen


def _side(positive: bool, left: Expr, right: Expr, story: Story) -> str:
    """'λ > 0', or words where that is too long to read."""
    show = Differences(story).show
    text = f"{show(left)} {'>' if positive else '≤'} {show(right)}"
    return text if len(text) <= _LONGEST else "a condition of the code on the data is the same"
