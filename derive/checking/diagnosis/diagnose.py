"""A wrong gradient in words: patterns of the numbers first, then the difference as a formula, then the derivation with one step done wrongly."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from derive.checking.dense import Dense
from derive.checking.diagnosis.bench import Bench, Clock, Seen, matching
from derive.checking.diagnosis.labels import cases
from derive.checking.diagnosis.passed import first_apart
from derive.checking.diagnosis.patterns import PATTERNS
from derive.checking.diagnosis.variants import Variant, variants
from derive.checking.difference import Differences, reasoning
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.derivation import Definition, Story
from derive.errors import DeriveError, NotYet
from derive.index import Expr, expand
from derive.normal import terms
from derive.points import Point, sizes_of

__all__ = ["UNEXPLAINED", "diagnose"]

_KEPT = 5
UNEXPLAINEDEST = 160
_MOST = 4
_HUGE = 12  # the same above which the formula is not worked out, when no step explains it
_LARGE = 8  # products in the true gradient, multiplied out, above which one wrong step is looked for before the formula is worked out
UNEXPLAINED = ("no single wrong step was found that explains the difference",)


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
    bench = Bench(subject, truth, wrt, story)
    kept = _kept(bench, seen)
    if story is None:
        return "", tuple(line for row in PATTERNS for line in row(bench, kept))
    return _Told(bench, story, kept, claimed, seconds).told()


class _Told:
    """The sentences for one gradient that has a derivation."""

    def __init__(self, bench: Bench, story: Story, kept: Sequence[Seen], claimed: Expr | None, seconds: float) -> None:
        self.bench, self.story, self.kept, self.claimed, self.seconds = bench, story, kept, claimed, seconds
        self.differences = Differences(story)
        size = sum(len(terms(part.form)) for part in self.differences.parts)
        self.large, self.huge = size > _LARGE, size > _HUGE

    def told(self) -> tuple[str, tuple[str, ...]]:
        """(the difference as a formula, the sentences): what explains everything alone, else all that is known."""
        found, named = self._as_variant() if self.large else ([], None)
        if found:
            return self._named(named), tuple(found)
        formula, words = self._by_parts()
        if self.kept and not any(s.claimed.any() for s in self.kept):
            return _readable(formula), ("your gradient is 0 everywhere",)
        if words and all(s.right for s in self.kept):
            return _readable(formula), words
        patterns = [line for row in PATTERNS for line in row(self.bench, self.kept)]
        if words and not _vague(words) and len(words) == 1:
            return _readable(formula), (*words, *(self._cases() if _lacking(words) else ()))
        if explained := [line for line in patterns if _explains(line)]:
            return _readable(formula), tuple(explained)
        if not self.large:
            found, named = self._as_variant()
        formula = self._named(named) or _readable(formula)
        if words and not _vague(words) and not found:
            return formula, _few((*words, *(self._cases() if _lacking(words) else ())))
        if sum("lacks" in line for line in words) >= len(self.differences.parts):
            words = ()
        where = [*patterns, *self._cases()]
        where += first_apart(self.bench, self.story, self.kept) if not found else []
        short = [line for line in words if len(line) <= UNEXPLAINEDEST] or list(UNEXPLAINED) * (not where)
        return formula, tuple(dict.fromkeys((*found, *where) if found else (*where, *short)))

    def _by_parts(self) -> tuple[str, tuple[str, ...]]:
        """The formula and its sentences; where they leave something over, what the numbers say of each part."""
        formula, words = "", tuple[str, ...]()
        if self.huge:
            return formula, words
        with contextlib.suppress(DeriveError):  # a formula that is too large is told by numbers
            formula, words = self.differences.explain(self.claimed) if self.claimed is not None else ("", ())
        if not words or _vague(words):
            fitting = [(s.point, s.claimed) for s in self.kept if s.claimed.shape == s.true.shape]
            fitted = self.differences.fitted(fitting, sizes_of(self.bench.truth.arguments))
            formula, words = fitted if fitted[1] else (formula, words)
        return formula, words

    def _as_variant(self) -> tuple[list[str], Variant | None]:
        """What the derivation says if one of its steps is done wrongly, where that is what was claimed; the most plausible alone."""
        found: list[Variant] = []
        clock = Clock(self.seconds)
        tried = [_Tried(s, (*reasoning(self.story), self.story.result)) for s in self.kept]
        for variant in variants(self.story):
            if clock.over or (found and variant.rank > found[0].rank):
                break
            if self.kept and all(matching([one.seen], [one.value(variant)]) for one in tried):
                found.append(variant)
        telling = [v for v in found if v.meant][:1] or found[:2]
        return [variant.words for variant in telling], telling[0] if telling else None

    def _named(self, variant: Variant | None) -> str:
        """The difference that a variant makes, in the story's own names; '' where it changes the forward pass."""
        if variant is None or variant.forward:
            return ""
        bodies = {d.name: (d.indices, d.body) for d in variant.definitions if d.role == "cotangent"}
        node = variant.definitions[-1].body
        for name in reversed(list(bodies)):
            node = expand(node, {name: bodies[name]})
        try:
            return _readable(self.differences.of(node))
        except DeriveError:
            return ""

    def _cases(self) -> list[str]:
        if self.claimed is None or self.large:
            return []
        try:
            return list(cases(self.differences, self.claimed))
        except DeriveError:
            return []


def _few(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(words) if len(words) <= _MOST else (*words[:_MOST - 1], f"and {len(words) - _MOST + 1} parts more are wrong")


def _vague(words: Sequence[str]) -> bool:
    return any("what does not belong there" in line for line in words)


def _explains(line: str) -> bool:
    """Whether a pattern says what is wrong, and not only where."""
    return not line.startswith("it is ")


def _lacking(words: Sequence[str]) -> bool:
    return any("lacks" in line and "regulariser" not in line and "factor" not in line for line in words)


def _readable(formula: str) -> str:
    return formula if len(formula) <= UNEXPLAINEDEST else ""


def _kept(bench: Bench, seen: Sequence[tuple[Point, np.ndarray]]) -> list[Seen]:
    """The first points with the truth beside them, those with ties and with huge numbers aside."""
    out: list[Seen] = []
    for point, claimed in seen:
        true = bench.true(point.sizes, point.arrays) if point.style not in ("ties", "enlarged") and len(out) < _KEPT else None
        if true is not None and np.isfinite(true).all():
            out.append(Seen(point, np.asarray(claimed, dtype=float), true))
    return out


class _Tried:
    """A point at which variants are tried: what stands before a change keeps its value."""

    def __init__(self, seen: Seen, whole: Sequence[Definition]) -> None:
        self.seen, self.whole = seen, whole
        self.values: dict[str, np.ndarray] = {}

    def value(self, variant: Variant) -> np.ndarray | None:
        """The gradient that a variant gives; None where it has no value."""
        result = variant.definitions[-1]
        try:
            before = {d.name: self._known(d) for d in self.whole[:variant.changed[0]]}
            dense = Dense(self.seen.point.sizes, {**self.seen.point.arrays, **before}, variant.definitions[:-1])
            found = dense.array(result.body, result.indices)
        except (DeriveError, KeyError, ValueError, IndexError):
            return None
        return found.reshape(self.seen.true.shape) if found.size == self.seen.true.size else None

    def _known(self, d: Definition) -> np.ndarray:
        if d.name not in self.values:
            dense = Dense(self.seen.point.sizes, {**self.seen.point.arrays, **self.values}, self.whole)
            self.values[d.name] = dense.array(d.body, d.indices)
        return self.values[d.name]
