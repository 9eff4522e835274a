"""Poisson regression: the gradient is Xᵀ(e^s − t)/m with s = Xw: expected count minus the count that was seen.

The loss of a count t at the rate e^s is e^s − t s, up to a number that does not depend on s. Again the derivative by the score is
predicted minus true, as in least squares and in softmax: that is what the canonical link of an exponential family does.
"""

import jax.numpy as jnp
import numpy as np

from derive.theories import Derivative


def poisson(w, X, t):
    s = X @ w
    return jnp.mean(jnp.exp(s) - t * s)


def by_hand(w, X, t):
    rate = np.exp(X @ w)
    return X.T @ (rate - t) / X.shape[0]


dw = Derivative(poisson, "w", {"w": "d", "X": "m d", "t": "m"}, by_hand, textbook="Xᵀ(exp(s) − t)/m")
