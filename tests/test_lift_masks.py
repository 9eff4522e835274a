"""Masks, infinite scores, parts that are joined, lists and what NumPy is asked to leave alone: lifted, and compared with what NumPy computes."""

# ruff: noqa: C416  # the programs are written as people write

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from handwritten import Case
from test_lift import arguments
from test_traps import every

from derive.checking.lift import lift
from derive.errors import DeriveError

LIFTS: list[Case] = []
REFUSES: list[Case] = []


def lifts(shapes: str, labels: str = "k") -> Any:
    return lambda function: LIFTS.append(Case(function, shapes, labels)) or function


def refuses(shapes: str, labels: str = "k") -> Any:
    return lambda function: REFUSES.append(Case(function, shapes, labels)) or function


# ------------------------------------------------------------------------ scores that are −∞


@lifts("s: m m")
def causal_by_addition(s):
    s = s + np.triu(np.full(s.shape, -np.inf), k=1)
    s -= s.max(axis=-1, keepdims=True)
    a = np.exp(s)
    a /= a.sum(-1, keepdims=True)
    return a


@lifts("s: m m")
def causal_by_a_masked_store(s):
    s[np.triu(np.ones(s.shape, dtype=bool), 1)] = -np.inf
    return np.exp(s), np.isfinite(s), s == -np.inf, s > -np.inf, s <= -np.inf, np.isinf(s), np.maximum(s, 0), s.max(axis=1)


@lifts("s: m m")
def causal_by_indices(s):
    n = len(s)
    t = s.copy()
    t[np.triu_indices(n, 1)] = -np.inf
    s[np.tril_indices_from(s, -1)] = 0
    return np.exp(t / np.sqrt(n)), s, np.tri(n), np.tri(n, k=-1)


@lifts("s: m m")
def masks_compared_with_one(s):
    low = np.tril(np.ones(s.shape))
    return np.where(low == 1, s, 7.0), np.where(low == 0, s, 7.0), np.where(low > 0.5, s, 1), np.where(low != 0, 2.0, s), low == 2


@refuses("s: m m")
def zero_times_infinity(s):
    return s * 0.0 + np.zeros(s.shape) * np.triu(np.full(s.shape, -np.inf))


@refuses("s: m m; x: m")
def infinity_times_anything(s, x):
    return np.where(np.tri(len(x)) == 1, s, -np.inf) * x


@refuses("s: m m")
def infinity_minus_infinity(s):
    t = np.where(np.tri(len(s)) == 1, s, -np.inf)
    return t - t


# ------------------------------------------------------------------------ memory that is filled, or left alone


@lifts("x: m k")
def filled_by_a_mask_and_its_opposite(x):
    out = np.empty_like(x)
    positive = x >= 0
    out[positive] = 1 / (1 + np.exp(-x[positive]))
    small = np.exp(x[~positive])
    out[~positive] = small / (1 + small)
    return out


@lifts("x: m k")
def filled_by_two_comparisons(x):
    out = np.empty(x.shape)
    out[x > 0] = 1.0
    out[x <= 0] = np.exp(x[x <= 0])
    return out


@refuses("x: m k")
def not_quite_filled(x):
    out = np.empty_like(x)
    out[x > 0] = 1.0
    out[x < 0] = 0.0
    return out


@lifts("x: m k; y: k")
def where_and_out(x, y):
    out = np.zeros_like(x)
    np.multiply(x, y, out=out, where=x > 0)
    np.divide(1.0, x, out=x, where=x != 0)
    return out, x, np.add(x, y, out=np.ones_like(x), where=y > 0), np.exp(y, where=y < 0, out=y)


@refuses("x: m")
def where_without_out(x):
    return np.multiply(x, 2.0, where=x > 0)


# ------------------------------------------------------------------------ joined of parts


@lifts("X: m d; w: d; y: m")
def a_column_of_ones(X, w, y):
    A = np.c_[np.ones(len(X)), X]
    v = np.r_[y[0], w]
    g = A.T @ (A @ v - y)
    g[1:] += 2 * v[1:]
    return g, np.concatenate([[0.0], w]), np.append(w, 1.0) @ np.r_[w, 2.0], np.r_[w, y].sum(), np.hstack([w, y, w])


@lifts("X: m d; y: m")
def lists_with_more_in_front(X, y):
    errors = [x.sum() - t for x, t in zip(X, y)]
    means = [sum(errors) / len(errors)] + [e * 2 for e in errors]
    grown = [1.5]
    for x in X:
        grown.append(x.sum())
    return np.array(means), np.array(grown), np.array([e for e in errors] + [0.5]), means[0]


@refuses("X: m d")
def a_list_by_another_name(X):
    rows = [X[0].sum()]
    same = rows
    for x in X:
        rows.append(x.sum())
    return np.array(same)


@lifts("X: m d; w: d; y: m")
def a_list_of_zeros(X, w, y):
    g = [0.0] * len(w)
    for i in range(len(X)):
        z = 0.0
        for j in range(len(w)):
            z += w[j] * X[i][j]
        h = 1.0 / (1.0 + math.exp(-z))
        for j in range(len(w)):
            g[j] += (h - y[i]) * X[i][j] / len(X)
    return np.array(g), len(g) * 1.0, sum(g)


@refuses("w: d")
def a_list_of_whole_numbers(w):
    g = [0] * len(w)
    for j in range(len(w)):
        g[j] = w[j]
    return np.array(g)


@refuses("w: d")
def lists_are_not_added(w):
    return np.array([0.0] * len(w) + [1.0] * len(w)) + ([1.0] * len(w) + w)


# ------------------------------------------------------------------------ functions


@lifts("y: int m; X: m d; k: k")
def counts(y, X, k):
    n = len(k)
    return np.bincount(y, minlength=n), np.bincount(y, X[:, 0], n), np.bincount(y, weights=X.sum(1), minlength=n)


@refuses("y: int m")
def counts_of_an_unknown_number(y):
    return np.bincount(y)


@lifts("x: m k")
def cases(x):
    return (
        np.select([x > 1, x > 0], [x * 2, x], default=-1.0), np.select([x > 0], [1.0]), np.piecewise(x, [x > 0, x <= 0], [1.0, np.exp]),
        np.piecewise(x, [x > 1], [lambda v: v * v, 0.5]),
    )  # fmt: skip


@lifts("x: m")
def python_functions(x):
    return np.vectorize(math.sin)(x), np.array([math.cos(v) + math.tanh(v) for v in x]), math.sqrt(2 * math.pi) * x, math.fsum(x)


@pytest.mark.parametrize("case", LIFTS, ids=lambda case: case.name)
def test_lifts(case: Case) -> None:
    with np.errstate(all="ignore"):
        assert every(case) > 1


@pytest.mark.parametrize("case", REFUSES, ids=lambda case: case.name)
def test_refuses(case: Case) -> None:
    with pytest.raises(DeriveError, match=r"\w"):
        lift(case.function, arguments(case.shapes))
