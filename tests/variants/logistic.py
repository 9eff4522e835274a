"""Logistic regression, with labels 0 and 1 and with signs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row


def bernoulli(w, X, y):
    z = X @ w
    return jnp.mean(jax.nn.softplus(z) - y * z)


def bernoulli_bias(w, b, X, y, lam):
    z = X @ w + b
    return jnp.mean(jnp.logaddexp(0.0, z) - y * z) + lam / 2 * jnp.sum(w**2)


def signs(w, X, t):
    return jnp.sum(jnp.log1p(jnp.exp(-t * (X @ w))))


XY = {"w": "d", "X": "m d", "y": "m"}
LOGISTIC = Family(bernoulli, ("w",), XY, {"y": "mask"})
LOGISTIC_BIAS = Family(bernoulli_bias, ("w", "b"), {"w": "d", "b": "", "X": "m d", "y": "m", "lam": ""}, {"y": "mask", "lam": "positive"})
SIGNS = Family(signs, ("w",), {"w": "d", "X": "m d", "t": "m"}, {"t": "sign"})


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def logistic_loop(w, X, y):
    m, d = X.shape
    grad = np.zeros(d)
    loss = 0.0
    for i in range(m):
        h = sigmoid(np.dot(w, X[i]))
        loss += -y[i] * np.log(h) - (1 - y[i]) * np.log(1 - h)
        for j in range(d):
            grad[j] += (h - y[i]) * X[i, j]
    return loss / m, grad / m


def logistic_vectorised(w, X, y):
    m = y.size
    h = sigmoid(X.dot(w))
    J = -(y @ np.log(h) + (1 - y) @ np.log(1 - h)) / m
    grad = (1 / m) * X.T.dot(h - y)
    return J, grad


def logistic_with_bias(w, b, X, y, lam):
    m = X.shape[0]
    A = 1 / (1 + np.exp(-(np.dot(X, w) + b)))
    cost = -np.mean(y * np.log(A) + (1 - y) * np.log(1 - A)) + lam / 2 * np.sum(w ** 2)
    dz = A - y
    dw = np.dot(X.T, dz) / m + lam * w
    db = np.sum(dz) / m
    return cost, {"w": dw, "b": db}


def logistic_tanh(w, X, y):
    z = X @ w
    return X.T @ (0.5 * (1.0 + np.tanh(0.5 * z)) - y) / len(y)


def logistic_sign_labels(w, X, t):
    margin = t * X.dot(w)
    loss = np.sum(np.log(1 + np.exp(-margin)))
    coef = -t / (1 + np.exp(margin))
    return loss, X.T.dot(coef)


def logistic_sign_logaddexp(w, X, t):
    g = np.zeros_like(w)
    total = 0.0
    for xi, ti in zip(X, t):
        m = ti * xi.dot(w)
        total += np.logaddexp(0, -m)
        g -= ti * xi * (1 - sigmoid(m))
    return total, g


def logistic_where(w, X, y):
    # the stable sigmoid
    z = X @ w
    e = np.exp(-np.abs(z))
    p = np.where(z >= 0, 1 / (1 + e), e / (1 + e))
    loss = np.mean(np.maximum(z, 0) - y * z + np.log1p(e))
    return loss, np.mean((p - y)[:, None] * X, axis=0)


# ------------------------------------------------------------------------------------------- wrong ones


def logistic_sign_flipped(w, X, y):
    h = sigmoid(X @ w)
    return -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h)), X.T @ (y - h) / X.shape[0]


def logistic_extra_derivative(w, X, y):
    h = sigmoid(X @ w)
    loss = -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h))
    return loss, X.T @ ((h - y) * h * (1 - h)) / X.shape[0]


ROWS = [
    *(row(LOGISTIC, f) for f in (logistic_loop, logistic_vectorised, logistic_tanh, logistic_where)),
    row(LOGISTIC_BIAS, logistic_with_bias),
    row(SIGNS, logistic_sign_labels),
    row(SIGNS, logistic_sign_logaddexp),
    row(LOGISTIC, logistic_sign_flipped, fault="the sign: y − h for h − y"),
    row(LOGISTIC, logistic_extra_derivative, fault="a factor h(1 − h) that cancels against the derivative of the logarithm"),
]
