"""Cross-entropy in the logits: the derivative of −log p_y by the score z_k is p_k − 1{k = y}.

Softmax alone has two cases; the logarithm makes them one. −log has the derivative −1/p_y, which cancels the p_y in front of both cases:
what is left is the probability that the model gives to each class, less 1 for the class that is right. So the gradient is the mistake
itself: predicted minus true.

Averaged over m examples, each row is divided by m. The Hessian of one example is the Jacobian of softmax, since the 1{k = y} does not
move.
"""

import jax
import jax.numpy as jnp
import numpy as np

from derive.theories import Derivative

LOGITS = {"z": "m k", "y": "int m"}


def cross_entropy(z, y):
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    return jnp.mean(-jnp.log(p[jnp.arange(z.shape[0]), y]))


def cross_entropy_in_the_library(z, y):
    logp = jax.nn.log_softmax(z)
    return -jnp.mean(jnp.take_along_axis(logp, y[:, None], axis=1))


def cross_entropy_with_targets(z, t):
    """Any probabilities t as targets: label smoothing, a teacher's answers."""
    return -jnp.mean(jnp.sum(t * jax.nn.log_softmax(z), axis=1))


def by_hand(z, y):
    m = z.shape[0]
    p = np.exp(z - np.max(z, axis=1, keepdims=True))
    p /= np.sum(p, axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    return p / m


def by_hand_with_targets(z, t):
    p = np.exp(z - np.max(z, axis=1, keepdims=True))
    p /= np.sum(p, axis=1, keepdims=True)
    return (p * np.sum(t, axis=1, keepdims=True) - t) / z.shape[0]


dz = Derivative(cross_entropy, "z", LOGITS, by_hand, textbook="(P − Y)/m")
dz_in_the_library = Derivative(cross_entropy_in_the_library, "z", LOGITS, by_hand)
dz_with_targets = Derivative(cross_entropy_with_targets, "z", {"z": "m k", "t": "m k"}, by_hand_with_targets)
