"""The form of results: what a lecturer would write, term by term and sum by sum, whatever the letters of the indices are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
from layers import LAYERS

import derive
from derive import render
from derive.calculus.measure import Measure, final, measure
from derive.evaluate import Evaluator
from derive.index import Const, Expr, mul, num
from derive.rules.constants import WELL_KNOWN, well_known

CLASSIFIER = {"W": "d k", "X": "m d", "y": "int m"}
SOFT = {"W": "d k", "X": "m d", "y": "m k"}
NORM = {"x": "m d", "gamma": "d", "beta": "d", "eps": ""}
LAYER = {function.__name__: (function, shapes) for function, shapes in reversed(LAYERS)}
EACH_SUM = "sum(y, axis=-1) == 1"


def bare(expr: Expr, notation: render.Notation) -> str:
    """The formula without its indices."""
    return re.sub(r"_(\{[^{}]*\}|[A-Za-z0-9′]+)|\[[^\]]*\]", "", render.expression(expr, notation=notation))


def form(d: Any) -> str:
    return bare(final(d.story), d._notation)


def named(d: Any, name: str) -> str:
    """The form of a derivative that has a name of its own."""
    return bare(next(c.body for c in d.story.cotangents if c.name == name), d._notation)


# ------------------------------------------------------------------------------------------- softmax


def by_hand(W, X, y):
    z = X @ W
    z = z - jnp.max(z, axis=1, keepdims=True)
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    return -jnp.mean(jnp.log(p[jnp.arange(X.shape[0]), y]))


def by_jax_nn(W, X, y):
    p = jax.nn.softmax(X @ W)
    return -jnp.mean(jnp.log(p[jnp.arange(X.shape[0]), y]))


def by_logsumexp(W, X, y):
    z = X @ W
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(X.shape[0]), y])


def by_log_softmax(W, X, y):
    lp = jax.nn.log_softmax(X @ W)
    return -jnp.mean(lp[jnp.arange(X.shape[0]), y])


def by_one_hot(W, X, y):
    return -jnp.sum(jax.nn.one_hot(y, W.shape[1]) * jax.nn.log_softmax(X @ W)) / X.shape[0]


def by_take_along_axis(W, X, y):
    z = X @ W
    lp = z - jax.nn.logsumexp(z, axis=1, keepdims=True)
    return -jnp.mean(jnp.take_along_axis(lp, y[:, None], axis=1))


def soft_labels(W, X, y):
    p = jax.nn.softmax(X @ W)
    return -jnp.sum(y * jnp.log(p)) / X.shape[0]


def soft_labels_inline(W, X, y):
    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(X @ W), axis=-1))


# ------------------------------------------------------------------------------------------- normalisers


def batch_norm_steps(x, gamma, beta, eps):
    mu = 1 / x.shape[0] * jnp.sum(x, axis=0)
    xmu = x - mu
    sq = xmu**2
    var = 1 / x.shape[0] * jnp.sum(sq, axis=0)
    sqrtvar = jnp.sqrt(var + eps)
    ivar = 1 / sqrtvar
    xhat = xmu * ivar
    return gamma * xhat + beta


def batch_norm_moments(x, gamma, beta, eps):
    mu = x.mean(0)
    var = (x**2).mean(0) - mu**2
    return gamma * (x - mu) * jax.lax.rsqrt(var + eps) + beta


def batch_norm_inline(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / jnp.sqrt(x.var(0) + eps) + beta


def layer_norm_named(x, gamma, beta, eps):
    mu = jnp.mean(x, axis=-1, keepdims=True)
    sigma = jnp.sqrt(jnp.var(x, axis=-1, keepdims=True) + eps)
    xhat = (x - mu) / sigma
    return gamma * xhat + beta


def standardize(x):
    return jax.nn.standardize(x, axis=-1)


def standardized_whole(x):
    return (x - x.mean()) / x.std()


def weight_norm(v, g, x):
    return x @ (g * v / jnp.sqrt(jnp.sum(v**2, axis=0)))


def normalised_regression(x, W, g, t):
    h = g * (x - x.mean(0)) / jnp.sqrt(x.var(0) + 1e-5)
    return jnp.mean((h @ W - t) ** 2)


def unit_rows(x):
    return x / jnp.sqrt(jnp.sum(x * x, axis=1, keepdims=True))


# ------------------------------------------------------------------------------------------- activations and gates


def gelu(x):
    return 0.5 * x * (1 + jax.scipy.special.erf(x / jnp.sqrt(2.0)))


def gelu_by_distribution(x):
    return x * jax.scipy.stats.norm.cdf(x)


def geglu(x, W, V):
    return jax.nn.gelu(x @ W, approximate=False) * (x @ V)


def swish(x):
    return x / (1 + jnp.exp(-x))


def lstm(x, c, wi, wf, wo, wg):
    i, f, o = jax.nn.sigmoid(x @ wi), jax.nn.sigmoid(x @ wf), jax.nn.sigmoid(x @ wo)
    g = jnp.tanh(x @ wg)
    cell = f * c + i * g
    return o * jnp.tanh(cell)


# ------------------------------------------------------------------------------------------- second derivatives


def softmax(z):
    return jax.nn.softmax(z)


def softmax_steps(z):
    e = jnp.exp(z)
    return e / e.sum()


def cross_entropy(z, y):
    return -jnp.sum(y * jnp.log(jax.nn.softmax(z)))


def picked(z, y):
    return jax.nn.logsumexp(z) - z[y]


def logistic(w, X, y):
    s = jax.nn.sigmoid(X @ w)
    return -jnp.sum(y * jnp.log(s) + (1 - y) * jnp.log(1 - s))


@dataclass(frozen=True)
class Form:
    """A derivation and the form of its result, of the derivatives with a name, and the names introduced."""

    ask: Callable[..., Any]
    function: Callable[..., Any]
    wrt: str
    shapes: Any
    form: str
    introduced: Any
    cotangents: tuple[tuple[str, str], ...] = ()
    assume: tuple[str, ...] = ()


BATCH = "γ (m dout − Σ dout − xhat Σ dout xhat) / (m σ)"
ROWS = "(d dxhat − Σ dxhat − xhat Σ dxhat xhat) / (d σ)"
SCORES = (("ds", "p (dp − Σ dp p)"), ("dp", "Σ dout v"))
LSTM = {"x": "n d", "c": "n h", **dict.fromkeys(("wi", "wf", "wo", "wg"), "d h")}
GATES = (("du", "dcell g i (1 − i)"), ("dv", "c dcell f (1 − f)"), ("ds", "dout o (tanh cell) (1 − o)"), ("dt", "dcell i (1 − g²)"))
LOGISTIC = {"w": "d", "X": "m d", "y": "m"}

FORMS = (
    *(Form(derive.gradient, f, "W", CLASSIFIER, "(1/m) Σ X (p − 1{c = y})", n) for f, n in (
        (by_hand, 0), (by_jax_nn, 1), (by_logsumexp, 1), (by_log_softmax, 2), (by_one_hot, 2), (by_take_along_axis, 1))),
    Form(derive.gradient, soft_labels, "W", SOFT, "(1/m) Σ X (p Σ y − y)", 1),
    Form(derive.gradient, soft_labels, "W", SOFT, "(1/m) Σ X (p − y)", 1, assume=(EACH_SUM,)),
    Form(derive.gradient, soft_labels_inline, "W", SOFT, "(1/m) Σ X (p Σ y − y)", 2),
    Form(derive.gradient, soft_labels_inline, "W", SOFT, "(1/m) Σ X (p − y)", 2, assume=(EACH_SUM,)),
    *(Form(derive.vjp, f, "x", NORM, BATCH, n) for f, n in ((LAYER["batch_norm"][0], 3), (batch_norm_moments, 2), (batch_norm_inline, 3))),
    Form(derive.vjp, batch_norm_steps, "x", NORM, "γ ivar (m dout − Σ dout − xhat Σ dout xhat) / m", 0),
    Form(derive.vjp, LAYER["layer_norm"][0], "x", NORM, ROWS, 4, (("dxhat", "γ dout"),)),
    Form(derive.vjp, layer_norm_named, "x", NORM, ROWS, 2, (("dxhat", "γ dout"),)),
    Form(derive.vjp, standardize, "x", {"x": "n d"}, "(d dout − Σ dout − standardize Σ dout standardize) / (d σ)", 2),
    Form(derive.vjp, LAYER["spatial_batch_norm"][0], "x", LAYER["spatial_batch_norm"][1],
         "γ (h n w dout − Σ dout − xhat Σ dout xhat) / (h n w σ)", 3),
    Form(derive.vjp, LAYER["group_norm"][0], "x", {"x": "n 2*q", "gamma": "2*q", "beta": "2*q", "eps": ""},
         "(q dxhat − Σ dxhat − xhat Σ dxhat xhat) / (q σ)", 4, (("dxhat", "γ dout"),)),
    Form(derive.vjp, LAYER["rms_norm"][0], "x", LAYER["rms_norm"][1], "(dxhat − (xhat / d) Σ dxhat xhat) / r", 3, (("dxhat", "γ dout"),)),
    Form(derive.vjp, standardized_whole, "x", {"x": "m d"},
         "(d m dout − Σ dout − standardized Σ dout standardized) / (d m σ)", 2),
    Form(derive.vjp, weight_norm, "v", {"v": "d k", "g": "k", "x": "n d"}, "(dvhat − vhat Σ dvhat vhat) / r", 3, (("dvhat", "g Σ dout x"),)),
    Form(derive.gradient, normalised_regression, "x", {"x": "m d", "W": "d k", "g": "d", "t": "m k"},
         "(m dxhat − Σ dxhat − xhat Σ dxhat xhat) / (k m² σ)", ..., (("dxhat", "g dh"), ("dh", "Σ W dv"))),
    Form(derive.vjp, unit_rows, "x", {"x": "n d"}, "(dout − unit Σ dout unit) / r", 1),
    *(Form(derive.vjp, LAYER[name][0], "q", LAYER[name][1], "(1/√d) Σ p (dp − Σ dp p) k", 2, SCORES)
      for name in ("attention", "batched_attention", "causal_attention")),
    Form(derive.vjp, LAYER["attention"][0], "k", LAYER["attention"][1], "(1/√d) Σ p (dp − Σ dp p) q", 2, SCORES),
    Form(derive.vjp, LAYER["attention"][0], "v", LAYER["attention"][1], "Σ dout p", 1),
    *(Form(derive.vjp, f, "x", {"x": "n d"}, "dout (Φ + φ x)", 2) for f in (gelu, gelu_by_distribution, LAYER["gelu_exact"][0])),
    Form(derive.vjp, LAYER["gelu"][0], "x", {"x": "n d"}, "(1/2) dout (1 + tanh u) + √2 du (1 + 0.134145 x²) / √π", 2,
         (("du", "(1/2) dout x (1 − (tanh u)²)"),)),
    Form(derive.vjp, LAYER["silu"][0], "x", {"x": "n d"}, "dout σ(x) (1 + x (1 − σ(x)))", 0),
    Form(derive.vjp, geglu, "W", {"x": "m d", "W": "d h", "V": "d h"}, "Σ dout v x (Φ + φ u)", 4),
    Form(derive.vjp, swish, "x", {"x": "n d"}, "dout s (1 + x (1 − s))", 1),
    Form(derive.vjp, lstm, "x", LSTM, "Σ (ds wo + dt wg + du wi + dv wf)", 9, GATES),
    Form(derive.jacobian, softmax, "z", {"z": "k"}, "softmax (δ − softmax)", 0),
    Form(derive.jacobian, softmax_steps, "z", {"z": "k"}, "softmax (δ − softmax)", 0),
    Form(derive.hessian, cross_entropy, "z", {"z": "k", "y": "k"}, "p (δ − p) Σ y", 1),
    Form(derive.hessian, cross_entropy, "z", {"z": "k", "y": "k"}, "p (δ − p)", 1, assume=("sum(y) == 1",)),
    Form(derive.hessian, picked, "z", {"z": "k", "y": "int"}, "p (δ − p)", 1),
    Form(derive.hessian, logistic, "w", LOGISTIC, "Σ s X X (1 − s)", 1),
)
EACH = pytest.mark.parametrize("case", FORMS, ids=lambda case: f"{case.function.__name__}-{case.wrt}{'-assumed' * bool(case.assume)}")


@EACH
def test_the_form_is_that_of_a_textbook(case: Form) -> None:
    d = case.ask(case.function, case.wrt, case.shapes, assume=case.assume)
    assert form(d).replace("1 / √", "1/√") == case.form
    assert {name: named(d, name) for name, _ in case.cotangents} == dict(case.cotangents)
    found = measure(d.story)
    assert found.sums == case.form.count("Σ") and case.introduced in (found.introduced, ...)
    assert found.operations <= (40 if case.function.__name__ == "group_norm" else 15)
    assert all(text in " ".join(d.assumptions) for text in case.assume)


@pytest.mark.parametrize("function", [batch_norm_steps, batch_norm_moments, batch_norm_inline, layer_norm_named], ids=lambda f: f.__name__)
@pytest.mark.parametrize("sizes", [{"m": 3, "d": 2}, {"m": 1, "d": 4}, {"m": 5, "d": 1}], ids=str)
def test_a_norm_is_pulled_back_as_jax_does(function: Callable[..., Any], sizes: dict[str, int]) -> None:
    program = derive.trace.read(function, NORM)
    arrays = {name: abs(value) + 0.2 if name == "eps" else value for name, value in oracle.draw(program, sizes).items()}
    dout = np.random.default_rng(3).normal(size=(sizes["m"], sizes["d"]))
    expected = oracle.pulled_back(function, ("x",), arrays, dout)["x"]
    story = derive.vjp(function, "x", NORM).story
    np.testing.assert_allclose(oracle.backward(story, sizes, {**arrays, "dout": dout}), expected, rtol=1e-9, atol=1e-9)


def facts(d: Any) -> set[str]:
    return {f"{bare(left, d._notation)} = {bare(right, d._notation)}" for left, right in d.story.facts}


def test_known_sums_are_theorems_of_the_definitions() -> None:
    d = derive.vjp(LAYER["batch_norm"][0], "x", NORM)
    assert {"Σ xhat = 0", "Σ u = 0", "Σ xhat² = m var / σ²"} <= facts(d)
    assert "Σ p = 1" in facts(derive.gradient(by_logsumexp, "W", CLASSIFIER))
    rms = derive.vjp(LAYER["rms_norm"][0], "x", LAYER["rms_norm"][1])
    assert not any(fact.startswith("Σ xhat =") for fact in facts(rms))


def test_the_jacobian_of_a_standardised_value_is_told_once_with_its_cases() -> None:
    d = derive.vjp(LAYER["batch_norm"][0], "x", NORM)
    section = next(s for s in d.story.sections if s.title == "How xhat depends on x")
    assert bare(section.steps[-1].after, d._notation) == "(m δ − 1 − xhat xhat) / (m σ)"
    assert len(section.cases) == 2
    assert [s.title for s in d.story.sections].count("From L to sigma") == 0


def test_two_cases_of_the_softmax() -> None:
    d = derive.jacobian(softmax, "z", {"z": "k"})
    cases = [bare(value, d._notation) for _, value in d.story.sections[-1].cases]
    assert cases == ["softmax (1 − softmax)", "−softmax softmax"]


def test_a_maximum_that_is_no_variance_stays() -> None:
    def clipped(x):
        v = jnp.maximum(0, jnp.mean(x**2) - 1)
        return x * v
    assert "H(" in form(derive.vjp(clipped, "x", {"x": "n"}))

    def scaled(x, c):
        return x * jnp.maximum(0, c * jnp.mean(x**2))
    assert "H(" in form(derive.vjp(scaled, "x", {"x": "n", "c": ""}))


def test_a_mean_that_is_no_mean_of_all_is_no_centre() -> None:
    def off(x):
        u = x - jnp.sum(x, axis=0) / (2 * x.shape[0])
        return u / jnp.sqrt(jnp.mean(u**2, axis=0))
    d = derive.vjp(off, "x", {"x": "m d"})
    assert not any(fact.startswith("Σ u =") for fact in facts(d))
    arrays = {"x": np.random.default_rng(0).normal(size=(4, 2))}
    dout = np.random.default_rng(1).normal(size=(4, 2))
    expected = oracle.pulled_back(off, ("x",), arrays, dout)["x"]
    np.testing.assert_allclose(oracle.backward(d.story, {"m": 4, "d": 2}, {**arrays, "dout": dout}), expected, rtol=1e-9)


def test_the_measure_counts_what_is_shown() -> None:
    def f(x, w):
        return jnp.sum(jnp.tanh(x @ w))
    d = derive.gradient(f, "w", {"x": "m d", "w": "d"})
    assert form(d) == "Σ x (1 − (tanh u)²)"
    assert measure(d.story) == Measure(operations=4, sums=1, introduced=1)


def test_a_constant_that_is_spelled_out_is_said() -> None:
    d = derive.vjp(LAYER["gelu_exact"][0], "x", {"x": "n d"})
    assert "the literal 0.7071067811865476 is read as 1/√2" in d.assumptions
    for number, (name, expr) in WELL_KNOWN.items():
        exact = Evaluator({}, {}).value(expr, {})
        assert abs(float(exact) - number) <= math.ulp(number) and well_known(number) == (name, expr)
        assert well_known(math.nextafter(number, 9)) is None or math.nextafter(number, 9) in WELL_KNOWN
    assert well_known(0.7071067812) is None and well_known(-math.pi) == ("−π", mul(num(-1), Const("pi")))


def test_a_distribution_that_is_no_normal_one_keeps_its_branches() -> None:
    def other(x):
        v = x / jnp.sqrt(2.0)
        return x * jnp.where(jnp.abs(v) < 1, 1 + jax.scipy.special.erf(v), 2 - jax.scipy.special.erf(v))
    d = derive.vjp(other, "x", {"x": "n"})
    assert "1{" in form(d)


def test_a_hat_is_drawn_where_marks_can_be() -> None:
    d = derive.vjp(LAYER["layer_norm"][0], "x", NORM)
    assert r"\hat{x}_{ia}" in d.latex() and r"\mathrm{d}\hat{x}_{ia}" in d.latex()
    assert '<mover accent="true"><mi>x</mi><mo>^</mo></mover>' in d.html()


def stacked(depth: int) -> Callable[..., Any]:
    def f(x):
        h = x
        for _ in range(depth):
            h = (h - h.mean(1, keepdims=True)) / jnp.sqrt(h.var(1, keepdims=True) + 1e-5) + jnp.tanh(h)
        return jnp.sum(h**2)
    return f


def test_a_stack_of_norms_grows_linearly() -> None:
    few, many = (len(derive.gradient(stacked(depth), "x", {"x": "m d"}).story.steps) for depth in (3, 6))
    assert many <= 2.2 * few
