"""Every layer derives, for each float argument, and its derivative is that of `jax.vjp` at unequal sizes and at sizes of 1, in 64-bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
import pytest
from layers import LAYERS

import derive
from derive.trace import read

POSITIVE = {"eps", "var"}
# jax.nn.dot_product_attention computes in 32 bits inside.
COARSE = {"dpa": 1e-5, "dpa_causal": 1e-5}
# At sizes of 1 a window of two does not fit.
WINDOWED = {"conv2d_valid", "conv2d_dilated", "conv1d"}
# What takes long to evaluate entry by entry is tried in its telling arguments.
TELLING = {"transformer_block": ("x", "wq"), "lstm": ("x", "wh"), "gru": ("h0", "u"), "multi_head": ("x", "wk", "wo"),
           "lstm_step": ("wh", "c"), "lstm_step_slices": ("wh", "b"), "gru_step": ("h", "ur"), "rnn": ("x", "wh"), "rnn_loop": ("h0", "wx")}
EACH = pytest.mark.parametrize(("function", "shapes"), LAYERS, ids=[f.__name__ + ":" + "".join(s.values()).replace(" ", "") for f, s in LAYERS])


def drawn(program: Any, sizes: dict[str, int]) -> dict[str, Any]:
    return {name: abs(value) + 0.3 if name in POSITIVE else value for name, value in oracle.draw(program, sizes).items()}


@EACH
def test_a_layer_reads_and_pulls_back_as_jax_does(function: Callable[..., Any], shapes: dict[str, str]) -> None:
    program = read(function, shapes)
    name, tolerance = function.__name__, COARSE.get(function.__name__, 1e-9)
    wanted = TELLING.get(name, oracle.differentiable(program))
    stories = {wrt: derive.vjp(function, wrt, shapes).story for wrt in wanted}
    settings = [s for s in oracle.settings(program, 1) if name not in WINDOWED or set(s.values()) != {1}]
    for sizes in settings:
        arrays = drawn(program, sizes)
        value = oracle.run(function, arrays)
        np.testing.assert_allclose(oracle.forward(program, sizes, arrays), value, rtol=tolerance, atol=tolerance)
        dout = np.random.default_rng(7).normal(size=value.shape)
        expected = oracle.pulled_back(function, wanted, arrays, dout)
        for wrt, story in stories.items():
            found = oracle.backward(story, sizes, {**arrays, "dout": dout})
            np.testing.assert_allclose(found, expected[wrt], rtol=tolerance, atol=tolerance, err_msg=f"{wrt} at {sizes}")
