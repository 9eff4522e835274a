"""Tests that the tables of primitives generate: each row is exercised by its sample, read, evaluated and pulled back, against JAX."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import oracle
import pytest

import derive
from derive.rules import PRIMITIVES, WRAPPERS
from derive.rules.primitives import Wrapper
from derive.rules.reading import Primitive, declare
from derive.rules.table import table
from derive.trace import read
from derive.trace.names import traced
from derive.trace.shapes import argument_shapes

ROWS = [*PRIMITIVES.values(), *WRAPPERS.values()]
ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def operations(jaxpr: Any) -> set[str]:
    """The names of all primitives and of all library functions in a jaxpr."""
    found = set()
    for equation in jaxpr.eqns:
        found.add(equation.primitive.name)
        for value in equation.params.values():
            for part in value if isinstance(value, (tuple, list)) else (value,):
                inner = getattr(part, "jaxpr", part)
                if hasattr(inner, "eqns"):
                    found |= operations(inner) | {str(equation.params.get("name", inner.debug_info.func_name))}
    return found


@ROW
def test_the_sample_of_a_row_contains_what_it_is_about(row: Primitive | Wrapper) -> None:
    function, shapes = row.sample
    closed = traced(function, argument_shapes(function, list(shapes.values())))
    assert row.name in operations(closed.jaxpr)


@ROW
def test_a_row_reads_as_jax_computes(row: Primitive | Wrapper) -> None:
    function, shapes = row.sample
    program = read(function, list(shapes.values()))
    tried = 0
    for sizes in oracle.settings(program):
        arrays = oracle.draw(program, sizes)
        if oracle.accepted(function, arrays):
            np.testing.assert_allclose(oracle.forward(program, sizes, arrays), oracle.run(function, arrays), rtol=1e-12, atol=1e-12)
            tried += 1
    assert tried >= 2 or not oracle.settings(program)[0]


@ROW
def test_a_row_pulls_back_as_jax_does(row: Primitive | Wrapper) -> None:
    function, shapes = row.sample
    program = read(function, list(shapes.values()))
    for wrt in oracle.differentiable(program):
        story = derive.vjp(function, wrt, list(shapes.values())).story
        for sizes in oracle.settings(program):
            arrays = oracle.draw(program, sizes)
            if not oracle.accepted(function, arrays):
                continue
            dout = np.random.default_rng(7).normal(size=oracle.run(function, arrays).shape)
            found = oracle.backward(story, sizes, {**arrays, "dout": dout})
            np.testing.assert_allclose(found, oracle.pulled_back(function, [wrt], arrays, dout)[wrt], rtol=1e-11, atol=1e-11)


def test_a_name_is_declared_once() -> None:
    row = PRIMITIVES["add"]
    with pytest.raises(ValueError, match="'add' is declared twice: a primitive of that name exists"):
        declare(row.name, row.meaning, row.read, row.sample[0])
    with pytest.raises(ValueError, match="'relu' is declared twice"):
        table([*WRAPPERS.values(), WRAPPERS["relu"]])
    assert list(table(PRIMITIVES.values())) == list(PRIMITIVES)


def test_the_samples_run_with_unequal_sizes_in_64_bit() -> None:
    before = jax.config.read("jax_enable_x64")
    program = read(PRIMITIVES["dot_general"].sample[0], list(PRIMITIVES["dot_general"].sample[1].values()))
    assert [len(set(sizes.values())) for sizes in oracle.settings(program)] == [3, 3, 1]
    assert jax.config.read("jax_enable_x64") == before
