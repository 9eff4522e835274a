"""On which case a difference lives: the two values of each indicator in it, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from derive.checking.difference import Differences
from derive.index import ONE, ZERO, Delta, Expr, Iverson, substitute, walk
from derive.normal import P0, Algebra

__all__ = ["cases"]

_MOST = 4


def cases(differences: Differences, claimed: Expr, true: Expr) -> Iterator[str]:
    """A sentence for each indicator that tells where the difference is 0."""
    algebra = differences.expanding()
    gap = algebra.sub(algebra.canonical(claimed), algebra.canonical(true))
    found = sorted((part for part in walk(gap) if isinstance(part, (Delta, Iverson))), key=lambda part: part.key)
    for part in found[:_MOST]:
        off, on = (_at(algebra, gap, part, value) for value in (ZERO, ONE))
        if off is P0 and on is not P0:
            yield f"it is wrong only {_where(differences, part)}, and right elsewhere"
        elif on is P0 and off is not P0:
            yield f"it is right {_where(differences, part)}, and wrong elsewhere"


def _at(algebra: Algebra, gap: Expr, part: Expr, value: Expr) -> Expr:
    return algebra.canonical(substitute(gap, {part: value}))


def _where(differences: Differences, part: Expr) -> str:
    text = differences.show(part)
    return f"where {text[2:-1]}" if text.startswith("1{") and text.endswith("}") else f"where {text} is 1"
