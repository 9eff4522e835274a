"""Matrix factorisation: |R − UVᵀ|² has the gradients −2 E V in U and −2 Eᵀ U in V, where E = R − UVᵀ.

Row i of U is used for row i of R alone, each time multiplied by a row of V: so the errors of row i meet V. For V everything is
transposed. Each gradient is linear as long as the other factor stays: alternating least squares lives on that.
"""

import jax.numpy as jnp

from derive.theories import Derivative

SHAPES = {"U": "m r", "V": "n r", "R": "m n"}


def factorisation(U, V, R):
    E = R - U @ V.T
    return jnp.sum(E**2)


def by_hand(U, V, R):
    E = R - U @ V.T
    return {"U": -2 * E @ V, "V": -2 * E.T @ U}


dU = Derivative(factorisation, "U", SHAPES, by_hand, textbook="−2EV")
dV = Derivative(factorisation, "V", SHAPES, by_hand, textbook="−2EᵀU")
