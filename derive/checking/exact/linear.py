"""Expressions as linear forms over products that are known by their values, and what a comparison of two of them says.

Legend: a form is {n: coefficient}, with n the number of a product (0: the number 1); M a maximum; x_j what it is the maximum of.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from fractions import Fraction

import sympy

from derive.checking.exact.field import UNIT, Beyond, Field, Symbol, Value
from derive.checking.exact.order import Form, minus
from derive.index import ONE, Expr, add, mul, num

__all__ = ["Linear", "combined"]

_MOST_PRODUCTS, _MOST_SPLIT = 256, 1
_MOST_FACTORED = 10**24
# exp(t / _PARTS) is the number that exp(c t) is a power of.
_PARTS = 2**24 * 3**6 * 5**16 * 7**2 * 11 * 13
_draw = random.SystemRandom()


def combined(f: Form, g: Form, c: Fraction | int = 1) -> Form:
    """f + c g."""
    out = dict(f)
    for n, x in g.items():
        out[n] = out.get(n, Fraction(0)) + c * x
    return {n: x for n, x in out.items() if x}


class Linear(Field):
    """Numbers products by their values, and keeps what is known of each.

    Args:
        ties: whether two compared numbers may be equal.
    """

    def __init__(self, *, ties: bool = True) -> None:
        super().__init__()
        self.ties = ties
        self.values: list[Value] = []
        self.numbers: dict[Hashable, int] = {}
        self.atoms: dict[Hashable, int] = {}
        self.exps: dict[int, tuple[int, int]] = {}
        self.logs: dict[int, Value] = {}
        self.maxima: dict[int, list[Form]] = {}
        self.roots: dict[int, int] = {}
        self.compared: dict[Hashable, int] = {}
        self.forms: list[Form] = []
        self.exprs: dict[int, Expr] = {0: ONE}
        self.numbered({UNIT: 1})

    # ------------------------------------------------------------------------------------------- atoms and products

    def atom(self, key: Hashable) -> Value:
        """A free unknown: a random number, the same one for the same key."""
        if key not in self.atoms:
            self.atoms[key] = _draw.randrange(1, self.p)
        return {UNIT: self.atoms[key]}

    def numbered(self, value: Value) -> int:
        """The number of a value."""
        key = frozenset(value.items())
        if key not in self.numbers:
            self.numbers[key] = len(self.values)
            self.values.append(value)
        return self.numbers[key]

    def product_form(self, f: Form, g: Form) -> Form | None:
        """f g, multiplied out; None where that is long."""
        if len(f) * len(g) > _MOST_PRODUCTS:
            return None
        out: Form = {}
        for s, c in f.items():
            for t, d in g.items():
                n = t if s == 0 else s if t == 0 else self._product_of(s, t)
                out[n] = out.get(n, Fraction(0)) + c * d
        return {n: x for n, x in out.items() if x}

    def _product_of(self, s: int, t: int) -> int:
        n = self.numbered(self.mul(self.values[s], self.values[t]))
        if n not in self.exprs and s in self.exprs and t in self.exprs:
            self.exprs[n] = mul(self.exprs[s], self.exprs[t])
        return n

    def written(self, form: Form) -> Expr | None:
        """The form as an expression, where all of its products are known as such."""
        if not form.keys() <= self.exprs.keys():
            return None
        return add(*(mul(num(c), self.exprs[n]) for n, c in form.items()))

    # ------------------------------------------------------------------------------------------- functions of forms

    def exponential(self, form: Form) -> Value:
        """e to the form: a product of powers, so that e^(a + b) = e^a e^b."""
        conditional = self._conditional(form)
        if conditional and len({symbol[1] for symbol in conditional}) <= _MOST_SPLIT:
            return self._by_case(conditional[0], *(self.exponential(self.form_where(form, conditional[0], holds)) for holds in (True, False)))
        out: Value = {UNIT: 1}
        for n, c in form.items():
            if n in self.logs:
                out = self.mul(out, self.powered(self.logs[n], c))
            elif (c * _PARTS).denominator > 1:
                out = self.mul(out, self.atom(("exp", n, c)))
            else:
                out = self.scale(out, self._exponential_of(n, c))
        return out

    def _exponential_of(self, n: int, c: Fraction) -> int:
        if n not in self.exps:
            small = _draw.randrange(1, self.p)
            self.exps[n] = small, pow(small, _PARTS, self.p)
        small, whole = self.exps[n]
        return pow(whole, int(c), self.p) if c.denominator == 1 else pow(small, int(c * _PARTS), self.p)

    def powered(self, value: Value, e: Fraction) -> Value:
        """A power of a value that is positive wherever it is used."""
        return self.power(value, int(e)) if e.denominator == 1 else self.root(self._base(value), e)

    def _base(self, value: Value) -> int:
        n = self.numbered(value)
        if n not in self.roots:
            self.roots[n] = len(self.bases)
            self.bases.append(value)
        return self.roots[n]

    def root_of_number(self, q: Fraction, e: Fraction) -> Value:
        """A fractional power of a positive number, in powers of primes."""
        out: Value = {UNIT: 1}
        for prime, power in _factored(q).items():
            out = self.mul(out, self.powered(self.number(prime), power * e))
        return out

    def log_of_number(self, q: Fraction) -> Form:
        """The logarithm of a positive number, in those of primes."""
        out: Form = {}
        for prime, power in _factored(q).items():
            out = combined(out, self.log_atom(self.number(prime)), power)
        return out

    def log_atom(self, value: Value) -> Form:
        """The logarithm of a value, as one unknown."""
        n = self.numbered(self.atom(("log", self.numbered(value))))
        self.logs[n] = value
        return {n: Fraction(1)}

    def value_of(self, form: Form) -> Value:
        """The value of a form."""
        return self.add(*(self.mul(self.number(c), self.values[n]) for n, c in form.items()))

    # ------------------------------------------------------------------------------------------- comparisons

    def indicator(self, op: str, form: Form, hidden: bool = False) -> Value:
        """1 where form > 0, form ≥ 0 or form = 0, else 0.  Of [u > 0], [u = 0] and [−u > 0] the last is 1 minus the others.

        Args:
            op, form: the comparison.
            hidden: whether the form may be 0 on a whole region, in a way that it does not show; otherwise it is 0 at a tie alone.
        """
        if op == ">=":
            return self.add(self.indicator(">", form, hidden), self.indicator("=", form, hidden))
        unknowns = form.keys() - {0}
        if not unknowns:
            constant = form.get(0, Fraction(0))
            return self.number(int(constant > 0 if op == ">" else constant == 0))
        conditional = self._conditional(form)
        if conditional:
            first = conditional[0]
            return self._by_case(first, *(self.indicator(op, self.form_where(form, first, holds), hidden) for holds in (True, False)))
        maximum = next((n for n in sorted(unknowns) if n in self.maxima), None)
        if maximum is not None:
            return self._against_maximum(op, form, maximum, hidden)
        lead = form[min(unknowns)]
        key = frozenset((n, c / lead) for n, c in form.items())
        if key not in self.compared:
            self.compared[key] = len(self.forms)
            self.forms.append({n: c / lead for n, c in form.items()})
        name = self.compared[key]
        equal: Value = {frozenset([("=", name)]): 1} if self.ties or hidden else {}
        above: Value = {frozenset([(">", name)]): 1}
        return equal if op == "=" else above if lead > 0 else self.sub(self.other(above), equal)

    def _by_case(self, symbol: Symbol, holds: Value, fails: Value) -> Value:
        condition: Value = {frozenset([symbol]): 1}
        return self.add(self.mul(condition, holds), self.mul(self.other(condition), fails))

    def without_tie(self, value: Value, form: Form | None) -> Value:
        """A value that is a multiple of the form, without the part under [form = 0]."""
        name = self._name(form) if form else None
        return value if name is None else {product: x for product, x in value.items() if ("=", name) not in product}

    def form_without_tie(self, found: Form, form: Form) -> Form:
        """The same for a form."""
        name = self._name(form)
        return found if name is None else {n: c for n, c in found.items() if not any(("=", name) in product for product in self.values[n])}

    def _name(self, form: Form) -> int | None:
        """The number of the comparison of this form, or of a multiple, with 0."""
        unknowns = form.keys() - {0}
        if not unknowns:
            return None
        lead = form[min(unknowns)]
        return self.compared.get(frozenset((n, c / lead) for n, c in form.items()))

    def _conditional(self, form: Form) -> list[Symbol]:
        """The conditions that the products of a form hold."""
        return sorted({symbol for n in form for product in self.values[n] for symbol in product if symbol[0] != "root"})

    def form_where(self, form: Form, symbol: Symbol, holds: bool) -> Form:
        """The form where a condition holds, or does not."""
        out: Form = {}
        for n, c in form.items():
            value = self.restricted(self.values[n], symbol, holds)
            if value:
                out = combined(out, {self.numbered(value): c})
        return out

    def _against_maximum(self, op: str, form: Form, maximum: int, hidden: bool) -> Value:
        """[M + r > 0] holds where some x_j + r > 0; [r − M > 0] where all r − x_j > 0."""
        c = form[maximum]
        rest = {n: x / abs(c) for n, x in form.items() if n != maximum}
        parts = self.maxima[maximum]
        if c > 0:
            strict = self.other(self._all(">=", [minus(combined(rest, x)) for x in parts], hidden))
            loose = self.other(self._all(">", [minus(combined(rest, x)) for x in parts], hidden))
            return strict if op == ">" else self.sub(loose, strict)
        strict = self._all(">", [combined(rest, x, -1) for x in parts], hidden)
        return strict if op == ">" else self.sub(self._all(">=", [combined(rest, x, -1) for x in parts], hidden), strict)

    def _all(self, op: str, forms: list[Form], hidden: bool) -> Value:
        out: Value = {UNIT: 1}
        for form in forms:
            out = self.mul(out, self.indicator(op, form, hidden))
        return out

    def facts(self, symbol: Symbol, holds: bool) -> list[tuple[Form, bool]]:
        """What a condition says, as linear inequalities; that two numbers differ says nothing."""
        form = self.forms[symbol[1]]
        if symbol[0] == ">":
            return [(form, True) if holds else (minus(form), False)]
        return [(form, False), (minus(form), False)] if holds else []


def _factored(q: Fraction) -> dict[int, Fraction]:
    if q.numerator > _MOST_FACTORED or q.denominator > _MOST_FACTORED:
        raise Beyond
    out: dict[int, Fraction] = {int(p): Fraction(e) for p, e in sympy.factorint(q.numerator).items() if p != 1}
    for p, e in sympy.factorint(q.denominator).items():
        out[int(p)] = out.get(int(p), Fraction(0)) - e
    return out


