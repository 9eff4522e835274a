"""The Jacobian of softmax: ∂p_i/∂z_j = p_i (δ_ij − p_j).

Softmax divides e^{z_i} by the sum of all of them. Raise one score z_j, and two things happen: the top of the fraction grows, if j is i
itself, and the bottom grows in any case. The quotient rule adds the two up: p_i from the top, only where i = j, and −p_i p_j from the
bottom, always.

A program hardly ever needs the whole matrix, only its product with the gradient that comes in from above. That is the third claim: take
away the mean of the incoming gradient, weighted by p, then multiply by p.
"""

import jax.numpy as jnp
import numpy as np

from derive.theories import Derivative


def softmax(z):
    e = jnp.exp(z - jnp.max(z))
    p = e / jnp.sum(e)
    return p  # noqa: RET504  # the derivation speaks of p


def softmax_of_rows(z):
    e = jnp.exp(z - jnp.max(z, axis=1, keepdims=True))
    p = e / jnp.sum(e, axis=1, keepdims=True)
    return p  # noqa: RET504  # the derivation speaks of p


def jacobian_by_hand(z):
    p = np.exp(z - np.max(z))
    p /= np.sum(p)
    return np.diag(p) - np.outer(p, p)


def backward_by_hand(z, dout):
    p = np.exp(z - np.max(z))
    p /= np.sum(p)
    return p * (dout - np.sum(dout * p))


def backward_of_rows_by_hand(z, dout):
    p = np.exp(z - np.max(z, axis=1, keepdims=True))
    p /= np.sum(p, axis=1, keepdims=True)
    return p * (dout - np.sum(dout * p, axis=1, keepdims=True))


dp_dz = Derivative(softmax, "z", {"z": "k"}, jacobian_by_hand, kind="jacobian", textbook="p_b (δ_bc − p_c)")
dz = Derivative(softmax, "z", {"z": "k"}, backward_by_hand, kind="vjp")
dz_of_rows = Derivative(softmax_of_rows, "z", {"z": "m k"}, backward_of_rows_by_hand, kind="vjp")
