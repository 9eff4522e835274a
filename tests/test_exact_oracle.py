"""Functions run on symbolic entries at concrete sizes, against the very same functions in plain NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import handwritten
import numpy as np
import pytest
from test_lift import arguments

from derive.checking.exact import symbols, ways
from derive.checking.lift import CannotLift
from derive.derivation import Argument
from derive.evaluate import Evaluator

SIZES = {"m": 3, "d": 2, "k": 4, "h": 3, "t": 3, "n": 4}


def numbers(given: Mapping[str, Argument], sizes: Mapping[str, int], labels: Mapping[str, np.ndarray], seed: int) -> dict[str, Any]:
    """Random arrays for the arguments."""
    draw = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    for name, argument in given.items():
        shape = symbols(argument, sizes).shape
        values[name] = labels[name].copy() if name in labels else draw.normal(size=shape) if shape else float(draw.uniform(0.5, 1.5))
    return values


def agree(found: Any, wanted: Any, evaluator: Evaluator) -> None:
    """Assert that the expressions take the values that NumPy gave."""
    if isinstance(found, (tuple, list)):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted):
            agree(one, other, evaluator)
        return
    if isinstance(found, dict):
        assert found.keys() == wanted.keys()
        for name in found:
            agree(found[name], wanted[name], evaluator)
        return
    formulas, values = np.asarray(found, dtype=object), np.asarray(wanted)
    assert formulas.shape == values.shape
    for place in np.ndindex(formulas.shape):
        value = float(evaluator.value(formulas[place], {}))
        assert value == pytest.approx(float(values[place]), rel=1e-9, abs=1e-9)


def compare(function: Callable[..., Any], given: Mapping[str, Argument], sizes: Mapping[str, int], labels: Mapping[str, np.ndarray]) -> int:
    """Run both ways at two points; how many ways through the branches there are."""
    found = ways(function, given, sizes, labels)
    for seed in range(2):
        values = numbers(given, sizes, labels, seed)
        evaluator = Evaluator(sizes, {name: np.array(value) for name, value in values.items()})
        taken = [way for way in found if evaluator.value(way.condition, {}) == 1]
        assert len(taken) == 1
        before = {name: np.array(value) for name, value in values.items()}
        with np.errstate(all="ignore"):
            agree(taken[0].outputs, function(**values), evaluator)
        assert set(taken[0].mutated) == {name for name, value in values.items() if not np.array_equal(before[name], value)}
    return len(found)


@pytest.mark.parametrize("sizes", [{**SIZES, "m": 2, "k": 3, "h": 2, "d": 3}, dict.fromkeys(SIZES, 1)], ids=["small", "ones"])
@pytest.mark.parametrize("case", handwritten.CASES, ids=lambda case: case.name)
def test_the_table_of_gradients(case: handwritten.Case, sizes: dict[str, int]) -> None:
    given = arguments(case.shapes)
    draw = np.random.default_rng(5)
    labels = {name: draw.integers(0, sizes.get(case.labels) or int(case.labels), symbols(a, sizes).shape)
              for name, a in given.items() if a.kind == "int"}
    compare(case.function, given, sizes, labels)


@dataclass
class Program:
    function: Callable[..., Any]
    shapes: str
    ways: int = 1


PROGRAMS: list[Program] = []


def program(shapes: str, ways: int = 1) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS.append(Program(function, shapes, ways))
        return function

    return declare


@program("x: 2 4 4; w: 3 2 2 2; b: 3")
def convolution_by_loops(x, w, b):
    F, _, HH, WW = w.shape
    stride, H, W = 2, (x.shape[1] - HH) // 2 + 1, (x.shape[2] - WW) // 2 + 1
    out = np.zeros((F, H, W))
    for f in range(F):
        for i in range(H):
            for j in range(W):
                window = x[:, i * stride : i * stride + HH, j * stride : j * stride + WW]
                out[f, i, j] = np.sum(window * w[f]) + b[f]
    return out


@program("x: 1 2 3 3; w: 2 2 2 2")
def convolution_by_columns(x, w):
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="constant")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2, 2), axis=(2, 3))
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 8)
    out = columns @ w.reshape(2, -1).T
    return out.reshape(1, 4, 4, 2).transpose(0, 3, 1, 2)


@program("x: 1 1 4 4; dout: 1 1 2 2")
def pooling_by_masks(x, dout):
    out, dx = np.zeros_like(dout), np.zeros_like(x)
    for i in range(2):
        for j in range(2):
            window = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            out[:, :, i, j] = window.max(axis=(2, 3))
            mask = window == out[:, :, i, j][:, :, None, None]
            dx[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] += mask * dout[:, :, i, j][:, :, None, None]
    return out, dx


@program("x: 2 2; dout:")
def pooling_by_argmax(x, dout):
    dx = np.zeros(x.shape)
    where = np.unravel_index(np.argmax(x), x.shape)
    dx[where] = dout
    return dx, x[where]


@program("x: m k; dout: m")
def places_of_the_largest(x, dout):
    best = np.argmax(x, axis=1)
    dx = np.zeros_like(x)
    dx[np.arange(3), best] = dout
    right = np.mean(best == np.array([0, 1, 2]))
    return dx, right, x[range(3), best], best, x[0, np.argmin(x[0])], x[np.argmax(x[:, 0])]


@program("x: 1 1 4 4; dout: 1 1 2 2")
def pooling_by_columns(x, dout):
    columns = x.reshape(1, 1, 2, 2, 2, 2).transpose(2, 4, 0, 1, 3, 5).reshape(4, -1).T
    best = np.argmax(columns, axis=1)
    out = columns[np.arange(best.size), best]
    dcolumns = np.zeros_like(columns)
    dcolumns[range(best.size), best] = dout.ravel()
    return out.reshape(2, 2), dcolumns


@program("x: t d; h: h; W: d h; U: h h; b: h")
def recurrence(x, h, W, U, b):
    states = []
    for step in range(x.shape[0]):
        h = np.tanh(x[step] @ W + h @ U + b)
        states.append(h)
    return np.stack(states), h


@program("x: t d; W: d 8; U: 2 8; dh: 2")
def lstm(x, W, U, dh):
    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    h, c, cache = np.zeros(2), np.zeros(2), []
    for step in range(len(x)):
        i, f, o, g = np.split(x[step] @ W + h @ U, 4)
        i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
        before, c = c, f * c + i * g
        h = o * np.tanh(c)
        cache.append((i, f, o, g, before, c))
    dW, dc = np.zeros_like(W), np.zeros_like(c)
    i, f, o, g, before, c = cache[-1]
    do, dc = dh * np.tanh(c), dc + dh * o * (1 - np.tanh(c) ** 2)
    da = np.hstack([dc * g * i * (1 - i), dc * before * f * (1 - f), do * o * (1 - o), dc * i * (1 - g**2)])
    dW += np.outer(x[-1], da)
    return h, dW


@program("x: m", 6)
def sorting(x):
    order = np.argsort(x)
    return x[order], np.sort(x)[::-1].cumsum()


@program("x: n n")
def triangles(x):
    return np.tril(x), np.triu(x, 1), x[np.tril_indices(4)], x * np.tri(4), np.trace(x), np.diag(x), np.eye(4) * x


@program("x: n 4")
def strides_and_views(x):
    a = x[::2, 1:]
    b = x.T
    y = x.copy()
    flat = y.reshape(-1)
    flat[3] = 7.0
    y[..., 0] += y[:, 1]
    x[0] -= x[1]
    return a.sum(axis=0), b, y, x[::-1, None, :].squeeze(), np.flip(x, 0), np.roll(x, 1, axis=1)


@program("w: 3; g: 4")
def repeated_places(w, g):
    kept, added = w.copy(), w.copy()
    rows = np.array([0, 2, 0, 0])
    kept[rows] += g
    added[rows] -= 1
    np.add.at(w, rows, g)
    counted = np.bincount(rows, weights=g, minlength=3)
    return kept, added, w, counted


@program("X: m d; W: d k; y: int m", 512)
def svm_by_loops(X, W, y):
    loss, dW = 0.0, np.zeros(W.shape)
    for i in range(len(X)):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    return loss / len(X), dW / len(X)


@program("X: m d; W: d k; y: int m; reg:")
def softmax_by_loops(X, W, y, reg):
    loss, dW = 0.0, np.zeros_like(W)
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        scores -= max(scores)
        loss += -scores[y[i]] + math.log(sum(math.exp(s) for s in scores))
        for j in range(W.shape[1]):
            p = np.exp(scores[j]) / np.sum(np.exp(scores))
            dW[:, j] += (p - (j == y[i])) * X[i]
    return loss / X.shape[0] + reg * np.sum(W * W), dW / X.shape[0] + 2 * reg * W


@program("x: m d; g: d; b: d")
def batch_norm(x, g, b):
    if x.shape[0] > 50:
        raise ValueError("too large")
    mean, var = np.mean(x, axis=0), np.var(x, axis=0)
    std = np.sqrt(var + 1e-5)
    return (x - mean) / std * g + b, np.std(x, ddof=1), x.mean(), np.linalg.norm(x, axis=1, keepdims=True)


@program("x: m d; dout: m d")
def masks(x, dout):
    hidden = np.maximum(0, x)
    dx = dout.copy()
    dx[hidden <= 0] = 0
    half = np.where(x > 0, x, 0.5 * x)
    half[x > 1] -= 1
    chosen = x[x > 0].sum()
    counted = np.sum(x > 0, axis=0)
    return dx, half, chosen, counted, (x > 0).astype(float) * dout, np.clip(x, -1, 1), ~(x > 0) & (dout > 0)


@program("x: m d", 2)
def a_branch(x):
    total = np.sum(x)
    if total > 0 and total > -1:
        return total * 2
    return np.abs(x).sum()


@program("a: 3; b: 3")
def numbers_of_python(a, b):
    return float(a[0]), max(a[0], 0), min(a), abs(b[1]), sum(a), a.shape[0] ** -0.5, 1.0 / len(a), np.sqrt(3), math.sqrt(a.size) * b, np.pi * a[0], [
        u * v for u, v in zip(a, b)], {"dot": a @ b, "outer": np.outer(a, b)}


@pytest.mark.parametrize("case", [case for case in PROGRAMS if case.ways <= 64], ids=lambda case: case.function.__name__)
def test_a_program(case: Program) -> None:
    given = arguments(case.shapes)
    labels = {"y": np.array([1, 3, 0])} if "y" in given else {}
    assert compare(case.function, given, SIZES, labels) == case.ways


class Layer:
    """Code in a class, with a cache on the object."""

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        return np.maximum(x @ self.W, 0)

    def backward(self, dout):
        return self.x.T @ (dout * (self.x @ self.W > 0))


def test_a_class() -> None:
    def both(W, x, dout):
        layer = Layer(W)
        out = layer.forward(x)
        return out, layer.backward(dout)

    assert compare(both, arguments("W: d k; x: m d; dout: m k"), SIZES, {}) == 1


KEPT: dict[str, Any] = {"seen": 0}


def test_nothing_is_left_in_the_users_own() -> None:
    """A cache of the module, and an object with a method, stay as they were."""
    layer = Layer(np.eye(2))

    def cached(x):
        KEPT["x"] = x
        KEPT["seen"] += 1
        return KEPT["x"] * KEPT["seen"]

    ways(cached, arguments("x: m"), SIZES, {})
    ways(layer.forward, arguments("x: m d"), SIZES, {})
    assert KEPT == {"seen": 0} and not hasattr(layer, "x")


REFUSED = {
    "many ways": (next(p.function for p in PROGRAMS if p.ways > 64), "X: m d; W: d k; y: int m", "more than 64 ways"),
    "a cast": (lambda x: x.astype(int), "x: m", "cuts off its decimals"),
    "an integer store": (lambda x: _stored_into_integers(x), "x: m", "NumPy changes it"),
    "in place on integers": (lambda x: _in_place_on_integers(x), "x: m", "UFuncTypeError"),
    "an integer array of labels": (lambda x: _into_labels(x), "x: m", "int"),
    "random numbers": (lambda x: x * np.random.rand(3), "x: m", "random"),
    "matrices": (lambda x: np.matrix(x), "x: m m", "np.matrix"),
    "rounding": (lambda x: np.round(x), "x: m", "rounding"),
    "small integers": (lambda x: x * np.zeros(3, dtype=np.uint8), "x: m", "dtype"),
    "a pseudo-inverse": (lambda x: np.linalg.pinv(x), "x: m m", "pinv"),
    "an unknown count": (lambda x: len(x[x > 0]), "x: m", "len"),
    "shapes that differ": (lambda x: x + np.ones(2), "x: m", "shapes|broadcast"),
    "an index on the data": (lambda x: x[(x > 0).astype(int)], "x: m", "depends on the data"),
    "a negative boolean": (lambda x: -(x > 0), "x: m", "negative of a boolean"),
}


def _stored_into_integers(x):
    out = np.zeros(3, dtype=int)
    out[:] = x
    return out


def _in_place_on_integers(x):
    out = np.zeros_like(np.arange(3))
    out += x
    return out


def _into_labels(x):
    out = np.arange(3)
    out[0] = x[0]
    return out


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    function, shapes, words = REFUSED[name]
    given = arguments(shapes)
    with pytest.raises(CannotLift, match=words):
        ways(function, given, SIZES, {"y": np.array([1, 3, 0])} if "y" in given else {})
