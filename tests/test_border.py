"""The border to SymPy, and letters: no two indices are ever confused, and what SymPy evaluates is what the expression means."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import acceptance
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from layers import LAYERS

import derive
from derive import render
from derive.errors import NotYet
from derive.index import (
    ONE,
    Add,
    At,
    Const,
    Delta,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    Mono,
    Mul,
    Num,
    Partial,
    Poly,
    Pow,
    Size,
    Stop,
    Sum,
    Where,
    add,
    delta,
    fresh,
    mul,
    num,
    power,
    size_names,
    walk,
)
from derive.render.names import Notation
from derive.sympy_border import Choice, Indicator, MaxOver, MinOver, to_sympy

M, N = Size("m"), Size("N")
SIZES = {"m": 3, "N": 2}
NAMES = ("I", "E", "S", "i", "k", "lam", "gamma")  # names of users, of arrays with one axis over m
LABELS = "y"  # over m, values 0 … N − 1
LAW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


# ------------------------------------------------------------------------------------------- random expressions


@st.composite
def expressions(draw: Any, scope: tuple[Index, ...] = (), depth: int = 3) -> Expr:
    """Expressions over indices that mostly want the same letter."""
    over_m = [index for index in scope if index.size is M]
    if depth == 0 or (scope and draw(st.integers(0, 5)) == 0):
        return draw(st.sampled_from(_leaves(over_m, scope)))
    kind = draw(st.sampled_from(("add", "mul", "pow", "fn", "sum", "max", "iverson", "where", "sum", "quotient")))
    if kind in ("sum", "max"):
        wanted = draw(st.lists(st.tuples(st.sampled_from("iiik"), st.sampled_from((M, M, N))), min_size=1, max_size=2))
        bound = tuple(fresh(Index(name, size, 0)) for name, size in wanted)
        body = draw(expressions((*scope, *bound), depth - 1))
        return Sum(bound, body) if kind == "sum" else Extremum(draw(st.sampled_from(("max", "min"))), bound, body)
    u, v = draw(expressions(scope, depth - 1)), draw(expressions(scope, depth - 1))
    return {
        "add": lambda: add(u, v), "mul": lambda: mul(u, v), "pow": lambda: power(u, draw(st.integers(1, 3))),
        "fn": lambda: Fn(draw(st.sampled_from(("tanh", "logistic", "relu", "abs"))), (u,)),
        "iverson": lambda: Iverson(draw(st.sampled_from((">", ">="))), add(u, mul(num(-1), v))),
        "where": lambda: Where(Iverson(">", u), v, add(u, ONE)), "quotient": lambda: mul(u, power(add(ONE, power(v, 2)), -1)),
    }[kind]()


def _leaves(over_m: list[Index], scope: Iterable[Index]) -> list[Expr]:
    leaves: list[Expr] = [num(Fraction(-3, 2)), num(2), At("beta"), At("Q"), M]
    entries = [At(name, (index,)) for name, index in zip(itertools.cycle(NAMES), over_m)]
    leaves += [*entries, *map(mul, entries, entries[1:]), *map(add, entries, entries[1:])]
    leaves += [Delta(*sorted(pair, key=lambda node: node.key)) for pair in itertools.combinations(over_m, 2)]
    leaves += [Delta(At(LABELS, (i,), "int"), c) for i in over_m for c in scope if c.size is N]
    return leaves


def entry(name: str, *where: int) -> Fraction:
    """A number for each entry, far from any symmetry."""
    mixed = sum(map(ord, name)) * 7 + sum((place + 2) * 5 * (number + 1) for place, number in enumerate(where))
    return Fraction(mixed % 23 - 11, 13)


def label(where: int) -> int:
    return (where * 2 + 1) % SIZES["N"]


# ---------------------------------------------------------------------------------- an evaluator that shares nothing with the border


def value(expr: Any, at: Mapping[Index, int]) -> Any:
    """What the expression means at SIZES, by loops."""
    match expr:
        case Num():
            return expr.value
        case Size():
            return SIZES[expr.name]
        case Index():
            return at[expr]
        case At():
            where = [value(index, at) for index in expr.indices]
            return label(*where) if expr.kind == "int" else entry(expr.name, *where)
        case Add():
            return sum(value(term, at) for term in expr.args[0])
        case Mul():
            return math.prod(value(factor, at) for factor in expr.args[0])
        case Pow():
            return value(expr.args[0], at) ** int(expr.args[1])
        case Fn():
            return FUNCTIONS[expr.args[0]](value(expr.args[1][0], at))
        case Delta():
            return int(value(expr.args[0], at) == value(expr.args[1], at))
        case Iverson():
            u = value(expr.args[1], at)
            return int(u > 0 or (expr.args[0] == ">=" and u == 0))
        case Where():
            return value(expr.args[1 if value(expr.args[0], at) else 2], at)
        case Sum() | Extremum():
            ranges = [range(value(index.size, at)) for index in expr.bound]
            every = [value(expr.body, {**at, **dict(zip(expr.bound, where))}) for where in itertools.product(*ranges)]
            return sum(every) if isinstance(expr, Sum) else {"max": max, "min": min}[expr.args[0]](every)
    raise TypeError(expr)


FUNCTIONS = {"tanh": lambda u: math.tanh(u), "logistic": lambda u: 0.5 * (1 + math.tanh(u / 2)), "relu": lambda u: max(u, 0), "abs": abs}


def expanded(expr: Any) -> Any:
    """The SymPy expression at SIZES with every range written out, and numbers for the entries."""
    sizes = {symbol: sympy.Integer(SIZES[symbol.name]) for symbol in expr.free_symbols if symbol.name in SIZES and symbol.is_positive}
    return _filled(_unrolled(expr.xreplace(sizes)))


def _unrolled(expr: Any) -> Any:
    if isinstance(expr, (sympy.Sum, MaxOver, MinOver)):
        terms = [_unrolled(expr.function)]
        for symbol, lower, upper in expr.limits:
            terms = [term.xreplace({symbol: sympy.Integer(number)}) for term in terms for number in range(int(lower), int(upper) + 1)]
        join = sympy.Add if isinstance(expr, sympy.Sum) else sympy.Max if isinstance(expr, MaxOver) else sympy.Min
        return join(*map(_filled, terms))
    return expr.func(*map(_unrolled, expr.args)) if expr.args and not isinstance(expr, sympy.Indexed) else expr


def _filled(expr: Any) -> Any:
    known = {part: _number(part) for part in expr.atoms(sympy.Indexed) if not part.free_symbols - part.base.free_symbols - {part}}
    known |= {part: sympy.Rational(*entry(part.name).as_integer_ratio()) for part in expr.atoms(sympy.Symbol) if part.name in ("beta", "Q")}
    return expr.xreplace(known)


def _number(part: Any) -> Any:
    name, where = part.base.label.name, [int(index) for index in part.indices]
    return sympy.Integer(label(*where)) if name == LABELS else sympy.Rational(*entry(name, *where).as_integer_ratio())


# ------------------------------------------------------------------------------------------- laws


@given(expressions())
@LAW
def test_sympy_evaluates_to_what_the_expression_means(expr: Expr) -> None:
    found = expanded(to_sympy(expr))
    assert not found.free_symbols
    assert float(found) == pytest.approx(float(value(expr, {})), rel=1e-9, abs=1e-9)


class Watching(Notation):
    """A notation that looks at every scope that is opened."""

    def letters(self, indices: Iterable[Index], scope: Mapping[Index, str] | None = None) -> dict[Index, str]:
        extended = super().letters(indices, scope)
        assert len(set(extended.values())) == len(extended), "two indices share a letter"
        assert not {"I", "E", "S", "N", "Q", "i", "k", "m", "λ", "γ", "β", "y", "e"} & set(extended.values()), "a letter is a user's name"
        return extended


def notation(kind: type[Notation] = Notation) -> Notation:
    return kind([*NAMES, "beta", "Q", "y"], SIZES)


@given(expressions())
@LAW
def test_letters_in_one_scope_differ(expr: Expr) -> None:
    for form in ("text", "latex", "mathml", "ascii"):
        shown = render.expression(expr, form, notation=notation(Watching))
        assert shown == render.expression(expr, form, notation=notation()), "not deterministic"


class Reader:
    """What a line of text means to somebody who reads it by the rules of school, with the values of `entry`."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def look(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.place)
        self.place += len(mark) * found
        return found

    def match(self, pattern: str) -> re.Match[str] | None:
        found = re.compile(pattern).match(self.text, self.place)
        self.place = found.end() if found else self.place
        return found

    def total(self, at: Mapping[str, int]) -> Any:
        result = -self.term(at) if self.look("−") else self.term(at)
        while found := self.match(r" ([+−]) "):
            result += self.term(at) if found[1] == "+" else -self.term(at)
        return result

    def term(self, at: Mapping[str, int]) -> Any:
        """Factors from left to right; everything up to the next factor stands below a fraction's bar."""
        result = self.factor(at)
        while not re.match(r"$|[),;}|]| [+−><≥≤=]| if| otherwise", self.text[self.place:]):
            if self.match(r" / |/"):
                result = result * (1 / Fraction(self.factor(at)))
            else:
                assert self.match(r" · | "), self.text[self.place:]
                result = result * self.factor(at)
        return result

    def factor(self, at: Mapping[str, int]) -> Any:
        if found := self.match(r"(Σ|max|min)_(?:\{([^}]*)\}|(\S+)) "):
            return self.binder(found[1], (found[2] or found[3]).split(","), at)
        result = self.atom(at)
        if found := self.match("[²³⁴⁵⁶⁷⁸⁹]"):
            result = result ** "⁰¹²³⁴⁵⁶⁷⁸⁹".index(found[0])
        return result

    def binder(self, kind: str, letters: list[str], at: Mapping[str, int]) -> Any:
        start, values = self.place, []
        for where in itertools.product(*(range(SIZES[RUNS[letter]]) for letter in letters)):
            self.place = start
            values.append(self.term({**at, **dict(zip(letters, where))}))
        return {"Σ": sum, "max": max, "min": min}[kind](values)

    def atom(self, at: Mapping[str, int]) -> Any:
        if found := self.match(r"(tanh|σ|relu)\(|\(|\|"):
            inner = self.total(at)
            assert self.look(")") or self.look("|")
            name = {"σ": "logistic", "|": "abs"}.get(found[1] or found[0], found[1])
            return FUNCTIONS[name](inner) if name else inner
        if self.look("tanh "):
            return math.tanh(self.atom(at))
        if self.look("1{"):
            return int(self.condition(at, "}"))
        if self.look("{"):
            return self.choice(at)
        if found := self.match(r"δ_(\w′*)(\w′*)"):
            return int(at[found[1]] == at[found[2]])
        if found := self.match(r"\d+"):
            return int(found[0])
        found = self.match(r"(\w)(?:_(\w′*))?")
        assert found, self.text[self.place:]
        name = {"λ": "lam", "γ": "gamma", "β": "beta"}.get(found[1], found[1])
        if found[2]:
            return label(at[found[2]]) if name == LABELS else entry(name, at[found[2]])
        return SIZES[name] if name in SIZES else at[name] if name in at else entry(name)

    def condition(self, at: Mapping[str, int], end: str) -> bool:
        left = self.total(at)
        found = self.match(" ([><≥≤=]) ")
        assert found, self.text[self.place:]
        right = self.total(at)
        assert self.look(end)
        return {">": left > right, "<": left < right, "≥": left >= right, "≤": left <= right, "=": left == right}[found[1]]

    def choice(self, at: Mapping[str, int]) -> Any:
        yes = self.total(at)
        assert self.look(" if ")
        holds = self.condition(at, "; ")
        no = self.total(at)
        assert self.look(" otherwise}")
        return yes if holds else no


RUNS: dict[str, str] = {}


@given(expressions())
@LAW
def test_the_text_means_what_the_expression_means(expr: Expr) -> None:
    names = notation()
    text = render.expression(expr, "text", notation=names)
    RUNS.clear()
    RUNS.update({letter: size.args[0] for size, letters in names.runs() for letter in letters})
    reader = Reader(text)
    assert float(reader.total({})) == pytest.approx(float(value(expr, {})), rel=1e-9, abs=1e-9), text
    assert reader.place == len(text)


@given(st.lists(st.sampled_from("ijkKmNxσe"), min_size=1, max_size=60), st.sets(st.sampled_from("abcijklmnuvwxyz")))
@LAW
def test_a_unique_letter_is_unique(wanted: list[str], names: set[str]) -> None:
    notation = Notation(sorted(names), SIZES)
    indices = [fresh(Index(name, M, 0)) for name in wanted]
    letters = [notation.unique(index) for index in indices]
    assert len(set(letters)) == len(letters)
    assert not set(letters) & {*names, *SIZES}
    assert letters == [notation.unique(index) for index in indices]


def test_two_indices_of_one_name_are_two_symbols() -> None:
    i, other = fresh(Index("i", M, 0)), fresh(Index("i", M, 0))
    notation = Notation(["z"])
    assert to_sympy(At("z", (i,)), notation) != to_sympy(At("z", (other,)), notation)
    assert to_sympy(At("z", (i,)), notation) == to_sympy(At("z", (i,)), notation)


# ------------------------------------------------------------------------------------------- single cases

A = fresh(Index("a", M, 0))
B = fresh(Index("b", M, 0))


@pytest.mark.parametrize("name", ["I", "E", "S", "N", "Q", "O", "C", "pi", "lambda", "beta", "gamma", "zeta", "Sum", "__import__('os')"])
def test_a_users_name_is_a_plain_symbol(name: str) -> None:
    found = to_sympy(At(name))
    assert isinstance(found, sympy.Symbol)
    assert (found.name, found.is_real) == (name, True)


def test_a_sum_stays_a_sum_and_a_delta_a_delta() -> None:
    found = to_sympy(Sum((A,), mul(delta(A, B), At("u", (A,)))))
    a, b, m = (sympy.Symbol("a", integer=True, nonnegative=True), sympy.Symbol("b", integer=True, nonnegative=True),
               sympy.Symbol("m", integer=True, positive=True))
    u = sympy.IndexedBase(sympy.Symbol("u", real=True))
    assert found == sympy.Sum(sympy.KroneckerDelta(a, b) * u[a], (a, 0, m - 1))


def test_constant_sums_are_not_closed() -> None:
    assert isinstance(to_sympy(Sum((A,), ONE)), sympy.Sum)


def test_an_extremum_keeps_its_index_bound() -> None:
    found = to_sympy(Extremum("max", (A,), At("u", (A,))))
    assert [symbol.name for symbol in found.bound_symbols] == ["a"]
    assert {symbol.name for symbol in found.free_symbols if isinstance(symbol, sympy.Symbol)} == {"u", "m"}
    m = sympy.Symbol("m", integer=True, positive=True)
    u = sympy.IndexedBase(sympy.Symbol("u", real=True))
    assert found.subs(m, 3).doit() == sympy.Max(u[0], u[1], u[2])
    assert found.doit() == found


def test_canonical_nodes() -> None:
    mono = Mono(frozenset({(At("x"), Fraction(2)), (At("t"), Fraction(-1))}))
    x, t = sympy.Symbol("x", real=True), sympy.Symbol("t", real=True)
    assert to_sympy(Poly(frozenset({(mono, Fraction(-3)), (Mono(frozenset()), Fraction(1, 2))}))) == sympy.Rational(1, 2) - 3 * x**2 / t


def test_stop_partial_and_constants() -> None:
    x = sympy.Symbol("x", real=True)
    assert to_sympy(Stop(At("x"))) == sympy.Function("stop_gradient", real=True)(x)
    assert to_sympy(Partial(At("x"), At("x"))).func == sympy.Function("partial")
    assert to_sympy(Const("pi")) == sympy.pi


def test_a_table_of_functions_can_be_given() -> None:
    assert to_sympy(Fn("odd", (At("x"),)), functions={"odd": sympy.asinh}) == sympy.asinh(sympy.Symbol("x", real=True))


@pytest.mark.parametrize("expr", [Fn("nothing_known", (At("x"),)), Const("tau")])
def test_what_has_no_meaning_is_refused(expr: Expr) -> None:
    with pytest.raises(NotYet, match="has no meaning in SymPy here"):
        to_sympy(expr)


def test_every_kind_of_node_crosses() -> None:
    i = fresh(Index("i", M, 0))
    every = [Sum((i,), Where(Iverson("=", At("u", (i,))), ONE, Extremum("min", (B,), At("u", (B,)))))]
    assert all(to_sympy(part, Notation(["u"])) is not None for expr in every for part in walk(expr))


# ------------------------------------------------------------------------------------------- masks

X, Z = sympy.symbols("x z", real=True)


@pytest.mark.parametrize(("masked", "value"), [
    (Indicator(X > 0), 1), (Indicator(X < 0), 0), (Choice(X > 0, X + Z, Z), 5), (Choice(X < 0, X + Z, Z), 3),
    (Indicator(sympy.Eq(X, 2)) ** 2 * Z, 3), (sympy.exp(Indicator(Choice(X > Z, X, Z) >= 3)), sympy.E),
])
def test_a_mask_is_decided_by_its_relation(masked: Any, value: Any) -> None:
    assert masked.atoms(Indicator, Choice)
    assert masked.subs({X: 2, Z: 3}) == value
    assert masked.rewrite(sympy.Piecewise).subs({X: 2, Z: 3}) == value
    assert not masked.rewrite(sympy.Piecewise).atoms(Indicator, Choice)
    assert sympy.lambdify((X, Z), masked, "numpy")(2.0, 3.0) == pytest.approx(float(value))
    assert masked.doit() == masked


def test_a_mask_over_a_sum_has_a_value_in_decimals() -> None:
    k = sympy.Symbol("k")
    total = sympy.Sum(1 / k**2, (k, 1, 3))
    assert Indicator(total > 1).evalf() == pytest.approx(1)
    assert Choice(total > 2, X, total).evalf() == pytest.approx(49 / 36)


def test_a_mask_is_differentiated_off_its_edge() -> None:
    assert sympy.diff(Choice(X > 0, X**2, -X), X) == Choice(X > 0, 2 * X, -1)
    assert sympy.diff(X * Indicator(X > 0), X) == Indicator(X > 0)


def test_masks_print_in_latex() -> None:
    assert sympy.latex(Indicator(X > 0) ** 2) == r"1\left\{x > 0\right\}^{2}"
    assert sympy.latex(Choice(X > 0, X, Z)) == r"\begin{cases} x & \text{for}\: x > 0 \\ z & \text{otherwise} \end{cases}"


# ------------------------------------------------------------------------------------------- derivatives


def masked_scores(W, X, y):
    return -jnp.sum(jnp.where(jax.nn.one_hot(y, W.shape[1]) > 0, jax.nn.log_softmax(X @ W), 0.0))


def causal(W, X):
    n = X.shape[0]
    s = jnp.where(jnp.arange(n)[:, None] >= jnp.arange(n)[None], (X @ W) @ X.T, -50.0)
    return jnp.sum(jax.nn.softmax(s, axis=-1) @ X)


def gated(W, X, y):
    z = X @ W
    return jnp.sum(jnp.exp(jnp.sum(jnp.where(z > 0.1, z, 0.3 * z), axis=1)) ** 2 * jnp.sum(jax.nn.relu(z) * (y[:, None] > 0), axis=1))


def smooth(W, X):
    z = X @ W
    return jnp.sum(jax.nn.sigmoid(z) * jax.nn.softplus(z) + jnp.logaddexp(z, 0.3))


SHAPED = {"W": "d k", "X": "m d", "y": "int m"}
MASKED = [(masked_scores, SHAPED), (causal, {"W": "d d", "X": "n d"}), (gated, SHAPED), (smooth, {"W": "d k", "X": "m d"})]


def worked_out(d: derive.Derivation, sizes: dict[Any, Any], arrays: dict[str, Any], where: tuple[int, ...]) -> float:
    """`d.expr` at one place, by SymPy alone: every sum done, every name looked up in `d.definitions`."""
    places = {e.name: tuple(map(d._sympy, e.indices)) for e in (*d.story.definitions, *d.story.cotangents)}

    def number(expr: Any) -> Any:
        expr = expr.subs(sizes).replace(sympy.Function("stop_gradient", real=True), lambda u: u).doit()
        return expr.xreplace({part: look_up(part.base.label.name, part.indices) for part in expr.atoms(sympy.Indexed)}).evalf()

    def look_up(name: str, at: tuple[Any, ...]) -> Any:
        if name in arrays:
            found = arrays[name][tuple(map(int, at))]
            return sympy.Integer(int(found)) if arrays[name].dtype.kind == "i" else sympy.Float(float(found))
        return number(d.definitions[name].subs(dict(zip(places[name], at)), simultaneous=True))

    return float(number(d.expr.subs(dict(zip(d.indices, where)))))


@pytest.mark.parametrize(("function", "shapes"), MASKED)
def test_the_result_worked_out_by_sympy_is_the_derivative(function: Any, shapes: dict[str, str]) -> None:
    d = derive.gradient(function, "W", shapes)
    known, draw = {"d": 2, "k": 3, "m": 2, "n": 3}, np.random.default_rng(3)
    with jax.enable_x64(True):
        arrays = {name: np.array([2, 0]) if name == "y" else draw.normal(size=[known[size] for size in text.split()])
                  for name, text in shapes.items()}
        wanted = np.asarray(jax.grad(function)(*arrays.values()))
    sizes = {sympy.Symbol(name, integer=True, positive=True): n for name, n in known.items()}
    for where in [(0, 0), (1, wanted.shape[1] - 1)]:
        assert worked_out(d, sizes, arrays, where) == pytest.approx(wanted[where], rel=1e-9)


def free_names(d: derive.Derivation) -> set[str]:
    return {part.name for part in d.expr.free_symbols if isinstance(part, sympy.Symbol) and part not in d.indices}


def known_names(d: derive.Derivation) -> set[str]:
    arguments = d.story.source.arguments
    return {*d.definitions, *(a.name for a in arguments), *(name for a in arguments for size in a.shape for name in size_names(size)), "dout"}


@pytest.mark.parametrize("one", acceptance.CASES, ids=lambda one: one.name)
def test_no_bound_index_is_free_in_a_result(one: acceptance.Case) -> None:
    for wrt in one.wrt:
        d = (derive.vjp if one.vjp else derive.gradient)(one.function, wrt, one.shapes)
        assert free_names(d) <= known_names(d)
        assert not d.expr.has(sympy.nan, sympy.Piecewise)


@pytest.mark.parametrize(("function", "shapes"), MASKED)
def test_nor_is_it_with_masks(function: Any, shapes: dict[str, str]) -> None:
    d = derive.gradient(function, "W", shapes)
    shown = [d.expr, *d.definitions.values(), *(side for step in d.steps for side in (step.before, step.after))]
    assert free_names(d) <= known_names(d)
    assert not any(expr.has(sympy.nan, sympy.Piecewise) for expr in shown)
    assert not any(type(part).__name__.startswith("_") for expr in shown for part in expr.atoms(sympy.Function))


@pytest.mark.parametrize(("function", "shapes"), LAYERS[1::3], ids=[f.__name__ for f, _ in LAYERS[1::3]])
def test_derivations_of_layers_cross(function, shapes):
    """Merged indices, windows and choices too: the result, the steps and the definitions are SymPy expressions."""
    wrt = next(name for name, text in shapes.items() if not text.startswith(("int", "bool")))
    d = derive.vjp(function, wrt, shapes)
    assert isinstance(d.expr, sympy.Basic) and all(isinstance(s.after, sympy.Basic) for s in d.steps) and d.definitions
