"""Recurrent nets: one step, and through time."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row


def rnn_step(x, h, Wx, Wh, b):
    return jnp.tanh(x @ Wx + h @ Wh + b)


def lstm_step(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    a = x @ Wx + h @ Wh + b
    i, f, o = (jax.nn.sigmoid(a[:, n * H:(n + 1) * H]) for n in range(3))
    g = jnp.tanh(a[:, 3 * H:])
    return o * jnp.tanh(f * c + i * g)


def gru_step(x, h, Wz, Uz, Wr, Ur, Wn, Un):
    z = jax.nn.sigmoid(x @ Wz + h @ Uz)
    r = jax.nn.sigmoid(x @ Wr + h @ Ur)
    n = jnp.tanh(x @ Wn + (r * h) @ Un)
    return (1 - z) * n + z * h


def rnn_three(x, h0, Wx, Wh):
    """Three steps in time."""
    h, out = h0, []
    for t in range(3):
        h = jnp.tanh(x[t] @ Wx + h @ Wh)
        out.append(h)
    return jnp.stack(out)


def rnn_loss(Wx, Wh, x, h0, target):
    h = h0
    loss = 0.0
    for t in range(4):
        h = jnp.tanh(x[t] @ Wx + h @ Wh)
        loss += 0.5 * jnp.sum((h - target[t]) ** 2)
    return loss


RNN = Family(rnn_step, ("x", "h", "Wx", "Wh", "b"), {"x": "n d", "h": "n h", "Wx": "d h", "Wh": "h h", "b": "h"})
LSTM = Family(lstm_step, ("x", "h", "c", "Wx", "Wh", "b"),
              {"x": "n d", "h": "n k", "c": "n k", "Wx": "d 4*k", "Wh": "k 4*k", "b": "4*k"})
GRU = Family(gru_step, ("x", "h", "Wz", "Uz", "Wr", "Ur", "Wn", "Un"),
             {"x": "n d", "h": "n k", "Wz": "d k", "Uz": "k k", "Wr": "d k", "Ur": "k k", "Wn": "d k", "Un": "k k"})
RNN_THREE = Family(rnn_three, ("x", "h0", "Wx", "Wh"), {"x": "3 n d", "h0": "n h", "Wx": "d h", "Wh": "h h"})
RNN_LOSS = Family(rnn_loss, ("Wx", "Wh"), {"Wx": "d h", "Wh": "h h", "x": "4 d", "h0": "h", "target": "4 h"})


def rnn_step_forward(x, h, Wx, Wh, b):
    next_h = np.tanh(x.dot(Wx) + h.dot(Wh) + b)
    return next_h, (x, h, Wx, Wh, next_h)


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    dtanh = (1 - next_h ** 2) * dnext_h
    dx = dtanh.dot(Wx.T)
    dprev_h = dtanh.dot(Wh.T)
    dWx = x.T.dot(dtanh)
    dWh = prev_h.T.dot(dtanh)
    db = np.sum(dtanh, axis=0)
    return dx, dprev_h, dWx, dWh, db


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_step_forward(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    a = x.dot(Wx) + h.dot(Wh) + b
    i = _sigmoid(a[:, :H])
    f = _sigmoid(a[:, H:2 * H])
    o = _sigmoid(a[:, 2 * H:3 * H])
    g = np.tanh(a[:, 3 * H:])
    next_c = f * c + i * g
    next_h = o * np.tanh(next_c)
    return next_h, (x, h, c, Wx, Wh, i, f, o, g, next_c)


def lstm_step_backward(dnext_h, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c = cache
    tanh_c = np.tanh(next_c)
    do = dnext_h * tanh_c
    dnext_c = dnext_h * o * (1 - tanh_c ** 2)
    df = dnext_c * prev_c
    di = dnext_c * g
    dg = dnext_c * i
    dprev_c = dnext_c * f
    da = np.hstack((di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g ** 2)))
    return da.dot(Wx.T), da.dot(Wh.T), dprev_c, x.T.dot(da), prev_h.T.dot(da), da.sum(axis=0)


def gru_step_forward(x, h, Wz, Uz, Wr, Ur, Wn, Un):
    z = _sigmoid(x @ Wz + h @ Uz)
    r = _sigmoid(x @ Wr + h @ Ur)
    rh = r * h
    n = np.tanh(x @ Wn + rh @ Un)
    out = (1 - z) * n + z * h
    cache = dict(x=x, h=h, z=z, r=r, n=n, rh=rh, weights=(Wz, Uz, Wr, Ur, Wn, Un))
    return out, cache


def gru_step_backward(dout, cache):
    x, h, z, r, n, rh = [cache[key] for key in ("x", "h", "z", "r", "n", "rh")]
    Wz, Uz, Wr, Ur, Wn, Un = cache["weights"]
    dn = dout * (1 - z)
    dz = dout * (h - n)
    dh = dout * z
    dan = dn * (1 - n * n)
    drh = dan @ Un.T
    dr = drh * h
    dh += drh * r
    daz = dz * z * (1 - z)
    dar = dr * r * (1 - r)
    dh += daz @ Uz.T + dar @ Ur.T
    dx = dan @ Wn.T + daz @ Wz.T + dar @ Wr.T
    return dx, dh, x.T @ daz, h.T @ daz, x.T @ dar, h.T @ dar, x.T @ dan, rh.T @ dan


def rnn_forward(x, h0, Wx, Wh):
    T, N, D = x.shape
    h = np.zeros((T, N, h0.shape[1]))
    prev = h0
    for t in range(T):
        prev = np.tanh(x[t].dot(Wx) + prev.dot(Wh))
        h[t] = prev
    return h, (x, h0, Wx, Wh, h)


def rnn_backward(dh, cache):
    x, h0, Wx, Wh, h = cache
    T, N, D = x.shape
    dx, dWx, dWh = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh)
    dprev = np.zeros_like(h0)
    for t in reversed(range(T)):
        before = h[t - 1] if t > 0 else h0
        da = (dh[t] + dprev) * (1 - h[t] ** 2)
        dx[t] = da.dot(Wx.T)
        dWx += x[t].T.dot(da)
        dWh += before.T.dot(da)
        dprev = da.dot(Wh.T)
    return dx, dprev, dWx, dWh


def rnn_through_time(Wx, Wh, x, h0, target):
    # min-char-rnn: dictionaries of hidden states
    hs = {-1: np.copy(h0)}
    loss = 0
    for t in range(len(x)):
        hs[t] = np.tanh(np.dot(x[t], Wx) + np.dot(hs[t - 1], Wh))
        loss += 0.5 * np.sum((hs[t] - target[t]) ** 2)
    dWx, dWh = np.zeros_like(Wx), np.zeros_like(Wh)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(x))):
        dh = hs[t] - target[t] + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dWx += np.outer(x[t], dhraw)
        dWh += np.outer(hs[t - 1], dhraw)
        dhnext = np.dot(Wh, dhraw)
    return loss, dWx, dWh


# ------------------------------------------------------------------------------------------- wrong ones


def rnn_backward_stale(dh, cache):
    x, h0, Wx, Wh, h = cache
    dx, dWx, dWh = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh)
    dprev = np.zeros_like(h0)
    for t in reversed(range(x.shape[0])):
        before = h[t - 1] if t > 0 else h0
        da = dh[t] * (1 - h[t] ** 2)
        dx[t] = da.dot(Wx.T)
        dWx += x[t].T.dot(da)
        dWh += before.T.dot(da)
        dprev = da.dot(Wh.T)
    return dx, dprev, dWx, dWh


def gru_step_backward_lost_path(dout, cache):
    x, h, z, r, n, rh = [cache[key] for key in ("x", "h", "z", "r", "n", "rh")]
    Wz, Uz, Wr, Ur, Wn, Un = cache["weights"]
    dan = dout * (1 - z) * (1 - n * n)
    drh = dan @ Un.T
    daz = dout * (h - n) * z * (1 - z)
    dar = drh * h * r * (1 - r)
    dh = dout * z + drh + daz @ Uz.T + dar @ Ur.T
    return dan @ Wn.T + daz @ Wz.T + dar @ Wr.T, dh, x.T @ daz, h.T @ daz, x.T @ dar, h.T @ dar, x.T @ dan, rh.T @ dan


ROWS = [
    row(RNN, rnn_step_forward, rnn_step_backward),
    row(LSTM, lstm_step_forward, lstm_step_backward),
    row(GRU, gru_step_forward, gru_step_backward),
    row(RNN_THREE, rnn_forward, rnn_backward),
    row(RNN_LOSS, rnn_through_time),
    row(RNN_THREE, rnn_forward, rnn_backward_stale, fault="the gradient from the next step is not added"),
    row(GRU, gru_step_forward, gru_step_backward_lost_path, fault="the reset gate is missing on the way back to the state"),
]
