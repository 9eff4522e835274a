"""The two cases of softmax's Jacobian: p_i (1 − p_i) where i = j, and −p_i p_j where i ≠ j.

This is how the formula is usually printed. It is p_i (δ_ij − p_j) again: the Kronecker delta δ_ij is 1 where the indices agree and 0
elsewhere, so each case is the same expression with δ_ij replaced by its value.
"""

import jax.numpy as jnp
import numpy as np

from derive.theories import Cases


def softmax(z):
    e = jnp.exp(z - jnp.max(z))
    p = e / jnp.sum(e)
    return p  # noqa: RET504  # the derivation speaks of p


def same_index(z):
    p = np.exp(z) / np.sum(np.exp(z))
    return p * (1 - p)


def different_indices(z):
    p = np.exp(z) / np.sum(np.exp(z))
    return -np.outer(p, p)


dp_dz = Cases(softmax, "z", {"z": "k"}, equal=same_index, apart=different_indices)
