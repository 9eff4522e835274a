"""Whether linear inequalities contradict each other: Fourier and Motzkin's elimination.

Legend: a form is {unknown: coefficient}, with the unknown 0 for the number 1; a fact is (form, strict): form > 0, or form ≥ 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

__all__ = ["Fact", "Form", "contradictory", "minus"]

Form = dict[int, Fraction]
Fact = tuple[Form, bool]
_Row = tuple[dict[int, int], bool]
_MOST = 200


def minus(form: Form) -> Form:
    """−form."""
    return {unknown: -c for unknown, c in form.items()}


def _whole(fact: Fact) -> _Row:
    """The fact with whole coefficients that have no common factor."""
    form, strict = fact
    scale = math.lcm(*(c.denominator for c in form.values())) if form else 1
    return _reduced({unknown: int(c * scale) for unknown, c in form.items() if c}), strict


def _reduced(form: dict[int, int]) -> dict[int, int]:
    common = math.gcd(*form.values()) if form else 1
    return {unknown: c // common for unknown, c in form.items()} if common > 1 else form


def _distinct(rows: Iterable[_Row]) -> list[_Row]:
    kept: dict[frozenset[tuple[int, int]], _Row] = {}
    for form, strict in rows:
        key = frozenset(form.items())
        if strict or key not in kept:
            kept[key] = (form, strict)
    return list(kept.values())


def _impossible(row: _Row) -> bool:
    form, strict = row
    if len(form) > 1 or (form and 0 not in form):
        return False
    value = form.get(0, 0)
    return value < 0 or (strict and value == 0)


def contradictory(facts: Sequence[Fact]) -> bool:
    """Whether no numbers satisfy the facts; False also where that would be long to find out."""
    left = _distinct(map(_whole, facts))
    while True:
        if any(map(_impossible, left)):
            return True
        unknowns = {unknown for form, _ in left for unknown in form if unknown}
        if not unknowns or len(left) > _MOST:
            return False
        left = _distinct(_without(left, min(unknowns, key=lambda u: (_growth(left, u), u))))


def _growth(rows: Sequence[_Row], unknown: int) -> int:
    above = below = 0
    for form, _ in rows:
        c = form.get(unknown, 0)
        above, below = above + (c > 0), below + (c < 0)
    return above * below - above - below


def _without(rows: Sequence[_Row], unknown: int) -> list[_Row]:
    """What follows from the facts about the other unknowns."""
    out = [row for row in rows if unknown not in row[0]]
    above = [row for row in rows if row[0].get(unknown, 0) > 0]
    below = [row for row in rows if row[0].get(unknown, 0) < 0]
    for f, strict in above:
        for g, also in below:
            a, b = -g[unknown], f[unknown]
            found = {other: a * f.get(other, 0) + b * g.get(other, 0) for other in f.keys() | g.keys()}
            out.append((_reduced({other: c for other, c in found.items() if c}), strict or also))
    return out
