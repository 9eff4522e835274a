"""Emitted code where exponentials overflow and probabilities underflow: finite, right and without a warning, where `jax.grad` often is NaN.

The oracle evaluates the derivation with as many digits as the numbers need; 60 more than the largest exponent has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import oracle
import pytest

import derive
from derive.evaluate import Evaluator
from derive.points import concrete, sizes_of

nn = jax.nn


def two_axes(L):
    return jnp.sum(jnp.diag(nn.log_softmax(L, 1)) + jnp.diag(nn.log_softmax(L, 0)))


def contrastive(z, w):
    s = z @ w.T
    return -jnp.mean(jnp.diag(nn.log_softmax(s, axis=1))) - jnp.mean(jnp.diag(nn.log_softmax(s, axis=0)))


def focal(z, y):
    p = nn.softmax(z)[jnp.arange(z.shape[0]), y]
    return -jnp.mean((1 - p) ** 2 * jnp.log(p))


def focal_from_p(z, y):
    p = nn.softmax(z)
    q = p[jnp.arange(z.shape[0]), y]
    return -jnp.mean((1 - q) ** 2 * jnp.log(q))


def focal_binary(z, t, g):
    p = nn.sigmoid(z)
    return -jnp.mean(t * (1 - p) ** g * jnp.log(p) + (1 - t) * p**g * jnp.log(1 - p))


def cross_entropy_of_p(z, t):
    p = nn.sigmoid(z)
    return -jnp.mean(t * jnp.log(p) + (1 - t) * jnp.log(1 - p))


def unshifted(z, y):
    p = jnp.exp(z) / jnp.exp(z).sum(1, keepdims=True)
    return -jnp.mean(jnp.log(p)[jnp.arange(z.shape[0]), y])


def entropy(z):
    p = nn.softmax(z)
    return -jnp.sum(p * jnp.log(p))


def divergence(z, w):
    p, q = nn.softmax(z), nn.softmax(w)
    return jnp.sum(p * (jnp.log(p) - jnp.log(q)))


def softplus(z):
    return jnp.sum(jnp.log(1 + jnp.exp(z)))


def tanh(z):
    return jnp.sum((jnp.exp(z) - jnp.exp(-z)) / (jnp.exp(z) + jnp.exp(-z)))


def log_cosh(z):
    return jnp.sum(jnp.logaddexp(z, -z) - jnp.log(2.0))


def elu(z):
    return jnp.sum(nn.elu(z) ** 2)


def causal(z):
    n = z.shape[0]
    return jnp.sum(nn.softmax(jnp.where(jnp.arange(n)[:, None] >= jnp.arange(n), z, -jnp.inf)) ** 2)


MATRIX, LABELS, LINE = {"z": "m k"}, {"z": "m k", "y": "int m"}, {"z": "m"}
CASES: tuple[tuple[Callable[..., Any], str, dict[str, str]], ...] = (
    (two_axes, "L", {"L": "n n"}), (contrastive, "z", {"z": "n d", "w": "n d"}), (focal, "z", LABELS), (focal_from_p, "z", LABELS),
    (focal_binary, "z", {"z": "m", "t": "m", "g": ""}), (cross_entropy_of_p, "z", {"z": "m", "t": "m"}), (unshifted, "z", LABELS),
    (entropy, "z", MATRIX), (divergence, "z", {"z": "m k", "w": "m k"}), (divergence, "w", {"z": "m k", "w": "m k"}), (softplus, "z", LINE),
    (tanh, "z", LINE), (log_cosh, "z", LINE), (elu, "z", LINE), (causal, "z", {"z": "n n"}),
)
EACH = pytest.mark.parametrize(("function", "wrt", "shapes"), CASES, ids=[f"{case[0].__name__}-{case[1]}" for case in CASES])


@cache
def derived(function: Callable[..., Any], wrt: str) -> Any:
    return derive.gradient(function, wrt, next(shapes for other, name, shapes in CASES if (other, name) == (function, wrt)))


def values(shapes: dict[str, str], scale: float) -> tuple[dict[str, int], dict[str, Any]]:
    """Numbers of both signs, the first argument large; labels 0 and 1."""
    rng = np.random.default_rng(int(scale))
    out: dict[str, Any] = {}
    for name, text in shapes.items():
        words = text.split()
        shape = tuple({"m": 3, "n": 3, "k": 2, "d": 2}[word] for word in words if word != "int")
        if words[:1] == ["int"] or name == "t":
            out[name] = rng.integers(0, 2, shape).astype(int if words[:1] == ["int"] else float)
        else:
            out[name] = rng.normal(size=shape).round(2) * (scale if not out else 1.0) if shape else 2.5
    return {"m": 3, "n": 3, "k": 2, "d": 2}, out


@EACH
@pytest.mark.parametrize("scale", [1e2, 1e3])
def test_extreme_numbers(function: Callable[..., Any], wrt: str, shapes: dict[str, str], scale: float) -> None:
    story = derived(function, wrt).story
    sizes, arrays = values(shapes, scale)
    own = {name: sizes[name] for name in sizes_of(story.source.arguments)}
    evaluator = Evaluator(own, arrays, (*story.definitions, *story.cotangents))
    evaluator.digits = int(2.2 * scale) + 60
    with mpmath.workdps(evaluator.digits):
        want = oracle.value_of(story.result, evaluator, tuple(concrete(size, own) for size in story.result.shape))
    with np.errstate(all="raise", under="ignore"):
        got = derived(function, wrt).function()(**arrays)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(("function", "wrt", "shapes"), [case for case in CASES if case[0] is not focal])
def test_larger_numbers_are_finite(function: Callable[..., Any], wrt: str, shapes: dict[str, str]) -> None:
    """The gradient of a focal loss of one picked probability still divides by it."""
    _, arrays = values(shapes, 1e4)
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(derived(function, wrt).function()(**arrays)).all()


@EACH
def test_ordinary_numbers(function: Callable[..., Any], wrt: str, shapes: dict[str, str]) -> None:
    _, arrays = values(shapes, 1.0)
    with jax.enable_x64(True):
        want = jax.grad(lambda value: function(**{**arrays, wrt: value}))(jnp.asarray(arrays[wrt]))
    np.testing.assert_allclose(derived(function, wrt).function()(**arrays), np.asarray(want), rtol=1e-10, atol=1e-12)
