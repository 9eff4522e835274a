"""One source: a changed line changes the derivation, the code, the check and the training run alike."""

from __future__ import annotations

import importlib.util

import jax
import numpy as np
import pytest

import derive
from derive.data import from_arrays
from derive.train import train

SOURCE = '''
import jax.numpy as jnp

def loss(W, X, y, lam):
    z = X @ W / {temperature}
    z = z - jnp.max(z, axis=1, keepdims=True)
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    return -jnp.mean(jnp.log(p[jnp.arange(X.shape[0]), y])) + 0.5 * lam * jnp.sum(W**2)
'''
SHAPES = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}


def by_hand(W, X, y, lam):
    z = X @ W
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(X)), y] -= 1
    return X.T @ p / len(X) + lam * W


@pytest.fixture(params=["1.0", "2.0"], scope="module")
def temperature(request):
    return request.param


@pytest.fixture(scope="module")
def loss(temperature, tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / f"one_{temperature[0]}.py"
    path.write_text(SOURCE.format(temperature=temperature), "utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.loss


def test_the_derivation_and_the_code_follow_the_line(loss, temperature):
    d = derive.gradient(loss, "W", SHAPES)
    assert (" / 2" in str(d.matrix().text) or "/(2m)" in d.matrix().text) == (temperature == "2.0"), d.matrix().text
    rng = np.random.default_rng(3)
    W, X, y = rng.normal(size=(3, 4)), rng.normal(size=(5, 3)), rng.integers(0, 4, 5)
    with jax.enable_x64(True):
        true = np.asarray(jax.grad(loss)(W, X, y, 0.3))
    np.testing.assert_allclose(d.function()(W, X, y, 0.3), true, rtol=1e-12)


def test_the_check_follows_the_line(loss, temperature):
    report = derive.check(by_hand, loss, "W", SHAPES)
    assert report.verdict == ("proved for all sizes" if temperature == "1.0" else "wrong")


def test_the_training_follows_the_line(loss, temperature):
    """The first step from W = 0 is lr times the gradient there, which the temperature divides."""
    rng = np.random.default_rng(4)
    y = np.repeat([0, 1, 2], 40)
    data = from_arrays(rng.normal(size=(120, 2)) + np.array([[0, 2], [2, -1], [-2, -1]])[y], y, labels=("a", "b", "c"), seed=0)
    start = np.zeros((data.features, 3), np.float32)
    run = train(loss, data, parameters={"W": start}, scalars={"lam": 0.0}, steps=1, batch=4096, lr=1.0, seed=0)
    gradient = derive.gradient(loss, "W", SHAPES).function()
    whole = -gradient(start.astype(float), data.train.X.astype(float), data.train.y, 0.0)
    moved = run.parameters["W"]
    assert moved.ravel() @ whole.ravel() / np.linalg.norm(moved) / np.linalg.norm(whole) > 0.99
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(whole), rel=0.1)
