"""What a wrong gradient is wrong by: the difference as a formula, and its meaning in words.

The words come from the difference itself: it is divided by each additive part of the true gradient, and what the quotient is (−1: the part is
missing; m − 1: a factor 1/m is missing; …) is said.  Nothing here knows a particular loss.

Legend: t is a part of the true gradient, κ what the difference contains of it, so that the claimed gradient contains (1 + κ) t.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from derive.checking.report import Example
from derive.derivation import Definition, Story
from derive.evaluate import Evaluator
from derive.index import Add, At, Expr, Mono, Poly, Size, add, expand, mul
from derive.normal import P0, P1, Algebra, constant
from derive.normal.algebra import written_out
from derive.normal.fold import Folder
from derive.normal.present import cost, present
from derive.normal.ring import factors, monomial, poly, terms
from derive.points import Point
from derive.render import Notation, expression
from derive.render.telling import story_notation

__all__ = ["Differences", "Part", "apart_in_digits", "reasoning"]


_SHORT = 16


def reasoning(story: Story) -> tuple[Definition, ...]:
    """The definitions of a story with their bodies to reason with, then its cotangents."""
    own = tuple(Definition(d.name, d.indices, story.cleaned.get(d.name, d.body)) for d in story.definitions)
    return (*own, *story.cotangents)


@dataclass(frozen=True)
class Part:
    """An additive part of the true gradient: as text, as it is shown, and in normal form."""

    text: str
    shown: Expr
    form: Poly


class Differences:
    """Compares formulas with the derivative of a story, in the names of its source."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.algebra = Algebra()
        definitions = reasoning(story)
        self.bodies = {c.name: (c.indices, c.body) for c in story.cotangents}
        self.folder = Folder(self.algebra, [d for d in definitions if d.role != "cotangent"][:-1])
        self.notation: Notation = story_notation(story)
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

    def show(self, node: Expr) -> str:
        """A formula in Unicode text."""
        return expression(node, "text", notation=self.notation)

    def explain(self, claimed: Expr) -> tuple[str, tuple[str, ...]]:
        """(claimed − true as a formula, its meaning in sentences); both in the source's own names.

        Args:
            claimed: the handwritten gradient at the result's indices.
        """
        true = self.algebra.add(P0, *(part.form for part in self.parts))
        apart = self.expanding()
        written_out = apart.sub(apart.canonical(claimed), apart.canonical(self._written(self.story.result.body)))
        gap = min((self.folder.fold(self.algebra.sub(self._form(claimed), true)), self.folder.fold(written_out)), key=cost)
        shares, rest = self._shared(gap, self.parts)
        if rest is not P0:
            terms_alone = [self._part(present(self.algebra, poly({m: c}))) for m, c in sorted(terms(true), key=lambda t: t[0].key)]
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
            out.append(self._sentence(shares[0], "the whole gradient"))
        else:
            out += [self._sentence(share, part.text) for share, part in zip(shares, parts) if share is not P0]
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
        fits = [fit for point, claimed in found if (fit := self._fitted(point, claimed)) is not None]
        if not fits:
            return ()
        out = []
        for k, part in enumerate(self.parts):
            total = _common_factor([(sizes, shares[k]) for sizes, shares in fits], names)
            if total is None:
                return ()
            if total is not P1:
                out.append(self._sentence(self.algebra.sub(total, P1), part.text))
        return tuple(out)

    def _fitted(self, point: Point, claimed: np.ndarray) -> tuple[dict[str, int], np.ndarray] | None:
        """The factors with which the parts add up to the claimed gradient at one point, if any do."""
        evaluator = Evaluator(point.sizes, point.arrays, reasoning(self.story))
        columns = [evaluator.array(part.shown, self.story.result.indices).astype(float).ravel() for part in self.parts]
        target = np.asarray(claimed, dtype=float).ravel()
        matrix = np.stack(columns, axis=1)
        if matrix.shape[0] <= matrix.shape[1] or np.linalg.matrix_rank(matrix) < matrix.shape[1] or not np.isfinite(target).all():
            return None
        shares, *_ = np.linalg.lstsq(matrix, target, rcond=None)
        close = np.allclose(matrix @ shares, target, rtol=1e-7, atol=1e-9 * (1 + np.abs(target).max()))
        return (point.sizes, shares) if close else None

    def _sentence(self, share: Poly, what: str) -> str:
        total = self.algebra.add(P1, share)
        if total is P0:
            return f"your gradient lacks {what}"
        inverse = self.algebra.power(total, -1) if len(terms(total)) == 1 else P0
        number = _number(total)
        if number == -1:
            return f"the sign of {what} is wrong"
        if number is not None and number > 0:
            return f"{what} is multiplied by {number}: it should stand there once"
        if len(terms(inverse)) == 1 and _is_fraction(inverse):
            return f"{what} lacks the factor {self.show(present(self.algebra, inverse))}"
        return f"{what} has the factor {self.show(present(self.algebra, total))}, which does not belong there"


def apart_in_digits(story: Story, claimed: Expr, names: Mapping[str, str], tried: Iterable[Point]) -> Example | None:
    """Two formulas that differ by less than rounding, or only at numbers of unusual size, are told apart in 50 digits."""
    for point in tried:
        evaluator = Evaluator(point.sizes, point.arrays, reasoning(story))
        try:
            pair = [evaluator.array(body, story.result.indices) for body in (claimed, story.result.body)]
        except (IndexError, ZeroDivisionError):
            continue
        for place in np.ndindex(pair[0].shape):
            if abs(pair[0][place] - pair[1][place]) > 1e-30 * (1 + abs(pair[1][place])):
                arrays = {names[name]: value for name, value in point.arrays.items() if name in names}
                return Example(point.sizes, arrays, float(pair[0][place]), float(pair[1][place]), place)
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


def _number(p: Poly) -> Fraction | None:
    return next((c for m, c in terms(p) if not factors(m)), None) if len(terms(p)) == 1 and p is constant(_only(p)) else None


def _only(p: Poly) -> Fraction:
    return next(c for _, c in terms(p))


def _is_fraction(p: Poly) -> bool:
    """Whether a one-term polynomial reads as 1/m and not as m."""
    ((m, c),) = terms(p)
    return (all(e < 0 for _, e in factors(m)) and bool(factors(m))) or (not factors(m) and abs(c) < 1)


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
