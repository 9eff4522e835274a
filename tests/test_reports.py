"""What a report says at once, and what it does not say: the headline, faults beside the right gradient, and differences in true words."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive
from derive.checking.report import NUMERIC, PROVED, WRONG, Example, Report

SHAPES = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}


def loss(W, X, y, lam):
    return -jnp.mean(jax.nn.log_softmax(X @ W)[jnp.arange(X.shape[0]), y]) + 0.5 * lam * jnp.sum(W**2)


def right(W, X, y, lam):
    s = X @ W
    s = s - s.max(axis=1, keepdims=True)
    log_p = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    p[np.arange(len(X)), y] -= 1
    return -log_p[np.arange(len(X)), y].mean() + 0.5 * lam * np.sum(W * W), X.T @ p / len(X) + lam * W


HEADLINES = [
    (Report("f", "W", PROVED), PROVED),
    (Report("f", "W", WRONG, faults=("it raises ValueError: no",)), WRONG),
    (Report("f", "W", PROVED, faults=("with entries of X up to ±10 the gradient is nan, and the truth is 3: exp overflows",)),
     f"{PROVED}, but with entries of X up to ±10 the gradient is nan"),
    (Report("f", "W", NUMERIC, uncovered=("line 3",)), f"{NUMERIC}, but not everything was covered"),
    (Report("f", "W", PROVED, loss="differs: yours − reference = 1", own=WRONG),
     f"{PROVED}, but its value is not the reference's, and the gradient is not the derivative of that value"),
]


@pytest.mark.parametrize(("report", "headline"), HEADLINES)
def test_the_headline_says_at_once_what_is_not_right(report: Report, headline: str) -> None:
    assert report.headline == headline and str(report).splitlines()[0] == f"f, gradient with respect to W: {headline}"
    assert report.as_dict()["headline"] == headline and report.ok == (headline == report.verdict and headline != WRONG)


def test_of_several_parts_the_one_that_is_not_right_leads() -> None:
    parts = {"a": Report("f", "a", PROVED), "b": Report("f", "b", NUMERIC, uncovered=("line 3",))}
    assert Report("f", "a, b", PROVED, parts=parts).headline == parts["b"].headline


def test_a_value_that_is_nan_is_called_so() -> None:
    report = derive.check(lambda W, X, y, lam: (right(W, X, y, lam)[0] * np.nan, right(W, X, y, lam)[1]), loss, "W", SHAPES)
    assert report.loss.startswith("differs: it is nan at ") and "by nan" not in str(report) and not report.ok


def test_equal_digits_are_not_shown_as_a_difference() -> None:
    text = str(Example({"n": 1}, {}, 0.1234567890123, 0.1234567890124, (0,)))
    claimed, true = (part.split()[1] for part in text.splitlines()[-1].split(" at ")[0].split(","))
    assert claimed != true


def test_faults_stand_with_the_gradient_that_they_are_about() -> None:
    def layer(x, w):
        return x * w

    def forward(x, w):
        return x * w, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout * x * w / x, (dout * np.exp(800 * x) / np.exp(800 * x)) * x

    report = derive.check((forward, backward), layer, shapes={"x": "n", "w": "n"})
    faults = {name: " ".join(part.faults) for name, part in report.parts.items()}
    assert "with respect to w" not in faults["x"] and "with respect to w is nan" in faults["w"] and not report.parts["w"].ok
    assert "the gradient with respect to w is nan" in report.parts["w"].headline


def test_a_gradient_that_is_wrong_has_no_further_faults() -> None:
    def wrong(x):
        return 3 * x * np.exp(800 * x) / np.exp(800 * x)

    report = derive.check(wrong, lambda x: jnp.sum(x**2), "x", {"x": "n"}, explain=False)
    assert report.verdict == WRONG and not any("the gradient with respect to x is" in fault for fault in report.faults)


@pytest.mark.parametrize(("start", "told"), [(lambda X: np.zeros((X.shape[1], X.shape[0])), True), (lambda X: np.zeros_like(X).T, False)])
def test_a_type_is_told_where_the_code_chose_it(start, told: bool) -> None:
    def code(X):
        out = start(X)
        out += 2 * X.T
        return out.T

    report = derive.check(code, lambda X: jnp.sum(X**2), "X", {"X": "m d"})
    assert any("comes back as float64" in warning for warning in report.warnings) == told


def test_a_type_that_whole_numbers_lead_to_is_not_told() -> None:
    def code(w, y):
        return w * y

    report = derive.check(code, lambda w, y: jnp.sum(w**2 * y) / 2, "w", {"w": "n", "y": "int n"})
    assert report.ok and not any("comes back as" in warning for warning in report.warnings)


def test_a_gradient_for_one_hot_rows_is_told_what_it_assumes() -> None:
    def soft(z, Y):
        return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(z), axis=1))

    def by_hand(z, Y):
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return (p / p.sum(axis=1, keepdims=True) - Y) / len(z)

    shapes = {"z": "m k", "Y": "m k"}
    report = derive.check(by_hand, soft, "z", shapes)
    assert report.verdict == WRONG and "sums to 1" in report.diagnosis[0] and "assume=['sum(Y, axis=-1) == 1']" in report.diagnosis[0]
    assert derive.check(by_hand, soft, "z", shapes, ["sum(Y, axis=-1) == 1"]).verdict == PROVED
    assert not any("sums to 1" in line for line in derive.check(lambda z, Y: 2 * by_hand(z, Y), soft, "z", shapes).diagnosis)
