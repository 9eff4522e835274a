"""Traps of NumPy: each program is lifted and compared with what NumPy really computes, at asymmetric sizes, at sizes of 1, and with repeated labels.

A program of the table `LIFTS` must be lifted and agree; one of `REFUSES` must be refused, because NumPy does something there that has no formula for all
sizes, or raises.  A program of `EITHER` may be refused; when it is lifted it must agree.
"""

# ruff: noqa: C416, C417, E501, F841, RET505, UP031, UP032  # the programs are written as people write

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import linecache
import math
import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from handwritten import Case, softmax_with_loss
from test_lift import SIZES, Evaluator, arguments, flat, numbers

from derive.checking.lift import CannotLift, Lifted, lift
from derive.errors import BadInput, DeriveError

LIFTS: list[Case] = []
EITHER: list[Case] = []
REFUSES: list[Case] = []


def _into(table: list[Case], shapes: str, labels: str) -> Any:
    def declare(function: Any) -> Any:
        table.append(Case(function, shapes, labels))
        return function

    return declare


def lifts(shapes: str, labels: str = "k") -> Any:
    return _into(LIFTS, shapes, labels)


def either(shapes: str, labels: str = "k") -> Any:
    return _into(EITHER, shapes, labels)


def refuses(shapes: str, labels: str = "k") -> Any:
    return _into(REFUSES, shapes, labels)


# ------------------------------------------------------------------------ the oracle


def holds(lifted: Lifted, evaluator: Evaluator) -> bool:
    """Whether every assumption holds at these numbers."""
    for assumption in lifted.assumptions:
        free = sorted(assumption.condition.free, key=lambda index: index.key)
        for point in evaluator.ranges(free):
            if not evaluator(assumption.condition, dict(zip(free, point))):
                return False
    return True


def compare(case: Case, sizes: Mapping[str, int], seed: int) -> bool:
    """Lift and compare; False where the assumptions do not hold at these numbers."""
    given = arguments(case.shapes)
    lifted = lift(case.function, given)
    values = numbers(given, sizes, case.labels, seed)
    evaluator = Evaluator(sizes, {name: np.asarray(value) for name, value in values.items()})
    if not holds(lifted, evaluator):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # np.matrix warns that it is old
        expected = case.function(**{name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in values.items()})
    found, wanted = flat(lifted.outputs), flat(expected)
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted):
        if other is None or isinstance(other, str):
            assert one == other
            continue
        result = evaluator.array(one)
        assert result.shape == np.shape(other)
        assert np.asarray(other).dtype.kind == {"float": "f", "int": "i", "bool": "b"}[one.kind]
        np.testing.assert_allclose(result, np.asarray(other), rtol=1e-9, atol=1e-12)
    return True


def every(case: Case) -> int:
    """At how many settings it was compared."""
    return sum(compare(case, sizes, seed) for seed, sizes in enumerate(SIZES))


@pytest.mark.parametrize("case", LIFTS, ids=lambda case: case.name)
def test_lifts(case: Case) -> None:
    assert every(case) > 1


@pytest.mark.parametrize("case", EITHER, ids=lambda case: case.name)
def test_lifts_or_refuses(case: Case) -> None:
    with contextlib.suppress(CannotLift, BadInput):
        every(case)


@pytest.mark.parametrize("case", REFUSES, ids=lambda case: case.name)
def test_refuses(case: Case) -> None:
    with pytest.raises(DeriveError, match=r"\w"):
        lift(case.function, arguments(case.shapes))


# ------------------------------------------------------------------------ branches on data


@lifts("x: m; s:")
def clipped(x, s):
    g = x * s
    norm = np.sqrt(np.sum(g**2))
    if norm > 1.0:
        g *= 1.0 / norm
    return g


@lifts("x: m d; s:")
def branches(x, s):
    loss = x.sum() * s
    if loss > 3:
        return loss, x * 2
    elif s < 0.1 and loss <= 1:
        loss = loss + 1
    y = loss if loss > 0 else -loss
    if np.any(x > 1.5):
        y += 5
    return y, x


@lifts("x: m")
def branch_then_store(x):
    out = np.zeros_like(x)
    if x.sum() > 0:
        out[0] = 1
        x -= 1
    else:
        out += 2
    return out, x


@lifts("x: m")
def branch_on_all(x):
    if not np.all(x > -1) or (x.mean() > 0.3):
        return x * 3
    return x


@lifts("x: m")
def conditional_expression(x):
    return x.sum() if x[0] > 0 else x.max()


@refuses("x: m")
def ways_of_other_shapes(x):
    if x.sum() > 0:
        return x
    return x.sum()


@refuses("x: m")
def ways_of_other_structure(x):
    if x.sum() > 0:
        return x, x
    return x


@refuses("x: m")
def unbounded_while(x):
    s = x.sum()
    while s > 1:
        s = s / 2
    return s


@lifts("x: m")
def finite(x):
    loss = x.sum()
    assert np.isfinite(loss)
    assert not np.isnan(x).any()
    assert x.shape == (len(x),) and x.ndim == 1
    assert isinstance(x, np.ndarray) and isinstance(loss, float)
    print(f"the loss is {loss:.3f}", loss, "%.3f" % loss, "{:.2f}".format(loss), str(loss), repr(x))
    return loss


@lifts("x: m; s:")
def error_caught(x, s):
    try:
        value = 1.0 if x[0] > s else 2.0
    except Exception:
        value = 3.0
    return value


@lifts("x: m d")
def branches_inside_of_loops_on_sums(x):
    out = np.zeros_like(x)
    for i in range(len(x)):
        if x[i].sum() > 0 and np.linalg.norm(x[i]) > 0.5:
            out[i] = x[i] / np.linalg.norm(x[i])
        elif np.any(x[i] > 1):
            out[i] = 7
    return out


# ------------------------------------------------------------------------ branches on sizes


@refuses("x: m")
def if_large(x):
    return x if len(x) > 50 else 2 * x


@refuses("x: m; y: k")
def if_equal_sizes(x, y):
    return x if x.shape == y.shape else 2 * x


@refuses("x: m; y: k")
def if_unequal_sizes(x, y):
    return x if x.shape[0] != y.shape[0] else 2 * x


@refuses("x: m k")
def if_two_classes(x):
    return x if x.shape[1] == 2 else 2 * x


@refuses("x: m k")
def size_in_a_list(x):
    return x if x.shape[1] in (1, 2, 3) else 2 * x


@refuses("x: m k")
def size_as_a_key(x):
    return x * {1: 2.0, 2: 3.0}.get(x.shape[1], 4.0)


@lifts("x: m k")
def size_is_true(x):
    return x if len(x) else 2 * x


@refuses("x: m k")
def size_minus_one_is_true(x):
    return x if len(x) - 1 else 2 * x


@either("x: m k")
def largest_size(x):
    return x * max(x.shape)


@either("x: m k")
def floor_of_sizes(x):
    return x * (x.shape[0] // 2)


@either("x: m k")
def remainder_of_sizes(x):
    return x * (x.shape[0] % 2)


@refuses("x: m")
def parity(x):
    return x if len(x) % 2 == 0 else -x


@lifts("x: m k")
def certain_size_branches(x):
    assert x.shape[0] >= 1 and x.shape[1] > 0
    if x.shape[0] < 1:
        raise ValueError("no data")
    if x.shape == (x.shape[0], x.shape[1]) and x.shape[0] == len(x):
        return x * 2
    return x


@refuses("x: m")
def shape_of_a_given_size(x):
    return x * 2 if x.shape == (3,) else x


@refuses("x: m k")
def sizes_sorted(x):
    return x * sorted(x.shape)[0]


# ------------------------------------------------------------------------ dtypes and casts


@refuses("y: int m; x: m")
def truncates(y, x):
    out = np.zeros_like(y)
    out[:] = x
    return out


@refuses("y: int m; x: m")
def truncates_by_dtype(y, x):
    out = np.zeros(x.shape, dtype=int)
    out[0] = x[0]
    return out


@refuses("y: int m; x: m")
def truncates_in_a_loop(y, x):
    out = np.zeros_like(y)
    for i in range(len(x)):
        out[i] = x[i] * 2
    return out


@refuses("y: int m")
def divides_in_place(y):
    y /= 2
    return y


@refuses("y: int m; x: m")
def adds_floats_in_place(y, x):
    y += x
    return y


@refuses("x: m k; y: int m")
def int_mask_coefficients_updated(x, y):
    mask = (x > 0).astype(int)
    mask /= len(x)
    return mask


@refuses("x: m k")
def unsigned_wraps(x):
    mask = (x > 0).astype(np.uint8)
    return mask - 2


@refuses("x: m k")
def small_ints_wrap(x):
    return np.zeros(x.shape, dtype="int8") + 200


@refuses("x: m")
def cast_to_int(x):
    return np.array(x, dtype=int)


@refuses("x: m")
def minus_of_a_mask(x):
    return -(x > 0)


@either("x: m")
def inverse_of_an_int_mask(x):
    return ~(x > 0).astype(int)


@lifts("x: m; y: int m")
def numbers_of_all_kinds(x, y):
    ones = np.ones(x.shape, bool)
    ones[0] = False
    return (
        (x > 0) * 1.5,
        (x > 0) + 0,
        y / 2,
        ones,
        y * y,
        y * 0.5,
        ones.sum(),
        (y == 1) * 2,
        1 - (x > 0),
        (x > 0) | ones,
        y**2,
        ~ones,
        y == 1,
        2 * ones,
    )


@refuses("y: int m")
def negative_power_of_ints(y):
    return y**-1


@either("y: int m")
def floor_division_of_ints(y):
    return y // 2, y % 2


@lifts("x: m; y: int m")
def casts_to_float(x, y):
    a = y.astype(float)
    a /= 2
    b = np.zeros_like(y, dtype=float)
    b += x
    return (
        a,
        b,
        np.float64(3) * x,
        np.asarray(y, dtype=np.float64),
        np.array(y, float),
        y.astype("float64"),
        float(3) * x,
        np.zeros(x.shape, dtype=x.dtype),
    )


@either("x: m; y: int m")
def truth_values_are_added(x, y):
    return (x[0] > 0) + (x[0] > 1), True + True


@refuses("x: m; s:")
def inverse_of_a_truth_value(x, s):
    return x * ~(s > 0)


@lifts("x: m")
def numbers_cast_by_pythons_types(x):
    weights = np.array([1, 2, 3]).astype(float)
    weights /= 2
    return x * weights.sum(), x * np.array([1.5, 2.5]).astype(int).sum(), np.logical_not(x > 0)


@refuses("y: int m")
def int_mean_in_place(y):
    y -= y.mean()
    return y


# ------------------------------------------------------------------------ views and copies


@lifts("x: m d")
def aliases(x):
    b = x
    b -= 1
    c = x
    c = c - 1
    d = x.copy()
    d += 5
    return x, b, c, d


@lifts("x: m d")
def views_are_written(x):
    row = x[0]
    row += 1
    col = x[:, -1]
    col *= 2
    t = x.T
    t[0] = 3
    flat = x[0:1].reshape(-1)
    flat -= 1
    e = x[:, None]
    e += 1
    return x, row, col, t, np.array(x), np.asarray(x)


@lifts("x: m d; y: int m")
def fancy_indexing_copies(x, y):
    rows = x[np.arange(len(x))]
    rows += 1
    picked = x[[0]]
    picked -= 2
    masked = x[x > 0]
    masked *= 2
    return x, rows, picked, masked.sum()


@lifts("x: m d")
def ravel_views_and_flatten_copies(x):
    a = x[0].ravel()
    a += 1
    b = x[0].flatten()
    b += 10
    return x, a, b


@lifts("x: m d")
def out_and_where(x):
    z = np.zeros_like(x)
    np.multiply(x, 2, out=z)
    np.add(z, x, out=x)
    return x, z


@either("x: m")
def overlapping(x):
    x[1:] += x[:-1]
    return x


@either("x: m")
def overlapping_store(x):
    x[1:] = x[:-1]
    return x


@either("x: m d")
def swapped_rows(x):
    x[[0, -1]] = x[[-1, 0]]
    return x


@lifts("x: m d; y: int m")
def mutated_through_a_helper(x, y):
    def shift(a):
        a -= a.max(axis=1, keepdims=True)
        return a

    z = shift(x)
    return x, z


@lifts("x: d d; a: m k")
def einsum_of_one_array_is_a_view(x, a):
    np.einsum("ii->i", x)[:] = 7
    t = np.einsum("ij->ji", a)
    t[0] -= 1
    s = np.einsum("ij->i", a)
    s += 1
    return x, a, s, np.diag(x), x.diagonal()


@refuses("x: d d")
def diagonal_is_read_only(x):
    d = np.diagonal(x)
    d += 1
    return x


@refuses("x: m d t")
def perhaps_a_view_of_a_view(x):
    f = np.ravel(x.transpose(1, 0, 2).reshape(-1, x.shape[2]))
    x[0] = 1
    return x, f


@lifts("x: m d t")
def views_with_other_axes(x):
    m, d, t = x.shape
    x.reshape(m, -1)[:, 0] = 1
    flat = x.reshape(-1)
    flat *= 2
    x.reshape(m * d, t)[0] -= 1
    return x, flat


@refuses("x: m d")
def contiguous_view_or_copy(x):
    c = np.ascontiguousarray(x.T)
    c += 1
    return x


@either("x: d d")
def diagonal_view(x):
    np.diagonal(x)
    x[np.arange(len(x)), np.arange(len(x))] = 0
    return x


@either("x: d d")
def diag_indices(x):
    x[np.diag_indices(len(x))] += 1
    return x


@lifts("x: m d")
def transposed_update(x):
    y = x.T.copy().T
    y -= 1
    x.T[:] = 0
    return x, y


@lifts("x: m d; w: d")
def broadcast_update(x, w):
    x -= w
    w += 1
    x[:] = w
    x[0, :] += w
    return x, w


# ------------------------------------------------------------------------ repeated labels


@refuses("X: m d; y: int m; dW: d k")
def buffered_columns(X, y, dW):
    dW[:, y] -= X.T
    return dW


@refuses("X: m d; y: int m; dW: k d")
def buffered_rows(X, y, dW):
    dW[y] += X
    return dW


@refuses("X: m d; y: int m; dW: k d")
def buffered_rows_written_out(X, y, dW):
    dW[y] = dW[y] + X
    return dW


@refuses("y: int m; counts: k")
def buffered_counts(y, counts):
    counts[y] += 1
    return counts


@lifts("X: m d; y: int m; dW: k d; dV: d k")
def unbuffered(X, y, dW, dV):
    np.add.at(dW, y, X)
    np.subtract.at(dV, (slice(None), y), X.T)
    counts = np.zeros(dW.shape[0])
    np.add.at(counts, y, 1)
    return dW, dV, counts


@lifts("a: m k; b: k m; y: int m")
def rows_of_their_own(a, b, y):
    rows = np.arange(len(y))
    a[rows, y] -= 1
    b[y, rows] -= 1
    b[y, range(len(y))] *= 2
    return a, b


@refuses("a: m k; y: int m")
def one_column_many_times(a, y):
    a[0, y] -= 1
    return a


# ------------------------------------------------------------------------ sizes that happen to be equal


@refuses("x: m d; s: m")
def rows_for_columns(x, s):
    return x / s


@refuses("x: m d; s: d")
def columns_for_rows(x, s):
    return x - s[:, None]


@lifts("s: m; t: m")
def outer_broadcasting(s, t):
    return s - t[:, None], s[:, None] - t[None], s.reshape(-1, 1) * t


@lifts("x: m d")
def column_minus_row(x):
    return x.sum(axis=1, keepdims=True) - x[:, 0]


@refuses("x: m d")
def keepdims_missing(x):
    return x / x.sum(axis=1)


@refuses("x: m d; y: int m")
def wrong_axis(x, y):
    return x - x.max(axis=1)


@lifts("x: m d; s: d")
def transposes_of_vectors(x, s):
    return s.T, s.T @ x.T, x @ s.T, s[None].T * x.T


@lifts("x: m d")
def squeezes(x):
    s = x.sum(axis=1, keepdims=True)
    return s.squeeze(1), np.squeeze(s, axis=-1), s[:, 0]


@refuses("x: m d; W: d k")
def product_needs_equal_sizes(x, W):
    return x * W


@refuses("x: m d; y: int m; W: d k")
def loop_over_the_wrong_size(x, y, W):
    dW = np.zeros_like(W)
    for i in range(W.shape[1]):
        dW[:, i] += x[i]
    return dW


@refuses("x: m d; Y: m k")
def added_shapes(x, Y):
    return np.concatenate([x, Y], axis=0)


@refuses("x: m d")
def ten_classes(x):
    return x + np.zeros((x.shape[0], 10))


@refuses("x: m d")
def stack_of_other_shapes(x):
    return np.vstack([x, np.ones(3)])


# ------------------------------------------------------------------------ selections by masks


@lifts("a: m k; b: m k; s: m")
def masks(a, b, s):
    a[a < 0] = b[a < 0]
    mask = b > 0.5
    b[mask] += 1
    b[~mask] *= 0
    b[mask & (a > 0)] = a[mask & (a > 0)] ** 2
    a[s > 0] = 0
    a[s < -1, 0] = 4
    return a, b, a * mask, a[a > 0].sum(), np.sum(b[b > 0])


@lifts("a: m k; s: m")
def masks_in_loops(a, s):
    g = np.zeros_like(a)
    for i in range(len(a)):
        row = a[i] - s[i]
        on = row > 0
        g[i, on] = 1
        g[i][row < -1] = 3
        g[i] += on
        g[i, row > 1] += row[row > 1] * 2
    return g


@lifts("a: m k; y: int m")
def means_of_masked(a, y):
    return a[a > 0].mean(), a[y == 1].sum(axis=0), a[y == 0].sum(), np.mean(a[a > -5]), a[y == 1, 0].sum(), (y == 1).sum(), len(a[y == 1])


@lifts("a: m k; y: int m; W: d k; X: m d")
def classes_one_by_one(a, y, W, X):
    dW = np.zeros_like(W)
    for c in range(W.shape[1]):
        dW[:, c] = X[y == c].sum(axis=0)
    return dW


@lifts("a: m k")
def where_of_one_argument(a):
    rows, cols = np.where(a > 0)
    a[rows, cols] = 0
    a[np.nonzero(a < -1)] = 5
    index = np.where(a.sum(axis=1) > 0)[0]
    a[index] += 1
    return a


@lifts("a: m k; y: int m")
def all_but_the_label(a, y):
    mask = np.ones(a.shape, dtype=bool)
    mask[np.arange(len(y)), y] = False
    b = np.where(mask, a, 0.0)
    c = a.copy()
    c[~mask] = -1
    return b, c, np.where(np.arange(a.shape[1]) == y[:, None], a, 2)


# ------------------------------------------------------------------------ functions of NumPy


@lifts("a: m k; b: m k")
def elementwise_functions(a, b):
    return (
        np.fmax(a, b), np.clip(a, -1, 1), a.clip(0), np.clip(a, 0, None), np.sign(a), np.hypot(a, b), np.log2(np.abs(a)), np.log10(np.abs(a)),
        np.logaddexp.reduce(a, axis=1), np.maximum.reduce(a, axis=1), np.sin(a) + np.cos(b), np.minimum(a, 1), np.true_divide(a, 3),
        np.exp2(a), np.isfinite(a), np.isnan(a), np.add(a, b), np.subtract(a, 1), np.nan_to_num(a), np.abs(b), np.cbrt(np.abs(a)) if False else a,
        np.logaddexp(a, b), np.float_power(np.abs(a), 2), np.reciprocal(np.abs(a)), np.deg2rad(a) if False else b, np.sinh(a), np.add.reduce(a, axis=0),
    )  # fmt: skip


@lifts("a: m k")
def orders(a):
    return a[::-1], a[:, ::-1], np.flip(a, 0), np.flip(a), np.fliplr(a), np.flipud(a), np.roll(a, 1, axis=0), np.roll(a, -1, axis=1), a[::-1, ::-1]


@lifts("a: m k")
def sums_so_far(a):
    return np.cumsum(a, axis=1), a.cumsum(0), np.cumsum(a[0]), np.cumsum(a[:, ::-1], axis=1)[:, ::-1]


@lifts("a: m k; w: k")
def weighted(a, w):
    return (
        np.average(a, axis=1, weights=np.exp(w)),
        np.ptp(a, axis=1),
        np.average(a, axis=0),
        a.mean(keepdims=True),
        np.sum(a, axis=(0, 1), keepdims=True),
    )


@lifts("a: m 3")
def concrete_axis(a):
    return (
        np.prod(a, axis=1),
        a[:, 0] * a[:, 2],
        np.array([a[:, j].sum() for j in range(3)]),
        [a[:, j] for j in range(a.shape[1])],
        a[:, ::2],
        np.diff(a, axis=1),
    )


@lifts("a: m k; b: m k")
def stacks(a, b):
    return (
        np.stack([a, b]),
        np.stack((a, b), axis=1),
        np.stack([a, b], axis=-1),
        np.dstack([a, b]),
        np.hstack((a, b)),
        np.append(a, b, axis=1),
        np.r_[a[0], b[0]],
        np.c_[a, b],
    )


@lifts("a: n 4*h; b: n h")
def parts(a, b):
    n, H = b.shape
    i, f, o, g = np.split(a, 4, axis=1)
    w, x, y, z = np.hsplit(a, 4)
    s = np.array_split(a, 2, axis=1)
    t = np.split(a, [H, 2 * H], axis=1)
    i2, g2 = a[:, :H], a[:, 3 * H :]
    i -= 1
    joined = np.hstack((i * b, f, o, g))
    return (
        a,
        i + f * o,
        w - z,
        x,
        y,
        s[1],
        t[2],
        i2 + g2,
        joined,
        np.concatenate([i, f, o, g], axis=1),
        a.reshape(n, 4, H)[:, 1],
        a.reshape(n, 4, -1).sum(axis=1),
    )


@lifts("a: m k; b: k m")
def padded(a, b):
    p = np.pad(a, ((1, 1), (0, 2)), mode="constant")
    q = np.pad(a, 1)
    r = np.pad(a[0], (1, 0), "constant", constant_values=3)
    return p, q, r, p[1:-1, :-2], q[1:-1, 1:-1]


@lifts("a: m k; v: m; y: int m; x: k")
def products_and_ranges(a, v, y, x):
    return (
        np.kron(np.eye(2), v)[0, : len(v)] if False else v,
        np.einsum("...i,...i->...", a, a),
        np.einsum("ij", a),
        np.einsum("i...->...", a),
        np.einsum("ij->ji", a),
        np.einsum(a, [0, 1], x, [1], [0]),
    )


@lifts("a: m d t; b: m t k; w: t k")
def higher_ranks(a, b, w):
    return (
        a @ b,
        a @ w,
        np.dot(a, w),
        np.tensordot(a, w, axes=1),
        np.tensordot(a, b, axes=([0, 2], [0, 1])),
        np.einsum("bij,bjk->bik", a, b),
        a.transpose(0, 2, 1),
        np.swapaxes(a, -1, -2),
        a.swapaxes(1, 2),
        np.moveaxis(a, -1, 0),
        np.rollaxis(a, 2),
        np.matmul(a.transpose(0, 2, 1), a),
        np.einsum("...ij,...jk", a, b),
        a[..., 0],
        a[:, None].shape,
        np.expand_dims(a, (0, 2)),
        a.mean((1, 2)),
    )


@lifts("a: m d t")
def merged_axes(a):
    m = a.shape[0]
    flat = a.reshape(m, -1)
    rows = a.reshape(-1, a.shape[2])
    return (
        (flat**2).sum(axis=1),
        flat.sum(axis=0).reshape(a.shape[1:]),
        rows.sum(axis=0),
        (rows * 2).reshape(a.shape),
        flat.reshape(a.shape),
        a.ravel().sum(),
        a.reshape(-1).max(),
        flat,
        rows,
        a.ravel(),
        a.flatten() * 2,
    )


@lifts("x: m d t; w: d*t k; b: k")
def affine_of_images(x, w, b):
    flat = x.reshape(x.shape[0], -1)
    out = flat @ w + b
    return out, (out @ w.T).reshape(x.shape), flat.T @ out


@lifts("x: m t d; w: d k")
def affine_over_time(x, w):
    N, T, D = x.shape
    out = x.reshape(N * T, D).dot(w).reshape(N, T, -1)
    dx = out.reshape(N * T, -1).dot(w.T).reshape(N, T, D)
    dw = x.reshape(N * T, D).T.dot(out.reshape(N * T, w.shape[1])).T
    return out, dx, dw


@either("x: m t 2*d")
def two_heads(x):
    m, t, e = x.shape
    q = x.reshape(m, t, 2, e // 2).transpose(0, 2, 1, 3)
    s = q @ q.transpose(0, 1, 3, 2)
    return (s @ q).transpose(0, 2, 1, 3).reshape(m, t, e)


@refuses("a: m k")
def reordering_reshape(a):
    return a.reshape(a.shape[1], a.shape[0])


@either("a: m k")
def fortran_order(a):
    return a.reshape(-1, order="F"), a.ravel("F")


@lifts("a: m k; y: int m")
def empties(a, y):
    p = np.empty(a.shape)
    q = np.empty_like(a)
    r = np.empty((len(a),))
    p[:] = a
    q[...] = 0
    for i in range(len(a)):
        r[i] = a[i].sum()
    q += p
    s = np.empty((a.shape[0], a.shape[1] + 1))
    s[:, :-1] = a
    s[:, -1] = 1
    return p, q, r, s


@refuses("a: m k")
def empty_is_read(a):
    p = np.empty(a.shape)
    p += a
    return p


@refuses("a: m k")
def empty_is_partly_written(a):
    p = np.empty(a.shape)
    p[0] = 1
    return p


@refuses("a: m k")
def empty_times_zero(a):
    return np.empty(a.shape) * 0


@lifts("a: m k; y: int m")
def one_hots(a, y):
    k = a.shape[1]
    e = np.eye(k)[y]
    f = np.identity(k)[y]
    g = (np.arange(k) == y[:, None]).astype(float)
    h = np.zeros((len(y), k))
    h[np.arange(y.shape[0]), y] = 1
    z = np.zeros_like(a)
    np.put_along_axis(z, y[:, None], 1, axis=1)
    return e, f, g, h, z, np.tile(a, (1, 2)), np.eye(k)[y].T


@lifts("a: m k; y: int m")
def predictions(a, y):
    p = np.argmax(a, axis=1)
    return np.mean(p == y), np.eye(a.shape[1])[p], a[np.arange(len(a)), p], a.argmin(1)


@lifts("a: m k; s: m")
def repeats(a, s):
    parts = np.tile(a, 2), np.tile(a, (2, 1)), np.repeat(a, 3, axis=0), np.repeat(a, 2, axis=1).sum(axis=1), np.tile(s, (3, 1))
    return *parts, np.repeat(s[:, None], 2, 1), np.repeat(s, 2)


@lifts("a: t t; v: t d")
def causal_masks(a, v):
    n = a.shape[0]
    mask = np.tril(np.ones((n, n)))
    s = np.where(mask == 1, a, -np.inf)
    s -= s.max(axis=1, keepdims=True)
    p = np.exp(s)
    p /= p.sum(axis=-1, keepdims=True)
    b = a.copy()
    b[np.triu(np.ones((n, n), dtype=bool), k=1)] = -1e9
    return p @ v, b, mask


@lifts("a: m k; y: int m")
def rows_by_comprehension(a, y):
    b = np.array([row - row.max() for row in a])
    c = np.array([np.exp(a[i]) / np.sum(np.exp(a[i])) for i in range(len(a))])
    d = sum(a[i, y[i]] for i in range(len(a)))
    e = np.sum([np.log(np.exp(r).sum()) for r in a])
    f = np.array([[a[i, j] * 2 for j in range(a.shape[1])] for i in range(a.shape[0])])
    g = np.array([r[t] if r[t] > 0 else 0.0 for r, t in zip(a, y)])
    h = np.array(list(map(lambda r: r.sum(), a)))
    return b, c, d, e, f, g, h, np.vstack([r * 2 for r in a]), sum([s.sum() for s in a]), max([r.max() for r in a])


@lifts("a: m k; y: int m")
def appended(a, y):
    losses = []
    for i in range(len(a)):
        losses.append(a[i, y[i]] * 2)
    return np.mean(losses), np.array(losses)


@lifts("a: m k")
def vectorised(a):
    f = np.vectorize(lambda t: t * t + 1)
    g = np.vectorize(lambda t: t if t > 0 else 0.0)
    return (
        f(a),
        g(a),
        np.apply_along_axis(lambda r: r - r.max(), 1, a),
        np.apply_along_axis(np.sum, 0, a),
        np.apply_along_axis(lambda r: r / r.sum(), 0, np.exp(a)),
    )


@lifts("x: m d; w: d")
def counted_while_loops(x, w):
    i, total = 0, 0.0
    g = np.zeros_like(w)
    while i < x.shape[0]:
        j = 0
        while j < len(w):
            g[j] += x[i, j]
            j += 1
        total += x[i] @ w
        i += 1
    return total, g, i


@lifts("x: m d")
def backward_loops(x):
    total, out = 0.0, np.zeros_like(x)
    for i in reversed(range(len(x))):
        total += x[i].sum()
        out[i] = x[i] * 2
    for i in range(len(x) - 1, -1, -1):
        total -= x[i, 0]
    for row in reversed(x):
        total += row[0]
    return total, out


@lifts("x: m d; y: int m")
def continues(x, y):
    total = 0.0
    for i, (row, label) in enumerate(zip(x, y)):
        if label == 0:
            continue
        for j in range(len(row)):
            if row[j] < 0:
                continue
            total += row[j] * i
    return total


@lifts("x: m d; t: 4 d")
def concrete_loops(x, t):
    h = np.zeros_like(t[0])
    out = []
    for s in range(t.shape[0]):
        h = np.tanh(h + t[s])
        out.append(h)
    best = 0.0
    for s in range(4):
        if t[s, 0] > 0.5:
            best = best + t[s, 0]
            continue
        if t[s, 0] < -1.5:
            break
    return np.stack(out), np.array(out)[-1], h, best


# ------------------------------------------------------------------------ Python around it


class Layer:
    scale = 2.0

    def __init__(self, w: Any) -> None:
        self.w = w
        self.cache: Any = None

    def forward(self, x: Any) -> Any:
        self.cache = x
        return x @ self.w * self.scale

    def backward(self, dout: Any) -> Any:
        return dout @ self.w.T * self.scale, self.cache.T @ dout * self.scale

    @property
    def width(self) -> Any:
        return self.w.shape[1]

    @staticmethod
    def act(x: Any) -> Any:
        return np.maximum(0, x)


class Deeper(Layer):
    def __init__(self, w: Any) -> None:
        super().__init__(w)
        self.name = "deeper"

    def __call__(self, x: Any) -> Any:
        return self.act(self.forward(x))


@dataclasses.dataclass
class Box:
    value: Any
    other: Any = None

    def doubled(self) -> Any:
        return self.value * 2


Pair = collections.namedtuple("Pair", "left right")
CONSTANTS = {"eps": 1e-8, "list": [1.0, 2.0]}
SEEN: list[Any] = []


def scaled(x: Any, *, by: float = 2.0, shift: Any = None) -> Any:
    return x * by + (0 if shift is None else shift)


@lifts("x: m d; w: d k")
def classes_and_containers(x, w):
    layer = Deeper(w)
    out = layer(x)
    dx, dw = layer.backward(np.ones_like(out))
    box = Box(x, other=out)
    pair = Pair(x, right=w)
    cache = {"x": x, "z": out}
    cache["z"] = cache["z"] + CONSTANTS["eps"]
    half = functools.partial(scaled, by=0.5)
    left, *rest = (x, w, out)
    return out, dx, dw, box.doubled(), box.other, pair.left @ pair.right, cache["z"], half(x), scaled(x, shift=1), len(rest), layer.width * 1.0


@lifts("x: m d")
def globals_are_left_alone(x):
    SEEN.append(0)
    CONSTANTS["new"] = len(SEEN)
    return x


@lifts("x: m d; s:")
def closures(x, s):
    count = [0]
    total = 0.0

    def add(a, memo={}):  # noqa: B006
        nonlocal total
        count[0] += 1
        memo["a"] = a
        total = total + a.sum()
        return a * s

    y = add(x)
    z = add(y)
    loss = functools.reduce(lambda u, v: u + v, [x.sum(), y.sum(), z.sum()])
    return z, total, count[0], loss, math.fsum([1.0, 2.0]) * s, sum([x.sum(), s])


@lifts("x: m d; y: int m")
def python_builtins(x, y):
    a, b = divmod(7, 2)
    pairs = list(zip(["u", "v"], [x, x * 2]))
    table = {name: value for name, value in pairs}
    ok = all(name in table for name in ("u", "v")) and any(value is not None for value in table.values())
    return (
        table["v"] * a * b if ok else x,
        abs(-x),
        pow(x, 2),
        round(2.567, 1) * x,
        max(x.sum(), 0.0),
        min(1.0, x.max()),
        sum(x[0]),
        type(x)(x.shape).shape[0] * 1.0 if False else 1.0,
    )


# ------------------------------------------------------------------------ matrices


@lifts("W: d k; X: m d; y: int m")
def matrices(W, X, y):
    A = np.asmatrix(X)
    B = np.asmatrix(W)
    S = A * B
    E = np.exp(S - S.max(axis=1))
    P = E / E.sum(axis=1)
    P[np.arange(len(y)), y] -= 1
    G = A.T * P
    G /= len(y)
    row = A[0]
    column = A[:, 0]
    row -= 1
    scaled = np.asarray(2 * S), S.shape[0] * 1.0, np.asarray(S - S[:, 0]), np.asarray(row.T * S[0]), np.asarray(column)
    return np.asarray(G), G.A, np.array(S.sum(axis=0)).ravel(), S.sum(), np.multiply(S, S).A, G.A1, np.asarray(A[0]), *scaled, X


@lifts("W: d k; X: m d; y: int m")
def matrices_and_arrays(W, X, y):
    A = np.asmatrix(X)
    Z = A * W
    one = np.asmatrix(np.eye(W.shape[1])[y])
    loss = -np.multiply(one, Z).sum() / len(y)
    D = np.asarray(Z.T) @ np.asarray(one - Z)
    return loss, D, np.asarray(np.dot(A.T, one)), np.asarray(A.mean(axis=0)), np.asarray(np.maximum(Z, 0)), np.asarray(np.hstack([A, Z]))


@either("X: m d")
def powers_of_matrices(X):
    A = np.asmatrix(X)
    return np.asarray(A.T * A) ** 2, np.asarray((A.T * A) ** 2)


# ------------------------------------------------------------------------ what is told beside the value


def raises_on_some(x, s):
    norm = np.sum(x * s)
    if norm > 5:
        raise ValueError("too large")
    assert s > 0
    return x * s


def drops_precision(x):
    return (x.astype(np.float32) * 2).astype("float64")


def test_uncovered_sides_are_told() -> None:
    lifted = lift(raises_on_some, arguments("x: m; s:"))
    first = raises_on_some.__code__.co_firstlineno
    assert lifted.uncovered == (
        f"line {first + 2}: if norm > 5 depends on data, and one side raises an error",
        f"line {first + 4}: assert s > 0 depends on data, and one side raises an error",
    )
    assert len(lifted.assumptions) == 2
    assert lift(clipped, arguments("x: m; s:")).uncovered == ()


def test_lower_precision_is_a_note() -> None:
    line = drops_precision.__code__.co_firstlineno + 1
    assert lift(drops_precision, arguments("x: m")).notes == (f"precision drops to float32 at line {line}",)


def test_a_source_that_is_not_the_functions_own_is_not_believed() -> None:
    text = "def f(x):\n    t = 0.0\n    for i in range(len(x)):\n        t += x[i]\n    return t\n"
    linecache.cache["<other>"] = (len(text), None, text.splitlines(True), "<other>")
    for code, lifts_it in ((text, True), (text.replace("+=", "-="), False)):
        names: dict[str, Any] = {}
        exec(compile(code, "<other>", "exec"), names)
        if lifts_it:
            assert lift(names["f"], arguments("x: m")).outputs.shape == ()
        else:
            with pytest.raises(CannotLift, match="iteration over a symbolic number"):
                lift(names["f"], arguments("x: m"))


def test_the_users_objects_are_left_alone() -> None:
    before = list(SEEN), dict(CONSTANTS)
    lift(globals_are_left_alone, arguments("x: m d"))
    assert before == (list(SEEN), dict(CONSTANTS))


def test_lifting_is_quick() -> None:
    """A typical vectorised softmax takes some tens of milliseconds; the bound is loose, for slow machines."""
    given = arguments("W: d k; X: m d; y: int m; reg:")
    lift(softmax_with_loss, given)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        lift(softmax_with_loss, given)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1
