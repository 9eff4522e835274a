"""Expressions as linear forms, and logarithms as such forms.

Legend: u, v, w, t are expressions.
"""

from __future__ import annotations

from fractions import Fraction

from derive.checking.exact.field import Value
from derive.checking.exact.linear import Linear, combined
from derive.checking.exact.order import Form
from derive.checking.exact.signs import positive
from derive.checking.exact.simplify import times
from derive.index import ONE, Add, Expr, Fn, Mul, Num, Pow, mul, num
from derive.rules.functions import FUNCTIONS

__all__ = ["Forms"]


class Forms(Linear):
    """The linear form of an expression, worked out once.  None is that of what is undefined."""

    def __init__(self) -> None:
        super().__init__()
        self.linear: dict[Expr, Form | None] = {}

    def image(self, root: Expr) -> Value | None:
        """The value of an expression."""
        raise NotImplementedError

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
        if isinstance(node, Pow) and node.args[1].denominator == 1 and 2 <= node.args[1] <= 4:
            return self._multiplied(node, (node.args[0],) * int(node.args[1]), value)
        if isinstance(node, Pow) and node.args[1].denominator == 1:
            return self._inverted(node, value)
        if isinstance(node, Fn) and node.args[0] == "log":
            return self.log_form(node.args[1][0])
        return self._alone(node, value)

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
            return self._log_of_sum(value, w.args[0])
        return self.log_atom(value)

    @staticmethod
    def _together(forms: list[Form | None]) -> Form:
        out: Form = {}
        for form in forms:
            out = combined(out, form or {})
        return out

    def _log_of_sum(self, value: Value, parts: tuple[Expr, ...]) -> Form | None:
        """log(t₁ + t₂ + …) = log t + log((t₁ + t₂ + …)/t), with the t for which the rest is least in the order of numbers."""
        rests = []
        for t in parts:
            own = self.image(t)
            if not own:
                return None
            rests.append((self.numbered(self.mul(value, self.inverse(own))), t))
        n, t = min(rests, key=lambda pair: pair[0])
        first = self.log_form(t)
        return None if first is None else combined(first, self.log_atom(self.values[n]))
