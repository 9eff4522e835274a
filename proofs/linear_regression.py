"""Linear and ridge regression: the gradient is 2 Xᵀ(Xw − t)/m, and ridge adds 2λw.

The derivative of a square is twice what is squared, times the derivative of that. What is squared is the residual, and weight a moves
it by the feature X_ia. Set the gradient to zero and you have the normal equations.
"""

import jax.numpy as jnp
import numpy as np

from derive.theories import Derivative

SHAPES = {"w": "d", "b": "", "X": "m d", "t": "m"}


def least_squares(w, b, X, t):
    r = X @ w + b - t
    return jnp.mean(r**2)


def ridge(w, X, t, lam):
    r = X @ w - t
    return jnp.sum(r**2) / X.shape[0] + lam * jnp.sum(w**2)


def by_hand(w, b, X, t):
    r = X @ w + b - t
    return {"w": 2 * X.T @ r / len(t), "b": 2 * np.mean(r)}


def ridge_by_hand(w, X, t, lam):
    return 2 / X.shape[0] * X.T @ (X @ w - t) + 2 * lam * w


dw = Derivative(least_squares, "w", SHAPES, by_hand, textbook="2Xᵀr/m")
db = Derivative(least_squares, "b", SHAPES, by_hand)
dw_ridge = Derivative(ridge, "w", {"w": "d", "X": "m d", "t": "m", "lam": ""}, ridge_by_hand,
                      textbook="2Xᵀr/m + 2λw")
