"""The softmax classifier, written once: what the command `derive` derives, proves, checks and trains when it is given no file.

Symbols: m examples of d features, k classes.  X holds one example in each row, W one column of weights for each class, y the labels
0 … k − 1, lam is the strength λ of the regulariser.  Source: the CS231n course and a public tutorial on its first assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["CLAIMS", "SHAPES", "Claim", "gradient_by_hand", "gradient_of_the_tutorial", "loss", "softmax"]

Array = Any
SHAPES: Mapping[str, str] = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}


def loss(W: Array, X: Array, y: Array, lam: Array) -> Array:
    """The mean of −log p over the right classes, plus ½ λ Σ W²."""
    z = X @ W
    f = z - jnp.max(z, axis=1, keepdims=True)
    p = jnp.exp(f) / jnp.sum(jnp.exp(f), axis=1, keepdims=True)
    m = X.shape[0]
    return jnp.mean(-jnp.log(p[jnp.arange(m), y])) + 0.5 * lam * jnp.sum(W**2)


# --- the same loss as others write it ---------------------------------------------------------------------------------


def with_log_softmax(W: Array, X: Array, y: Array, lam: Array) -> Array:
    """`jax.nn.log_softmax`, and the right class by `take_along_axis`."""
    scores = jax.nn.log_softmax(X @ W)
    return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1)) + 0.5 * lam * jnp.sum(W**2)


def with_one_hot(W: Array, X: Array, y: Array, lam: Array) -> Array:
    """A product with the one-hot matrix of the labels."""
    Y = jax.nn.one_hot(y, W.shape[1])
    return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(X @ W), axis=1)) + 0.5 * lam * jnp.sum(W**2)


def with_logsumexp(W: Array, X: Array, y: Array, lam: Array) -> Array:
    """Log Σ exp z minus the score of the right class."""
    z = X @ W
    m = X.shape[0]
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(m), y]) + 0.5 * lam * jnp.sum(W**2)


def without_the_shift(W: Array, X: Array, y: Array, lam: Array) -> Array:
    """The textbook's formula as it stands, which overflows in floating point for large scores."""
    z = X @ W
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    m = X.shape[0]
    return jnp.mean(-jnp.log(p[jnp.arange(m), y])) + 0.5 * lam * jnp.sum(W**2)


# --- what is said of softmax ------------------------------------------------------------------------------------------


def softmax(z: Array) -> Array:
    """Softmax of each row of z: (m, k) to (m, k)."""
    e = jnp.exp(z - jnp.max(z, axis=1, keepdims=True))
    return e / jnp.sum(e, axis=1, keepdims=True)


def softmax_of_scores(z: Array, c: Array) -> Array:
    """Softmax of z; c, of shape (m,), plays no part."""
    return softmax(z)


def softmax_of_shifted_scores(z: Array, c: Array) -> Array:
    """Softmax of z after a number of its own, c_i, was added to all scores of row i."""
    return softmax(z + c[:, None])


def row_sums(z: Array) -> Array:
    """Σ_j softmax(z)_ij for each row."""
    return jnp.sum(softmax(z), axis=1)


def ones(z: Array) -> Array:
    """1 for each row."""
    return jnp.ones(z.shape[0])


@dataclass(frozen=True)
class Claim:
    """Two functions that are said to be equal for all sizes: what is said, in words, the functions, and their shapes."""

    words: str
    left: Callable[..., Array]
    right: Callable[..., Array]
    shapes: Mapping[str, str]


CLAIMS: tuple[Claim, ...] = (
    Claim("Softmax does not change when a number is added to all scores of a row.", softmax_of_scores, softmax_of_shifted_scores,
          {"z": "m k", "c": "m"}),
    Claim("The probabilities of each row sum to 1.", row_sums, ones, {"z": "m k"}),
    Claim("The shift by the maximum leaves the loss as it is.", loss, without_the_shift, SHAPES),
    Claim("log_softmax with take_along_axis spells the same loss.", loss, with_log_softmax, SHAPES),
    Claim("one_hot and a product spell the same loss.", loss, with_one_hot, SHAPES),
    Claim("logsumexp minus the right score spells the same loss.", loss, with_logsumexp, SHAPES),
)


# --- handwritten gradients --------------------------------------------------------------------------------------------


def gradient_by_hand(W: Array, X: Array, y: Array, lam: Array) -> Array:
    """The tutorial's gradient with 1/m and λW in place: right."""
    num_train = X.shape[0]
    f = X.dot(W)
    f -= np.max(f, axis=1, keepdims=True)
    sum_f = np.sum(np.exp(f), axis=1, keepdims=True)
    p = np.exp(f) / sum_f
    ind = np.zeros_like(p)
    ind[np.arange(num_train), y] = 1
    Q = p - ind
    return X.T.dot(Q) / num_train + lam * W


def gradient_of_the_tutorial(W: Array, X: Array, y: Array, lam: Array) -> Array:
    """The tutorial's snippet as it is printed: without 1/m and without λW."""
    num_train = X.shape[0]
    f = X.dot(W)
    f -= np.max(f, axis=1, keepdims=True)  # max of every sample
    sum_f = np.sum(np.exp(f), axis=1, keepdims=True)
    p = np.exp(f) / sum_f
    ind = np.zeros_like(p)
    ind[np.arange(num_train), y] = 1
    Q = p - ind
    return X.T.dot(Q)  # the tutorial's dW
