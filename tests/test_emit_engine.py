"""Emitted NumPy of real derivations, where the plain formula would fail in floating point: ties, guards, masks, shifts, names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn import log_softmax, one_hot, softmax

import derive

R = np.random.default_rng(0)
LABELS = np.array([0, 1, 3, 2, 2])


def shared_top(t, e):
    return jnp.sum(jnp.max(t[None] + e[:, :, None], axis=1))


def crammer_singer(s, y):
    return jnp.mean(jnp.max(s + 1 - one_hot(y, s.shape[1]), axis=1) - s[jnp.arange(s.shape[0]), y])


def crammer_singer_linear(W, X, y):
    s = X @ W
    right = s[jnp.arange(s.shape[0]), y]
    return jnp.mean(jnp.max(s + 1 - one_hot(y, s.shape[1]) - right[:, None], axis=1))


def joined(a, b):
    return jnp.sum(jnp.concatenate([a, b]) ** 3)


def bias_column(X, W, y):
    z = jnp.concatenate([X, jnp.ones((X.shape[0], 1))], axis=1) @ W
    return -jnp.mean(jnp.take_along_axis(log_softmax(z, axis=1), y[:, None], axis=1))


def weighted(c, y, z):
    return -jnp.mean(jnp.sum(c * one_hot(y, z.shape[1]) * z, 1))


def causal(s):
    n = s.shape[0]
    return jnp.sum(softmax(jnp.where(jnp.arange(n)[:, None] >= jnp.arange(n), s, -jnp.inf)) ** 2)


def both_ways(z):
    return -jnp.mean(jnp.diag(log_softmax(z, axis=1))) - jnp.mean(jnp.diag(log_softmax(z, axis=0)))


def sharpened(z):
    return jnp.sum(softmax(2 * z) ** 2)


def two_sided(e):
    return jnp.sum(jnp.logaddexp(e, -e))


def awkward(np, y):
    return jnp.sum(jnp.exp(np) * y)


CASES: list[tuple[Callable[..., Any], str, dict[str, str], dict[str, Any]]] = [
    (shared_top, "t", {"t": "k c", "e": "m k"}, {"t": R.normal(size=(4, 3)), "e": R.normal(size=(5, 4))}),
    (crammer_singer, "s", {"s": "m k", "y": "int m"}, {"s": R.normal(size=(5, 4)), "y": LABELS}),
    (crammer_singer_linear, "W", {"W": "d k", "X": "m d", "y": "int m"},
     {"W": R.normal(size=(3, 4)), "X": R.normal(size=(5, 3)), "y": LABELS}),
    (joined, "a", {"a": "n", "b": "m"}, {"a": R.normal(size=5), "b": R.normal(size=3)}),
    (joined, "b", {"a": "n", "b": "m"}, {"a": R.normal(size=1), "b": R.normal(size=3)}),
    (bias_column, "W", {"X": "m n", "W": "n+1 k", "y": "int m"},
     {"X": R.normal(size=(5, 3)), "W": R.normal(size=(4, 4)), "y": LABELS}),
    (bias_column, "X", {"X": "m n", "W": "n+1 k", "y": "int m"},
     {"X": R.normal(size=(5, 1)), "W": R.normal(size=(2, 4)), "y": LABELS}),
    (weighted, "c", {"c": "k", "y": "int m", "z": "m k"}, {"c": R.normal(size=4), "y": LABELS, "z": R.normal(size=(5, 4))}),
    (causal, "s", {"s": "n n"}, {"s": np.array([[0.0, 1000.0], [1.0, 2.0]])}),
    (both_ways, "z", {"z": "n n"}, {"z": 800 * R.normal(size=(4, 4))}),
    (sharpened, "z", {"z": "n"}, {"z": np.array([400.0, 1.0])}),
    (two_sided, "e", {"e": "n"}, {"e": np.array([800.0, -800.0, 1.0])}),
    (awkward, "np", {"np": "n", "y": "n"}, {"np": R.normal(size=3), "y": R.normal(size=3)}),
]


@pytest.mark.parametrize(("function", "wrt", "shapes", "values"), CASES, ids=[f"{case[0].__name__}-{case[1]}" for case in CASES])
def test_emitted_code_agrees_with_autodiff(function, wrt, shapes, values):
    with np.errstate(all="raise", under="ignore"):
        got = derive.gradient(function, wrt, shapes).function()(**values)
    with jax.enable_x64(True):
        want = jax.grad(lambda value: function(**{**values, wrt: value}))(jnp.asarray(values[wrt]))
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, np.asarray(want), rtol=1e-10, atol=1e-12)
