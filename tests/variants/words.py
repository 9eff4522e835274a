"""Embeddings, and layers and losses over time."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row


def embedding(W, x):
    return W[x]


def temporal(x, y, mask):
    """Summed over time and averaged over the batch; a mask says which steps count."""
    logp = jax.nn.log_softmax(x, axis=2)
    n, t, _ = x.shape
    nll = -jnp.take_along_axis(logp, y[:, :, None], axis=2)[:, :, 0]
    return jnp.sum(mask * nll) / n


def temporal_affine(x, w, b):
    return x @ w + b


def last_word(E, w, ids, y):
    """A bag of words: the mean of the embeddings, then logistic regression."""
    z = jnp.mean(E[ids], axis=1) @ w
    return jnp.mean(jax.nn.softplus(z) - y * z)


EMBEDDING = Family(embedding, ("W",), {"W": "v d", "x": "int n t"}, {"x": "v"})
TEMPORAL = Family(temporal, ("x",), {"x": "n t v", "y": "int n t", "mask": "n t"}, {"y": "v", "mask": "mask"})
TEMPORAL_AFFINE = Family(temporal_affine, ("x", "w", "b"), {"x": "n t d", "w": "d m", "b": "m"})
WORDS = Family(last_word, ("E", "w"), {"E": "v d", "w": "d", "ids": "int n t", "y": "n"}, {"ids": "v", "y": "mask"})


def word_embedding_forward(W, x):
    out = W[x]
    return out, (x, W.shape)


def word_embedding_backward(dout, cache):
    x, shape = cache
    dW = np.zeros(shape)
    np.add.at(dW, x, dout)
    return dW


def embedding_loop_forward(W, x):
    return W[x, :], (x, W)


def embedding_loop_backward(dout, cache):
    x, W = cache
    dW = np.zeros_like(W)
    N, T = x.shape
    for n in range(N):
        for t in range(T):
            dW[x[n, t]] += dout[n, t]
    return dW


def temporal_softmax_loss(x, y, mask):
    N, T, V = x.shape
    x_flat = x.reshape(N * T, V)
    y_flat = y.reshape(N * T)
    mask_flat = mask.reshape(N * T)
    probs = np.exp(x_flat - np.max(x_flat, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    loss = -np.sum(mask_flat * np.log(probs[np.arange(N * T), y_flat])) / N
    dx_flat = probs.copy()
    dx_flat[np.arange(N * T), y_flat] -= 1
    dx_flat /= N
    dx_flat *= mask_flat[:, None]
    dx = dx_flat.reshape(N, T, V)
    return loss, dx


def temporal_softmax_grid(x, y, mask):
    N, T, V = x.shape
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    hot = np.eye(V)[y]
    loss = -(mask[..., None] * hot * np.log(p)).sum() / N
    return loss, mask[:, :, np.newaxis] * (p - hot) / N


def temporal_affine_forward(x, w, b):
    N, T, D = x.shape
    M = b.shape[0]
    out = x.reshape(N * T, D).dot(w).reshape(N, T, M) + b
    return out, (x, w, b, out)


def temporal_affine_backward(dout, cache):
    x, w, b, out = cache
    N, T, D = x.shape
    M = b.shape[0]
    dx = dout.reshape(N * T, M).dot(w.T).reshape(N, T, D)
    dw = dout.reshape(N * T, M).T.dot(x.reshape(N * T, D)).T
    db = dout.sum(axis=(0, 1))
    return dx, dw, db


def bag_of_words(E, w, ids, y):
    n, t = ids.shape
    mean = E[ids].mean(axis=1)
    p = 1 / (1 + np.exp(-mean @ w))
    dz = (p - y) / n
    dE = np.zeros_like(E)
    for i in range(n):
        for j in range(t):
            dE[ids[i, j]] += dz[i] * w / t
    return dE, mean.T @ dz


# ------------------------------------------------------------------------------------------- wrong ones


def word_embedding_backward_buffered(dout, cache):
    x, shape = cache
    dW = np.zeros(shape)
    dW[x] += dout
    return dW


ROWS = [
    row(EMBEDDING, word_embedding_forward, word_embedding_backward),
    row(EMBEDDING, embedding_loop_forward, embedding_loop_backward),
    row(TEMPORAL, temporal_softmax_loss),
    row(TEMPORAL, temporal_softmax_grid),
    row(TEMPORAL_AFFINE, temporal_affine_forward, temporal_affine_backward),
    row(WORDS, bag_of_words),
    row(EMBEDDING, word_embedding_forward, word_embedding_backward_buffered, fault="a word that occurs twice is counted once"),
]
