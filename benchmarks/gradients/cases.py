"""The gradients that everybody is asked for, as JAX functions; the oracle is `jax.grad` of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class Case:
    """A loss, and the argument that it is differentiated in; hessian: twice."""

    name: str
    function: Callable[..., Any]
    wrt: str
    shapes: Mapping[str, str]
    hessian: bool = False


def least_squares(W, X, Y):
    return jnp.sum((X @ W - Y) ** 2)


def cross_entropy(z, t):
    return -jnp.sum(t * jnp.log(jnp.exp(z) / jnp.sum(jnp.exp(z))))


def softmax_classifier(W, X, T):
    z = X @ W
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    return -jnp.sum(T * jnp.log(p))


def logistic(w, X, y):
    z = X @ w
    return jnp.sum(jnp.log(1 + jnp.exp(z)) - y * z)


def two_layer(W, V, X, Y):
    h = jnp.tanh(X @ W)
    r = h @ V - Y
    return jnp.sum(r ** 2)


def relu_net(W, V, X, Y):
    h = jax.nn.relu(X @ W)
    r = h @ V - Y
    return jnp.sum(r ** 2)


def layer_norm(x, g, c):
    mu = jnp.mean(x)
    var = jnp.mean((x - mu) ** 2)
    xhat = (x - mu) / jnp.sqrt(var + 1)
    return jnp.sum(c * g * xhat)


def attention(Q, K, V, D):
    s = Q @ K.T
    p = jnp.exp(s) / jnp.sum(jnp.exp(s), axis=1, keepdims=True)
    return jnp.sum(D * (p @ V))


CASES = (
    Case("least squares", least_squares, "W", {"W": "d k", "X": "m d", "Y": "m k"}),
    Case("cross-entropy, logits", cross_entropy, "z", {"z": "k", "t": "k"}),
    Case("cross-entropy, Hessian", cross_entropy, "z", {"z": "k", "t": "k"}, hessian=True),
    Case("softmax classifier", softmax_classifier, "W", {"W": "d k", "X": "m d", "T": "m k"}),
    Case("logistic regression", logistic, "w", {"w": "d", "X": "m d", "y": "m"}),
    Case("logistic, Hessian", logistic, "w", {"w": "d", "X": "m d", "y": "m"}, hessian=True),
    Case("two layers, tanh", two_layer, "W", {"W": "d h", "V": "h k", "X": "m d", "Y": "m k"}),
    Case("two layers, ReLU", relu_net, "W", {"W": "d h", "V": "h k", "X": "m d", "Y": "m k"}),
    Case("layer norm", layer_norm, "x", {"x": "d", "g": "d", "c": "d"}),
    Case("attention, keys", attention, "K", {"Q": "t d", "K": "s d", "V": "s e", "D": "t e"}),
)
SIZES = {"m": 4, "d": 3, "k": 2, "h": 5, "t": 3, "s": 4, "e": 2}
SMALL = {"m": 2, "d": 2, "k": 3, "h": 2, "t": 2, "s": 2, "e": 2}  # for what grows with the entries
