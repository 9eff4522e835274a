"""Sums over indices: deltas collapse them, independent parts come apart, and bound names become canonical.

Legend: b is a bound index, t a closed sum over one index; the rest as in `ring`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import groupby, permutations, product
from math import factorial, prod

from derive.errors import NotYet
from derive.index import At, Delta, Expr, Extremum, Index, Mono, Num, Poly, Size, Sum, fresh, num
from derive.normal.ranges import Ranges, under
from derive.normal.ring import P1, atom, constant, depends, factors, monomial, poly, terms

__all__ = ["Sums", "under"]

_MOST_ORDERS = 5040
_FEW = 4


class Sums(Ranges):
    """Summation over symbolic ranges."""

    def __init__(self, *, hard: bool = False) -> None:
        self.known_totals: dict[str, list[tuple[tuple[Index, ...], tuple[int, ...], Poly]]] = {}
        super().__init__(hard=hard)
        self.known_sums: dict[str, list[tuple[tuple[Expr, ...], int, Poly]]] = {}

    # ------------------------------------------------------------------------------------------- sums

    def sum(self, bound: Sequence[Index], p: Poly) -> Poly:
        """Σ over the bound indices (each occurring nowhere else) of p; a range of a few numbers is written out in the hard form."""
        apart = self.apart(bound, p)
        if apart is not None:
            return self.sum(*apart)
        return self.add(*(self.scale(self._sum_of_product(tuple(bound), m), c) for m, c in terms(p)), poly({}))

    def _sum_of_product(self, bound: tuple[Index, ...], m: Mono) -> Poly:
        powers = dict(factors(m))
        return self._collapsed(bound, powers) or self._short(bound, powers) or self._flattened(bound, powers) or self._components(bound, powers)

    def _collapsed(self, bound: tuple[Index, ...], powers: dict[Expr, Fraction]) -> Poly | None:
        """Σ_b δ(b, j) f(b) = f(j), where j is in the range of b: certainly so, or behind an indicator that says so."""
        found = self.solution([a for a in powers if isinstance(a, Delta)], bound)
        if found is None:
            return None
        a, b, value, inside = found
        rest = self.prod(self.power(self.substituted(f, {b: value}), e) for f, e in powers.items() if f is not a)
        return self.sum([x for x in bound if x is not b], rest if inside is None else self.mul(self.canonical(inside), rest))

    def _short(self, bound: tuple[Index, ...], powers: dict[Expr, Fraction]) -> Poly | None:
        """A sum over other indices where that is simpler; a sum over a few numbers is written out in the hard form."""
        other = self.windowed(bound, powers) or self.as_one(bound, powers)
        if other is not None:
            return self.sum(*other)
        short = next((b for b in bound if self.hard and not self.known_sums and _is_short(b.size)), None)
        if short is None:
            return None
        rest, m = [b for b in bound if b is not short], monomial(powers)
        return self.add(*(self.sum(rest, self.substituted(m, {short: num(v)})) for v in range(int(short.size.args[0]))))

    def _flattened(self, bound: tuple[Index, ...], powers: dict[Expr, Fraction]) -> Poly | None:
        """Σ_b f(b) Σ_c g(b, c) = Σ_{b,c} f(b) g(b, c)."""
        for a, e in powers.items():
            if isinstance(a, Sum) and e >= 1 and e.denominator == 1 and a.free & frozenset(bound):
                inner, body = self.opened(a)
                rest = {**powers, a: e - 1}
                return self.sum((*bound, *inner), self.mul(self.product(rest), body))
        return None

    def _components(self, bound: tuple[Index, ...], powers: dict[Expr, Fraction]) -> Poly:
        """Σ_{b,c} f(b) g(c) = Σ_b f(b) · Σ_c g(c); an index that does not occur gives its size."""
        left, rest, out = set(bound), dict(powers), P1
        while left:
            group, got = {left.pop()}, {}
            grown = True
            while grown:
                grown = False
                for f in [f for f in rest if f.free & group]:
                    got[f] = rest.pop(f)
                    group |= f.free & left
                    left -= group
                    grown = True
            if got:
                out = self.mul(out, self._component(sorted(group, key=lambda b: b.key), got))
            else:
                out = self.mul(out, self.substituted(next(iter(group)).size, {}))
        return self.mul(out, self.product(rest))

    def _component(self, bound: list[Index], powers: dict[Expr, Fraction]) -> Poly:
        for b in bound:
            inside = {f: e for f, e in powers.items() if b in f.free}
            outside = {f: e for f, e in powers.items() if b not in f.free}
            closed = self.closed([b], inside)
            value = self._known(closed)
            if value is None and any(e < 0 and depends(f, closed) for f, e in outside.items()):
                value = atom(closed)
                after = self.mul(self.product(outside), value)
                if any(closed in dict(factors(m)) for m, _ in terms(after)):
                    value = None
            if value is not None:
                return self.sum([x for x in bound if x is not b], self.mul(self.product(outside), value))
        whole = self.closed(bound, powers)
        total = self._known_total(whole) if len(bound) > 1 else None
        return atom(whole) if total is None else total

    def _known_total(self, closed: Sum) -> Poly | None:
        """Σ over several axes of a name whose sum along those axes is known, such as Σ_{i,r,j} x̂_ibrj = 0."""
        for entry, e in factors(closed.body):  # type: ignore[arg-type]
            if not isinstance(entry, At) or e != 1 or len(factors(closed.body)) > 1:  # type: ignore[arg-type]
                return None
            for indices, axes, value in self.known_totals.get(entry.name, ()):
                others = {i: j for k, (i, j) in enumerate(zip(indices, entry.indices)) if k not in axes}
                whole = all(isinstance(i := entry.indices[k], Index) and i.size is indices[k].size for k in axes)
                same = {entry.indices[k] for k in axes} == set(closed.bound)
                if whole and same and not any(depends(j, b) for j in others.values() for b in closed.bound):
                    return self.substituted(value, others)
        return None

    def _known(self, closed: Sum) -> Poly | None:
        """Σ over one axis of a name whose sum along that axis is known, such as Σ_c p_ic = 1."""
        ((a, e),) = list(factors(closed.body))[:1] if len(factors(closed.body)) == 1 else [(closed, Fraction(1))]  # type: ignore[arg-type]
        if not isinstance(a, At) or e != 1 or not a.indices:
            return None
        (b,) = closed.bound
        for indices, axis, value in self.known_sums.get(a.name, ()):
            others = {i: j for k, (i, j) in enumerate(zip(indices, a.indices)) if k != axis}
            if a.indices[axis] is b and b.size is _size_of(indices[axis]) and not any(depends(j, b) for j in others.values()):
                return self.substituted(value, others)
        return None

    # ------------------------------------------------------------------------------------------- binders

    def opened(self, binder: Sum | Extremum) -> tuple[list[Index], Poly]:
        """The bound indices, renamed to fresh ones, and the body in those."""
        renamed = {b: fresh(b) for b in binder.bound}
        return list(renamed.values()), self.substituted(binder.body, renamed)

    def closed(self, bound: Sequence[Index], powers: Mapping[Expr, Fraction]) -> Sum:
        """The sum of a product that comes apart no further, with canonical bound names."""
        renamed = self.canonical_names(bound, frozenset(powers.items()), 1 + max(f.height for f in powers))
        body = self.prod(self.power(self.substituted(f, renamed), e) for f, e in powers.items())
        ((m, _),) = terms(body)
        return Sum(tuple(renamed.values()), m)

    def canonical_names(self, bound: Sequence[Index], parts: frozenset[object], height: int) -> dict[Index, Index]:
        """Bound indices named by nesting height and by their place in the body, never by their old names."""
        order: Sequence[Index] = bound if len(bound) == 1 else self._canonical_order(bound, parts, height)
        return {b: Index(f"#{height}.{k}", b.size, 0) for k, b in enumerate(order)}

    def _canonical_order(self, bound: Sequence[Index], parts: frozenset[object], height: int) -> Sequence[Index]:
        colour = {b: (b.size.key, _signature(parts, {x: "*" if x is b else "?" for x in bound})) for b in bound}
        for _ in bound:
            ranks = {c: str(k) for k, c in enumerate(sorted(set(colour.values())))}
            finer = {b: (colour[b][0], ranks[colour[b]] + _signature(parts, {x: "*" if x is b else "?" + ranks[colour[x]] for x in bound}))
                     for b in bound}
            if len(set(finer.values())) == len(set(colour.values())):
                break
            colour = finer
        classes = [list(group) for _, group in groupby(sorted(bound, key=lambda b: colour[b]), key=lambda b: colour[b])]
        if prod(factorial(len(group)) for group in classes) > _MOST_ORDERS:
            raise NotYet(f"A sum over {len(bound)} interchangeable indices is too large to put into a canonical order.")
        orders = [[b for group in groups for b in group] for groups in product(*(permutations(group) for group in classes))]
        if len(orders) == 1:
            return orders[0]
        return min(orders, key=lambda order: _signature(parts, {b: f"#{height}.{k}" for k, b in enumerate(order)}))

    # ------------------------------------------------------------------------------------------- largest and smallest

    def extremum(self, bound: Sequence[Index], p: Poly) -> Poly:
        """The maximum of p over the bound indices; terms that do not depend on them come out."""
        apart = self.apart(bound, p)
        if apart is not None:
            return self.extremum(*apart)
        inside = poly({m: c for m, c in terms(p) if m.free & frozenset(bound)})
        outside = self.sub(p, inside)
        if not terms(inside):
            return outside
        c = min(abs(c) for _, c in terms(inside))
        inside = self.scale(inside, 1 / c)
        used = [b for b in bound if b in inside.free]
        renamed = self.canonical_names(used, frozenset([inside]), inside.height + 1)
        body = self.substituted(inside, renamed)
        return self.add(outside, self.scale(atom(Extremum("max", tuple(renamed.values()), body)), c))


def _signature(part: object, names: Mapping[Index, str]) -> str:
    """The structure of a part with the bound indices written as told."""
    if isinstance(part, Index):
        return names.get(part, part.key)
    if isinstance(part, Expr):
        return type(part).__name__ + _signature(part.args, names) if part.free & names.keys() else part.key
    if isinstance(part, frozenset):
        return "{" + ",".join(sorted(_signature(x, names) for x in part)) + "}"
    if isinstance(part, Iterable) and not isinstance(part, str):
        return "(" + ",".join(_signature(x, names) for x in part) + ")"
    return str(part)


def _is_short(size: Expr) -> bool:
    return isinstance(size, Num) and 1 <= size.value <= _FEW


def size_of(node: Expr) -> Poly:
    """A size as a polynomial."""
    return atom(node) if isinstance(node, Size) else constant(node.args[0])


def is_poly(node: Expr) -> bool:
    """Whether the node is already a canonical sum."""
    return isinstance(node, Poly)


def _size_of(index: Expr) -> Expr | None:
    return index.size if isinstance(index, Index) else None
