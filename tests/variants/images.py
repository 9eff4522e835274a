"""Convolution and pooling."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row


def conv(x, w, b):
    """3 × 3 windows, stride 1, one pixel of padding."""
    out = jax.lax.conv_general_dilated(x, w, (1, 1), ((1, 1), (1, 1)))
    return out + b[None, :, None, None]


def conv_valid(x, w):
    """One channel, 2 × 2 windows, no padding."""
    H, W = x.shape[1] - 1, x.shape[2] - 1
    return sum(w[a, c] * x[:, a:a + H, c:c + W] for a in range(2) for c in range(2))


def conv_line(x, w):
    """A line of n numbers with a filter of three."""
    n = x.shape[0]
    return w[0] * x[0:n - 2] + w[1] * x[1:n - 1] + w[2] * x[2:n]


def max_pool(x):
    """2 × 2 windows, stride 2."""
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def average_pool(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).mean(axis=(3, 5))


def global_average(x):
    return jnp.mean(x, axis=(2, 3))


def total_variation(x, lam):
    """Squared differences of neighbours."""
    return lam * (jnp.sum((x[1:, :] - x[:-1, :]) ** 2) + jnp.sum((x[:, 1:] - x[:, :-1]) ** 2))


IMAGE = ({"n": 2, "c": 3, "h": 4, "w": 5, "f": 2}, {"n": 1, "c": 2, "h": 3, "w": 3, "f": 3}, {"n": 1, "c": 1, "h": 1, "w": 2, "f": 1})
EVEN = ({"n": 2, "c": 3, "h": 2, "w": 3}, {"n": 1, "c": 2, "h": 1, "w": 2}, {"n": 1, "c": 1, "h": 1, "w": 1})
CONV = Family(conv, ("x", "w", "b"), {"x": "n c h w", "w": "f c 3 3", "b": "f"}, sizes=IMAGE)
VALID = Family(conv_valid, ("x", "w"), {"x": "n h w", "w": "2 2"}, sizes=({"n": 2, "h": 4, "w": 3}, {"n": 1, "h": 2, "w": 2}, {"n": 3, "h": 3, "w": 5}))
LINE = Family(conv_line, ("x", "w"), {"x": "n", "w": "3"}, sizes=({"n": 7}, {"n": 3}, {"n": 4}))
MAX = Family(max_pool, ("x",), {"x": "n c 2*h 2*w"}, sizes=EVEN)
AVERAGE = Family(average_pool, ("x",), {"x": "n c 2*h 2*w"}, sizes=EVEN)
GLOBAL = Family(global_average, ("x",), {"x": "n c h w"})
VARIATION = Family(total_variation, ("x",), {"x": "h w", "lam": ""}, {"lam": "positive"}, sizes=({"h": 3, "w": 4}, {"h": 2, "w": 2}, {"h": 5, "w": 2}))


def conv_forward_naive(x, w, b):
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    x_pad = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="constant")
    H_out = 1 + (H + 2 - HH)
    W_out = 1 + (W + 2 - WW)
    out = np.zeros((N, F, H_out, W_out))
    for n in range(N):
        for f in range(F):
            for i in range(H_out):
                for j in range(W_out):
                    out[n, f, i, j] = np.sum(x_pad[n, :, i:i + HH, j:j + WW] * w[f]) + b[f]
    return out, (x, w, b)


def conv_backward_naive(dout, cache):
    x, w, b = cache
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    x_pad = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="constant")
    dx_pad = np.zeros_like(x_pad)
    dw = np.zeros_like(w)
    db = np.zeros_like(b)
    _, _, H_out, W_out = dout.shape
    for n in range(N):
        for f in range(F):
            for i in range(H_out):
                for j in range(W_out):
                    dw[f] += x_pad[n, :, i:i + HH, j:j + WW] * dout[n, f, i, j]
                    dx_pad[n, :, i:i + HH, j:j + WW] += w[f] * dout[n, f, i, j]
                    db[f] += dout[n, f, i, j]
    dx = dx_pad[:, :, 1:-1, 1:-1]
    return dx, dw, db


def _columns(x_pad, HH, WW, H_out, W_out):
    N, C = x_pad.shape[:2]
    cols = np.zeros((N, C, HH, WW, H_out, W_out))
    for a in range(HH):
        for b in range(WW):
            cols[:, :, a, b] = x_pad[:, :, a:a + H_out, b:b + W_out]
    return cols.transpose(1, 2, 3, 0, 4, 5).reshape(C * HH * WW, -1)


def conv_forward_im2col(x, w, b):
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    x_pad = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    cols = _columns(x_pad, HH, WW, H, W)
    res = w.reshape(F, -1) @ cols + b.reshape(-1, 1)
    out = res.reshape(F, N, H, W).transpose(1, 0, 2, 3)
    return out, (x, w, cols)


def conv_backward_im2col(dout, cache):
    x, w, cols = cache
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    db = np.sum(dout, axis=(0, 2, 3))
    d = dout.transpose(1, 0, 2, 3).reshape(F, -1)
    dw = d.dot(cols.T).reshape(w.shape)
    dcols = w.reshape(F, -1).T.dot(d).reshape(C, HH, WW, N, H, W).transpose(3, 0, 1, 2, 4, 5)
    dx = np.zeros((N, C, H + 2, W + 2))
    for a in range(HH):
        for b in range(WW):
            dx[:, :, a:a + H, b:b + W] += dcols[:, :, a, b]
    return dx[:, :, 1:-1, 1:-1], dw, db


def conv_small_forward(x, w):
    n, h, wd = x.shape
    out = np.zeros((n, h - 1, wd - 1))
    for i in range(h - 1):
        for j in range(wd - 1):
            out[:, i, j] = np.sum(x[:, i:i + 2, j:j + 2] * w, axis=(1, 2))
    return out, (x, w)


def conv_small_backward(dout, cache):
    x, w = cache
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(dout.shape[1]):
        for j in range(dout.shape[2]):
            dx[:, i:i + 2, j:j + 2] += w * dout[:, i, j][:, None, None]
            dw += np.einsum("n,nab->ab", dout[:, i, j], x[:, i:i + 2, j:j + 2])
    return dx, dw


def conv_line_forward(x, w):
    return w[0] * x[:-2] + w[1] * x[1:-1] + w[2] * x[2:], (x, w)


def conv_line_backward(dout, cache):
    x, w = cache
    dx = np.zeros_like(x)
    dx[:-2] += w[0] * dout
    dx[1:-1] += w[1] * dout
    dx[2:] += w[2] * dout
    dw = np.array([np.dot(dout, x[:-2]), np.dot(dout, x[1:-1]), np.dot(dout, x[2:])])
    return dx, dw


def max_pool_forward(x):
    N, C, H, W = x.shape
    out = np.zeros((N, C, H // 2, W // 2))
    for i in range(H // 2):
        for j in range(W // 2):
            out[:, :, i, j] = np.max(x[:, :, 2 * i:2 * i + 2, 2 * j:2 * j + 2], axis=(2, 3))
    return out, x


def max_pool_backward(dout, cache):
    x = cache
    N, C, H, W = x.shape
    dx = np.zeros_like(x)
    for n in range(N):
        for c in range(C):
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    window = x[n, c, 2 * i:2 * i + 2, 2 * j:2 * j + 2]
                    mask = window == np.max(window)
                    dx[n, c, 2 * i:2 * i + 2, 2 * j:2 * j + 2] += mask * dout[n, c, i, j]
    return dx


def average_pool_forward(x):
    N, C, H, W = x.shape
    return x.reshape(N, C, H // 2, 2, W // 2, 2).mean(axis=(3, 5)), x.shape


def average_pool_backward(dout, cache):
    return np.repeat(np.repeat(dout, 2, axis=2), 2, axis=3) / 4.0


def global_average_forward(x):
    return x.mean(axis=(2, 3)), x.shape


def global_average_backward(dout, cache):
    N, C, H, W = cache
    return np.ones((N, C, H, W)) * dout[:, :, None, None] / (H * W)


def total_variation_gradient(x, lam):
    down = x[1:, :] - x[:-1, :]
    right = x[:, 1:] - x[:, :-1]
    loss = lam * (np.sum(down ** 2) + np.sum(right ** 2))
    dx = np.zeros_like(x)
    dx[1:, :] += 2 * down
    dx[:-1, :] -= 2 * down
    dx[:, 1:] += 2 * right
    dx[:, :-1] -= 2 * right
    return loss, lam * dx


# ------------------------------------------------------------------------------------------- wrong ones


def conv_line_backward_flipped(dout, cache):
    x, w = cache
    dx = np.zeros_like(x)
    dx[:-2] += w[2] * dout
    dx[1:-1] += w[1] * dout
    dx[2:] += w[0] * dout
    dw = np.array([np.dot(dout, x[:-2]), np.dot(dout, x[1:-1]), np.dot(dout, x[2:])])
    return dx, dw


def average_pool_backward_undivided(dout, cache):
    return np.repeat(np.repeat(dout, 2, axis=2), 2, axis=3)


ROWS = [
    row(CONV, conv_forward_naive, conv_backward_naive),
    row(CONV, conv_forward_im2col, conv_backward_im2col),
    row(VALID, conv_small_forward, conv_small_backward),
    row(LINE, conv_line_forward, conv_line_backward),
    row(MAX, max_pool_forward, max_pool_backward),
    row(AVERAGE, average_pool_forward, average_pool_backward),
    row(GLOBAL, global_average_forward, global_average_backward),
    row(VARIATION, total_variation_gradient),
    row(LINE, conv_line_forward, conv_line_backward_flipped, fault="the filter is flipped"),
    row(AVERAGE, average_pool_forward, average_pool_backward_undivided, fault="each pixel gets the whole, not a quarter"),
]
