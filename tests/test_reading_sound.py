"""What is read of masks, orders and tables proves what is true of them, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import derive
from derive.errors import DeriveError

INF = jnp.inf
N, MASKED = {"x": "n"}, {"x": "n", "q": "bool n"}
Claim = tuple[Callable[..., Any], Callable[..., Any], dict[str, str]]

TRUE: dict[str, Claim] = {
    "any and all": (lambda x: jnp.any(x > 0) * 1.0, lambda x: 1.0 - jnp.all(~(x > 0)), N),
    "exactly one": (lambda x: ((x > 0) ^ (x > 1)) * 1.0, lambda x: jnp.abs((x > 0) * 1.0 - (x > 1) * 1.0), N),
    "a table": (lambda x: x @ jnp.array([1.0, 2.0, 4.0]), lambda x: x[0] + 2 * x[1] + 4 * x[2], {"x": "3"}),
    "products so far": (lambda x: jnp.cumprod(x)[-1], lambda x: x[0] * x[1] * x[2], {"x": "3"}),
    "e to the −∞": (lambda x, q: jnp.exp(jnp.where(q, x, -INF)), lambda x, q: jnp.where(q, jnp.exp(x), 0.0), MASKED),
    "−(+∞)": (lambda x, q: jnp.exp(-jnp.where(q, x, INF)), lambda x, q: jnp.where(q, jnp.exp(-x), 0.0), MASKED),
    "comparing with −∞": (lambda x, q: (jnp.where(q, x, -INF) > 0) * 1.0, lambda x, q: ((x > 0) & q) * 1.0, MASKED),
    "−∞ that is never taken": (lambda x, q: jnp.where(q, jnp.where(q, x, -INF), 5.0), lambda x, q: jnp.where(q, x, 5.0), MASKED),
    "log-softmax under a mask": (lambda x, q: jnp.where(q, jax.nn.log_softmax(x, where=q), 0.0),
                                 lambda x, q: jnp.where(q, x - jax.nn.logsumexp(x, where=q), 0.0), MASKED),
}


def named_maximum(x: Any, q: Any) -> Any:
    m = jnp.max(jnp.where(q, x, -INF))
    return jnp.where(jnp.isfinite(m), 1.0, 2.0)


FALSE: dict[str, Claim] = {
    "all that is masked is finite": (lambda x: jnp.where(jnp.isfinite(jnp.where(x > 0, x, -INF)), 1.0, 2.0), jnp.ones_like, N),
    "a maximum over nothing is finite": (named_maximum, lambda x, q: 1.0 + 0 * x.sum() * q.sum(), MASKED),
    "any is all": (lambda x: jnp.any(x > 0) * 1.0, lambda x: jnp.all(x > 0) * 1.0, N),
    "exactly one is at least one": (lambda x: ((x > 0) ^ (x > 1)) * 1.0, lambda x: ((x > 0) | (x > 1)) * 1.0, N),
    "sorted is as it was": (jnp.sort, lambda x: x, N),
    "largest is smallest": (lambda x: x[jnp.argmax(x)], lambda x: x[jnp.argmin(x)], N),
    "the largest two are all": (lambda x: jax.lax.top_k(x, 2)[0].sum(), lambda x: x.sum(), {"x": "3"}),
    "another table": (lambda x: x @ jnp.array([1.0, 2.0, 4.0]), lambda x: x[0] + 2 * x[1] + 3 * x[2], {"x": "3"}),
    "a float is whole": (lambda x: x.astype(int) * 1.0, lambda x: x, N),
    "∞ − ∞ is 0": (lambda x, q: jnp.where(q, x, -INF) - jnp.where(q, x, -INF), lambda x, q: 0 * x * q, MASKED),
    "0 · ∞ is 0": (lambda x, q: 0 * jnp.where(q, x, -INF), lambda x, q: 0 * x * q, MASKED),
    "tanh(−∞) is 0": (lambda x, q: jnp.tanh(jnp.where(q, x, -INF)), lambda x, q: jnp.where(q, jnp.tanh(x), 0.0), MASKED),
    "−∞ does not count": (lambda x, q: jnp.sum(jnp.where(q, x, -INF)), lambda x, q: jnp.sum(jnp.where(q, x, 0.0)), MASKED),
    "e to numbers that may be none is positive": (lambda x: jnp.where(jnp.exp(x[1:]).sum() > 0, 1.0, 2.0), lambda x: 1.0 + 0 * x.sum(), N),
}


@pytest.mark.parametrize("name", TRUE)
def test_what_is_true_is_proved(name: str) -> None:
    assert derive.prove(*TRUE[name])


@pytest.mark.parametrize("name", FALSE)
def test_what_is_false_is_not(name: str) -> None:
    with contextlib.suppress(DeriveError):  # refusing is allowed
        assert not derive.prove(*FALSE[name])


def test_the_derivative_of_sorting_moves_the_incoming_gradient_back() -> None:
    """Each entry gets the part of the place that it was sorted to, and nothing needs to be assumed for that."""
    d = derive.vjp(jnp.sort, "a", {"a": "n"})
    assert d.assumptions == ("theorems over the real numbers, for all sizes ≥ 1",)
    assert [step.rule for step in d.steps][-1] == "contraction"
    found = d.function()(jnp.array([3.0, -1.0, 2.0, -1.0]), jnp.array([10.0, 20.0, 30.0, 40.0]))
    assert found.tolist() == [40.0, 10.0, 30.0, 20.0]


def test_what_is_only_a_place_has_no_derivative() -> None:
    def at_the_largest(x: Any) -> Any:
        y = jnp.cumsum(jnp.ones_like(x))
        z = y * x
        return z[jnp.sum(x > 0) - 1]
    d = derive.gradient(at_the_largest, "x", {"x": "n"})
    assert d.function()(jnp.array([0.5, 2.0, -1.0])).tolist() == [0.0, 2.0, 0.0]
