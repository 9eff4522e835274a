"""Pieces of matrix notation: products by juxtaposition, transposes, diag(v), entrywise products, quotients by scalars."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from derive.emit.printer import number_text

__all__ = ["EYE", "ONES", "Form", "NoMatrixError", "divided", "hadamard", "joined", "number_form", "sandwich", "scaled", "transposed", "wrapped"]

_LONG_FRACTION = 18  # characters of LaTeX above which a quotient is written 1/m · (…)


class NoMatrixError(Exception):
    """There is no matrix notation for this; a signal between these modules, never shown."""


class Form(NamedTuple):
    """An expression as text and as LaTeX; level 0 is a sum, 1 a product, 2 something that needs no parentheses."""

    text: str
    latex: str
    level: int


def wrapped(form: Form, level: int) -> Form:
    """In parentheses where it binds more loosely than `level`."""
    return form if form.level >= level else Form(f"({form.text})", rf"\left({form.latex}\right)", 2)


def transposed(form: Form) -> Form:
    """The transpose; twice is none."""
    if form.text.endswith("ᵀ") and not form.text.endswith("⁻ᵀ") and form.level == 2:
        return Form(form.text[:-1], form.latex.removesuffix(r"^\top"), 2)
    inner = wrapped(form, 2)
    if inner.text.endswith("⁻¹"):
        return Form(inner.text.removesuffix("¹") + "ᵀ", inner.latex.removesuffix("{-1}") + r"{-\top}", 2)
    return Form(inner.text + "ᵀ", inner.latex + r"^\top", 2)


def joined(forms: list[Form]) -> Form:
    """A product by juxtaposition, with a space where the letters of two names would run together."""
    if len(forms) == 1:
        return forms[0]
    parts = [wrapped(form, 2 if "/" in form.text and form is not forms[-1] else 1) for form in forms]
    text = parts[0].text
    for part in parts[1:]:
        text += _gap(text, part.text) + part.text
    return Form(text, " ".join(part.latex for part in parts), 1)


def _gap(left: str, right: str) -> str:
    """Nothing, a space between names of several letters, or a dot between numbers."""
    if left[-1].isdecimal() and right[0].isdecimal():
        return "" if right == "1ᵀ" else "·"
    before = re.search(r"[^\W\d_]*[₀-₉ᵀ]*$", left)
    after = re.match(r"[^\W\d_]*", right)
    long = max(len(found.group().strip("₀₁₂₃₄₅₆₇₈₉ᵀ")) if found else 0 for found in (before, after)) > 1
    touching = left[-1] not in ")]‖" or right[0] not in "([‖"
    return " " if long and touching and not right.startswith("ᵀ") and not left[-1].isdecimal() else ""


ONES = Form("1", r"\mathbf{1}", 2)
EYE = Form("I", "I", 2)


def number_form(value: Fraction) -> Form:
    """A number: 3, 0.1, 1/3."""
    if value.denominator == 1 or (" / " not in number_text(value) and value.denominator % 5 == 0):
        text = number_text(value)
        return Form(text, re.sub(r"(.*)e(-?\d+)", r"\1 \\cdot 10^{\2}", text), 2 if value >= 0 else 0)
    return Form(f"{value.numerator}/{value.denominator}", rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}", 1)


def hadamard(forms: list[Form]) -> Form | None:
    """The entrywise product; None of no factors."""
    if len(forms) < 2:
        return forms[0] if forms else None
    parts = [wrapped(part, 1) for part in forms]
    return Form(" ⊙ ".join(part.text for part in parts), r" \odot ".join(part.latex for part in parts), 0)


def sandwich(left: list[Form], middle: Form | None, right: list[Form]) -> Form | None:
    """diag(v) M diag(w), v wᵀ where there is no M, and diag(v) where M is the identity."""
    rows, columns = hadamard(left), hadamard(right)
    if middle is EYE and (rows is None) is not (columns is None):
        return _diagonal(rows or columns or ONES)
    if middle is None and rows is not None and columns is not None:
        return joined([wrapped(rows, 1), transposed(columns)])
    parts = [_diagonal(rows)] if rows is not None else []
    parts += [wrapped(middle, 1)] if middle is not None and (rows or columns) else [middle] if middle is not None else []
    parts += [_diagonal(columns)] if columns is not None else []
    return joined(parts) if parts else None


def divided(body: Form | None, vector: Form | None, side: str) -> Form | None:
    """diag(v)⁻¹ M, or M diag(v)⁻¹."""
    if vector is None:
        return body
    inverse = Form(f"{_diagonal(vector).text}⁻¹", f"{_diagonal(vector).latex}^{{-1}}", 2)
    if body is None:
        raise NoMatrixError
    return joined([inverse, wrapped(body, 1)] if side == "left" else [wrapped(body, 1), inverse])


def _diagonal(vector: Form) -> Form:
    return Form(f"diag({vector.text})", rf"\operatorname{{diag}}\left({vector.latex}\right)", 2)


def scaled(coefficient: Fraction, above: list[Form], body: Form | None, below: list[Form]) -> Form:
    """2λ·body/(3m)."""
    heads = list(above)
    if abs(coefficient.numerator) != 1 or not (heads or body):
        heads.insert(0, number_form(Fraction(abs(coefficient.numerator))))
    under = ([number_form(Fraction(coefficient.denominator))] if coefficient.denominator != 1 else []) + below
    parts = heads + ([wrapped(body, 1) if heads or under else body] if body is not None else [])
    inner = joined([wrapped(part, 1) for part in parts] if len(parts) > 1 else parts)
    text, latex, level = inner.text, inner.latex, inner.level
    if under:
        bottom = joined(under)
        text = f"{text}/{wrapped(bottom, 2).text}"
        short = body is None or len(latex) < _LONG_FRACTION
        latex = rf"\frac{{{latex}}}{{{bottom.latex}}}" if short else rf"\frac{{1}}{{{bottom.latex}}} {latex}"
        level = 1
    if coefficient < 0:
        text, latex, level = f"−{text}", f"-{latex}", 0
    return Form(text, latex, level)
