"""Every layer of `layers` and every function of `library` that derives: its emitted NumPy is the derivative, and runs without a warning.

Each row is run at one of three settings of unequal sizes, another one for each row, and at sizes of 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import oracle
import pytest
from layers import LAYERS
from library import GROUPS, Row

import derive
from derive import emit
from derive.derivation import Story
from derive.errors import DeriveError
from derive.points import concrete, sizes_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # optax's own
UNEQUAL = ((2, 3, 4, 3, 2, 3), (3, 2, 3, 4, 2, 3), (3, 4, 2, 2, 3, 2))
LABELS = {"embedding": {"x": "v"}, "temporal_softmax": {"y": "v"}, "temporal_softmax_flat": {"y": "v"}, "scatter_add": {"y": "n"},
          "one_hot_affine": {"y": "k"}}
FITTING = {"conv2d_valid": {"h": 4, "w": 3, "n_w": 3}, "conv2d_dilated": {"h": 3}, "conv1d": {"l": 4}}
# Where many arguments play one part, the telling ones are tried.
TELLING = {"transformer_block": ("wq",), "lstm": ("x", "wh"), "gru": ("u",), "multi_head": ("x", "wo"), "lstm_step": ("wh", "c"), "dpa": ("k",),
           "lstm_step_slices": ("x", "b"), "gru_step": ("h", "ur"), "rnn": ("x", "wh"), "rnn_loop": ("h0", "wx"), "dpa_causal": ("q",),
           "group_norm_images": ("x",), "batched_attention": ("k",), "causal_attention_large": ("q",), "spatial_batch_norm": ("x", "gamma")}
LONG = {"ctc_loss", "ctc_loss_with_forward_probs"}  # minutes to derive
SLOW = {"sigmoid_focal_loss", "sigmoid_focal_loss, alpha, gamma", "ntxent", "ntxent, labels passed", "multiclass_sparsemax_loss", "group_norm_images"}


def layer_row(function: Callable[..., Any], shapes: Mapping[str, str]) -> Row:
    name = function.__name__
    draws = LABELS.get(name, {}) | {one: "positive" for one in shapes if one in ("eps", "var")} | ({"p": "unit"} if "p" in shapes else {})
    return Row(name, function, shapes, draws, FITTING.get(name, {}))


ROWS = [row for row in (*(layer_row(*pair) for pair in LAYERS), *(row for rows in GROUPS.values() for row in rows)) if row.label not in LONG]
EACH = pytest.mark.parametrize("row", [pytest.param(row, id=f"{k}-{row.label}", marks=[pytest.mark.slow] if row.label in SLOW else [])
                                       for k, row in enumerate(ROWS)])


@cache
def stories(row: Row) -> dict[str, Story]:
    """The derivation for each float argument; a row that is not read yet is for others to mend."""
    try:
        return {name: derive.vjp(row.function, name, dict(row.shapes)).story for name in TELLING.get(row.label, row.wrt)}
    except DeriveError as error:
        pytest.skip(f"not derived: {error.met}"[:100])


def sizes_at(row: Row, values: tuple[int, ...]) -> dict[str, int]:
    names = dict.fromkeys(name for text in row.shapes.values() for name in re.findall(r"[A-Za-z_]\w*", text) if name not in ("int", "bool"))
    return {**dict(zip(names, values)), **row.sizes}


def draw(kind: str, shape: tuple[int, ...], sizes: Mapping[str, int], rng: np.random.Generator) -> Any:
    drawn = {
        "real": lambda: rng.normal(size=shape), "positive": lambda: rng.uniform(0.3, 2.0, shape), "unit": lambda: rng.uniform(0.05, 0.95, shape),
        "share": lambda: (v := rng.uniform(0.1, 1.0, shape)) / v.sum(axis=-1, keepdims=True), "zero": lambda: np.zeros(shape),
        "sign": lambda: rng.choice([-1.0, 1.0], shape), "sign01": lambda: rng.integers(0, 2, shape).astype(float),
        "pairs": lambda: np.arange(shape[0]) // 2, "label": lambda: rng.integers(1, 3, shape), "bool": lambda: some(rng.random(shape) < 0.6),
        "first": lambda: some(rng.random(shape) < 0.6), "int": lambda: rng.integers(0, min(sizes.values(), default=2), shape),
    }
    return drawn[kind]() if kind in drawn else rng.integers(0, sizes[kind], shape)


def some(mask: Any) -> Any:
    """A mask that leaves something in every row."""
    mask[..., 0] = True
    return mask


def arguments(row: Row, sizes: dict[str, int]) -> dict[str, Any]:
    rng = np.random.default_rng([0, *sizes.values()])
    out = {}
    for name, text in row.shapes.items():
        words = text.split()
        kind = words[0] if words and words[0] in ("int", "bool") else ""
        shape = tuple(int(eval(part, {}, dict(sizes))) for part in words[bool(kind):])
        value = draw(row.draws.get(name, kind or "real"), shape, sizes, rng)
        out[name] = value if shape else np.asarray(value)[()]
    return out


def truth(story: Story, sizes: dict[str, int], arrays: dict[str, Any]) -> tuple[Any, Any]:
    """An incoming gradient, and what the derivation makes of it, entry by entry in high precision.

    That the derivation agrees with `jax.vjp` is tested where layers and functions are read; this shares nothing with the emitted code.
    """
    own = dict(zip(sizes_of(story.source.arguments), sizes.values()))
    out = story.definitions[-1]
    dout = np.random.default_rng(1).normal(size=tuple(concrete(size, own) for size in out.shape))
    inner = dout.reshape(tuple(concrete(index.size, own) for index in out.indices))  # axes of size 1 have no index
    return dout, oracle.backward(story, own, {**arrays, "dout": inner})


def gap(got: Any, want: Any) -> float:
    """The largest difference, relative to the largest entry."""
    assert np.shape(got) == np.shape(want)
    largest = float(np.abs(want).max(initial=0.0))
    return float(np.abs(got - want).max(initial=0.0)) / (largest if largest > 1e-12 else 1.0)


def compare(row: Row, sizes: dict[str, int]) -> None:
    arrays = arguments(row, sizes)
    for name, story in stories(row).items():
        dout, want = truth(story, sizes, arrays)
        gradient = emit.compile_source(emit.numpy(story), emit.function_name(story))
        before = {one: np.array(value) for one, value in arrays.items()}
        assert gap(gradient(*arrays.values(), dout), want) <= 1e-9, (name, sizes)
        assert all(np.array_equal(before[one], arrays[one]) for one in before), "an argument was changed"


@EACH
def test_numpy_is_the_derivative(row: Row) -> None:
    compare(row, sizes_at(row, UNEQUAL[ROWS.index(row) % 3]))


@EACH
def test_numpy_is_the_derivative_at_sizes_of_one(row: Row) -> None:
    compare(row, sizes_at(row, (1,) * 6))
