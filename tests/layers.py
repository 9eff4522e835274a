"""Layers that people derive by hand, as array-valued JAX functions, each with the shapes that it is read at.

A size is symbolic wherever JAX traces one; convolution with a stride, pooling and loops need numbers in some places.
"""

import jax
import jax.numpy as jnp
from jax import lax


def affine(x, w, b):
    return x @ w + b


def affine_flat(x, w, b):
    return x.reshape(x.shape[0], -1) @ w + b


def relu(x):
    return jax.nn.relu(x)


def leaky(x):
    return jax.nn.leaky_relu(x)


def two_layer(x, w1, b1, w2, b2):
    h = jnp.maximum(0, x @ w1 + b1)
    return h @ w2 + b2


def dropout(x, mask, p):
    return x * mask / (1 - p)


def dropout_bool(x, mask, p):
    return jnp.where(mask, x / (1 - p), 0.0)


def batch_norm(x, gamma, beta, eps):
    mu = jnp.mean(x, axis=0)
    var = jnp.var(x, axis=0)
    return gamma * (x - mu) / jnp.sqrt(var + eps) + beta


def batch_norm_test(x, gamma, beta, mu, var, eps):
    return gamma * (x - mu) / jnp.sqrt(var + eps) + beta


def spatial_batch_norm(x, gamma, beta, eps):
    n, c, h, w = x.shape
    xt = x.transpose(0, 2, 3, 1).reshape(-1, c)
    mu = xt.mean(axis=0)
    v = xt.var(axis=0)
    out = gamma * (xt - mu) / jnp.sqrt(v + eps) + beta
    return out.reshape(n, h, w, c).transpose(0, 3, 1, 2)


def layer_norm(x, gamma, beta, eps):
    mu = jnp.mean(x, axis=-1, keepdims=True)
    var = jnp.var(x, axis=-1, keepdims=True)
    return gamma * (x - mu) / jnp.sqrt(var + eps) + beta


def rms_norm(x, gamma, eps):
    return x / jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + eps) * gamma


def group_norm(x, gamma, beta, eps):
    n, _c = x.shape
    g = 2
    y = x.reshape(n, g, -1)
    mu = y.mean(axis=-1, keepdims=True)
    v = y.var(axis=-1, keepdims=True)
    return gamma * ((y - mu) / jnp.sqrt(v + eps)).reshape(x.shape) + beta


def group_norm_images(x, gamma, beta, eps):
    n, _c, _h, _w = x.shape
    g = 2
    y = x.reshape(n, g, -1)
    mu = y.mean(axis=-1, keepdims=True)
    v = y.var(axis=-1, keepdims=True)
    return gamma[:, None, None] * ((y - mu) / jnp.sqrt(v + eps)).reshape(x.shape) + beta[:, None, None]


def embedding(x, w):
    return w[x]


def rnn_step(x, h, wx, wh, b):
    return jnp.tanh(x @ wx + h @ wh + b)


def rnn(x, h0, wx, wh, b):
    def step(h, xt):
        h = jnp.tanh(xt @ wx + h @ wh + b)
        return h, h
    _, hs = lax.scan(step, h0, jnp.swapaxes(x, 0, 1))
    return jnp.swapaxes(hs, 0, 1)


def rnn_loop(x, h0, wx, wh, b):
    h, out = h0, []
    for t in range(x.shape[1]):
        h = jnp.tanh(x[:, t] @ wx + h @ wh + b)
        out.append(h)
    return jnp.stack(out, axis=1)


def lstm_step(x, h, c, wx, wh, b):
    a = x @ wx + h @ wh + b
    i, f, o, g = jnp.split(a, 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c)


def lstm_step_slices(x, h, c, wx, wh, b):
    n = h.shape[1]
    a = x @ wx + h @ wh + b
    i, f, o, g = jax.nn.sigmoid(a[:, :n]), jax.nn.sigmoid(a[:, n:2*n]), jax.nn.sigmoid(a[:, 2*n:3*n]), jnp.tanh(a[:, 3*n:])
    c = f * c + i * g
    return o * jnp.tanh(c)


def lstm(x, h0, wx, wh, b):
    def step(state, xt):
        h, c = state
        i, f, o, g = jnp.split(xt @ wx + h @ wh + b, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h
    _, hs = lax.scan(step, (h0, jnp.zeros_like(h0)), jnp.swapaxes(x, 0, 1))
    return jnp.swapaxes(hs, 0, 1)


def gru_step(x, h, wz, uz, wr, ur, wn, un):
    z = jax.nn.sigmoid(x @ wz + h @ uz)
    r = jax.nn.sigmoid(x @ wr + h @ ur)
    n = jnp.tanh(x @ wn + (r * h) @ un)
    return (1 - z) * n + z * h


def gru(x, h0, w, u, v):
    def step(h, xt):
        z, r = jnp.split(jax.nn.sigmoid(xt @ w[:, :2*h.shape[1]] + h @ u), 2, axis=1)
        n = jnp.tanh(xt @ w[:, 2*h.shape[1]:] + (r * h) @ v)
        h = (1 - z) * n + z * h
        return h, h
    return lax.scan(step, h0, x)[1]


def temporal_softmax(x, y, mask):
    lp = jax.nn.log_softmax(x, axis=-1)
    n, _t, _v = x.shape
    picked = jnp.take_along_axis(lp, y[..., None], axis=-1)[..., 0]
    return -jnp.sum(mask * picked) / n


def temporal_softmax_flat(x, y, mask):
    n, t, v = x.shape
    flat = x.reshape(n * t, v)
    lp = jax.nn.log_softmax(flat, axis=1)
    return -jnp.sum(mask.reshape(-1) * lp[jnp.arange(n * t), y.reshape(-1)]) / n


def temporal_affine(x, w, b):
    n, t, d = x.shape
    return (x.reshape(n * t, d) @ w).reshape(n, t, -1) + b


def attention(q, k, v):
    s = q @ k.T / jnp.sqrt(q.shape[-1])
    return jax.nn.softmax(s, axis=-1) @ v


def batched_attention(q, k, v):
    s = jnp.einsum("btd,bsd->bts", q, k) / jnp.sqrt(q.shape[-1])
    return jnp.einsum("bts,bsd->btd", jax.nn.softmax(s, axis=-1), v)


def causal_attention(q, k, v):
    t = q.shape[0]
    s = q @ k.T / jnp.sqrt(q.shape[-1])
    s = jnp.where(jnp.tril(jnp.ones((t, t), bool)), s, -jnp.inf)
    return jax.nn.softmax(s, axis=-1) @ v


def causal_attention_large(q, k, v):
    t = q.shape[0]
    s = q @ k.T / jnp.sqrt(q.shape[-1])
    s = jnp.where(jnp.arange(t)[:, None] >= jnp.arange(t), s, -1e9)
    return jax.nn.softmax(s, axis=-1) @ v


def multi_head(x, wq, wk, wv, wo):
    n, t, _d = x.shape
    h = 2

    def heads(w):
        return (x @ w).reshape(n, t, h, -1).transpose(0, 2, 1, 3)

    q, k, v = heads(wq), heads(wk), heads(wv)
    p = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) / jnp.sqrt(q.shape[-1]), axis=-1)
    return (p @ v).transpose(0, 2, 1, 3).reshape(n, t, -1) @ wo


def dpa(q, k, v):
    return jax.nn.dot_product_attention(q, k, v)


def dpa_causal(q, k, v):
    return jax.nn.dot_product_attention(q, k, v, is_causal=True)


def conv1d(x, w):
    return lax.conv_general_dilated(x, w, (1,), "VALID")


def conv1d_same(x, w):
    return lax.conv_general_dilated(x, w, (1,), "SAME")


def conv2d(x, w, b):
    return lax.conv_general_dilated(x, w, (1, 1), [(1, 1), (1, 1)]) + b[:, None, None]


def conv2d_valid(x, w):
    return lax.conv_general_dilated(x, w, (1, 1), "VALID")


def conv2d_stride(x, w):
    return lax.conv_general_dilated(x, w, (2, 2), [(1, 1), (1, 1)])


def conv2d_dilated(x, w):
    return lax.conv_general_dilated(x, w, (1, 1), "VALID", rhs_dilation=(2, 1))


def conv2d_transposed(x, w):
    return lax.conv_general_dilated(x, w, (1, 1), [(1, 1), (0, 1)], lhs_dilation=(2, 1))


def conv2d_groups(x, w):
    return lax.conv_general_dilated(x, w, (1, 1), "VALID", feature_group_count=2)


def depthwise(x, w):
    return lax.conv_general_dilated(x, w, (1, 1), "SAME", feature_group_count=x.shape[1])


def conv2d_nhwc(x, w):
    return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def np_convolve(x, w):
    return jnp.convolve(x, w, mode="valid")


def max_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def max_pool_overlapping(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 3, 3), (1, 1, 2, 2), "VALID")


def avg_pool(x):
    return lax.reduce_window(x, 0.0, lax.add, (1, 1, 2, 2), (1, 1, 2, 2), "VALID") / 4


def max_pool_reshape(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


def max_pool_split(x):
    return jnp.max(x.reshape(x.shape[0], -1, 2), axis=2)


def avg_pool_split(x):
    return jnp.mean(x.reshape(x.shape[0], -1, 2), axis=2)


def global_avg_pool(x):
    return x.mean(axis=(2, 3))


def every_second(x):
    return x[:, ::2]


def reverse(x):
    return x[::-1] * jnp.arange(x.shape[0])[:, None]


def cumsum(x):
    return jnp.cumsum(x, axis=1)


def hardtanh(x):
    return jnp.clip(x, -1, 1)


def scatter_add(x, y, v):
    return x.at[y].add(v)


def one_hot_affine(y, w):
    return jax.nn.one_hot(y, w.shape[0]) @ w


def pad_then_diff(x):
    y = jnp.pad(x, ((0, 0), (1, 1)))
    return y[:, 2:] - y[:, :-2]


def erf_inv(x):
    return lax.erf_inv(jnp.tanh(x))


def gelu(x):
    return jax.nn.gelu(x)


def gelu_exact(x):
    return jax.nn.gelu(x, approximate=False)


def silu(x):
    return jax.nn.silu(x)


def glu(x):
    return jax.nn.glu(x, axis=-1)


def maxout(x):
    return x.reshape(x.shape[0], 3, -1).max(axis=1)


def normalise_rows(x):
    return x / jnp.linalg.norm(x, axis=1, keepdims=True)


def outer_bilinear(x, a, y):
    return jnp.einsum("ni,ijk,nj->nk", x, a, y)


def transformer_block(x, wq, wk, wv, wo, w1, w2, eps):
    def norm(z):
        m = z.mean(axis=-1, keepdims=True)
        return (z - m) / jnp.sqrt(((z - m) ** 2).mean(axis=-1, keepdims=True) + eps)
    t, _d = x.shape
    n = norm(x)

    def heads(w):
        return (n @ w).reshape(t, 2, -1).transpose(1, 0, 2)

    q, k, v = heads(wq), heads(wk), heads(wv)
    s = q @ k.transpose(0, 2, 1) / jnp.sqrt(q.shape[-1])
    s = jnp.where(jnp.tril(jnp.ones((t, t), bool)), s, -jnp.inf)
    y = x + (jax.nn.softmax(s, axis=-1) @ v).transpose(1, 0, 2).reshape(t, -1) @ wo
    return y + jax.nn.relu(norm(y) @ w1) @ w2


LAYERS = (
    (affine, {"x": "n d", "w": "d k", "b": "k"}),
    (affine_flat, {"x": "n a b", "w": "a*b k", "b": "k"}),
    (relu, {"x": "n d"}),
    (leaky, {"x": "n d"}),
    (two_layer, {"x": "n d", "w1": "d h", "b1": "h", "w2": "h k", "b2": "k"}),
    (dropout, {"x": "n d", "mask": "n d", "p": ""}),
    (dropout_bool, {"x": "n d", "mask": "bool n d", "p": ""}),
    (batch_norm, {"x": "n d", "gamma": "d", "beta": "d", "eps": ""}),
    (batch_norm_test, {"x": "n d", "gamma": "d", "beta": "d", "mu": "d", "var": "d", "eps": ""}),
    (spatial_batch_norm, {"x": "n c h w", "gamma": "c", "beta": "c", "eps": ""}),
    (layer_norm, {"x": "n d", "gamma": "d", "beta": "d", "eps": ""}),
    (rms_norm, {"x": "n d", "gamma": "d", "eps": ""}),
    (group_norm, {"x": "n 2*q", "gamma": "2*q", "beta": "2*q", "eps": ""}),
    (group_norm_images, {"x": "n 2*q h w", "gamma": "2*q", "beta": "2*q", "eps": ""}),
    (group_norm, {"x": "n 6", "gamma": "6", "beta": "6", "eps": ""}),
    (embedding, {"x": "int n t", "w": "v d"}),
    (rnn_step, {"x": "n d", "h": "n h", "wx": "d h", "wh": "h h", "b": "h"}),
    (rnn, {"x": "n 3 d", "h0": "n h", "wx": "d h", "wh": "h h", "b": "h"}),
    (rnn_loop, {"x": "n 3 d", "h0": "n h", "wx": "d h", "wh": "h h", "b": "h"}),
    (lstm_step, {"x": "n d", "h": "n h", "c": "n h", "wx": "d 4*h", "wh": "h 4*h", "b": "4*h"}),
    (lstm_step_slices, {"x": "n d", "h": "n h", "c": "n h", "wx": "d 4*h", "wh": "h 4*h", "b": "4*h"}),
    (lstm, {"x": "n 2 d", "h0": "n h", "wx": "d 4*h", "wh": "h 4*h", "b": "4*h"}),
    (gru_step, {"x": "n d", "h": "n h", "wz": "d h", "uz": "h h", "wr": "d h", "ur": "h h", "wn": "d h", "un": "h h"}),
    (gru, {"x": "2 n d", "h0": "n h", "w": "d 3*h", "u": "h 2*h", "v": "h h"}),
    (temporal_softmax, {"x": "n t v", "y": "int n t", "mask": "n t"}),
    (temporal_softmax_flat, {"x": "n t v", "y": "int n t", "mask": "n t"}),
    (temporal_affine, {"x": "n t d", "w": "d k", "b": "k"}),
    (attention, {"q": "t d", "k": "s d", "v": "s e"}),
    (batched_attention, {"q": "b t d", "k": "b s d", "v": "b s e"}),
    (causal_attention, {"q": "t d", "k": "t d", "v": "t e"}),
    (causal_attention_large, {"q": "t d", "k": "t d", "v": "t e"}),
    (multi_head, {"x": "n t d", "wq": "d 2*e", "wk": "d 2*e", "wv": "d 2*e", "wo": "2*e d"}),
    (dpa, {"q": "b t n 3", "k": "b s n 3", "v": "b s n 3"}),
    (dpa_causal, {"q": "b t n 3", "k": "b t n 3", "v": "b t n 3"}),
    (conv1d, {"x": "n c l", "w": "o c 3"}),
    (conv1d_same, {"x": "n c l", "w": "o c 3"}),
    (conv2d, {"x": "n c h w", "w": "o c 3 3", "b": "o"}),
    (conv2d_valid, {"x": "n c h w", "w": "o c 2 3"}),
    (conv2d_stride, {"x": "n c 5 6", "w": "o c 3 3"}),
    (conv2d_dilated, {"x": "n c 5 h", "w": "o c 2 2"}),
    (conv2d_transposed, {"x": "n c 3 4", "w": "o c 2 2"}),
    (conv2d_groups, {"x": "n 2*c 4 5", "w": "2*o c 2 3"}),
    (depthwise, {"x": "n 3 4 5", "w": "3 1 3 3"}),
    (conv2d_nhwc, {"x": "n 4 5 c", "w": "3 3 c o"}),
    (np_convolve, {"x": "7", "w": "3"}),
    (max_pool, {"x": "n c 4 6"}),
    (max_pool_overlapping, {"x": "n c 5 7"}),
    (avg_pool, {"x": "n c 4 6"}),
    (max_pool_reshape, {"x": "n c 4 6"}),
    (max_pool_split, {"x": "n 2*h"}),
    (avg_pool_split, {"x": "n 2*h"}),
    (global_avg_pool, {"x": "n c h w"}),
    (max_pool_split, {"x": "n 6"}),
    (every_second, {"x": "n 7"}),
    (reverse, {"x": "n d"}),
    (cumsum, {"x": "n d"}),
    (hardtanh, {"x": "n d"}),
    (scatter_add, {"x": "n d", "y": "int m", "v": "m d"}),
    (one_hot_affine, {"y": "int n", "w": "k d"}),
    (pad_then_diff, {"x": "n d"}),
    (erf_inv, {"x": "n d"}),
    (gelu, {"x": "n d"}),
    (gelu_exact, {"x": "n d"}),
    (silu, {"x": "n d"}),
    (glu, {"x": "n 2*d"}),
    (maxout, {"x": "n 3*d"}),
    (normalise_rows, {"x": "n d"}),
    (outer_bilinear, {"x": "n a", "a": "a b c", "y": "n b"}),
    (transformer_block, {"x": "t 2*e", "wq": "2*e 2*e", "wk": "2*e 2*e", "wv": "2*e 2*e", "wo": "2*e 2*e", "w1": "2*e f", "w2": "f 2*e", "eps": ""}),
)
