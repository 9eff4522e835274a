"""Losses and activations of the libraries that were hard to read: value and gradient agree with JAX, and what cannot be traced says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import oracle
import pytest
from library import GROUPS, Row
from variants.variant import draw

import derive
from derive.errors import BadInput, Never
from derive.points import Point, concrete, holds
from derive.trace import read
from derive.trace.read import Program

ROWS = {row.label: row for rows in GROUPS.values() for row in rows}
HARD = (
    "softmax_cross_entropy, where", "softmax_cross_entropy_with_integer_labels, where", "ranking_softmax_loss, where, weights", "sigmoid_focal_loss",
    "multiclass_sparsemax_loss", "dice_loss", "triplet_margin_loss", "make_fenchel_young_loss(logsumexp)", "glu", "log_softmax, where",
    "logsumexp, where", "dot_product_attention, causal",
)
optax = pytest.mark.skipif("dice_loss" not in ROWS, reason="optax is not installed")


def drawn(row: Row, program: Program, sizes: dict[str, int]) -> dict[str, Any]:
    """Arguments as the row says they are drawn; each row of a mask lets something through."""
    rng = np.random.default_rng([3, *sizes.values()])
    out = {}
    for argument in program.source.arguments:
        shape = tuple(concrete(part, sizes) for part in argument.shape)
        kind = row.draws.get(argument.name, "real")
        value = (rng.random(shape) < 0.6) if argument.kind == "bool" else np.asarray(draw(kind, shape, sizes, rng))
        if argument.kind == "bool":
            value[..., :1] = True
        out[argument.name] = value
    return out


@pytest.mark.parametrize("label", HARD)
def test_value_and_gradient_agree_with_jax(label: str) -> None:
    if label not in ROWS:
        pytest.skip("optax is not installed")
    row = ROWS[label]
    program = read(row.function, dict(row.shapes))
    derivations = {name: derive.vjp(row.function, name, dict(row.shapes)).function() for name in row.wrt}
    tried = 0
    for sizes in oracle.settings(program, 1):
        arrays = drawn(row, program, sizes)
        if not all(holds(a.condition, Point(sizes, arrays, ""), program.definitions) for a in program.assumptions):
            continue
        tried += 1
        value = oracle.run(row.function, arrays)
        np.testing.assert_allclose(oracle.forward(program, sizes, arrays), value, rtol=row.tolerance, atol=row.tolerance)
        dout = np.random.default_rng(7).normal(size=value.shape)
        expected = oracle.pulled_back(row.function, row.wrt, arrays, dout)
        for name, function in derivations.items():
            if np.isfinite(expected[name]).all():  # JAX itself multiplies 0 by −∞ where a mask is differentiated by labels
                with np.errstate(all="ignore"):
                    found = function(*(arrays[a.name] for a in program.source.arguments), dout)
                np.testing.assert_allclose(found, expected[name], rtol=row.tolerance, atol=row.tolerance, err_msg=f"{name} at {sizes}")
    assert tried


@optax
def test_a_size_that_a_library_compares_is_assumed_to_differ() -> None:
    """`dice_loss` takes a sigmoid where there is one class alone, and JAX says that k is not 1."""
    row = ROWS["dice_loss"]
    assert "two sizes are not equal: k ≠ 1" in derive.vjp(row.function, "predictions", dict(row.shapes)).assumptions
    one = dict.fromkeys(row.shapes, "m 1")
    assert not any("sizes" in text and "≠" in text for text in derive.vjp(row.function, "predictions", one).assumptions)


@optax
def test_a_default_that_no_shape_names_is_kept() -> None:
    assert [a.name for a in read(ROWS["triplet_margin_loss"].function, dict(ROWS["triplet_margin_loss"].shapes)).source.arguments] == [
        "anchors", "positives", "negatives"]


@optax
def test_a_branch_on_data_inside_of_a_library_is_refused() -> None:
    row = ROWS["binary_dice_loss, no sigmoid"]
    with pytest.raises(Never, match="A Python branch depends on the values of the data"):
        read(row.function, dict(row.shapes))


QKV = {"query": "b t n h", "key": "b s n h", "value": "b s n h"}
UNTRACED: dict[str, tuple[Callable[..., Any], dict[str, str], str]] = {
    "an axis that is halved": (jax.nn.glu, {"x": "m d"}, r'with the size d as a number.*\{"x": "m 4"\}'),
    "a root of a size": (jax.nn.dot_product_attention, QKV, r'with the size h as a number.*\{"query": "b t n 4"\}'),
    "two sizes": (lambda x: x * len(range(x.shape[0])) / float(x.shape[1]), {"x": "m d"}, r'with the sizes d and m as a number.*"4 4"'),
}


@pytest.mark.parametrize("name", UNTRACED)
def test_the_size_that_has_to_be_a_number_is_named(name: str) -> None:
    function, shapes, words = UNTRACED[name]
    with pytest.raises((BadInput, Never), match=words):
        read(function, shapes)


def test_no_number_helps_where_no_size_is_at_fault() -> None:
    with pytest.raises(Never, match="A Python branch") as caught:
        read(lambda x: x if x.sum() > 0 else -x, {"x": "m d"})
    assert "as a number" not in str(caught.value)
