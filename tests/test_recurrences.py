"""Mistakes in recurrences, told in words: one slip that every step repeats, a gate that is missing, and how far the code is right."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from variants.recurrent import (
    GRU,
    LSTM,
    RNN_THREE,
    gru_step_backward_lost_path,
    gru_step_forward,
    lstm_step_backward,
    lstm_step_forward,
    rnn_backward_stale,
    rnn_forward,
)

import derive
from derive.checking.diagnosis.repeated import repeated
from derive.checking.diagnosis.variants import variants
from derive.checking.difference import reasoning
from derive.checking.truth import reference_of


@pytest.fixture(scope="module")
def stale():
    return derive.check((rnn_forward, rnn_backward_stale), RNN_THREE.reference, list(RNN_THREE.wrt), dict(RNN_THREE.shapes))


@pytest.mark.parametrize("wrt", ["x", "Wx", "Wh"])
def test_what_every_step_forgets_is_said_once(stale, wrt):
    told = [line for line in stale.parts[wrt].diagnosis if not line.startswith("it is right after this")]
    assert len(told) == 1 and "∂L/∂h′ and ∂L/∂h" in told[0] and "what comes back by way of ∂L/∂s is not added" in told[0]


def test_a_gate_that_is_missing_is_named():
    report = derive.check((gru_step_forward, gru_step_backward_lost_path), GRU.reference, list(GRU.wrt), dict(GRU.shapes))
    assert any("the factor r_ic is missing" in line for line in report.parts["h"].diagnosis)
    assert all(part.verdict == "proved for all sizes" for name, part in report.parts.items() if name != "h")


def test_gates_that_are_joined_are_proved():
    report = derive.check((lstm_step_forward, lstm_step_backward), LSTM.reference, ["x", "h", "c"], dict(LSTM.shapes))
    assert all(part.verdict == "proved for all sizes" for part in report.parts.values())


def test_steps_that_are_alike_change_together():
    story = reference_of(RNN_THREE.reference, dict(RNN_THREE.shapes), ()).story("x")
    whole = (*reasoning(story), story.result)
    single = [v for v in variants(story) if len(v.changed) == 1]
    groups = list(repeated(whole, single))
    assert groups and all(len(v.changed) > 1 and len({whole[k].role for k in v.changed}) == 1 for v in groups)
    for group in groups:
        assert {k for k, (a, b) in enumerate(zip(whole, group.definitions)) if a.body is not b.body} <= set(group.changed)


def chain(x, A, B, C):
    u = x @ A
    h = jnp.tanh(u)
    v = h @ B
    k = jax.nn.sigmoid(v)
    return jnp.sum((k @ C) ** 2)


def chain_by_hand(x, A, B, C):
    h = np.tanh(x @ A)
    k = 1 / (1 + np.exp(-(h @ B)))
    dk = 2 * (k @ C) @ C.T
    dv = dk * k * (1 - k)
    dh = dv @ B.T + 0.3 * np.sin(dv @ B.T)
    return x.T @ (dh * (1 - h ** 2))


def test_how_far_it_is_right_is_said_where_no_step_explains_it():
    report = derive.check(chain_by_hand, chain, "A", {"x": "n d", "A": "d p", "B": "p q", "C": "q r"})
    line = next(line for line in report.diagnosis if "is right: it is" in line)
    assert line.startswith("dv in line") and "∂chain/∂v" in line
    assert any("what your code does not have anywhere is ∂chain/∂h: " in line for line in report.diagnosis)
