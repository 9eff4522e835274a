"""The multiclass hinge loss (SVM): every class that comes too close pushes, and the right class takes all the pushes back.

A wrong class j costs max(0, s_j − s_y + 1): nothing while its score stays 1 below the right one, and one for one above that. So its
derivative is 1 or 0: does the margin count, or not? The right class stands with a minus sign in every one of those margins, so its own
entry is minus how many of them count.

At exactly 0 the maximum has a kink, and no derivative. Programs choose: `jax.nn.relu` takes 0, `jnp.maximum` takes 1/2. Both are
subgradients, and each handwritten gradient below follows its source.
"""

import jax
import jax.numpy as jnp
import numpy as np

from derive.theories import Derivative

SHAPES = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}


def hinge(W, X, y, lam):
    m = X.shape[0]
    s = X @ W
    margins = jax.nn.relu(s - s[jnp.arange(m), y][:, None] + 1)
    wrong = 1 - jax.nn.one_hot(y, s.shape[1])
    return jnp.sum(wrong * margins) / m + 0.5 * lam * jnp.sum(W**2)


def hinge_with_maximum(W, X, y, lam):
    m = X.shape[0]
    s = X @ W
    margins = jnp.maximum(0, s - s[jnp.arange(m), y][:, None] + 1)
    wrong = 1 - jax.nn.one_hot(y, s.shape[1])
    return jnp.sum(wrong * margins) / m + 0.5 * lam * jnp.sum(W**2)


def by_hand(W, X, y, lam):
    m = X.shape[0]
    s = X.dot(W)
    margins = s - s[np.arange(m), y][:, np.newaxis] + 1
    counts = (margins > 0).astype(float)
    counts[np.arange(m), y] = 0
    counts[np.arange(m), y] = -np.sum(counts, axis=1)
    return X.T.dot(counts) / m + lam * W


def by_hand_with_maximum(W, X, y, lam):
    m = X.shape[0]
    s = X.dot(W)
    margins = s - s[np.arange(m), y][:, np.newaxis] + 1
    counts = 1.0 * (margins > 0) + 0.5 * (margins == 0)
    counts[np.arange(m), y] = 0
    counts[np.arange(m), y] = -np.sum(counts, axis=1)
    return X.T.dot(counts) / m + lam * W


dW = Derivative(hinge, "W", SHAPES, by_hand)
dW_with_maximum = Derivative(hinge_with_maximum, "W", SHAPES, by_hand_with_maximum)
