"""The softmax classifier in other layouts and conventions, with a bias, and its loss as a layer."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row, with_respect_to


def half_reg(W, X, y, reg):
    logp = jax.nn.log_softmax(X @ W, axis=1)
    return -jnp.mean(logp[jnp.arange(X.shape[0]), y]) + 0.5 * reg * jnp.sum(W * W)


def full_reg(W, X, y, reg):
    logp = jax.nn.log_softmax(X @ W, axis=1)
    return -jnp.mean(logp[jnp.arange(X.shape[0]), y]) + reg * jnp.sum(W * W)


def columns(W, X, y, reg):
    """W is classes × features, X is features × examples."""
    s = W @ X
    logp = jax.nn.log_softmax(s, axis=0)
    return -jnp.mean(logp[y, jnp.arange(X.shape[1])]) + 0.5 * reg * jnp.sum(W**2)


def with_bias(W, b, X, y, reg):
    logp = jax.nn.log_softmax(X @ W + b, axis=1)
    return -jnp.mean(logp[jnp.arange(X.shape[0]), y]) + 0.5 * reg * jnp.sum(W * W)


def summed(W, X, y):
    z = X @ W
    return jnp.sum(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(X.shape[0]), y])


def on_scores(x, y):
    return -jnp.mean(jax.nn.log_softmax(x)[jnp.arange(x.shape[0]), y])


def one_hot(W, X, T):
    z = X @ W
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.sum(T * z, axis=1))


SHAPES = {"W": "d k", "X": "m d", "y": "int m", "reg": ""}
HALF = Family(half_reg, ("W",), SHAPES, {"y": "k", "reg": "positive"})
FULL = Family(full_reg, ("W",), SHAPES, {"y": "k", "reg": "positive"})
COLUMNS = Family(columns, ("W",), {"W": "k d", "X": "d m", "y": "int m", "reg": ""}, {"y": "k", "reg": "positive"})
BIAS = Family(with_bias, ("W", "b"), {"W": "d k", "b": "k", "X": "m d", "y": "int m", "reg": ""}, {"y": "k", "reg": "positive"})
SUMMED = Family(summed, ("W",), {"W": "d k", "X": "m d", "y": "int m"}, {"y": "k"})
SCORES = Family(on_scores, ("x",), {"x": "n c", "y": "int n"}, {"y": "c"})
ONE_HOT = Family(one_hot, ("W",), {"W": "d k", "X": "m d", "T": "m k"})


def softmax_full_convention(W, X, y, reg):
    m = len(X)
    z = X @ W
    z = z - z.max(axis=1).reshape(-1, 1)
    e = np.exp(z)
    s = e.sum(axis=1)
    loss = np.log(s).sum() - z[np.arange(m), y].sum()
    coef = e / s[:, np.newaxis]
    coef[np.arange(m), y] -= 1
    return loss / m + reg * (W ** 2).sum(), X.T @ coef / m + 2 * reg * W


def softmax_transposed_layout(W, X, y, reg):
    """W: C x D, X: D x N."""
    N = X.shape[1]
    scores = W.dot(X)
    scores -= np.max(scores, axis=0)
    E = np.exp(scores)
    P = E / np.sum(E, axis=0)
    loss = -np.mean(np.log(P[y, np.arange(N)])) + 0.5 * reg * np.sum(np.square(W))
    P[y, np.arange(N)] += -1.0
    dW = P.dot(X.T) / N
    dW += reg * W
    return loss, dW


def softmax_transposed_loops(W, X, y, reg):
    dW = np.zeros_like(W)
    loss = 0.0
    dim, N = X.shape
    K = W.shape[0]
    for n in range(N):
        x_n = X[:, n]
        s = W.dot(x_n)
        s = s - max(s)
        e = np.exp(s)
        total = e.sum()
        loss += np.log(total) - s[y[n]]
        dW[y[n], :] -= x_n
        for k in range(K):
            dW[k, :] += e[k] / total * x_n
    loss = loss / N + 0.5 * reg * np.sum(W * W)
    dW = dW / N + reg * W
    return loss, dW


def softmax_with_helpers(W, b, X, y, reg):
    def stable_softmax(z):
        shifted = z - np.amax(z, axis=1, keepdims=True)
        expz = np.exp(shifted)
        return expz / np.sum(expz, axis=1, keepdims=True)

    def to_one_hot(labels, K):
        out = np.zeros((labels.shape[0], K))
        out[np.arange(labels.shape[0]), labels] = 1.0
        return out

    probs = stable_softmax(X @ W + b)
    targets = to_one_hot(y, b.shape[0])
    delta = (probs - targets) / X.shape[0]
    loss = -np.sum(targets * np.log(probs)) / X.shape[0] + 0.5 * reg * np.sum(W * W)
    return loss, X.T @ delta + reg * W, np.sum(delta, axis=0)


def softmax_bias_dict(W, b, X, y, reg):
    N, D = X.shape
    out = np.add(np.matmul(X, W), b.reshape(1, -1))
    logits = np.subtract(out, np.max(out, axis=-1, keepdims=True))
    log_z = np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))
    log_p = logits - log_z
    loss = -log_p[np.arange(N), y].mean() + reg / 2 * np.sum(W ** 2)
    d = np.exp(log_p)
    d[np.arange(N), y] = d[np.arange(N), y] - 1
    d = np.divide(d, N)
    grads = {}
    grads["W"] = np.matmul(X.transpose(), d) + reg * W
    grads["b"] = d.sum(0)
    return loss, grads


def softmax_sum_only(W, X, y):
    scores = X.dot(W)
    p = np.exp(scores - np.max(scores, axis=1)[:, np.newaxis])
    p = p / np.tile(np.sum(p, axis=1).reshape(-1, 1), (1, W.shape[1]))
    dW = np.zeros(W.shape)
    for i in range(X.shape[0]):
        g = p[i].copy()
        g[y[i]] -= 1
        dW += np.outer(X[i], g)
    return dW


def softmax_loss_layer(x, y):
    shifted_logits = x - np.max(x, axis=1, keepdims=True)
    Z = np.sum(np.exp(shifted_logits), axis=1, keepdims=True)
    log_probs = shifted_logits - np.log(Z)
    probs = np.exp(log_probs)
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = probs.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


def softmax_through_the_jacobian(x, y):
    n, c = x.shape
    dx = np.zeros((n, c))
    loss = 0.0
    for i in range(n):
        e = np.exp(x[i] - x[i].max())
        p = e / e.sum()
        loss -= np.log(p[y[i]]) / n
        dp = np.zeros(c)
        dp[y[i]] = -1.0 / p[y[i]] / n
        J = np.diag(p) - np.outer(p, p)
        dx[i] = J.dot(dp)
    return loss, dx


def softmax_quotient_rule(x, y):
    # staged backward, as in lecture
    N = x.shape[0]
    e = np.exp(x)
    s = e.sum(axis=1, keepdims=True)
    inv = 1.0 / s
    p = e * inv
    dp = np.zeros_like(p)
    dp[np.arange(N), y] = -1.0 / (N * p[np.arange(N), y])
    dinv = np.sum(dp * e, axis=1, keepdims=True)
    de = dp * inv
    ds = -1.0 / (s ** 2) * dinv
    de += ds * np.ones_like(e)
    return de * e


def softmax_one_hot_targets(W, X, T):
    logits = X @ W
    logits = logits - logits.max(1, keepdims=True)
    lse = np.log(np.exp(logits).sum(1, keepdims=True))
    P = np.exp(logits - lse)
    return X.T @ (P - T) / X.shape[0]


def softmax_input_gradient(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    p /= m
    return p @ W.T


ROWS = [
    row(FULL, softmax_full_convention),
    row(COLUMNS, softmax_transposed_layout),
    row(COLUMNS, softmax_transposed_loops),
    row(BIAS, softmax_with_helpers),
    row(BIAS, softmax_bias_dict),
    row(SUMMED, softmax_sum_only),
    *(row(SCORES, f) for f in (softmax_loss_layer, softmax_through_the_jacobian, softmax_quotient_rule)),
    row(ONE_HOT, softmax_one_hot_targets),
    row(with_respect_to(HALF, "X"), softmax_input_gradient),
]
