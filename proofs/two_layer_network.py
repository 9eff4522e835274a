"""A two-layer network with ReLU and a softmax head: backpropagation is the chain rule, read from the loss to the input.

The last layer is a softmax classifier on the hidden values h, so its gradients are known. What flows on to h is the mistake, spread
over the hidden units by W2; a unit that was switched off (its input below 0) lets nothing through; and what is left meets the features,
just as in the last layer.
"""

import jax
import jax.numpy as jnp
import numpy as np

from derive.theories import Derivative

SHAPES = {"W1": "d h", "b1": "h", "W2": "h k", "b2": "k", "X": "m d", "y": "int m"}


def network(W1, b1, W2, b2, X, y):
    a = X @ W1 + b1
    h = jax.nn.relu(a)
    z = h @ W2 + b2
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    return -jnp.mean(jnp.log(p[jnp.arange(X.shape[0]), y]))


def backward(W1, b1, W2, b2, X, y):
    m = X.shape[0]
    a = X @ W1 + b1
    h = np.maximum(0, a)
    z = h @ W2 + b2
    p = np.exp(z - z.max(axis=1, keepdims=True))
    dz = p / p.sum(axis=1, keepdims=True)
    dz[np.arange(m), y] -= 1
    dz /= m
    da = (dz @ W2.T) * (a > 0)
    return {"W2": h.T @ dz, "b2": dz.sum(axis=0), "W1": X.T @ da, "b1": da.sum(axis=0)}


dW1 = Derivative(network, "W1", SHAPES, backward)
db1 = Derivative(network, "b1", SHAPES, backward)
dW2 = Derivative(network, "W2", SHAPES, backward, textbook="Hᵀ(P − Y)/m")
db2 = Derivative(network, "b2", SHAPES, backward)
