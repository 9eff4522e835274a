"""What a user may assume of the arguments: it is used where that is sound, shown, and holds wherever anything is tried."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive
from derive.assume import declared
from derive.checking.truth import reference_of
from derive.derivation import Argument
from derive.index import Size, num
from derive.points import holds

N, K = Size("n"), Size("k")
ARGUMENTS = [Argument("x", (N,)), Argument("p", ()), Argument("y", (N, K)), Argument("labels", (N,), "int"), Argument("W", (N, N)),
             Argument("c", (N, num(1)))]


def soft(z, y):
    return -jnp.sum(y * jax.nn.log_softmax(z))


def text(d):
    return str(d.expr)


@pytest.mark.parametrize("spelled", ["sum(y, axis=-1) == 1", "1 == sum(y, axis=1)", "2 * sum(y, -1) == 2", "sum(y, axis=1, keepdims=True) == 1",
                                     "mean(y, axis=1) == 1 / y.shape[1]"])
def test_soft_labels(spelled):
    shapes = {"z": "m k", "y": "m k"}
    assert "Sum" in text(derive.gradient(soft, "z", shapes))
    d = derive.gradient(soft, "z", shapes, [spelled])
    assert text(d) == "p[i, c] - y[i, c]" and any("Σ_c y_ic" in line for line in d.assumptions)
    z, y = np.random.default_rng(0).normal(size=(3, 4)), np.full((3, 4), 0.25)
    with jax.enable_x64(True):
        np.testing.assert_allclose(d.function()(z, y), jax.grad(soft)(z, y), rtol=1e-9)


@pytest.mark.parametrize(("given", "words"), [
    (["0 < p < 1"], ["0 < p: p > 0", "p < 1: 1 > p"]), (["p > 0 and p < 1"], ["p > 0: p > 0", "p < 1: 1 > p"]), (["x != 0"], ["x != 0: x_i ≠ 0"]),
    (["p >= 0"], ["p >= 0: p ≥ 0"]), (["x in {0, 1}"], ["x in {0, 1}: x_i (x_i − 1) = 0"]), (["abs(x) <= 1"], ["abs(x) <= 1: 1 ≥ |x_i|"])])
def test_what_is_declared_is_shown(given, words):
    d = derive.gradient(lambda x, p, s: s * p * jnp.sum(x), "s", {"x": "n", "p": "", "s": ""}, given)
    assert set(words) <= set(d.assumptions)


@pytest.mark.parametrize(("wrong", "match"), [
    ("x", "no comparison"), ("x is p", "no comparison"), ("x > 0 or p > 0", "no comparison"), ("q > 0", "mentions no argument(.|\n)*x, p, y"),
    ("x >", "cannot be read"), ("x in {0.5, 1}", "whole numbers"), ("x in {1}", "whole numbers"), ("x in y", "whole numbers"),
    ("norm(x) > 0", "norm"), ("x @ y > 0 > nothing(x)", "nothing")])
def test_what_cannot_be_read(wrong, match):
    with pytest.raises(derive.BadInput, match=match):
        declared([wrong], ARGUMENTS)
    with pytest.raises(derive.BadInput, match="is one string"):
        declared("x > 0", ARGUMENTS)


@pytest.mark.parametrize("equation", ["x == 1", "sum(x**2) == 1", "sum(x) == x[0]", "sum(y) == 1", "sum(x[:-1]) == 1", "sum(2 * x) == 1",
                                      "trace(W) == 1"])
def test_an_equation_that_nothing_uses_is_refused(equation):
    with pytest.raises(derive.NotYet, match="an equation of a kind"):
        derive.gradient(lambda x, y, W, s: s * (jnp.sum(x) + jnp.sum(y) + jnp.sum(W)), "s", {"x": "n", "y": "n k", "W": "n n", "s": ""}, [equation])


# ------------------------------------------------------------------------------------------- soundness: used no further than it goes


def root(x, s):
    return s * jnp.sum(jnp.sqrt(x**2))


@pytest.mark.parametrize(("shape", "given", "bare"), [
    ("n", "x > 0", True), ("n", "x >= 0", True), ("n", "x > 2", True), ("n", "0 < x", True), ("n", "2 * x > 1", True),
    ("n", "x > -1", False), ("n", "x < 1", False), ("n", "x != 0", False), ("3", "x[0] > 0", False), ("n n", "diag(x) > 0", False),
    ("3", "x[:2] > 0", False), ("n", "sum(x) > 0", False), ("n", "x * x > 0", False), ("n", "x in {0, 1}", True), ("n", "x in {-1, 1}", True)])
def test_a_sign_is_that_of_the_whole_argument(shape, given, bare):
    assert ("Abs" not in text(derive.gradient(root, "s", {"x": shape, "s": ""}, [given]))) == bare


def test_a_sum_is_that_over_the_whole_axis():
    shapes = {"y": "k", "s": ""}
    assert text(derive.gradient(lambda y, s: s * jnp.sum(y), "s", shapes, ["sum(y) == 1"])) == "1"
    assert text(derive.gradient(lambda y, s: s * jnp.sum(y[:-1]), "s", shapes, ["sum(y) == 1"])) != "1"
    assert not derive.prove(lambda y, s: s * jnp.sum(y[:-1]), lambda y, s: s, shapes, ["sum(y) == 1"])
    assert text(derive.gradient(lambda c, s: s * jnp.sum(c), "s", {"c": "n 1", "s": ""}, ["sum(c, axis=0) == 1"])) == "1"


@pytest.mark.parametrize(("function", "given", "true"), [
    (lambda y: jnp.sum(y) ** 2, "sum(y) == 1", "2*Sum(y[i], (i, 0, n - 1))"), (lambda y: jnp.sum(y**2), "y in {0, 1}", "2*y[i]"),
    (lambda y: jnp.sum(y**3), "y in {-1, 1}", "3*y[i]**2")])
def test_an_equation_on_the_argument_itself_is_not_used_before_the_derivative(function, given, true):
    assert text(derive.gradient(function, "y", {"y": "n"}, [given])) == true


def test_at_the_edge_of_an_interval_the_convention_stays():
    d = derive.gradient(lambda x: jnp.sum(jnp.maximum(x, 0)), "x", {"x": "n"}, ["x >= 0"])
    np.testing.assert_array_equal(d.function()(np.array([0.0, 2.0])), [0.5, 1.0])


def test_a_hessian_uses_no_equation_on_what_it_is_differentiated_by():
    found = derive.hessian(soft, ("z", "y"), {"z": "k", "y": "k"}, ["sum(y) == 1"])
    z, y = np.random.default_rng(1).normal(size=4), np.array([0.5, 0.25, 0.125, 0.125])
    with jax.enable_x64(True):
        for row, first in zip("zy", jax.hessian(soft, (0, 1))(z, y)):
            for column, true in zip("zy", first):
                np.testing.assert_allclose(found[row][column].function()(z, y), true, atol=1e-12)
    assert "Sum" not in text(found["z"]["z"])


# ------------------------------------------------------------------------------------------- prove and check


@pytest.mark.parametrize(("f", "g", "given", "verdict"), [
    (lambda y, s: jnp.sum((y - s) ** 2), lambda y, s: jnp.sum((1 - y * s) ** 2), ["y in {-1, 1}"], "proved"),
    (lambda y, s: jnp.sum((y - s) ** 2), lambda y, s: jnp.sum((1 - y * s) ** 2), [], "refuted"),
    (lambda y, s: jnp.sum(y**3 * s), lambda y, s: jnp.sum(y * s), ["y in {0, 1}"], "proved"),
    (lambda y, s: jnp.sum(y**3 * s), lambda y, s: jnp.sum(y * s), ["y in {0, 1, 2}"], "refuted"),
    (lambda y, s: jnp.sum(jnp.sqrt(y**2) * s), lambda y, s: jnp.sum(y * s), ["y >= 0"], "proved"),
    (lambda y, s: jnp.sum(jnp.sqrt(y**2) * s), lambda y, s: jnp.sum(y * s), ["y < 1"], "refuted"),
    (lambda y, s: jnp.sum(y) * s, lambda y, s: s, ["sum(y) == 1"], "proved"),
    (lambda y, s: jnp.sum(jnp.exp(y)) * s, lambda y, s: s, ["sum(y) == 1"], "refuted")])
def test_prove(f, g, given, verdict):
    proof = derive.prove(f, g, {"y": "n", "s": "n"} if "s)" not in str(given) and "sum(y)" not in str(given) else {"y": "n", "s": ""}, given)
    assert proof.verdict == verdict
    if proof.counterexample is not None:
        conditions = declared(given, [Argument("y", (N,))])
        point = derive.points.Point(proof.counterexample.sizes, proof.counterexample.arrays, "")
        assert all(holds(a.condition, point) for a in conditions)


def entropy(p, y):
    return -jnp.mean(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))


@pytest.mark.parametrize("given", [["0 < p < 1", "y in {0, 1}"], ["p > 0.25", "p < 0.5"], ["sum(p) == 1", "p > 0"], ["-2 < y < -1", "0 < p < 1"],
                                   ["y <= p", "0 < p < 1"], ["y != 0", "0 < p < 1"]])
def test_no_data_that_violate_it_are_drawn(given):
    truth = reference_of(entropy, {"p": "n", "y": "n"}, given)
    found = list(truth.points(20))
    assert len(found) >= 3 and all(holds(a.condition, point) for point in found for a in truth.extra)


def by_hand(p, y):
    return (p - y) / (p * (1 - p)) / p.size


def only_for_labels(p, y):
    return np.where(y == 1, -1 / p, 1 / (1 - p)) / p.size


def test_check():
    shapes = {"p": "n", "y": "n"}
    assert derive.check(by_hand, entropy, "p", shapes, ["0 < p < 1"]).require("proved")
    assert derive.check(only_for_labels, entropy, "p", shapes, ["0 < p < 1", "y in {0, 1}"]).ok
    wrong = derive.check(only_for_labels, entropy, "p", shapes, ["0 < p < 1"])
    assert wrong.wrong and (wrong.counterexample.arrays["p"] > 0).all() and (wrong.counterexample.arrays["p"] < 1).all()


def soft_by_hand(z, y):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) - y


def test_check_soft_labels():
    shapes = {"z": "m k", "y": "m k"}
    assert derive.check(soft_by_hand, soft, "z", shapes, ["sum(y, axis=1) == 1"]).require("proved")
    wrong = derive.check(soft_by_hand, soft, "z", shapes)
    assert wrong.wrong
    twice = derive.check(lambda z, y: 2 * soft_by_hand(z, y), soft, "z", shapes, ["sum(y, axis=1) == 1"])
    assert twice.wrong
    np.testing.assert_allclose(np.sum(twice.counterexample.arrays["y"], axis=1), 1)


def test_given_data_are_checked():
    given = ["sum(y, axis=1) == 1", "0 < eps < 1", "labels in {0, 1}", "params['s'] > 0"]
    d = derive.gradient(lambda z, y, eps, labels, params: soft(z, y) * eps * params["s"], "z",
                        {"z": "m k", "y": "m k", "eps": "", "labels": "int m", "params": {"s": ""}}, given)
    z = np.zeros((2, 3))
    good = {"y": np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]), "eps": 0.5, "labels": np.array([0, 1]), "params": {"s": 2.0}}
    assert d.violated(z, **good) == ()
    assert d.violated(z, **{**good, "y": good["y"].astype(np.float32)}) == ()
    assert d.violated(z, **{**good, "y": good["y"] + 0.001}) == ("sum(y, axis=1) == 1",)
    assert d.violated(z, **{**good, "eps": 1.0, "labels": np.array([0, 2])}) == ("eps < 1", "labels in {0, 1}")
    assert d.violated(z, **{**good, "params": {"s": 0.0}}) == ("params['s'] > 0",)
