"""What a variant returns at concrete numbers, and what jax.grad says there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import numpy as np

from variants.variant import Family


@dataclass(frozen=True)
class Result:
    """A value (the loss, or the output of a layer; None where none is returned) and the gradients in the order of `wrt`."""

    value: Any
    gradients: tuple[Any, ...]


def in_order(returned: Any, wrt: Sequence[str]) -> tuple[Any, ...]:
    if isinstance(returned, Mapping):
        return tuple(returned[name] for name in wrt)
    return tuple(returned) if isinstance(returned, tuple) else (returned,)


def split(returned: Any, wrt: Sequence[str]) -> Result:
    """(loss, gradients) of a function that returns a gradient, gradients, or a loss before them."""
    parts = returned if isinstance(returned, tuple) else (returned,)
    if len(parts) == 2 and isinstance(parts[1], Mapping):
        return Result(parts[0], in_order(parts[1], wrt))
    if len(parts) == len(wrt) + 1:
        return Result(parts[0], tuple(parts[1:]))
    gradients = in_order(returned, wrt)
    if len(gradients) != len(wrt):
        raise ValueError(f"{len(gradients)} gradients for {len(wrt)} arguments")
    return Result(None, gradients)


def copies(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.array(value) if np.ndim(value) else value for name, value in arrays.items()}


def run(functions: Sequence[Callable[..., Any]], wrt: Sequence[str], arrays: Mapping[str, Any], dout: Any = None) -> Result:
    """Run one function, or a forward and a backward pass with `dout`, on copies; arguments go by position."""
    given = list(copies(arrays).values())
    if len(functions) == 1:
        return split(functions[0](*given[:len(inspect.signature(functions[0]).parameters)]), wrt)
    out, cache = functions[0](*given)
    value = np.array(out)
    return Result(value, in_order(functions[1](np.array(dout), cache), wrt))


@cache
def _compiled(reference: Callable[..., Any], wrt: tuple[str, ...], layer: bool) -> Callable[..., Any]:
    def whole(arrays: Mapping[str, Any], dout: Any) -> Any:
        def of(parts: Any) -> Any:
            return reference(**{**arrays, **parts})
        if layer:
            value, pull = jax.vjp(of, {name: arrays[name] for name in wrt})
            return value, pull(dout)[0]
        return jax.value_and_grad(of)({name: arrays[name] for name in wrt})
    return jax.jit(whole, compiler_options={"xla_backend_optimization_level": 0})


def truth(family: Family, arrays: Mapping[str, Any], dout: Any = None) -> Result:
    """The value and gradients of the reference, by autodiff in 64-bit."""
    with jax.enable_x64(True):
        value, gradients = _compiled(family.reference, family.wrt, dout is not None)(dict(arrays), dout)
        return Result(np.asarray(value), tuple(np.asarray(gradients[name]) for name in family.wrt))


def out_shape(family: Family, arrays: Mapping[str, Any]) -> tuple[int, ...]:
    with jax.enable_x64(True):
        return jax.eval_shape(lambda a: family.reference(**a), dict(arrays)).shape


def gap(claimed: Any, true: Any) -> float:
    """The largest difference, relative to the size of the truth; infinite where shapes or NaNs differ."""
    claimed, true = np.asarray(claimed), np.asarray(true)
    if claimed.shape != true.shape or claimed.dtype.kind not in "fiub":
        return float("inf")
    difference = np.abs(claimed - true)
    if np.isnan(difference).any():
        return float("inf")
    return float(np.max(difference, initial=0.0) / (1.0 + np.max(np.abs(true), initial=0.0)))
