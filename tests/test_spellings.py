"""Gradients as different people spell them: each must be decided for all sizes, or exactly, and the same code with one slip must be wrong."""

# ruff: noqa: RUF005  # the programs are written as people write

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from derive.checking import check


class Row(NamedTuple):
    """A handwritten gradient, its reference, what is given, and the level that it must reach; '' for one with a slip."""

    code: Any
    reference: Any
    wrt: Any
    shapes: dict[str, str]
    level: str
    assume: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """To tell it apart."""
        return self.code.__name__ if callable(self.code) else f"{self.code[0].__name__}-{self.code[1].__name__}"


ROWS: list[Row] = []


def row(reference: Any, wrt: Any, shapes: dict[str, str], level: str = "proved", assume: tuple[str, ...] = ()) -> Any:
    return lambda code: ROWS.append(Row(code, reference, wrt, shapes, level, assume)) or code


# ------------------------------------------------------------------------ Huber


def huber(w, X, y, delta):
    r = X @ w - y
    a = jnp.abs(r)
    return jnp.mean(jnp.where(a <= delta, 0.5 * r * r, delta * (a - 0.5 * delta)))


HUBER = (huber, "w", {"w": "d", "X": "m d", "y": "m", "delta": ""})
POSITIVE = ("delta > 0",)


@row(*HUBER, assume=POSITIVE)
def clip(w, X, y, delta):
    r = X @ w - y
    return X.T @ np.clip(r, -delta, delta) / len(y)


@row(*HUBER, assume=POSITIVE)
def least_and_largest(w, X, y, delta):
    g = np.zeros_like(w)
    for x, t in zip(X, y):
        g += max(-delta, min(delta, x @ w - t)) * x
    return g / len(y)


@row(*HUBER, assume=POSITIVE)
def stored_through_a_mask(w, X, y, delta):
    r = X.dot(w) - y
    big = np.abs(r) > delta
    g = r.copy()
    g[big] = delta * np.sign(r[big])
    return X.T.dot(g) / X.shape[0]


@row(*HUBER, "", POSITIVE)
def clip_without_a_sign(w, X, y, delta):
    r = X @ w - y
    return X.T @ np.clip(r, 0, delta) / len(y)


# ------------------------------------------------------------------------ attention that is causal


def causal(q, k, v):
    T = q.shape[0]
    s = q @ k.T / jnp.sqrt(q.shape[1] * 1.0)
    s = jnp.where(jnp.tril(jnp.ones((T, T), bool)), s, -jnp.inf)
    return jax.nn.softmax(s, axis=-1) @ v


ATTENTION = (causal, None, {"q": "T d", "k": "T d", "v": "T e"})


def attention(mask):
    def forward(q, k, v):
        s = mask(q @ k.T / np.sqrt(q.shape[1]))
        s -= s.max(axis=-1, keepdims=True)
        a = np.exp(s)
        a /= a.sum(-1, keepdims=True)
        return a @ v, (q, k, v, a)

    forward.__name__ = mask.__name__
    return forward


def backward(dout, cache):
    q, k, v, a = cache
    da = dout @ v.T
    ds = a * (da - np.sum(a * da, -1, keepdims=True)) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q, a.T @ dout


def added(s):
    return s + np.triu(np.full(s.shape, -np.inf), k=1)


def chosen(s):
    return np.where(np.tril(np.ones(s.shape)) == 1, s, -np.inf)


def stored(s):
    s[np.triu(np.ones(s.shape, dtype=bool), 1)] = -np.inf
    return s


def indexed(s):
    s[np.triu_indices(len(s), 1)] = -np.inf
    return s


for _mask in (added, chosen, stored, indexed):
    ROWS.append(Row((attention(_mask), backward), *ATTENTION, "proved"))


def strictly_below(s):
    return np.where(np.tri(len(s), k=1) == 1, s, -np.inf)


ROWS.append(Row((attention(strictly_below), backward), *ATTENTION, ""))


# ------------------------------------------------------------------------ the logistic function in two parts


def logistic(w, X, y):
    z = X @ w
    return jnp.mean(jnp.logaddexp(0, z) - y * z)


LOGISTIC = (logistic, "w", {"w": "d", "X": "m d", "y": "m"})


@row(*LOGISTIC)
def two_masks(w, X, y):
    z = X @ w
    p = np.empty_like(z)
    positive = z >= 0
    p[positive] = 1 / (1 + np.exp(-z[positive]))
    e = np.exp(z[~positive])
    p[~positive] = e / (1 + e)
    return X.T @ (p - y) / len(y)


@row(*LOGISTIC)
def two_sides(w, X, y):
    z = X @ w
    p = np.where(z >= 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z)))
    return np.einsum(" ij , i -> j", X, p - y) / y.size


@row(*LOGISTIC)
def lists_of_floats(w, X, y):
    g = [0.0] * len(w)
    for i in range(len(X)):
        z = sum(a * b for a, b in zip(X[i], w))
        h = 1.0 / (1.0 + math.exp(-z))
        for j in range(len(w)):
            g[j] += (h - y[i]) * X[i][j] / len(X)
    return np.array(g)


@row(*LOGISTIC, "")
def two_masks_with_a_slip(w, X, y):
    z = X @ w
    p = np.empty_like(z)
    positive = z >= 0
    p[positive] = 1 / (1 + np.exp(-z[positive]))
    e = np.exp(-z[~positive])
    p[~positive] = e / (1 + e)
    return X.T @ (p - y) / len(y)


# ------------------------------------------------------------------------ a weight in front that is not shrunk


def ridge(w, X, y, lam):
    return jnp.mean((X @ w[1:] + w[0] - y) ** 2) + lam * jnp.sum(w[1:] ** 2)


RIDGE = (ridge, "w", {"w": "d+1", "X": "m d", "y": "m", "lam": ""})


@row(*RIDGE)
def a_column(w, X, y, lam):
    A = np.c_[np.ones(len(X)), X]
    g = 2 / len(y) * A.T @ (A @ w - y)
    g[1:] += 2 * lam * w[1:]
    return g


@row(*RIDGE)
def a_row(w, X, y, lam):
    e = X @ w[1:] + w[0] - y
    return np.r_[2 * e.mean(), 2 * X.T @ e / len(y) + 2 * lam * w[1:]]


@row(*RIDGE)
def stacked(w, X, y, lam):
    A = np.hstack((np.ones((len(X), 1)), X))
    return 2.0 / len(X) * np.dot(np.dot(A, w) - y, A) + 2 * lam * np.concatenate(([0], w[1:]))


@row(*RIDGE)
def a_list_with_one_more(w, X, y, lam):
    e = [np.dot(x, w[1:]) + w[0] - t for x, t in zip(X, y)]
    rest = [2 / len(X) * sum(a * x[j] for a, x in zip(e, X)) + 2 * lam * w[j + 1] for j in range(X.shape[1])]
    return np.array([2 * sum(e) / len(X)] + rest)


@row(*RIDGE, "")
def the_weight_in_front_is_shrunk(w, X, y, lam):
    A = np.c_[np.ones(len(X)), X]
    return 2 / len(y) * A.T @ (A @ w - y) + 2 * lam * w


# ------------------------------------------------------------------------ other spellings


def embedded(E, ids, t):
    return 0.5 * jnp.sum((E[ids] - t) ** 2)


EMBEDDING = (embedded, "E", {"E": "V d", "ids": "int m", "t": "m d"})


@row(*EMBEDDING)
def counted(E, ids, t):
    d = E[ids] - t
    return np.stack([np.bincount(ids, weights=d[:, j], minlength=E.shape[0]) for j in range(E.shape[1])], axis=1)


@row(*EMBEDDING, "")
def written_once(E, ids, t):
    g = np.zeros_like(E)
    g[ids] += E[ids] - t
    return g


def mlp(W1, W2, X, y):
    return 0.5 * jnp.sum((jax.nn.relu(X @ W1) @ W2 - y) ** 2)


@row(mlp, "W1", {"W1": "d h", "W2": "h", "X": "m d", "y": "m"})
def where_of_a_product(W1, W2, X, y):
    a = X @ W1
    r = np.maximum(a, 0) @ W2 - y
    g = np.zeros_like(a)
    np.multiply(r[:, None], W2[None, :], out=g, where=a > 0)
    return X.T @ g


def elu(x):
    return jnp.sum(jax.nn.elu(x))


@row(elu, "x", {"x": "n"})
def in_pieces(x):
    return np.piecewise(x, [x > 0, x <= 0], [1.0, np.exp])


@row(elu, "x", {"x": "n"})
def selected(x):
    return np.select([x > 0], [np.ones_like(x)], default=np.exp(x))


@row(lambda x: jnp.sum(jax.nn.gelu(x, approximate=False)), "x", {"x": "n"})
def erf_of_each(x):
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) + x * np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)


# ------------------------------------------------------------------------ pooling


def pooled(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2, 2), (2, 2), "VALID")


def largest_of_windows(x):
    return x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).max(axis=(1, 3)), x


def the_first(dout, x):
    g = np.zeros_like(x)
    for i in range(dout.shape[0]):
        for j in range(dout.shape[1]):
            window = x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            p, q = np.unravel_index(np.argmax(window), window.shape)
            g[2 * i + p, 2 * j + q] += dout[i, j]
    return g


def shared(dout, x):
    w = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2)
    m = w == w.max(axis=(1, 3), keepdims=True)
    return (m * dout[:, None, :, None] / m.sum(axis=(1, 3), keepdims=True)).reshape(x.shape)


ROWS.append(Row((largest_of_windows, the_first), pooled, None, {"x": "2 4"}, "exact"))
ROWS.append(Row((largest_of_windows, shared), pooled, None, {"x": "2 4"}, "exact"))


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.name)
def test_it_is_decided(case: Row) -> None:
    given = {} if case.wrt is None else {"wrt": case.wrt}
    report = check(case.code, reference=case.reference, shapes=case.shapes, assume=case.assume, explain=False, **given)
    if case.level:
        report.require(case.level)
    else:
        assert report.wrong
