"""Whether linear inequalities contradict each other: Fourier and Motzkin's elimination.

Legend: a form is {unknown: coefficient}, with the unknown 0 for the number 1; a fact is (form, strict): form > 0, or form ≥ 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

__all__ = ["Fact", "Form", "contradictory", "minus"]

Form = dict[int, Fraction]
Fact = tuple[Form, bool]
_MOST = 200


def minus(form: Form) -> Form:
    """−form."""
    return {unknown: -c for unknown, c in form.items()}


def _frozen(form: Form) -> frozenset[tuple[int, Fraction]]:
    scale = abs(form[min(form)]) if form else Fraction(1)
    return frozenset((unknown, c / scale) for unknown, c in form.items())


def _distinct(facts: Sequence[Fact]) -> list[Fact]:
    kept: dict[frozenset[tuple[int, Fraction]], Fact] = {}
    for form, strict in facts:
        key = _frozen(form)
        if key not in kept or strict:
            kept[key] = (form, strict)
    return list(kept.values())


def _impossible(fact: Fact) -> bool:
    form, strict = fact
    value = form.get(0, Fraction(0))
    return not form.keys() - {0} and (value < 0 or (strict and value == 0))


def _sum(f: Form, a: Fraction, g: Form, b: Fraction) -> Form:
    out = {unknown: c * a for unknown, c in f.items()}
    for unknown, c in g.items():
        out[unknown] = out.get(unknown, Fraction(0)) + c * b
    return {unknown: c for unknown, c in out.items() if c}


def contradictory(facts: Sequence[Fact]) -> bool:
    """Whether no numbers satisfy the facts; False also where that would be long to find out."""
    left = _distinct(facts)
    while True:
        if any(map(_impossible, left)):
            return True
        unknowns = {unknown for form, _ in left for unknown in form if unknown}
        if not unknowns or len(left) > _MOST:
            return False
        left = _distinct(_without(left, min(unknowns, key=lambda u: (_growth(left, u), u))))


def _growth(facts: Sequence[Fact], unknown: int) -> int:
    signs = [form[unknown] > 0 for form, _ in facts if unknown in form]
    return sum(signs) * (len(signs) - sum(signs)) - len(signs)


def _without(facts: Sequence[Fact], unknown: int) -> list[Fact]:
    """What follows from the facts about the other unknowns."""
    out = [fact for fact in facts if unknown not in fact[0]]
    above = [fact for fact in facts if fact[0].get(unknown, 0) > 0]
    below = [fact for fact in facts if fact[0].get(unknown, 0) < 0]
    for f, strict in above:
        for g, also in below:
            out.append((_sum(f, -g[unknown], g, f[unknown]), strict or also))
    return out
