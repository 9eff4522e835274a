"""Gradients of linear models in plain loops, by cases, and with memory that was never written."""

import math

import jax
import jax.numpy as jnp
import numpy as np

SHAPES = {"w": "d", "X": "m d", "y": "m"}


def logistic(w, X, y):
    return jnp.sum(jax.nn.softplus(X @ w) - y * (X @ w))


def log_cosh(w, X, y):
    return jnp.sum(jnp.log(jnp.cosh(X @ w - y)))


def plain_numbers(w, X, y):
    g = [0.0] * len(w)
    for i in range(len(y)):
        p = 1 / (1 + math.exp(-sum(a * b for a, b in zip(X[i], w))))
        for j in range(len(w)):
            g[j] += (p - y[i]) * X[i, j]
    return np.array(g)


def by_sign(w, X, y):
    z = X @ w
    p = np.empty_like(z)
    p[z >= 0] = 1 / (1 + np.exp(-z[z >= 0]))
    e = np.exp(z[z < 0])
    p[z < 0] = e / (1 + e)
    return X.T @ (p - y)


def forgotten_zero(w, X, y):
    z = X @ w
    p = np.full_like(z, 7.0)
    p[z > 0] = 1 / (1 + np.exp(-z[z > 0]))
    e = np.exp(z[z < 0])
    p[z < 0] = e / (1 + e)
    return X.T @ (p - y)


def ten_rows_at_most(w, X, y):
    p = 1 / (1 + np.exp(-X @ w))
    g = np.zeros_like(w)
    for i in range(len(y)):
        g += (p[i] - y[i]) * X[i]
        if i >= 9:
            break
    return g


def straight_near_zero(w, X, y):
    r = X @ w - y
    return X.T @ np.where(np.abs(r) < 1e-3, r, np.tanh(r))


def soft_absolute(w, X, y):
    r = X @ w - y
    return X.T @ (np.sign(r) * (1 - np.exp(-2 * np.abs(r))) / (1 + np.exp(-2 * np.abs(r))))


def lasso(w, X, y):
    return 0.5 * jnp.sum((X @ w - y) ** 2) + 0.7 * jnp.sum(jnp.abs(w))


def any_sign_at_zero(w, X, y):
    return X.T @ (X @ w - y) + 0.7 * np.where(w > 0, 1.0, np.where(w < 0, -1.0, 0.25))


def no_subgradient_at_zero(w, X, y):
    return X.T @ (X @ w - y) + 0.7 * np.where(w > 0, 1.0, np.where(w < 0, -1.0, 5.0))


def talkative(w, X, y):
    r = X @ w - y
    print("loss", r @ r)
    if r @ r > 3:
        print("large")
    return r @ r, 2 * X.T @ r


RIGHT = ((any_sign_at_zero, lasso), (plain_numbers, logistic), (by_sign, logistic), (soft_absolute, log_cosh))
WRONG = ((no_subgradient_at_zero, lasso), (forgotten_zero, logistic), (ten_rows_at_most, logistic))
NOT_SEEN = ((straight_near_zero, log_cosh),)
