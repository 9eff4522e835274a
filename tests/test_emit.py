"""Emitted source against jax.grad, at asymmetric sizes and sizes of 1; at extreme values against mpmath; and as text."""

from __future__ import annotations

import ast
import subprocess
import sys
import warnings

import jax
import numpy as np
import pytest
import stories
from stories import BY_NAME, CASES, SIZES, Case

from derive import emit
from derive.index import Num

IDS = [f"{case.name}-{case.story.wrt}" for case in CASES]


def data(case: Case, sizes: dict[str, int], seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = {}
    for argument in case.story.source.arguments:
        shape = tuple(int(s.value) if isinstance(s, Num) else sizes[s.name] for s in argument.shape)
        values[argument.name] = rng.integers(0, sizes["k"], shape) if argument.kind == "int" else rng.normal(size=shape)
    return values


def oracle(case: Case, values: dict[str, np.ndarray], dout: np.ndarray | None) -> np.ndarray:
    def f(value):
        return case.function(**{**values, case.story.wrt: value})

    with jax.enable_x64(True):
        out, pull = jax.vjp(f, jax.numpy.asarray(values[case.story.wrt]))
        return np.asarray(pull(jax.numpy.ones_like(out) if dout is None else jax.numpy.asarray(dout))[0])


def incoming(case: Case, sizes: dict[str, int]) -> np.ndarray | None:
    if case.story.kind != "vjp":
        return None
    return np.random.default_rng(1).normal(size=tuple(sizes[s.name] for s in case.story.definitions[-1].shape))


@pytest.mark.parametrize("library", ["numpy", "jax"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_agrees_with_autodiff(case: Case, library: str) -> None:
    source = getattr(emit, library)(case.story)
    gradient = emit.compile_source(source, emit.function_name(case.story))
    for sizes in SIZES:
        values, dout = data(case, sizes), incoming(case, sizes)
        want = oracle(case, values, dout)
        before = {name: value.copy() for name, value in values.items()}
        with jax.enable_x64(True):
            arguments = [*values.values()] + ([dout] if dout is not None else [])
            got = np.asarray(gradient(*(arguments if library == "numpy" else map(jax.numpy.asarray, arguments))))
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12 * max(1.0, float(np.abs(want).max())))
        assert all(np.array_equal(before[name], values[name]) for name in values), "an argument was changed"
