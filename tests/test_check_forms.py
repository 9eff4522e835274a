"""The forms in which handwritten gradients come: pairs with a cache, other layouts, other labels, several gradients, no reference."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive

AFFINE = {"x": "n d", "w": "d m", "b": "m"}
SOFTMAX = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}


def affine(x, w, b):
    return x @ w + b


def affine_forward(x, w, b):
    return x.dot(w) + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    return dout.dot(w.T), x.T.dot(dout), dout.sum(axis=0)


def cache_in_parts(x, w, b):
    return x @ w + b, x, w


def backward_of_parts(dout, x, w):
    return {"x": dout @ w.T, "w": x.T @ dout, "b": dout.sum(0)}


def without_a_cache(dout, x, w, b):
    return dout @ w.T, x.T @ dout, dout.sum(0)


def caches_swapped(dout, cache):
    w, x, _ = cache
    return dout.dot(w.T), x.T.dot(dout), dout.sum(axis=0)


@pytest.mark.parametrize("pair", [(affine_forward, affine_backward), (cache_in_parts, backward_of_parts),
                                  (lambda x, w, b: x @ w + b, without_a_cache)])
@pytest.mark.parametrize("reference", [affine, None])
def test_a_forward_and_a_backward_pass(pair, reference):
    report = derive.check(pair, reference, shapes=AFFINE)
    assert set(report.parts) == {"x", "w", "b"} and report.ok and report.level == "proved"


def test_caches_unpacked_in_the_wrong_order_are_found():
    report = derive.check((affine_forward, caches_swapped), affine, shapes=AFFINE)
    assert not report.ok and report.wrong and report.parts["b"].verdict != "wrong"


def test_a_backward_pass_may_want_the_value():
    report = derive.check((lambda x: np.tanh(x), lambda dout, out: dout * (1 - out**2)), lambda x: jnp.tanh(x), shapes={"x": "n d"})
    assert report.ok and report.level == "proved"


def scaled_forward(x, gain_param):
    return gain_param["by"] * x, (x, gain_param)


def scaled_backward(dout, cache):
    _, gain_param = cache
    return gain_param["by"] * dout


def test_parameters_that_the_reference_lacks_are_given():
    report = derive.check((scaled_forward, scaled_backward), lambda x: 3.0 * x, shapes={"x": "n d"}, fixed={"gain_param": {"by": 3.0}})
    assert report.ok
    with pytest.raises(derive.BadInput, match="gain_param"):
        derive.check((scaled_forward, scaled_backward), lambda x: 3.0 * x, shapes={"x": "n d"})


def softmax_loss(W, X, y, lam):
    log_p = jax.nn.log_softmax(X @ W)
    return -jnp.mean(log_p[jnp.arange(X.shape[0]), y]) + 0.5 * lam * jnp.sum(W**2)


def classes_by_features(W, X, y, reg):
    f = W.dot(X)
    f -= f.max(axis=0)
    p = np.exp(f) / np.exp(f).sum(axis=0)
    n = X.shape[1]
    loss = -np.log(p[y, np.arange(n)]).mean() + 0.5 * reg * np.sum(W * W)
    p[y, np.arange(n)] -= 1
    return loss, p.dot(X.T) / n + reg * W


def one_hot(W, X, Y, reg):
    f = X @ W
    e = np.exp(f - f.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    return -(Y * np.log(p)).sum() / len(X) + 0.5 * reg * (W**2).sum(), X.T @ (p - Y) / len(X) + reg * W


@pytest.mark.parametrize(("code", "words"), [(classes_by_features, "W is given transposed"), (one_hot, "Y is given as one-hot rows")])
def test_other_layouts_are_recognised_and_said(code, words):
    report = derive.check(code, softmax_loss, "W", SOFTMAX)
    assert report.ok and report.level == "proved" and report.loss == report.own == "proved for all sizes"
    assert any(words in a for a in report.assumptions)


def test_a_wrong_gradient_in_another_layout_is_wrong():
    def wrong(W, X, y, reg):
        loss, dW = classes_by_features(W, X, y, reg)
        return loss, dW + reg * W
    report = derive.check(wrong, softmax_loss, "W", SOFTMAX)
    assert report.verdict == "wrong" and report.counterexample.arrays["W"].shape[1] == report.counterexample.arrays["X"].shape[0]


def logistic(w, X, y):
    z = X @ w
    return jnp.mean(jnp.logaddexp(0.0, z) - y * z)


def signs(w, X, t):
    z = t * (X @ w)
    return np.log1p(np.exp(-z)).mean(), -(X.T @ (t / (1 + np.exp(z)))) / len(X)


def by_class(w, X, y):
    p = 1 / (1 + np.exp(-X @ w))
    loss = -np.where(y == 1, np.log(p), np.log(1 - p)).mean()
    return loss, X.T @ (p - (y == 1)) / len(X)


@pytest.mark.parametrize(("code", "words"), [(signs, "t is −1 and +1"), (by_class, "y is 0 or 1")])
def test_labels_of_two_classes(code, words):
    report = derive.check(code, logistic, "w", {"w": "d", "X": "m d", "y": "int m"})
    assert report.ok and any(words in a for a in report.assumptions), report


def test_labels_of_two_classes_do_not_excuse_a_wrong_gradient():
    report = derive.check(lambda w, X, t: (signs(w, X, t)[0], -signs(w, X, t)[1]), logistic, "w", {"w": "d", "X": "m d", "y": "int m"})
    assert report.verdict == "wrong"


def least_squares(w, b, X, y):
    r = X @ w + b - y
    return 0.5 * np.mean(r**2), X.T @ r / len(y), r.mean()


LINEAR = {"w": "d", "b": "", "X": "m d", "y": "m"}


def test_without_a_reference_the_gradient_is_checked_against_the_functions_own_loss():
    report = derive.check(least_squares, shapes=LINEAR)
    assert report.ok and report.level == "proved" and set(report.parts) == {"w", "b"}

    def twice(w, b, X, y):
        loss, dw, db = least_squares(w, b, X, y)
        return loss, 2 * dw, db
    report = derive.check(twice, shapes=LINEAR, wrt=["w", "b"])
    assert report.parts["w"].verdict == "wrong" and report.parts["b"].ok
    assert "is multiplied by 2" in " ".join(report.parts["w"].diagnosis) and "+        return loss, dw, db" in report.parts["w"].fix


def test_soft_labels_need_their_sum():
    shapes = {"W": "d k", "X": "m d", "Y": "m k", "reg": ""}
    assert derive.check(one_hot, shapes=shapes, wrt="W").verdict == "wrong"
    assert derive.check(one_hot, shapes=shapes, wrt="W", assume=["sum(Y, axis=1) == 1"]).ok


def gradient_first(w, X, y):
    r = X @ w - y
    return X.T @ r / len(y), 0.5 * np.mean(r**2)


@pytest.mark.parametrize("code", [lambda w, X, y: gradient_first(w, X, y)[::-1],
                                  lambda w, X, y: {"loss": gradient_first(w, X, y)[1], "dw": gradient_first(w, X, y)[0]},
                                  lambda w, X, y: [gradient_first(w, X, y)[1], [gradient_first(w, X, y)[0]]]])
def test_what_is_returned_is_told_apart(code):
    report = derive.check(code, lambda w, X, y: 0.5 * jnp.mean((X @ w - y) ** 2), shapes={"w": "d", "X": "m d", "y": "m"})
    assert report.ok and report.loss == "proved for all sizes"


def test_a_gradient_before_the_loss_is_refused_unless_that_is_said():
    loss, shapes = lambda w, X, y: 0.5 * jnp.mean((X @ w - y) ** 2), {"w": "d", "X": "m d", "y": "m"}

    def named(w, X, y):
        dw, loss = gradient_first(w, X, y)
        return dw, loss
    for code in (gradient_first, named):
        with pytest.raises(derive.BadInput, match="returns the loss last"):
            derive.check(code, loss, "w", shapes)
        assert derive.check(code, loss, "w", shapes, returns=["w", "loss"]).ok


def test_names_do_not_excuse_another_order():
    def swapped(w, b, X, y):
        loss, dw, db = least_squares(w, b, X, y)
        return loss, db, dw
    assert not derive.check(swapped, lambda w, b, X, y: 0.5 * jnp.mean((X @ w + b - y) ** 2), ["w", "b"], LINEAR).ok


def test_the_order_of_returned_gradients_can_be_said():
    def bias_first(w, b, X, y):
        _, dw, db = least_squares(w, b, X, y)
        return db * 1, dw * 1
    loss = lambda w, b, X, y: 0.5 * jnp.mean((X @ w + b - y) ** 2)  # noqa: E731
    assert not derive.check(bias_first, loss, ["w", "b"], LINEAR).ok
    assert derive.check(bias_first, loss, ["w", "b"], LINEAR, returns=["b", "w"]).ok


def test_partial_functions_and_methods():
    class Model:
        def __init__(self, scale):
            self.scale = scale

        def gradient(self, w, X, y):
            return X.T @ (X @ w - y) * self.scale / len(y)
    loss = lambda w, X, y: 0.5 * jnp.mean((X @ w - y) ** 2)  # noqa: E731
    shapes = {"w": "d", "X": "m d", "y": "m"}
    assert derive.check(Model(1).gradient, loss, "w", shapes).ok
    assert derive.check(Model(2).gradient, loss, "w", shapes).verdict == "wrong"
    assert derive.check(functools.partial(lambda scale, w, X, y: scale * X.T @ (X @ w - y) / len(y), 1.0), loss, "w", shapes).ok


def test_the_loss_is_judged_apart_from_the_gradient():
    def no_logarithm(w, X, y):
        p = 1 / (1 + np.exp(-X @ w))
        return -np.mean(y * p), X.T @ (p - y) / len(X)
    report = derive.check(no_logarithm, logistic, "w", {"w": "d", "X": "m d", "y": "int m"})
    assert report.level == "proved" and report.own == "wrong" and report.loss.startswith("differs") and not report.ok and report.wrong


def test_one_place_that_reads_a_matrix_transposed_is_a_slip() -> None:
    """R is read once, with its indices exchanged: right for Rᵀ, and no way to write that R is given so."""
    def ratings(u, v, r):
        return jnp.sum((r - u @ v.T) ** 2)

    def slipped(u, v, r):
        return -2 * (r.T - u @ v.T) @ v

    def meant(u, v, r):
        return -2 * (np.asarray(r).T - u @ v.T) @ v + 0 * r.sum()
    shapes = {"u": "a k", "v": "b k", "r": "a b"}
    assert not derive.check(slipped, ratings, "u", shapes).ok
    assert derive.check(slipped, ratings, "u", shapes, layouts={"r": "transposed"}).ok
    assert derive.check(meant, ratings, "u", shapes).ok


@pytest.mark.parametrize(("factor", "words"), [(lambda X: 2, "2 × the reference"), (lambda X: 1 / 3, "1/3 × the reference"),
                                               (lambda X: len(X), "m × the reference"), (lambda X: -0.5 / X.shape[1], "−1/(2 d) × the reference")])
def test_a_loss_that_is_a_multiple_of_the_reference_is_told(factor, words) -> None:
    def reference(w, X):
        return jnp.sum(jnp.tanh(X @ w)) + jnp.sum(w ** 2)

    def mine(w, X):
        c = factor(X)
        return c * (np.sum(np.tanh(X @ w)) + np.sum(w ** 2)), c * (X.T @ (1 - np.tanh(X @ w) ** 2) + 2 * w)
    report = derive.check(mine, reference, "w", {"w": "d", "X": "m d"})
    assert words in report.loss and not report.ok and report.verdict.startswith("right for its own loss")


def test_labels_are_not_taken_for_two_values_where_the_code_does_not_ask() -> None:
    """Right for t = 0 and 1 by accident: that t is so is nowhere said."""
    def hinge(w, X, t):
        return jnp.sum(jnp.maximum(0, 1 - t * (X @ w)))

    def slipped(w, X, t):
        return -X.T @ (t * (X @ w < 1))

    def asked(w, X, t):
        return -X.T @ np.where(t == 1, X @ w < 1, 0)
    shapes = {"w": "d", "X": "m d", "t": "m"}
    assert derive.check(slipped, hinge, "w", shapes).wrong
    assert derive.check(slipped, hinge, "w", shapes, assume=["t in {0, 1}"]).ok
    assert any("t is 0 or 1" in text for text in derive.check(asked, hinge, "w", shapes).assumptions)


def test_a_forward_pass_that_returns_no_array_is_not_the_reference() -> None:
    def forward(x, w):
        return (x, w), (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, x.T @ dout
    report = derive.check((forward, backward), lambda x, w: x @ w, shapes={"x": "n d", "w": "d m"}, explain=False)
    assert not report.ok and report.loss.startswith("differs")
