"""The softmax classifier, as many people write it, right and wrong."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row


def half_reg(W, X, y, reg):
    logp = jax.nn.log_softmax(X @ W, axis=1)
    return -jnp.mean(logp[jnp.arange(X.shape[0]), y]) + 0.5 * reg * jnp.sum(W * W)


SHAPES = {"W": "d k", "X": "m d", "y": "int m", "reg": ""}
HALF = Family(half_reg, ("W",), SHAPES, {"y": "k", "reg": "positive"})


def softmax_loss_naive(W, X, y, reg):
    """Softmax loss function, naive implementation (with loops)"""
    # Initialize the loss and gradient to zero.
    loss = 0.0
    dW = np.zeros_like(W)
    num_train = X.shape[0]
    num_classes = W.shape[1]
    for i in range(num_train):
        f = X[i].dot(W)
        f -= np.max(f)
        sum_f = np.sum(np.exp(f))
        loss += -f[y[i]] + np.log(sum_f)
        for j in range(num_classes):
            p = np.exp(f[j]) / sum_f
            if j == y[i]:
                dW[:, j] += (p - 1) * X[i]
            else:
                dW[:, j] += p * X[i]
    loss /= num_train
    dW /= num_train
    loss += 0.5 * reg * np.sum(W * W)
    dW += reg * W
    return loss, dW


def softmax_naive_lambda(W, X, y, reg):
    loss = 0.0
    dW = np.zeros(W.shape)
    N = X.shape[0]
    for i in range(N):
        f_i = X[i].dot(W)
        f_i -= np.max(f_i)
        sum_j = np.sum(np.exp(f_i))
        p = lambda k: np.exp(f_i[k]) / sum_j
        loss += -np.log(p(y[i]))
        for k in range(W.shape[1]):
            p_k = p(k)
            dW[:, k] += (p_k - (k == y[i])) * X[i]
    loss = loss / N + 0.5 * reg * np.sum(W * W)
    dW = dW / N + reg * W
    return loss, dW


def softmax_naive_three_loops(W, X, y, reg):
    # everything with scalars
    D, C = W.shape
    N = X.shape[0]
    loss = 0.0
    dW = np.zeros((D, C))
    for i in range(N):
        scores = [sum(X[i, d] * W[d, c] for d in range(D)) for c in range(C)]
        denom = 0.0
        for s in scores:
            denom += np.exp(s)
        loss -= np.log(np.exp(scores[y[i]]) / denom)
        for c in range(C):
            g = np.exp(scores[c]) / denom
            if c == y[i]:
                g -= 1.0
            for d in range(D):
                dW[d, c] += g * X[i, d]
    loss = loss / N + 0.5 * reg * np.sum(W ** 2)
    return loss, dW / N + reg * W


def softmax_loss_vectorized(W, X, y, reg):
    num_train = X.shape[0]
    f = X.dot(W)
    f -= np.max(f, axis=1, keepdims=True)  # max of every sample
    sum_f = np.sum(np.exp(f), axis=1, keepdims=True)
    p = np.exp(f) / sum_f
    loss = np.sum(-np.log(p[np.arange(num_train), y]))
    ind = np.zeros_like(p)
    ind[np.arange(num_train), y] = 1
    dW = X.T.dot(p - ind)
    loss /= num_train
    loss += 0.5 * reg * np.sum(W * W)
    dW /= num_train
    dW += reg * W
    return loss, dW


def softmax_cs231n_notes(W, X, y, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W)
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    correct_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(correct_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W)
    loss = data_loss + reg_loss
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW = np.dot(X.T, dscores)
    dW += reg * W
    return loss, dW


def softmax_one_liner(W, X, y, reg):
    P = (lambda E: E / E.sum(1)[:, None])(np.exp(X @ W))
    return X.T @ (P - np.eye(W.shape[1])[y]) / len(y) + reg * W


def softmax_matrix_class(W, X, y, reg):
    Xm = np.matrix(X)
    Wm = np.matrix(W)
    m = Xm.shape[0]
    S = np.exp(Xm * Wm)
    P = S / S.sum(axis=1)
    Y = np.matrix(np.zeros((m, Wm.shape[1])))
    Y[np.arange(m), y] = 1
    grad = Xm.T * (P - Y) / m + reg * Wm
    return np.asarray(grad)


def softmax_choose(W, X, y, reg):
    num_train = X.shape[0]
    s = X.dot(W)
    s -= s.max(1)[:, None]
    correct = np.choose(y, s.T)
    sumexp = np.exp(s).sum(axis=1)
    loss = np.mean(np.log(sumexp) - correct) + 0.5 * reg * np.sum(W * W)
    dS = np.exp(s) / sumexp[:, None]
    dS[np.arange(num_train), y] -= 1
    return loss, X.T.dot(dS) / num_train + reg * W


def softmax_mask_broadcast(W, X, y, reg):
    # no fancy indexing at all: compare labels with all the classes
    C = W.shape[1]
    mask = (y.reshape(-1, 1) == np.arange(C)).astype(float)
    logits = X.dot(W)
    logits -= logits.max(axis=1, keepdims=True)
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    loss = -(mask * np.log(p)).sum() / X.shape[0] + 0.5 * reg * (W * W).sum()
    return loss, np.einsum("nd,nc->dc", X, p - mask) / X.shape[0] + reg * W


# ------------------------------------------------------------------------------------------- wrong ones


def softmax_reg_twice(W, X, y, reg):
    N = X.shape[0]
    f = X.dot(W)
    f -= f.max(axis=1, keepdims=True)
    p = np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(N), y]).mean() + 0.5 * reg * np.sum(W * W)
    p[np.arange(N), y] -= 1
    return loss, X.T.dot(p) / N + 2 * reg * W


def softmax_reg_divided(W, X, y, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    scores -= np.max(scores, axis=1, keepdims=True)
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    loss = -np.sum(np.log(probs[np.arange(num_train), y])) / num_train + 0.5 * reg * np.sum(W * W)
    probs[np.arange(num_train), y] -= 1
    dW = X.T.dot(probs)
    dW /= num_train + reg * W
    return loss, dW


def softmax_sum_without_axis(W, X, y, reg):
    N = X.shape[0]
    scores = np.exp(X.dot(W))
    p = scores / np.sum(scores)
    loss = -np.mean(np.log(p[np.arange(N), y])) + 0.5 * reg * np.sum(W * W)
    p[np.arange(N), y] -= 1
    return loss, X.T.dot(p) / N + reg * W


def softmax_update_in_wrong_branch(W, X, y, reg):
    dW = np.zeros_like(W)
    loss = 0.0
    for i in range(X.shape[0]):
        s = X[i].dot(W)
        s -= np.max(s)
        e = np.exp(s)
        for j in range(W.shape[1]):
            if j == y[i]:
                dW[:, j] -= X[i]
            else:
                dW[:, j] += e[j] / np.sum(e) * X[i]
        loss += np.log(np.sum(e)) - s[y[i]]
    return loss / X.shape[0] + 0.5 * reg * np.sum(W * W), dW / X.shape[0] + reg * W


def softmax_buffered_update(W, X, y, reg):
    N = X.shape[0]
    p = np.exp(X.dot(W))
    p /= p.sum(axis=1, keepdims=True)
    dW = X.T.dot(p)
    dW[:, y] -= X.T  # a label that occurs twice is counted once
    return dW / N + reg * W


def softmax_other_convention(W, X, y, reg):
    N = X.shape[0]
    p = np.exp(X.dot(W))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(N), y]).sum() / N + reg * np.sum(W * W)
    p[np.arange(N), y] -= 1
    return loss, X.T.dot(p) / N + 2 * reg * W


def softmax_missing_mean(W, X, y, reg):
    f = X.dot(W)
    f -= np.max(f, axis=1, keepdims=True)
    p = np.exp(f) / np.sum(np.exp(f), axis=1, keepdims=True)
    p[np.arange(X.shape[0]), y] -= 1
    return X.T.dot(p) + reg * W


ROWS = [
    *(row(HALF, f) for f in (softmax_loss_naive, softmax_naive_lambda, softmax_naive_three_loops, softmax_loss_vectorized, softmax_cs231n_notes,
                             softmax_one_liner, softmax_matrix_class, softmax_choose, softmax_mask_broadcast)),
    row(HALF, softmax_reg_twice, fault="2λW is the gradient of λ‖W‖², the loss has half of it"),
    row(HALF, softmax_reg_divided, fault="divides by m + λW where λW should be added"),
    row(HALF, softmax_sum_without_axis, fault="the sum of the softmax runs over all examples"),
    row(HALF, softmax_update_in_wrong_branch, fault="the right class gets −1 and not p − 1"),
    row(HALF, softmax_buffered_update, fault="labels that occur twice are counted once"),
    row(HALF, softmax_other_convention, fault="has λ‖W‖² where the reference has half of it", own=True),
    row(HALF, softmax_missing_mean, fault="1/m is missing"),
]
