"""Equality at concrete sizes: what is true is seen, and nothing false is said to be equal."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import derive
from derive.checking.difference import reasoning
from derive.checking.exact import decide, equal, equal_ties_aside, gradient_of, symbols, unrolled, ways
from derive.checking.exact.order import contradictory
from derive.derivation import Argument
from derive.evaluate import Evaluator
from derive.index import ONE, At, Const, Expr, Fn, Iverson, Size, Stop, Where, add, div, mul, neg, num, power, sub, walk

X, Y, Z, W = (At(name) for name in "xyzw")
HALF = Fraction(1, 2)


def exp(u: Expr) -> Expr:
    return Fn("exp", (u,))


def log(u: Expr) -> Expr:
    return Fn("log", (u,))


def fn(name: str, *args: Expr) -> Expr:
    return Fn(name, args)


def above(u: Expr, v: Expr) -> Expr:
    return Iverson(">", sub(u, v))


def least(u: Expr, v: Expr) -> Expr:
    return Iverson(">=", sub(u, v))


M3 = fn("max", fn("max", X, Y), Z)
SHIFTED = [exp(sub(u, M3)) for u in (X, Y, Z)]
PLAIN = [exp(u) for u in (X, Y, Z)]
ROOT = power(add(mul(X, X), ONE), HALF)
TRUE: dict[str, tuple[Expr, Expr]] = {
    "softmax without its shift": (div(SHIFTED[0], add(*SHIFTED)), div(PLAIN[0], add(*PLAIN))),
    "its logarithm": (neg(log(div(SHIFTED[0], add(*SHIFTED)))), sub(log(add(*PLAIN)), X)),
    "its logarithm in another order": (log(add(PLAIN[2], PLAIN[0], PLAIN[1])), add(M3, log(add(*SHIFTED)))),
    "tanh by the logistic": (fn("tanh", X), sub(mul(num(2), fn("logistic", mul(num(2), X))), ONE)),
    "softplus": (fn("softplus", X), add(X, fn("softplus", neg(X)))),
    "a stable softplus": (add(fn("max", X, num(0)), log(add(ONE, exp(neg(fn("abs", X)))))), fn("softplus", X)),
    "a stable logistic": (Where(least(X, num(0)), power(add(ONE, exp(neg(fn("abs", X)))), -1),
                                div(exp(neg(fn("abs", X))), add(ONE, exp(neg(fn("abs", X)))))), fn("logistic", X)),
    "a number out of a root": (power(add(mul(num(4), X, X), num(4)), HALF), mul(num(2), ROOT)),
    "a root under a fraction": (div(ONE, add(ROOT, Y)), div(sub(ROOT, Y), add(mul(X, X), ONE, neg(mul(Y, Y))))),
    "the root of a square": (power(mul(X, X), HALF), fn("abs", X)),
    "the root of 8": (power(num(8), HALF), mul(num(2), power(num(2), HALF))),
    "powers of exp": (power(exp(X), HALF), exp(mul(num(HALF), X))),
    "exp of a logarithm": (exp(mul(num(2), log(X))), mul(X, X)),
    "a logarithm of a product": (log(mul(exp(X), Y)), add(X, log(Y))),
    "relu": (fn("relu", X), mul(X, least(X, num(0)))),
    "relu by a maximum": (fn("max", num(0), sub(Y, X)), mul(sub(Y, X), above(Y, X))),
    "the mask of a relu": (above(fn("relu", sub(X, Y)), num(0)), above(X, Y)),
    "the mask of a product": (above(mul(exp(Y), X, above(X, num(0))), num(0)), above(X, num(0))),
    "absolute value by sign": (fn("abs", X), mul(X, fn("sign", X))),
    "minimum": (fn("min", X, Y), sub(add(X, Y), fn("max", Y, X))),
    "a maximum in another order": (M3, fn("max", Z, fn("max", Y, X))),
    "max by cases": (fn("max", X, Y), Where(above(X, Y), X, Y)),
    "sine is odd": (fn("sin", sub(X, Y)), neg(fn("sin", sub(Y, X)))),
    "a stopped value": (Stop(mul(X, X)), power(X, 2)),
    "pi": (mul(Const("pi"), X, num(2)), add(mul(Const("pi"), X), mul(X, Const("pi")))),
}


@pytest.mark.parametrize("name", TRUE)
def test_what_is_true_is_seen(name: str) -> None:
    left, right = TRUE[name]
    assert equal(left, right) and equal(right, left) and equal_ties_aside(left, right)


NEAR = {
    "relative 1e-4": lambda u: mul(num("1.0001"), u),
    "absolute 1e-9": lambda u: add(u, num("1e-9")),
    "sign": neg,
    "another term": lambda u: add(u, mul(num("1e-6"), X, Y)),
    "a small mask": lambda u: add(u, mul(num("1e-4"), above(X, add(Y, Z)))),
}


@pytest.mark.parametrize("change", NEAR)
@pytest.mark.parametrize("name", TRUE)
def test_near_misses_are_not_equal(name: str, change: str) -> None:
    left, right = TRUE[name]
    assert not equal(left, NEAR[change](right)) and not equal_ties_aside(NEAR[change](left), right)


FALSE: dict[str, tuple[Expr, Expr, Expr]] = {
    "the root of a square": (power(power(X, 2), HALF), X, ONE),
    "the root of a square, both ways": (power(mul(X, X, Y, Y), HALF), mul(X, Y), ONE),
    "log of a square": (log(power(X, 2)), mul(num(2), log(X)), ONE),
    "strict or not": (above(X, Y), least(X, Y), ONE),
    "a maximum of two": (fn("max", X, Y), X, ONE),
    "a maximum under too weak a condition": (M3, X, least(X, Y)),
    "a sum of masks": (add(above(X, Y), above(Y, X)), ONE, ONE),
    "masks that may both fail": (mul(above(X, Y), above(Y, Z)), above(X, Z), ONE),
    "a tie": (mul(X, Iverson("=", sub(X, Y))), mul(Z, Iverson("=", sub(X, Y))), ONE),
    "literals": (mul(num("0.7978845608"), X), mul(power(div(num(2), Const("pi")), HALF), X), ONE),
    "only where x = y": (X, Y, ONE),
    "cos is no sine": (fn("cos", X), fn("sin", X), ONE),
    "a cube root": (power(X, Fraction(1, 3)), X, ONE),
}


@pytest.mark.parametrize("name", FALSE)
def test_what_is_false_is_not_equal(name: str) -> None:
    assert not equal(*FALSE[name])


def test_conditions_are_used() -> None:
    """With their consequences: what is largest, what contradicts, what is equal."""
    largest = mul(least(X, Y), least(X, Z))
    assert equal(M3, X, largest) and equal(fn("max", X, Y), X, least(X, Y)) and equal(X, Y, Iverson("=", sub(X, Y)))
    assert equal(exp(X), exp(Y), mul(least(X, Y), least(Y, X)))
    assert equal(X, Y, mul(above(X, Y), above(Y, Z), above(Z, X))) and not equal(X, Y, mul(above(X, Y), above(Y, Z), above(X, Z)))
    ties = [Iverson("=", sub(u, M3)) for u in (X, Y, Z)]
    share = div(ties[0], add(*ties))
    assert equal_ties_aside(share, mul(above(X, Y), above(X, Z))) and not equal(share, mul(above(X, Y), above(X, Z)))
    assert not equal_ties_aside(share, above(X, Y))


def test_linear_inequalities_that_contradict() -> None:
    cycle = [({1: Fraction(1), 2: Fraction(-1)}, True), ({2: Fraction(1), 3: Fraction(-1)}, False), ({3: Fraction(1), 1: Fraction(-1)}, False)]
    assert contradictory(cycle) and not contradictory(cycle[:2])
    assert not contradictory([(form, False) for form, _ in cycle])
    assert contradictory([({0: Fraction(-1)}, False)]) and not contradictory([({0: Fraction(1), 1: Fraction(-2)}, True)])


def test_the_answer_does_not_depend_on_the_point() -> None:
    for _ in range(5):
        decide.reset()
        assert all(equal(*pair) for pair in TRUE.values()) and not any(equal(*three) for three in FALSE.values())


def test_a_tie_on_a_whole_region_is_no_tie() -> None:
    """Two masks, or two dead units, are equal on a region, so that what happens there counts."""
    first, second = Iverson(">=", Y), Iverson(">=", X)
    assert not equal_ties_aside(above(fn("abs", Y), num(0)), fn("max", first, second))
    dead = Iverson("=", sub(fn("relu", X), fn("relu", Y)))
    hidden = Iverson("=", sub(exp(sub(X, M3)), ONE))
    assert not equal_ties_aside(dead, num(0)) and not equal_ties_aside(hidden, num(0)) and equal_ties_aside(Iverson("=", sub(X, Y)), num(0))


class Random:
    """Small expressions with kinks, choices, roots and logarithms."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def condition(self, depth: int) -> Expr:
        found = Iverson(self.draw.choice([">", ">=", "="]), sub(self.draw.choice([X, Y]), self.expression(depth - 1)))
        return sub(ONE, found) if self.draw.random() < 0.3 else found

    def expression(self, depth: int) -> Expr:
        if depth <= 0:
            return self.draw.choice([X, Y, Z, X, Y, Z, num(2), num(-1), num(HALF), num(0)])
        u, v = self.expression(depth - 1), self.expression(depth - 1)
        one = self.draw.choice(["relu", "abs", "sign", "softplus", "logistic", "exp", "log"])
        return self.draw.choice([
            add(u, v), mul(u, v), sub(u, v), fn(one, u), fn(self.draw.choice(["max", "min"]), u, v), fn("max", fn("max", u, v), X),
            power(u, self.draw.choice([2, -1, HALF, 3])) if u is not num(0) else u, Where(self.condition(depth), u, v),
            mul(self.condition(depth), u), self.condition(depth),
        ])


POINTS = [dict(zip("xyz", point)) for point in itertools.product((-1, 0, 0.5, 2), repeat=3)]
GENERAL = [dict(zip("xyz", point)) for point in ((0.31, -1.27, 0.83), (-0.64, 0.37, -0.45), (1.53, 2.29, -1.71), (-0.76, -1.09, 0.03))]


def numbers_of(u: Expr) -> list[Any]:
    """The values at points with ties, then at points in general position; None where there is none."""
    out = []
    for point in POINTS + GENERAL:
        try:
            value = Evaluator({}, {name: np.array(x) for name, x in point.items()}).value(u, {})
        except (ArithmeticError, ValueError):
            value = mpmath.nan
        out.append(value if mpmath.isfinite(value) else None)
    return out


def agree(u: Any, v: Any) -> bool:
    return u is None or v is None or abs(u - v) <= mpmath.mpf(10) ** -25 * (1 + abs(u) + abs(v))


@pytest.mark.parametrize("seed", range(4))
def test_what_is_said_of_random_expressions_is_true(seed: int) -> None:
    source = Random(seed)
    pool = list(dict.fromkeys(source.expression(source.draw.choice([1, 2, 2])) for _ in range(30)))
    values = [numbers_of(u) for u in pool]
    said = 0
    for (u, at_u), (v, at_v) in itertools.combinations(zip(pool, values), 2):
        if equal_ties_aside(u, v):
            said += 1
            assert all(map(agree, at_u[-len(GENERAL) :], at_v[-len(GENERAL) :])), (u, v)
        assert not equal(u, v) or all(map(agree, at_u, at_v)), (u, v)
    assert said


# ------------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("name", [name for name in TRUE if "stopped" not in name])
def test_the_gradient_of_an_expression(name: str) -> None:
    """Against a difference quotient in 50 digits, at a point off the kinks."""
    arrays = {"x": mpmath.mpf("0.7"), "y": mpmath.mpf("1.3"), "z": mpmath.mpf("0.2")}
    entries = np.array([X, Y, Z], dtype=object)
    value = TRUE[name][0]
    found = gradient_of(value, entries)

    def at(shift: str, step: Any) -> Any:
        moved = {key: np.array(number + (step if key == shift else 0), dtype=object) for key, number in arrays.items()}
        return Evaluator({}, moved).value(value, {})

    with mpmath.workdps(50):
        step = mpmath.mpf(10) ** -15
        for entry, formula in zip(entries, found):
            slope = (at(entry.name, step) - at(entry.name, -step)) / (2 * step)
            exact = Evaluator({}, {key: np.array(number, dtype=object) for key, number in arrays.items()}).value(formula, {})
            assert abs(slope - exact) < 1e-20


def test_a_gradient_with_an_incoming_one_and_a_stopped_value() -> None:
    value = np.array([mul(X, Y), Stop(mul(X, X))], dtype=object)
    found = gradient_of(value, np.array([X, Y], dtype=object), np.array([Z, W], dtype=object))
    assert equal(found[0], mul(Z, Y)) and equal(found[1], mul(Z, X))


# ------------------------------------------------------------------------------------------- handwritten code against the derived gradient


def softmax_loss(W, X, y, lam):
    z = X @ W
    p = jax.nn.softmax(z)
    return -jnp.mean(jnp.log(p[jnp.arange(X.shape[0]), y])) + 0.5 * lam * jnp.sum(W**2)


def softmax_by_hand(W, X, y, lam):
    scores = X.dot(W)
    scores -= np.max(scores, axis=1, keepdims=True)
    p = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    p[np.arange(len(X)), y] -= 1
    return X.T.dot(p) / X.shape[0] + lam * W


def softmax_with_loops(W, X, y, lam):
    dW = np.zeros_like(W)
    for i in range(X.shape[0]):
        scores = [sum(X[i, a] * W[a, c] for a in range(W.shape[0])) for c in range(W.shape[1])]
        largest = max(scores)
        weights = [np.exp(s - largest) for s in scores]
        for c in range(W.shape[1]):
            dW[:, c] += (weights[c] / sum(weights) - (c == y[i])) * X[i]
    return dW / float(len(X)) + 2 * (lam / 2) * W


def two_layer(W, V, b, X, t):
    h = jnp.tanh(X @ W + b)
    return jnp.mean((h @ V - t) ** 2)


def two_layer_by_hand(W, V, b, X, t):
    h = np.tanh(X @ W + b)
    dh = np.outer(2 * (h @ V - t) / len(t), V) * (1 - h**2)
    return X.T @ dh


def centred(x, g, eps):
    xhat = (x - jnp.mean(x, axis=0)) / jnp.sqrt(jnp.var(x, axis=0) + eps)
    return jnp.sum(g * xhat**3)


def centred_by_hand(x, g, eps):
    m = x.shape[0]
    std = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / std
    dxhat = 3 * g * xhat**2
    return (dxhat - dxhat.sum(axis=0) / m - xhat * (dxhat * xhat).mean(axis=0)) / std


def moving(x, w):
    return jnp.sum((w[0] * x[:-1] + w[1] * x[1:]) ** 2)


def moving_by_hand(x, w):
    y = np.array([w[0] * x[t] + w[1] * x[t + 1] for t in range(len(x) - 1)])
    dx = np.zeros(x.size)
    for t in range(len(y)):
        dx[t : t + 2] += 2 * y[t] * w
    return dx


SHAPES = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}
PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any], str, dict[str, str]]] = {
    "softmax": (softmax_loss, softmax_by_hand, "W", SHAPES),
    "softmax with loops": (softmax_loss, softmax_with_loops, "W", SHAPES),
    "two layers": (two_layer, two_layer_by_hand, "W", {"W": "d k", "V": "k", "b": "k", "X": "m d", "t": "m"}),
    "normalisation": (centred, centred_by_hand, "x", {"x": "m d", "g": "m d", "eps": ""}),
    "a convolution": (moving, moving_by_hand, "x", {"x": "n", "w": "2"}),
}


def proved(reference: Callable[..., Any], handwritten: Callable[..., Any], wrt: str, shapes: dict[str, str], sizes: dict[str, int]) -> bool:
    story = derive.gradient(reference, wrt, shapes).story
    arguments = {a.name: a for a in story.source.arguments}
    labels = {"y": np.arange(sizes["m"]) % sizes["k"]} if "y" in arguments else {}
    true = unrolled(reasoning(story), story.result.body, story.result.indices, sizes, labels)
    found = ways(handwritten, arguments, sizes, labels)
    return all(equal(u, v, way.condition) for way in found for u, v in zip(way.outputs.ravel(), true.ravel(), strict=True))


@pytest.mark.parametrize("numbers", [(3, 2, 4), (1, 1, 1), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_a_right_gradient_is_proved(name: str, numbers: tuple[int, int, int]) -> None:
    sizes = {**dict(zip("mdk", numbers)), "n": numbers[0] + 1}
    assert proved(*PAIRS[name], sizes)


WRONG: dict[str, tuple[str, Callable[..., Any]]] = {
    "sign": ("softmax", lambda W, X, y, lam: -softmax_by_hand(W, X, y, lam)),
    "factor": ("softmax", lambda W, X, y, lam: softmax_by_hand(W, X, y, lam) + lam * W),
    "1e-4": ("softmax", lambda W, X, y, lam: softmax_by_hand(W, X, y, lam) * 1.0001),
    "label": ("softmax", lambda W, X, y, lam: softmax_by_hand(W, X, np.roll(y, 1), lam)),
    "axis": ("normalisation", lambda x, g, eps: centred_by_hand(x, g, eps) + 0 * x - g.mean(axis=1, keepdims=True)),
    "no bias": ("two layers", lambda W, V, b, X, t: two_layer_by_hand(W, V, 0 * b, X, t)),
    "index": ("a convolution", lambda x, w: moving_by_hand(x, w[::-1])),
    "memory that is not initialised": ("a convolution", lambda x, w: moving_by_hand(x, w) + 0 * np.empty(4) + np.empty_like(x)),
    "sorted": ("a convolution", lambda x, w: moving_by_hand(np.sort(x), w)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_gradient_is_not_proved(name: str) -> None:
    reference, _, wrt, shapes = PAIRS[WRONG[name][0]]
    assert not proved(reference, WRONG[name][1], wrt, shapes, {"m": 3, "d": 2, "k": 4, "n": 4})


def test_formulas_written_out_are_the_formulas() -> None:
    """Sums, labels, guards and definitions at concrete sizes, in numbers."""
    story = derive.gradient(softmax_loss, "W", SHAPES).story
    sizes, draw = {"m": 3, "d": 2, "k": 4}, np.random.default_rng(0)
    arrays = {"W": draw.normal(size=(2, 4)), "X": draw.normal(size=(3, 2)), "y": np.array([2, 0, 3]), "lam": np.array(0.3)}
    found = unrolled(reasoning(story), story.result.body, story.result.indices, sizes, {"y": arrays["y"]})
    wanted = softmax_by_hand(**arrays)
    for place in np.ndindex(found.shape):
        assert not any(isinstance(part, Size) for part in walk(found[place]))
        assert float(Evaluator(sizes, arrays).value(found[place], {})) == pytest.approx(float(wanted[place]), rel=1e-12)


def test_entries_of_an_argument() -> None:
    found = symbols(Argument("x", (Size("m"), num(2))), {"m": 3})
    assert found.shape == (3, 2) and found[2, 1] is At("x", (num(2), num(1)))
    assert symbols(Argument("s", ()), {})[()] is At("s")
