"""The multiclass support vector machine, as many people write it."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row


def hinge(W, X, y, reg):
    m = X.shape[0]
    s = X @ W
    margins = jnp.maximum(0.0, s - s[jnp.arange(m), y][:, None] + 1.0)
    margins = margins.at[jnp.arange(m), y].set(0.0)
    return jnp.sum(margins) / m + reg * jnp.sum(W * W)


def half_hinge(W, X, y, reg):
    m = X.shape[0]
    s = X @ W
    margins = jnp.maximum(0.0, s - s[jnp.arange(m), y][:, None] + 1.0)
    return jnp.sum(jnp.where(y[:, None] == jnp.arange(W.shape[1]), 0.0, margins)) / m + 0.5 * reg * jnp.sum(W * W)


def hinge_columns(W, X, y, reg):
    n = X.shape[1]
    s = W @ X
    margins = jnp.maximum(0.0, s - s[y, jnp.arange(n)] + 1.0).at[y, jnp.arange(n)].set(0.0)
    return jnp.sum(margins) / n + 0.5 * reg * jnp.sum(W * W)


def squared_hinge(W, X, y, reg):
    m = X.shape[0]
    s = X @ W
    margins = jnp.maximum(0.0, s - s[jnp.arange(m), y][:, None] + 1.0).at[jnp.arange(m), y].set(0.0)
    return jnp.sum(margins**2) / m + reg * jnp.sum(W * W)


def hinge_scores(x, y):
    n = x.shape[0]
    margins = jnp.maximum(0.0, x - x[jnp.arange(n), y][:, None] + 1.0).at[jnp.arange(n), y].set(0.0)
    return jnp.sum(margins) / n


def binary_hinge(w, b, X, t, C):
    return 0.5 * jnp.sum(w * w) + C * jnp.sum(jnp.maximum(0.0, 1.0 - t * (X @ w + b)))


SHAPES = {"W": "d k", "X": "m d", "y": "int m", "reg": ""}
DRAWS = {"y": "k", "reg": "positive"}
FULL = Family(hinge, ("W",), SHAPES, DRAWS)
HALF = Family(half_hinge, ("W",), SHAPES, DRAWS)
COLUMNS = Family(hinge_columns, ("W",), {"W": "k d", "X": "d m", "y": "int m", "reg": ""}, DRAWS)
SQUARED = Family(squared_hinge, ("W",), SHAPES, DRAWS)
SCORES = Family(hinge_scores, ("x",), {"x": "n c", "y": "int n"}, {"y": "c"})
BINARY = Family(binary_hinge, ("w", "b"), {"w": "d", "b": "", "X": "m d", "t": "m", "C": ""}, {"t": "sign", "C": "positive"})


def svm_loss_naive(W, X, y, reg):
    dW = np.zeros(W.shape)  # initialize the gradient as zero
    num_classes = W.shape[1]
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        correct_class_score = scores[y[i]]
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - correct_class_score + 1  # note delta = 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= num_train
    dW /= num_train
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW


def svm_naive_counting(W, X, y, reg):
    dW = np.zeros_like(W)
    N = X.shape[0]
    loss = 0.0
    for i in range(N):
        s = X[i, :] @ W
        count = 0
        for j in range(W.shape[1]):
            if j != y[i]:
                margin = s[j] - s[y[i]] + 1.0
                if margin > 0:
                    count += 1
                    loss += margin
                    dW[:, j] += X[i, :].T
        dW[:, y[i]] += -count * X[i, :].T
    return loss / N + 0.5 * reg * np.sum(W * W), dW / N + reg * W


def svm_loss_vectorized(W, X, y, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    correct = scores[np.arange(num_train), y]
    margins = np.maximum(0, scores - correct[:, np.newaxis] + 1)
    margins[np.arange(num_train), y] = 0
    loss = np.sum(margins) / num_train + reg * np.sum(W * W)
    binary = margins
    binary[margins > 0] = 1
    row_sum = np.sum(binary, axis=1)
    binary[np.arange(num_train), y] = -row_sum.T
    dW = np.dot(X.T, binary) / num_train
    dW += 2 * reg * W
    return loss, dW


def svm_mask_float(W, X, y, reg):
    m = X.shape[0]
    S = X @ W
    M = S - S[range(m), y].reshape(m, 1) + 1
    M[range(m), y] = 0
    mask = (M > 0).astype(float)
    mask[range(m), y] -= mask.sum(axis=1)
    loss = (M * (M > 0)).sum() / m + reg * np.square(W).sum()
    return loss, X.T @ mask / m + reg * 2 * W


def svm_subtract_the_one(W, X, y, reg):
    # counts the right class in, and takes it out again
    N = len(y)
    scores = X.dot(W)
    margins = np.clip(scores - scores[np.arange(N), y][:, None] + 1, 0, None)
    loss = margins.sum() / N - 1 + 0.5 * reg * (W * W).sum()
    pos = np.zeros(margins.shape)
    pos[margins > 0] = 1
    pos[np.arange(N), y] = 1 - pos.sum(axis=1)
    return loss, X.T.dot(pos) / N + reg * W


def svm_transposed(W, X, y, reg):
    N = X.shape[1]
    scores = W.dot(X)
    margins = scores - scores[y, np.arange(N)] + 1
    margins = np.where(margins > 0, margins, 0)
    margins[y, np.arange(N)] = 0
    loss = margins.sum() / N + 0.5 * reg * np.sum(W ** 2)
    G = np.where(margins > 0, 1.0, 0.0)
    G[y, np.arange(N)] = -np.sum(G, axis=0)
    return loss, np.dot(G, X.T) / N + reg * W


def svm_half_vectorized(W, X, y, reg):
    dW = np.zeros_like(W)
    loss = 0.0
    for xi, yi in zip(X, y):
        s = xi.dot(W)
        margin = np.maximum(0.0, s - s[yi] + 1.0)
        margin[yi] = 0.0
        loss += margin.sum()
        ind = (margin > 0) * 1.0
        ind[yi] = -ind.sum()
        dW += np.outer(xi, ind)
    n = X.shape[0]
    return loss / n + reg * np.sum(W * W), dW / n + 2.0 * reg * W


def svm_squared_hinge(W, X, y, reg):
    num_train = X.shape[0]
    scores = np.dot(X, W)
    margins = np.maximum(0.0, scores - scores[np.arange(num_train), y][:, None] + 1.0)
    margins[np.arange(num_train), y] = 0.0
    loss = np.sum(margins ** 2) / num_train + reg * np.sum(W * W)
    dscores = 2.0 * margins / num_train
    dscores[np.arange(num_train), y] -= np.sum(dscores, axis=1)
    dW = X.T.dot(dscores) + 2.0 * reg * W
    return loss, dW


def svm_layer(x, y):
    N = x.shape[0]
    correct_class_scores = x[np.arange(N), y]
    margins = np.maximum(0, x - correct_class_scores[:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    loss = np.sum(margins) / N
    num_pos = np.sum(margins > 0, axis=1)
    dx = np.zeros_like(x)
    dx[margins > 0] = 1
    dx[np.arange(N), y] -= num_pos
    dx /= N
    return loss, dx


def svm_boolean_loads(x, y):
    n, c = x.shape
    hot = np.zeros((n, c), dtype=bool)
    hot[np.arange(n), y] = True
    correct = np.sum(x * hot, axis=1, keepdims=True)
    margin = x - correct + 1
    active = (margin > 0) & ~hot
    loss = margin[active].sum() / n
    grad = active.astype(np.float64) - hot * active.sum(axis=1, keepdims=True)
    return loss, grad / n


def svm_one_liner(W, X, y, reg):
    N = X.shape[0]
    hot = np.equal(y[:, None], np.arange(W.shape[1])[None, :])
    s = X @ W
    g = np.logical_and(s - (s * hot).sum(1, keepdims=True) + 1 > 0, ~hot) * 1.0
    return X.T @ (g - hot * g.sum(1, keepdims=True)) / N + 2 * reg * W


def svm_binary(w, b, X, t, C):
    margin = t * (X.dot(w) + b)
    viol = margin < 1
    loss = 0.5 * np.dot(w, w) + C * np.sum((1 - margin) * viol)
    dw = w - C * np.dot(X.T, t * viol)
    db = -C * np.sum(t[viol])
    return loss, dw, db


def svm_binary_pegasos(w, b, X, t, C):
    grad_w = w.copy()
    grad_b = 0.0
    for i in range(len(t)):
        if t[i] * (np.dot(X[i], w) + b) < 1:
            grad_w = grad_w - C * t[i] * X[i]
            grad_b = grad_b - C * t[i]
    return grad_w, grad_b


# ------------------------------------------------------------------------------------------- wrong ones


def svm_forgot_the_right_class(W, X, y, reg):
    N = X.shape[0]
    s = X.dot(W)
    margins = np.maximum(0, s - s[np.arange(N), y][:, None] + 1)
    margins[np.arange(N), y] = 0
    loss = margins.sum() / N + reg * np.sum(W * W)
    mask = np.zeros_like(margins)
    mask[margins > 0] = 1
    return loss, X.T.dot(mask) / N + 2 * reg * W


def svm_counts_one_too_many(W, X, y, reg):
    N = X.shape[0]
    s = X.dot(W)
    margins = np.maximum(0, s - s[np.arange(N), y][:, None] + 1)
    mask = (margins > 0) * 1.0
    count = mask.sum(axis=1)
    margins[np.arange(N), y] = 0
    loss = margins.sum() / N + reg * np.sum(W * W)
    mask[np.arange(N), y] = -count
    return loss, X.T.dot(mask) / N + 2 * reg * W


def svm_where_discarded(x, y):
    n = x.shape[0]
    margins = np.maximum(0, x - x[np.arange(n), y][:, None] + 1)
    margins[np.arange(n), y] = 0
    loss = margins.sum() / n
    np.where(margins > 0, 1, 0)
    margins[np.arange(n), y] = -margins.sum(axis=1)
    return loss, margins / n


def svm_no_reg_gradient(W, X, y, reg):
    loss = 0.0
    dW = np.zeros_like(W)
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            margin = scores[j] - scores[y[i]] + 1
            if j != y[i] and margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    return loss / X.shape[0] + reg * np.sum(W * W), dW / X.shape[0]


ROWS = [
    *(row(FULL, f) for f in (svm_loss_naive, svm_loss_vectorized, svm_mask_float, svm_half_vectorized, svm_one_liner)),
    row(HALF, svm_naive_counting),
    row(HALF, svm_subtract_the_one),
    row(COLUMNS, svm_transposed),
    row(SQUARED, svm_squared_hinge),
    row(SCORES, svm_layer),
    row(SCORES, svm_boolean_loads),
    row(BINARY, svm_binary),
    row(BINARY, svm_binary_pegasos),
    row(FULL, svm_forgot_the_right_class, fault="the right class gets no gradient"),
    row(FULL, svm_counts_one_too_many, fault="the count of margins includes the right class"),
    row(SCORES, svm_where_discarded, fault="the result of np.where is discarded: margins stand where counts should"),
    row(FULL, svm_no_reg_gradient, fault="the regulariser has no gradient"),
]
