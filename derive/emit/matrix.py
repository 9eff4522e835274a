"""The result in matrix notation: Xᵀ(P − Y)/m + λW, in plain text and in LaTeX.

Vectors are columns; 1 is a vector of ones.  An array with more than two axes, and what has no common matrix notation, gives None.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from derive.derivation import Definition, Story
from derive.emit import arrays
from derive.emit.arrays import Value
from derive.emit.lower import Lowering
from derive.emit.matrix_forms import (
    EYE,
    ONES,
    Form,
    NoMatrixError,
    divided,
    hadamard,
    joined,
    number_form,
    sandwich,
    scaled,
    transposed,
    wrapped,
)
from derive.emit.matrix_names import Names
from derive.emit.program import needed_rows, stores_of
from derive.emit.statements import axes_of
from derive.errors import NotYet
from derive.index import Add, At, Delta, Expr, Mul, Num, add, mul, rebuild, substitute

__all__ = ["MatrixForm", "form"]

_LONGEST = 72


class MatrixForm(NamedTuple):
    """An expression in matrices: as text, as LaTeX, and what its letters mean."""

    text: str
    latex: str
    legend: str


def form(story: Story) -> MatrixForm | None:
    """The story's result in matrices, named derivatives substituted as long as it stays short; None where it is not expressible."""
    rows = [row.definition for row in needed_rows(story)]
    cotangents = [row for row in rows if row.role == "cotangent"]
    shortest = None
    for count in range(len(cotangents), -1, -1):
        found = _rendered(story, rows, {row.name: row for row in cotangents[len(cotangents) - count:]})
        if found is not None and len(found.text) <= _LONGEST:
            return found
        shortest = found or shortest
    return shortest


def _rendered(story: Story, rows: list[Definition], inlined: dict[str, Definition]) -> MatrixForm | None:
    result = rows[-1]
    lowering = Lowering(stores_of(story, rows))
    names = Names(story, rows)
    renderer = _Renderer(names)
    try:
        axes = axes_of(result)
        value = arrays.full(lowering.lower(_multiplied_out(_with(result.body, inlined)), axes), axes)
        whole = renderer.form(value)
    except (NoMatrixError, NotYet):
        return None
    return MatrixForm(whole.text, whole.latex, names.legend())


def _multiplied_out(body: Expr) -> Expr:
    """p_b (δ_bc − p_c) as δ_bc p_b − p_b p_c, which reads diag(p) − p pᵀ; scalars stay in front."""
    if isinstance(body, Add):
        return add(*map(_multiplied_out, body.args[0]))
    factors = body.args[0] if isinstance(body, Mul) else ()
    inner = next((f for f in factors if isinstance(f, Add) and any(isinstance(x, Delta) for part in f.args[0] for x in (part, *part.kids))), None)
    moving = [f for f in factors if f.free and f is not inner]
    if inner is None or not moving:
        return body
    return mul(*(f for f in factors if not f.free), add(*(mul(part, *moving) for part in inner.args[0])))


def _with(body: Expr, inlined: dict[str, Definition]) -> Expr:
    if isinstance(body, At) and body.name in inlined:
        found = inlined[body.name]
        return _with(substitute(found.body, dict(zip(found.indices, body.indices))), inlined)
    return rebuild(body, lambda part: _with(part, inlined))


class _Renderer:
    def __init__(self, names: Names) -> None:
        self.names = names

    def form(self, value: Value) -> Form:
        """The value as a scalar, a column vector or a matrix."""
        rule = _FORMS.get(value.op)
        if rule is None or len(arrays.labels(value)) > 2:
            raise NoMatrixError
        return rule(self, value)

    def load(self, value: Value) -> Form:
        text, latex = self.names.shown(str(value.data[0]), len(arrays.labels(value)))
        return Form(text, latex, 2)

    def number(self, value: Value) -> Form:
        data: Any = value.data[0]
        return number_form(data)

    def size(self, value: Value) -> Form:
        data: Any = value.data[0]
        return number_form(data.value) if isinstance(data, Num) else Form(data.name, data.name, 2)

    def eye(self, value: Value) -> Form:
        return EYE

    def view(self, value: Value) -> Form:
        inner = self.form(value.args[0])
        have, want = arrays.labels(value.args[0]), arrays.labels(value)
        return inner if have == want else transposed(inner)

    def cast(self, value: Value) -> Form:
        return self.form(value.args[0])

    def full(self, value: Value) -> Form:
        return self.spread(value.args[0], value.axes)

    def spread(self, value: Value, axes: arrays.Axes) -> Form:
        """The value as a summand of an array with these axes: v 1ᵀ, 1 vᵀ, s 1."""
        have, want = arrays.labels(value), [axis for axis in axes if axis is not None]
        inner = self.form(value)
        if have == want:
            return inner
        if not have:
            ones = [ONES] if len(want) == 1 else [ONES, transposed(ONES)]
            return joined(ones) if inner.text == "1" else joined([wrapped(inner, 1), *ones])
        if have[0] is want[0]:
            return joined([wrapped(inner, 1), transposed(ONES)])
        return joined([ONES, transposed(inner)])

    def plus(self, value: Value) -> Form:
        text = latex = ""
        for sign, term in zip(value.data, value.args):
            part = self.spread(term, value.axes)
            part = part if sign == 1 else wrapped(part, 1)
            text += (" + " if sign == 1 else " − ") + part.text if text else ("" if sign == 1 else "−") + part.text
            latex += (" + " if sign == 1 else " - ") + part.latex if latex else ("" if sign == 1 else "-") + part.latex
        return Form(text, latex, 0)

    def times(self, value: Value) -> Form:
        data: Any = value.data
        coefficient, count = data
        above = self._by_role(value.args[:count], value.axes)
        below = self._by_role(value.args[count:], value.axes)
        middle = hadamard(above["whole"])
        if below["whole"]:
            under = hadamard(below["whole"]) or ONES
            upper = middle or ONES
            upper, under = wrapped(upper, 2), wrapped(under, 2)
            middle = Form(f"{upper.text} ⊘ {under.text}", rf"{upper.latex} \oslash {under.latex}", 0)
        body = sandwich(above["left"], middle, above["right"])
        for side in ("left", "right"):
            body = divided(body, hadamard(below[side]), side)
        return scaled(coefficient, above["scalar"], body, below["scalar"])

    def _by_role(self, values: tuple[Value, ...], axes: arrays.Axes) -> dict[str, list[Form]]:
        roles: dict[str, list[Form]] = {"scalar": [], "left": [], "right": [], "whole": []}
        want = [axis for axis in axes if axis is not None]
        for value in values:
            have = arrays.labels(value)
            role = "scalar" if not have else "whole" if have == want else "left" if have[0] is want[0] else "right"
            roles[role].append(self.form(value))
        return roles

    def power(self, value: Value) -> Form:
        exponent: Any = value.data[0]
        inner = self.form(value.args[0])
        if exponent == 2 and arrays.labels(value):
            part = wrapped(inner, 2)
            return Form(f"{part.text} ⊙ {part.text}", rf"{part.latex} \odot {part.latex}", 0)
        if exponent == Fraction(1, 2):
            return Form(f"√{wrapped(inner, 2).text}", rf"\sqrt{{{inner.latex}}}", 2)
        part, circle = wrapped(inner, 2), bool(arrays.labels(value))
        raised = "²" if exponent == 2 else f"^{'∘' if circle else ''}{exponent}"
        mark = r"\circ " if circle else ""
        return Form(part.text + raised, f"{part.latex}^{{{mark}{exponent}}}", 2)

    def linalg(self, value: Value) -> Form:
        inner = wrapped(self.form(value.args[0]), 2)
        if value.data[0] == "inverse":
            return Form(f"{inner.text}⁻¹", f"{inner.latex}^{{-1}}", 2)
        return Form(f"log |det {inner.text}|", rf"\log\left|\det {inner.latex}\right|", 2)

    def call(self, value: Value) -> Form:
        name = str(value.data[0])
        inner = [self.spread(arg, value.axes) for arg in value.args]
        if arrays.labels(value):
            self.names.note("functions act on each entry")
        texts, latexes = ", ".join(part.text for part in inner), ", ".join(part.latex for part in inner)
        spelled = rf"\{name}" if name in ("exp", "log", "tanh", "max", "min", "sin", "cos") else rf"\operatorname{{{name}}}"
        return Form(f"{name}({texts})", rf"{spelled}\left({latexes}\right)", 2)

    def compare(self, value: Value) -> Form:
        label = _label(value)
        if label is not None:
            text, latex = self.names.one_hot(label, value.axes[-1] if value.axes else None)
            hot = Form(text, latex, 2)
            return hot if _row_first(value) else transposed(hot)
        if any(part.op in ("arange", "take") for arg in value.args for part in arrays.subvalues(arg)):
            raise NoMatrixError
        self.names.note("[…] is 1 where the condition holds and 0 elsewhere")
        left, right = (self.form(arg) if not arrays.labels(arg) else self.spread(arg, value.axes) for arg in value.args)
        op = {"==": "=", ">=": "≥"}.get(str(value.data[0]), str(value.data[0]))
        spelled = op.replace("≥", r"\ge")
        return Form(f"[{left.text} {op} {right.text}]", rf"\left[{left.latex} {spelled} {right.latex}\right]", 2)

    def matmul(self, value: Value) -> Form:
        left, right = value.args
        forms = [self.form(left), self.form(right)]
        if len(arrays.labels(left)) == 1:
            forms[0] = transposed(forms[0])
        return joined([wrapped(part, 1) for part in forms])

    def reduce(self, value: Value) -> Form:
        data: Any = value.data
        kind, positions, _ = data
        (inner,) = value.args
        if kind not in ("sum", "mean"):
            raise NoMatrixError
        gone = [axis for place in positions if (axis := inner.axes[place]) is not None]
        result = self._summed(inner, len(arrays.labels(value)), inner.axes[0] in gone)
        if kind == "sum":
            return result
        return scaled(Fraction(1), [], result, [self.size(arrays.size(axis.size)) for axis in gone])

    def _summed(self, inner: Value, rank: int, first: bool) -> Form:
        if not rank and inner.op == "power" and inner.data[0] == 2:
            part = self.form(inner.args[0])
            self.names.note("‖·‖² is the sum of the squares of the entries")
            return Form(f"‖{part.text}‖²", rf"\lVert {part.latex} \rVert^2", 2)
        part = self.form(inner)
        if len(arrays.labels(inner)) == 1:
            return joined([transposed(ONES), wrapped(part, 1)])
        if not rank:
            return joined([transposed(ONES), wrapped(part, 1), ONES])
        return joined([transposed(part) if first else wrapped(part, 1), ONES])

    def take(self, value: Value) -> Form:
        base, *picks = value.args
        kinds = [pick.op for pick in picks]
        label = picks[-1]
        while label.op == "view":
            label = label.args[0]
        if label.op != "load":
            raise NoMatrixError
        hot = Form(*self.names.one_hot(str(label.data[0]), None), 2)
        if value.data == (True, True) and kinds[0] == "arange" and len(arrays.labels(value)) == 1:
            product = hadamard([Form(*self.names.shown(str(base.data[0]), 2), 2), hot])
            return joined([wrapped(product or ONES, 1), ONES])
        if value.data[0] and len(picks) == 1:
            return joined([hot, Form(*self.names.shown(str(base.data[0]), len(value.data)), 2)])
        raise NoMatrixError


def _label(value: Value) -> str | None:
    """The label array where a comparison is a one-hot matrix."""
    inner = [arg.args[0] if arg.op == "view" else arg for arg in value.args]
    if value.data[0] == "==" and {part.op for part in inner} == {"arange", "load"} and len(arrays.labels(value)) == 2:
        return next(str(part.data[0]) for part in inner if part.op == "load")
    return None


def _row_first(value: Value) -> bool:
    inner = [arg.args[0] if arg.op == "view" else arg for arg in value.args]
    return next(part for part in inner if part.op == "load").axes[0] is arrays.labels(value)[0]


_FORMS: dict[str, Callable[[_Renderer, Value], Form]] = {
    name: getattr(_Renderer, name)
    for name in (
        "load", "number", "size", "eye", "view", "cast", "full", "plus", "times", "power", "call", "compare", "matmul", "linalg", "reduce", "take",
    )
}
