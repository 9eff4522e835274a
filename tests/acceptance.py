"""Losses and layers as different people would write them, as plain JAX functions: the acceptance cases of the derivations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class Case:
    function: Callable[..., Any]
    shapes: dict[str, str]
    wrt: tuple[str, ...]
    vjp: bool = False

    @property
    def name(self) -> str:
        return self.function.__name__


CASES: list[Case] = []


def case(wrt: str, vjp: bool = False, **shapes: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(Case(function, shapes, tuple(wrt.split()), vjp))
        return function
    return add


CLASSIFIER = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}
BIASED = {"W": "d k", "b": "k", "X": "m d", "y": "int m", "lam": ""}
REGRESSION = {"w": "d", "X": "m d", "y": "m"}

# ------------------------------------------------------------------------------------------- the softmax classifier, five spellings


@case("W X lam", **CLASSIFIER)
def hand_shift(W, X, y, lam):
    m = X.shape[0]
    z = X @ W
    z = z - jnp.max(z, axis=1, keepdims=True)
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    loss = -jnp.mean(jnp.log(p[jnp.arange(m), y])) + 0.5 * lam * jnp.sum(W * W)
    return loss  # noqa: RET504  # its name is part of the test


@case("W b", **BIASED)
def hand_shift_with_bias(W, b, X, y, lam):
    m = X.shape[0]
    z = X @ W + b
    z -= jnp.max(z, axis=1, keepdims=True)
    e = jnp.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    return -jnp.mean(jnp.log(p[jnp.arange(m), y])) + 0.5 * lam * jnp.sum(W * W)


@case("W", **CLASSIFIER)
def log_softmax_taken(W, X, y, lam):
    logp = jax.nn.log_softmax(X @ W)
    return -jnp.take_along_axis(logp, y[:, None], axis=1).mean() + 0.5 * lam * jnp.sum(W**2)


@case("W b", **BIASED)
def log_softmax_with_bias(W, b, X, y, lam):
    logp = jax.nn.log_softmax(X @ W + b, axis=-1)
    return -jnp.take_along_axis(logp, y[:, None], axis=-1).mean() + lam * jnp.sum(W**2) / 2


@case("W", **CLASSIFIER)
def one_hot_product(W, X, y, lam):
    z = X @ W
    p = jax.nn.softmax(z)
    t = jax.nn.one_hot(y, W.shape[1])
    return -jnp.sum(t * jnp.log(p)) / X.shape[0] + 0.5 * lam * jnp.sum(W**2)


@case("W b", **BIASED)
def one_hot_with_bias(W, b, X, y, lam):
    t = jax.nn.one_hot(y, b.shape[0])
    return -jnp.mean(jnp.sum(t * jax.nn.log_softmax(X @ W + b), axis=1)) + 0.5 * lam * jnp.sum(W**2)


@case("W", **CLASSIFIER)
def logsumexp_minus_score(W, X, y, lam):
    z = X @ W
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(X.shape[0]), y]) + lam / 2 * jnp.sum(W * W)


@case("W b", **BIASED)
def logsumexp_with_bias(W, b, X, y, lam):
    z = X @ W + b[None, :]
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(X.shape[0]), y]) + lam / 2 * jnp.sum(W * W)


@case("W", **CLASSIFIER)
def unstabilised(W, X, y, lam):
    z = X @ W
    e = jnp.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    data = -jnp.log(p[jnp.arange(X.shape[0]), y]).mean()
    reg = 0.5 * lam * jnp.sum(W * W)
    return data + reg


@case("W b", **BIASED)
def unstabilised_with_bias(W, b, X, y, lam):
    e = jnp.exp(X @ W + b)
    return -jnp.log((e / e.sum(1)[:, None])[jnp.arange(X.shape[0]), y]).mean() + 0.5 * lam * jnp.vdot(W, W)


# ------------------------------------------------------------------------------------------- regressions


@case("w X", **REGRESSION)
def logistic_01(w, X, y):
    z = X @ w
    return jnp.mean(jnp.logaddexp(0.0, z) - y * z)


@case("w", **REGRESSION)
def logistic_01_by_sigmoid(w, X, y):
    p = jax.nn.sigmoid(X @ w)
    return -jnp.mean(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))


@case("w", **REGRESSION, lam="")
def logistic_pm(w, X, y, lam):
    margin = y * (X @ w)
    return jnp.mean(jnp.log(1 + jnp.exp(-margin))) + lam * jnp.sum(w**2)


@case("w", **REGRESSION)
def logistic_pm_softplus(w, X, y):
    return jnp.mean(jax.nn.softplus(-y * (X @ w)))


@case("w b", w="d", b="", X="m d", y="m")
def linear(w, b, X, y):
    r = X @ w + b - y
    return 0.5 * jnp.mean(r**2)


@case("w lam", **REGRESSION, lam="")
def ridge(w, X, y, lam):
    r = X @ w - y
    return jnp.mean(r**2) / 2 + lam / 2 * jnp.dot(w, w)


@case("w", **REGRESSION)
def poisson(w, X, y):
    eta = X @ w
    return jnp.mean(jnp.exp(eta) - y * eta)


@case("w s", w="d", s="", X="m d", y="m")
def gaussian_nll(w, s, X, y):
    mu = X @ w
    var = jnp.exp(s)
    return jnp.mean(0.5 * jnp.log(2 * jnp.pi * var) + (y - mu) ** 2 / (2 * var))


@case("mu v", mu="m", v="m", y="m")
def heteroscedastic_nll(mu, v, y):
    sigma = jax.nn.softplus(v)
    return jnp.sum(jnp.log(sigma) + 0.5 * jnp.square((y - mu) / sigma))


# ------------------------------------------------------------------------------------------- margins


HINGE = {"W": "d k", "X": "m d", "y": "int m"}


@case("W", **HINGE)
def hinge_maximum_set(W, X, y):
    m = X.shape[0]
    s = X @ W
    sy = s[jnp.arange(m), y]
    margin = jnp.maximum(s - sy[:, None] + 1.0, 0.0)
    margin = margin.at[jnp.arange(m), y].set(0.0)
    return jnp.sum(margin) / m


@case("W", **HINGE)
def hinge_relu_one_hot(W, X, y):
    s = X @ W
    mask = jax.nn.one_hot(y, s.shape[1])
    sy = jnp.sum(s * mask, axis=1, keepdims=True)
    return jnp.mean(jnp.sum(jax.nn.relu(s - sy + 1.0) * (1 - mask), axis=1))


@case("W", **HINGE, delta="")
def hinge_minus_own_term(W, X, y, delta):
    s = X @ W
    correct = jnp.take_along_axis(s, y[:, None], axis=1)
    return jnp.mean(jnp.sum(jnp.maximum(0, s - correct + delta), axis=1) - delta)


@case("W", **HINGE)
def hinge_where(W, X, y):
    s = X @ W
    own = jnp.arange(W.shape[1])[None, :] == y[:, None]
    sy = s[jnp.arange(X.shape[0]), y][:, None]
    return jnp.where(own, 0.0, jnp.maximum(s - sy + 1.0, 0.0)).sum() / X.shape[0]


# ------------------------------------------------------------------------------------------- networks and layers


@case("W1 b1 W2 b2 X", W1="d h", b1="h", W2="h k", b2="k", X="m d", y="int m")
def two_layer(W1, b1, W2, b2, X, y):
    a = X @ W1 + b1
    h = jax.nn.relu(a)
    z = h @ W2 + b2
    p = jax.nn.softmax(z)
    return -jnp.mean(jnp.log(p[jnp.arange(X.shape[0]), y]))


@case("x gamma beta", vjp=True, x="m d", gamma="d", beta="d")
def layer_norm(x, gamma, beta):
    mu = jnp.mean(x, axis=1, keepdims=True)
    xc = x - mu
    var = jnp.mean(xc**2, axis=1, keepdims=True)
    xhat = xc / jnp.sqrt(var + 1e-5)
    return gamma * xhat + beta


@case("x g", vjp=True, x="m d", g="d")
def rms_norm(x, g):
    r = jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6)
    return x / r * g


@case("Q K V", vjp=True, Q="n d", K="l d", V="l e")
def attention(Q, K, V):
    s = Q @ K.T / jnp.sqrt(Q.shape[1])
    A = jax.nn.softmax(s, axis=-1)
    return A @ V


@case("x W", vjp=True, x="m d", W="d k")
def gelu_layer(x, W):
    a = x @ W
    return 0.5 * a * (1 + jnp.tanh(0.7978845608 * (a + 0.044715 * a**3)))


# ------------------------------------------------------------------------------------------- other losses


@case("x A", x="n", A="n n")
def form_squared(x, A):
    q = x @ A @ x
    return 0.5 * (q - 1.0) ** 2


@case("x", x="n", A="n n", b="n")
def quadratic(x, A, b):
    return 0.5 * jnp.dot(x, A @ x) - b @ x


@case("U V", U="n r", V="m r", R="n m")
def factorisation(U, V, R):
    E = R - U @ V.T
    return jnp.sum(E**2)


@case("W", **CLASSIFIER)
def label_smoothing(W, X, y, lam):
    k = W.shape[1]
    logp = jax.nn.log_softmax(X @ W)
    t = (1 - lam) * jax.nn.one_hot(y, k) + lam / k
    return -jnp.mean(jnp.sum(t * logp, axis=1))


@case("z", z="m k", t="m k")
def soft_labels(z, t):
    return -jnp.mean(jnp.sum(t * jax.nn.log_softmax(z), axis=-1))


@case("W", W="d k", X="m d", y="int m")
def focal(W, X, y):
    p = jax.nn.softmax(X @ W)
    py = p[jnp.arange(X.shape[0]), y]
    return -jnp.mean((1 - py) ** 2 * jnp.log(py))


@case("W", W="d k", X="m d", y="int m", c="k")
def class_weights(W, X, y, c):
    logp = jax.nn.log_softmax(X @ W)
    ly = logp[jnp.arange(X.shape[0]), y]
    return -jnp.sum(c[y] * ly) / jnp.sum(c[y])


@case("X", X="n d", S="n n")
def pairwise_distances(X, S):
    D = jnp.sum((X[:, None, :] - X[None, :, :]) ** 2, axis=-1)
    return jnp.sum((D - S) ** 2)


@case("A B", A="m d", B="m d", tau="")
def contrastive(A, B, tau):
    s = A @ B.T / jnp.exp(tau)
    logp = jax.nn.log_softmax(s, axis=1)
    m = A.shape[0]
    return -jnp.mean(logp[jnp.arange(m), jnp.arange(m)])


# ------------------------------------------------------------------------------------------- how people write Python


def _normalised(scores):
    shifted = scores - scores.max(axis=1, keepdims=True)
    weights = jnp.exp(shifted)
    return weights / weights.sum(axis=1, keepdims=True)


@case("W", W="d k", X="m d", y="int m")
def with_helpers(W, X, y):
    p = _normalised(X @ W)
    return -jnp.log(p[jnp.arange(X.shape[0]), y]).mean()


@case("W", W="d k", X="m d", y="int m")
@jax.jit
def jitted(W, X, y):
    logits = X @ W
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - logits[jnp.arange(X.shape[0]), y])


@case("w", w="d", X="m d", y="m", lam="")
def keywords_only(w, *, X, y, lam):
    residual = X @ w - y
    return jnp.mean(residual**2) + lam * jnp.sum(jnp.abs(w))


@case("I E lambda_", I="S N", E="N Q", S="Q", lambda_="", gamma="")
def awkward_names(I, E, S, lambda_, gamma):
    i = I @ E
    k = jnp.tanh(i) - S
    lam = jnp.sum(k**2)
    beta = lambda_ * gamma * jnp.sum(E * E)
    return lam + beta + lambda_**2


BY_NAME = {one.name: one for one in CASES}
SOFTMAX = CASES[:10]
HINGES = [one for one in CASES if one.name.startswith("hinge")]
