"""Safety: small functions, each with the finding that it deserves, and clean ones that deserve none."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from derive.checking.safety import Finding, findings
from derive.checking.subject import subject_of
from derive.checking.truth import reference_of

SHAPES = {"W": "d k", "X": "m d", "y": "int m"}


def softmax_loss(W, X, y):
    return -jnp.mean(jax.nn.log_softmax(X @ W)[jnp.arange(X.shape[0]), y])


def squares(x):
    return jnp.sum(x**2) / 2


def scores(W, X, y):
    f = X @ W
    f = f - f.max(axis=1, keepdims=True)
    log_p = f - np.log(np.exp(f).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(len(X)), y].mean()
    p = np.exp(log_p)
    p[np.arange(len(X)), y] -= 1
    return loss, X.T @ p / len(X)


def without_shift(W, X, y):
    e = np.exp(X @ W)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(X)), y]).mean()
    p[np.arange(len(X)), y] -= 1
    return loss, X.T @ p / len(X)


def log_of_probability(W, X, y):
    f = X @ W
    e = np.exp(f - f.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(X)), y]).mean()
    p[np.arange(len(X)), y] -= 1
    return loss, X.T @ p / len(X)


def clipped(W, X, y):
    f = X @ W
    e = np.exp(f - f.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(np.clip(p[np.arange(len(X)), y], 1e-12, None)).mean()
    return loss, scores(W, X, y)[1]


def global_shift(W, X, y):
    f = X @ W
    e = np.exp(f - f.max())
    p = e / e.sum(axis=1, keepdims=True)
    p[np.arange(len(X)), y] -= 1
    return X.T @ p / len(X)


CLEAN = [(scores, softmax_loss, "W", SHAPES), (lambda x: x.copy(), squares, "x", {"x": "n"}),
         (lambda W, X, y: scores(W, X, y)[1], softmax_loss, "W", SHAPES), (lambda x: x + 0.0, squares, "x", {"x": ""}),
         (lambda x: x / 2 * 2, squares, "x", {"x": "a b"})]


def found(handwritten: Any, reference: Any, wrt: str, shapes: Any) -> tuple[Finding, ...]:
    truth = reference_of(reference, shapes, ())
    return findings(subject_of(handwritten, truth.arguments, (wrt,)), truth, (wrt,))


@pytest.mark.parametrize("k", range(len(CLEAN)))
def test_clean_ones_deserve_nothing(k: int) -> None:
    assert found(*CLEAN[k]) == ()


CALLS: list[int] = []


def with_state(x):
    CALLS.append(1)
    return x + len(CALLS)


def random_numbers(x):
    return x + np.random.rand(*x.shape)


def own_random_numbers(x):
    return x + np.random.default_rng().random(x.shape)


def in_place(x):
    x *= 2
    return x / 2


def written_and_put_back(x):
    x *= 2
    x /= 2
    return x.copy()


def typed(x):
    out = np.zeros(x.shape)
    for i in range(len(x)):
        out[i] = x[i]
    return out


def truncating(x):
    out = np.zeros_like(x)
    out += (x / 2 * 2).astype(x.dtype)
    half = np.empty_like(x)
    half[:] = x / 4
    return out + 4 * half - out


def wrapping(W, X, y):
    return scores(W, (X - X.max()) + float(X.max()), y)


def memory_order(x):
    return x.ravel(order="K").reshape(x.shape)


def not_for_one(x):
    return np.array([x[0], *x[1:-1], x[1 if len(x) > 1 else 7]]) * 0 + x


def wrong_for_one(x):
    return x.copy() if len(x) > 1 else x * 2


def binary_loss(w, X, y):
    return -jnp.mean(y * jax.nn.log_sigmoid(X @ w) + (1 - y) * jax.nn.log_sigmoid(-X @ w))


def unstable_loss(w, X, y):
    """The truth itself overflows in 64-bit."""
    p = jax.nn.sigmoid(X @ w)
    return -jnp.mean(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))


def binary(w, X, y):
    p = 1 / (1 + np.exp(-(X @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), X.T @ (p - y) / len(y)


def squeezed(x):
    return x.squeeze().copy()


def log_sum(x):
    return np.log(np.exp(x)).sum(), np.ones(x.shape)


def column(x):
    return x[:, None].copy()


def row(x):
    return x[None, :].copy()


def overflowing_in_short_floats(x):
    return x * 1e4 / 1e4 if x.dtype != np.float16 else (x * np.float16(6e4)) * np.float16(2) / np.float16(6e4) / np.float16(2)


def ordinary_overflow(x):
    return np.exp(x * 100) / np.exp(x * 100) * x


VECTOR = {"x": "n"}
BINARY = {"w": "d", "X": "m d", "y": "m"}
TABLE = [
    (with_state, squares, "x", VECTOR, True, "calling it twice"), (random_numbers, squares, "x", VECTOR, True, "not deterministic"),
    (own_random_numbers, squares, "x", VECTOR, True, "calling it twice"),
    (without_shift, softmax_loss, "W", SHAPES, False, "no max-shift: exp overflows for scores above 709; subtract the largest"),
    (log_of_probability, softmax_loss, "W", SHAPES, False, "the log of a number that underflowed"),
    (clipped, softmax_loss, "W", SHAPES, False, "the value is"),
    (global_shift, softmax_loss, "W", SHAPES, False, "the gradient with respect to W is nan"),
    (ordinary_overflow, squares, "x", VECTOR, True, "with entries of x up to ±10 the gradient with respect to x is nan"),
    (log_sum, lambda x: jnp.sum(x), "x", VECTOR, False, "the value is"),
    (in_place, squares, "x", VECTOR, False, "changes its argument x in place"),
    (written_and_put_back, squares, "x", VECTOR, False, "given read-only arrays it raises"),
    (lambda x: x, squares, "x", VECTOR, False, "shares memory with the argument x"), (lambda x: x[:], squares, "x", VECTOR, False, "shares memory"),
    (typed, squares, "x", VECTOR, False, "comes back as float64"),
    (truncating, squares, "x", VECTOR, False, "given integers for x"), (wrapping, softmax_loss, "W", SHAPES, False, "given uint8 numbers for X"),
    (overflowing_in_short_floats, squares, "x", VECTOR, False, "given float16 arguments"),
    (memory_order, squares, "x", {"x": "a b"}, True, "Fortran-ordered"), (not_for_one, squares, "x", VECTOR, True, "with n = 1 it raises IndexError"),
    (wrong_for_one, squares, "x", VECTOR, True, "with n = 1 the gradient with respect to x is"),
    (binary, binary_loss, "w", BINARY, False, "the log of a number that underflowed"),
    (binary, unstable_loss, "w", BINARY, False, "the log of a number that underflowed"),
    (squeezed, squares, "x", {"x": "a b"}, True, "with b = 1 the gradient with respect to x has shape"),
    (column, squares, "x", VECTOR, True, "has shape (n, 1), and x has (n,)"), (row, squares, "x", VECTOR, True, "has shape (1, n), and x has (n,)"),
    (lambda x: (np.array([[np.sum(x**2) / 2]]), x.copy()), squares, "x", VECTOR, False, "array of shape (1, 1), not a number"),
]


@pytest.mark.parametrize("k", range(len(TABLE)), ids=lambda k: f"{k}-{TABLE[k][0].__name__}")
def test_each_has_the_finding_that_it_deserves(k: int) -> None:
    handwritten, reference, wrt, shapes, serious, words = TABLE[k]
    told = found(handwritten, reference, wrt, shapes)
    print(*told, sep="\n")
    assert any(words in f.text and f.serious == serious for f in told), told


def test_an_empty_batch() -> None:
    def with_truth(z, w):
        return jnp.sum((z @ w) ** 2) / 2

    shapes = {"z": "m d", "w": "d"}
    told = found(lambda z, w: np.stack([r * (r @ w) for r in z]).sum(axis=0), with_truth, "w", shapes)
    assert [f for f in told if "for an empty batch (m = 0) it raises ValueError" in f.text and not f.serious]
    told = found(lambda z, w: z.T @ (z @ w) * (len(z) / len(z) if len(z) else np.nan), with_truth, "w", shapes)
    assert [f for f in told if "for an empty batch (m = 0) the gradient with respect to w is nan, and the truth is 0" in f.text]
    assert found(lambda z, w: z.T @ (z @ w), with_truth, "w", shapes) == ()


def test_it_is_quick() -> None:
    found(scores, softmax_loss, "W", SHAPES)
    start = time.perf_counter()
    found(scores, softmax_loss, "W", SHAPES)
    assert time.perf_counter() - start < 1.0
