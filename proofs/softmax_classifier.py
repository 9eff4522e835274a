"""The softmax classifier: ∂L/∂W = Xᵀ(P − Y)/m + λW, however the loss is spelled.

The scores are z = XW. A weight W_ak reaches the loss of example i only through z_ik, and it does so with the factor X_ia: multiply the
mistake p_ik − 1{k = y_i} by the feature, add up over the examples, and that sum is a matrix product. The regulariser ½ λ Σ W² adds λW:
each weight's own square, and no sum over the others. A bias is a weight whose feature is always 1, so its gradient only adds the
mistakes up.

There are many ways to write this loss, and five of them are here. They are one function, and they have one gradient.
"""

import jax
import jax.numpy as jnp
import numpy as np

from derive.theories import Derivative, Equality

SHAPES = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}
WITH_BIAS = {"W": "d k", "b": "k", "X": "m d", "y": "int m", "lam": ""}


# The data term, from the scores z and the labels y, as five people write it.


def shifted(z, y):
    f = z - jnp.max(z, axis=1, keepdims=True)
    p = jnp.exp(f) / jnp.sum(jnp.exp(f), axis=1, keepdims=True)
    return jnp.mean(-jnp.log(p[jnp.arange(z.shape[0]), y]))


def log_softmax(z, y):
    logp = jax.nn.log_softmax(z)
    return -jnp.mean(jnp.take_along_axis(logp, y[:, None], axis=1))


def one_hot(z, y):
    Y = jax.nn.one_hot(y, z.shape[1])
    return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(z), axis=1))


def logsumexp(z, y):
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(z.shape[0]), y])


def unshifted(z, y):
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    return jnp.mean(-jnp.log(p[jnp.arange(z.shape[0]), y]))


SPELLINGS = (shifted, log_softmax, one_hot, logsumexp, unshifted)


def classifier(data_term):
    def loss(W, X, y, lam):
        z = X @ W
        return data_term(z, y) + 0.5 * lam * jnp.sum(W**2)

    return loss


def classifier_with_bias(data_term):
    def loss(W, b, X, y, lam):
        z = X @ W + b
        return data_term(z, y) + 0.5 * lam * jnp.sum(W**2)

    return loss


def by_hand(W, X, y, lam):
    m = X.shape[0]
    f = X.dot(W)
    f -= np.max(f, axis=1, keepdims=True)
    p = np.exp(f) / np.sum(np.exp(f), axis=1, keepdims=True)
    Y = np.zeros_like(p)
    Y[np.arange(m), y] = 1
    return X.T.dot(p - Y) / m + lam * W


def by_hand_with_bias(W, b, X, y, lam):
    m = X.shape[0]
    f = X.dot(W) + b
    f -= np.max(f, axis=1, keepdims=True)
    p = np.exp(f) / np.sum(np.exp(f), axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    return {"W": X.T.dot(p) / m + lam * W, "b": p.sum(axis=0) / m}


# The two that have a p of their own end in the form above, letter for letter.
_FORM = dict.fromkeys((shifted, unshifted), "Xᵀ(P − Y)/m + λW")
dW = {f.__name__: Derivative(classifier(f), "W", SHAPES, by_hand, textbook=_FORM.get(f, "")) for f in SPELLINGS}
dW_with_bias = {f.__name__: Derivative(classifier_with_bias(f), "W", WITH_BIAS, by_hand_with_bias) for f in SPELLINGS}
db = {f.__name__: Derivative(classifier_with_bias(f), "b", WITH_BIAS, by_hand_with_bias) for f in SPELLINGS}
one_loss = {f.__name__: Equality(classifier(shifted), classifier(f), SHAPES) for f in SPELLINGS[1:]}
