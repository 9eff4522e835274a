"""Attention: plain, causal, batched over heads, and with heads that are split from the features."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row


def attention(q, k, v):
    a = jax.nn.softmax(q @ k.T / jnp.sqrt(1.0 * q.shape[1]), axis=-1)
    return a @ v


def causal(q, k, v):
    t = q.shape[0]
    s = q @ k.T / jnp.sqrt(1.0 * q.shape[1])
    s = jnp.where(jnp.tril(jnp.ones((t, t), bool)), s, -jnp.inf)
    return jax.nn.softmax(s, axis=-1) @ v


def heads(q, k, v):
    """Batched over heads: heads × time × features."""
    s = jnp.einsum("htd,hsd->hts", q, k) / jnp.sqrt(1.0 * q.shape[2])
    return jnp.einsum("hts,hsd->htd", jax.nn.softmax(s, axis=-1), v)


def multi_head(x, Wq, Wk, Wv):
    """Two heads: the features are split in two."""
    t = x.shape[0]
    q, k, v = (jnp.swapaxes((x @ w).reshape(t, 2, -1), 0, 1) for w in (Wq, Wk, Wv))
    a = jax.nn.softmax(q @ jnp.swapaxes(k, 1, 2), axis=-1)
    return jnp.swapaxes(a @ v, 0, 1).reshape(t, -1)


QKV = {"q": "t d", "k": "s d", "v": "s e"}
ATTENTION = Family(attention, ("q", "k", "v"), QKV)
CAUSAL = Family(causal, ("q", "k", "v"), {"q": "t d", "k": "t d", "v": "t e"})
HEADS = Family(heads, ("q", "k", "v"), {"q": "h t d", "k": "h s d", "v": "h s d"})
MULTI = Family(multi_head, ("x", "Wq", "Wk", "Wv"), {"x": "t d", "Wq": "d 2*e", "Wk": "d 2*e", "Wv": "d 2*e"},
               sizes=({"t": 3, "d": 2, "e": 4}, {"t": 2, "d": 5, "e": 3}, {"t": 1, "d": 1, "e": 1}))


def attention_forward(q, k, v):
    scale = 1.0 / np.sqrt(q.shape[-1])
    s = q @ k.T * scale
    s = s - s.max(axis=-1, keepdims=True)
    a = np.exp(s)
    a = a / a.sum(axis=-1, keepdims=True)
    return a @ v, (q, k, v, a, scale)


def attention_backward(dout, cache):
    q, k, v, a, scale = cache
    dv = a.T @ dout
    da = dout @ v.T
    ds = a * (da - (da * a).sum(axis=-1, keepdims=True))
    ds = ds * scale
    return ds @ k, ds.T @ q, dv


def attention_forward_rows(q, k, v):
    T, D = q.shape
    out = np.zeros((T, v.shape[1]))
    weights = np.zeros((T, k.shape[0]))
    for t in range(T):
        score = k.dot(q[t]) / D ** 0.5
        w = np.exp(score - np.max(score))
        weights[t] = w / np.sum(w)
        out[t] = weights[t].dot(v)
    return out, (q, k, v, weights)


def attention_backward_rows(dout, cache):
    q, k, v, weights = cache
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    for t in range(q.shape[0]):
        w = weights[t]
        dv += np.outer(w, dout[t])
        dw = v.dot(dout[t])
        dscore = w * (dw - w.dot(dw)) / q.shape[1] ** 0.5
        dq[t] = dscore.dot(k)
        dk += np.outer(dscore, q[t])
    return dq, dk, dv


def causal_forward(q, k, v):
    T = q.shape[0]
    s = q.dot(k.T) / np.sqrt(q.shape[1])
    mask = np.tril(np.ones((T, T)))
    s = np.where(mask == 1, s, -np.inf)
    e = np.exp(s - s.max(axis=1, keepdims=True))
    a = e / e.sum(axis=1, keepdims=True)
    return a.dot(v), (q, k, v, a)


def causal_backward(dout, cache):
    q, k, v, a = cache
    dv = a.T.dot(dout)
    da = dout.dot(v.T)
    ds = a * (da - np.sum(a * da, axis=1, keepdims=True)) / np.sqrt(q.shape[1])
    return ds.dot(k), ds.T.dot(q), dv


def heads_forward(q, k, v):
    s = np.einsum("htd,hsd->hts", q, k) / np.sqrt(q.shape[2])
    s -= s.max(axis=2, keepdims=True)
    a = np.exp(s) / np.exp(s).sum(axis=2, keepdims=True)
    return np.einsum("hts,hsd->htd", a, v), (q, k, v, a)


def heads_backward(dout, cache):
    q, k, v, a = cache
    dv = np.matmul(a.transpose(0, 2, 1), dout)
    da = np.matmul(dout, v.swapaxes(1, 2))
    ds = a * (da - (a * da).sum(2)[:, :, None]) / np.sqrt(q.shape[2])
    return ds @ k, ds.transpose(0, 2, 1) @ q, dv


def multi_head_forward(x, Wq, Wk, Wv):
    T = x.shape[0]
    split = lambda m: m.reshape(T, 2, m.shape[1] // 2).transpose(1, 0, 2)
    q, k, v = split(x @ Wq), split(x @ Wk), split(x @ Wv)
    s = q @ k.transpose(0, 2, 1)
    a = np.exp(s - s.max(-1, keepdims=True))
    a /= a.sum(-1, keepdims=True)
    out = (a @ v).transpose(1, 0, 2).reshape(T, -1)
    return out, (x, Wq, Wk, Wv, q, k, v, a)


def multi_head_backward(dout, cache):
    x, Wq, Wk, Wv, q, k, v, a = cache
    T = x.shape[0]
    do = dout.reshape(T, 2, dout.shape[1] // 2).transpose(1, 0, 2)
    dv = a.transpose(0, 2, 1) @ do
    da = do @ v.transpose(0, 2, 1)
    ds = a * (da - (a * da).sum(-1, keepdims=True))
    dq = ds @ k
    dk = ds.transpose(0, 2, 1) @ q
    join = lambda m: m.transpose(1, 0, 2).reshape(T, -1)
    dq, dk, dv = join(dq), join(dk), join(dv)
    dx = dq @ Wq.T + dk @ Wk.T + dv @ Wv.T
    return dx, x.T @ dq, x.T @ dk, x.T @ dv


# ------------------------------------------------------------------------------------------- wrong ones


def attention_backward_no_scale(dout, cache):
    q, k, v, a, scale = cache
    da = dout @ v.T
    ds = a * (da - (da * a).sum(axis=-1, keepdims=True))
    return ds @ k * scale, ds.T @ q, a.T @ dout


ROWS = [
    row(ATTENTION, attention_forward, attention_backward),
    row(ATTENTION, attention_forward_rows, attention_backward_rows),
    row(CAUSAL, causal_forward, causal_backward),
    row(HEADS, heads_forward, heads_backward),
    row(MULTI, multi_head_forward, multi_head_backward),
    row(ATTENTION, attention_forward, attention_backward_no_scale, fault="the scale is missing in the gradient of the keys"),
]
