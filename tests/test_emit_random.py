"""Random programs: the emitted NumPy computes what the expression says, entry by entry, at unequal sizes and with eight-bit labels."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest

from derive import emit
from derive.derivation import Argument, Definition, Source, Story
from derive.evaluate import Evaluator
from derive.index import (
    ONE,
    ZERO,
    At,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    Size,
    Sum,
    Where,
    add,
    delta,
    div,
    fresh,
    mul,
    num,
    power,
    sub,
)

m, d, k = Size("m"), Size("d"), Size("k")
SIZES = {"m": 4, "d": 3, "k": 2}
SHAPES = {"A": (m, d), "B": (d, k), "C": (m, k), "T": (m, d, k), "S": (d, d), "u": (m,), "v": (d,), "w": (k,), "s": ()}
ARGUMENTS = (*(Argument(name, shape) for name, shape in SHAPES.items()), Argument("y", (m,), "int"))
DATA = {name: np.random.default_rng(5).normal(size=[SIZES[size.name] for size in shape]) for name, shape in SHAPES.items()}
DATA["y"] = np.array([1, 0, 1, 1], dtype=np.uint8)
I, C = Index("i", m, 901), Index("c", k, 902)


def label(rng: random.Random, scope: list[Index]) -> Expr | None:
    rows = [index for index in scope if index.size is m]
    return At("y", (rng.choice(rows),), "int") if rows else None


def entry(rng: random.Random, scope: list[Index], names: dict[str, tuple]) -> Expr:
    name = rng.choice(list(names))
    places = []
    for size in names[name]:
        choices: list[Expr] = [index for index in scope if index.size is size]
        picked = label(rng, scope) if size is k and rng.random() < 0.25 else None
        if picked is None and not choices:
            return num(rng.choice([1, 3, Fraction(1, 2), Fraction(1, 10)]))
        places.append(picked if picked is not None else rng.choice(choices))
    return At(name, tuple(places))


def grow(rng: random.Random, scope: list[Index], depth: int, names: dict[str, tuple]) -> Expr:
    """A random expression whose free indices are in the scope."""
    def part() -> Expr:
        return grow(rng, scope, depth - 1, names)

    choice = rng.random() if depth else 0.0
    if choice < 0.25:
        return entry(rng, scope, names)
    if choice < 0.4:
        return rng.choice([add, sub])(part(), part())
    if choice < 0.6:
        return mul(*(part() for _ in range(rng.choice([2, 2, 3]))))
    if choice < 0.65:
        return div(part(), add(num(2), power(part(), 2)))
    if choice < 0.7:
        return Fn(rng.choice(["tanh", "relu", "logistic"]), (part(),))
    if choice < 0.73:
        return Iverson(">", sub(part(), num(Fraction(1, 7))))
    if choice < 0.76:
        picked, columns = label(rng, scope), [index for index in scope if index.size is k]
        return delta(rng.choice(columns), picked) if picked is not None and columns else part()
    if choice < 0.78:
        return Where(Iverson(">", part()), part(), part())
    bound = [fresh(Index("b", rng.choice([m, d, k]), 1)) for _ in range(rng.choice([1, 1, 2]))]
    body = grow(rng, scope + bound, depth - 1, names)
    return Extremum("max", tuple(bound), body) if choice < 0.82 else Sum(tuple(bound), body)


def check(body: Expr, indices: list[Index], before: tuple[Definition, ...] = ()) -> str:
    result = Definition("dA", tuple(indices), body, "result", tuple(index.size for index in indices))
    story = Story(Source("f", "", None, ARGUMENTS), "gradient", "A", (*before, Definition("loss", (), ZERO)), (), result, ())
    source = emit.numpy(story)
    got = emit.compile_source(source, "grad_A")(*(DATA[argument.name] for argument in ARGUMENTS))
    want = Evaluator(SIZES, DATA, before).array(body, tuple(indices)).astype(float)
    assert np.shape(got) == want.shape, source
    np.testing.assert_allclose(np.asarray(got, dtype=float), want, rtol=1e-9, atol=1e-9, err_msg=source)
    return source


@pytest.mark.parametrize("seed", range(150))
def test_random_expressions(seed: int) -> None:
    rng = random.Random(seed)
    indices = [Index(name, size, 50) for name, size in rng.sample([("i", m), ("a", d), ("c", k)], rng.choice([0, 1, 2, 2, 3]))]
    check(grow(rng, indices, rng.choice([2, 3]), SHAPES), indices)


def softmax_program() -> tuple[Definition, ...]:
    other = fresh(C)
    z, e, s = (At(name, (I, C)[: 1 if name == "s1" else 2]) for name in ("z", "e", "s1"))
    return (
        Definition("z", (I, C), mul(At("C", (I, C)), At("u", (I,))), "user", (m, k)),
        Definition("e", (I, C), Fn("exp", (z,)), "user", (m, k)),
        Definition("s1", (I,), Sum((other,), At("e", (I, other))), "user", (m, ONE)),
        Definition("p", (I, C), div(e, s), "user", (m, k)),
        Definition("logp", (I, C), sub(z, Fn("log", (s,))), "user", (m, k)),
    )


@pytest.mark.parametrize("seed", range(100))
def test_adding_a_shift_never_changes_a_value(seed: int) -> None:
    rng = random.Random(seed)
    names = {"C": (m, k), "z": (m, k), "e": (m, k), "s1": (m,), "p": (m, k), "logp": (m, k)}
    free = [name for name in names if name in ("C", "p", "logp")] if seed % 2 else list(names)
    check(add(mul(At("p", (I, C)), grow(rng, [I, C], 2, {name: names[name] for name in free})), At("C", (I, C))), [I, C], softmax_program())


def test_the_shift_is_really_tried() -> None:
    assert "# added" in check(sub(At("p", (I, C)), fn_of_logp()), [I, C], softmax_program())


def fn_of_logp() -> Expr:
    return Fn("exp", (At("logp", (I, C)),))
