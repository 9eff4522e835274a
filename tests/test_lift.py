"""Lifted functions against the very same functions in plain NumPy, through an evaluator that knows nothing of lifting."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import handwritten
import numpy as np
import pytest
from handwritten import CASES, Case
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.checking.lift import CannotLift, LiftedArray, lift
from derive.derivation import Argument
from derive.errors import BadInput
from derive.index import (
    ONE,
    Add,
    At,
    Const,
    Delta,
    Digit,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    Mul,
    Num,
    Pow,
    Size,
    Sum,
    Where,
    add,
    mul,
    num,
)  # fmt: skip

SIZES = (
    {"m": 4, "d": 3, "k": 5, "h": 2, "t": 3, "n": 2},
    {"m": 3, "d": 4, "k": 2, "h": 5, "t": 1, "n": 3},
    {"m": 1, "d": 2, "k": 3, "h": 1, "t": 4, "n": 2},
    {"m": 2, "d": 1, "k": 1, "h": 3, "t": 2, "n": 1},
    {"m": 3, "d": 3, "k": 3, "h": 3, "t": 3, "n": 3},
)
FUNCTIONS = {
    "exp": math.exp, "log": math.log, "log1p": math.log1p, "expm1": math.expm1, "tanh": math.tanh, "abs": abs, "max": max, "min": min,
    "sign": lambda u: (u > 0) - (u < 0), "logaddexp": lambda u, v: float(np.logaddexp(u, v)), "sin": math.sin, "cos": math.cos,
    "sinh": math.sinh,
}  # fmt: skip
COMPARE = {">": lambda u: u > 0, ">=": lambda u: u >= 0, "=": lambda u: u == 0}


class Evaluator:
    """Evaluates an expression at concrete sizes and arrays, by looping over indices."""

    def __init__(self, sizes: Mapping[str, int], arrays: Mapping[str, np.ndarray]) -> None:
        self.sizes, self.arrays = sizes, arrays
        self.memo: dict[Any, Any] = {}

    def __call__(self, node: Expr, at: Mapping[Index, int]) -> Any:
        key = (node, tuple(at[index] for index in sorted(node.free, key=lambda index: index.key)))
        if key not in self.memo:
            self.memo[key] = self.value(node, at)
        return self.memo[key]

    def ranges(self, indices: Any) -> Any:
        return itertools.product(*(range(int(self(index.size, {}))) for index in indices))

    def value(self, node: Expr, at: Mapping[Index, int]) -> Any:
        if isinstance(node, Num):
            return node.value if node.value.denominator > 1 else int(node.value)
        if isinstance(node, Size):
            return self.sizes[node.name]
        if isinstance(node, Const):
            return {"pi": math.pi, "e": math.e, "-inf": -math.inf}[node.args[0]]
        if isinstance(node, Index):
            return at[node]
        if isinstance(node, At):
            place = tuple(int(self(index, at)) for index in node.indices)
            assert all(0 <= one < size for one, size in zip(place, self.arrays[node.name].shape)), (node.name, place)
            return self.arrays[node.name][place].item()
        if isinstance(node, (Sum, Extremum)):
            values = [self(node.body, {**at, **dict(zip(node.bound, point))}) for point in self.ranges(node.bound)]
            return sum(values) if isinstance(node, Sum) else (max if node.args[0] == "max" else min)(values)
        if isinstance(node, Where):
            return self(node.args[1] if self(node.args[0], at) else node.args[2], at)
        return self.operation(node, at)

    def operation(self, node: Expr, at: Mapping[Index, int]) -> Any:
        if isinstance(node, Add):
            return sum(self(term, at) for term in node.args[0])
        if isinstance(node, Mul):
            return math.prod(self(factor, at) for factor in node.args[0])
        if isinstance(node, Pow):
            base, exponent = self(node.args[0], at), node.args[1]
            return Fraction(base) ** int(exponent) if exponent.denominator == 1 else base ** float(exponent)
        if isinstance(node, Fn):
            return FUNCTIONS[node.args[0]](*(float(self(part, at)) for part in node.args[1]))
        if isinstance(node, Delta):
            return int(self(node.args[0], at) == self(node.args[1], at))
        if isinstance(node, Digit):
            later = math.prod(int(self(one, at)) for one in node.args[1][node.args[2] + 1 :])
            return int(self(node.args[0], at)) // later % int(self(node.args[1][node.args[2]], at))
        assert isinstance(node, Iverson), node
        return int(COMPARE[node.args[0]](self(node.args[1], at)))

    def array(self, lifted: LiftedArray) -> np.ndarray:
        shape = tuple(int(self(size, {})) for size in lifted.shape)
        result = np.empty(shape)
        for point in itertools.product(*map(range, shape)):
            long = [value for value, size in zip(point, lifted.shape) if size is not ONE]
            result[point] = float(self(lifted.body, dict(zip(lifted.indices, long, strict=True))))
        return result


def size(text: str) -> Expr:
    def product(term: str) -> Expr:
        return mul(*(num(int(part)) if part.isdigit() else Size(part) for part in term.split("*")))

    return add(*map(product, text.split("+")))


def arguments(shapes: str) -> dict[str, Argument]:
    result = {}
    for part in shapes.split(";"):
        name, _, sizes = (piece.strip() for piece in part.partition(":"))
        words = sizes.split()
        kind = words.pop(0) if words and words[0] in ("int", "bool", "float") else "float"
        result[name] = Argument(name, tuple(map(size, words)), kind)
    return result


def numbers(given: Mapping[str, Argument], sizes: Mapping[str, int], labels: str, seed: int) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    count = sizes.get(labels) or int(labels)
    result: dict[str, Any] = {}
    for name, argument in given.items():
        shape = tuple(int(Evaluator(sizes, {})(one, {})) for one in argument.shape)
        if argument.kind == "int":
            result[name] = draw.integers(0, count, shape)
        else:
            result[name] = draw.normal(size=shape) if shape else 0.37
    return result


def flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in flat(part)]
    if isinstance(value, (tuple, list)):
        return [leaf for part in value for leaf in flat(part)]
    return [value]


def agrees(case: Case, sizes: Mapping[str, int], seed: int = 0) -> None:
    given = arguments(case.shapes)
    lifted = lift(case.function, given)
    values = numbers(given, sizes, case.labels, seed)
    expected = case.function(**{name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in values.items()})
    evaluator = Evaluator(sizes, {name: np.asarray(value) for name, value in values.items()})
    found, wanted = flat(lifted.outputs), flat(expected)
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted):
        result = evaluator.array(one)
        assert result.shape == np.shape(other)
        assert np.asarray(other).dtype.kind == {"float": "f", "int": "i", "bool": "b"}[one.kind]
        np.testing.assert_allclose(result, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "".join(map(str, sizes.values())))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lifted_is_the_function(case: Case, sizes: Mapping[str, int]) -> None:
    agrees(case, sizes)


# ------------------------------------------------------------------------ traps: same function, same numbers


TRAPS: list[Case] = []
REFUSED: list[tuple[Case, type[Exception], str]] = []


def trap(shapes: str, labels: str = "k") -> Any:
    def declare(function: Any) -> Any:
        TRAPS.append(Case(function, shapes, labels))
        return function

    return declare


def refused(shapes: str, match: str, error: type[Exception] = CannotLift) -> Any:
    def declare(function: Any) -> Any:
        REFUSED.append((Case(function, shapes), error, match))
        return function

    return declare


@trap("W: d k; X: k d")
def write_through_transpose(W, X):
    T = W.T
    T += X
    row = W[0]
    row *= 2
    column = T[:, 0, None]
    column[...] = column - 1
    return W, T


@trap("a: m; b: m")
def write_through_reshape(a, b):
    c = a.reshape(-1, 1)
    c -= b[:, None]
    np.squeeze(c, axis=1)[0] = 5.0
    a.ravel()[-1] += 1
    return a, c


@trap("a: m k")
def overlapping_update(a):
    a[1:] += a[:-1]
    a[:, :-1] = a[:, 1:] * 2
    return a


@trap("a: d d")
def transposed_update(a):
    a += a.T
    a -= a
    a += 1
    return a


@trap("a: m k")
def alias_and_copy(a):
    b, c = a, a.copy()
    b += 1
    d = a + 0
    d -= 2
    e = np.asarray(a)
    e[:, 0] = 7
    np.array(a)[:] = 3
    return a, b, c, d, a.astype(float)


@trap("a: m k")
def numbers_are_immutable(a):
    data = np.sum(a)
    loss = data
    loss += 1
    entry = a[0, 0]
    entry += 10
    return data, loss, entry, a


@trap("a: m k; y: int m")
def copies_of_fancy_loads(a, y):
    rows = np.arange(len(y))
    taken = a[rows, y]
    taken += 5
    again = a[rows, y]
    a *= 2
    again -= 1
    a[rows, y] = again
    a[rows, y] -= a[rows, y] ** 2
    third = a[rows, y]
    third += 1
    third *= 3
    a[rows, y] = third
    return a, taken, again


@trap("a: m k; y: int m")
def stale_alias(a, y):
    p = np.exp(a)
    q = p
    q[np.arange(a.shape[0]), y] -= 1
    return -np.sum(p[np.arange(a.shape[0]), y]), q


@trap("a: m k; y: int m; z: int m")
def integers_and_booleans(a, y, z):
    mask = a > 0
    both = mask + (a < 1)
    count = mask.sum(axis=1)
    zeros = np.zeros_like(y)
    zeros += 2
    mask[np.arange(len(y)), y] = False
    return both, count, zeros, y / 2, ~mask, mask * 1, y + z, y == z, mask.mean(), 2 - mask, y**2, np.maximum(y, z), mask | both, a != 0


@trap("a: m k")
def mask_updates(a):
    b = a.copy()
    b[b < 0] *= 3
    b[a > 0] -= 1
    b[(a > 0) & (a < 0.5)] = a[(a > 0) & (a < 0.5)] * 2
    b[a.sum(axis=1) > 0] = 0
    return b, (a[a > 0] ** 2).sum()


@trap("x: m d; y: int m; W: d k")
def duplicate_labels_in_a_loop(x, y, W):
    dW = np.zeros_like(W)
    for i in range(len(y)):
        dW[:, y[i]] -= x[i]
    counts = np.zeros(W.shape[1])
    np.add.at(counts, y, 1)
    return dW, counts


@trap("x: m d; w: d")
def sums_that_are_rebound(x, w):
    total, grad = 0.0, w
    for i in range(x.shape[0]):
        total = total + x[i] @ w
        grad = grad - x[i]
        for j in range(x.shape[1]):
            total = x[i, j] + total
    return total, grad, w


@trap("x: m d; y: int m; s: m")
def branches_in_loops(x, y, s):
    total, hits = 1.5, 0
    out = np.ones_like(s)
    for i in range(1, x.shape[0]):
        if s[i] > 0:
            total += s[i]
            hits += 1
            if x[i, 0] >= s[i] and not s[i] > 2:
                out[i] = s[i] ** 2
                if np.log(s[i]) > -1:
                    hits += 2
        elif s[i] < -0.5:
            total -= np.log(-s[i])
            out[i] += x[i].sum()
        else:
            continue
        out[i] /= 2
    return total, hits, out


@trap("x: m d")
def pairs_in_loops(x):
    total, gradient = 0.0, np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[0]):
            if i != j:
                difference = x[i] - x[j]
                squared = np.dot(difference, difference) + 0.1
                total += np.log(squared)
                gradient[i] += 2 * difference / squared
                gradient[j] -= 2 * difference / squared
    return total, gradient


@trap("x: m d; w: d")
def numbers_are_immutable_in_loops(x, w):
    def helper(total):
        for j in range(w.shape[0]):
            total += w[j]
        total += 1
        return total

    total, other = 0.0, 2
    for i in range(x.shape[0]):
        other += helper(x[i, 0]) + helper(total=3.0)
        total += x[i].sum()
    return total, other


@trap("a: m k; y: int m")
def rows_of_their_own(a, y):
    n = a.shape[0]
    backwards, sums, total = a.copy(), np.zeros(a.shape[1]), 0
    for i in range(n):
        backwards[i] = a[n - 1 - i]
    for row, label in zip(a, y):
        largest = row.max()
        for j in range(a.shape[1]):
            total += largest if row[j] > 0 else -largest
        row -= largest
        row[label] = 3
    for i in range(n):
        sums += a[i]
        a[i] = 0
    return a, backwards, sums, total


@trap("x: m d; w: d; v: d d")
def products_of_all_ranks(x, w, v):
    ranks = x @ w, w @ v, w.dot(w), np.dot(2.0, x), np.vdot(w, w), np.inner(x, x)
    return *ranks, np.trace(v), np.diag(w) @ v, np.diag(v), np.tril(v), np.triu(v, 1)


@trap("x: m d t; v: d t; w: t k")
def batches(x, v, w):
    products = x @ w, np.matmul(v, x.transpose(0, 2, 1)), np.einsum("abc,bc->a", x, v)
    return *products, x.sum((0, 2)), x.swapaxes(1, 2)[0], np.moveaxis(x, 0, 2), x.var(1, ddof=0)


@trap("x: m d; y: m d")
def joins_and_fills(x, y):
    both = np.concatenate((x, y), axis=1)
    full = np.full((x.shape[0], 2), 0.5)
    full[:, 1] = np.vstack([x, y]).mean()
    np.fill_diagonal(full[:1], 9)
    listed = np.array([x.sum(), y.max(), 3])
    return both, full, np.column_stack([x[:, 0], y]), listed, np.full_like(x, 2), np.std(x, axis=0), x.min(), x.mean(0)


@trap("x: m d; y: int m; s:")
def python_numbers(x, y, s):
    n = float(x.shape[0])
    scaled = max(s, 0) + min(s, 1) + abs(s) + sum(x).sum() + math.exp(s) + int(y.shape[0]) * x.size**-0.5
    known = isinstance(x, np.ndarray) and isinstance(s, float) and not np.isscalar(x)
    return scaled / n, 1 if known else 0, x.ndim, x.shape == (len(y), x.shape[1])


@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "".join(map(str, sizes.values())))
@pytest.mark.parametrize("case", TRAPS, ids=lambda case: case.name)
def test_traps(case: Case, sizes: Mapping[str, int]) -> None:
    agrees(case, sizes, seed=1)


# ------------------------------------------------------------------------ refusals, each with its reason


@refused("dW: d k; X: m d; y: int m", "the same place may be written twice.*repeated labels")
def repeated_labels(dW, X, y):
    dW[:, y] -= X.T
    return dW


@refused("X: m d; y: int m; W: d k", "the same place may be written twice")
def one_hot_of_columns(X, y, W):
    mask = np.zeros(W.shape[1])
    mask[y] = 1
    return mask


@refused("y: int m", "float is stored into an integer array")
def truncating_store(y):
    ones = np.zeros_like(y)
    ones[0] = 0.5
    return ones


@refused("y: int m", "change an array of kind int in place by a float", BadInput)
def integer_in_place(y):
    y -= 0.5
    return y


@refused("y: int m", "change an array of kind int in place by a float", BadInput)
def integer_division_in_place(y):
    y /= 2
    return y


@refused("x: m", "change an array of kind bool in place by a int", BadInput)
def boolean_in_place(x):
    mask = x > 0
    mask += 2
    return mask


@refused("x: m", "NumPy does not subtract or negate boolean arrays", BadInput)
def boolean_minus(x):
    return (x > 0) - (x < 0)


@refused("X: m d; W: d k", r"shapes \(m, d\) and \(d, k\) do not fit together", BadInput)
def no_broadcast(X, W):
    return X + W


@refused("X: m d; s: m", r"right only when they happen to be equal", BadInput)
def right_for_square_only(X, s):
    return X * s


@refused("X: m d; W: d k", r"shapes \(m, d\) and \(k, d\) do not fit", BadInput)
def product_of_wrong_sides(X, W):
    return X @ W.T


@refused("X: m d", r"cannot be changed in place by one of shape \(m, d\)", BadInput)
def in_place_does_not_grow(X):
    s = X.sum(axis=1, keepdims=True)
    s += X
    return s


@refused("X: m d", "axis 2 does not exist", BadInput)
def wrong_axis(X):
    return X.sum(axis=2)


@refused("x: m", "a branch on the values of a whole array")
def branch_on_array(x):
    return 1.0 if x > 0 else 2.0


@refused("x: m", "comparison of sizes.*no answer for all sizes")
def branch_on_size(x):
    return x / 2 if x.shape[0] == 1 else x


@refused("x: m", "floor_divide .* of sizes that need not divide")
def floor_division(x):
    return x[: len(x) // 2]


@refused("x: m", "np.empty holds whatever was in memory")
def uninitialised(x):
    return np.empty(x.shape)


@refused("x: m d", "a reshape .* that reorders axes")
def reorder(x):
    return x.reshape(x.shape[1], x.shape[0])


@refused("x: m", "may lie outside of it for some sizes")
def first_two(x):
    return x[:2]


@refused("x: m", "turning floats into integers cuts off")
def cast(x):
    return x.astype(int)


@refused("x: m", "arrays of dtype uint8 are not covered")
def wraps(x):
    return (x > 0).astype(np.uint8)


@refused("x: m", "inf is not a real number")
def infinite(x):
    return np.where(x > 0, x, np.inf)


@refused("x: m", "a slice with a step")
def strided(x):
    return x[::2]


@refused("x: m", "'h' keeps a value from one iteration")
def recurrence(x):
    h = 0.0
    for i in range(len(x)):
        h = 0.5 * h + x[i]
    return h


@refused("x: m", "uses what another iteration changes")
def running_sum(x):
    for i in range(1, len(x)):
        x[i] += x[i - 1]
    return x


@refused("x: m", "uses what another iteration changes")
def reads_its_sum(x):
    total, other = 0.0, 0.0
    for i in range(len(x)):
        total += x[i]
        other += total
    return other


@refused("x: m", "may end early")
def early_exit(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] < 0:
            break
        total += x[i]
    return total


@refused("x: m", "uses what another iteration changes")
def alias_of_a_number(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i]
        other = total
        other += 5
    return total


@refused("x: m", "random numbers")
def noise(x):
    return x + np.random.normal()


@refused("a: m k", "uses what another iteration changes")
def rows_of_others(a):
    for i in range(a.shape[0]):
        a[a.shape[0] - 1 - i] = a[i]
    return a


@refused("a: m k", "no answer for all sizes")
def while_loop(a):
    i, total = 0, 0.0
    while i < len(a):
        total += a[i].sum()
        i += 2
    return total


@refused("x: m", "'b' keeps a value|uses what another")
def shifted_rows(x):
    for i in range(1, len(x)):
        x[i] = x[i - 1] * 2
    return x


@refused("x: m", "'best' keeps a value")
def running_maximum(x):
    best = x[0]
    for i in range(len(x)):
        if x[i] > best:
            best = x[i]
    return best


@refused("x: m", "'i' keeps a value")
def index_after_loop(x):
    for i in range(len(x)):
        x[i] *= 2
    return x[i]


@refused("x: m", "a list or a dict is changed")
def changes_a_dict(x):
    values = {}
    for i in range(len(x)):
        values["last"] = x[i]
    return values["last"]


@refused("x: m", "'values' grows by 0 elements in one iteration")
def appends(x):
    values = []
    for i in range(len(x)):
        if x[i] > 0:
            values.append(x[i])
    return sum(values)


@refused("x: m", "a size is needed")
def triangular(x):
    total = 0.0
    for i in range(len(x)):
        for j in range(i):
            total += x[i] * x[j]
    return total


@refused("x: m", "iteration over a symbolic number|loop over .* rows")
def comprehension(x):
    return np.array([x[i] ** 2 for i in range(len(x)) if x[i] > 0])


@refused("x: m", "may lie outside")
def swallowed(x):
    try:
        value = x[:2].sum()
    except Exception:
        value = 3.0
    return value


@refused("x: m", "raised TypeError")
def not_numbers(x):
    return x + round(x.sum())


@refused("x: m; y: int m", "a float was used as an index", BadInput)
def float_index(x, y):
    return y[x]


@pytest.mark.parametrize(("case", "error", "match"), REFUSED, ids=lambda part: getattr(part, "name", ""))
def test_refusals(case: Case, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=f"(?s){match}") as caught:
        lift(case.function, arguments(case.shapes))
    place = caught.value.place  # type: ignore[attr-defined]
    first = case.function.__code__.co_firstlineno
    assert place is not None and place.file == __file__ and first < place.line < first + 12


# ------------------------------------------------------------------------ what else is told


def test_changed_inputs_are_told() -> None:
    def changes(X, W, y):
        X -= X.mean(axis=0)
        W.T[0] = 0
        return X @ W

    assert lift(changes, arguments("X: m d; W: d k; y: int m")).mutated == ("X", "W")
    assert lift(handwritten.tutorial_snippet, arguments("X: m d; W: d k; y: int m")).mutated == ()


def test_shared_memory_is_told() -> None:
    outputs = lift(lambda X, W: (X.T, X + 0, W), arguments("X: m d; W: d k")).outputs
    assert [one.alias for one in outputs] == ["X", None, "W"]


def test_labels_in_range_is_an_assumption() -> None:
    texts = [one.text for one in lift(handwritten.tutorial_snippet, arguments("X: m d; W: d k; y: int m")).assumptions]
    assert texts == ["labels in range: 0 ≤ y_i < k"] or (len(texts) == 1 and re.fullmatch(r"labels in range: 0 ≤ y_\w < k", texts[0]))


def test_squeeze_assumes_a_size() -> None:
    (assumption,) = lift(lambda x: np.squeeze(x.sum(axis=1, keepdims=True)), arguments("x: m d")).assumptions
    assert assumption.text.startswith("m ≠ 1")


def test_places_are_lines_of_the_users_file() -> None:
    lifted = lift(handwritten.svm_mask, arguments("W: d k; X: m d; y: int m; reg:"))
    assert {path: place.text for path, place in lifted.places.items()} == {
        "[0]": "loss = np.sum(margins) / num_train + reg * np.sum(W * W)",
        "[1]": "dW = X.T.dot(margins) / num_train + 2 * reg * W",
    }


def test_the_users_module_is_left_alone() -> None:
    before = dict(vars(handwritten))
    lift(handwritten.softmax_naive, arguments("W: d k; X: m d; y: int m; reg:"))
    assert dict(vars(handwritten)) == before


def test_floats_are_their_shortest_decimal() -> None:
    body = lift(lambda x: 0.1 * x, arguments("x:")).outputs.body
    assert body.args[0][0] is num(Fraction(1, 10))


def test_only_functions_are_lifted() -> None:
    with pytest.raises(CannotLift, match="no plain Python function"):
        lift(np.sum, {})


# ------------------------------------------------------------------------ programs that nobody wrote


STATEMENTS = [
    "a += b",
    "a -= b.mean(axis=1, keepdims=True)",
    "a = b",
    "b = a.copy()",
    "a[r, y] -= 1",
    "a[r, y] = v",
    "b[r, y] += a[r, y]",
    "v = a[r, y]",
    "v += 1",
    "v *= 2",
    "a[0] = b[-1]",
    "a[:, 0] += v",
    "row = a[0]; row -= 3",
    "col = b[:, -1:]; col *= v[:, None]",
    "a[a > 0] = 1",
    "a[b < 0] *= 2",
    "b[(a > 0) & (b < 1)] -= 0.5",
    "v = np.where(v > 0, v, b.sum(axis=1))",
    "np.maximum(a, b, out=b)",
    "a, b = b, a",
    "v = a.max(1)",
    "w = v.reshape(-1, 1); w += b.min()",
    "a[1:] -= a[:-1]",
    "b[:, 1:] = a[:, :-1]",
    "c = a[r, y]; c += v; a[r, y] = c",
    "t = b.T; t[y, r] = 0",
    "a[v > 0] = b[v > 0] + 1",
    "np.subtract.at(b, (r, y), v)",
    "b = np.tanh(b)",
    "mask = a > b; mask[r, y] = True; a = a * ~mask",
    "a[np.where(a < v[:, None])] = 0",
    "h = np.eye(b.shape[1])[y]; b -= h; h += a; a[:] = h / 2",
    "b = a.T; b += 1; b = b.T",
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(STATEMENTS), min_size=2, max_size=7), st.sampled_from(SIZES), st.integers(0, 99))
def test_random_programs(statements: list[str], sizes: Mapping[str, int], seed: int) -> None:
    lines = ["def program(a, b, v, y):", "a0, b0, v0, r = a, b, v, np.arange(len(y))", *statements, "return a, b, v, a0, b0, v0"]
    names: dict[str, Any] = {"np": np}
    exec("\n    ".join(lines), names)
    agrees(Case(names["program"], "a: m k; b: m k; v: m; y: int m"), sizes, seed)
