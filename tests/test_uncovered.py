"""Branches on sizes, labels or data that no point took are said, in helpers too, and keep a check from being ok."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive

SHAPES = {"W": "d k", "X": "m d", "y": "int m"}


def loss(W, X, y):
    return jnp.mean(-jax.nn.log_softmax(X @ W)[jnp.arange(X.shape[0]), y])


def with_helper(change: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def gradient(W, X, y):
        z = X @ W
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(y)), y] -= 1
        return change(X.T @ p / len(y), y)
    return gradient


def seven(g, y):
    return 1.1 * g if g.shape[0] == 7 else g


def fifth(g, y):
    if y[0] == 5:
        return -g
    return g


def repeated(g, y):
    return g if len(set(y.tolist())) < len(y) or len(y) < 4 else 1.01 * g


@pytest.mark.parametrize(("change", "text"), [(seven, "1.1 * g"), (fifth, "line 3"), (repeated, "1.01 * g")])
def test_a_branch_that_no_point_took_is_not_covered(change, text) -> None:
    report = derive.check(with_helper(change), loss, "W", SHAPES)
    assert not report.ok
    assert report.wrong or any(text.replace("line 3", "was not reached") in said for said in report.uncovered), report


def test_what_every_point_takes_is_covered() -> None:
    assert derive.check(with_helper(lambda g, y: g if g.ndim == 2 else None), loss, "W", SHAPES).ok
