"""Softmax does not see a shift: add the same number to all scores of a row, and nothing changes.

The number comes out of top and bottom of the fraction as the same factor e^c, and cancels. So the loss is the same, its gradient is the
same, and its derivative by the shift itself is 0. This is what allows a program to subtract the maximum: the largest score becomes 0
and no exponential overflows, while the mathematics stays as it was.
"""

import jax.numpy as jnp
import numpy as np

from derive.theories import Derivative, Equality

ROWS = {"z": "m k", "c": "m"}
LABELLED = {"z": "m k", "c": "m", "y": "int m"}


def softmax(z):
    return jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)


def of_the_scores(z, c):
    return softmax(z)


def of_shifted_scores(z, c):
    return softmax(z + c[:, None])


def of_scores_less_their_maximum(z, c):
    return softmax(z - jnp.max(z, axis=1, keepdims=True))


def shifted_loss(z, c, y):
    p = softmax(z + c[:, None])
    return jnp.mean(-jnp.log(p[jnp.arange(z.shape[0]), y]))


def gradient_without_the_shift(z, y):
    m = z.shape[0]
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    return p / m


def nothing(c):
    return np.zeros_like(c)


value = Equality(of_the_scores, of_shifted_scores, ROWS)
value_less_the_maximum = Equality(of_the_scores, of_scores_less_their_maximum, ROWS)
gradient = Derivative(shifted_loss, "z", LABELLED, gradient_without_the_shift)
gradient_by_the_shift = Derivative(shifted_loss, "c", LABELLED, nothing)
