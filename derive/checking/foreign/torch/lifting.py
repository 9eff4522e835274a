"""Runs a torch function's forward and backward on formulas, with a stand-in for `ctx`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from derive.checking.foreign.torch.library import TorchPatcher
from derive.checking.foreign.torch.tensors import Tensor, raw, tensor
from derive.checking.lift.arrays import Operand, shape_text
from derive.checking.lift.registry import call
from derive.checking.lift.session import bad, current, refuse
from derive.checking.lift.sizes import same
from derive.index import ONE

__all__ = ["Context", "lifted_run", "plain_function"]


class Context:
    """What torch calls ctx: saved tensors, and whatever attributes the user gives it."""

    def __init__(self, needs: Sequence[bool]) -> None:
        self.needs_input_grad = tuple(needs)
        self.saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for the backward pass."""
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for forward mode, which is not checked."""

    def mark_dirty(self, *tensors: Any) -> None:
        """Say that inputs are changed in place."""

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that outputs have no gradient."""

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether missing incoming gradients are given as zeros; all are given here."""


def plain_function(function: Any) -> FunctionType:
    """The user's own function, without torch's decorators such as once_differentiable.

    Raises:
        CannotLift: it is no plain Python function.
    """
    torch = sys.modules.get("torch")
    home = str(getattr(torch, "__file__", "")).rpartition("__init__")[0]
    while isinstance(function, FunctionType) and home and function.__code__.co_filename.startswith(home) and hasattr(function, "__wrapped__"):
        function = inspect.unwrap(function, stop=lambda f: not getattr(f, "__code__", None) or not f.__code__.co_filename.startswith(home))
    if not isinstance(function, FunctionType):
        refuse("forward and backward must be plain Python functions")
    return function


def lifted_run(parts: Sequence[Callable[..., Any]], values: Mapping[str, Any], incoming: Any, moving: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """(value, gradient for each parameter that moves) of forward and backward on formulas; a gradient that is None stays so.

    Args:
        parts: forward and backward, and setup_context where forward takes no ctx.
        values: forward's arguments, the lift's arrays where they are arrays.
        incoming: what flows in, or None for a scalar value.
        moving: the parameters that a gradient is returned for.
    """
    patcher = TorchPatcher(current())
    forward, backward, *setup = (patcher.function(plain_function(part)) for part in parts)
    given = [_given(value, name in moving) for name, value in values.items()]
    context = Context([name in moving for name in values])
    if setup:
        out = forward(*given)
        setup[0](context, tuple(given), out)
    else:
        out = forward(context, *given)
    if not isinstance(out, Tensor):
        refuse("forward returns several values, or no tensor")
    value = call("copy", raw(out))
    found = backward(context, tensor(call("ones", out.shape)) if incoming is None else _given(incoming, True))
    gradients = list(found) if isinstance(found, (tuple, list)) else [found]
    if len(gradients) < len(values) or any(g is not None for g in gradients[len(values):]):
        bad(f"backward returns {len(gradients)} gradients for {len(values)} arguments", "return None where there is no gradient")
    named = dict(zip(values, gradients))
    return value, {name: None if named[name] is None else _fitted(named[name], values[name]) for name in moving}


def _fitted(gradient: Any, argument: Any) -> Any:
    """The gradient in the shape of its argument: torch sums it over the axes along which the argument would be repeated."""
    if not isinstance(gradient, Tensor):
        bad("backward returns something that is no tensor")
    ahead = len(gradient.sizes) - len(argument.sizes)
    pairs = list(zip(gradient.sizes[max(ahead, 0):], argument.sizes))
    if ahead < 0 or not all(same(a, b) or b is ONE for a, b in pairs):
        shapes = f"{shape_text(gradient.sizes)} for an argument of shape {shape_text(argument.sizes)}"
        bad(f"backward returns a gradient of shape {shapes}", "torch refuses it")
    summed = [*range(ahead), *(ahead + n for n, (a, b) in enumerate(pairs) if b is ONE and a is not ONE)]
    if not summed:
        return call("copy", raw(gradient))
    current().note(f"the gradient has the shape {shape_text(gradient.sizes)} where the argument has {shape_text(argument.sizes)}: torch sums it")
    total = call("sum", raw(gradient), axis=tuple(summed), keepdims=True)
    return call("sum", total, axis=tuple(range(ahead))) if ahead else total


def _given(value: Any, moves: bool) -> Any:
    """An argument as a tensor; a number that is not differentiated by, and Python's own values, stay."""
    return tensor(value) if isinstance(value, Operand) and (value.sizes or moves) else value
