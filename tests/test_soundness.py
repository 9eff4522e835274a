"""The traps of the design's section on soundness: what must not be called proved, and what must not be refuted."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive
from derive.derivation import Definition
from derive.domains import premises, uses
from derive.errors import BadInput, DeriveError, Never, NotYet, Undecided
from derive.index import ONE, At, Delta, Fn, Index, Iverson, Size, Sum, Where, add, delta, mul, num, power, sub, substitute
from derive.normal import P0, Algebra
from derive.normal.ring import constant
from derive.proving.proof import Comparison, compare, prove
from derive.trace import read

X = {"x": "n"}
XY = {"x": "m k", "y": "int m"}
m, k, n = Size("m"), Size("k"), Size("n")
i, j, c = Index("i", m, 0), Index("j", m, 0), Index("c", k, 0)


def verdict(f, g, shapes, assume=()):
    return prove(f, g, shapes, assume).verdict


# ------------------------------------------------------------------------------------------- sizes


def test_sizes_are_at_least_one_and_every_result_says_so():
    proof = prove(lambda x: jnp.mean(jnp.ones_like(x)) + 0 * jnp.sum(x), lambda x: 1.0 + 0 * jnp.sum(x), X)
    assert proof.verdict == "proved"
    assert "sizes ≥ 1" in proof.text()


def test_equal_at_size_one_only_is_refuted():
    assert verdict(lambda x: jnp.sum(x) ** 2, lambda x: jnp.sum(x * x), X) == "refuted"


def test_equal_at_equal_sizes_only_is_refuted():
    assert verdict(lambda x: jnp.sum(x) * x.shape[0], lambda x: jnp.sum(x) * x.shape[1], {"x": "m d"}) == "refuted"


def test_a_sum_over_an_empty_range_is_not_positive():
    short = Index("a", add(n, num(-1)), 0)
    assert Algebra(hard=True).sign(Sum((short,), Fn("exp", (At("x", (short,)),)))) == "nonnegative"
    assert Algebra(hard=True).sign(Sum((c,), Fn("exp", (At("x", (c,)),)))) == "positive"


def test_concrete_sizes_are_not_mixed_with_symbolic_ones():
    shapes = {"x": "m 3"}
    assert verdict(lambda x: jnp.mean(x, axis=1), lambda x: jnp.sum(x, axis=1) / 3, shapes) == "proved"
    assert verdict(lambda x: jnp.mean(x, axis=0), lambda x: jnp.sum(x, axis=0) / 3, shapes) == "refuted"


@pytest.mark.parametrize("branch", ["equal", "shape", "in"])
def test_a_comparison_of_symbolic_sizes_is_refused_with_its_line(branch):
    def equal(x):
        return jnp.sum(x) if x.shape[0] == 1 else jnp.sum(x * x)

    def shape(x):
        return jnp.sum(x) if x.shape == (1, 2) else jnp.sum(x * x)

    def contained(x):
        return jnp.sum(x) if x.shape[0] in (1, 2) else jnp.sum(x * x)
    f = {"equal": equal, "shape": shape, "in": contained}[branch]
    with pytest.raises(BadInput, match=r"compared(.|\n)*test_soundness\.py, line \d+: return"):
        prove(f, lambda x: jnp.sum(x * x), {"x": "m d"})


# ------------------------------------------------------------------------------------------- premises and their guards


def test_a_premise_keeps_its_guard():
    def f(x):
        return jnp.where(x > 0, jnp.log(x), jnp.log(-x))
    proof = prove(f, lambda x: jnp.where(x > 0, jnp.log(x), 0.0) + jnp.where(x > 0, 0.0, jnp.log(-x)), X)
    assert proof.verdict == "proved"
    assert verdict(f, lambda x: jnp.zeros_like(x), X) == "refuted"


def test_a_premise_of_a_named_value_keeps_the_guard_of_its_use():
    def f(x):
        logs = jnp.log(x)
        return jnp.where(x > 0, logs, 0.0)
    assert verdict(f, lambda x: jnp.where(x <= 0, 0.0, jnp.log(x)), X) == "proved"


def test_guarded_uses_are_collected_one_by_one():
    x = At("x", (i,))
    inner = Definition("l", (i,), Fn("log", (x,)))
    guard = Iverson(">", x)
    outer = Definition("f", (i,), Where(guard, At("l", (i,)), num(0)))
    assert [guards for _, guards in uses([inner, outer])] == [(), (guard,)]
    both = Definition("f", (i,), add(At("l", (i,)), Where(guard, At("l", (i,)), num(0))))
    assert [a.condition for a in premises([inner, both], Algebra(hard=True))] == [Iverson(">", x)]


def test_the_label_of_a_hinge_stands_on_its_kink_and_nothing_follows_from_that():
    def strict(x, y):
        s = x - x[jnp.arange(x.shape[0]), y][:, None]
        return jnp.sum(jnp.where(s > 0, 1.0, 0.0))

    def weak(x, y):
        s = x - x[jnp.arange(x.shape[0]), y][:, None]
        return jnp.sum(jnp.where(s >= 0, 1.0, 0.0))
    assert verdict(strict, weak, XY) == "refuted"


def test_pairwise_distances_with_a_root_at_zero():
    def f(x):
        return jnp.sqrt(jnp.sum((x[:, None] - x[None]) ** 2, -1))

    def g(x):
        return jnp.sqrt(jnp.sum(x * x, 1)[:, None] - 2 * x @ x.T + jnp.sum(x * x, 1)[None])
    assert verdict(f, g, {"x": "m d"}) == "proved"
    assert verdict(lambda x: f(x) / f(x), lambda x: 1 + 0 * f(x), {"x": "m d"}) == "undecided"


@pytest.mark.parametrize("assume", [["sum(x) == 1", "sum(x) == 2"], ["sum(x) == 1", "sum(x) == 1 + n_"]])
def test_premises_that_contradict_prove_nothing(assume):
    def f(x, n_):
        return jnp.sum(x) + 0 * n_
    shapes = {"x": "n", "n_": ""}
    given = [*assume, *(["n_ > 0"] if "n_" in assume[1] else [])]
    assert verdict(f, lambda x, n_: 1.0 + 0 * n_, shapes, given) == "undecided"


def test_a_premise_that_never_holds_proves_nothing():
    def f(x):
        return jnp.log(-1 - x * x)
    assert verdict(f, lambda x: jnp.log(-(1 + x * x)), X) == "undecided"
    assert verdict(lambda x: 1 / (x - x), lambda x: 0 * x, X) == "undecided"


def test_a_declared_sum_is_satisfied_by_the_points():
    def f(p, z):
        return jnp.sum(p * (z - jax.nn.logsumexp(z)))
    proof = prove(f, lambda p, z: jnp.sum(p * z) - jax.nn.logsumexp(z), {"p": "n", "z": "n"}, ["sum(p) == 1"])
    assert proof.verdict == "proved"
    assert "sum(p) == 1" in proof.text()
    assert verdict(f, lambda p, z: jnp.sum(p * z) - jax.nn.logsumexp(z), {"p": "n", "z": "n"}) == "refuted"


# ------------------------------------------------------------------------------------------- domains


@pytest.mark.parametrize(("f", "g", "expected", "assumed"), [
    (lambda x: 0 * jnp.log(x), lambda x: 0 * x, "undecided", "positive"),
    (lambda x: x / x, lambda x: 1 + 0 * x, "proved", "denominator"),
    (lambda x: jnp.log(x * x), lambda x: 2 * jnp.log(x), "undecided", "positive"),
    (lambda x: jnp.sqrt(x) ** 2, lambda x: x, "undecided", "negative"),
    (lambda x: jnp.exp(jnp.log(x)), lambda x: x, "undecided", "positive"),
    (lambda x: 0 / x, lambda x: 0 * x, "proved", "denominator"),
    (lambda x: x**0.2 * x**0.8, lambda x: x, "undecided", "negative"),
    (lambda x: x**0, lambda x: jnp.ones_like(x), "proved", ""),
], ids=["0 log x", "x / x", "log x²", "√x²", "e^log x", "0 / x", "x^0.2 x^0.8", "x⁰"])
def test_domains_are_collected_before_anything_is_simplified(f, g, expected, assumed):
    proof = prove(f, g, X)
    assert proof.verdict == expected
    assert any(assumed in a.text for a in proof.assumptions) or not assumed


@pytest.mark.parametrize(("f", "g"), [
    (lambda x: 0 * jnp.log(x), lambda x: 0 * x), (lambda x: jnp.log(x * x), lambda x: 2 * jnp.log(x)),
    (lambda x: jnp.sqrt(x) ** 2, lambda x: x), (lambda x: jnp.exp(jnp.log(x)), lambda x: x), (lambda x: jnp.sqrt(x * x), lambda x: x),
    (lambda x: x**0.2 * x**0.8, lambda x: x),
])
def test_the_same_are_proved_where_the_domain_is_declared(f, g):
    assert verdict(f, g, X, ["x > 0"]) == "proved"


@pytest.mark.parametrize(("f", "g", "expected"), [
    (lambda x: jnp.sqrt(x * x), lambda x: x, "refuted"),
    (lambda x: jnp.sqrt(x * x), jnp.abs, "proved"),
    (lambda x: jnp.sqrt(x**4), lambda x: x * x, "proved"),
    (lambda x: jnp.sqrt(x**2) * x, lambda x: x * x, "refuted"),
    (lambda x: jnp.sqrt(-x) ** 4, lambda x: x * x, "undecided"),
    (lambda x: (x**2) ** 1.5, lambda x: x**3, "refuted"),
    (lambda x: (x**2) ** 1.5, lambda x: jnp.abs(x) ** 3, "proved"),
    (lambda x: jnp.abs(-2 * x), lambda x: 2 * jnp.abs(x), "proved"),
    (lambda x: (x**3) ** (1 / 3), lambda x: x, "undecided"),
    (lambda x: jnp.exp(x) ** 0.5, lambda x: jnp.exp(x / 2), "proved"),
])
def test_powers_and_roots_over_the_reals(f, g, expected):
    assert verdict(f, g, X) == expected


# ------------------------------------------------------------------------------------------- deltas and ranges


@pytest.mark.parametrize(("f", "g", "shapes"), [
    (lambda x: jnp.sum(jnp.eye(x.shape[0], x.shape[1]) * x), lambda x: jnp.sum(x), {"x": "m k"}),
    (lambda x: jnp.sum(jnp.eye(x.shape[0], x.shape[1]), axis=1) + 0 * x[:, 0], lambda x: 1 + 0 * x[:, 0], {"x": "m k"}),
    (lambda x: jnp.sum(jnp.where(jnp.arange(x.shape[0])[:, None] == jnp.arange(x.shape[1])[None], x, 0.0)),
     lambda x: jnp.sum(x[:, 0]), {"x": "m k"}),
    (lambda x: jnp.sum(jnp.eye(x.shape[0], x.shape[1])) + 0 * jnp.sum(x), lambda x: x.shape[0] + 0 * jnp.sum(x), {"x": "m k"}),
])
def test_a_delta_across_two_ranges_is_not_contracted(f, g, shapes):
    assert verdict(f, g, shapes) == "refuted"


def test_a_delta_within_one_range_is():
    assert verdict(lambda x: jnp.sum(jnp.eye(x.shape[0]) * x), lambda x: jnp.einsum("ii->", x), {"x": "m m"}) == "proved"


def test_one_label_in_two_ranges_must_be_in_both():
    def f(p, q, y):
        rows = jnp.arange(p.shape[0])
        return p[rows, y] + q[rows, y]

    def g(p, q, y):
        return jnp.sum(p * jax.nn.one_hot(y, p.shape[1]), 1) + jnp.sum(q * jax.nn.one_hot(y, q.shape[1]), 1)
    shapes = {"p": "m k", "q": "m h", "y": "int m"}
    proof = prove(f, g, shapes)
    assert proof.verdict == "proved"
    assert sum("labels" in a.text for a in proof.assumptions) == 2
    assert verdict(f, lambda p, q, y: g(p, q, y) + 1e-3, shapes) == "refuted"


def test_substitution_keeps_what_becomes_equal():
    """δ_ij x_i x_j is δ_ij x_i², and δ_ij (x_i + x_j) is 2 δ_ij x_i: two parts of a set that become the same still count twice."""
    xi, xj, d = At("x", (i,)), At("x", (j,)), delta(i, j)
    hard = Algebra(hard=True)
    assert hard.canonical(mul(d, xi, xj)) is hard.canonical(mul(d, power(xi, 2)))
    assert hard.canonical(mul(d, Fn("exp", (mul(xi, xj),)))) is hard.canonical(mul(d, Fn("exp", (power(xi, 2),))))
    assert hard.canonical(mul(d, Iverson(">", add(xi, xj, ONE)))) is hard.canonical(mul(d, Iverson(">", add(mul(num(2), xi), ONE))))
    p = hard.canonical(add(mul(xi, xj), xi, xj))
    assert hard.canonical(substitute(p, {j: i})) is hard.canonical(add(power(xi, 2), mul(num(2), xi)))


def test_a_gram_matrix_on_its_diagonal():
    def f(x):
        return jnp.sum(jnp.eye(x.shape[0]) * jnp.exp(x @ x.T))
    assert verdict(f, lambda x: jnp.sum(jnp.exp(jnp.sum(x * x, axis=1))), {"x": "m d"}) == "proved"


# ------------------------------------------------------------------------------------------- labels


def test_spellings_of_a_pick_are_equal_under_labels_in_range_alone():
    proof = prove(lambda x, y: x[jnp.arange(x.shape[0]), y], lambda x, y: jnp.sum(x * jax.nn.one_hot(y, x.shape[1]), 1), XY)
    assert proof.verdict == "proved"
    assert [a.text for a in proof.assumptions] == ["labels count from 0 and stay in range"]


@pytest.mark.parametrize("shift", [1, -1])
def test_shifted_labels_must_be_in_range_after_the_shift(shift):
    def f(x, y):
        return x[jnp.arange(x.shape[0]), y + shift]
    proof = prove(f, lambda x, y: jnp.sum(x * jax.nn.one_hot(y + shift, x.shape[1]), 1), XY)
    assert proof.verdict == "proved"
    assert any("label" in a.text for a in proof.assumptions)
    assert verdict(f, lambda x, y: x[jnp.arange(x.shape[0]), y], XY) == "refuted"


def test_rows_of_one_hot_sum_to_one_only_in_range():
    proof = prove(lambda x, y: jnp.sum(jax.nn.one_hot(y, x.shape[1]), 1) + 0 * x[:, 0], lambda x, y: 1 + 0 * x[:, 0], XY)
    assert proof.verdict == "proved"
    assert any("label" in a.text for a in proof.assumptions)


def test_a_mask_on_labels_keeps_its_guard():
    def f(x, y):
        picked = x[jnp.arange(x.shape[0]), y]
        return jnp.where(y != -1, picked, 0.0)

    def unmasked(x, y):
        return x[jnp.arange(x.shape[0]), y]
    assert verdict(f, lambda x, y: jnp.where(y == -1, 0.0, x[jnp.arange(x.shape[0]), y]), XY) == "proved"
    assert verdict(f, lambda x, y: jnp.where(y == -1, 1.0, x[jnp.arange(x.shape[0]), y]), XY) == "refuted"
    assert verdict(f, unmasked, XY) != "proved"


def test_guarded_labels_are_recorded_with_their_guard():
    y, mask = At("y", (i,), "int"), sub(ONE, Delta(At("y", (i,), "int"), num(-1)))
    hard = Algebra(hard=True)
    picked = Sum((c,), mul(delta(c, y), At("p", (i, c))))
    hard.canonical(Where(mask, picked, num(0)))
    assert [key[2:] for key in hard.labels] == [(mask,)]
    hard.canonical(picked)
    assert (y, k) in hard.labels


# ------------------------------------------------------------------------------------------- literals and rounding


def test_a_literal_means_its_shortest_decimal_and_that_is_said():
    proof = prove(lambda x: 0.1 * x, lambda x: x / 10, X)
    assert proof.verdict == "proved"
    assert any("0.1 is read as 1/10" in a.text for a in proof.assumptions)
    assert verdict(lambda x: 0.1 * x, lambda x: x * 0.1000001, X) == "refuted"


def test_a_rounded_root_is_not_the_root():
    """The float nearest to √2 is read as √2, and said; one digit less is another number."""
    proof = prove(lambda x: x / np.sqrt(2.0), lambda x: x / jnp.sqrt(2.0), X)
    assert proof.verdict == "proved" and any("1.4142135623730951 is read as √2" in a.text for a in proof.assumptions)
    for digits in (1.41421356, 1.4142135623, 1.414213562373095):
        assert verdict(lambda x, c=digits: x / c, lambda x: x / jnp.sqrt(2.0), X) != "proved"


def test_rounding_of_ties_refutes_nothing():
    proof = prove(lambda x, y: jnp.where(x > (x + y) - y, 1.0, 0.0), lambda x, y: 0.0 * x, {"x": "n", "y": "n"})
    assert proof.verdict != "refuted"


def test_overflow_refutes_nothing():
    def f(x):
        return jnp.log(jnp.sum(jnp.exp(1000 * x)))
    assert verdict(f, lambda x: jax.nn.logsumexp(1000 * x), X) == "proved"


def test_integers_are_not_rounded_and_not_divided():
    rounded = prove(lambda x: x.astype(int) * 1.0, lambda x: x, X)
    assert rounded.verdict == "undecided" and any("whole number" in a.text for a in rounded.assumptions)
    with pytest.raises(DeriveError, match=r"division|integer"):
        prove(lambda x, y: (y // 2) * 1.0 + x[:, 0], lambda x, y: y / 2 + x[:, 0], XY)
    with pytest.raises(DeriveError, match="//"):
        prove(lambda x: jnp.sum(x[: x.shape[0] // 2]), lambda x: jnp.sum(x), X)


@pytest.mark.parametrize("f", [lambda x, y: x * (~y), lambda x, y: x * (y & 1), lambda x, y: x * (y | 1)])
def test_bits_of_integers_are_no_truth_values(f):
    with pytest.raises(NotYet, match="bits"):
        prove(f, lambda x, y: x * y, {"x": "n", "y": "int n"})


def test_a_function_that_does_not_do_what_was_read_proves_nothing():
    left, right = read(lambda x: 2 * x, X), read(lambda x: x + x, X)
    proof = compare(Comparison(left, right, (lambda a: 2 * a["x"], lambda a: 2.1 * a["x"])))
    assert proof.verdict == "undecided"
    assert "misread" in proof.reason


# ------------------------------------------------------------------------------------------- stop_gradient, kinks, masks


def test_stop_gradient_is_the_identity_in_value_and_no_derivative():
    def straight_through(x):
        return jnp.sum(x + jax.lax.stop_gradient(jnp.sign(x) - x))
    assert verdict(straight_through, lambda x: jnp.sum(jnp.sign(x)), X) == "proved"
    gradient = derive.gradient(straight_through, "x", X)
    assert np.allclose(gradient.function()(np.array([0.3, -2.0])), 1.0)


def test_an_identity_across_a_kink():
    assert verdict(lambda x: jax.nn.relu(x) - jax.nn.relu(-x), lambda x: x, X) == "proved"


def test_equal_but_for_ties_is_a_verdict_of_its_own():
    proof = prove(lambda x: jnp.where(x > 0, 1.0, 0.0), lambda x: jnp.where(x >= 0, 1.0, 0.0), X)
    assert proof.verdict == "proved off the kink"
    assert bool(proof) is False
    assert proof.counterexample is not None
    first, second = proof.counterexample.values
    assert first[proof.counterexample.place] == 0
    assert second[proof.counterexample.place] == 1


def test_minus_infinity_is_a_mask_and_a_large_number_is_not():
    def masked(x, keep):
        return jnp.sum(jnp.exp(jnp.where(keep, x, -jnp.inf)))
    shapes = {"x": "n", "keep": "bool n"}
    assert verdict(masked, lambda x, keep: jnp.sum(jnp.where(keep, jnp.exp(x), 0.0)), shapes) == "proved"
    large = [lambda x, keep, b=b: jnp.sum(jnp.where(keep, x, b)) for b in (-1e9, -1e8)]
    assert verdict(*large, shapes) == "refuted"
    assert verdict(lambda x, keep: jnp.sum(jnp.exp(jnp.where(keep, x, -1e9))), masked, shapes) == "undecided"


def test_a_masked_maximum_knows_what_its_names_stand_for():
    def f(x, keep):
        s = 2 * x
        return jnp.max(jnp.where(keep, s, -jnp.inf))

    def g(x, keep):
        s = 3 * x
        return jnp.max(jnp.where(keep, s, -jnp.inf))
    shapes = {"x": "n", "keep": "bool n"}
    assert verdict(f, g, shapes) in ("refuted", "undecided")
    assert verdict(f, lambda x, keep: jnp.max(jnp.where(keep, 2 * x, -jnp.inf)), shapes) in ("proved", "undecided")


def test_the_largest_over_several_axes():
    shapes = {"x": "m d"}
    assert verdict(lambda x: jnp.max(x), lambda x: jnp.max(jnp.max(x, axis=0)), shapes) in ("proved", "undecided")
    assert verdict(lambda x: jnp.max(x + 1), lambda x: jnp.max(x) + 1, shapes) == "proved"
    assert verdict(lambda x: jnp.max(x, axis=0), lambda x: jnp.max(x, axis=1), {"x": "m m"}) == "refuted"
    assert verdict(lambda x: jnp.max(-x), lambda x: -jnp.max(x), shapes) == "refuted"
    assert verdict(lambda x: jnp.max(-2 * x), lambda x: -2 * jnp.min(x), shapes) == "proved"


def test_the_step_at_zero_is_one_half():
    hard, soft = Algebra(hard=True), Algebra(hard=False)
    assert hard.canonical(Fn("heaviside", (num(0),))) is soft.canonical(Fn("heaviside", (num(0),))) is hard.canonical(num("1/2"))
    assert soft.canonical(Fn("sign", (num(0),))) is P0


def test_a_closed_branch_that_divides_by_zero_leaves_nothing_behind():
    """1 / (w / √(a δ)) in a branch where δ = 1: what is divided by √0 in the other branch must not cancel against another √0."""
    w, a = add(At("w", (i,)), ONE), At("a")
    u = power(mul(w, power(mul(a, delta(c, num(1)), At("u", (c,))), "-1/2")), -1)
    hard = Algebra(hard=True)
    at_one = hard.canonical(substitute(u, {c: num(1)}))
    assert hard.canonical(substitute(hard.canonical(u), {c: num(1)})) is at_one
    assert hard.power(P0, -1) is P0
    assert hard.power(constant(4), -1) is hard.canonical(num("1/4"))


# ------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("names", [("I", "E", "S"), ("N", "Q", "i"), ("k", "lam", "gamma"), ("beta", "c", "j"), ("pi", "e", "exp"),
                                   ("zeta", "lambda_", "O")])
def test_no_name_means_anything(names):
    first, second, third = names
    space = {"jnp": jnp}
    exec(f"def f({first}, {second}, {third}):\n    return jnp.sum(({first} + {third}) * {second})\n"
         f"def g({first}, {second}, {third}):\n    return jnp.sum({first} * {second}) + {third} * jnp.sum({second})\n", space)
    shapes = {first: "n", second: "n", third: ""}
    assert verdict(space["f"], space["g"], shapes) == "proved"


def test_arguments_are_matched_by_name_and_else_by_position():
    shapes = {"a": "n", "b": "n"}
    assert verdict(lambda a, b: jnp.sum(a - b), lambda b, a: jnp.sum(a) - jnp.sum(b), shapes) == "proved"
    assert verdict(lambda a, b: jnp.sum(a - b), lambda u, v: jnp.sum(u) - jnp.sum(v), shapes) == "proved"
    assert verdict(lambda a, b: jnp.sum(a - b), lambda b, c: jnp.sum(b) - jnp.sum(c), shapes) == "proved"
    assert verdict(lambda a, b: jnp.sum(a - b), lambda v, u: jnp.sum(u) - jnp.sum(v), shapes) == "refuted"


def test_local_names_of_the_two_functions_are_kept_apart():
    def f(x):
        p = jnp.log(1 + x * x)
        return jnp.sum(p)

    def g(x):
        p = 1 + x * x
        q = jnp.log(p)
        return jnp.sum(q)
    assert verdict(f, g, X) == "proved"

    def h(a):
        x = 1 + a * a
        return jnp.sum(jnp.log(x))
    assert verdict(f, h, X) == "proved"


# ------------------------------------------------------------------------------------------- answers


def test_a_counterexample_is_confirmed_by_both_functions_and_can_be_pasted():
    def f(x):
        return jnp.sum(x * x)

    def g(x):
        return jnp.sum(x * x) + 1e-3 * jnp.max(x)
    proof = prove(f, g, X)
    found = proof.counterexample
    assert proof.verdict == "refuted"
    assert found is not None
    assert float(f(found.arrays["x"])) == pytest.approx(float(found.values[0]), rel=1e-6)
    assert float(found.values[0] - found.values[1]) == pytest.approx(found.difference, rel=1e-6)
    pasted = {"np": np}
    line = next(line.strip() for line in proof.text().splitlines() if line.strip().startswith("x = np.array"))
    exec(line, pasted)
    assert np.array_equal(pasted["x"], found.arrays["x"])


def test_different_normal_forms_refute_nothing():
    proof = prove(lambda x: jnp.sin(2 * x), lambda x: 2 * jnp.sin(x) * jnp.cos(x), X)
    assert proof.verdict == "undecided"
    assert proof.counterexample is None


def test_the_truth_value():
    assert bool(prove(lambda x: x + x, lambda x: 2 * x, X)) is True
    assert bool(prove(lambda x: x + x, lambda x: 3 * x, X)) is False
    with pytest.raises(Undecided, match="normal forms differ"):
        bool(prove(lambda x: jnp.sin(2 * x), lambda x: 2 * jnp.sin(x) * jnp.cos(x), X))


def test_values_of_different_shapes_are_no_pair():
    proof = prove(lambda x: x.T, lambda x: x, {"x": "m d"})
    assert proof.verdict == "undecided"
    assert "(d, m) and (m, d)" in proof.reason


def test_a_branch_on_data_is_refused():
    with pytest.raises(Never, match="branch"):
        prove(lambda x: x if x[0] > 0 else -x, lambda x: x, X)


def test_a_form_that_is_too_large_is_undecided_and_does_not_hang():
    def f(x, y):
        return (jnp.sum(jnp.maximum(x, y)) + jnp.sum(jnp.abs(x)) + jnp.sum(y) + 1) ** 40
    assert verdict(f, lambda x, y: 1.0000001 * f(x, y) + jnp.max(x), {"x": "n", "y": "n"}) in ("refuted", "undecided")


def norm(x):
    return jnp.sqrt(jnp.sum(x**2))


def test_what_is_divided_by_is_not_zero_and_that_is_used_under_the_quotient_alone():
    """1{p > 0} / √p = 1/√p; but 1{p > 0} alone is not 1, and another value at p = 0 is another function."""
    positive = ["x > 0"]
    assert verdict(lambda x: jnp.where(x > 0, 1 / jnp.sqrt(x), 0.0), lambda x: 1 / jnp.sqrt(x), X) != "proved"
    assert verdict(lambda x: jnp.where(x > 0, 1 / jnp.sqrt(x), 0.0), lambda x: 1 / jnp.sqrt(x), X, positive) == "proved"
    assert verdict(lambda x: jnp.where(x == 0, 5.0, 1 / x), lambda x: 1 / x, X) != "proved"
    assert verdict(lambda x: jnp.where(norm(x) > 0, 1 / norm(x), 3.0), lambda x: 1 / norm(x), X) != "proved"
    assert verdict(lambda x: jnp.where(x > 0, x, 0.0), lambda x: x, X) != "proved"


def test_a_norm_that_is_guarded_at_zero():
    def guarded(x):
        n = np.sqrt((x**2).sum())
        return x / n if n > 0 else np.zeros_like(x)

    def other(x):
        n = np.sqrt((x**2).sum())
        return x / n if n > 1 else np.zeros_like(x)
    assert derive.check(guarded, norm, "x", X).level == "proved"
    assert not derive.check(other, norm, "x", X).ok
