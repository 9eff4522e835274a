"""People's mistakes in words, and the smallest numbers that show them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from mistakes import CLASSES, MISTAKES, NET, VECTOR, Mistake, logistic, net, softmax
from mistakes import softmax as softmax_loss

from derive.checking.dense import Dense
from derive.checking.diagnosis import diagnose, shrunk
from derive.checking.diagnosis.bench import Bench
from derive.checking.diagnosis.variants import variants
from derive.checking.difference import reasoning
from derive.checking.formulas import formulas_of, on_indices
from derive.checking.subject import subject_of
from derive.checking.truth import reference_of
from derive.errors import DeriveError
from derive.evaluate import Evaluator
from derive.points import Point


def bench_of(row, wrt=None):
    truth = reference_of(row.reference, row.shapes, ())
    subject = subject_of(row.code, truth.arguments, row.wrt)
    wrt = wrt or row.wrt[0]
    return Bench(subject, truth, wrt, truth.story(wrt))


def told(bench, formulas=True):
    """What is said of a wrong gradient, by formula or by numbers alone."""
    claimed = None
    if formulas:
        try:
            found = formulas_of(bench.subject, bench.truth.arguments).gradients[bench.wrt]
            claimed = on_indices(found, bench.story.result.indices)
        except DeriveError:
            claimed = None
    seen = [(p, c) for p in bench.truth.points(12) if (c := bench.claimed(p.arrays)) is not None]
    return diagnose(bench.subject, bench.truth, bench.wrt, claimed, seen, seconds=5.0)


def wrong_bench(row):
    """The bench of the first argument whose gradient is wrong."""
    for wrt in row.wrt:
        bench = bench_of(row, wrt)
        if any(not bench.seen(p).right for p in bench.truth.points(12) if p.style == "normal"):
            return bench
    raise AssertionError("nothing is wrong")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_words(name):
    row = MISTAKES[name]
    _, sentences = told(wrong_bench(row))
    assert sentences and any(row.words in line for line in sentences), sentences


ALONE = ("no_mean", "no_regulariser", "divided_by_classes", "logistic_label_first", "squares_by_features", "axis_of_examples", "net_mask_forgotten")


@pytest.mark.parametrize("name", ALONE)
def test_numbers_alone_say_the_same(name):
    row = MISTAKES[name]
    _, sentences = told(wrong_bench(row), formulas=False)
    assert any(row.words in line for line in sentences), sentences


def row_of(code, reference=softmax, shapes=CLASSES, wrt=("W",)):
    return Mistake(code, reference, shapes, wrt, "")


def _p(W, X, y):
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return p


def transposed(W, X, y, reg):
    return (X.T @ _p(W, X, y) / len(X) + reg * W).T


def broadcast(w, X, t):
    return X * (1 / (1 + np.exp(-X @ w)) - t)[:, None] / len(X)


def summed_away(w, X, t):
    return np.sum(X.T @ (1 / (1 + np.exp(-X @ w)) - t)) / len(X)


def zero(w, X, t):
    return np.zeros_like(w)


def of_the_other(W1, W2, X, t):
    h = np.maximum(X @ W1, 0)
    dout = 2 * (h @ W2 - t) / X.shape[0]
    return h.T @ dout, X.T @ ((dout @ W2.T) * (h > 0))


def labels_for_probabilities(w, X, t):
    return X.T @ (t - t) / len(X)


def signed_and_scaled(w, X, t):
    return -3 * X.T @ (1 / (1 + np.exp(-X @ w)) - t)


SAID = {
    transposed: (row_of(transposed), "transpose"),
    broadcast: (row_of(broadcast, logistic, VECTOR, ("w",)), "must be summed over the axes"),
    summed_away: (row_of(summed_away, logistic, VECTOR, ("w",)), "too much is summed"),
    zero: (row_of(zero, logistic, VECTOR, ("w",)), "0 everywhere"),
    signed_and_scaled: (row_of(signed_and_scaled, logistic, VECTOR, ("w",)), "m"),
}


@pytest.mark.parametrize("code", SAID, ids=lambda code: code.__name__)
def test_patterns(code):
    row, words = SAID[code]
    _, sentences = told(bench_of(row), formulas=False)
    assert any(words in line for line in sentences), sentences


def test_the_gradient_of_another_argument():
    def square_net(A, B, x):
        return jnp.sum((x @ A @ B) ** 2)

    def swapped(A, B, x):
        out = 2 * x @ A @ B
        return (x @ A).T @ out, x.T @ (out @ B.T)
    row = Mistake(swapped, square_net, {"A": "n n", "B": "n n", "x": "m n"}, ("A", "B"), "")
    _, sentences = told(bench_of(row))
    assert any("with respect to B" in line for line in sentences), sentences


def test_a_small_difference_is_told():
    def a_little_more(W, X, y, reg):
        return X.T @ _p(W, X, y) / len(X) + reg * W * 1.0001
    formula, sentences = told(bench_of(row_of(a_little_more)))
    assert "10001/10000" in " ".join(sentences) and formula


@pytest.mark.parametrize("name", ["no_mean", "no_regulariser", "axis_of_examples", "net_mask_forgotten", "svm_margin_of_two"])
def test_examples_shrink_and_stay_wrong(name):
    row = MISTAKES[name]
    bench = wrong_bench(row)
    start = next(p for p in bench.truth.points(12) if p.style == "normal" and not bench.seen(p).right)
    found = shrunk(bench.subject, bench.truth, bench.wrt, start, seconds=2.0)
    assert found is not None and max(found.sizes.values()) <= 2
    arrays = {n: np.asarray(v) for n, v in zip(bench.subject.names, (found.arrays[bench.subject.names[n]] for n in bench.subject.names))}
    claimed, true = bench.claimed(arrays), bench.truth.gradient(arrays, bench.wrt)
    assert claimed[found.place] == pytest.approx(found.claimed) and true[found.place] == pytest.approx(found.true)
    assert abs(found.claimed - found.true) > 1e-4
    short = [len(repr(float(x))) for v in arrays.values() for x in np.asarray(v, dtype=float).ravel()]
    assert np.mean(short) < 5


def test_an_example_that_only_a_tie_makes_wrong_is_left_alone():
    def at_ties(W1, W2, X, t):
        h = np.maximum(X @ W1, 0)
        dout = 2 * (h @ W2 - t) / X.shape[0]
        return X.T @ ((dout @ W2.T) * (X @ W1 >= 0))
    bench = bench_of(Mistake(at_ties, net, NET, ("W1",), ""))
    one = {"W1": np.array([[0.0]]), "W2": np.array([[1.0]]), "X": np.array([[1.0]]), "t": np.array([[1.0]])}
    point = Point(dict.fromkeys(bench.symbols, 1), one, "ties")
    assert not bench.seen(point).right and shrunk(bench.subject, bench.truth, "W1", point) is None


@pytest.mark.parametrize("name", ["no_mean", "svm_count_forgotten", "logistic_sum", "net_mask_forgotten", "normalised_power"])
def test_whole_arrays_agree_with_the_evaluator(name):
    bench = bench_of(MISTAKES[name])
    story = bench.story
    for point in list(bench.truth.points(3))[:2]:
        exact = Evaluator(point.sizes, point.arrays, reasoning(story)).array(story.result.body, story.result.indices).astype(float)
        dense = Dense(point.sizes, point.arrays, reasoning(story)).array(story.result.body, story.result.indices)
        assert np.allclose(exact, dense, rtol=1e-9, atol=1e-12)


def test_variants_change_one_body_each():
    story = reference_of(softmax_loss, CLASSES, ()).story("W")
    whole = (*reasoning(story), story.result)
    found = variants(story)
    assert len(found) > 20
    assert all({k for k, (a, b) in enumerate(zip(whole, v.definitions)) if a.body is not b.body} <= {*v.changed} and v.words for v in found)
    assert any(len(v.changed) == 1 for v in found)
