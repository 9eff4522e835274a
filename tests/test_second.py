"""Jacobians and Hessians: the textbook's formulas, and jax.jacobian and jax.hessian at unequal sizes and at size 1."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive

SETTINGS = ({"m": 3, "d": 4, "k": 5, "h": 2}, {"m": 1, "d": 1, "k": 1, "h": 1}, {"m": 2, "d": 3, "k": 2, "h": 4})


def standardised(x):
    mu = x.mean()
    sigma = jnp.sqrt(jnp.mean((x - mu) ** 2) + 1e-5)
    return (x - mu) / sigma


def normalised(x):
    r = jnp.sqrt(jnp.sum(x**2))
    return x / r


def cross_entropy(z, y):
    return jax.nn.logsumexp(z) - z[y]


def soft_cross_entropy(z, y):
    return -jnp.sum(y * jax.nn.log_softmax(z))


def of_rows(z, y):
    return -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(z.shape[0]), y])


def logistic(w, X, y):
    s = jax.nn.sigmoid(X @ w)
    return -jnp.sum(y * jnp.log(s) + (1 - y) * jnp.log(1 - s))


def softplus_logistic(w, X, y):
    return jnp.mean(jax.nn.softplus(X @ w) - y * (X @ w))


def ridge(w, X, y, lam):
    return jnp.sum((X @ w - y) ** 2) + lam * jnp.sum(w**2)


def poisson(w, X, y):
    return jnp.sum(jnp.exp(X @ w) - y * (X @ w))


def net(W, v, x):
    return jnp.tanh(W @ x) @ v


def cases(*rows):
    return {name: row for name, *row in rows}


JACOBIANS = cases(
    ("softmax", lambda z: jax.nn.softmax(z), "z", {"z": "k"}, "(KroneckerDelta(b, c) - f[c])*f[b]"),
    ("softmax of rows", lambda z: jax.nn.softmax(z, axis=1), "z", {"z": "m k"}, "KroneckerDelta(b, c) - f["),
    ("softmax of columns", lambda z: jax.nn.softmax(z, axis=0), "z", {"z": "m k"}, "KroneckerDelta"),
    ("log-softmax", lambda z: jax.nn.log_softmax(z), "z", {"z": "k"}, "KroneckerDelta(b, c) - p[b]"),
    ("normalise", normalised, "x", {"x": "d"}, "KroneckerDelta"),
    ("standardise", standardised, "x", {"x": "d"}, "standardised[a]*standardised[b]"),
    ("tanh", lambda x: jnp.tanh(x), "x", {"x": "d"}, "KroneckerDelta"),
    ("layer, weights", lambda W, x: jnp.tanh(W @ x), "W", {"W": "h d", "x": "d"}, "KroneckerDelta"),
    ("layer, input", lambda W, x: jnp.tanh(W @ x), "x", {"W": "h d", "x": "d"}, "W["),
    ("matrix product", lambda A, B: A @ B, "A", {"A": "m d", "B": "d k"}, "KroneckerDelta"),
    ("outer product", lambda u, v: jnp.outer(u, v), "u", {"u": "m", "v": "k"}, "KroneckerDelta"),
    ("cumulative sum", lambda x: jnp.cumsum(x), "x", {"x": "d"}, ">="),
    ("transpose", lambda x: x.T, "x", {"x": "m d"}, "KroneckerDelta"),
    ("sum", lambda x: jnp.sum(x**2, axis=0), "x", {"x": "m d"}, "KroneckerDelta"),
    ("scalar argument", lambda x, t: jnp.exp(t * x), "t", {"x": "d", "t": ""}, "x["),
)
HESSIANS = cases(
    ("cross-entropy", cross_entropy, "z", {"z": "k", "y": "int"}, "(KroneckerDelta(b, c) - p[c])*p[b]"),
    ("soft cross-entropy", soft_cross_entropy, "z", {"z": "k", "y": "k"}, "KroneckerDelta"),
    ("cross-entropy of rows", of_rows, "z", {"z": "m k", "y": "int m"}, "KroneckerDelta"),
    ("logistic", logistic, "w", {"w": "d", "X": "m d", "y": "m"}, "s[i]"),
    ("logistic by softplus", softplus_logistic, "w", {"w": "d", "X": "m d", "y": "m"}, "X[i, b]"),
    ("ridge", ridge, "w", {"w": "d", "X": "m d", "y": "m", "lam": ""}, "KroneckerDelta"),
    ("ridge by the strength", ridge, "lam", {"w": "d", "X": "m d", "y": "m", "lam": ""}, "0"),
    ("poisson", poisson, "w", {"w": "d", "X": "m d", "y": "m"}, "exp"),
    ("log-sum-exp", lambda x: jax.nn.logsumexp(x), "x", {"x": "d"}, "(KroneckerDelta(a, b) - p[a])*p[b]"),
    ("norm", lambda x: jnp.sqrt(jnp.sum(x**2)), "x", {"x": "d"}, "KroneckerDelta"),
    ("quartic", lambda x: jnp.sum(x**4), "x", {"x": "d"}, "12*"),
    ("cube of a sum", lambda x: jnp.sum(x) ** 3, "x", {"x": "d"}, "6*"),
    ("quadratic form", lambda x, A: x @ A @ x, "x", {"x": "d", "A": "d d"}, "A["),
    ("least squares in a matrix", lambda W, X, Y: jnp.sum((X @ W - Y) ** 2), "W", {"W": "d k", "X": "m d", "Y": "m k"}, "KroneckerDelta"),
    ("log-determinant free", lambda x: jnp.sum(jnp.log(x)), "x", {"x": "d"}, "x["),
)


def drawn(shapes, sizes, seed):
    rng = np.random.default_rng(seed)
    out = []
    for text in shapes.values():
        shape = tuple(sizes[word] for word in text.split() if word in sizes)
        out.append(rng.integers(0, sizes["k"], shape) if "int" in text.split() else rng.uniform(0.2, 1.4, shape))
    return out


@pytest.mark.parametrize(("kind", "case"), [*(("jacobian", case) for case in JACOBIANS), *(("hessian", case) for case in HESSIANS)])
def test_it_is_that_of_jax(kind, case):
    function, wrt, shapes, holds = (JACOBIANS if kind == "jacobian" else HESSIANS)[case]
    d = getattr(derive, kind)(function, wrt, shapes)
    assert holds in str(d.expr)
    run = d.function()
    for seed, sizes in enumerate(SETTINGS):
        values = drawn(shapes, sizes, seed)
        with jax.enable_x64(True):
            true = jax.jit(getattr(jax, kind)(function, list(shapes).index(wrt)))(*values)
        found = run(*values)
        assert np.shape(found) == np.shape(true)
        np.testing.assert_allclose(found, true, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize(("kind", "case"), [("jacobian", "softmax"), ("hessian", "cross-entropy"), ("jacobian", "log-softmax")])
def test_the_two_cases_are_told(kind, case):
    function, wrt, shapes, _ = (JACOBIANS if kind == "jacobian" else HESSIANS)[case]
    text = str(getattr(derive, kind)(function, wrt, shapes).part("result"))
    assert "if b = c" in text and "if b ≠ c" in text


def test_the_gradient_is_named_in_the_story_of_a_hessian():
    text = derive.hessian(logistic, "w", {"w": "d", "X": "m d", "y": "m"}).text()
    assert "∂logistic/∂w" in text and text.startswith("The second derivatives of logistic with respect to w")


def test_mixed_blocks():
    shapes = {"W": "h d", "v": "h", "x": "d"}
    found = derive.hessian(net, (0, "v"), shapes)
    values = drawn(shapes, SETTINGS[0], 0)
    with jax.enable_x64(True):
        true = jax.jit(jax.hessian(net, (0, 1)))(*values)
    for row, first in zip(("W", "v"), true):
        for column, block in zip(("W", "v"), first):
            d = found[row][column]
            np.testing.assert_allclose(d.function()(*values), block, rtol=1e-9, atol=1e-12)
            assert d.story.wrt_all == ((row,) if row == column else (row, column))


def test_a_hessian_needs_a_scalar():
    with pytest.raises(derive.BadInput, match="returns an array"):
        derive.hessian(jnp.tanh, "x", {"x": "n"})


@pytest.mark.parametrize(("kind", "case", "text"), [
    ("jacobian", "softmax", "diag(f) − ffᵀ"), ("hessian", "cross-entropy", "diag(p) − ppᵀ"), ("hessian", "logistic", "Xᵀ diag(s ⊙ (1 − s))X"),
    ("hessian", "ridge", "2λI + 2XᵀX"), ("jacobian", "normalise", "(I − normalised normalisedᵀ)/r"), ("jacobian", "tanh", "diag(1 − (f ⊙ f))"),
    ("hessian", "log-sum-exp", "diag(p) − ppᵀ"), ("jacobian", "log-softmax", "I − 1pᵀ")])
def test_the_textbooks_matrices(kind, case, text):
    function, wrt, shapes, _ = (JACOBIANS if kind == "jacobian" else HESSIANS)[case]
    assert getattr(derive, kind)(function, wrt, shapes).matrix().text == text
