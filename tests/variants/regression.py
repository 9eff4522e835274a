"""Linear regression and its relatives."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row


def least_squares(w, b, X, y):
    return jnp.mean((X @ w + b - y) ** 2)


def ridge(w, X, y, lam):
    r = X @ w - y
    return 0.5 * jnp.sum(r * r) + 0.5 * lam * jnp.sum(w * w)


def lasso(w, X, y, alpha):
    r = y - X @ w
    return jnp.sum(r**2) / (2 * X.shape[0]) + alpha * jnp.sum(jnp.abs(w))


def huber(w, X, y):
    r = X @ w - y
    return jnp.mean(jnp.where(jnp.abs(r) <= 1.0, 0.5 * r**2, jnp.abs(r) - 0.5))


def poisson(w, X, y):
    eta = X @ w
    return jnp.mean(jnp.exp(eta) - y * eta)


def factorisation(U, V, R, M, lam):
    E = M * (R - U @ V.T)
    return 0.5 * jnp.sum(E**2) + 0.5 * lam * (jnp.sum(U**2) + jnp.sum(V**2))


def gaussian(mu, s, x):
    """Negative log-likelihood; s is the logarithm of the variance."""
    return 0.5 * jnp.mean(s + (x - mu) ** 2 * jnp.exp(-s))


def machine(w0, w, V, X, y):
    """Factorisation machine with squared loss."""
    pairs = 0.5 * jnp.sum((X @ V) ** 2 - (X**2) @ (V**2), axis=1)
    return 0.5 * jnp.mean((w0 + X @ w + pairs - y) ** 2)


XY = {"w": "d", "X": "m d", "y": "m"}
LINEAR = Family(least_squares, ("w", "b"), {"w": "d", "b": "", "X": "m d", "y": "m"})
RIDGE = Family(ridge, ("w",), XY | {"lam": ""}, {"lam": "positive"})
LASSO = Family(lasso, ("w",), XY | {"alpha": ""}, {"alpha": "positive"})
HUBER = Family(huber, ("w",), XY)
POISSON = Family(poisson, ("w",), XY, {"y": "positive"})
MATRICES = Family(factorisation, ("U", "V"), {"U": "a r", "V": "b r", "R": "a b", "M": "bool a b", "lam": ""}, {"M": "mask", "lam": "positive"})
GAUSSIAN = Family(gaussian, ("mu", "s"), {"mu": "n", "s": "n", "x": "n"})
MACHINE = Family(machine, ("w0", "w", "V"), {"w0": "", "w": "d", "V": "d f", "X": "m d", "y": "m"})


def linear_regression(w, b, X, y):
    N = X.shape[0]
    err = X.dot(w) + b - y
    return (err ** 2).mean(), 2.0 / N * X.T.dot(err), 2.0 * err.mean()


def ridge_gradient(w, X, y, lam):
    return X.T @ X @ w - X.T @ y + lam * w


def ridge_residual(w, X, y, lam):
    r = y - X @ w
    loss = 0.5 * (r @ r + lam * (w @ w))
    return loss, -X.T @ r + lam * w


def lasso_subgradient(w, X, y, alpha):
    n = X.shape[0]
    resid = np.subtract(X @ w, y)
    loss = 0.5 * np.mean(resid ** 2) + alpha * np.linalg.norm(w, 1)
    return loss, np.dot(resid, X) / n + alpha * np.sign(w)


def huber_where(w, X, y):
    r = X @ w - y
    small = np.abs(r) <= 1
    loss = np.where(small, 0.5 * r ** 2, np.abs(r) - 0.5).mean()
    return loss, X.T @ np.where(small, r, np.sign(r)) / len(y)


def huber_clip(w, X, y):
    return X.T.dot(np.clip(X.dot(w) - y, -1, 1)) / y.shape[0]


def poisson_regression(w, X, y):
    mu = np.exp(X @ w)
    return (mu - y * np.log(mu)).mean(), ((mu - y) @ X) / X.shape[0]


# ------------------------------------------------------------------------------------------- wrong ones


def linear_missing_two(w, b, X, y):
    N = X.shape[0]
    err = X.dot(w) + b - y
    return np.mean(err ** 2), X.T.dot(err) / N, err.mean()


def matrix_factorisation(U, V, R, M, lam):
    E = M * (U @ V.T - R)
    loss = 0.5 * np.sum(E * E) + 0.5 * lam * (np.sum(U * U) + np.sum(V * V))
    return loss, E @ V + lam * U, E.T @ U + lam * V


def matrix_factorisation_loops(U, V, R, M, lam):
    gU, gV = lam * U, lam * V
    for i in range(U.shape[0]):
        for j in range(V.shape[0]):
            e = M[i, j] * (R[i, j] - U[i].dot(V[j])) * M[i, j]
            gU[i] -= e * V[j]
            gV[j] -= e * U[i]
    return gU, gV


def gaussian_nll(mu, s, x):
    n = x.shape[0]
    inv = np.exp(-s)
    diff = mu - x
    loss = np.sum(s + diff ** 2 * inv) / (2 * n)
    return loss, diff * inv / n, 0.5 * (1 - diff ** 2 * inv) / n


def factorisation_machine(w0, w, V, X, y):
    m = X.shape[0]
    XV = X @ V
    yhat = w0 + X @ w + 0.5 * (XV ** 2 - X ** 2 @ V ** 2).sum(axis=1)
    e = (yhat - y) / m
    loss = 0.5 * np.mean((yhat - y) ** 2)
    dV = X.T @ (e[:, None] * XV) - (e @ X ** 2)[:, None] * V
    return loss, {"w0": e.sum(), "w": X.T @ e, "V": dV}


def gaussian_nll_wrong_sign(mu, s, x):
    n = x.shape[0]
    inv = np.exp(-s)
    diff = x - mu
    loss = np.sum(s + diff ** 2 * inv) / (2 * n)
    return loss, diff * inv / n, 0.5 * (1 - diff ** 2 * inv) / n


ROWS = [
    row(LINEAR, linear_regression),
    row(RIDGE, ridge_gradient),
    row(RIDGE, ridge_residual),
    row(LASSO, lasso_subgradient),
    row(HUBER, huber_where),
    row(HUBER, huber_clip),
    row(POISSON, poisson_regression),
    row(LINEAR, linear_missing_two, fault="the 2 of the square is missing"),
    row(MATRICES, matrix_factorisation),
    row(MATRICES, matrix_factorisation_loops),
    row(GAUSSIAN, gaussian_nll),
    row(MACHINE, factorisation_machine),
    row(GAUSSIAN, gaussian_nll_wrong_sign, fault="the gradient of the mean has the other sign"),
]
