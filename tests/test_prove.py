"""What `prove` decides: the spellings of the softmax classifier, their gradients, and a table of identities and near-identities."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

import derive
from derive.proving.proof import prove, same_derivative

SHAPES = {"W": "d k", "b": "k", "X": "m d", "y": "int m", "lam": ""}


def _scores(W, b, X, bias):
    return X @ W + b if bias else X @ W


def spelling(per_example, bias):
    """A classifier with ½λΣW² from the losses of its examples."""
    def with_bias(W, b, X, y, lam):
        return jnp.mean(per_example(X @ W + b, y)) + 0.5 * lam * jnp.sum(W * W)

    def plain(W, X, y, lam):
        return jnp.mean(per_example(X @ W, y)) + 0.5 * lam * jnp.sum(W * W)
    return with_bias if bias else plain


def hand_shift(z, y):
    e = jnp.exp(z - jnp.max(z, axis=1, keepdims=True))
    p = e / jnp.sum(e, axis=1, keepdims=True)
    return -jnp.log(p[jnp.arange(z.shape[0]), y])


def library(z, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1)[:, 0]


def one_hot(z, y):
    return -jnp.sum(jax.nn.one_hot(y, z.shape[1]) * jax.nn.log_softmax(z), axis=1)


def logsumexp(z, y):
    return jax.nn.logsumexp(z, axis=1) - z[jnp.arange(z.shape[0]), y]


def unstabilised(z, y):
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    return -jnp.log(p[jnp.arange(z.shape[0]), y])


def temperature(z, y):
    return logsumexp(1.001 * z, y)


def shapes(bias):
    return SHAPES if bias else {name: text for name, text in SHAPES.items() if name != "b"}


@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("other", [library, one_hot, logsumexp, unstabilised])
def test_the_spellings_of_the_softmax_classifier_are_equal(other, bias):
    proof = prove(spelling(hand_shift, bias), spelling(other, bias), shapes(bias))
    assert proof.verdict == "proved", proof
    assert {a.text.split(" is read")[0] for a in proof.assumptions} <= {"labels count from 0 and stay in range", "the literal 0.5"}


@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("other", [library, one_hot, logsumexp, unstabilised])
def test_so_are_their_gradients(other, bias):
    first = derive.gradient(spelling(hand_shift, bias), ["W", "b"] if bias else ["W"], shapes(bias))
    second = derive.gradient(spelling(other, bias), ["W", "b"] if bias else ["W"], shapes(bias))
    for name in first:
        proof = same_derivative(first[name].story, second[name].story)
        assert proof.verdict == "proved", proof


def test_another_temperature_is_refuted_in_value_and_gradient():
    f, g = spelling(hand_shift, False), spelling(temperature, False)
    assert prove(f, g, shapes(False)).verdict == "refuted"
    first, second = (derive.gradient(h, "W", shapes(False)).story for h in (f, g))
    assert same_derivative(first, second).verdict == "refuted"


# ------------------------------------------------------------------------------------------- a table

sm, N, NK, MD, V2 = jax.nn.softmax, {"x": "n"}, {"z": "m k"}, {"x": "m d"}, {"x": "n", "y": "n"}
V3 = {"x": "n", "y": "n", "w": "n"}
XY = {"X": "m d", "Y": "n d"}
ABC = {"A": "n d", "B": "d k", "C": "k e"}

TABLE = {
    "σ = e^x / (1 + e^x)": (lambda x: 1 / (1 + jnp.exp(-x)), lambda x: jnp.exp(x) / (1 + jnp.exp(x)), N, "proved"),
    "jax.nn.sigmoid": (jax.nn.sigmoid, lambda x: jnp.exp(x) / (1 + jnp.exp(x)), N, "proved"),
    "tanh = 2σ(2x) − 1": (lambda x: jnp.tanh(x), lambda x: 2 * jax.nn.sigmoid(2 * x) - 1, N, "proved"),
    "σ(1 − σ)": (lambda x: jax.nn.sigmoid(x) * (1 - jax.nn.sigmoid(x)), lambda x: jnp.exp(-x) / (1 + jnp.exp(-x)) ** 2, N, "proved"),
    "σ(x) = 1 − σ(−x)": (lambda x: jax.nn.sigmoid(x), lambda x: 1 - jax.nn.sigmoid(-x), N, "proved"),
    "σ(x) = σ(−x)": (lambda x: jax.nn.sigmoid(x), lambda x: jax.nn.sigmoid(-x), N, "refuted"),
    "softplus(x) − softplus(−x)": (lambda x: jax.nn.softplus(x) - jax.nn.softplus(-x), lambda x: x, N, "proved"),
    "relu(x) − relu(−x)": (lambda x: jax.nn.relu(x) - jax.nn.relu(-x), lambda x: x, N, "proved"),
    "relu(x) + relu(−x)": (lambda x: jax.nn.relu(x) + jax.nn.relu(-x), lambda x: jnp.abs(x), N, "proved"),
    "leaky relu": (lambda x: jnp.where(x > 0, x, 0.1 * x), lambda x: jnp.maximum(x, 0.1 * x), N, "proved"),
    "max + min": (lambda x, y: jnp.maximum(x, y) + jnp.minimum(x, y), lambda x, y: x + y, V2, "proved"),
    "max − min": (lambda x, y: jnp.maximum(x, y) - jnp.minimum(x, y), lambda x, y: jnp.abs(x - y), V2, "proved"),
    "max by halves": (lambda x, y: jnp.maximum(x, y), lambda x, y: (x + y + jnp.abs(x - y)) / 2, V2, "proved"),
    "max is not the mean": (lambda x, y: jnp.maximum(x, y), lambda x, y: (x + y) / 2, V2, "refuted"),
    "(AB)C = A(BC)": (lambda A, B, C: (A @ B) @ C, lambda A, B, C: A @ (B @ C), ABC, "proved"),
    "(AB)' = B'A'": (lambda A, B, C: (A @ B).T + 0 * jnp.sum(C), lambda A, B, C: B.T @ A.T + 0 * jnp.sum(C), ABC, "proved"),
    "|AB|² by traces": (lambda A, B: jnp.sum((A @ B) ** 2), lambda A, B: jnp.sum((A.T @ A) * (B @ B.T)),
                        {"A": "n d", "B": "d k"}, "proved"),
    "x'Ax needs symmetry": (lambda A, x: 2 * A @ x, lambda A, x: (A + A.T) @ x, {"A": "n n", "x": "n"}, "refuted"),
    "x'Ax = x'A'x": (lambda A, x: x @ A @ x, lambda A, x: x @ A.T @ x, {"A": "n n", "x": "n"}, "proved"),
    "variance": (lambda x: jnp.mean((x - jnp.mean(x, 1, keepdims=True)) ** 2, 1),
                 lambda x: jnp.mean(x * x, 1) - jnp.mean(x, 1) ** 2, MD, "proved"),
    "variance, wrong axis": (lambda x: jnp.mean((x - jnp.mean(x, 0, keepdims=True)) ** 2, 1),
                             lambda x: jnp.mean(x * x, 1) - jnp.mean(x, 1) ** 2, MD, "refuted"),
    "squared distances": (lambda X, Y: jnp.sum((X[:, None, :] - Y[None]) ** 2, -1),
                          lambda X, Y: jnp.sum(X**2, 1)[:, None] - 2 * X @ Y.T + jnp.sum(Y**2, 1)[None], XY, "proved"),
    "squared distances, factor": (lambda X, Y: jnp.sum((X[:, None, :] - Y[None]) ** 2, -1),
                                  lambda X, Y: jnp.sum(X**2, 1)[:, None] - X @ Y.T + jnp.sum(Y**2, 1)[None], XY, "refuted"),
    "logsumexp shifted": (lambda z, a: a + jnp.log(jnp.sum(jnp.exp(z - a))), lambda z, a: jax.nn.logsumexp(z),
                          {"z": "n", "a": ""}, "proved"),
    "softmax, any shift": (lambda z, a: sm(z + a[:, None]), lambda z, a: sm(z), {"z": "m k", "a": "m"}, "proved"),
    "softmax, shift along": (lambda z, a: sm(z + a), lambda z, a: sm(z), {"z": "m k", "a": "k"}, "refuted"),
    "softmax, wrong axis": (lambda z: sm(z, axis=0), lambda z: sm(z, axis=1), NK, "refuted"),
    "softmax sums to one": (lambda z: jnp.sum(sm(z), axis=1), lambda z: 1 + 0 * jnp.sum(z, axis=1), NK, "proved"),
    "softmax of two": (lambda z: sm(z, axis=1)[:, 0], lambda z: jax.nn.sigmoid(z[:, 0] - z[:, 1]), {"z": "m 2"}, "proved"),
    "entropy": (lambda z: -jnp.sum(sm(z) * jnp.log(sm(z)), axis=1),
                lambda z: jax.nn.logsumexp(z, axis=1) - jnp.sum(sm(z) * z, axis=1), NK, "proved"),
    "Σx Σy = ΣΣ xy": (lambda x, y: jnp.sum(x) * jnp.sum(y), lambda x, y: jnp.sum(x[:, None] * y[None]), {"x": "n", "y": "d"}, "proved"),
    "(Σx)² is not Σx²": (lambda x: jnp.sum(x) ** 2, lambda x: jnp.sum(x**2), N, "refuted"),
    "two fractions": (lambda x, y: 1 / (1 + x * x) + 1 / (1 + y * y),
                      lambda x, y: (2 + x * x + y * y) / ((1 + x * x) * (1 + y * y)), V2, "proved"),
    "two fractions under Σ": (lambda x, y: jnp.sum(1 / (1 + x * x) + 1 / (1 + y * y)),
                              lambda x, y: jnp.sum((2 + x * x + y * y) / ((1 + x * x) * (1 + y * y))), V2, "proved"),
    "normalising forgets scale": (lambda x: x / jnp.sqrt(jnp.sum(x * x)), lambda x: 2 * x / jnp.sqrt(jnp.sum(4 * x * x)), N, "proved"),
    "binary cross-entropy": (lambda x, y: -y * jnp.log(jax.nn.sigmoid(x)) - (1 - y) * jnp.log(1 - jax.nn.sigmoid(x)),
                             lambda x, y: jax.nn.softplus(x) - y * x, V2, "proved"),
    "binary cross-entropy, sign": (lambda x, y: -y * jnp.log(jax.nn.sigmoid(x)) - (1 - y) * jnp.log(1 - jax.nn.sigmoid(x)),
                                   lambda x, y: jax.nn.softplus(x) + y * x, V2, "refuted"),
    "a square completed": (lambda x, y: x**2 + 2 * x * y + y**2, lambda x, y: (x + y) ** 2, V2, "proved"),
    "a square, one part in 10⁴": (lambda x, y: x**2 + 2.0002 * x * y + y**2, lambda x, y: (x + y) ** 2, V2, "refuted"),
    "max of three": (lambda x, y, w: jnp.maximum(x, jnp.maximum(y, w)), lambda x, y, w: jnp.maximum(jnp.maximum(x, y), w), V3, "undecided"),
    "addition theorem": (lambda x: jnp.sin(2 * x), lambda x: 2 * jnp.sin(x) * jnp.cos(x), N, "undecided"),
}


@pytest.mark.parametrize("name", TABLE)
def test_identities_and_near_identities(name):
    f, g, given, expected = TABLE[name]
    proof = prove(f, g, given)
    assert proof.verdict == expected, proof
    assert (proof.counterexample is not None) == (expected == "refuted")


# ------------------------------------------------------------------------------------------- what a proof prints


def test_a_proof_prints_both_sides_and_what_it_rests_on():
    def hand(x):
        return jnp.sum(x) ** 2

    def double(x):
        return jnp.sum(x[:, None] * x[None])
    text = str(prove(hand, double, N))
    assert text.startswith("hand = double: proved")
    assert "rests on: theorems over the real numbers, for all sizes ≥ 1" in text
    assert "The value of hand" in text
    assert "The value of double" in text
    assert "(normal form)" in text
    assert "Both functions were run at" in text


def test_a_refutation_prints_sizes_and_values():
    text = str(prove(lambda x: jnp.sum(x) ** 2, lambda x: jnp.sum(x**2), N))
    assert "refuted" in text
    assert "They differ at the sizes n = 3" in text
    assert "x = np.array([" in text
    assert "confirmed with 50 digits" in text
