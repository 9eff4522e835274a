"""What a size is called, and which letters its indices therefore have, changes nothing."""

from __future__ import annotations

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive

NAMES = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "p", "q", "r", "s", "t", "u", "v", "w", "y", "z"]


def columns(V, X, y):
    return jnp.mean(((V @ X.T).T - y) ** 2)


def mapped(W, a, V, b, X, y):
    def one(x):
        x = jnp.tanh(W @ x + a)
        return V @ x + b
    return jnp.mean((jax.vmap(one)(X) - y) ** 2)


def softmax_rows(W, X, y):
    return -jnp.mean(jax.nn.log_softmax((W @ X.T).T)[jnp.arange(X.shape[0]), y])


def softmax_columns(W, X, T):
    p = jax.nn.softmax(W @ X.T, axis=0)
    return -jnp.mean(jnp.sum(T.T * jnp.log(p), axis=0))


def both_ways(U):
    u = jnp.sin(U) + 1
    return jnp.sum(u * u.T * u.T) / U.shape[0]


def through_both(U, X):
    u = jnp.tanh(U @ X)
    v = u.T @ X
    return jnp.sum(u * v.T) / U.shape[0] + jnp.mean(v)


def attention(Q, K, V, G):
    s = (K @ Q.T).T / jnp.sqrt(Q.shape[1])
    return jnp.mean(jax.nn.softmax(s, axis=1) @ V * G)


def normed(X, g, y):
    mu = X.mean(axis=0)
    h = (X - mu) / jnp.sqrt(((X - mu) ** 2).mean(axis=0) + 0.1)
    return jnp.mean((h.T * g[:, None] - y.T) ** 2)


def pairs(X, Y):
    d = X[:, None, :] - Y[None, :, :]
    return jnp.mean(jnp.sum(d**2, axis=2).T)


def total(W, X):
    h = X.T @ W
    return jnp.sum(jnp.log1p(jnp.exp(h.T))) / W.shape[0]


CASES = {
    "columns": (columns, {"V": (1, 2), "X": (0, 2), "y": (0, 1)}),
    "mapped": (mapped, {"W": (1, 2), "a": (1,), "V": (3, 1), "b": (3,), "X": (0, 2), "y": (0, 3)}),
    "softmax_rows": (softmax_rows, {"W": (1, 2), "X": (0, 2), "y": "int"}),
    "softmax_columns": (softmax_columns, {"W": (1, 2), "X": (0, 2), "T": (0, 1)}),
    "both_ways": (both_ways, {"U": (0, 0)}),
    "through_both": (through_both, {"U": (0, 0), "X": (0, 0)}),
    "attention": (attention, {"Q": (0, 2), "K": (1, 2), "V": (1, 3), "G": (0, 3)}),
    "normed": (normed, {"X": (0, 1), "g": (1,), "y": (0, 1)}),
    "pairs": (pairs, {"X": (0, 2), "Y": (1, 2)}),
    "total": (total, {"W": (0, 1), "X": (0, 2)}),
}


def drawn(shapes, seed):
    rng, numbers = np.random.default_rng(seed), (3, 4, 5, 2)
    return {name: rng.integers(0, 4, 3) if axes == "int" else rng.normal(size=tuple(numbers[k] for k in axes)) for name, axes in shapes.items()}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(4))
def test_names_of_sizes_change_nothing(case, seed):
    function, shapes = CASES[case]
    names = random.Random(f"{case}{seed}").sample(NAMES, 4)
    spelled = {name: f"int {names[0]}" if axes == "int" else " ".join(names[k] for k in axes) for name, axes in shapes.items()}
    values = drawn(shapes, seed)
    wrt = [name for name, axes in shapes.items() if axes != "int"][seed % 2 if len(shapes) > 1 else 0:][0]
    with jax.enable_x64(True):
        true = jax.grad(function, list(shapes).index(wrt))(*values.values())
    np.testing.assert_allclose(derive.gradient(function, wrt, spelled).function()(**values), true, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("names", ["b c a", "m d n", "q c p", "n k m", "i j k", "k j i"])
def test_the_mean_over_the_examples_is_taken_once(names):
    first, second, third = names.split()
    d = derive.gradient(columns, "V", {"V": f"{first} {second}", "X": f"{third} {second}", "y": f"{third} {first}"})
    values = {"V": np.ones((2, 3)), "X": np.arange(12.0).reshape(4, 3), "y": np.ones((4, 2))}
    with jax.enable_x64(True):
        np.testing.assert_allclose(d.function()(**values), jax.grad(columns)(*values.values()), rtol=1e-12)
    assert "du" in " ".join(d.definitions) or "u" in d.definitions
