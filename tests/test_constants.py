"""Long decimals that round a constant of the other side are read as that constant, and the report says so."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from derive.checking import check


def gelu(x):
    return jnp.sum(jax.nn.gelu(x, approximate=True))


def gauss(x):
    return jnp.sum(jnp.exp(-(x**2) / 2) / jnp.sqrt(2 * jnp.pi))


def thirds(x):
    return jnp.sum(x * x / 3)


def by_tanh(c: float) -> Callable[[Any], Any]:
    def gradient(x):
        t = np.tanh(c * (x + 0.044715 * x**3))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2)

    return gradient


def exactly(x):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2)


RIGHT = {
    "a root in the code, its decimal in the reference": (exactly, gelu, "is read as √(2/π)"),
    "ten digits": (by_tanh(0.7978845608), gelu, "0.7978845608 is read as √(2/π)"),
    "the reciprocal": (lambda x: -x * np.exp(-(x**2) / 2) * 0.3989422804014327, gauss, "is read as"),
    "NumPy's own": (lambda x: -x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), gauss, ""),
    "math's": (lambda x: -x * np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi), gauss, ""),
    "a third": (lambda x: (2 / 3) * x, thirds, ""),
    "a third, as digits": (lambda x: 2 * x * 0.3333333333333333, thirds, "0.3333333333333333 is read as 1/3"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_same_constant(name: str) -> None:
    claimed, reference, words = RIGHT[name]
    report = check(claimed, reference=reference, wrt="x", shapes={"x": "n"})
    assert report.ok and report.level == "proved"
    assert not words or any(words in text for text in report.assumptions)


@pytest.mark.parametrize("c", [0.79788457, 0.797884, 0.8, 0.7978845618])
def test_another_number(c: float) -> None:
    """A last digit that is off is no rounding."""
    report = check(by_tanh(c), reference=gelu, wrt="x", shapes={"x": "n"}, explain=False)
    assert not report.ok and not report.level
