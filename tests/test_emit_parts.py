"""Emitting single expressions: number types, index expressions, names, shapes, shifts and refusals."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import jax
import numpy as np
import pytest

from derive import emit
from derive.derivation import Argument, Definition, Source, Story
from derive.emit.spelling import FUNCTIONS
from derive.errors import NotYet
from derive.index import (
    ONE,
    Const,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    Partial,
    Size,
    Stop,
    Sum,
    Where,
    add,
    delta,
    div,
    mul,
    neg,
    num,
    power,
    sub,
)

sys.path.insert(0, str(Path(__file__).parent))
from stories import at, b, c, c2, d, fn, i, j, k, lab, m


def close(got: np.ndarray, want: np.ndarray) -> None:
    assert np.shape(got) == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12 * max(1.0, float(np.abs(want).max())))


def story(body: Expr, indices: tuple[Index, ...], arguments: dict[str, tuple], before: tuple[Definition, ...] = ()) -> Story:
    kinds = {name: shape[0] if shape and isinstance(shape[0], str) else "float" for name, shape in arguments.items()}
    made = tuple(Argument(name, shape[1:] if kinds[name] != "float" else shape, kinds[name]) for name, shape in arguments.items())
    result = Definition("dA", indices, body, "result", tuple(index.size for index in indices))
    last = before or (Definition("loss", (), num(0)),)
    return Story(Source("f", "", None, made), "gradient", next(iter(arguments)), last, (), result, ())


def run(
    body: Expr, indices: tuple[Index, ...], arguments: dict[str, tuple], *values: object, before: tuple[Definition, ...] = ()
) -> np.ndarray:
    made = story(body, indices, arguments, before)
    return emit.compile_source(emit.numpy(made), emit.function_name(made))(*values)


Z = np.random.default_rng(3).normal(size=(5, 4))
LABELS = np.array([3, 0, 1, 3, 2])


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"polygamma"}))
def test_every_function_of_the_table_runs_in_both_libraries(name: str) -> None:
    two = "{v}" in FUNCTIONS[name].numpy
    body = fn(name, at("u", i), at("v", i)) if two else fn(name, at("u", i))
    u = np.array([0.3, 0.7, 0.9, 0.2]) + (1.0 if name in ("acosh", "arccosh") else 0.0)
    made = story(body, (i,), {"u": (m,), "v": (m,)})
    mine = emit.compile_source(emit.numpy(made), "grad_u")(u, u + 0.5)
    with jax.enable_x64(True):
        theirs = np.asarray(emit.compile_source(emit.jax(made), "grad_u")(jax.numpy.asarray(u), jax.numpy.asarray(u) + 0.5))
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_masks_are_numbers() -> None:
    mask = Iverson(">", at("Z", i, c))
    sizes = {"Z": (m, k)}
    positive = Z > 0
    close(run(mask, (i, c), sizes, Z), positive.astype(float))
    close(run(add(mask, mask), (i, c), sizes, Z), 2.0 * positive)
    close(run(sub(mask, Iverson(">=", at("Z", i, c))), (i, c), sizes, Z), 0.0 * Z)
    close(run(fn("exp", mask), (i, c), sizes, Z), np.exp(positive.astype(float)))
    close(run(Sum((c,), mask), (i,), sizes, Z), positive.sum(axis=1).astype(float))
    close(run(Sum((i,), mul(mask, Iverson(">", at("Z", i, c2)))), (c, c2), sizes, Z), positive.T.astype(float) @ positive.astype(float))


def test_small_unsigned_labels_do_not_wrap() -> None:
    labels = LABELS.astype(np.uint8)
    close(run(sub(mul(num(2), lab()), num(7)), (i,), {"Z": (m, k), "y": ("int", m)}, Z, labels), 2.0 * LABELS - 7)
    close(run(neg(lab()), (i,), {"Z": (m, k), "y": ("int", m)}, Z, labels), -1.0 * LABELS)


def test_rows_diagonals_shifts_and_single_entries() -> None:
    sizes = {"Z": (m, k), "y": ("int", m)}
    close(run(at("W", lab(), j), (i, j), {"W": (k, m), "y": ("int", m)}, Z.T, LABELS), Z.T[LABELS])
    close(run(at("Z", i, lab()), (i,), sizes, Z, LABELS), Z[np.arange(5), LABELS])
    close(run(at("Z", i, num(2)), (i,), sizes, Z, LABELS), Z[:, 2])
    close(run(Sum((i,), at("A", i, i)), (), {"A": (m, m)}, Z[:4]), np.asarray(np.trace(Z[:4])))
    tail = Index("i", sub(m, ONE), 71)
    close(run(Sum((tail,), at("u", add(tail, ONE))), (), {"u": (m,)}, Z[:, 0]), np.asarray(Z[1:, 0].sum()))
    close(run(delta(i, j), (i, j), {"u": (m,)}, Z[:, 0]), np.eye(5))


def test_a_negative_label_has_a_row_of_zeros_unless_it_is_used_as_an_index() -> None:
    labels = np.array([0, -1, 2, 1, 3])
    got = run(sub(at("Z", i, c), delta(c, lab())), (i, c), {"Z": (m, k), "y": ("int", m)}, Z, labels)
    close(got, Z - (labels[:, None] == np.arange(4)))


def test_where_and_constants() -> None:
    body = Where(Iverson(">", at("u", i)), at("u", i), mul(num(Fraction(1, 10)), at("u", i), Const("pi")))
    close(run(body, (i,), {"u": (m,)}, Z[:, 0]), np.where(Z[:, 0] > 0, Z[:, 0], 0.1 * np.pi * Z[:, 0]))


def test_results_are_fresh_writable_arrays_of_the_full_shape() -> None:
    for body, want in [(num(3), np.full(5, 3.0)), (m, np.full(5, 5.0)), (at("s"), np.full(5, 2.0)), (at("u", i), Z[:, 0])]:
        got = run(body, (i,), {"u": (m,), "s": ()}, Z[:, 0], 2.0)
        close(got, want)
        got[0] = 7.0
    assert Z[0, 0] != 7.0


def test_axes_of_size_one_are_kept() -> None:
    source = Source("f", "", None, (Argument("w", (d, ONE)), Argument("X", (m, d))))
    result = Definition("dw", (b,), mul(at("w", b), Sum((i,), at("X", i, b))), "result", (d, ONE))
    made = Story(source, "gradient", "w", (Definition("loss", (), num(0)),), (), result, ())
    w, X = Z[:3, :1], Z[:, :3]
    close(emit.compile_source(emit.numpy(made), "grad_w")(w, X), X.sum(axis=0)[:, None] * w)


def test_names_never_collide() -> None:
    h, x = Size("h"), Index("r", Size("h"), 60)
    arguments = {"np": (h,), "sum": (h,), "h": (h,)}
    first = Definition("lambda", (x,), mul(at("np", x), at("sum", x)), "user", (h,))
    second = Definition("∂z̄ 1", (x,), add(at("lambda", x), h), "user", (h,))
    body = add(mul(at("∂z̄ 1", x), at("h", x)), at("lambda", x))
    u, v, w = Z[:, 0], Z[:, 1], Z[:, 2]
    close(run(body, (x,), arguments, u, v, w, before=(first, second)), (u * v + 5) * w + u * v)


def test_a_primed_name_does_not_overwrite_what_is_still_needed() -> None:
    second = Definition("z′", (i,), add(at("z", i), ONE), "user", (m,))
    first = Definition("z", (i,), mul(num(2), at("u", i)), "user", (m,))
    got = run(mul(at("z", i), at("z′", i)), (i,), {"u": (m,)}, Z[:, 0], before=(first, second))
    close(got, 2 * Z[:, 0] * (2 * Z[:, 0] + 1))


def test_a_shift_that_would_change_the_result_is_not_added() -> None:
    total = Definition("s", (), Sum((i,), fn("exp", at("u", i))), "user", ())
    got = run(mul(fn("exp", at("u", i)), at("s")), (i,), {"u": (m,)}, Z[:, 0], before=(total,))
    close(got, np.exp(Z[:, 0]) * np.exp(Z[:, 0]).sum())


def test_a_shift_inside_exp_alone_where_the_scores_are_used_elsewhere() -> None:
    z = Definition("z", (i, c), mul(num(2), at("Z", i, c)), "user", (m, k))
    logp = Definition("logp", (i, c), sub(at("z", i, c), fn("log", Sum((c2,), fn("exp", at("z", i, c2))))), "user", (m, k))
    body = add(fn("exp", at("logp", i, c)), power(at("z", i, c), 2))
    big = 1e4 * np.sign(Z) + Z
    top = 2 * big - (2 * big).max(axis=1, keepdims=True)
    want = np.exp(top - np.log(np.exp(top).sum(axis=1, keepdims=True))) + (2 * big) ** 2
    got = run(body, (i, c), {"Z": (m, k)}, big, before=(z, logp))
    np.testing.assert_allclose(got, want, rtol=1e-10)


def test_a_guarded_shift_as_libraries_write_it_counts_as_a_shift() -> None:
    top = Definition("M", (i,), Fn("max", (Const("-inf"), Extremum("max", (c,), at("Z", i, c)))), "auto", (m, ONE))
    finite = Where(Iverson(">", at("M", i)), at("M", i), at("M", i))
    scores = Definition("z", (i, c), sub(at("Z", i, c), Stop(finite)), "user", (m, k))
    body = div(fn("exp", at("z", i, c)), Sum((c2,), fn("exp", at("z", i, c2))))
    assert "# added" not in emit.numpy(story(body, (i, c), {"Z": (m, k)}, (top, scores)))
    want = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    close(run(body, (i, c), {"Z": (m, k)}, Z, before=(top, scores)), want)


@pytest.mark.parametrize("shift", ["all", "half", "wrong index"])
def test_only_the_maximum_of_the_same_row_counts_as_a_shift(shift: str) -> None:
    peak = {"all": ((i, c), at("M")), "half": ((c,), mul(num(Fraction(1, 2)), at("M", i))), "wrong index": ((i,), at("M", c))}[shift]
    kept = {"all": (), "half": (i,), "wrong index": (c,)}[shift]
    top = Definition("M", kept, Extremum("max", peak[0], at("Z", i, c)), "auto", tuple(x.size for x in kept))
    scores = Definition("z", (i, c), sub(at("Z", i, c), peak[1]), "user", (m, k))
    body = div(fn("exp", at("z", i, c)), Sum((c2,), fn("exp", at("z", i, c2))))
    big = 1e4 * np.array([[1.0, 1.0, -1.0, 0.5], [-1.0, -1.0, -1.0, -1.0], [0.0, 0.0, 1.0, 0.0], [0, 0, 0, 0.1], [0.3, 0.2, 0.1, 0.0]])
    if shift == "wrong index":
        minus = big - big.max(axis=0, keepdims=True)
    else:
        minus = big - (big.max() if shift == "all" else 0.5 * big.max(axis=1, keepdims=True))
    minus = minus - minus.max(axis=1, keepdims=True)
    close(run(body, (i, c), {"Z": (m, k)}, big, before=(top, scores)), np.exp(minus) / np.exp(minus).sum(axis=1, keepdims=True))


def test_what_cannot_be_written_is_said() -> None:
    with pytest.raises(NotYet, match="zeta has no numpy spelling"):
        emit.numpy(story(fn("zeta", at("u", i)), (i,), {"u": (m,)}))
    with pytest.raises(NotYet, match="size n cannot be read off an argument"):
        emit.numpy(story(mul(Size("n"), at("u", i)), (i,), {"u": (m,)}))
    with pytest.raises(NotYet, match="no array form for Partial"):
        emit.numpy(story(Partial(at("u", i), at("u", j)), (i, j), {"u": (m,)}))
