"""Other losses that people differentiate by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row


def focal(x, y):
    p = jax.nn.softmax(x, axis=1)[jnp.arange(x.shape[0]), y]
    return -jnp.mean((1.0 - p) ** 2 * jnp.log(p))


def smoothed(x, y, eps):
    logp = jax.nn.log_softmax(x, axis=1)
    nll = -logp[jnp.arange(x.shape[0]), y]
    return jnp.mean((1.0 - eps) * nll + eps * -jnp.mean(logp, axis=1))


def divergence(q, z):
    """KL(q ‖ softmax z), summed."""
    return jnp.sum(q * (jnp.log(q) - jax.nn.log_softmax(z, axis=-1)))


def triplet(a, p, n):
    return jnp.mean(jnp.maximum(jnp.sum((a - p) ** 2, axis=1) - jnp.sum((a - n) ** 2, axis=1) + 1.0, 0.0))


def cosine(u, v):
    return jnp.sum(u * v) / (jnp.sqrt(jnp.sum(u * u)) * jnp.sqrt(jnp.sum(v * v)))


FOCAL = Family(focal, ("x",), {"x": "n c", "y": "int n"}, {"y": "c"})
SMOOTHED = Family(smoothed, ("x",), {"x": "n c", "y": "int n", "eps": ""}, {"y": "c", "eps": "unit"})
KL = Family(divergence, ("z",), {"q": "b n", "z": "b n"}, {"q": "share"}, assume=("q > 0", "sum(q, axis=-1) == 1"))
TRIPLET = Family(triplet, ("a", "p", "n"), {"a": "b e", "p": "b e", "n": "b e"})
COSINE = Family(cosine, ("u",), {"u": "d", "v": "d"})


def focal_loss(x, y):
    n = x.shape[0]
    rows = np.arange(n)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    pt = p[rows, y]
    loss = -np.mean((1 - pt) ** 2 * np.log(pt))
    dpt = 2 * (1 - pt) * np.log(pt) - (1 - pt) ** 2 / pt
    dx = -(dpt * pt)[:, None] * p
    dx[rows, y] += dpt * pt
    return loss, dx / n


def label_smoothing(x, y, eps):
    n, c = x.shape
    z = x - np.max(x, axis=1, keepdims=True)
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    target = np.full((n, c), eps / c)
    target[np.arange(n), y] += 1 - eps
    loss = -np.sum(target * logp) / n
    return loss, (np.exp(logp) - target) / n


def kl_to_softmax(q, z):
    p = np.exp(z - z.max(-1, keepdims=True))
    p = p / p.sum(-1, keepdims=True)
    loss = np.sum(q * np.log(q / p))
    return loss, p - q


def triplet_loss(a, p, n):
    d_pos = np.sum((a - p) ** 2, axis=1)
    d_neg = np.sum((a - n) ** 2, axis=1)
    hinge = d_pos - d_neg + 1.0
    active = (hinge > 0).astype(a.dtype)[:, None] / a.shape[0]
    loss = np.maximum(hinge, 0).mean()
    return loss, {"a": 2 * (n - p) * active, "p": -2 * (a - p) * active, "n": 2 * (a - n) * active}


def cosine_similarity(u, v):
    nu, nv = np.linalg.norm(u), np.linalg.norm(v)
    c = u.dot(v) / (nu * nv)
    return c, v / (nu * nv) - c * u / nu ** 2


# ------------------------------------------------------------------------------------------- wrong ones


def cosine_forgot_the_norm(u, v):
    nu, nv = np.linalg.norm(u), np.linalg.norm(v)
    return u @ v / (nu * nv), v / (nu * nv)


ROWS = [
    row(FOCAL, focal_loss),
    row(SMOOTHED, label_smoothing),
    row(KL, kl_to_softmax),
    row(TRIPLET, triplet_loss),
    row(COSINE, cosine_similarity),
    row(COSINE, cosine_forgot_the_norm, fault="the derivative of the norm is missing"),
]
