"""How a loss and a data set fit together: which argument takes the examples, which are scalars, and which are to be learned."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from derive.data.dataset import Dataset
from derive.errors import BadInput, DeriveError, Place

__all__ = ["Roles", "Scores", "evaluated", "initial", "linear_scores", "predictor", "signature_of", "starts"]

Scores: TypeAlias = Callable[[Mapping[str, Any], Any], Any]

INIT = 0.001  # standard deviation of the initial weights

# Shapes that a parameter's name tells, from the numbers of features d and classes k.
_SHAPES: dict[str, Callable[[int, int], tuple[int, ...]]] = {
    "W": lambda d, k: (d, k),
    "w": lambda d, k: (d,),
    "b": lambda d, k: (k,),
}

# What a user's function may raise when JAX runs it on shapes alone; JAX's own errors are subclasses of these.
_RAISED = (TypeError, ValueError, LookupError, AttributeError, NameError, ArithmeticError, AssertionError, NotImplementedError)


@dataclass(frozen=True)
class Roles:
    """What each argument of the loss is, as `derive.train.train` was told."""

    parameters: Mapping[str, Any]
    scalars: Mapping[str, float]
    inputs: tuple[str, str]
    scores: Scores


def signature_of(loss: Callable[..., Any]) -> inspect.Signature:
    """The signature, or BadInput where there is none."""
    try:
        return inspect.signature(loss)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{loss!r} is no function with a signature: {error}.", hint="Pass a Python function of named arrays.") from error


def starts(signature: inspect.Signature, data: Dataset, roles: Roles, lam: str | None) -> dict[str, Any]:
    """For each parameter, in the order of the signature, its shape or the array to start from.

    Raises:
        BadInput: an argument that nothing tells, or a name that the loss does not take.
    """
    named = {*roles.parameters, *roles.scalars, *roles.inputs}
    if unknown := sorted(named - set(signature.parameters)):
        raise BadInput(f"The loss{signature} takes no argument named {', '.join(unknown)}.", hint="Name its own arguments.")
    found: dict[str, Any] = {}
    for name, argument in signature.parameters.items():
        if name in roles.parameters:
            found[name] = _start(name, roles.parameters[name])
        elif name in roles.scalars or name in roles.inputs or name == lam or argument.default is not argument.empty:
            continue
        elif name in _SHAPES:
            found[name] = _SHAPES[name](data.features, data.classes)
        elif argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            met = f"What is the argument {name} of the loss{signature}?"
            raise BadInput(met, hint=f'Pass parameters={{"{name}": (rows, columns)}} or scalars={{"{name}": value}}.')
    if not found:
        raise BadInput(f"The loss{signature} has nothing to learn.", hint='Pass parameters={"W": (rows, columns)}.')
    return found


def _start(name: str, given: Any) -> Any:
    if isinstance(given, tuple) and all(isinstance(n, int) and n > 0 for n in given):
        return given
    try:
        array = np.asarray(given, np.float32)
    except (TypeError, ValueError) as error:
        raise BadInput(f"The parameter {name} is neither a shape nor an array: {error}.") from error
    if isinstance(given, tuple) or array.size == 0 or not np.isfinite(array).all():
        met = f"The parameter {name} is neither a shape nor an array of finite numbers."
        raise BadInput(met, hint="A shape is a tuple of positive integers.")
    return array


def initial(key: jax.Array, start: Any) -> jax.Array:
    """The array to start from: 0.001 × normal for a matrix, zeros for a vector, or the array that was given."""
    if not isinstance(start, tuple):
        return jnp.array(start, jnp.float32)
    return INIT * jax.random.normal(key, start, jnp.float32) if len(start) > 1 else jnp.zeros(start, jnp.float32)


def linear_scores(parameters: Mapping[str, Any], X: Any) -> Any:
    """X @ W + b for the one weight array and, where there is one, the one bias vector; otherwise BadInput."""
    arrays = list(parameters.values())
    weights = [array for array in arrays if array.shape[:1] == X.shape[1:]]
    biases = [array for array in arrays if array.ndim == 1 and weights and array.shape == weights[0].shape[1:]]
    if len(weights) != 1 or len(weights) + len(biases) != len(arrays) or len(biases) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in parameters.items())
        raise BadInput(f"Nothing tells how {shapes} predict.", hint="Pass scores=lambda parameters, X: …, of shape (m, classes).")
    return X @ weights[0] + sum(biases)


def predictor(scores: Scores) -> Callable[[Mapping[str, Any], Any], jax.Array]:
    """The predicted labels: the class of the largest score, or, where there is one score for an example, whether it is positive."""

    def predict(parameters: Mapping[str, Any], X: Any) -> jax.Array:
        value = jnp.asarray(scores(parameters, X))
        return (value > 0).astype(jnp.int32) if value.ndim == 1 else value.argmax(axis=-1)

    return predict


def evaluated(user: Callable[..., Any], call: Callable[..., Any], *arguments: Any) -> Any:
    """Shape and dtype of `call(*arguments)`, without computing; what the function `user` raises becomes BadInput with its line."""
    try:
        return jax.eval_shape(call, *arguments)
    except DeriveError:
        raise
    except _RAISED as error:
        file = getattr(getattr(inspect.unwrap(user), "__code__", None), "co_filename", "")
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        place = Place(file, frames[-1].lineno or 0, frames[-1].line or "") if frames else None
        reason = str(error).splitlines()[0] if str(error) else ""
        name = getattr(user, "__name__", user)
        raise BadInput(f"{name} cannot be run on this data: {type(error).__name__}: {reason}", place=place) from error
