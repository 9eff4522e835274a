"""What results are compared with: JAX at concrete sizes, run in 64-bit, on numbers drawn away from kinks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from derive.derivation import Assumption, Definition, Story
from derive.errors import DeriveError
from derive.evaluate import Evaluator
from derive.index import ZERO, Index
from derive.points import concrete, label_bounds, sizes_of
from derive.trace.read import Program
from derive.trace.shapes import call

UNEQUAL = ((3, 2, 4, 5, 6), (2, 5, 3, 4, 7), (4, 3, 2, 6, 5))


def settings(program: Program, how_many: int = 2) -> list[dict[str, int]]:
    """Asymmetric sizes, then all sizes 1."""
    names = sizes_of(program.source.arguments)
    return [*(dict(zip(names, values)) for values in UNEQUAL[:how_many]), dict.fromkeys(names, 1)] if names else [{}]


def draw(program: Program, sizes: Mapping[str, int], assumptions: Iterable[Assumption] = ()) -> dict[str, Any]:
    """Arguments by name: floats of both signs, no two of which are equal; labels in range."""
    rng = np.random.default_rng([0, *sizes.values()])
    bounds = label_bounds([a.condition for a in (*program.assumptions, *assumptions)])
    out: dict[str, Any] = {}
    for argument in program.source.arguments:
        shape = tuple(concrete(part, dict(sizes)) for part in argument.shape)
        if argument.kind == "int":
            high = min([concrete(bound, dict(sizes)) for bound in bounds.get(argument.name, [])], default=max([2, *sizes.values()]))
            out[argument.name] = rng.integers(0, high, shape)
        elif argument.kind == "bool":
            out[argument.name] = rng.integers(0, 2, shape).astype(bool)
        else:
            out[argument.name] = np.asarray(rng.normal(0.0, 1.1, shape))
    return out


def _device(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: jnp.asarray(value) for name, value in arrays.items()}


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled quickly: what runs once need not run fast."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def run(function: Callable[..., Any], arrays: Mapping[str, Any]) -> Any:
    """The value of a JAX function, in 64-bit."""
    with jax.enable_x64(True):
        return np.asarray(_compiled(lambda given: call(function, given))(_device(arrays)))


def pulled_back(function: Callable[..., Any], wrt: Iterable[str], arrays: Mapping[str, Any], dout: Any) -> dict[str, Any]:
    """The vector-Jacobian products by `jax.vjp`, in 64-bit."""
    def pull(given: dict[str, Any]) -> Any:
        value, back = jax.vjp(lambda moving: call(function, {**given, **moving}), {name: given[name] for name in wrt})
        return back(jnp.asarray(dout, value.dtype))[0]
    with jax.enable_x64(True):
        return {name: np.asarray(value) for name, value in _compiled(pull)(_device(arrays)).items()}


def gradient(function: Callable[..., Any], wrt: Iterable[str], arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The gradients by `jax.grad`, in 64-bit."""
    def slope(given: dict[str, Any]) -> Any:
        return jax.grad(lambda moving: call(function, {**given, **moving}))({name: given[name] for name in wrt})
    with jax.enable_x64(True):
        return {name: np.asarray(value) for name, value in _compiled(slope)(_device(arrays)).items()}


def value_of(definition: Definition, evaluator: Evaluator, shape: tuple[int, ...]) -> Any:
    """All entries of a definition in high precision, as a float array of the full shape."""
    body = definition.body
    free = sorted((i for i in body.free if i not in definition.indices), key=lambda i: i.key)
    assert not free, f"{definition.name} has the free indices {free}"
    assert all(isinstance(i, Index) for i in definition.indices) and body is not None
    entries = evaluator.array(body, definition.indices)
    return (np.zeros(shape) if body is ZERO else entries.astype(float)).reshape(shape)


def forward(program: Program, sizes: Mapping[str, int], arrays: Mapping[str, Any]) -> Any:
    """The value of a program as it was read."""
    last = program.definitions[-1]
    shape = tuple(concrete(part, dict(sizes)) for part in program.shape)
    return value_of(last, Evaluator(sizes, arrays, program.definitions), shape)


def backward(story: Story, sizes: Mapping[str, int], arrays: Mapping[str, Any]) -> Any:
    """The value of a derivation's result; `arrays` holds `dout` for a vjp."""
    shape = tuple(concrete(part, dict(sizes)) for part in story.result.shape)
    evaluator = Evaluator(sizes, arrays, (*story.definitions, *story.cotangents))
    return value_of(story.result, evaluator, shape)


def accepted(function: Callable[..., Any], arrays: Mapping[str, Any]) -> bool:
    """Whether JAX itself runs the function on these arguments."""
    try:
        run(function, arrays)
    except DeriveError:
        raise
    except (TypeError, ValueError):
        return False
    return True


def differentiable(program: Program) -> list[str]:
    """The arguments that a derivative can be taken in."""
    return [a.name for a in program.source.arguments if a.kind == "float"]
