"""Handwritten gradients, right and wrong in the ways in which people are, against the losses that they belong to."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive

SHAPES = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}


def softmax_loss(W, X, y, lam):
    z = X @ W
    p = jax.nn.softmax(z)
    return -jnp.mean(jnp.log(p[jnp.arange(X.shape[0]), y])) + 0.5 * lam * jnp.sum(W**2)


def hinge_loss(W, X, y):
    m = X.shape[0]
    s = X @ W
    margins = jnp.maximum(0, s - s[jnp.arange(m), y][:, None] + 1)
    return jnp.sum(margins.at[jnp.arange(m), y].set(0.0)) / m


def probabilities(W, X):
    f = X.dot(W)
    f = f - np.max(f, axis=1, keepdims=True)
    return np.exp(f) / np.sum(np.exp(f), axis=1, keepdims=True)


def data_gradient(W, X, y, hot=1.0, axis=1):
    f = X.dot(W)
    f = f - np.max(f, axis=1, keepdims=True)
    p = np.exp(f) / np.sum(np.exp(f), axis=axis, keepdims=True)
    p[np.arange(X.shape[0]), y] -= hot
    return X.T.dot(p)


def vectorised(W, X, y, lam):
    return data_gradient(W, X, y) / X.shape[0] + lam * W


def with_another_name_for_the_strength(W, X, y, reg):
    return data_gradient(W, X, y) / len(X) + reg * W


def naive(W, X, y, lam):
    loss, dW = 0.0, np.zeros_like(W)
    m, k = X.shape[0], W.shape[1]
    for i in range(m):
        f_i = X[i].dot(W)
        f_i -= np.max(f_i)
        sum_j = np.sum(np.exp(f_i))
        loss += -np.log(np.exp(f_i[y[i]]) / sum_j)
        for c in range(k):
            dW[:, c] += (np.exp(f_i[c]) / sum_j - (c == y[i])) * X[i]
    return loss / m + 0.5 * lam * np.sum(W * W), dW / m + lam * W


def naive_without_the_mean(W, X, y, lam):
    dW = np.zeros_like(W)
    for i in range(X.shape[0]):
        f_i = X[i].dot(W)
        p = np.exp(f_i - np.max(f_i))
        p /= np.sum(p)
        for c in range(W.shape[1]):
            if c == y[i]:
                dW[:, c] += (p[c] - 1) * X[i]
            else:
                dW[:, c] += p[c] * X[i]
    return dW + lam * W


@pytest.mark.parametrize("handwritten", [vectorised, with_another_name_for_the_strength, naive])
def test_right_ones_are_proved(handwritten):
    report = derive.check(handwritten, reference=softmax_loss, wrt="W", shapes=SHAPES)
    assert report.ok and report.verdict == "proved for all sizes" and report.counterexample is None
    assert report.require("proved") is report


WRONG = {
    "no mean, no regulariser": (lambda W, X, y, lam: data_gradient(W, X, y), ["lacks the factor 1/m", "your gradient lacks λ W_ac"]),
    "no regulariser": (lambda W, X, y, lam: data_gradient(W, X, y) / X.shape[0], ["your gradient lacks λ W_ac"]),
    "regulariser doubled": (lambda W, X, y, lam: data_gradient(W, X, y) / X.shape[0] + 2 * lam * W, ["λ W_ac is multiplied by 2"]),
    "regulariser halved": (lambda W, X, y, lam: data_gradient(W, X, y) / X.shape[0] + lam * W / 2, ["λ W_ac is multiplied by 1/2"]),
    "regulariser summed": (lambda W, X, y, lam: data_gradient(W, X, y) / X.shape[0] + lam * np.sum(W), ["lacks λ W_ac", "Σ"]),
    "regulariser over m": (lambda W, X, y, lam: (data_gradient(W, X, y) + lam * W) / X.shape[0], ["λ W_ac has the factor 1/m"]),
    "sign of the data term": (lambda W, X, y, lam: -data_gradient(W, X, y) / X.shape[0] + lam * W, ["the sign of", "is wrong"]),
    "sign of everything": (lambda W, X, y, lam: -vectorised(W, X, y, lam), ["the sign of the whole gradient is wrong"]),
    "p in place of p − y": (lambda W, X, y, lam: X.T @ probabilities(W, X) / X.shape[0] + lam * W, ["lacks −(1/m) Σ_i X_ia · 1{c = y_i}"]),
    "two taken off": (lambda W, X, y, lam: data_gradient(W, X, y, hot=2.0) / X.shape[0] + lam * W, ["1{c = y_i} is multiplied by 2"]),
    "one part in 10⁹ too much": (lambda W, X, y, lam: vectorised(W, X, y, lam) + 1e-9 * W, ["what does not belong there"]),
    "the other axis": (lambda W, X, y, lam: data_gradient(W, X, y, axis=0) / X.shape[0] + lam * W, ["the wrong axis"]),
    "divided by the classes": (lambda W, X, y, lam: data_gradient(W, X, y) / W.shape[1] + lam * W, []),
    "a loop without the mean": (naive_without_the_mean, ["lacks the factor 1/m"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ones_are_told_what_is_wrong(name):
    handwritten, words = WRONG[name]
    report = derive.check(handwritten, reference=softmax_loss, wrt="W", shapes=SHAPES)
    assert not report.ok and report.verdict == "wrong" and report.counterexample is not None
    diagnosis = " ".join(report.diagnosis)
    assert all(word in diagnosis for word in words), diagnosis
    example = report.counterexample
    with jax.enable_x64(True):
        true = np.asarray(jax.grad(softmax_loss)(*(jnp.asarray(example.arrays[n]) for n in ("W", "X", "y", "lam"))))
    claimed = handwritten(*(np.array(example.arrays[n]) for n in ("W", "X", "y", "lam")))
    assert claimed[example.place] == pytest.approx(example.claimed) and true[example.place] == pytest.approx(example.true)
    with pytest.raises(derive.CheckFailed, match="wrong"):
        report.require("numeric")


def test_two_conventions_of_the_regulariser_are_told_apart():
    def other(W, X, y, lam):
        p = probabilities(W, X)
        loss = -np.log(p[np.arange(len(X)), y]).mean() + lam * np.sum(W * W)
        return loss, data_gradient(W, X, y) / len(X) + 2 * lam * W
    report = derive.check(other, reference=softmax_loss, wrt="W", shapes=SHAPES)
    assert not report.ok and report.verdict.startswith("right for its own loss")
    assert "yours − reference = (1/2) λ Σ_{a,c} W_ac²" in report.loss


def test_ties_are_a_convention_and_not_a_mistake():
    def svm(W, X, y):
        m = X.shape[0]
        s = X.dot(W)
        margins = np.maximum(0, s - s[np.arange(m), y].reshape(-1, 1) + 1)
        margins[np.arange(m), y] = 0
        mask = np.zeros(margins.shape)
        mask[margins > 0] = 1
        mask[np.arange(m), y] = -mask.sum(axis=1)
        return margins.sum() / m, X.T.dot(mask) / m
    report = derive.check(svm, reference=hinge_loss, wrt="W", shapes={"W": "d k", "X": "m d", "y": "int m"})
    assert report.ok and report.verdict == "proved for all sizes, ties aside"


def test_code_that_cannot_be_lifted_is_judged_by_numbers_and_its_parts_are_named():
    def in_order_of_size(W, X, y, lam):
        dW = np.zeros(W.shape)
        for i in sorted(range(X.shape[0]), key=lambda i: float(X[i].sum())):
            f = X[i] @ W
            p = np.exp(f - f.max())
            p /= p.sum()
            p[y[i]] -= 1
            dW += np.outer(X[i], p)
        return dW
    report = derive.check(in_order_of_size, reference=softmax_loss, wrt="W", shapes=SHAPES)
    assert report.verdict == "wrong"
    assert [line.rpartition(" lacks ")[2] for line in report.diagnosis[:2]] == ["the factor 1/m", "λ W_ac, the derivative of the regulariser"]
    right = derive.check(lambda W, X, y, lam: in_order_of_size(W, X, y, lam) / len(X) + lam * W, softmax_loss, "W", SHAPES)
    assert right.ok and right.verdict.startswith("exact at sizes")
    with pytest.raises(derive.CheckFailed, match="required: proved"):
        right.require("proved")


def linear(w, b, X, y):
    return 0.5 * jnp.mean((X @ w + b - y) ** 2)


LINEAR = {"w": "d", "b": "", "X": "m d", "y": "m"}


def test_several_gradients_by_order_and_by_name():
    def by_order(w, b, X, y):
        r = X @ w + b - y
        return X.T @ r / len(y), r.mean()

    def by_name(w, b, X, y):
        dw, db = by_order(w, b, X, y)
        return 0.5 * np.mean((X @ w + b - y) ** 2), {"w": dw, "b": db}

    def swapped(w, b, X, y):
        return by_order(w, b, X, y)[::-1]
    assert derive.check(by_order, linear, ["w", "b"], LINEAR).ok
    assert derive.check(by_name, linear, ["w", "b"], LINEAR).ok
    report = derive.check(swapped, linear, ["w", "b"], LINEAR)
    assert not report.ok and {part.verdict for part in report.parts.values()} == {"wrong"}


def test_what_is_not_wrong_is_a_warning():
    def centred_in_place(w, b, X, y):
        X *= 1.0
        return X.T @ (X @ w + b - y) / len(y)
    report = derive.check(centred_in_place, linear, "w", LINEAR)
    assert report.ok and any("changes its argument X in place" in w for w in report.warnings)


def test_code_that_raises_cannot_run():
    def broken(w, b, X, y):
        return X @ X @ w
    report = derive.check(broken, linear, "w", LINEAR)
    assert not report.ok and report.verdict in ("cannot run", "wrong")


def test_a_parameter_that_the_reference_lacks_is_named():
    with pytest.raises(derive.BadInput, match="needs extra"):
        derive.check(lambda w, b, X, y, extra: w, linear, "w", LINEAR)
    with pytest.raises(derive.BadInput, match="no level 'certain'"):
        derive.check(lambda w, b, X, y: X.T @ (X @ w + b - y) / len(y), linear, "w", LINEAR).require("certain")
