"""Rendering: single formulas in every form, and whole stories."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import jax.numpy as jnp
import pytest
from matplotlib.mathtext import MathTextParser

import derive
from derive import losses, render
from derive.derivation import Argument, Assumption, Definition, Section, Source, Step, Story
from derive.errors import BadInput
from derive.index import (
    ONE,
    At,
    Const,
    Delta,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    Mono,
    Mul,
    Partial,
    Poly,
    Size,
    Stop,
    Sum,
    Where,
    add,
    delta,
    div,
    fresh,
    mul,
    neg,
    num,
    power,
    sub,
)
from derive.render.names import spell
from derive.render.plain import unicode_text
from derive.render.texmath import UnreadableError, read_latex

M, D, K = Size("m"), Size("d"), Size("k")
I, A, C, B, J, L, S = (fresh(Index(name, size, 0)) for name, size in zip("iacbjls", (M, D, K, K, K, K, M)))
Y = At("y", (I,), "int")


def at(name: str, *indices: Expr) -> At:
    return At(name, indices)


def fn(name: str, *args: Expr) -> Fn:
    return Fn(name, args)


Z, P, X = at("z", I, C), at("p", I, C), at("x")
TOTAL = Sum((B,), fn("exp", at("z", I, B)))
TABLE = [
    (Sum((A,), mul(at("X", I, A), at("W", A, C))), "Σ_a X_ia W_ac", r"\sum_{a} X_{ia} W_{ac}"),
    (div(fn("exp", Z), TOTAL), "e^{z_ic} / Σ_b e^{z_ib}", r"\frac{e^{z_{ic}}}{\sum_{b} e^{z_{ib}}}"),
    (mul(at("p", I, J), sub(delta(J, L), at("p", I, L))), "p_ij (δ_jl − p_il)", r"p_{ij} (\delta_{jl} - p_{il})"),
    (Partial(at("p", I, J), at("z", I, L)), "∂p_ij/∂z_il", r"\frac{\partial p_{ij}}{\partial z_{il}}"),
    (Partial(fn("log", P), P), "∂/∂p_ic (log p_ic)", r"\frac{\partial }{\partial p_{ic}} (\log p_{ic})"),
    (mul(Partial(at("L"), P), Partial(P, Z)), "∂L/∂p_ic · ∂p_ic/∂z_ic",
     r"\frac{\partial L}{\partial p_{ic}} \frac{\partial p_{ic}}{\partial z_{ic}}"),
    (neg(fn("log", at("p", I, Y))), "−log p_{i,y_i}", r"-\log p_{i,y_{i}}"),
    (sub(P, delta(C, Y)), "p_ic − 1{c = y_i}", r"p_{ic} - 1\lbrace c = y_{i} \rbrace"),
    (sub(Z, Extremum("max", (B,), at("z", I, B))), "z_ic − max_b z_ib", r"z_{ic} - \max_{b} z_{ib}"),
    (add(Extremum("max", (B,), at("z", I, B)), ONE), "(max_b z_ib) + 1", r"\left( \max_{b} z_{ib} \right) + 1"),
    (mul(Sum((I,), mul(at("X", I, A), sub(P, delta(C, Y)))), power(M, -1)), "(1/m) Σ_i X_ia (p_ic − 1{c = y_i})",
     r"\frac{1}{m} \sum_{i} X_{ia} (p_{ic} - 1\lbrace c = y_{i} \rbrace)"),
    (mul(at("W", A, C), at("lam"), num(Fraction(1, 2))), "(1/2) λ W_ac", r"\frac{1}{2} \lambda W_{ac}"),
    (mul(Sum((A,), at("u", A)), Sum((A,), at("v", A))), "(Σ_a u_a) Σ_a v_a", r"\left( \sum_{a} u_{a} \right) \sum_{a} v_{a}"),
    (Sum((I, A), add(at("X", I, A), ONE)), "Σ_{i,a} (X_ia + 1)", r"\sum_{i,a} (X_{ia} + 1)"),
    (power(at("W", A, C), 2), "W_ac²", "W_{ac}^{2}"),
    (power(add(X, ONE), Fraction(1, 2)), "√(x + 1)", r"\sqrt{x + 1}"),
    (power(add(X, ONE), -2), "1 / (x + 1)²", r"\frac{1}{(x + 1)^{2}}"),
    (power(power(X, Fraction(1, 2)), 3), "(√x)³", r"\sqrt{x}^{3}"),
    (power(div(ONE, X), 2), "(1/x)²", None),
    (div(div(X, at("t")), add(X, ONE)), "x / (t (x + 1))", r"\frac{x}{t (x + 1)}"),
    (sub(at("t"), Mul((num(-1), sub(at("u"), at("v"))))), "t + u − v", "t + u - v"),
    (sub(at("t"), sub(at("u"), at("v"))), "t − (u − v)", "t - (u - v)"),
    (mul(X, Mul((num(-1), at("t")))), "−x t", "-x t"),
    (num(Fraction(-3, 4)), "−3/4", r"-\frac{3}{4}"),
    (mul(num(2), num(3), X), "2 · 3 x", r"2 \cdot 3 x"),
    (mul(num(2), Iverson(">", X)), "2 · 1{x > 0}", r"2 \cdot 1\lbrace x > 0 \rbrace"),
    (Iverson(">", sub(at("s", I, J), at("s", I, L))), "1{s_ij > s_il}", r"1\lbrace s_{ij} > s_{il} \rbrace"),
    (Iverson(">=", neg(X)), "1{x ≤ 0}", r"1\lbrace x \leq 0 \rbrace"),
    (Iverson("=", X), "1{x = 0}", r"1\lbrace x = 0 \rbrace"),
    (Delta(I, add(S, ONE)), "1{i = s + 1}", r"1\lbrace i = s + 1 \rbrace"),
    (fn("logistic", at("eta", I)), "σ(η_i)", r"\sigma(\eta_{i})"),
    (mul(fn("log", X), at("w", I)), "(log x) w_i", r"(\log x) w_{i}"),
    (fn("max", X, num(0)), "max(x, 0)", r"\max(x, 0)"),
    (fn("abs", sub(X, at("t"))), "|x − t|", "|x - t|"),
    (fn("log1p", X), "log(1 + x)", r"\log(1 + x)"),
    (fn("pow", X, at("gamma")), "x^γ", r"x^{\gamma}"),
    (fn("softplus", X), "softplus(x)", r"\mathrm{softplus}(x)"),
    (Stop(X), "stop(x)", r"\mathrm{stop}(x)"),
    (at("W1", A, C), "W₁_ac", "{W_{1}}_{ac}"),
    (at("z'", I, C), "z′_ic", "{z'}_{ic}"),
    (at("w_out", A), "w_out[a]", r"{w_{\mathrm{out}}}_{a}"),
    (mul(at("loss"), at("scale")), "loss scale", r"\mathrm{loss}\thinspace \mathrm{scale}"),
    (mul(Const("pi"), X), "π x", r"\pi x"),
    (Poly(frozenset({(Mono(frozenset({(X, Fraction(2))})), Fraction(-3)), (Mono(frozenset()), Fraction(5))})),
     "5 − 3 x²", "5 - 3 x^{2}"),
    (Where(Iverson(">", X), X, num(0)), "{x if x > 0; 0 otherwise}",
     r"\begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}"),
]


@pytest.mark.parametrize("expr, text, latex", TABLE, ids=[row[1] for row in TABLE])
def test_formulas(expr: Expr, text: str, latex: str | None) -> None:
    assert render.expression(expr) == text
    found = render.expression(expr, "latex")
    assert latex is None or found == latex
    if "cases" not in found:  # which this parser does not know
        MathTextParser("path").parse(f"${found}$")
    assert ElementTree.fromstring(render.expression(expr, "mathml")).tag.endswith("math")
    assert render.expression(expr, "ascii").isascii()


def test_mathml_says_what_the_text_says() -> None:
    found = render.expression(div(fn("exp", Z), TOTAL), "mathml")
    assert found == (
        '<math xmlns="http://www.w3.org/1998/Math/MathML" displaystyle="true">'
        "<mfrac><msup><mi>e</mi><msub><mi>z</mi><mrow><mi>i</mi><mi>c</mi></mrow></msub></msup>"
        '<mrow><munder><mo movablelimits="true" largeop="true" lspace="0" rspace="0.1em">∑</mo><mi>b</mi></munder>'
        '<mspace width="0.17em"></mspace>'
        "<msup><mi>e</mi><msub><mi>z</mi><mrow><mi>i</mi><mi>b</mi></mrow></msub></msup></mrow></mfrac></math>")


@pytest.mark.parametrize("name, base, low, primes", [
    ("lam", "λ", "", 0), ("lambda_", "λ", "", 0), ("Sigma", "Sigma", "", 0), ("W1", "W", "1", 0),
    ("W_2'", "W", "2", 1), ("b_hid", "b", "hid", 0),
    ("dz", "dz", "", 0), ("sigma2", "σ", "2", 0), ("_", "_", "", 0), ("x2y", "x2y", "", 0), ("Σ", "Sigma", "", 0)])
def test_spelling(name: str, base: str, low: str, primes: int) -> None:
    assert (spell(name).base, spell(name).sub, spell(name).primes) == (base, low, primes)


def test_no_letter_or_mark_is_mistaken_for_a_users_name() -> None:
    assert render.expression(Sum((I,), at("i", I))) == "Σ_j i_j"
    assert render.expression(Sum((I,), mul(at("u", I), at("i", I), at("j"))), names=("k",)) == "Σ_l j u_l i_l"
    assert render.expression(mul(at("e"), fn("exp", X))) == "e exp(x)"
    assert render.expression(mul(at("delta"), delta(J, L))) == "δ · 1{j = l}"
    assert render.expression(mul(at("sigma"), fn("logistic", X))) == "σ logistic(x)"
    assert render.expression(add(at("lam"), at("lambda"), at("λ"))) == "λ + lambda + λ′"
    assert render.expression(mul(at("m"), M)) == "m size_m"


def test_two_indices_of_one_name_get_two_letters() -> None:
    inner, outer = fresh(Index("i", M, 0)), fresh(Index("i", M, 0))
    assert render.expression(Sum((outer,), mul(at("u", outer), Sum((inner,), at("G", outer, inner))))) == "Σ_i u_i Σ_j G_ij"
    assert render.expression(add(Sum((outer,), at("u", outer)), Sum((inner,), at("u", inner)))) == "Σ_i u_i + Σ_i u_i"


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(BadInput, match="there is no form 'pdf'"):
        render.expression(ONE, "pdf")


@pytest.mark.parametrize("latex, text", [
    (r"\frac{\partial}{\partial x}\frac{u}{v} = \frac{u'\,v - u\,v'}{v^2}", "∂/∂x (u / v) = (u′ v − u v′) / v²"),
    (r"\sum_i \delta_{ij}\,u_i = u_j", "Σ_i δ_ij u_i = u_j"), (r"|u|' = (2\cdot 1\{u\ge 0\}-1)\,u'", "|u|′ = (2 · 1{u ≥ 0} − 1) u′"),
    (r"X^\top (P - Y)/m + \lambda W", "X^⊤(P − Y) / m + λ W"), (r"u \text{ if } v > 0", "u if v > 0")])
def test_statements_are_read(latex: str, text: str) -> None:
    assert unicode_text(read_latex(latex)) == text


@pytest.mark.parametrize("latex, problem", [
    (r"\overbrace{u}", "overbrace is not known"), (r"\frac{u}{", "} expected"), ("u)", "nothing opens"),
    (r"\left( u", "right expected"), ("{u", "} expected")])
def test_statements_that_cannot_be_read(latex: str, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        read_latex(latex)


# ------------------------------------------------------------------------------------------- stories

STATEMENTS = {
    "quotient rule": ("the derivative of a quotient.", r"\frac{\partial}{\partial x}\frac{u}{v} = \frac{u'\,v - u\,v'}{v^2}"),
    "fold": ("a fraction that has a name is written by its name.", ""),
    "odd_rule": ("known & <used> only in TeX.", r"\overbrace{u}^{n}"),
}
EXTRAS = (("In matrix form", "latex", r"\frac{1}{m} X^\top (P - Y) + \lambda W"), ("In matrix form", "text", "Xᵀ(P − Y)/m + λW"),
          ("As NumPy", "python", "Q[np.arange(m), y] -= 1\nif 1 < 2: pass  # ½ λ & co."))
SOURCE = "def loss(W, X, y, lam):\n    return 0.5 * lam  # ½ λ Σ W², 50 % & <more>\n"


def softmax() -> Story:
    """The gradient of the softmax classifier, by hand."""
    arguments = (Argument("W", (D, K)), Argument("X", (M, D)), Argument("y", (M,), "int"), Argument("lam", ()))
    weights = mul(num(Fraction(1, 2)), at("lam"), Sum((A, C), power(at("W", A, C), 2)))
    definitions = (
        Definition("z", (I, C), Sum((A,), mul(at("X", I, A), at("W", A, C))), meaning="the scores"),
        Definition("p", (I, C), div(fn("exp", Z), TOTAL), meaning="the probabilities"),
        Definition("loss", (), add(mul(power(M, -1), Sum((I,), neg(fn("log", at("p", I, Y))))), weights)),
    )
    zj, zl = fn("exp", at("z", I, J)), fn("exp", at("z", I, L))
    quotient = div(sub(mul(delta(J, L), zj, TOTAL), mul(zj, zl)), power(TOTAL, 2))
    folded = mul(at("p", I, J), sub(delta(J, L), at("p", I, L)))
    where = "How p depends on z"
    steps = (Step("quotient rule", div(zj, TOTAL), quotient, where), Step("fold", quotient, folded, where, "by `p`"),
             Step("quotient rule", folded, folded, where))
    cases = ((delta(J, L), mul(at("p", I, J), sub(ONE, at("p", I, J)))), (sub(ONE, delta(J, L)), neg(mul(at("p", I, J), at("p", I, L)))))
    left, start = Partial(at("p", I, J), at("z", I, L)), Partial(div(zj, TOTAL), at("z", I, L))
    jacobian = Section(where, "One score moves them all: 100 % of `p`.", left, start, steps, cases)
    residual = sub(P, delta(C, Y))
    odd = Section("Odd & ends", "", None, residual, (Step("odd_rule", residual, residual, "Odd & ends"),))
    gradient = add(mul(power(M, -1), Sum((I,), mul(at("X", I, A), residual))), mul(at("lam"), at("W", A, C)))
    return Story(
        Source("loss", SOURCE, None, arguments), "gradient", "W", definitions, (Definition("dz", (I, C), div(residual, M), "cotangent"),),
        Definition("dW", (A, C), gradient, "result"), (jacobian, odd),
        (Assumption("labels are in range", Iverson(">=", Y)), Assumption("sizes ≥ 1")), ("0.5 is read as 1/2",), ((Sum((C,), P), ONE),))


def test_the_text_of_a_story() -> None:
    shown = render.text(softmax(), STATEMENTS, EXTRAS)
    for line in (
        "The gradient of loss with respect to W",
        "  z_ic = Σ_a X_ia W_ac             the scores",
        "  p_ic = e^{z_ic} / Σ_b e^{z_ib}   the probabilities",
        "  ∂p_ij/∂z_il = ∂/∂z_il (e^{z_ij} / Σ_b e^{z_ib})",
        "              = (δ_jl e^{z_ij} Σ_b e^{z_ib} − e^{z_ij} e^{z_il}) / (Σ_b e^{z_ib})²   [quotient rule]",
        "  ∂p_ij/∂z_il = ⎧ p_ij (1 − p_ij)   if j = l",
        "                ⎩ −p_ij p_il        if j ≠ l",
        "      ∂/∂x (u / v) = (u′ v − u v′) / v²",
        "      \\overbrace{u}^{n}",
        "  ∂loss/∂W_ac = (1/m) Σ_i X_ia (p_ic − 1{c = y_i}) + λ W_ac",
        "  • labels are in range: y_i ≥ 0",
        "    Xᵀ(P − Y)/m + λW",
        "  Σ_c p_ic = 1",
    ):
        assert line in shown.splitlines(), line
    assert shown.count("the derivative of a quotient.") == 1
    assert "c, b, j, l  each run over 0, 1, …, k − 1" in shown


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_lines_keep_to_the_width(width: int) -> None:
    story = softmax()
    long = add(*(mul(at("lam"), at("X", I, A), power(at("W", A, C), exponent)) for exponent in range(1, 15)))
    section = Section("Long", "word " * 60, Partial(at("loss"), at("W", A, C)), long, (Step("fold", long, power(long, 2), "Long"),))
    lines = render.text(Story(*list(vars(story).values())[:6], (section,)), STATEMENTS, width=width).splitlines()
    formulas = [line for line in lines if "def " not in line and "return" not in line and "[" not in line]
    assert max(map(len, formulas)) <= width
    whole = re.sub(r"\s+", " ", " ".join(lines))
    assert "λ X_ia W_ac¹³ + λ X_ia W_ac¹⁴" in whole


def test_colour_changes_nothing_but_colour() -> None:
    plain, inked = render.text(softmax(), STATEMENTS), render.text(softmax(), STATEMENTS, colour=True)
    assert "\x1b[" in inked
    assert re.sub(r"\x1b\[\d+m", "", inked) == plain


def test_the_html_of_a_story() -> None:
    page = render.html(softmax(), STATEMENTS, EXTRAS)
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))
    mathml = "{http://www.w3.org/1998/Math/MathML}"
    assert len(list(root.iter(f"{mathml}math"))) > 30
    assert len(list(root.iter(f"{mathml}mtr"))) == 2
    assert "prefers-color-scheme:dark" in page
    assert not re.findall(r"<script|<link|<img|@import|url\(|(?:src|href)=", page)
    assert set(re.findall(r"https?://[^\"\s]+", page)) == {"http://www.w3.org/1998/Math/MathML", "http://www.w3.org/1999/xhtml"}
    fragment = render.html(softmax(), STATEMENTS, EXTRAS, standalone=False)
    assert ElementTree.fromstring(f"<div>{fragment}</div>")[1].tag == "article"


def _formulas(latex: str) -> list[str]:
    """Every formula of a document, without alignment marks."""
    words = re.sub(r"\$\$.*?\$\$|\\begin\{verbatim\}.*?\\end\{verbatim\}", "", latex, flags=re.DOTALL)
    inline = re.findall(r"(?<![\\$])\$([^$]+)\$(?!\$)", words)
    blocks = re.findall(r"\\begin\{align(?:ed|\*)\}(.*?)\\end\{align(?:ed|\*)\}", latex, re.DOTALL)
    plain = [re.sub(r"\\begin\{cases\}|\\end\{cases\}", "", block) for block in blocks]
    rows = [part for block in plain for row in block.split(r"\\") for part in row.split("&")]
    return [formula.strip() for formula in (*inline, *rows) if formula.strip()]


@pytest.mark.parametrize("form", [render.latex, render.markdown])
def test_every_formula_of_a_story_parses(form: Callable[..., str]) -> None:
    shown = form(softmax(), STATEMENTS, EXTRAS)
    formulas = _formulas(shown.partition(r"\begin{document}")[2] or shown)
    assert len(formulas) > 30
    for formula in formulas:
        if "overbrace" not in formula:
            MathTextParser("path").parse(f"${formula}$")


def test_the_latex_of_a_story_is_balanced_and_escaped() -> None:
    document = render.latex(softmax(), STATEMENTS, EXTRAS)
    begun, ended = re.findall(r"\\begin\{(\w+\*?)\}", document), re.findall(r"\\end\{(\w+\*?)\}", document)
    assert sorted(begun) == sorted(ended)
    assert r"100 \% of \texttt{p}" in document
    assert r"\section*{Odd \& ends}" in document
    for char in "½λΣ²":  # they stand in the source, which is shown as it is
        assert f"\\DeclareUnicodeCharacter{{{ord(char):04X}}}" in document
    fragment = render.latex(softmax(), STATEMENTS, EXTRAS, standalone=False)
    assert "documentclass" not in fragment
    assert fragment.strip() in document


def test_a_notebook_gets_markdown_and_text() -> None:
    bundle = render.mimebundle(softmax(), STATEMENTS, iter(EXTRAS))
    assert bundle["text/markdown"] == render.markdown(softmax(), STATEMENTS, EXTRAS)
    assert bundle["text/plain"] == render.text(softmax(), STATEMENTS, EXTRAS)
    assert "$$\n\\frac{1}{m} X^\\top (P - Y) + \\lambda W\n$$" in bundle["text/markdown"]


# ------------------------------------------------------------------------------------------- through the whole engine


@pytest.mark.parametrize(("value", "shown", "tex"), [
    (Fraction(8943, 200000), "0.044715 x", r"0.044715"), (Fraction(1, 100000), "10⁻⁵ · x", "10^{-5}"), (Fraction(-(10**9)), "−10⁹ · x", "-10^{9}"),
    (Fraction(3, 20_000_000), "1.5 · 10⁻⁷ · x", r"1.5 \cdot 10^{-7}"), (Fraction(1, 10000), "(1/10000) x", r"\frac{1}{10000}"),
    (Fraction(1, 1_000_003), "(1/1000003) x", r"\frac{1}{1000003}"), (Fraction(1, 262144), "(1/262144) x", r"\frac{1}{262144}"),
    (Fraction(12345678901, 100000), "123456.78901 x", "123456.78901"),
])
def test_long_numbers_are_decimals_where_they_end(value: Fraction, shown: str, tex: str) -> None:
    assert render.expression(mul(num(value), at("x"))) == shown
    assert render.expression(num(value), "latex") == tex
    assert render.expression(mul(num(value.numerator), num(Fraction(1, value.denominator)), at("x"))) == shown


def test_a_power_of_ten_keeps_its_place() -> None:
    small = num(Fraction(1, 100000))
    assert render.expression(add(at("x"), small)) == "x + 10⁻⁵"
    assert render.expression(power(mul(small, at("x")), 2)) == "(10⁻⁵ · x)²"
    assert render.expression(mul(small, power(at("x"), -1)), "ascii") == "10^-5 / x"
    assert render.expression(power(at("x"), 12), "ascii") == "x^12"


def gelu(x):
    return jnp.sum(0.5 * x * (1 + jnp.tanh(0.7978845608 * (x + 0.044715 * x**3))))


def test_literals_look_as_they_were_written() -> None:
    shown = derive.gradient(gelu, "x", {"x": "n"}).part("Definitions").text()
    assert "0.7978845608 (x_i + 0.044715 x_i³)" in shown
    whole = derive.gradient(gelu, "x", {"x": "n"}).text().partition("Conventions")[0]
    assert not re.search(r"(?<![\d.])\d{7,} · ", whole)


def test_the_legend_of_the_matrix_form_is_a_paragraph() -> None:
    d = derive.gradient(losses.loss, "W", losses.SHAPES)
    legend = d.matrix().legend
    assert legend
    page, web, paper = d.markdown(), d.html(standalone=False), d.latex()
    assert f"letters\n\n{legend}\n" in page
    assert f"<p>{legend}</p>" in web
    assert not any(legend in block for block in re.findall(r"```.*?```", page, re.DOTALL))
    assert not any("one-hot" in block for block in re.findall(r"begin.verbatim.*?end.verbatim", paper, re.DOTALL)[1:])
    assert "one-hot matrix" in re.sub(r"\s+", " ", d.text())


def test_no_step_looks_as_the_one_before_it() -> None:
    x = at("x")
    hidden, last = Step("algebra", x, x, "T"), Step("fold", x, power(x, 2), "T", "note")
    for steps, tags in (((hidden, last), "[algebra, fold] note"), ((last, Step("algebra", power(x, 2), power(x, 2), "T")), "[fold, algebra] note")):
        shown = render.text(replace(softmax(), sections=(Section("T", "", at("y"), x, steps),)))
        assert f"  y = x\n    = x²   {tags}\n" in shown


@pytest.mark.parametrize("wrt", ["W", "X"])
def test_a_rule_stands_behind_its_formula_where_a_term_can_move_down(wrt: str) -> None:
    shown = derive.gradient(losses.loss, wrt, losses.SHAPES).text()
    assert not re.search(r"^ {8}\[", shown, re.MULTILINE)
    assert max(map(len, shown.partition("As NumPy")[0].splitlines())) <= 100


def test_the_rules_of_names_are_stated_in_symbols() -> None:
    shown = derive.gradient(losses.loss, "W", losses.SHAPES).text()
    for line in ("dz_j = p_j − t_j ⇒ x dz_j = x (p_j − t_j)", "∂ (u / v) = ((∂u) v − u ∂v) / v²",
                 "p_j = e^{z_j} / (Σ_b e^{z_b}) ⇒ (u e^{z_j}) / (Σ_b e^{z_b}) = u p_j"):
        assert f"      {line}" in shown.splitlines(), line


# ------------------------------------------------------------------------------------------- proofs


def test_a_proof_says_what_its_names_are() -> None:
    lines = str(derive.prove(losses.row_sums, losses.ones, {"z": "m k"})).splitlines()
    start = lines.index("The value of row_sums")
    assert lines[start + 1 : start + 3] == ["  e_ic = exp(z_ic − max_j z_ij)", "  row_sums[i] = Σ_c e_ic / Σ_j e_ij"]


def test_a_proof_defines_what_each_side_needs() -> None:
    text = str(derive.prove(losses.loss, losses.with_log_softmax, losses.SHAPES))
    first, _, second = text.partition("The value of with_log_softmax")
    assert all(f"\n  {name} = " in first for name in ("z_ic", "f_ic", "p_ic", "loss"))
    assert "\n  scores_ic = " in second
    assert "\n  p_ic = " not in second


def test_two_functions_of_one_name_are_told_apart() -> None:
    def twice(x):
        return x + x
    first = twice

    def twice(x):
        return 2 * x
    text = str(derive.prove(first, twice, {"x": "n"}))
    assert text.startswith("the first twice = the second twice: proved")
    assert "The value of twice, the second" in text
