"""Write the user's names again: where a product contains the body of a definition, the name takes its place if that reads shorter.

Legend: as in `ring`.  A row is a name with the product that it stands for, as a pattern in the definition's indices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from derive.derivation import Definition
from derive.index import At, Const, Digit, Expr, Fn, Index, Mono, Num, Poly, Size, Sum, array_names
from derive.normal.algebra import Algebra
from derive.normal.present import cost
from derive.normal.ring import P0, P1, atom, constant, factors, is_indicator, poly, terms

__all__ = ["Folder"]

Binding = dict[Expr, Expr]


@dataclass(frozen=True)
class _Row:
    """first: the factor of the pattern that tells most about where it fits; wanted: the indices that a fit must choose."""

    indices: tuple[Index, ...]
    pattern: Mono
    coefficient: Fraction
    value: Callable[[tuple[Expr, ...]], Poly]
    first: Expr
    wanted: frozenset[Expr]


def _row(indices: tuple[Index, ...], pattern: Mono, coefficient: Fraction, value: Callable[[tuple[Expr, ...]], Poly]) -> _Row:
    variables = frozenset(indices)
    first, _ = max(factors(pattern), key=lambda f: (len(f[0].free & variables), f[0].height, f[0].key))
    return _Row(indices, pattern, coefficient, value, first, pattern.free & variables)


@dataclass(frozen=True)
class _Sum:
    name: str
    indices: tuple[Index, ...]
    body: Poly
    row: _Row | None


class _ByName:
    """Rows by an array name of their first factor, which must occur wherever they fit: so that not every row is tried on every product."""

    def __init__(self, rows: Iterable[tuple[_Row, Any]]) -> None:
        self.rows = list(rows)
        self.places: dict[str, list[int]] = {}
        for k, (row, _) in enumerate(self.rows):
            self.places.setdefault(min(array_names(row.first), default=""), []).append(k)

    def near(self, nodes: Iterable[Expr]) -> list[Any]:
        """What may fit somewhere in these, in the order of the rows."""
        names = {""}.union(*map(array_names, nodes))
        return [self.rows[k][1] for k in sorted(k for name in names for k in self.places.get(name, ()))]


_MOST_TERMS = 6


class Folder:
    """Folds names back into normal forms.

    Args:
        algebra: the soft normal form that is used.
        definitions: the names, with bodies to reason with.
    """

    def __init__(self, algebra: Algebra, definitions: Iterable[Definition]) -> None:
        self.algebra = algebra
        self.folded: dict[Poly, Poly] = {}
        known = list(definitions)
        self.rows = _ByName((row, row) for definition in known for row in self._rows(definition))
        sums = [_sum_row(d, body) for d in known if 1 < len(terms(body := algebra.canonical(d.body))) <= _MOST_TERMS]
        self.sums = _ByName((s.row, s) for s in sums if s.row is not None)

    def _rows(self, definition: Definition) -> Iterator[_Row]:
        """The name itself, 1 − name, and e^name, each where its body is one product."""
        name, algebra = definition.name, self.algebra

        def entry(i: tuple[Expr, ...]) -> Poly:
            return atom(At(name, i))

        def exponential(i: tuple[Expr, ...]) -> Poly:
            return atom(Fn("exp", (entry(i),)))

        body = algebra.canonical(definition.body)
        exponent = algebra.function("exp", (body,))
        choices = [(body, entry), (self._complement(body), lambda i: algebra.sub(P1, entry(i)))]
        if len(terms(exponent)) == 1 and len(terms(body)) > 1:
            choices.append((exponent, exponential))
        for p, value in choices:
            if p is not None and len(terms(p)) == 1:
                ((m, c),) = terms(p)
                if any(not isinstance(a, Num) for a, _ in factors(m)):
                    yield _row(definition.indices, m, c, value)

    def _complement(self, p: Poly) -> Poly | None:
        """1 − u/v = (v − u)/v, where v − u is one product."""
        if len(terms(p)) != 1:
            return None
        ((m, c),) = terms(p)
        below = [a for a, e in factors(m) if e == -1 and isinstance(a, Poly)]
        if len(below) != 1:
            return None
        top = self.algebra.scale(self.algebra.product({a: e for a, e in factors(m) if a is not below[0]}), c)
        rest = self.algebra.sub(below[0], top)
        return self.algebra.mul(rest, self.algebra.power(below[0], -1)) if len(terms(rest)) == 1 else None

    def fold(self, p: Poly) -> Poly:
        """The polynomial with names written wherever that is shorter, to a fixed point."""
        if p not in self.folded:
            self.folded[p] = self._fold(p)
        return self.folded[p]

    def _fold(self, p: Poly) -> Poly:
        p = self.algebra.cancelled(p)
        while True:
            best = None
            for m, c in sorted(terms(p), key=lambda pair: pair[0].key):
                rest = self.algebra.sub(p, poly({m: c}))
                for replacement in self._hits(m):
                    new = self.algebra.add(rest, self.algebra.scale(replacement, c))
                    if cost(new) < cost(p if best is None else best):
                        best = new
            for new in self._sum_hits(p):
                if cost(new) < cost(p if best is None else best):
                    best = new
            if best is None:
                break
            p = best
        inner = self.algebra.cancelled(self._inside(p))
        return p if inner is p else self.fold(inner)

    def _sum_hits(self, p: Poly) -> Iterator[Poly]:
        """The polynomial with a name in place of several terms that are one multiple of its body."""
        have = dict(terms(p))
        for row in self.sums.near(have):
            for m in sorted(have, key=lambda m: m.key):
                for binding in filter(self._in_range, _bindings(row.row, dict(factors(m)))):
                    new = self._with_sum(p, have, row, m, binding)
                    if new is not None:
                        yield new

    def _with_sum(self, p: Poly, have: dict[Mono, Fraction], row: _Sum, m: Mono, binding: Binding) -> Poly | None:
        algebra = self.algebra
        instance = algebra.substituted(row.body, binding)
        if len(terms(instance)) != len(terms(row.body)):
            return None
        for n, k in sorted(terms(instance), key=lambda t: t[0].key):
            need, given = dict(factors(n)), dict(factors(m))
            if any(given.get(a, Fraction(0)) * e <= 0 or abs(given[a]) < abs(e) for a, e in need.items()):
                continue
            rest = algebra.product({a: given.get(a, Fraction(0)) - need.get(a, Fraction(0)) for a in {**given, **need}})
            multiple = algebra.scale(algebra.mul(rest, instance), have[m] / k)
            if len(terms(multiple)) == len(terms(instance)) and all(have.get(t) == q for t, q in terms(multiple)):
                named = algebra.mul(rest, atom(At(row.name, tuple(binding.get(i, i) for i in row.indices))))
                return algebra.add(algebra.sub(p, multiple), algebra.scale(named, have[m] / k))
        return None

    def _in_range(self, binding: Binding) -> bool:
        """Whether the name has an entry at these indices; labels count as in range."""
        return all(
            isinstance(i, At) or not isinstance(own, Index) or i is own or (isinstance(i, Index) and i.size is own.size)
            or self.algebra.below(self.algebra.canonical(i), self.algebra.canonical(own.size)) for own, i in binding.items())

    def _inside(self, p: Poly) -> Poly:
        """Fold inside sums, functions and denominators."""
        out = P0
        for m, c in sorted(terms(p), key=lambda pair: pair[0].key):
            across = self._across_sum(m, c)
            out = self.algebra.add(out, self._each_factor(m, c) if across is None else across)
        return out

    def _each_factor(self, m: Mono, c: Fraction) -> Poly:
        product = constant(c)
        for a, e in sorted(factors(m), key=lambda f: f[0].key):
            product = self.algebra.mul(product, self.algebra.power(self._folded_atom(a), e))
        return product

    def _folded_atom(self, a: Expr) -> Poly:
        algebra = self.algebra
        if isinstance(a, Poly):
            return self.fold(a)
        if isinstance(a, Fn):
            return algebra.function(a.args[0], tuple(self.fold(u) for u in a.args[1]))
        if isinstance(a, Sum):
            bound, body = algebra.opened(a)
            folded = self.fold(body)
            return atom(a) if folded is body else algebra.sum(bound, folded)
        if is_indicator(a) and a.args and isinstance(a.args[-1], Poly):
            return algebra.indicator(a.args[0], self.fold(a.args[1]))
        return atom(a)

    def _across_sum(self, m: Mono, c: Fraction) -> Poly | None:
        """A name may lie half inside and half outside a sum: e^(z_j) Σ_b f_b e^(z_b) / (Σ e^z)²."""
        for a, e in factors(m):
            if isinstance(a, Sum) and e == 1:
                bound, body = self.algebra.opened(a)
                whole = self.algebra.mul(body, self.algebra.product({b: k for b, k in factors(m) if b is not a}))
                folded = self.fold(whole)
                if folded is not whole:
                    result = self.algebra.scale(self.algebra.sum(bound, folded), c)
                    if cost(result) < cost(poly({m: c})):
                        return result
        return None

    def _hits(self, m: Mono) -> Iterator[Poly]:
        """The product with one name written in place of its body, as often as it divides."""
        have = dict(factors(m))
        for row in self.rows.near(have):
            for binding in filter(self._in_range, _bindings(row, have)):
                instance = self.algebra.substituted(row.pattern, binding)
                if len(terms(instance)) != 1:
                    continue
                ((n, k),) = terms(instance)
                need = dict(factors(n))
                times = _times(need, have)
                if times:
                    rest = {a: have.get(a, Fraction(0)) - times * need.get(a, Fraction(0)) for a in {**have, **need}}
                    named = self.algebra.power(row.value(tuple(binding.get(i, i) for i in row.indices)), times)
                    yield self.algebra.scale(self.algebra.mul(self.algebra.product(rest), named), (1 / (row.coefficient * k)) ** times)


def _sum_row(definition: Definition, body: Poly) -> _Sum:
    """A name for several terms, found by the one that tells most."""
    variables = frozenset(definition.indices)
    first, c = max(terms(body), key=lambda t: (len(t[0].free & variables), t[0].height, t[0].key))
    row = _row(definition.indices, first, c, lambda i: P0) if factors(first) else None
    return _Sum(definition.name, definition.indices, body, row)


def _times(need: dict[Expr, Fraction], have: dict[Expr, Fraction]) -> int:
    """How often one product divides another, below 0 where its inverse does; powers of sizes and numbers are made up for."""
    ratios = [have.get(a, Fraction(0)) / e for a, e in need.items() if not isinstance(a, (Size, Num, Const))]
    if not ratios or len({r > 0 for r in ratios}) > 1:
        return 0
    least = int(min(map(abs, ratios)))
    return least if ratios[0] > 0 else -least


def _bindings(row: _Row, have: dict[Expr, Fraction]) -> Iterator[Binding]:
    """The ways to choose the indices so that the pattern's most telling factor is one of these."""
    variables = frozenset(row.indices)
    for a in sorted((a for a in have if type(a) is type(row.first)), key=lambda a: a.key):
        if array_names(row.first) <= array_names(a):
            binding = _match(row.first, a, variables, {})
            if binding is not None and row.wanted <= binding.keys():
                yield binding


def _match(pattern: Any, target: Any, variables: frozenset[Expr], binding: Binding) -> Binding | None:
    """Indices of the pattern that make it the target; None where there are none."""
    if isinstance(pattern, Expr):
        return _match_node(pattern, target, variables, binding)
    if isinstance(pattern, tuple):
        if not isinstance(target, tuple) or len(pattern) != len(target):
            return None
        found: Binding | None = binding
        for p, t in zip(pattern, target):
            found = _match(p, t, variables, found) if found is not None else None
        return found
    if isinstance(pattern, frozenset):
        return _match_set(pattern, target, variables, binding)
    return binding if pattern == target else None


def _match_node(pattern: Expr, target: Any, variables: frozenset[Expr], binding: Binding) -> Binding | None:
    if pattern in variables:
        if pattern in binding:
            return binding if binding[pattern] is target else None
        return {**binding, pattern: target} if isinstance(target, (Index, Num, At, Digit)) else None
    if pattern is target and not pattern.free & variables:
        return binding
    if not isinstance(target, Expr) or type(pattern) is not type(target):
        return None
    return _match(pattern.args, target.args, variables, binding)


def _match_set(pattern: frozenset[Any], target: Any, variables: frozenset[Expr], binding: Binding) -> Binding | None:
    if not isinstance(target, frozenset) or len(pattern) != len(target):
        return None
    if not pattern:
        return binding
    first = next(iter(pattern))
    for choice in target:
        found = _match(first, choice, variables, binding)
        if found is not None:
            found = _match(pattern - {first}, target - {choice}, variables, found)
        if found is not None:
            return found
    return None

