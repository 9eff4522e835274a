"""Gradients that are wrong in the ways in which people are: softmax, SVM, logistic and linear regression, nets, layers.

A row is a function, the loss or layer that it belongs to, the argument, words that the diagnosis must have, and whether the repair names the
line; the line at fault carries `# here`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# ------------------------------------------------------------------------------------------- what is true


def softmax(W, X, y, reg):
    z = X @ W
    p = jax.nn.softmax(z)
    return -jnp.mean(jnp.log(p[jnp.arange(X.shape[0]), y])) + 0.5 * reg * jnp.sum(W**2)


def hinge(W, X, y, reg):
    m = X.shape[0]
    s = X @ W
    margins = jnp.maximum(0, s - s[jnp.arange(m), y][:, None] + 1)
    return jnp.sum(margins.at[jnp.arange(m), y].set(0.0)) / m + reg * jnp.sum(W**2)


def logistic(w, X, t):
    q = jax.nn.sigmoid(X @ w)
    return -jnp.mean(t * jnp.log(q) + (1 - t) * jnp.log(1 - q))


def squares(w, X, t):
    return jnp.mean((X @ w - t) ** 2)


def net(W1, W2, X, t):
    h = jax.nn.relu(X @ W1)
    return jnp.sum((h @ W2 - t) ** 2) / X.shape[0]


def sigmoid_net(W1, W2, X, t):
    h = jax.nn.sigmoid(X @ W1)
    return jnp.sum((h @ W2 - t) ** 2) / X.shape[0]


def tanh_net(W1, W2, X, t):
    h = jnp.tanh(X @ W1)
    return jnp.sum((h @ W2 - t) ** 2) / X.shape[0]


def affine(x, w, b):
    return x @ w + b


def normalised(x, gamma):
    mu = x.mean(axis=0)
    var = ((x - mu) ** 2).mean(axis=0)
    return gamma * (x - mu) / jnp.sqrt(var + 1)


CLASSES = {"W": "d k", "X": "m d", "y": "int m", "reg": ""}
VECTOR = {"w": "d", "X": "m d", "t": "m"}
NET = {"W1": "d h", "W2": "h k", "X": "m d", "t": "m k"}
AFFINE = {"x": "m d", "w": "d k", "b": "k"}
NORMALISED = {"x": "m d", "gamma": "d"}

# ------------------------------------------------------------------------------------------- softmax


def no_mean(W, X, y, reg):
    m = X.shape[0]
    f = X.dot(W)
    f -= f.max(axis=1, keepdims=True)
    p = np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(m), y]).sum() / m + 0.5 * reg * np.sum(W * W)
    p[np.arange(m), y] -= 1
    dW = X.T.dot(p)  # here
    dW += reg * W
    return loss, dW


def no_regulariser(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    return X.T @ p / m  # here


def regulariser_doubled(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    return X.T @ p / m + 2 * reg * W  # here


def regulariser_over_m(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    dW = X.T @ p
    dW += reg * W  # here
    dW /= m
    return dW


def regulariser_summed(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    return X.T @ p / m + reg * np.sum(W)  # here


def regulariser_subtracted(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    return X.T @ p / m - reg * W  # here


def data_negated(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    return -X.T @ p / m + reg * W  # here


def axis_of_examples(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=0, keepdims=True)  # here
    p[np.arange(m), y] -= 1
    return X.T @ p / m + reg * W


def nothing_subtracted(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    return X.T @ p / m + reg * W


def added_not_subtracted(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(m), y] += 1  # here
    return X.T @ p / m + reg * W


def divided_by_classes(W, X, y, reg):
    m, k = X.shape[0], W.shape[1]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    return X.T @ p / k + reg * W  # here


def divided_twice(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    p /= m
    dW = X.T @ p / m  # here
    return dW + reg * W


def update_in_the_wrong_branch(W, X, y, reg):
    dW = np.zeros_like(W)
    for i in range(X.shape[0]):
        f = X[i] @ W
        p = np.exp(f - f.max())
        p /= p.sum()
        for c in range(W.shape[1]):
            if c != y[i]:  # here
                dW[:, c] += (p[c] - 1) * X[i]
            else:
                dW[:, c] += p[c] * X[i]
    return dW / X.shape[0] + reg * W


def regulariser_inside_the_loop(W, X, y, reg):
    dW = np.zeros_like(W)
    for i in range(X.shape[0]):
        f = X[i] @ W
        p = np.exp(f - f.max())
        p /= p.sum()
        p[y[i]] -= 1
        dW += np.outer(X[i], p) / X.shape[0]
        dW += reg * W  # here
    return dW


def no_mean_and_a_sign(W, X, y, reg):
    m = X.shape[0]
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(m), y] -= 1
    return X.T @ p - reg * W


# ------------------------------------------------------------------------------------------- SVM


def _margins(W, X, y, delta=1.0):
    rows = np.arange(X.shape[0])
    scores = X.dot(W)
    margins = np.maximum(0, scores - scores[rows, y][:, None] + delta)
    margins[rows, y] = 0
    return rows, margins


def svm_halved_regulariser(W, X, y, reg):
    rows, margins = _margins(W, X, y)
    mask = (margins > 0).astype(float)
    mask[rows, y] = -mask.sum(axis=1)
    return X.T @ mask / len(X) + reg * W  # here


def svm_count_forgotten(W, X, y, reg):
    rows, margins = _margins(W, X, y)
    mask = (margins > 0).astype(float)
    mask[rows, y] = -1  # here
    return X.T @ mask / len(X) + 2 * reg * W


def svm_right_class_forgotten(W, X, y, reg):
    _, margins = _margins(W, X, y)
    mask = (margins > 0).astype(float)
    return X.T @ mask / len(X) + 2 * reg * W


def svm_margins_for_mask(W, X, y, reg):
    rows, margins = _margins(W, X, y)
    mask = margins
    mask[rows, y] = -np.sum(mask > 0, axis=1)
    return X.T @ mask / len(X) + 2 * reg * W


def svm_wrong_class_updated(W, X, y, reg):
    dW = np.zeros(W.shape)
    m = X.shape[0]
    for i in range(m):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            if scores[j] - scores[y[i]] + 1 > 0:
                dW[:, j] += X[i]
                dW[:, j] -= X[i]  # here
    return dW / m + 2 * reg * W


def svm_margin_of_two(W, X, y, reg):
    rows = np.arange(X.shape[0])
    scores = X.dot(W)
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 2)  # here
    margins[rows, y] = 0
    mask = (margins > 0).astype(float)
    mask[rows, y] = -mask.sum(axis=1)
    return X.T @ mask / len(X) + 2 * reg * W


# ------------------------------------------------------------------------------------------- regressions


def logistic_label_first(w, X, t):
    q = 1 / (1 + np.exp(-X @ w))
    return X.T @ (t - q) / len(X)  # here


def logistic_label_added(w, X, t):
    q = 1 / (1 + np.exp(-X @ w))
    return X.T @ (q + t) / len(X)  # here


def logistic_sum(w, X, t):
    q = 1 / (1 + np.exp(-X @ w))
    return X.T @ (q - t)  # here


def squares_no_two(w, X, t):
    return X.T @ (X @ w - t) / len(X)  # here


def squares_by_features(w, X, t):
    m, d = len(X), len(w)
    residual = (X @ w - t).reshape(m)
    return 2 * X.T @ residual / d  # here


# ------------------------------------------------------------------------------------------- nets and layers


def net_mask_forgotten(W1, W2, X, t):
    h = np.maximum(X @ W1, 0)
    dout = 2 * (h @ W2 - t) / X.shape[0]
    dh = dout @ W2.T
    return X.T @ dh


def net_mask_of_the_gradient(W1, W2, X, t):
    h = np.maximum(X @ W1, 0)
    dout = 2 * (h @ W2 - t) / X.shape[0]
    dh = dout @ W2.T
    dh[dh <= 0] = 0  # here
    return X.T @ dh


def sigmoid_forgotten(W1, W2, X, t):
    h = 1 / (1 + np.exp(-(X @ W1)))
    dout = 2 * (h @ W2 - t) / X.shape[0]
    dz = dout @ W2.T  # here
    return X.T @ dz


def sigmoid_half(W1, W2, X, t):
    h = 1 / (1 + np.exp(-(X @ W1)))
    dout = 2 * (h @ W2 - t) / X.shape[0]
    dz = dout @ W2.T * h  # here
    return X.T @ dz


def tanh_without_the_square(W1, W2, X, t):
    h = np.tanh(X @ W1)
    dout = 2 * (h @ W2 - t) / X.shape[0]
    dz = dout @ W2.T * (1 - h)  # here
    return X.T @ dz


def affine_forward(x, w, b):
    return x.dot(w) + b, (x, w, b)


def affine_bias_over_features(dout, cache):
    x, w, _ = cache
    return dout.dot(w.T), x.T.dot(dout), dout.mean(axis=0)  # here


def affine_doubled(dout, cache):
    x, w, _ = cache
    dx = dout.dot(w.T)
    dw = x.T.dot(dout) * 2  # here
    db = dout.sum(axis=0)
    return dx, dw, db


def normalised_forward(x, gamma):
    mu = x.mean(axis=0)
    xc = x - mu
    std = np.sqrt((xc ** 2).mean(axis=0) + 1)
    return gamma * xc / std, (xc, std, gamma)


def normalised_mean_forgotten(dout, cache):
    xc, std, gamma = cache
    dxhat = dout * gamma
    dx = dxhat / std - xc * (dxhat * xc).mean(axis=0) / std ** 3  # here
    return dx, (dout * xc / std).sum(axis=0)


def normalised_power(dout, cache):
    xc, std, gamma = cache
    dxhat = dout * gamma
    dx = (dxhat - dxhat.mean(axis=0)) / std - xc * (dxhat * xc).mean(axis=0) / std ** 2  # here
    return dx, (dout * xc / std).sum(axis=0)


@dataclass(frozen=True)
class Mistake:
    """One row: see the module."""

    code: Any
    reference: Callable[..., Any]
    shapes: dict[str, str]
    wrt: tuple[str, ...]
    words: str
    line: bool = True
    fixed: bool = True


MISTAKES = {row.code[1].__name__ if isinstance(row.code, tuple) else row.code.__name__: row for row in (
    Mistake(no_mean, softmax, CLASSES, ("W",), "lacks the factor 1/m"),
    Mistake(no_regulariser, softmax, CLASSES, ("W",), "the regulariser"),
    Mistake(regulariser_doubled, softmax, CLASSES, ("W",), "right for reg ‖W‖²"),
    Mistake(regulariser_over_m, softmax, CLASSES, ("W",), "has the factor 1/m, which does not belong there"),
    Mistake(regulariser_summed, softmax, CLASSES, ("W",), "is right only at reg = 0"),
    Mistake(regulariser_subtracted, softmax, CLASSES, ("W",), "the sign of reg W"),
    Mistake(data_negated, softmax, CLASSES, ("W",), "the sign of"),
    Mistake(axis_of_examples, softmax, CLASSES, ("W",), "the wrong axis"),
    Mistake(nothing_subtracted, softmax, CLASSES, ("W",), "the 1 at the right class", line=False),
    Mistake(added_not_subtracted, softmax, CLASSES, ("W",), "the sign of"),
    Mistake(divided_by_classes, softmax, CLASSES, ("W",), "right only where"),
    Mistake(divided_twice, softmax, CLASSES, ("W",), "has the factor 1/m, which does not belong there", line=False),
    Mistake(update_in_the_wrong_branch, softmax, CLASSES, ("W",), "wrong branch"),
    Mistake(regulariser_inside_the_loop, softmax, CLASSES, ("W",), "lacks the factor 1/m"),
    Mistake(no_mean_and_a_sign, softmax, CLASSES, ("W",), "lacks the factor 1/m", line=False),
    Mistake(svm_halved_regulariser, hinge, CLASSES, ("W",), "1/2"),
    Mistake(svm_count_forgotten, hinge, CLASSES, ("W",), "wrong only where c = y_i"),
    Mistake(svm_right_class_forgotten, hinge, CLASSES, ("W",), "wrong only where c = y_i", line=False),
    Mistake(svm_margins_for_mask, hinge, CLASSES, ("W",), "", line=False),
    Mistake(svm_wrong_class_updated, hinge, CLASSES, ("W",), "lacks"),
    Mistake(svm_margin_of_two, hinge, CLASSES, ("W",), "", line=False),
    Mistake(logistic_label_first, logistic, VECTOR, ("w",), "the sign of"),
    Mistake(logistic_label_added, logistic, VECTOR, ("w",), "sign"),
    Mistake(logistic_sum, logistic, VECTOR, ("w",), "lacks the factor 1/m"),
    Mistake(squares_no_two, squares, VECTOR, ("w",), "1/2"),
    Mistake(squares_by_features, squares, VECTOR, ("w",), "divided by d where m was meant"),
    Mistake(net_mask_forgotten, net, NET, ("W1",), "mask", line=False),
    Mistake(net_mask_of_the_gradient, net, NET, ("W1",), ""),
    Mistake(sigmoid_forgotten, sigmoid_net, NET, ("W1",), "derivative of an activation"),
    Mistake(sigmoid_half, sigmoid_net, NET, ("W1",), "h_ir² v_ic"),
    Mistake(tanh_without_the_square, tanh_net, NET, ("W1",), "power"),
    Mistake((affine_forward, affine_bias_over_features), affine, AFFINE, ("x", "w", "b"), "has the factor 1/m, which does not belong there"),
    Mistake((affine_forward, affine_doubled), affine, AFFINE, ("x", "w", "b"), "multiplied by 2"),
    Mistake((normalised_forward, normalised_mean_forgotten), normalised, NORMALISED, ("x", "gamma"), "", line=False),
    Mistake((normalised_forward, normalised_power), normalised, NORMALISED, ("x", "gamma"), ""),
)}
