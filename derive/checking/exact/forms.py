"""Expressions as linear forms, and logarithms as such forms.

Legend: u, v, w, t are expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from derive.checking.exact.field import Symbol, Value
from derive.checking.exact.linear import Linear, combined
from derive.checking.exact.order import Form
from derive.checking.exact.signs import positive
from derive.checking.exact.simplify import times
from derive.index import ONE, ZERO, Add, Delta, Expr, Fn, Iverson, Mul, Num, Pow, Where, add, mul, neg, num, sub
from derive.rules.functions import FUNCTIONS

__all__ = ["Forms", "MAXIMA", "flat", "minimum", "written_as_choice"]

# Functions that are read as maxima.
MAXIMA: dict[str, Callable[..., tuple[Expr, ...]]] = {
    "max": lambda u, *rest: (u, *rest),
    "relu": lambda u: (u, ZERO),
    "abs": lambda u: (u, neg(u)),
}

_BRANCHING = {"max", "min", "relu", "abs", "sign", "heaviside"}


def flat(args: tuple[Expr, ...]) -> Iterator[Expr]:
    """The arguments, with those of maxima among them in their place."""
    for u in args:
        if isinstance(u, Fn) and u.args[0] == "max":
            yield from flat(u.args[1])
        else:
            yield u


def minimum(args: tuple[Expr, ...]) -> Expr:
    """A minimum by a maximum."""
    parts = list(dict.fromkeys(_flat_minimum(args)))
    return sub(add(*parts), Fn("max", tuple(parts))) if len(parts) == 2 else neg(Fn("max", tuple(map(neg, parts))))


def _flat_minimum(args: tuple[Expr, ...]) -> Iterator[Expr]:
    for u in args:
        if isinstance(u, Fn) and u.args[0] == "min":
            yield from _flat_minimum(u.args[1])
        else:
            yield u


def written_as_choice(forms: list[Form]) -> bool:
    """Whether a maximum is written v + [u > v] (u − v): of a number and something, or of multiples of the same; others are kept."""
    if len(forms) == 1:
        return True
    if len(forms) > 2:
        return False
    f, g = forms
    if not f.keys() - {0} or not g.keys() - {0}:
        return True
    n = min(f)
    return f.keys() == g.keys() and all(f[n] * g[k] == g[n] * f[k] for k in f)


class Forms(Linear):
    """The linear form of an expression, worked out once.  None is that of what is undefined."""

    def __init__(self, *, ties: bool = True) -> None:
        super().__init__(ties=ties)
        self.linear: dict[Expr, Form | None] = {}
        self.branching: set[Expr] = set()
        self.hidden: set[Expr] = set()

    def image(self, root: Expr) -> Value | None:
        """The value of an expression."""
        raise NotImplementedError

    def note_branches(self, node: Expr) -> None:
        """Note whether conditions occur in a node, and whether a function hides them, so that its value may be constant on a region."""
        below = any(kid in self.branching for kid in node.kids)
        function = isinstance(node, Fn) and node.args[0] not in _BRANCHING
        if below or isinstance(node, (Iverson, Delta, Where)) or (isinstance(node, Fn) and node.args[0] in _BRANCHING):
            self.branching.add(node)
        if any(kid in self.hidden for kid in node.kids) or (below and (function or (isinstance(node, Pow) and node.args[1].denominator > 1))):
            self.hidden.add(node)

    def form(self, node: Expr) -> Form | None:
        """The expression as a sum of products with rational coefficients, as far as that is short."""
        if node not in self.linear:
            self.linear[node] = self._formed(node)
        return self.linear[node]

    def _formed(self, node: Expr) -> Form | None:
        value = self.image(node)
        if value is None:
            return None
        if isinstance(node, Num):
            return {0: node.value} if node.value else {}
        if isinstance(node, Add):
            return self._together([self.form(u) for u in node.args[0]])
        if isinstance(node, Mul):
            return self._multiplied(node, node.args[0], value)
        if isinstance(node, Pow) and node.args[1].denominator == 1:
            if 2 <= node.args[1] <= 4:
                return self._multiplied(node, (node.args[0],) * int(node.args[1]), value)
            return self._inverted(node, value) if node.args[1] < 0 else self._alone(node, value)
        if isinstance(node, (Iverson, Delta)):
            return self.form_of_condition(value)
        if isinstance(node, Where):
            return self._chosen(node, value)
        if isinstance(node, Fn):
            return self._form_of_function(node, value)
        return self._alone(node, value)

    def _form_of_function(self, node: Fn, value: Value) -> Form | None:
        name, args = node.args
        if name == "log":
            return self.log_form(args[0])
        if name in MAXIMA:
            forms = self.members(MAXIMA[name](*args))
            return self._larger(node, value, forms) if forms is not None and written_as_choice(forms) else self._alone(node, value)
        if name == "min":
            return self.form(minimum(args))
        return self._alone(node, value)

    def members(self, args: tuple[Expr, ...]) -> list[Form] | None:
        """The forms of what a maximum is of, each once, in an order of their own; None where one is undefined."""
        parts = [self.form(u) for u in flat(args)]
        forms = {tuple(sorted(form.items())): form for form in parts if form is not None}
        return None if any(form is None for form in parts) else [forms[key] for key in sorted(forms)]

    def _larger(self, node: Expr, value: Value, forms: list[Form]) -> Form:
        """max(u, v) = v + [u > v] (u − v), multiplied out."""
        if len(forms) == 1:
            return forms[0]
        f, g = forms
        gap = combined(f, g, -1)
        product = self.product_form(self.form_of_condition(self.indicator(">", gap, node in self.hidden)), gap)
        return self._alone(node, value) if product is None else combined(g, self.form_without_tie(product, gap))

    def _chosen(self, node: Expr, value: Value) -> Form | None:
        """v + q (u − v), multiplied out."""
        condition, u, v = self.image(node.args[0]), self.form(node.args[1]), self.form(node.args[2])
        if condition is None or u is None or v is None:
            return None
        gap = combined(u, v, -1)
        product = self.product_form(self.form_of_condition(condition), gap)
        return self._alone(node, value) if product is None else combined(v, self.form_without_tie(product, gap))

    def form_of_condition(self, value: Value) -> Form:
        """A 0/1 value as a sum of products of conditions."""
        return {self.numbered({product: 1}): Fraction(x if x < self.p // 2 else x - self.p) for product, x in value.items()}

    def _alone(self, node: Expr, value: Value) -> Form:
        if not value:
            return {}
        n = self.numbered(value)
        self.exprs.setdefault(n, node)
        return {n: Fraction(1)}

    def _multiplied(self, node: Expr, parts: tuple[Expr, ...], value: Value) -> Form:
        out: Form | None = {0: Fraction(1)}
        for u in parts:
            form = self.form(u)
            out = None if out is None or form is None else self.product_form(out, form)
        for u in parts if out is not None else ():
            out = self.form_without_tie(out or {}, self.form(u) or {})
        return self._alone(node, value) if out is None else out

    def _inverted(self, node: Expr, value: Value) -> Form | None:
        """A negative power, with the number in front of the base taken out."""
        form = self.form(node.args[0])
        if not form:
            return None
        lead = form[min(form)] ** int(node.args[1])
        n = self.numbered(self.mul(self.number(1 / lead), value))
        self.exprs.setdefault(n, times(num(1 / lead), node))
        return {n: Fraction(lead)}

    def log_form(self, w: Expr) -> Form | None:
        """log w: of a product of positive factors, of a power, of a sum of positive terms with one of them taken out."""
        if isinstance(w, Num):
            return self.log_of_number(w.value) if w.value > 0 else None
        if isinstance(w, Fn) and w.args[0] == "exp":
            return self.form(w.args[1][0])
        if isinstance(w, Fn) and w.args[0] == "logistic":
            return self.log_form(FUNCTIONS["logistic"].expand(*w.args[1]))  # type: ignore[misc]  # it has one
        if isinstance(w, Pow) and (positive(w.args[0]) or w.args[1].numerator % 2):
            inner = self.log_form(w.args[0])
            return None if inner is None else combined({}, inner, w.args[1])
        if isinstance(w, Mul):
            apart = [u for u in w.args[0] if positive(u)]
            if apart:
                rest = mul(*(u for u in w.args[0] if u not in apart))
                logs = [self.log_form(u) for u in (*apart, *([] if rest is ONE else [rest]))]
                return None if any(log is None for log in logs) else self._together(logs)
        value = self.image(w)
        if value is None or not value:
            return None
        if isinstance(w, Add) and all(map(positive, w.args[0])):
            return self._log_of_sum(w.args[0])
        return self.log_atom(value)

    @staticmethod
    def _together(forms: list[Form | None]) -> Form:
        out: Form = {}
        for form in forms:
            out = combined(out, form or {})
        return out

    def _log_of_sum(self, parts: tuple[Expr, ...]) -> Form | None:
        """The logarithm of a sum of positive terms."""
        found: list[tuple[Value, Form]] = []
        for t in parts:
            value, log = self.image(t), self.log_form(t)
            if not value or log is None:
                return None
            found.append((value, log))
        return self._log_of_terms(found)

    def _log_of_terms(self, terms: list[tuple[Value, Form]]) -> Form:
        """log(t₁ + t₂ + …) = log t + log((t₁ + t₂ + …)/t), with the t for which the rest comes first; under a condition by cases."""
        conditions = sorted({symbol for value, _ in terms for symbol in self.conditions(value)})
        if conditions and len({name for _, name in conditions}) == 1:
            above, other = (self._log_of_terms([self._term_where(*term, conditions[0], holds) for term in terms]) for holds in (True, False))
            chosen = self.product_form(self.form_of_condition({frozenset([conditions[0]]): 1}), combined(above, other, -1))
            if chosen is not None:
                return combined(other, chosen)
        whole = self.add(*(value for value, _ in terms))
        n, log = min(((self.numbered(self.mul(whole, self.inverse(value))), log) for value, log in terms), key=lambda pair: pair[0])
        return combined(log, self.log_atom(self.values[n]))

    def _term_where(self, value: Value, log: Form, symbol: Symbol, holds: bool) -> tuple[Value, Form]:
        return self.restricted(value, symbol, holds), self.form_where(log, symbol, holds)
