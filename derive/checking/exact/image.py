"""The value of an expression at one random point of the field: two expressions of equal value are the same function.

What is known of exp, log, roots, maxima and comparisons is put in by `Linear`; every other function counts as an unknown of its own, which is
sound: what is equal for all values of the unknown is equal.

Legend: u, v, w are expressions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, ClassVar

from derive.checking.exact.field import UNIT, Beyond, Value
from derive.checking.exact.forms import MAXIMA, Forms, minimum, written_as_choice
from derive.checking.exact.linear import combined
from derive.checking.exact.signs import positive
from derive.index import ONE, ZERO, Add, At, Const, Delta, Expr, Fn, Iverson, Mul, Num, Pow, Stop, Where, mul, num, power
from derive.rules.functions import FUNCTIONS

__all__ = ["Image", "postorder"]

_PARITY = {"sin": -1, "erf": -1, "atan": -1, "cos": 1}


def postorder(*roots: Expr) -> Iterator[Expr]:
    """Every node below these, each once, parts before wholes."""
    seen: set[Expr] = set()
    stack: list[tuple[Expr, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            if not isinstance(node, At):
                stack.extend((kid, False) for kid in node.kids)


class Image(Forms):
    """Values and linear forms of expressions, each worked out once.  None is the value of what is undefined."""

    def __init__(self, *, ties: bool = True) -> None:
        super().__init__(ties=ties)
        self.images: dict[Expr, Value | None] = {}
        self.degrees: dict[Expr, float] = {}
        self.kept: set[Expr] = set()

    def image(self, root: Expr) -> Value | None:
        """The value of an expression.

        Raises:
            Beyond: it is too large, or has a node that is not covered.
        """
        if root not in self.images:
            for node in postorder(root):
                if node not in self.images:
                    self.images[node] = self._computed(node)
        return self.images[root]

    def _computed(self, node: Expr) -> Value | None:
        self.degrees[node] = 1 + sum(self.degrees.get(kid, 1.0) for kid in node.kids)
        self.note_branches(node)
        read = self._READ.get(type(node))
        if read is None:
            raise Beyond
        try:
            result: Value | None = read(self, node)
        except ZeroDivisionError:
            return None
        return result

    def _number(self, node: Expr) -> Value:
        return self.number(node.args[0])

    def _constant(self, node: Expr) -> Value:
        if node.args[0] != "pi":
            raise Beyond
        return self.atom(node)

    def _entry(self, node: Expr) -> Value:
        if node.args[2] == "bool":
            return self.indicator(">", {self.numbered(self.atom(node)): Fraction(1)})
        return self.atom(node)

    def _add(self, node: Expr) -> Value | None:
        parts = [self.images[u] for u in node.args[0]]
        return None if any(part is None for part in parts) else self.add(*(part for part in parts if part is not None))

    def _mul(self, node: Expr) -> Value | None:
        out: Value = {UNIT: 1}
        for u in node.args[0]:
            part = self.images[u]
            if part is None:
                return None
            out = self.mul(out, part)
        if any(symbol[0] == "=" for product in out for symbol in product):
            for u in node.args[0]:
                out = self.without_tie(out, self.form(u))
        return out

    def _stop(self, node: Expr) -> Value | None:
        return self.images[node.args[0]]

    def _where(self, node: Expr) -> Value | None:
        condition, u, v = (self.images[kid] for kid in node.args)
        if condition is None or self.mul(condition, condition) != condition:
            return None
        if not condition or condition == {UNIT: 1}:
            return u if condition else v
        if u is None or v is None:
            return None
        gap = self.sub(u, v)
        if any(symbol[0] == "=" for product in condition for symbol in product):
            forms = [self.form(kid) for kid in node.args[1:]]
            gap_form = None if forms[0] is None or forms[1] is None else combined(forms[0], forms[1], -1)
            return self.add(v, self.without_tie(self.mul(condition, gap), gap_form))
        return self.add(v, self.mul(condition, gap))

    # ------------------------------------------------------------------------------------------- powers

    def _pow(self, node: Expr) -> Value | None:
        base, e = node.args
        value = self.images[base]
        if value is None:
            return None
        self.degrees[node] *= abs(e) + 1
        if e.denominator == 1:
            return self.power(value, int(e))
        return self._fractional(base, value, e)

    def _fractional(self, base: Expr, value: Value, e: Fraction) -> Value | None:
        """A root: of a product of positive factors, of a square, of a number times the rest."""
        if isinstance(base, Fn) and base.args[0] == "exp":
            return self.image(Fn("exp", (mul(num(e), base.args[1][0]),)))
        if isinstance(base, Pow) and base.args[1].denominator == 1 and base.args[1] % 2 == 0:
            return self.image(power(Fn("abs", (base.args[0],)), base.args[1] * e))
        if isinstance(base, Pow) and positive(base.args[0]):
            return self.image(power(base.args[0], base.args[1] * e))
        if isinstance(base, Mul) and len(set(base.args[0])) < len(base.args[0]):
            powers = Counter(base.args[0])
            return self._fractional_of(mul(*(power(u, n) for u, n in powers.items())), e)
        if isinstance(base, Mul):
            apart = [u for u in base.args[0] if positive(u) or _square(u)]
            rest = mul(*(u for u in base.args[0] if u not in apart))
            if apart and (rest is not ONE or len(apart) > 1):
                return self.image(mul(*(power(u, e) for u in apart), power(rest, e)))
        form = self.form(base)
        if form is None or not form:
            return None
        lead = abs(form[min(form)])
        if form.keys() == {0}:
            return self.root_of_number(lead, e) if form[0] > 0 else None
        return self.mul(self.root_of_number(lead, e), self.powered(self.mul(self.number(1 / lead), value), e))

    def _fractional_of(self, base: Expr, e: Fraction) -> Value | None:
        value = self.image(base)
        return None if value is None else self._fractional(base, value, e)

    # ------------------------------------------------------------------------------------------- functions

    def _function(self, node: Expr) -> Value | None:
        name, args = node.args
        if any(self.images[u] is None for u in args):
            return None
        if name == "exp":
            return self._exp(node, args[0])
        if name == "log":
            form = self.log_form(args[0])
            return None if form is None else self.value_of(form)
        if name in MAXIMA:
            return self._maximum(node, MAXIMA[name](*args))
        if name == "min":
            return self.image(minimum(args))
        row = FUNCTIONS[name]
        if row.expand is not None:
            expanded = row.expand(*args)
            value = self.image(expanded)
            self.degrees[node] = self.degrees[expanded]
            return value
        return self._unknown(name, args)

    def _unknown(self, name: str, args: tuple[Expr, ...]) -> Value | None:
        forms = [self.form(u) for u in args]
        known = [form for form in forms if form is not None]
        if len(known) < len(args):
            return None
        sign = 1
        if name in _PARITY and known[0] and known[0][min(known[0])] < 0:
            known, sign = [{n: -c for n, c in known[0].items()}], _PARITY[name]
        if name in _PARITY and not known[0]:
            return {} if _PARITY[name] < 0 else {UNIT: 1}
        return self.scale(self.atom((name, *(self.numbered(self.value_of(form)) for form in known))), sign)

    def _exp(self, node: Expr, u: Expr) -> Value | None:
        if isinstance(u, Where):
            return self.image(Where(u.args[0], *(Fn("exp", (part,)) for part in u.args[1:])))
        form = self.form(u)
        if form is None:
            return None
        self.degrees[node] = float(2**90 * sum((abs(c) for c in form.values()), Fraction(1)))
        return self.exponential(form)

    def _maximum(self, node: Expr, args: tuple[Expr, ...]) -> Value | None:
        forms = self.members(args)
        if forms is None:
            return None
        if written_as_choice(forms):
            gap = combined(forms[0], forms[-1], -1)
            above = self.indicator(">", gap, node in self.hidden)
            return self.add(self.value_of(forms[-1]), self.without_tie(self.mul(above, self.value_of(gap)), gap))
        result = self.atom(("max", *(tuple(sorted(form.items())) for form in forms)))
        self.maxima[self.numbered(result)] = forms
        self.kept.add(node)
        return result

    # ------------------------------------------------------------------------------------------- comparisons

    def _delta(self, node: Expr) -> Value | None:
        i, j = (self.form(side) for side in node.args)
        return None if i is None or j is None else self.indicator("=", combined(i, j, -1))

    def _iverson(self, node: Expr) -> Value | None:
        op, u = node.args
        return None if self.images[u] is None else self.compared_with_zero(op, u)

    def compared_with_zero(self, op: str, u: Expr) -> Value | None:
        """1 where u > 0, u ≥ 0 or u = 0; positive factors and conditions come out."""
        if op == ">=":
            above, equal = self.compared_with_zero(">", u), self.compared_with_zero("=", u)
            return None if above is None or equal is None else self.add(above, equal)
        if positive(u):
            return self.number(int(op == ">"))
        if isinstance(u, Where):
            return self.image(Where(u.args[0], Iverson(op, u.args[1]), Iverson(op, u.args[2])))
        if isinstance(u, Mul):
            conditions = mul(*(part for part in u.args[0] if isinstance(part, (Iverson, Delta))))
            rest = mul(*(part for part in u.args[0] if not (isinstance(part, (Iverson, Delta)) or positive(part))))
            if conditions is not ONE:
                otherwise = ONE if op == "=" else ZERO
                return self.image(Where(conditions, Iverson(op, rest), otherwise))
            if rest is not u:
                return self.image(Iverson(op, rest))
        form = self.form(u)
        return None if form is None else self.indicator(op, form, u in self.hidden)

    _READ: ClassVar[dict[type, Callable[..., Any]]] = {
        Num: _number, Const: _constant, At: _entry, Add: _add, Mul: _mul, Pow: _pow, Fn: _function, Delta: _delta, Iverson: _iverson,
        Where: _where, Stop: _stop,
    }  # fmt: skip


def _square(u: Expr) -> bool:
    return isinstance(u, Pow) and u.args[1].denominator == 1 and u.args[1] % 2 == 0
