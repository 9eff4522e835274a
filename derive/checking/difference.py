"""What a wrong gradient is wrong by: the difference as a formula, and its meaning in words.

The words come from the difference itself: it is divided by each additive part of the true gradient, and what the quotient is (−1: the part is
missing; m − 1: a factor 1/m is missing; …) is said.  Nothing here knows a particular loss.

Legend: t is a part of the true gradient, κ what the difference contains of it, so that the claimed gradient contains (1 + κ) t.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from derive.checking.dense import Dense
from derive.checking.report import Example
from derive.checking.sentences import Part, Sentences
from derive.derivation import Definition, Story
from derive.errors import DeriveError
from derive.evaluate import Evaluator
from derive.index import Add, At, Expr, Mono, Poly, Size, add, expand, mul
from derive.normal import P0, P1, Algebra
from derive.normal.algebra import written_out
from derive.normal.fold import Folder
from derive.normal.present import cost, present
from derive.normal.ring import factors, monomial, poly, terms
from derive.points import Point
from derive.render import Notation, expression
from derive.render.telling import story_notation

__all__ = ["Differences", "Part", "apart_in_digits", "reasoning"]


_SHORT = 16
_DIGITS_SECONDS = 3.0  # after which no further entry is tried in many digits


def reasoning(story: Story) -> tuple[Definition, ...]:
    """The definitions of a story with their bodies to reason with, then its cotangents."""
    own = tuple(Definition(d.name, d.indices, story.cleaned.get(d.name, d.body)) for d in story.definitions)
    return (*own, *story.cotangents)


class Differences:
    """Compares formulas with the derivative of a story, in the names of its source."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.algebra = Algebra()
        definitions = reasoning(story)
        self.bodies = {c.name: (c.indices, c.body) for c in story.cotangents}
        self.folder = Folder(self.algebra, [d for d in definitions if d.role != "cotangent"][:-1])
        self.notation: Notation = story_notation(story)
        self.sentences = Sentences(self.algebra, self.show, story.wrt, story.result.indices)
        self.parts = [self._part(node) for node in _summands(self._written(story.result.body))]

    def _written(self, node: Expr) -> Expr:
        for name in reversed([c.name for c in self.story.cotangents]):
            node = expand(node, {name: self.bodies[name]})
        return node

    def _form(self, node: Expr) -> Poly:
        return self.folder.fold(self.algebra.canonical(node))

    def _part(self, node: Expr) -> Part:
        form = self._form(node)
        shown = present(self.algebra, form)
        return Part(self.show(shown), shown, form)

    @property
    def true(self) -> Expr:
        """The true gradient, with the derivatives that it passes through written out."""
        return self._written(self.story.result.body)

    def show(self, node: Expr) -> str:
        """A formula in Unicode text."""
        return expression(node, "text", notation=self.notation)

    def explain(self, claimed: Expr) -> tuple[str, tuple[str, ...]]:
        """(claimed − true as a formula, its meaning in sentences); both in the source's own names.

        Args:
            claimed: the handwritten gradient at the result's indices.
        """
        apart = self.expanding()
        true = self.algebra.add(P0, *(part.form for part in self.parts))
        written_out = apart.sub(apart.canonical(claimed), apart.canonical(self.true))
        gap = min((self.folder.fold(self.algebra.sub(self._form(claimed), true)), self.folder.fold(written_out)), key=cost)
        shares, rest = self._shared(gap, self.parts)
        if rest is not P0:
            terms_alone = self._terms_alone()
            finer, left = self._shared(gap, terms_alone)
            if cost(left) < cost(rest):
                return self._formula(gap, terms_alone, finer, left), self._sentences(terms_alone, finer, left)
        return self._formula(gap, self.parts, shares, rest), self._sentences(self.parts, shares, rest)

    def expanding(self) -> Algebra:
        """A normal form that writes the names out, so that what is equal cancels."""
        return Algebra(lookup=written_out(d for d in reasoning(self.story) if d.role != "cotangent"))

    def of_losses(self, own: Expr) -> str:
        """Another loss minus the reference's, as a formula in the source's own names; '' where it is long."""
        apart = self.expanding()
        gap = self.folder.fold(apart.sub(apart.canonical(own), apart.canonical(self.story.definitions[-1].body)))
        shown = present(self.algebra, gap)
        return self.show(shown) if cost(shown) <= _SHORT else ""

    def _formula(self, gap: Poly, parts: Sequence[Part], shares: Sequence[Poly], rest: Poly) -> str:
        """The difference by its shares of the parts, where they explain it all; else as it is."""
        if rest is not P0:
            return self.show(present(self.algebra, gap))
        whole = add(*(mul(present(self.algebra, share), part.shown) for share, part in zip(shares, parts) if share is not P0))
        plain = present(self.algebra, gap)
        return self.show(whole if cost(whole) < cost(plain) else plain)

    def _shared(self, gap: Poly, parts: Sequence[Part]) -> tuple[list[Poly], Poly]:
        """(how much of each part the difference contains, what is left)."""
        shares = [self._share(gap, part) for part in parts]
        whole = self.algebra.add(P0, *(self.algebra.mul(share, part.form) for share, part in zip(shares, parts)))
        return shares, self.algebra.sub(gap, whole)

    def _share(self, gap: Poly, part: Part) -> Poly:
        """κ, read off the terms of the difference that are multiples of the part's first term."""
        if not terms(part.form):
            return P0
        first, c = min(terms(part.form), key=lambda pair: (len(factors(pair[0])), pair[0].key))
        share = P0
        for m, k in terms(gap):
            quotient = _divided(m, first)
            if quotient is not None:
                share = self.algebra.add(share, poly({quotient: k / c}))
        return share

    def _sentences(self, parts: Sequence[Part], shares: Sequence[Poly], rest: Poly) -> tuple[str, ...]:
        out = []
        if rest is P0 and len(set(shares)) == 1 and shares[0] is not P0 and len(shares) > 1:
            out.append(self.sentences.sentence(shares[0], None))
        else:
            out += [self.sentences.sentence(share, part) for share, part in zip(shares, parts) if share is not P0]
        if rest is not P0:
            verb = "and it has" if out else "your gradient has"
            out.append(f"{verb} what does not belong there: {self.show(present(self.algebra, rest))}")
        return tuple(out)

    def by_numbers(self, found: Sequence[tuple[Point, np.ndarray]], names: Sequence[str]) -> tuple[str, ...]:
        """The same sentences where there is no formula: each part's share is fitted to numbers at several sizes.

        Args:
            found: points with the claimed gradient at each.
            names: of the symbolic sizes.
        """
        return self.fitted(found, names)[1]

    def fitted(self, found: Sequence[tuple[Point, np.ndarray]], names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        """The same with the difference as a formula: (formula, sentences), both empty where the parts do not explain the numbers."""
        coarse = self._by_fit(found, names, self.parts)
        return coarse if coarse[1] else self._by_fit(found, names, self._terms_alone())

    def _by_fit(self, found: Sequence[tuple[Point, np.ndarray]], names: Sequence[str], parts: Sequence[Part]) -> tuple[str, tuple[str, ...]]:
        fits = [fit for point, claimed in found if (fit := self._fitted(point, claimed, parts)) is not None]
        if len({tuple(sizes.values()) for sizes, _ in fits}) < min(2, len(names)) or len(fits) < 2:
            return "", ()
        shares = []
        for k in range(len(parts)):
            total = _common_factor([(sizes, found[k]) for sizes, found in fits], names)
            if total is None:
                return "", ()
            shares.append(self.algebra.sub(total, P1))
        gap = self.algebra.add(P0, *(self.algebra.mul(share, part.form) for share, part in zip(shares, parts)))
        return self._formula(gap, parts, shares, P0), self._sentences(parts, shares, P0)

    def _terms_alone(self) -> list[Part]:
        """The true gradient multiplied out, as parts."""
        true = self.algebra.add(P0, *(part.form for part in self.parts))
        return [self._part(present(self.algebra, poly({m: c}))) for m, c in sorted(terms(true), key=lambda t: t[0].key)]

    def _fitted(self, point: Point, claimed: np.ndarray, parts: Sequence[Part]) -> tuple[dict[str, int], np.ndarray] | None:
        """The factors with which the parts add up to the claimed gradient at one point, if any do."""
        dense = Dense(point.sizes, point.arrays, reasoning(self.story))
        try:
            columns = [dense.array(part.shown, self.story.result.indices).ravel() for part in parts]
        except (DeriveError, KeyError, ValueError):
            return None
        target = np.asarray(claimed, dtype=float).ravel()
        matrix = np.stack(columns, axis=1)
        finite = np.isfinite(target).all() and np.isfinite(matrix).all() and matrix.shape[0] == target.size
        if not finite or matrix.shape[0] <= matrix.shape[1] or np.linalg.matrix_rank(matrix) < matrix.shape[1]:
            return None
        shares, *_ = np.linalg.lstsq(matrix, target, rcond=None)
        close = np.allclose(matrix @ shares, target, rtol=1e-7, atol=1e-9 * (1 + np.abs(target).max()))
        return (point.sizes, shares) if close else None

    def of(self, named: Expr) -> str:
        """Claimed − true as a formula, for a claimed gradient that is written in the story's own names."""
        true = self.algebra.add(P0, *(part.form for part in self.parts))
        return self.show(present(self.algebra, self.folder.fold(self.algebra.sub(self._form(self._written(named)), true))))

def apart_in_digits(story: Story, claimed: Expr, names: Mapping[str, str], tried: Iterable[Point]) -> Example | None:
    """Two formulas that differ by less than rounding, or only at numbers of unusual size, are told apart in 50 digits."""
    start, indices = time.process_time(), story.result.indices
    for point in tried:
        evaluator = Evaluator(point.sizes, point.arrays, reasoning(story))
        for place in itertools.product(*(range(evaluator.size(i.size)) for i in indices)):
            if time.process_time() - start > _DIGITS_SECONDS:
                return None
            try:
                own, true = (evaluator.value(body, dict(zip(indices, place))) for body in (claimed, story.result.body))
            except (IndexError, ZeroDivisionError):
                break
            if abs(own - true) > 1e-30 * (1 + abs(true)):
                arrays = {names[name]: value for name, value in point.arrays.items() if name in names}
                return Example(point.sizes, arrays, float(own), float(true), place)
    return None


def _summands(node: Expr) -> tuple[Expr, ...]:
    return node.args[0] if isinstance(node, Add) else (node,)


def _divided(m: Mono, by: Mono) -> Mono | None:
    """m / by where that is a product of sizes and numbers alone."""
    powers: dict[Expr, Fraction] = dict(factors(m))
    for a, e in factors(by):
        powers[a] = powers.get(a, Fraction(0)) - e
    left = {a: e for a, e in powers.items() if e}
    return monomial(left) if all(isinstance(a, Size) or (isinstance(a, At) and not a.indices and e > 0) for a, e in left.items()) else None


def _common_factor(fits: Sequence[tuple[dict[str, int], float]], names: Sequence[str]) -> Poly | None:
    """One factor for all sizes: a small fraction, alone or times a size or over one."""
    candidates: list[tuple[Poly, str, int]] = [(P1, "", 0)]
    candidates += [(poly({monomial({Size(name): Fraction(e)}): Fraction(1)}), name, e) for name in names for e in (1, -1)]
    for form, name, e in candidates:
        numbers = [share / (sizes[name] ** e if name else 1) for sizes, share in fits]
        guess = Fraction(float(numbers[0])).limit_denominator(12)
        if all(abs(x - float(guess)) < 1e-6 for x in numbers):
            return Poly(frozenset((m, c * guess) for m, c in terms(form) if guess))
    return None
