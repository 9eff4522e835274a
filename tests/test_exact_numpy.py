"""NumPy's functions on symbolic entries at concrete sizes: selections by masks, small linear algebra, types, joining; against NumPy itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_exact_oracle import SIZES, compare
from test_lift import arguments

from derive.checking.exact import ways
from derive.checking.lift import CannotLift

PROGRAMS: list[tuple[Callable[..., Any], str]] = []
REFUSED: list[tuple[Callable[..., Any], str]] = []


def program(shapes: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return lambda function: PROGRAMS.append((function, shapes)) or function


def refused(shapes: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return lambda function: REFUSED.append((function, shapes)) or function


@program("x: 3")
def signs_of_a_selection(x):
    x[x > 0] = -x[x > 0]
    return x, np.abs(x)


@program("x: 3")
def sigmoid_in_two_parts(x):
    out = np.empty_like(x)
    positive = x >= 0
    out[positive] = 1 / (1 + np.exp(-x[positive]))
    small = np.exp(x[~positive])
    out[~positive] = small / (1 + small)
    return out


@program("x: 3")
def a_selection_of_a_selection(x):
    y = x[x > -1]
    return y[y < 1].sum(), y[(y < 1) & (y > 0)].sum(), y.size * 1.0, y.shape[0] * 2.0, y.dot(y), np.dot(y, y), y @ y, np.mean(x[x > -9]), np.sum(y)


@program("x: 3; A: 2 2")
def places_of_a_mask(x, A):
    i = np.where(x > 0)[0]
    x[i] = 0
    rows, columns = np.nonzero(A > 0)
    A[rows, columns] *= 2
    return x, A, rows.size * 1.0


@program("A: 3 3")
def masks_of_triangles(A):
    above = np.triu(np.ones((3, 3), dtype=bool), 1)
    A[above] = 0
    A[np.tril(np.ones((3, 3), dtype=bool), -1)] *= 2
    return A, np.pad(above, 1).sum(), np.diag(np.array([True, False, True]))


@program("A: 3 3")
def a_mask_of_infinity(A):
    above = np.triu(np.ones((3, 3), dtype=bool), 1)
    A[above] = -np.inf
    p = np.exp(A - A.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


@program("A: 3 3; b: 3; B: 2 2")
def small_linear_algebra(A, b, B):
    S = A @ A.T + np.eye(3)
    L = np.linalg.cholesky(S)
    _, logdet = np.linalg.slogdet(S)
    stacked = np.stack([B, B.T])
    return (
        np.linalg.inv(A), np.linalg.det(A), np.linalg.solve(A, b), np.linalg.solve(A, A.T), L, logdet, np.linalg.slogdet(B).sign,
        np.linalg.matrix_power(A, 3), np.linalg.matrix_power(B, -2), np.linalg.inv(stacked), np.linalg.det(stacked),
    )  # fmt: skip


@program("x: 2; A: 2 2")
def joined(x, A):
    return np.c_[np.ones(2), A], np.r_[1, x, A[0]], np.c_[x, x], np.r_[A, A]


@program("x: 2; A: 2 2")
def each_entry(x, A):
    def square(v):
        if v > 0:
            return v * v
        return -v

    return np.vectorize(square)(A), np.vectorize(lambda a, b: a * b)(A, x), np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, lambda v: v**2])


@program("x: 3; A: 2 2")
def pieces_with_a_rest(x, A):
    return np.piecewise(x, [x > 1, x < -1], [1.0, -1.0, lambda v: v])


@program("x: 3")
def types(x):
    assert isinstance(x[0], float) and isinstance(x[0], np.float64)
    return float(x[0]) + np.float64(x[1]), np.float64(x), math.fsum(x), np.zeros(2, dtype=np.float64) + x[0], np.diff(x), np.logaddexp.reduce(x)


@program("x: 2 4")
def places_in_two_axes(x):
    out = np.zeros_like(x)
    for half in (x[:, :2], x[:, 2:]):
        i, j = np.unravel_index(np.argmax(half), half.shape)
        out[i, j] += half[i, j]
        out[-1, 2 * i + j] += 1.0
    return out


@refused("x: 2")
def kinds_of_vectorize(x):
    return np.vectorize(lambda v: v if v > 0 else 0)(x)


@refused("x: 2; y: 2")
def other_masks(x, y):
    return x[x > 0] + x[y > 0]


@refused("x: 2; A: 2 2")
def half_of_the_places(x, A):
    rows, _ = np.nonzero(A > 0)
    return A[rows, 0]


@refused("A: 5 5")
def too_large_to_invert(A):
    return np.linalg.inv(A)


@pytest.mark.parametrize(("function", "shapes"), PROGRAMS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_program(function: Callable[..., Any], shapes: str) -> None:
    compare(function, arguments(shapes), SIZES, {})


@pytest.mark.parametrize(("function", "shapes"), REFUSED, ids=lambda one: getattr(one, "__name__", ""))
def test_what_is_refused(function: Callable[..., Any], shapes: str) -> None:
    with pytest.raises(CannotLift, match=r"\w"):
        ways(function, arguments(shapes), SIZES, {})
