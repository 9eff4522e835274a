"""What a wrong gradient is wrong by: the difference as a formula, and its meaning in words.

The words come from the difference itself: it is divided by each additive part of the true gradient, and what the quotient is (−1: the part is
missing; m − 1: a factor 1/m is missing; …) is said.  Nothing here knows a particular loss.

Legend: t is a part of the true gradient, κ what the difference contains of it, so that the claimed gradient contains (1 + κ) t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from derive.derivation import Definition, Story
from derive.index import Add, At, Expr, Mono, Poly, Size, expand
from derive.normal import P0, P1, Algebra, constant
from derive.normal.fold import Folder
from derive.normal.present import present
from derive.normal.ring import factors, monomial, poly, terms
from derive.render import Notation, expression
from derive.render.telling import story_notation

__all__ = ["Differences", "reasoning"]


def reasoning(story: Story) -> tuple[Definition, ...]:
    """The definitions of a story with their bodies to reason with, then its cotangents."""
    own = tuple(Definition(d.name, d.indices, story.cleaned.get(d.name, d.body)) for d in story.definitions)
    return (*own, *story.cotangents)


@dataclass(frozen=True)
class _Part:
    text: str
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

    def _part(self, node: Expr) -> _Part:
        form = self._form(node)
        return _Part(self.show(present(self.algebra, form)), form)

    def show(self, node: Expr) -> str:
        """A formula in Unicode text."""
        return expression(node, "text", notation=self.notation)

    def explain(self, claimed: Expr) -> tuple[str, tuple[str, ...]]:
        """(claimed − true as a formula, its meaning in sentences); both in the source's own names.

        Args:
            claimed: the handwritten gradient at the result's indices.
        """
        true = self.algebra.add(P0, *(part.form for part in self.parts))
        form = self._form(claimed)
        gap = self.folder.fold(self.algebra.sub(form, true))
        shares = [self._share(gap, part) for part in self.parts]
        rest = self.algebra.sub(gap, self.algebra.add(P0, *(self.algebra.mul(share, part.form) for share, part in zip(shares, self.parts))))
        return self.show(present(self.algebra, gap)), self._sentences(shares, rest, form)

    def _share(self, gap: Poly, part: _Part) -> Poly:
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

    def _sentences(self, shares: Sequence[Poly], rest: Poly, claimed: Poly) -> tuple[str, ...]:
        out = []
        if rest is P0 and len(set(shares)) == 1 and shares[0] is not P0 and len(shares) > 1:
            out.append(self._sentence(shares[0], "the whole gradient", self.story.result.name))
        else:
            out += [self._sentence(share, part.text, part.text) for share, part in zip(shares, self.parts) if share is not P0]
        if rest is not P0:
            verb = "and it has" if out else "your gradient has"
            out.append(f"{verb} what does not belong there: {self.show(present(self.algebra, rest))}")
        return tuple(out)

    def _sentence(self, share: Poly, what: str, formula: str) -> str:
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


def _summands(node: Expr) -> tuple[Expr, ...]:
    return node.args[0] if isinstance(node, Add) else (node,)


def _divided(m: Mono, by: Mono) -> Mono | None:
    """m / by where that is a product of sizes and numbers alone."""
    powers: dict[Expr, Fraction] = dict(factors(m))
    for a, e in factors(by):
        powers[a] = powers.get(a, Fraction(0)) - e
    left = {a: e for a, e in powers.items() if e}
    return monomial(left) if all(isinstance(a, Size) or (isinstance(a, At) and not a.indices) for a in left) else None


def _number(p: Poly) -> Fraction | None:
    return next((c for m, c in terms(p) if not factors(m)), None) if len(terms(p)) == 1 and p is constant(_only(p)) else None


def _only(p: Poly) -> Fraction:
    return next(c for _, c in terms(p))


def _is_fraction(p: Poly) -> bool:
    """Whether a one-term polynomial reads as 1/m and not as m."""
    ((m, c),) = terms(p)
    return all(e < 0 for _, e in factors(m)) and bool(factors(m)) or (not factors(m) and abs(c) < 1)
