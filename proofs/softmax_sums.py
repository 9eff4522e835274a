"""Probabilities sum to 1, so their changes sum to 0.

Σ_i p_i = 1 whatever the scores are. Move one score: what one class gains the others lose, so each column of the Jacobian sums to 0.
Move all scores together: that is a shift, which softmax does not see, so each row sums to 0 as well.
"""

import jax
import jax.numpy as jnp
import numpy as np

from derive.theories import Derivative, Equality


def softmax(z):
    e = jnp.exp(z - jnp.max(z))
    return e / jnp.sum(e)


def sum_of_probabilities(z):
    return jnp.sum(softmax(z))


def one(z):
    return jnp.ones(())


def jacobian(z):
    """As `softmax_jacobian.py` proves it."""
    p = softmax(z)
    return p[:, None] * (jnp.eye(z.shape[0]) - p[None, :])


def row_sums(z):
    return jnp.sum(jacobian(z), axis=1)


def column_sums(z):
    return jnp.sum(jacobian(z), axis=0)


def change_when_all_scores_move(z):
    """The directional derivative along (1, …, 1), by JAX."""
    return jax.jvp(softmax, (z,), (jnp.ones_like(z),))[1]


def zeros(z):
    return jnp.zeros_like(z)


def no_change(z):
    return np.zeros_like(z)


VECTOR = {"z": "k"}
sum_is_one = Equality(sum_of_probabilities, one, VECTOR)
sum_does_not_change = Derivative(sum_of_probabilities, "z", VECTOR, no_change)
rows_sum_to_zero = Equality(row_sums, zeros, VECTOR)
columns_sum_to_zero = Equality(column_sums, zeros, VECTOR)
moving_all_scores_changes_nothing = Equality(change_when_all_scores_move, zeros, VECTOR)
