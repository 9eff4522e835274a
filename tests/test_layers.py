"""Every layer derives, for each float argument, and its derivative is that of `jax.vjp` at unequal sizes, 1 among them, in 64-bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
import pytest
from layers import LAYERS

import derive
from derive.points import sizes_of
from derive.trace import read

POSITIVE = {"eps", "var"}
# jax.nn.dot_product_attention computes in 32 bits inside.
COARSE = {"dpa": 1e-5, "dpa_causal": 1e-5}
# Unequal sizes, 1 among them; windows fit.
SIZES = (2, 3, 1, 2, 4)
WINDOWED = {"conv2d_valid": {"h": 4, "n_w": 3}, "conv2d_dilated": {"h": 3}, "conv1d": {"l": 4}}
# Where many arguments play one part, the telling ones are tried.
TELLING = {"transformer_block": ("x",), "lstm": ("x", "wh"), "gru": ("u",), "multi_head": ("x", "wk"), "lstm_step": ("wh", "c"), "dpa": ("k",),
           "lstm_step_slices": ("wh", "b"), "gru_step": ("h", "ur"), "rnn": ("x", "wh"), "rnn_loop": ("h0", "wx"), "dpa_causal": ("q",),
           "group_norm_images": ("x", "gamma"), "batched_attention": ("k",), "causal_attention_large": ("q",)}
EACH = pytest.mark.parametrize(("function", "shapes"), LAYERS, ids=[f.__name__ + ":" + "".join(s.values()).replace(" ", "") for f, s in LAYERS])


def drawn(program: Any, sizes: dict[str, int]) -> dict[str, Any]:
    return {name: abs(value) + 0.3 if name in POSITIVE else value for name, value in oracle.draw(program, sizes).items()}


@EACH
def test_a_layer_reads_and_pulls_back_as_jax_does(function: Callable[..., Any], shapes: dict[str, str]) -> None:
    program = read(function, shapes)
    name, tolerance = function.__name__, COARSE.get(function.__name__, 1e-9)
    wanted = TELLING.get(name, oracle.differentiable(program))
    stories = {wrt: derive.vjp(function, wrt, shapes).story for wrt in wanted}
    names = sizes_of(program.source.arguments)
    sizes = {**dict(zip(names, SIZES)), **WINDOWED.get(name, {})}
    arrays = drawn(program, sizes)
    value = oracle.run(function, arrays)
    np.testing.assert_allclose(oracle.forward(program, sizes, arrays), value, rtol=tolerance, atol=tolerance)
    dout = np.random.default_rng(7).normal(size=value.shape)
    expected = oracle.pulled_back(function, wanted, arrays, dout)
    for wrt, story in stories.items():
        found = oracle.backward(story, sizes, {**arrays, "dout": dout})
        np.testing.assert_allclose(found, expected[wrt], rtol=tolerance, atol=tolerance, err_msg=f"{wrt} at {sizes}")
