"""From any expression to its normal form, and the decision whether a normal form is zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from derive.derivation import Definition
from derive.errors import NotYet
from derive.index import (
    ONE,
    Add,
    At,
    Const,
    Delta,
    Digit,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    MatrixFn,
    Mono,
    Mul,
    Num,
    Partial,
    Poly,
    Pow,
    Size,
    Stop,
    Sum,
    Where,
    delta,
    fresh,
    neg,
    num,
    rebuild,
    sub,
    substitute,
    walk,
)
from derive.normal.deciding import Deciding
from derive.normal.integers import integral
from derive.normal.ring import P0, P1, UNIT, atom, constant, factors, terms
from derive.normal.signs import MINUS_INFINITY

__all__ = ["Algebra", "written_out"]

Lookup = Callable[[At], Expr | None]


def written_out(definitions: Iterable[Definition] | Mapping[str, Definition | None]) -> Lookup:
    """A lookup that writes the names of these definitions out."""
    bodies: Mapping[str, Definition | None] = definitions if isinstance(definitions, Mapping) else {d.name: d for d in definitions}

    def lookup(entry: At) -> Expr | None:
        d = bodies.get(entry.name)
        return None if d is None else substitute(d.body, dict(zip(d.indices, entry.indices)))
    return lookup


class Algebra(Deciding):
    """A normal form with its own facts and assumptions.

    Args:
        hard: decide equality (max, |·|, tanh … are rewritten in simpler functions and indicators get a canonical sign) instead of
            keeping what a reader wants to see.
        opaque: functions that the hard form leaves as they are.
        lookup: gives the body of a named entry, to expand it; None keeps the name.
    """

    def __init__(self, *, hard: bool = False, opaque: Iterable[str] = (), lookup: Lookup | None = None) -> None:
        super().__init__(hard=hard)
        self.opaque = frozenset(opaque)
        self.lookup = lookup
        self._forms: dict[Expr, Poly] = {}
        self._other_forms: dict[tuple[Expr, ...], tuple[dict[Expr, Poly], dict[tuple[Poly, Poly], Poly]]] = {}

    def canonical(self, node: Expr) -> Poly:
        """The node in normal form."""
        found = self._forms.get(node)
        if found is None:
            found = self._forms[node] = self._READ[type(node)](self, node)
        return found

    @property
    def size(self) -> int:
        """How much is cached."""
        return len(self._forms) + len(self._products)

    def begin(self) -> None:
        """Count the work anew."""
        self._work = 0

    def forget(self) -> None:
        """Forget cached results after a fact was added."""
        self._forms.clear()
        self._products.clear()
        self._other_forms.clear()

    def substituted(self, node: Expr, mapping: Mapping[Any, Expr]) -> Poly:
        """The node in normal form, with indices or entries replaced."""
        if isinstance(node, Poly) and not any(key.free <= node.free for key in mapping):
            return node
        return self.canonical(substitute(node, mapping)) if mapping else self.canonical(node)

    # ------------------------------------------------------------------------------------------- one method for each node

    def _number(self, node: Expr) -> Poly:
        return constant(node.args[0])

    def _leaf(self, node: Expr) -> Poly:
        if node is MINUS_INFINITY:
            raise NotYet("An infinite number outside of a mask.", hint="Guard it with jnp.where before exp or a maximum.")
        return atom(node)

    def _entry(self, node: Expr) -> Poly:
        assert isinstance(node, At)
        entry = At(node.name, tuple(self.index_form(i) for i in node.indices), node.kind)
        body = self.lookup(entry) if self.lookup is not None else None
        return atom(entry) if body is None else self.canonical(body)

    def index_form(self, i: Expr) -> Expr:
        """An index expression, written in one canonical way."""
        if isinstance(i, (Index, Num, Size)):
            return i
        if isinstance(i, At):
            return At(i.name, tuple(self.index_form(j) for j in i.indices), i.kind)
        return self.written(self.together(self.canonical(i)))

    def _sum_of_terms(self, node: Expr) -> Poly:
        return self.add(*(self.canonical(u) for u in node.args[0]))

    def _product_of_factors(self, node: Expr) -> Poly:
        return self.prod(self.canonical(u) for u in node.args[0])

    def _power(self, node: Expr) -> Poly:
        return self.power(self.canonical(node.args[0]), node.args[1])

    def _function(self, node: Expr) -> Poly:
        name, args = node.args
        if name == "exp" and isinstance(args[0], Where):
            condition, u, v = args[0].args
            return self.canonical(Where(condition, *(num(0) if w is MINUS_INFINITY else Fn("exp", (w,)) for w in (u, v))))
        return self.function(name, tuple(self.canonical(u) for u in args))

    def _delta(self, node: Expr) -> Poly:
        i, j = (self.index_form(side) for side in node.args)
        d = delta(i, j)
        if isinstance(d, Num) or all(isinstance(side, (Index, Num, At)) for side in (i, j)):
            return constant(d.value) if isinstance(d, Num) else atom(d)
        e = self.sub(self.canonical(i), self.canonical(j))
        found = self.vanishes(self.together(e)) if integral(e) else atom(d)
        plain = not self.hard and any(isinstance(side, Index) for side in (i, j)) and len(terms(found)) == 1 and found is atom(self.equation(e))
        return atom(d) if plain else found

    def _digit(self, node: Expr) -> Poly:
        j, sizes, k = node.args
        return self.digit(self.together(self.canonical(j)), sizes, k)

    def _indicator(self, node: Expr) -> Poly:
        return self.indicator(node.args[0], self.canonical(node.args[1]))

    def _where(self, node: Expr) -> Poly:
        condition, u, v = node.args
        q = self.canonical(condition)
        if q is P1 or q is P0:
            return self.canonical(u if q is P1 else v)
        if u is v:
            return self.canonical(u)
        return self.add(self.mul(q, self._under(condition, u)), self.mul(self.opposite(q), self._under(sub(ONE, condition), v)))

    def _under(self, guard: Expr, node: Expr) -> Poly:
        """The node in normal form where the guard is 1: a label that is assumed to be in range is so only there.

        Results are kept apart for each mask on labels, so that none is used again without its assumption; other guards need no care.
        """
        if not any(isinstance(part, At) and part.kind == "int" for part in walk(guard)):
            return self.canonical(node)
        before = self.guards, self._forms, self._products
        self.guards = (*self.guards, guard)
        self._forms, self._products = self._other_forms.setdefault(self.guards, ({}, {}))
        try:
            return self.canonical(node)
        finally:
            self.guards, self._forms, self._products = before

    def _stop(self, node: Expr) -> Poly:
        inner = self.canonical(node.args[0])
        if self.hard or (len(terms(inner)) <= 1 and all(m is UNIT for m, _ in terms(inner))):
            return inner
        return atom(Stop(inner))

    def _sum(self, node: Expr) -> Poly:
        assert isinstance(node, Sum)
        renamed = {b: fresh(b) for b in node.bound}
        return self.sum(list(renamed.values()), self.canonical(substitute(node.body, renamed)))

    def _extremum(self, node: Expr) -> Poly:
        assert isinstance(node, Extremum)
        which = node.args[0]
        if any(part is MINUS_INFINITY for part in walk(node.body)):
            return self._masked_extremum(node)
        renamed = {b: fresh(b) for b in node.bound}
        body = substitute(node.body, renamed)
        if which == "min":
            return self.scale(self.extremum(list(renamed.values()), self.canonical(neg(body))), -1)
        return self.extremum(list(renamed.values()), self.canonical(body))

    def _matrix(self, node: Expr) -> Poly:
        """A function of a whole matrix, whose entry is in normal form; of A and its transpose, one stands for both."""
        assert isinstance(node, MatrixFn)
        name, at, bound, body = node.args
        renamed = [fresh(b) for b in bound]
        inner = self.canonical(substitute(body, dict(zip(bound, renamed))))
        names = tuple(Index(f"#{inner.height + 1}.{k}", b.size, 0) for k, b in enumerate(bound))
        ways = [(self.substituted(inner, dict(zip(order, names))), turned)
                for order, turned in ((renamed, False), (renamed[::-1], True)) if bound[0].size is bound[1].size or not turned]
        form, turned = min(ways, key=lambda way: way[0].key)
        place = tuple(self.index_form(i) for i in at)
        return atom(MatrixFn(name, place[::-1] if turned else place, names, form))

    def _masked_extremum(self, node: Extremum) -> Poly:
        """A maximum over entries behind a mask stays as it is written, with names written out and canonical bound names."""
        body = self._written_out(node.body)
        names = {b: Index(f"#{body.height + 1}.{k}", b.size, 0) for k, b in enumerate(node.bound)}
        return atom(Extremum(node.args[0], tuple(names.values()), substitute(body, names)))

    def _written_out(self, node: Expr) -> Expr:
        body = self.lookup(node) if isinstance(node, At) and self.lookup is not None else None
        return rebuild(node, self._written_out) if body is None else self._written_out(body)

    def _product(self, node: Expr) -> Poly:
        assert isinstance(node, Mono)
        return self.prod(self.power(self.canonical(a), e) for a, e in factors(node))

    def _polynomial(self, node: Expr) -> Poly:
        return self.add(*(self.scale(self.canonical(m), c) for m, c in terms(node)), P0)  # type: ignore[arg-type]

    def _partial(self, node: Expr) -> Poly:
        raise NotYet("A derivative that has not been worked out cannot be put into normal form.")

    _READ: ClassVar[dict[type, Callable[..., Poly]]] = {
        Num: _number, Const: _leaf, Size: _leaf, Index: _leaf, At: _entry, Add: _sum_of_terms, Mul: _product_of_factors, Pow: _power,
        Fn: _function, Delta: _delta, Digit: _digit, Iverson: _indicator, Where: _where, Stop: _stop, Sum: _sum, Extremum: _extremum,
        MatrixFn: _matrix, Mono: _product,
        Poly: _polynomial, Partial: _partial,
    }
