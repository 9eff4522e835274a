"""Normal forms that are kept between gradients: what is shared is faster, and never means another thing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import derive
from derive.checking.formulas import equal
from derive.checking.truth import reference_of
from derive.derivation import Definition
from derive.index import At, Fn, Index, Size, Sum, add, mul, num, substitute

N = Size("n")
I, J = Index("i", N, 0), Index("j", N, 0)
X, Y = At("x", (I,)), At("y", (I,))


def _truth():
    def loss(x, y):
        return jnp.sum(x * y)
    return reference_of(loss, {"x": "n", "y": "n"}, ()), loss


def test_a_name_that_means_two_things_is_kept_apart():
    truth, _ = _truth()
    first, second = Definition("h", (I,), mul(num(2), X)), Definition("h", (I,), mul(num(3), X))
    h = At("h", (I,))
    assert equal(mul(num(2), X), h, [first], truth) == (True, True)
    assert equal(mul(num(3), X), h, [second], truth) == (True, True)
    assert equal(mul(num(2), X), h, [second], truth) == (False, False)
    assert equal(mul(num(2), X), h, [first], truth) == (True, True)


def test_a_name_that_nothing_uses_yet_keeps_its_meaning():
    truth, _ = _truth()
    h = At("h", (I,))
    assert equal(X, X, [Definition("h", (I,), X)], truth) == (True, True)
    assert equal(X, X, [Definition("h", (I,), Y)], truth) == (True, True)
    assert equal(X, h, [Definition("h", (I,), Y)], truth) == (False, False)
    assert equal(Y, h, [Definition("h", (I,), Y)], truth) == (True, True)


def test_a_name_that_was_undefined_is_written_out_later():
    truth, _ = _truth()
    h = At("h", (I,))
    assert equal(h, X, [], truth) == (False, False)
    assert equal(h, X, [Definition("h", (I,), X)], truth) == (True, True)


def test_smooth_functions_are_left_as_they_are_only_where_that_suffices():
    truth, _ = _truth()
    tanh = Fn("tanh", (X,))
    twice = Fn("tanh", (mul(num(2), X),))
    square = mul(tanh, tanh)
    assert equal(mul(twice, add(num(1), square)), mul(num(2), tanh), [], truth) == (True, True)
    assert equal(mul(twice, add(num(1), square)), mul(num(3), tanh), [], truth) == (False, False)
    assert equal(Fn("tanh", (mul(num(-1), X),)), mul(num(-1), tanh), [], truth) == (True, True)


def test_an_index_that_does_not_occur_is_not_looked_for_under_a_binder():
    body = Sum((J,), At("x", (J,)))
    assert substitute(body, {I: num(0)}) is body and substitute(body, {J: num(0)}) is body
    inner = Sum((J,), mul(X, At("x", (J,))))
    moved = substitute(inner, {I: J})
    assert moved.free == {J} and moved is not inner


def test_one_check_after_another_with_the_same_reference():
    def loss(w, x):
        return jnp.sum(jnp.tanh(x @ w) ** 2)

    def right(w, x):
        h = np.tanh(x @ w)
        return x.T @ (2 * h * (1 - h ** 2))

    def wrong(w, x):
        h = np.tanh(x @ w)
        return x.T @ (2 * h * (1 - h))

    shapes = {"w": "d", "x": "n d"}
    for code, ok in ((right, True), (wrong, False), (right, True), (wrong, False)):
        assert derive.check(code, loss, "w", shapes, explain=False).ok == ok


def test_gates_of_one_step_for_all_arguments():
    def step(x, h, W, U):
        z = jax.nn.sigmoid(x @ W + h @ U)
        return z * h + (1 - z) * jnp.tanh(x)

    def forward(x, h, W, U):
        z = 1 / (1 + np.exp(-(x @ W + h @ U)))
        return z * h + (1 - z) * np.tanh(x), (x, h, W, U, z)

    def backward(dout, cache):
        x, h, W, U, z = cache
        t = np.tanh(x)
        da = dout * (h - t) * z * (1 - z)
        return da @ W.T + dout * (1 - z) * (1 - t ** 2), da @ U.T + dout * z, x.T @ da, h.T @ da

    report = derive.check((forward, backward), step, ["x", "h", "W", "U"], {"x": "n k", "h": "n k", "W": "k k", "U": "k k"})
    assert all(part.verdict == "proved for all sizes" for part in report.parts.values())
