"""Softmax gradients that are wrong only somewhere, beside right ones that look alike."""

import jax
import jax.numpy as jnp
import numpy as np

SHAPES = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}


def reference(W, X, y, lam):
    z = X @ W
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(X.shape[0]), y]) + 0.5 * lam * jnp.sum(W**2)


def plain(W, X, y, lam):
    z = X @ W
    z = z - z.max(1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    rows = np.arange(len(y))
    q = p.copy()
    q[rows, y] -= 1
    return -np.log(p[rows, y]).mean() + 0.5 * lam * (W * W).sum(), X.T @ q / len(y) + lam * W


def more_than_fifty_rows(W, X, y, lam):
    loss, g = plain(W, X, y, lam)
    return loss, g * 2 if X.shape[0] > 50 else g


def more_than_a_thousand_classes(W, X, y, lam):
    loss, g = plain(W, X, y, lam)
    if W.shape[1] > 1000:
        g = g + 1
    return loss, g


def whole_batches_of_64(W, X, y, lam):
    loss, g = plain(W, X, y, lam)
    if len(X) % 64 == 0:
        g = g + lam * W
    return loss, g


def class_seven(W, X, y, lam):
    loss, g = plain(W, X, y, lam)
    if g.shape[1] > 7:
        g[:, 7] = 0
    return loss, g


def zero_at_ties(W, X, y, lam):
    z = X @ W
    largest = z == z.max(1, keepdims=True)
    e = np.exp(z - z.max(1, keepdims=True))
    q = e / e.sum(1, keepdims=True)
    q[np.arange(len(y)), y] -= 1
    return X.T @ (q * (largest.sum(1, keepdims=True) < 2)) / len(y) + lam * W


def huge_numbers(W, X, y, lam):
    loss, g = plain(W, X, y, lam)
    if np.abs(X).max() > 1e6:
        g = np.zeros_like(g)
    return loss, g


def negative_strength(W, X, y, lam):
    loss, g = plain(W, X, y, lam)
    return loss, g - lam * W + abs(lam) * W


def clipped(W, X, y, lam):
    loss, g = plain(W, X, y, lam)
    return loss, np.clip(g, -1000, 1000)


def sum_in_place_of_mean(W, X, y, lam):
    loss, g = plain(W, X, y, 0.0)
    return loss * len(y) + 0.5 * lam * (W * W).sum(), g * len(y) + lam * W


def in_slices_of_32(W, X, y, lam):
    z = X @ W
    e = np.exp(z - z.max(1, keepdims=True))
    q = e / e.sum(1, keepdims=True)
    q[np.arange(len(y)), y] -= 1
    g = lam * W
    for s in range(0, len(y), 32):  # the last slice may be short
        g = g + X[s:s + 32].T @ q[s:s + 32] / len(y)
    return g


RIGHT = (plain, in_slices_of_32)
WRONG = (more_than_fifty_rows, more_than_a_thousand_classes, whole_batches_of_64, class_seven, zero_at_ties, clipped)
NOT_SEEN = (huge_numbers, negative_strength)
