"""Doubtful numbers: what rounding explains is not accused, and what it does not explain is not passed, where the code has no formula."""

from __future__ import annotations

import math
import signal
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive
from derive.checking.comparing import Comparing, Comparison
from derive.checking.longer import in_longer_precision
from derive.checking.numbers import Numbers
from derive.checking.own import OwnLoss
from derive.checking.running import Endless, attempt
from derive.checking.safety.setting import setting_of
from derive.checking.shortened import named_format, shortening
from derive.checking.subject import subject_of
from derive.checking.truth import reference_of
from derive.points import Point

SHAPES = {"W": "d k", "X": "m d", "y": "int m"}


def loss(W, X, y):
    return -jnp.mean(jax.nn.log_softmax(X @ W)[jnp.arange(X.shape[0]), y])


def right(W, X, y):
    s = X @ W
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    value = -np.log(p[np.arange(len(X)), y]).mean()
    p[np.arange(len(X)), y] -= 1
    return value, X.T @ p / len(X)


def gradient(W, X, y):
    return right(W, X, y)[1]


def numbers_of(handwritten: Any, reference: Any, wrt: str, shapes: Any) -> Numbers:
    truth = reference_of(reference, shapes, ())
    return Numbers(subject_of(handwritten, truth.arguments, (wrt,)), truth)


def printed(array):
    """The same numbers by way of text, of which there is no formula."""
    return [[float(f"{v:.20g}") for v in row] for row in array]


def differences(W, X, y, h=1e-5):
    out = np.zeros_like(W)
    for place in np.ndindex(W.shape):
        step = np.zeros_like(W)
        step[place] = h
        out[place] = (right(W + step, X, y)[0] - right(W - step, X, y)[0]) / (2 * h)
    return out


INEXACT = {
    "rounded to 8 decimals": lambda W, X, y: np.round(gradient(W, X, y), 8),
    "rounded to 6 decimals": lambda W, X, y: np.round(gradient(W, X, y), 6),
    "printed with 8 decimals": lambda W, X, y: np.array([[float(f"{v:.8f}") for v in row] for row in gradient(W, X, y)]),
    "printed with 9 digits": lambda W, X, y: np.array([[float(f"{v:.9g}") for v in row] for row in gradient(W, X, y)]),
    "cut at 9 decimals": lambda W, X, y: np.trunc(gradient(W, X, y) * 1e9) / 1e9,
    "rounded inside": lambda W, X, y: gradient(np.round(W * 1.0000001, 7), X, y),
    "centred differences": differences,
    "differences with too small a step": lambda W, X, y: differences(W, X, y, 1e-13),
}


@pytest.mark.parametrize("name", INEXACT)
def test_what_rounding_does_not_explain_is_wrong(name: str) -> None:
    numbers = numbers_of(INEXACT[name], loss, "W", SHAPES)
    found = numbers.compare("W")
    assert (found.example is not None and not found.only_ties) or any("rounding is magnified" in fault for fault in numbers.faults("W"))


@pytest.mark.parametrize(("name", "words"), [("rounded to 8 decimals", "to 8 decimals"), ("printed with 9 digits", "to 9 significant digits"),
                                             ("cut at 9 decimals", "to 9 decimals, towards 0")])
def test_how_it_was_rounded_is_told(name: str, words: str) -> None:
    assert numbers_of(INEXACT[name], loss, "W", SHAPES).compare("W").slight == f"it is the true gradient rounded {words}; return it as it is"


def test_numbers_have_more_digits_than_a_rounded_gradient() -> None:
    """2x has as many decimals as x has, so that its rounding is not seen at short numbers."""
    numbers = numbers_of(lambda x: np.round(2 * x, 7), lambda x: jnp.sum(x**2), "x", {"x": "n"})
    assert "rounded to 7 decimals" in numbers.compare("x").slight


def test_a_rounded_gradient_is_not_ok() -> None:
    def rounded(W, X, y):
        value, dW = right(W, X, y)
        return value, np.round(dW, 8)

    report = derive.check(rounded, loss, "W", SHAPES)
    assert report.verdict == "wrong" and not report.ok and "rounded to 8 decimals" in report.diagnosis[0] and not report.fix


# Right, and without a formula: each row works in 64-bit numbers that it makes itself, and loses digits that a longer precision has.
def variance(x):
    z = [30 * float(v) + 500 for v in x.tolist()]
    n = len(z)
    mean = sum(z) / n
    spread = sum(v * v for v in z) / n - mean * mean
    return np.array([60 * (v - mean) / n / (spread + 1e-3) for v in z])


def normalised(x):
    z = np.array([100 * float(v) + 3000 for v in x.tolist()])
    mean = math.fsum(z.tolist()) / len(z)
    s = math.sqrt(max(float(np.sum(z * z)) / len(z) - mean * mean, 0.0) + 1e-5)
    h = (z - mean) / s
    return 100 / s * (np.cos(h) - np.cos(h).mean() - h * (np.cos(h) * h).mean())


def absorbed(x):
    held = np.zeros(len(x))
    held[:] = x.tolist()
    held += 1e5
    return 2 * (held - 1e5)


def of_variance(x):
    z = 30 * x + 500
    return jnp.log(jnp.mean((z - jnp.mean(z)) ** 2) + 1e-3)


def of_normalised(x):
    z = 100 * x + 3000
    return jnp.sum(jnp.sin((z - jnp.mean(z)) / jnp.sqrt(jnp.mean((z - jnp.mean(z)) ** 2) + 1e-5)))


@pytest.mark.parametrize(("code", "reference"), [(variance, of_variance), (normalised, of_normalised), (absorbed, lambda x: jnp.sum(x**2))])
def test_lost_digits_that_a_longer_precision_has_are_not_accused(code: Any, reference: Any) -> None:
    numbers = numbers_of(code, reference, "x", {"x": "n"})
    assert numbers.compare("x").example is None and not numbers.faults("x")


def test_what_the_code_makes_itself_is_long() -> None:
    def makes(x):
        held = np.zeros(1)
        held[0] = math.exp(float(x[0]))
        return held * np.float64(1)

    arguments = reference_of(lambda x: jnp.sum(x), {"x": "n"}, ()).arguments
    subject = in_longer_precision(subject_of(makes, arguments, ("x",)))
    found = subject.run({"x": np.array([0.1], dtype=np.longdouble)})[1]["x"]
    assert found.dtype == np.longdouble and (np.finfo(np.longdouble).eps == np.finfo(float).eps or found[0] != float(found[0]))


def test_shorter_formats_are_a_warning_with_its_name() -> None:
    def in_float32(W, X, y):
        s = X @ W
        p = np.exp(s - s.max(axis=1, keepdims=True))
        p = np.array(printed(p / p.sum(axis=1, keepdims=True)), dtype=np.float32)
        p[np.arange(len(X)), y] -= 1
        return X.T @ p / len(X)

    assert named_format([in_float32]) == np.float32 and named_format([right]) is None
    report = derive.check(in_float32, loss, "W", SHAPES)
    assert report.ok and any("64-bit" in w or "float32" in w for w in report.warnings)


def test_a_result_in_float16_has_too_few_digits_to_be_told_right() -> None:
    report = derive.check(lambda W, X, y: np.array(printed(gradient(W, X, y)), dtype=np.float16), loss, "W", SHAPES)
    assert not report.ok and any("float16" in one for one in report.uncovered)


def own_comparison(code: Any) -> Comparison:
    arguments = reference_of(loss, SHAPES, ()).arguments
    subject = subject_of(code, arguments, ("W",))
    own = OwnLoss(subject, arguments, (), None)
    return Comparing(subject, own, "W").comparison(Numbers(subject, own).trials())


def test_differences_of_the_own_loss_are_as_sharp_as_they_are() -> None:
    def off(W, X, y):
        value, dW = right(W, X, y)
        return value, np.round(dW, 7)

    assert own_comparison(right).example is None
    found = own_comparison(off).example
    assert found is not None and abs(found.claimed - found.true) < 1e-6


def test_how_good_differences_are_is_measured() -> None:
    arguments = reference_of(lambda x: jnp.sum(x), {"x": "n"}, ()).arguments

    def error_of(function: Any) -> float:
        own = OwnLoss(subject_of(lambda x: (function(x), x), arguments, ("x",)), arguments, (), None)
        return float(own.error(Point({"n": 1}, {"x": np.array([3e-4])}, "normal").arrays, "x")[0])

    assert error_of(lambda x: np.sin(x).sum()) < 1e-9 and error_of(lambda x: np.abs(x).sum()) > 0.1


def test_shortenings() -> None:
    true = np.random.default_rng(0).normal(size=8)
    assert shortening([(true, true + 1.0)]) == "" and shortening([(np.trunc(true), true)]) == "to whole numbers, towards 0"
    assert shortening([(true.astype(np.float32).astype(float), true)]) == "to float32"


def newton(x):
    """Right in float64, and endless in float32."""
    out = np.zeros_like(x)
    for i, v in enumerate(x):
        a = 1 + v * v
        s = a
        while abs(s * s - a) > 1e-12 * a:
            s = (s + a / s) / 2
        out[i] = v * s
    return out


def test_code_that_does_not_end_for_another_type_is_stopped() -> None:
    setting = setting_of(numbers_of(newton, lambda x: jnp.sum((1 + x**2) ** 1.5 / 3), "x", {"x": "n"}).subject,
                         reference_of(lambda x: jnp.sum((1 + x**2) ** 1.5 / 3), {"x": "n"}, ()), ("x",))
    assert setting is not None
    handler = signal.getsignal(signal.SIGALRM)
    point = setting.base
    trial = attempt(setting.subject, point, {"x": np.linspace(0.1, 3, 99, dtype=np.float32)}, seconds=0.3)
    assert isinstance(trial.error, Endless) and "does not come to an end within 0.3 seconds" in str(trial.error)
    assert signal.getsignal(signal.SIGALRM) is handler and attempt(setting.subject, point, seconds=0.3).error is None


def branches_on_one_line(W, X, y):
    if X[0, 0] > 1e6: W = W * 2  # noqa: E701
    a = 3.0 if X[0, 0] > 1e6 else 1.0
    b = X[0, 0] > 1e6 and X[0, 0] < 1e7
    while W[0, 0] > 1e6: W = W - 1  # noqa: E701
    c = len(y) if y is not None else None
    if X.ndim == 1: X = X[None]  # noqa: E701
    if c > 2: a = a * 1.0  # noqa: E701
    return a * gradient(W, X, y) + 0.0 * b


def test_branches_on_the_line_of_their_condition_are_seen() -> None:
    told = numbers_of(branches_on_one_line, loss, "W", SHAPES).uncovered()
    line = branches_on_one_line.__code__.co_firstlineno
    assert told == (f"`W = W * 2` on line {line + 1} was not reached at any point", f"`3.0` on line {line + 2} was not reached at any point",
                    f"`X[0, 0] < 10000000.0` on line {line + 3} was not reached at any point",
                    f"`W = W - 1` on line {line + 4} was not reached at any point")
