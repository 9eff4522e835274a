"""The engine that applies rows of tables to expressions, one named step at a time."""

from __future__ import annotations

import functools
from dataclasses import replace

from derive.derivation import Section, Step
from derive.errors import NotYet
from derive.index import ZERO, Add, Delta, Digit, Expr, Mul, Partial, Sum, add, array_names, mul, rebuild, substitute
from derive.normal import Algebra
from derive.normal.present import cost
from derive.normal.ring import factors, terms
from derive.rules.structure import apart
from derive.rules.theorems import Theorem, rewrite, theorem_for

__all__ = ["Chain", "contract", "differentiated"]

_LONGEST = 400


class Chain:
    """A chain of steps under one title: `start = … = current`."""

    def __init__(self, title: str, start: Expr, *, left: Expr | None = None, prose: str = "") -> None:
        self.title, self.start, self.left, self.prose = title, start, left, prose
        self.current = start
        self.steps: list[Step] = []

    def to(self, rule: str, after: Expr, note: str = "") -> Chain:
        """Go on to the next expression by one rule; nothing is recorded where nothing changes."""
        if after is not self.current:
            self.steps.append(Step(rule, self.current, after, self.title, note))
            self.current = after
        return self

    def polish(self, rule: str, after: Expr) -> Chain:
        """Go on to a form that reads better; one that only reorders what is there takes the place of the last step's."""
        if after is not self.current and self.steps and cost(after) == cost(self.current):
            self.steps[-1] = replace(self.steps[-1], after=after)
            self.current = after
            return self
        return self.to(rule if array_names(after) - array_names(self.current) else "collect and cancel", after)

    def differentiate(self) -> Chain:
        """Work out all derivatives, one theorem at a time, outermost first."""
        for _ in range(_LONGEST):
            theorem = _first(self.current)
            if theorem is None:
                return self
            self.to(theorem.name, _everywhere(self.current, theorem))
        raise NotYet("The derivative takes too many steps.")

    def section(self, cases: tuple[tuple[Expr, Expr], ...] = ()) -> Section:
        """The chain as a section of the story."""
        return Section(self.title, self.prose, self.left, self.start, tuple(self.steps), cases)


def _first(node: Expr, seen: set[Expr] | None = None) -> Theorem | None:
    """The theorem for the first outermost derivative that is still to be worked out; what is shared is looked at once."""
    seen = set() if seen is None else seen
    if isinstance(node, Partial):
        return theorem_for(node)
    seen.add(node)
    for kid in node.kids:
        found = _first(kid, seen) if kid not in seen else None
        if found is not None:
            return found
    return None


def _everywhere(node: Expr, theorem: Theorem) -> Expr:
    """One step by this theorem at every outermost derivative that it takes apart."""
    def change(part: Expr) -> Expr:
        if isinstance(part, Partial):
            return rewrite(part) if theorem_for(part) is theorem else part
        changed = rebuild(part, visit)
        return ZERO if changed is not part and _vanishes(changed) else changed

    visit = functools.cache(change)
    return visit(node)


def _vanishes(node: Expr) -> bool:
    return (isinstance(node, Mul) and ZERO in node.args[0]) or (isinstance(node, Sum) and node.body is ZERO)


def differentiated(node: Expr) -> Expr:
    """All derivatives worked out, without a record."""
    def change(part: Expr) -> Expr:
        if isinstance(part, Partial):
            return visit(rewrite(part))
        changed = rebuild(part, visit)
        return ZERO if changed is not part and _vanishes(changed) else changed

    visit = functools.cache(change)
    return visit(node)


def contract(algebra: Algebra, node: Expr) -> Expr:
    """Σ_b f(b) δ(b, j) = f(j), wherever it applies, on an expression as written."""
    node = rebuild(node, lambda kid: contract(algebra, kid))
    if isinstance(node, Delta) and any(isinstance(part, (Add, Mul, Digit)) for part in node.args):
        return _digit_by_digit(algebra, node)
    if not isinstance(node, Sum):
        return node
    bound, body = apart(node.bound, node.body)
    if body is not node.body:
        return contract(algebra, Sum(bound, body))
    if isinstance(node.body, Add):
        parts = [contract(algebra, Sum(node.bound, term)) for term in node.body.args[0]]
        changed = any(not isinstance(part, Sum) or part.bound != node.bound for part in parts)
        return add(*parts) if changed else node
    factors = node.body.args[0] if isinstance(node.body, Mul) else (node.body,)
    for k, factor in enumerate(factors):
        if isinstance(factor, Delta):
            found = algebra.solution([factor], node.bound)
            if found is not None:
                _, b, value, inside = found
                rest = substitute(mul(*factors[:k], *factors[k + 1:]), {b: value})
                left = tuple(x for x in node.bound if x is not b)
                rest = rest if inside is None else mul(inside, rest)
                return contract(algebra, Sum(left, rest)) if left else rest
        if isinstance(factor, Add) and any(_has_delta(term, node) for term in factor.args[0]):
            spread = (mul(*factors[:k], term, *factors[k + 1:]) for term in factor.args[0])
            return contract(algebra, Sum(node.bound, add(*spread)))
    return node


def _digit_by_digit(algebra: Algebra, node: Delta) -> Expr:
    """A delta of merged indices as one delta for each digit, or as it stands."""
    ((m, c), *more) = terms(algebra.canonical(node)) or [(None, 0)]
    if m is None:
        return ZERO
    parts = [a for a, _ in factors(m)]
    return mul(*sorted(parts, key=lambda a: a.key)) if not more and c == 1 and all(isinstance(a, Delta) for a in parts) else node


def _has_delta(term: Expr, binder: Sum) -> bool:
    parts = term.args[0] if isinstance(term, Mul) else (term,)
    return any(isinstance(part, Delta) and part.free & frozenset(binder.bound) for part in parts)
