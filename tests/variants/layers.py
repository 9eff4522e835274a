"""Layers without parameters or with few."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row


def affine(x, w, b):
    return x @ w + b


def relu(x):
    return jax.nn.relu(x)


def gelu(x):
    return 0.5 * x * (1.0 + jnp.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def silu(x):
    return x * jax.nn.sigmoid(x)


def dropout(x, mask, p):
    return x * mask / p


def softmax_layer(x):
    return jax.nn.softmax(x, axis=-1)


AFFINE = Family(affine, ("x", "w", "b"), {"x": "n d", "w": "d m", "b": "m"})
RELU = Family(relu, ("x",), {"x": "n d"})
GELU = Family(gelu, ("x",), {"x": "n d"})
SILU = Family(silu, ("x",), {"x": "n d"})
DROPOUT = Family(dropout, ("x",), {"x": "n d", "mask": "n d", "p": ""}, {"mask": "mask", "p": "unit"})
SOFTMAX = Family(softmax_layer, ("x",), {"x": "n d"})


def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    out = np.maximum(0, x)
    cache = x
    return out, cache


def relu_backward(dout, cache):
    dx, x = None, cache
    dx = np.array(dout, copy=True)
    dx[x <= 0] = 0
    return dx


def gelu_forward(x):
    c = 0.7978845608028654
    t = np.tanh(c * (x + 0.044715 * x ** 3))
    return 0.5 * x * (1 + t), (x, t)


def gelu_backward(dout, cache):
    x, t = cache
    c = 0.7978845608028654
    dt = (1 - t ** 2) * c * (1 + 3 * 0.044715 * x ** 2)
    return dout * (0.5 * (1 + t) + 0.5 * x * dt)


def silu_forward(x):
    s = 1 / (1 + np.exp(-x))
    return x * s, (x, s)


def silu_backward(dout, cache):
    x, s = cache
    return dout * (s + x * s * (1 - s))


def dropout_forward(x, mask, p):
    out = x * (mask / p)
    return out, (mask, p)


def dropout_backward(dout, cache):
    mask, p = cache
    return dout * mask / p


def softmax_forward(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p, p


def softmax_backward(dout, cache):
    p = cache
    return p * (dout - np.sum(dout * p, axis=-1, keepdims=True))


# ------------------------------------------------------------------------------------------- wrong ones


def softmax_backward_diagonal_only(dout, cache):
    p = cache
    return dout * p * (1 - p)


def affine_backward_swapped(dout, cache):
    w, x, b = cache
    return dout.dot(w.T), x.T.dot(dout), np.sum(dout, axis=0)


ROWS = [
    row(AFFINE, affine_forward, affine_backward),
    row(RELU, relu_forward, relu_backward),
    row(GELU, gelu_forward, gelu_backward),
    row(SILU, silu_forward, silu_backward),
    row(DROPOUT, dropout_forward, dropout_backward),
    row(SOFTMAX, softmax_forward, softmax_backward),
    row(SOFTMAX, softmax_forward, softmax_backward_diagonal_only, fault="only the diagonal of the Jacobian: y_i(1 − y_i), without −y_i y_j"),
    row(AFFINE, affine_forward, affine_backward_swapped, fault="the cache is unpacked in the wrong order"),
]
