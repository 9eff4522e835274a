"""Linear algebra as functions of whole matrices: log |det|, inverse and solution, their derivatives, proofs, code and checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest

import derive
from derive.errors import NotYet
from derive.render import expression


def log_determinant(A):
    return jnp.linalg.slogdet(A)[1]


def inverse(A):
    return jnp.linalg.inv(A)


def solution(A, b):
    return jnp.linalg.solve(A, b)


def solutions(A, B):
    return jnp.linalg.solve(A, B)


def gaussian(S, x, m):
    r = x - m
    return 0.5 * jnp.linalg.slogdet(S)[1] + 0.5 * r @ jnp.linalg.solve(S, r)


def gram(X, lam):
    return jnp.linalg.slogdet(X.T @ X + lam * jnp.eye(X.shape[1]))[1]


def distances(S, x):
    P = jnp.linalg.inv(S)
    return jnp.sum((x @ P) * x)


def ridge(X, y, lam):
    w = jnp.linalg.solve(X.T @ X + lam * jnp.eye(X.shape[1]), X.T @ y)
    return jnp.sum((X @ w - y) ** 2)


CASES = (
    (log_determinant, "A", {"A": "n n"}, "A⁻ᵀ"), (inverse, "A", {"A": "n n"}, "−Inverseᵀ dOut Inverseᵀ"),
    (solution, "A", {"A": "n n", "b": "n"}, "−A⁻ᵀ dout solutionᵀ"), (solution, "b", {"A": "n n", "b": "n"}, "A⁻ᵀ dout"),
    (solutions, "A", {"A": "n n", "B": "n k"}, "−A⁻ᵀ dOut Solutionsᵀ"), (solutions, "B", {"A": "n n", "B": "n k"}, "A⁻ᵀ dOut"),
    (gaussian, "S", {"S": "n n", "x": "n", "m": "n"}, "(S⁻ᵀ − S⁻ᵀr(S⁻¹r)ᵀ)/2"), (gaussian, "x", {"S": "n n", "x": "n", "m": "n"}, "(S⁻¹ + S⁻ᵀ)r/2"),
    (gram, "X", {"X": "m n", "lam": ""}, "X(A⁻¹ + A⁻ᵀ)ᵀ"), (gram, "lam", {"X": "m n", "lam": ""}, None),
    (distances, "S", {"S": "n n", "x": "m n"}, "−Pᵀ XᵀX Pᵀ"), (ridge, "X", {"X": "m n", "y": "m", "lam": ""}, ...),
    (ridge, "lam", {"X": "m n", "y": "m", "lam": ""}, ...))


@pytest.mark.parametrize(("function", "wrt", "shapes", "matrix"), CASES, ids=[f"{f.__name__}-{w}" for f, w, _, _ in CASES])
@pytest.mark.parametrize("sizes", [{"n": 3, "m": 4, "k": 2}, {"n": 2, "m": 5, "k": 1}], ids=str)
def test_derivative_and_code_are_those_of_jax(
    function: Callable[..., Any], wrt: str, shapes: dict[str, str], matrix: Any, sizes: dict[str, int]
) -> None:
    program = derive.trace.read(function, shapes)
    scalar = not program.shape
    d = (derive.gradient if scalar else derive.vjp)(function, wrt, shapes)
    form = d.matrix()
    assert matrix is ... or (form.text if form is not None else None) == matrix
    arrays = {**oracle.draw(program, sizes), **({"lam": np.float64(0.7)} if "lam" in shapes else {})}
    with jax.enable_x64(True):
        value, pull = jax.vjp(lambda u: function(**{**arrays, wrt: u}), jnp.asarray(arrays[wrt]))
        dout = np.random.default_rng(5).normal(size=value.shape)
        expected = np.asarray(pull(jnp.ones(()) if scalar else jnp.asarray(dout))[0])
    given = [*arrays.values(), *([] if scalar else [dout])]
    np.testing.assert_allclose(d.function()(*given), expected, rtol=1e-9, atol=1e-12)
    found = oracle.backward(d.story, sizes, arrays if scalar else {**arrays, "dout": dout})
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert any("has an inverse" in text for text in d.assumptions)


def test_the_derivation_is_one_theorem_and_a_contraction() -> None:
    d = derive.gradient(log_determinant, "A", {"A": "n n"})
    steps = d.story.sections[0].steps
    assert [step.rule for step in steps] == ["whole matrix", "independent entries", "contraction"]
    assert expression(steps[-1].after) == "(A⁻¹)_ji"
    assert "np.linalg.inv(A).T" in d.numpy() and "jnp.linalg.inv(A).T" in d.jax()


A = {"A": "n n"}


@pytest.mark.parametrize(("first", "second", "shapes"), [
    (log_determinant, lambda A: jnp.linalg.slogdet(A.T)[1], A), (inverse, lambda A: jnp.linalg.inv(A.T).T, A),
    (solution, lambda A, b: jnp.linalg.inv(A) @ b, {"A": "n n", "b": "n"})], ids=["determinant", "inverse", "solution"])
def test_two_spellings_are_proved(first: Callable[..., Any], second: Callable[..., Any], shapes: dict[str, str]) -> None:
    assert derive.prove(first, second, shapes)


@pytest.mark.parametrize("second", [lambda A: jnp.linalg.inv(A).T, lambda A: jnp.linalg.inv(2 * A), lambda A: A], ids=["turned", "half", "A"])
def test_another_function_is_refuted(second: Callable[..., Any]) -> None:
    assert not derive.prove(inverse, second, A)


def gaussian_by_hand(S, x, m):
    r = x - m
    _sign, log_det = np.linalg.slogdet(S)
    a = np.linalg.solve(S, r)
    return 0.5 * log_det + 0.5 * r.dot(a), 0.5 * (np.linalg.inv(S).T - np.outer(np.linalg.solve(S.T, r), a))


def symmetric_by_hand(S, x, m):
    value, _ = gaussian_by_hand(S, x, m)
    a = np.linalg.solve(S, x - m)
    return value, 0.5 * (np.linalg.inv(S) - np.outer(a, a))


def test_handwritten_gradients_are_proved_and_a_transposed_one_is_wrong() -> None:
    derive.check(lambda A: np.linalg.inv(A).T, log_determinant, "A", A).require("proved")
    derive.check(gaussian_by_hand, gaussian, "S", {"S": "n n", "x": "n", "m": "n"}).require("proved")
    wrong = derive.check(lambda A: np.linalg.inv(A), log_determinant, "A", A)
    assert wrong.wrong and "transpose" in str(wrong)
    assert derive.check(symmetric_by_hand, gaussian, "S", {"S": "n n", "x": "n", "m": "n"}).wrong


def test_a_sign_that_is_used_is_not_proved() -> None:
    def signed(A):
        sign, log_det = np.linalg.slogdet(A)
        return log_det, np.linalg.inv(A).T * sign**2
    report = derive.check(signed, log_determinant, "A", A)
    assert not report.wrong and report.level != "proved"


def test_what_was_changed_after_the_inverse_does_not_change_it() -> None:
    def careless(A):
        A = A.copy()
        out = np.linalg.inv(A)
        A *= 2
        return out.T
    derive.check(careless, log_determinant, "A", A, returns="gradient").require("proved")


def test_the_sign_of_a_determinant_is_refused() -> None:
    with pytest.raises(NotYet, match="sign of a determinant"):
        derive.gradient(lambda A: jnp.linalg.slogdet(A)[0] * A[0, 0], "A", A)
