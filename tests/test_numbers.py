"""Numbers as the third leg: what is wrong is found however small, what is only rounded is not accused, and ties are told from mistakes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from derive.checking.numbers import Comparison, Numbers
from derive.checking.own import OwnLoss
from derive.checking.subject import subject_of
from derive.checking.truth import reference_of
from derive.points import is_strength

SHAPES = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}


def softmax_loss(W, X, y, lam):
    z = X @ W
    return -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(X.shape[0]), y]) + 0.5 * lam * jnp.sum(W**2)


def hinge_loss(W, X, y):
    s = X @ W
    margins = jnp.maximum(0, s - s[jnp.arange(X.shape[0]), y][:, None] + 1)
    return jnp.sum(margins.at[jnp.arange(X.shape[0]), y].set(0.0)) / X.shape[0]


def cross_entropy(x):
    return -jnp.sum(jax.nn.log_softmax(x))


def numbers_of(handwritten: Any, reference: Any, wrt: str, shapes: Any = None, assume: Any = ()) -> Numbers:
    truth = reference_of(reference, shapes, assume)
    return Numbers(subject_of(handwritten, truth.arguments, (wrt,)), truth)


def compare(handwritten: Any, reference: Any = softmax_loss, wrt: str = "W", shapes: Any = SHAPES, assume: Any = ()) -> Comparison:
    return numbers_of(handwritten, reference, wrt, shapes, assume).compare(wrt)


def right(W, X, y, lam):
    f = X @ W
    f = f - f.max(axis=1, keepdims=True)
    p = np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)
    p[np.arange(len(X)), y] -= 1
    return X.T @ p / len(X) + lam * W


def no_shift(W, X, y, lam):
    e = np.exp(X @ W)
    p = e / e.sum(axis=1, keepdims=True)
    p[np.arange(len(X)), y] -= 1
    return X.T @ p / len(X) + lam * W


def loops(W, X, y, lam):
    dW = np.zeros(W.shape)
    for i in range(len(X)):
        f = W.T @ X[i]
        p = np.exp(f - f.max())
        p /= p.sum()
        for c in range(W.shape[1]):
            for a in range(W.shape[0]):
                dW[a, c] += X[i, a] * (p[c] - (c == y[i])) / len(X)
    return dW + lam * W


def through_cancellation(W, X, y, lam):
    """Right, and badly rounded: 10⁶ is added and taken off again."""
    return (right(W, X, y, lam) + 1e6) - 1e6


def in_float32(W, X, y, lam):
    return right(W.astype(np.float32), X.astype(np.float32), y, np.float32(lam))


def in_float32_and_back(W, X, y, lam):
    return in_float32(W, X, y, lam).astype(float)


RIGHT = [right, no_shift, loops, through_cancellation, in_float32, in_float32_and_back,
         lambda W, X, y, lam: right(W * 3, X / 3, y, 0) * 3 + lam * W,  lambda W, X, y, lam: np.asmatrix(right(W, X, y, lam)),
         lambda W, X, y, lam: (0.0, right(W, X, y, lam))]


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("k", range(len(RIGHT)))
def test_right_ones_are_not_accused(k: int) -> None:
    found = compare(RIGHT[k])
    assert found.example is None and found.failure is None and found.tried == 9


WRONG = {
    "a billionth of one term": lambda W, X, y, lam: right(W, X, y, lam) + 1e-9 * lam * W,
    "a trillionth": lambda W, X, y, lam: right(W, X, y, lam) * (1 + 3e-12),
    "only without a strength": lambda W, X, y, lam: right(W, X, y, lam) + (lam == 0) * 0.1,
    "only at a small strength": lambda W, X, y, lam: right(W, X, y, lam) + (0 < lam < 1e-5) * 0.1,
    "only at a large strength": lambda W, X, y, lam: right(W, X, y, lam) + (lam == 10) * 0.1,
    "only with one example": lambda W, X, y, lam: right(W, X, y, lam) * (1 + (len(X) == 1)),
    "divided by the classes": lambda W, X, y, lam: right(W, X, y, 0) * len(X) / W.shape[1] + lam * W,
    "the transpose": lambda W, X, y, lam: right(W, X, y, lam).T,
    "another shape": lambda W, X, y, lam: right(W, X, y, lam).sum(axis=0),
    "not a number": lambda W, X, y, lam: right(W, X, y, lam) + np.log(-1.0),
    "random": lambda W, X, y, lam: right(W, X, y, lam) * (np.random.rand(*W.shape) < 0.5),
    "whole numbers": lambda W, X, y, lam: right(W, X, y, lam).astype(int),
    "off with many near misses": lambda W, X, y, lam: right(W, X, y, lam) * (1 + 1e-7 * (W > 0)),
    "wrong in float32": lambda W, X, y, lam: in_float32(W, X, y, lam) * np.float32(1.001),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ones_are_found(name: str) -> None:
    with np.errstate(all="ignore"):
        found = compare(WRONG[name])
    assert found.example is not None and not found.only_ties and found.failure is None
    assert found.example.claimed != found.example.true


def test_notes_tell_precision_and_shape() -> None:
    assert any("drops to float32" in note for note in compare(in_float32).notes)
    assert any("drops to float32" in note for note in compare(in_float32_and_back).notes)
    assert any("not accurate to 64-bit" in note for note in compare(lambda W, X, y, lam: (right(W, X, y, lam) + 1e8) - 1e8).notes)
    assert any("shape (k, d) where the argument has (d, k): it is the transpose" in note for note in compare(WRONG["the transpose"]).notes)


def hinge(W, X, y, at_ties=False):
    s = X @ W
    margins = s - s[np.arange(len(X)), y][:, None] + 1
    mask = ((margins >= 0) if at_ties else (margins > 0)).astype(float)
    mask[np.arange(len(X)), y] = 0
    mask[np.arange(len(X)), y] = -mask.sum(axis=1)
    return X.T @ mask / len(X)


def test_ties_are_told_from_mistakes() -> None:
    shapes = {"W": "d k", "X": "m d", "y": "int m"}
    for at_ties in (False, True):
        found = compare(lambda W, X, y, at_ties=at_ties: hinge(W, X, y, at_ties), hinge_loss, "W", shapes)
        assert found.example is not None and found.only_ties
    found = compare(lambda W, X, y: hinge(W, X, y) * 1.001, hinge_loss, "W", shapes)
    assert found.example is not None and not found.only_ties
    scalar = compare(lambda x: float(x > 0), lambda x: jnp.maximum(x, 0), "x", {"x": ""})
    assert scalar.example is None or scalar.only_ties


def test_numbers_are_in_the_domain_of_the_truth() -> None:
    found = compare(lambda x, v: -x / v, lambda x, v: -0.5 * jnp.sum(x**2 / v) + 0 * jnp.sum(jnp.log(v)), "x", {"x": "n", "v": "n"})
    assert found.example is None and found.tried >= 8
    found = compare(lambda x, eps: 0.5 / np.sqrt(x + eps), lambda x, eps: jnp.sum(jnp.sqrt(x + eps)), "x", {"x": "n", "eps": ""}, ["eps > 0"])
    assert found.example is None and found.tried >= 5


def test_what_is_declared_holds_at_the_points() -> None:
    def loss(z, t):
        return -jnp.sum(t * jax.nn.log_softmax(z))

    def by_hand(z, t):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True) - t

    shapes = {"z": "m k", "t": "m k"}
    assert compare(by_hand, loss, "z", shapes).example is not None
    assert compare(by_hand, loss, "z", shapes, ["sum(t, axis=-1) == 1"]).example is None


def test_masked_labels_are_among_the_points() -> None:
    def loss(z, y):
        picked = jax.nn.log_softmax(z)[jnp.arange(z.shape[0]), jnp.where(y != -1, y, 0)]
        return -jnp.sum(jnp.where(y != -1, picked, 0.0))

    def by_hand(z, y, masked=True):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        p[np.arange(len(z)), np.where(y == -1, 0, y)] -= 1
        return p * (y != -1)[:, None] if masked else p

    shapes = {"z": "m k", "y": "int m"}
    numbers = numbers_of(by_hand, loss, "z", shapes)
    assert any((t.point.arrays["y"] == -1).any() for t in numbers.trials()) and numbers.compare("z").example is None
    assert compare(lambda z, y: by_hand(z, y, False), loss, "z", shapes).example is not None


def test_unstable_code_at_wide_numbers_is_doubtful_and_not_wrong() -> None:
    def unstable(x):
        return 20 * (np.exp(20 * x) / (np.exp(20 * x).sum()) * len(x) - 1)

    found = compare(unstable, lambda x: cross_entropy(20 * x), "x", {"x": "n"})
    assert found.example is None and found.doubtful

    def variance_by_difference(x):
        s = np.sum(x**2) - np.sum(x) ** 2 / len(x)
        return 2 * (x - x.mean()) / s

    found = compare(lambda x: variance_by_difference(x + 0.0), lambda x: jnp.log(jnp.sum((x - jnp.mean(x)) ** 2)), "x", {"x": "n"})
    assert found.example is None


def test_the_value_is_compared_too() -> None:
    numbers = numbers_of(lambda W, X, y, lam: (1.5, right(W, X, y, lam)), softmax_loss, "W", SHAPES)
    assert numbers.compare("W").example is None
    value = numbers.compare_value()
    assert value is not None and value.example is not None and value.example.claimed == 1.5
    assert numbers_of(right, softmax_loss, "W", SHAPES).compare_value() is None


def test_what_cannot_run_is_said() -> None:
    assert "it raises ValueError" in str(compare(lambda W, X, y, lam: np.zeros(3) + np.zeros(4)).failure)
    assert "no gradient" in str(compare(lambda W, X, y, lam: None).failure)
    assert "no array of numbers" in str(compare(lambda W, X, y, lam: "a word").failure)

    def not_for_one(W, X, y, lam):
        if len(X) == 1:
            raise ValueError("too few")
        return right(W, X, y, lam)

    numbers = numbers_of(not_for_one, softmax_loss, "W", SHAPES)
    assert numbers.compare("W").failure is None and numbers.compare("W").tried < 9
    assert numbers.faults("W") == ("it raises ValueError at d = 1, k = 1, m = 1: too few",)


def test_the_run_is_quiet_and_leaves_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    def loud(W, X, y, lam):
        print("hello")
        np.log(np.zeros(1))
        X += 1
        X -= 1
        W *= 2
        return right(W / 2, X, y, lam)

    state = np.random.get_state()[1].copy()
    numbers = numbers_of(loud, softmax_loss, "W", SHAPES)
    trial = numbers.trials()[0]
    assert trial.printed == "hello\n" and "W" in trial.mutated and any("divide by zero" in w for w in trial.warned)
    assert capsys.readouterr().out == "" and (np.random.get_state()[1] == state).all()


def test_lines_that_no_point_reached_are_told() -> None:
    def branches(W, X, y, lam):
        if lam > 50:
            W = W * 2
        if len(X) == 1:
            lam = lam + 0.0
        if W.shape[0] != X.shape[1]:
            raise ValueError("sizes")
        return right(W, X, y, lam)

    told = numbers_of(branches, softmax_loss, "W", SHAPES).uncovered()
    line = branches.__code__.co_firstlineno + 2
    assert told == (f"line {line} was not reached at any point",)


def test_strengths_are_recognised() -> None:
    arguments = reference_of(softmax_loss, SHAPES, ()).arguments
    assert [is_strength(a) for a in arguments] == [False, False, False, True]
    seen = {float(t.point.arrays["lam"]) for t in numbers_of(right, softmax_loss, "W", SHAPES).trials()}
    assert {0.0, 5e-6, 10.0} < seen


def own_of(handwritten: Any, wrt: str, shapes: Any) -> Comparison:
    arguments = reference_of(softmax_loss if "lam" in shapes else hinge_loss, shapes, ()).arguments
    subject = subject_of(handwritten, arguments, (wrt,))
    own = OwnLoss(subject, arguments, (), None)
    return Numbers(subject, own).compare(wrt)


def hinge_and_loss(W, X, y, factor=1.0):
    s = X @ W
    margins = np.maximum(0, s - s[np.arange(len(X)), y][:, None] + 1)
    margins[np.arange(len(X)), y] = 0
    return margins.sum() / len(X), factor * hinge(W, X, y)


def softmax_and_loss(W, X, y, lam, factor=0.5):
    f = X @ W
    log_p = f - f.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(X)), y].mean() + factor * lam * np.sum(W * W), right(W, X, y, lam)


def test_a_gradient_is_compared_with_differences_of_its_own_loss() -> None:
    shapes = {"W": "d k", "X": "m d", "y": "int m"}
    found = own_of(hinge_and_loss, "W", shapes)
    assert found.tried > 5 and (found.example is None or found.only_ties)
    found = own_of(lambda W, X, y: hinge_and_loss(W, X, y, 1.01), "W", shapes)
    assert found.example is not None and not found.only_ties
    assert own_of(softmax_and_loss, "W", SHAPES).example is None
    assert own_of(lambda W, X, y, lam: softmax_and_loss(W, X, y, lam, 1.0), "W", SHAPES).example is not None


def test_nan_at_a_single_point_is_a_fault_and_not_a_mistake() -> None:
    numbers = numbers_of(lambda x: np.prod(x) / x, lambda x: jnp.prod(x), "x", {"x": "n"})
    found = numbers.compare("x")
    assert found.example is None and found.holes and np.isnan(found.holes[0].claimed)
    assert any("the gradient with respect to x is nan at a single point, where the truth is" in fault for fault in numbers.faults("x"))
    assert compare(lambda x: np.prod(x) / x * 1.01, lambda x: jnp.prod(x), "x", {"x": "n"}).example is not None
