"""A wrong gradient in words: patterns of the numbers first, then the difference as a formula, then the derivation with one step done wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from derive.checking.diagnosis.bench import Bench, Clock, Seen, matching
from derive.checking.diagnosis.dense import Dense
from derive.checking.diagnosis.labels import cases
from derive.checking.diagnosis.patterns import PATTERNS
from derive.checking.diagnosis.variants import variants
from derive.checking.difference import Differences
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.derivation import Story
from derive.errors import DeriveError, NotYet
from derive.index import Expr
from derive.points import Point, sizes_of

__all__ = ["diagnose"]

_KEPT = 5
_VAGUE = "what does not belong there"


def diagnose(subject: Subject, truth: Truth, wrt: str, claimed: Expr | None, seen: Sequence[tuple[Point, np.ndarray]], *,
             seconds: float = 0.4) -> tuple[str, tuple[str, ...]]:
    """(claimed − true as a formula or '', what is wrong in sentences).

    Args:
        subject: the handwritten code.
        truth: what it is compared with.
        wrt: the argument.
        claimed: the claimed gradient at the indices of the true one, where it is known as a formula.
        seen: the claimed gradient at points, of any shape.
        seconds: how long hypotheses are tried.
    """
    try:
        story: Story | None = truth.story(wrt)
    except NotYet:
        story = None
    bench, clock = Bench(subject, truth, wrt, story), Clock(seconds)
    kept = _kept(bench, seen)
    differences = Differences(story) if story is not None else None
    formula, words = differences.explain(claimed) if differences is not None and claimed is not None else ("", ())
    if differences is not None and claimed is None:
        words = differences.by_numbers([(s.point, s.claimed) for s in kept if s.claimed.shape == s.true.shape], sizes_of(truth.arguments))
    told = [line for row in PATTERNS if not clock.over for line in row(bench, kept)]
    vague = not words or any(_VAGUE in line for line in words)
    if story is not None and vague and len(told) == len([line for line in told if "only" in line]):
        told += _as_variant(story, kept, clock)
    if differences is not None and claimed is not None and story is not None and not clock.over:
        told += _told_cases(differences, claimed, story)
    return formula, _merged(told, words, vague)


def _kept(bench: Bench, seen: Sequence[tuple[Point, np.ndarray]]) -> list[Seen]:
    """The first points with the truth beside them, those with ties and with huge numbers aside."""
    out: list[Seen] = []
    for point, claimed in seen:
        true = bench.true(point.sizes, point.arrays) if point.style not in ("ties", "enlarged") and len(out) < _KEPT else None
        if true is not None and np.isfinite(true).all():
            out.append(Seen(point, np.asarray(claimed, dtype=float), true))
    return out


def _as_variant(story: Story, kept: Sequence[Seen], clock: Clock) -> Iterator[str]:
    """What the derivation says if one of its steps is done wrongly, where that is what was claimed; the most plausible rank alone."""
    best: int | None = None
    for variant in variants(story):
        if clock.over or (best is not None and variant.rank > best):
            return
        result = variant.definitions[-1]
        guesses = (_value(variant.definitions, s, result) for s in kept)
        if kept and matching(kept[:1], [next(guesses)]) and matching(kept[1:] or kept[:1], list(guesses) or [kept[0].claimed]):
            best = variant.rank
            yield variant.words


def _value(definitions: Sequence[object], seen: Seen, result: object) -> np.ndarray | None:
    try:
        found = Dense(seen.point.sizes, seen.point.arrays, definitions[:-1]).array(result.body, result.indices)  # type: ignore[arg-type, attr-defined]
    except (DeriveError, KeyError, ValueError, IndexError):
        return None
    return found.reshape(seen.true.shape) if found.size == seen.true.size else None


def _told_cases(differences: Differences, claimed: Expr, story: Story) -> list[str]:
    try:
        return list(cases(differences, claimed, story.result.body))
    except DeriveError:
        return []


def _merged(told: Sequence[str], words: Sequence[str], vague: bool) -> tuple[str, ...]:
    """The patterns and the sentences on the formula, each thing said once; a vague sentence on the formula comes last."""
    exact = [line for line in words if "the whole gradient" in line]
    plain = [line for line in told if not (exact and "the whole gradient" in line)]
    return tuple(dict.fromkeys((*plain, *words) if vague else (*words, *plain)))
