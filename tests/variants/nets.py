"""Nets with two and three layers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row


def cross_entropy(z, y):
    return -jnp.mean(jax.nn.log_softmax(z, axis=1)[jnp.arange(z.shape[0]), y])


def relu_net(W1, b1, W2, b2, X, y, reg):
    h = jax.nn.relu(X @ W1 + b1)
    return cross_entropy(h @ W2 + b2, y) + reg * (jnp.sum(W1 * W1) + jnp.sum(W2 * W2))


def sigmoid_net(W1, W2, X, T):
    h = jax.nn.sigmoid(X @ W1)
    out = jax.nn.sigmoid(h @ W2)
    return 0.5 * jnp.sum((out - T) ** 2)


def tanh_net(W1, b1, w2, X, t):
    h = jnp.tanh(X @ W1 + b1)
    return jnp.mean((h @ w2 - t) ** 2)


def leaky_net(W1, W2, X, y):
    h = jax.nn.leaky_relu(X @ W1, 0.01)
    return cross_entropy(h @ W2, y)


def deep_net(W1, W2, W3, X, y):
    h1 = jax.nn.relu(X @ W1)
    h2 = jax.nn.relu(h1 @ W2)
    return cross_entropy(h2 @ W3, y)


def columns_net(W1, b1, W2, b2, X, Y):
    """Columns are examples; one output with a sigmoid."""
    a1 = jnp.tanh(W1 @ X + b1)
    z2 = W2 @ a1 + b2
    return jnp.sum(jax.nn.softplus(z2) - Y * z2) / X.shape[1]


def relu(x):
    return jax.nn.relu(x)


NET = {"W1": "d h", "b1": "h", "W2": "h k", "b2": "k", "X": "m d", "y": "int m", "reg": ""}
RELU_NET = Family(relu_net, ("W1", "b1", "W2", "b2"), NET, {"y": "k", "reg": "positive"})
SIGMOID_NET = Family(sigmoid_net, ("W1", "W2"), {"W1": "d h", "W2": "h o", "X": "m d", "T": "m o"})
TANH_NET = Family(tanh_net, ("W1", "b1", "w2"), {"W1": "d h", "b1": "h", "w2": "h", "X": "m d", "t": "m"})
LEAKY_NET = Family(leaky_net, ("W1", "W2"), {"W1": "d h", "W2": "h k", "X": "m d", "y": "int m"}, {"y": "k"})
DEEP_NET = Family(deep_net, ("W1", "W2", "W3"), {"W1": "d h", "W2": "h g", "W3": "g k", "X": "m d", "y": "int m"}, {"y": "k"})
COLUMNS_NET = Family(columns_net, ("W1", "b1", "W2", "b2"), {"W1": "h d", "b1": "h 1", "W2": "1 h", "b2": "1 1", "X": "d m", "Y": "1 m"},
                     {"Y": "mask"})


def two_layer_relu(W1, b1, W2, b2, X, y, reg):
    N, D = X.shape
    z1 = X.dot(W1) + b1
    hidden = np.maximum(0, z1)
    scores = hidden.dot(W2) + b2
    scores -= np.max(scores, axis=1, keepdims=True)
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    loss = -np.sum(np.log(probs[np.arange(N), y])) / N
    loss += reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
    grads = {}
    dscores = probs
    dscores[np.arange(N), y] -= 1
    dscores /= N
    grads["W2"] = hidden.T.dot(dscores) + 2 * reg * W2
    grads["b2"] = np.sum(dscores, axis=0)
    dhidden = dscores.dot(W2.T)
    dhidden[hidden <= 0] = 0
    grads["W1"] = X.T.dot(dhidden) + 2 * reg * W1
    grads["b1"] = np.sum(dhidden, axis=0)
    return loss, grads


def two_layer_relu_tuple(W1, b1, W2, b2, X, y, reg):
    relu = lambda t: t * (t > 0)
    m = X.shape[0]
    a = X @ W1 + b1
    h = relu(a)
    z = h @ W2 + b2
    E = np.exp(z - z.max(1, keepdims=True))
    dz = (E / E.sum(1, keepdims=True) - (y[:, None] == np.arange(b2.size))) / m
    da = (dz @ W2.T) * (a > 0)
    return X.T @ da + reg * 2 * W1, da.sum(0), h.T @ dz + reg * 2 * W2, dz.sum(0)


def two_layer_sigmoid(W1, W2, X, T):
    # the classic backpropagation exercise
    h = 1 / (1 + np.exp(-X.dot(W1)))
    out = 1 / (1 + np.exp(-h.dot(W2)))
    delta2 = (out - T) * out * (1 - out)
    delta1 = delta2.dot(W2.T) * h * (1 - h)
    return 0.5 * np.sum(np.square(out - T)), X.T.dot(delta1), h.T.dot(delta2)


def two_layer_sigmoid_loops(W1, W2, X, T):
    g1, g2, loss = np.zeros_like(W1), np.zeros_like(W2), 0.0
    sig = lambda v: 1.0 / (1.0 + np.exp(-v))
    for x, t in zip(X, T):
        h = sig(W1.T @ x)
        o = sig(W2.T @ h)
        loss += 0.5 * np.sum((o - t) ** 2)
        d_o = (o - t) * o * (1 - o)
        g2 += np.outer(h, d_o)
        g1 += np.outer(x, (W2 @ d_o) * h * (1 - h))
    return loss, g1, g2


def two_layer_tanh(W1, b1, w2, X, t):
    m = X.shape[0]
    h = np.tanh(X @ W1 + b1)
    r = h @ w2 - t
    dr = 2 * r / m
    dw2 = h.T @ dr
    dh = np.outer(dr, w2)
    dz = dh * (1 - h ** 2)
    return np.mean(r ** 2), {"W1": X.T @ dz, "b1": dz.sum(axis=0), "w2": dw2}


def two_layer_leaky(W1, W2, X, y):
    m = X.shape[0]
    z = X.dot(W1)
    h = np.where(z > 0, z, 0.01 * z)
    s = h.dot(W2)
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1.0
    p /= m
    dW2 = h.T.dot(p)
    dh = p.dot(W2.T)
    dh[z <= 0] *= 0.01
    return X.T.dot(dh), dW2


def three_layer_relu(W1, W2, W3, X, y):
    N = X.shape[0]
    caches = []
    a = X
    for W in (W1, W2):
        z = a @ W
        caches.append((a, z))
        a = np.maximum(z, 0)
    scores = a @ W3
    scores = scores - scores.max(axis=1, keepdims=True)
    logp = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    loss = -logp[np.arange(N), y].mean()
    d = np.exp(logp)
    d[np.arange(N), y] -= 1
    d /= N
    grads = [a.T @ d]
    d = d @ W3.T
    for W, (inp, z) in zip((W2, W1), reversed(caches)):
        d = d * (z > 0)
        grads.append(inp.T @ d)
        d = d @ W.T
    return loss, {"W3": grads[0], "W2": grads[1], "W1": grads[2]}


def columns_tanh_sigmoid(W1, b1, W2, b2, X, Y):
    m = X.shape[1]
    A1 = np.tanh(np.dot(W1, X) + b1)
    A2 = 1 / (1 + np.exp(-(np.dot(W2, A1) + b2)))
    cost = -np.sum(np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)) / m
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return cost, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


# ------------------------------------------------------------------------------------------- wrong ones


def two_layer_no_relu_mask(W1, W2, X, y):
    m = X.shape[0]
    z = X.dot(W1)
    h = np.where(z > 0, z, 0.01 * z)
    s = h.dot(W2)
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1.0
    p /= m
    return X.T.dot(p.dot(W2.T)), h.T.dot(p)


def two_layer_tanh_of_input(W1, b1, w2, X, t):
    m = X.shape[0]
    z = X @ W1 + b1
    h = np.tanh(z)
    dr = 2 * (h @ w2 - t) / m
    dz = dr[:, None] * w2 * (1 - z ** 2)
    return {"W1": X.T @ dz, "b1": dz.sum(axis=0), "w2": h.T @ dr}


ROWS = [
    row(RELU_NET, two_layer_relu),
    row(RELU_NET, two_layer_relu_tuple),
    row(SIGMOID_NET, two_layer_sigmoid),
    row(SIGMOID_NET, two_layer_sigmoid_loops),
    row(TANH_NET, two_layer_tanh),
    row(LEAKY_NET, two_layer_leaky),
    row(DEEP_NET, three_layer_relu),
    row(COLUMNS_NET, columns_tanh_sigmoid),
    row(LEAKY_NET, two_layer_no_relu_mask, fault="the slope of the activation is forgotten"),
    row(TANH_NET, two_layer_tanh_of_input, fault="1 − z² for 1 − tanh²(z)"),
]
