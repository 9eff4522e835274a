"""The table of handwritten gradients: first that the table itself is true, by an oracle that derive has no part in."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from variants import VARIANTS, Variant
from variants.running import Result, gap, out_shape, run, truth
from variants.variant import drawn, settings

import derive

EACH = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)


@cache
def point(key: int, turn: int) -> tuple[dict[str, Any], Any, Result]:
    """Arguments, an incoming gradient for a layer, and the truth: once for all that belong to the same loss."""
    variant = next(v for v in VARIANTS if id(v.family) == key)
    family, rng = variant.family, np.random.default_rng([7, turn])
    arrays = drawn(family, settings(family)[turn], rng)
    dout = rng.normal(size=out_shape(family, arrays)) if len(variant.functions) == 2 else None
    return arrays, dout, truth(family, arrays, dout)


def gaps(variant: Variant, turn: int) -> tuple[float, float]:
    """How far the value and the gradients are from those of jax.grad, at one point; infinitely where it cannot be run."""
    arrays, dout, true = point(id(variant.family), turn)
    try:
        claimed = run(variant.functions, variant.family.wrt, arrays, dout)
    except (ValueError, IndexError, TypeError) as error:
        assert not variant.right, error
        return 0.0, float("inf")
    assert len(claimed.gradients) == len(true.gradients)
    value = 0.0 if claimed.value is None else gap(claimed.value, true.value)
    return value, max(gap(a, b) for a, b in zip(claimed.gradients, true.gradients))


@EACH
@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_the_table_is_true(variant: Variant) -> None:
    """A right one agrees with jax.grad at asymmetric sizes and at size 1; a wrong one differs at some of them."""
    with np.errstate(all="ignore"):
        found = [gaps(variant, turn) for turn in range(len(settings(variant.family)))]
    if variant.right:
        assert max(max(pair) for pair in found) < 1e-12
    else:
        assert max(g for _, g in found) > 1e-3 and (max(v for v, _ in found) < 1e-12 or variant.own or "sum_without" in variant.name)


def test_the_table_is_large_and_various() -> None:
    assert sum(v.right for v in VARIANTS) >= 75 and sum(not v.right for v in VARIANTS) >= 15
    assert len({v.name for v in VARIANTS}) == len(VARIANTS) and all(v.fault or v.right for v in VARIANTS)


# ------------------------------------------------------------------------------------------- what the check says of each


# Right ones are proved for all sizes, but for these: how far the check gets.
REACHED = {
    "softmax_matrix_class": "agrees numerically", "huber_clip": "agrees numerically", "max_pool_backward": "agrees numerically",
    "causal_backward": "exact", "multi_head_backward": "exact", "average_pool_backward": "exact", "conv_backward_im2col": "exact",
    "conv_small_backward": "exact", "conv_line_backward": "exact"}
LEVELS = ("agrees numerically", "exact", "proved")


@EACH
@pytest.mark.filterwarnings("ignore")
def test_each_gets_the_verdict_that_it_deserves(variant: Variant) -> None:
    """A right one is never accused and reaches its level; a wrong one is never ok."""
    family, code = variant.family, variant.functions if len(variant.functions) == 2 else variant.functions[0]
    report = derive.check(code, reference=family.reference, wrt=list(family.wrt), shapes=dict(family.shapes), assume=family.assume)
    verdicts = [part.verdict for part in report.parts.values()] or [report.verdict]
    assert report.ok == variant.right, str(report)
    if variant.own:
        assert any(v.startswith("right for its own loss") for v in verdicts)
    elif variant.right:
        wanted = LEVELS.index(REACHED.get(variant.name, "proved"))
        assert all(any(v.startswith(level) for level in LEVELS[wanted:]) for v in verdicts), str(report)
    else:
        assert any(v.startswith(("wrong", "cannot run")) for v in verdicts), str(report)
