"""Tests that the tables of functions, theorems and identities generate, and whole derivations, against plain `sympy.diff`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy
from unroll import PLAIN, Unroller, assert_same, entry, numbers

import derive
from derive.calculus.rewrite import Chain, differentiated
from derive.evaluate import Evaluator
from derive.index import At, Expr, Fn, Index, Partial, Size, Sum, num
from derive.normal import Algebra
from derive.rules import FUNCTIONS
from derive.rules.functions import Function, derivative
from derive.rules.identities import IDENTITIES, Identity
from derive.rules.table import table
from derive.rules.theorems import THEOREMS, Theorem

FUNCTION = pytest.mark.parametrize("row", FUNCTIONS.values(), ids=lambda row: row.name)
GRID = ("-2.3", "-1", "-0.5", "0", "0.5", "1", "1.7")


def arguments(row: Function) -> tuple[Expr, ...]:
    """Scalars to differentiate by, after the arguments that are whole numbers."""
    return tuple(num(int(value)) if k < row.fixed else At(f"u{k}") for k, value in enumerate(row.sample))


def value(node: Expr, point: tuple[Any, ...]) -> Any:
    return Evaluator({}, {f"u{k}": np.array(mpmath.mpf(u), dtype=object) for k, u in enumerate(point)}).value(node, {})


def points(row: Function) -> list[tuple[Any, ...]]:
    """Points of both signs, ties and kinks among them, where the row says that the function is defined."""
    grid = itertools.product(*([int(value)] if k < row.fixed else map(mpmath.mpf, GRID) for k, value in enumerate(row.sample)))
    return [p for p in grid if row.domain is None or all(value(u, p) > 0 for u in row.domain(*arguments(row)))]


def close(left: Any, right: Any, digits: int = 25) -> bool:
    return bool(abs(left - right) <= mpmath.mpf(10) ** -digits * (1 + abs(right)))


@FUNCTION
def test_the_derivative_is_sympys(row: Function) -> None:
    symbols = [sympy.Integer(int(u)) if k < row.fixed else sympy.Symbol(f"u{k}", real=True) for k, u in enumerate(row.sample)]
    plain = PLAIN.get(row.name, row.sympy)(*symbols)
    point = {s: sympy.Rational(str(u)) for s, u in zip(symbols, row.sample) if s.is_Symbol}
    with mpmath.workdps(40):
        sample = tuple(mpmath.mpf(str(u)) for u in row.sample)
        for symbol, found in list(zip(symbols, derivative(Fn(row.name, arguments(row)))))[row.fixed:]:
            wanted = sympy.diff(plain, symbol).subs(point).evalf(40)
            assert close(value(found, sample), mpmath.mpf(str(wanted)))


@FUNCTION
def test_the_derivative_is_the_central_difference(row: Function) -> None:
    with mpmath.workdps(60):
        point = [mpmath.mpf(str(u)) for u in row.sample]
        step = mpmath.mpf(10) ** -18
        for k, found in list(enumerate(derivative(Fn(row.name, arguments(row)))))[row.fixed:]:
            above, below = ([u + sign * step if k == n else u for n, u in enumerate(point)] for sign in (1, -1))
            wanted = (row.numeric(*above) - row.numeric(*below)) / (2 * step)
            assert close(value(found, tuple(point)), wanted)


@pytest.mark.parametrize("row", [row for row in FUNCTIONS.values() if row.expand], ids=lambda row: row.name)
def test_the_expansion_is_the_function(row: Function) -> None:
    assert row.expand is not None
    with mpmath.workdps(50):
        found = [(value(row.expand(*arguments(row)), p), row.numeric(*p)) for p in points(row)]
        assert len(found) >= 3 and all(close(left, right) for left, right in found), (row.name, found)


@FUNCTION
def test_sign_and_domain_hold(row: Function) -> None:
    for point in points(row):
        found = row.numeric(*point)
        assert not isinstance(found, mpmath.mpc) and mpmath.isfinite(found), f"{row.name} at {point} is {found}"
        assert row.sign != "positive" or found > 0
        assert row.sign != "nonnegative" or found >= 0


@FUNCTION
def test_a_row_says_what_it_does(row: Function) -> None:
    assert row.statement and (row.convention is None or row.kink or row.name in ("lgamma", "polygamma"))
    assert len(row.sample) == len(derivative(Fn(row.name, arguments(row))))


@pytest.mark.parametrize(("name", "function", "point"), [
    ("relu", jax.nn.relu, (0.0,)), ("abs", jnp.abs, (0.0,)), ("sign", jnp.sign, (0.0,)), ("max", jnp.maximum, (0.5, 0.5)),
    ("min", jnp.minimum, (0.5, 0.5))])
def test_the_convention_at_a_kink_is_that_of_jax(name: str, function: Callable[..., Any], point: tuple[float, ...]) -> None:
    with jax.enable_x64(True):
        wanted = jax.grad(function, argnums=tuple(range(len(point))))(*point)
    assert [float(value(u, point)) for u in derivative(Fn(name, arguments(FUNCTIONS[name])))] == [float(u) for u in wanted]


# ------------------------------------------------------------------------------------------- theorems


@pytest.mark.parametrize("row", THEOREMS.values(), ids=lambda row: row.name)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_theorem_is_sympys_derivative_of_its_sample(row: Theorem, k: int) -> None:
    new = Index("j", Size("k"), 77)
    free = tuple(sorted(row.sample.free, key=lambda i: i.key))
    unroll = Unroller({"k": k})
    plain = unroll.entries(row.sample, free)
    found = unroll.entries(differentiated(Partial(row.sample, At("z", (new,)))), (*free, new))
    point = numbers([unroll.released(value) for value in plain.values()])
    assert len(point) >= k or k == 1  # e^z / e^z is 1
    for place, written in plain.items():
        for j in range(k):
            wanted = sympy.diff(written, entry("z", (j,)))
            assert_same(unroll.released(sympy.sympify(found[(*place, j)])), unroll.released(wanted), point)


@pytest.mark.parametrize("row", THEOREMS.values(), ids=lambda row: row.name)
def test_the_sample_of_a_theorem_uses_it(row: Theorem) -> None:
    chain = Chain("sample", Partial(row.sample, At("z", (Index("j", Size("k"), 77),)))).differentiate()
    assert row.name in [step.rule for step in chain.steps]
    assert row.words and row.statement


# ------------------------------------------------------------------------------------------- identities


@pytest.mark.parametrize("row", IDENTITIES.values(), ids=lambda row: row.name)
def test_both_sides_of_an_identity_are_equal(row: Identity) -> None:
    left, right = row.sample
    algebra = Algebra(hard=True)
    assert algebra.canonical(left) is algebra.canonical(right)
    for k in (1, 2, 4):
        rng = np.random.default_rng(k)
        evaluator = Evaluator({"k": k}, {name: rng.normal(size=() if name == "a" else (k,)) for name in ("z", "x", "f", "a")})
        free = tuple(sorted(left.free | right.free, key=lambda i: i.key))
        for place in itertools.product(range(k), repeat=len(free)):
            at = dict(zip(free, place))
            assert close(evaluator.value(left, at), evaluator.value(right, at))


def test_the_normal_form_tells_different_expressions_apart() -> None:
    algebra, j, b = Algebra(hard=True), Index("j", Size("k"), 0), Index("b", Size("k"), 0)
    assert algebra.canonical(At("z", (j,))) is not algebra.canonical(At("z", (b,)))
    assert algebra.canonical(Sum((b,), At("z", (b,)))) is algebra.canonical(Sum((j,), At("z", (j,))))


@pytest.mark.parametrize("rows", [FUNCTIONS, THEOREMS, IDENTITIES], ids=["functions", "theorems", "identities"])
def test_a_name_is_declared_once(rows: dict[str, Any]) -> None:
    first = next(iter(rows.values()))
    with pytest.raises(ValueError, match=f"{first.name!r} is declared twice"):
        table([*rows.values(), first])


# ------------------------------------------------------------------------------------------- whole derivations


def softmax(z):
    e = jnp.exp(z - jnp.max(z))
    return e / jnp.sum(e)


def cross_entropy(z, y):
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    return -jnp.mean(jnp.log(p[jnp.arange(z.shape[0]), y]))


def logistic(w, X, t):
    z = X @ w
    return jnp.mean(jnp.logaddexp(0.0, z) - t * z)


def ridge(w, X, t, lam):
    r = X @ w - t
    return jnp.mean(r**2) + lam / 2 * jnp.dot(w, w)


def tanh_layer(W, x, b):
    a = x @ W + b
    return jnp.sum(jnp.tanh(a) ** 2)


WHOLE = [
    (derive.jacobian, softmax, ["k"], 0), (derive.gradient, cross_entropy, ["m k", "int m"], 0),
    (derive.gradient, logistic, ["d", "m d", "m"], 0), (derive.gradient, ridge, ["d", "m d", "m", ""], 0),
    (derive.gradient, ridge, ["d", "m d", "m", ""], "lam"), (derive.gradient, tanh_layer, ["d k", "m d", "k"], "W"),
    (derive.gradient, tanh_layer, ["d k", "m d", "k"], "b"), (derive.gradient, tanh_layer, ["d k", "m d", "k"], "x"),
    (derive.hessian, logistic, ["d", "m d", "m"], 0),
]


@pytest.mark.parametrize("sizes", [{"m": 2, "d": 3, "k": 2}, {"m": 1, "d": 2, "k": 3}, {"m": 1, "d": 1, "k": 1}],
                         ids=lambda sizes: "x".join(map(str, sizes.values())))
@pytest.mark.parametrize(("ask", "function", "shapes", "wrt"), WHOLE, ids=lambda part: getattr(part, "__name__", None))
def test_a_derivation_is_sympys_derivative(ask: Any, function: Any, shapes: list[str], wrt: Any, sizes: dict[str, int]) -> None:
    program = ask(function, wrt, shapes)
    story = program.story
    labels = {"y": np.arange(sizes["m"]) % sizes["k"]}
    source = derive.trace.read(function, shapes)
    unroll = Unroller(sizes, labels, source.definitions)
    last = source.definitions[-1]
    plain = unroll.entries(last.body, last.indices)
    found = Unroller(sizes, labels, (*story.definitions, *story.cotangents)).entries(story.result.body, story.result.indices)
    point = numbers([*plain.values(), *map(sympy.sympify, found.values())])
    times, axes = 2 if ask is derive.hessian else 1, len(story.source.argument(story.wrt).shape)
    for place, mine in found.items():
        first, rest = place[:len(last.indices)], place[len(last.indices):]
        wanted = plain[first]
        for turn in range(times):
            wanted = sympy.diff(wanted, entry(story.wrt, rest[turn * axes:(turn + 1) * axes]))
        assert_same(mine, wanted, point)
