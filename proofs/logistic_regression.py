"""Binary logistic regression: the gradient is Xᵀ(p − t)/m for labels 0 and 1, and −Xᵀ(t ⊙ σ(−t s))/m for labels −1 and 1.

This is the softmax classifier with two classes, of which only the difference s of the scores matters: p = σ(s) is the probability of
the class called 1. With labels 0 and 1 the derivative by the score is again the mistake, p − t. With labels ±1 it is −t times the
probability of being wrong: an example that is already right with certainty pushes no more.
"""

import jax
import jax.numpy as jnp
import numpy as np

from derive.theories import Derivative

SHAPES = {"w": "d", "b": "", "X": "m d", "t": "m"}


def zero_one(w, b, X, t):
    s = X @ w + b
    p = jax.nn.sigmoid(s)
    return -jnp.mean(t * jnp.log(p) + (1 - t) * jnp.log(1 - p))


def zero_one_without_bias(w, X, t):
    s = X @ w
    p = 1 / (1 + jnp.exp(-s))
    return -jnp.mean(t * jnp.log(p) + (1 - t) * jnp.log(1 - p))


def zero_one_in_the_library(w, b, X, t):
    s = X @ w + b
    return jnp.mean(jnp.logaddexp(0, s) - t * s)


def plus_minus(w, b, X, t):
    s = X @ w + b
    return jnp.mean(jnp.log(1 + jnp.exp(-t * s)))


def plus_minus_in_the_library(w, b, X, t):
    s = X @ w + b
    return -jnp.mean(jax.nn.log_sigmoid(t * s))


def by_hand_zero_one(w, b, X, t):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return {"w": X.T @ (p - t) / len(t), "b": np.mean(p - t)}


def by_hand_without_bias(w, X, t):
    p = 1 / (1 + np.exp(-X.dot(w)))
    return X.T.dot(p - t) / X.shape[0]


def by_hand_plus_minus(w, b, X, t):
    s = X @ w + b
    ds = -t / (1 + np.exp(t * s))
    return {"w": X.T @ ds / len(t), "b": np.mean(ds)}


_CASES = {zero_one: by_hand_zero_one, zero_one_in_the_library: by_hand_zero_one, plus_minus: by_hand_plus_minus,
          plus_minus_in_the_library: by_hand_plus_minus}
dw = {source.__name__: Derivative(source, "w", SHAPES, by_hand) for source, by_hand in _CASES.items()}
db = {source.__name__: Derivative(source, "b", SHAPES, by_hand) for source, by_hand in _CASES.items()}
dw_without_bias = Derivative(zero_one_without_bias, "w", {"w": "d", "X": "m d", "t": "m"}, by_hand_without_bias)
