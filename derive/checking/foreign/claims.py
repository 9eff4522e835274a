"""The rules of `jax.custom_vjp` and `jax.custom_jvp` as plain functions of named arguments, to be read at symbolic sizes and run on numbers.

Legend: f is the primal function, dout what flows into its value from above, ẋ the tangent of the argument x.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from derive.derivation import Argument
from derive.errors import BadInput
from derive.proving.matching import argument_text
from derive.signatures import guessed_shapes
from derive.trace.shapes import Shapes, annotated_shapes, argument_shapes, place_of

__all__ = ["Claims", "JvpClaims", "VjpClaims", "claims_of", "named"]

Function = Callable[..., Any]
Arrays = Mapping[str, Any]


def named(function: Callable[[Arrays], Any], names: Sequence[str], source: Function) -> Function:
    """A function of a mapping as one with these parameters, that stands for the user's `source` in names and places."""

    def run(*given: Any, **values: Any) -> Any:
        return function({**dict(zip(names, given)), **values})

    run.__name__ = getattr(source, "__name__", "f")
    run.__wrapped__ = source  # type: ignore[attr-defined]
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])
    return run


@dataclass(frozen=True)
class Claims:
    """A custom rule with what it is a rule for.

    Attributes:
        code: the object that JAX made.
        arguments: the arguments with their symbolic shapes.
        constants: values of the parameters that are held fixed, such as options among `nondiff_argnums`.
        parameters: all parameters of f, in order.
        programs: f as it was read, by the number of its value; or why it could not be read.
    """

    code: Any
    arguments: tuple[Argument, ...]
    constants: Arrays
    parameters: tuple[str, ...]
    programs: dict[int, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The name of f."""
        return str(getattr(self.code.fun, "__name__", "f"))

    @property
    def still(self) -> tuple[str, ...]:
        """The parameters that the rule does not differentiate by (`nondiff_argnums`)."""
        return tuple(self.parameters[k] for k in self.code.nondiff_argnums)

    @property
    def moving(self) -> tuple[str, ...]:
        """The parameters that the rule gives something for, in order."""
        return tuple(name for name in self.parameters if name not in self.still)

    @property
    def floats(self) -> tuple[str, ...]:
        """The arguments that there is a derivative with respect to."""
        return tuple(a.name for a in self.arguments if a.kind == "float" and a.name in self.moving)

    @property
    def shapes(self) -> dict[str, str]:
        """The arguments' shapes as text."""
        return {a.name: argument_text(a) for a in self.arguments}

    def values(self, given: Arrays, names: Sequence[str]) -> list[Any]:
        """The values of these parameters."""
        return [given[name] if name in given else self.constants[name] for name in names]

    def primal(self, given: Arrays) -> Any:
        """f itself, without its rule."""
        return self.code.fun(*self.values(given, self.parameters))

    def ruled(self, given: Arrays) -> Any:
        """f as JAX sees it, with its rule."""
        return self.code(*self.values(given, self.parameters))


class VjpClaims(Claims):
    """The rule of a `jax.custom_vjp`: fwd and bwd."""

    def _forward(self, given: Arrays) -> Any:
        values = dict(zip(self.parameters, self.values(given, self.parameters)))
        if getattr(self.code, "symbolic_zeros", False):
            wrapped = {name: jax.tree.map(lambda x: jax.custom_derivatives.CustomVJPPrimal(x, True), values[name]) for name in self.moving}
            values |= wrapped
        return self.code.fwd(*values.values())

    def value(self, given: Arrays) -> Any:
        """The value that the rule's forward pass returns."""
        return self._forward(given)[0]

    def cotangent(self, given: Arrays, seeds: Sequence[str], wrt: str) -> Any:
        """What the rule's backward pass returns for one argument.

        Args:
            seeds: the names of what flows into each value of f, in order; '' for a value of integers.
        """
        out, residuals = self._forward(given)
        leaves, tree = jax.tree.flatten(out)
        incoming = [given[name] if name else np.zeros(np.shape(leaf), jax.dtypes.float0) for name, leaf in zip(seeds, leaves)]
        found = self.code.bwd(*self.values(given, self.still), residuals, jax.tree.unflatten(tree, incoming))
        if not isinstance(found, (tuple, list)) or len(found) != len(self.moving):
            many = f"{len(found)} cotangents" if isinstance(found, (tuple, list)) else "no tuple"
            raise BadInput(f"{self.code.bwd.__name__} returns {many} for {len(self.moving)} arguments ({', '.join(self.moving)}).",
                           place=place_of(self.code.bwd), hint="Return one cotangent for each argument, None where it is zero.")
        one = found[self.moving.index(wrt)]
        return jnp.zeros_like(given[wrt]) if one is None else one


class JvpClaims(Claims):
    """The rule of a `jax.custom_jvp`: one function of primals and tangents."""

    def _pair(self, given: Arrays, tangents: Mapping[str, str]) -> Any:
        primals = self.values(given, self.moving)
        moved = [given[tangents[name]] if name in tangents else self._zero(x) for name, x in zip(self.moving, primals)]
        return self.code.jvp(*self.values(given, self.still), tuple(primals), tuple(moved))

    def _zero(self, x: Any) -> Any:
        if getattr(self.code, "symbolic_zeros", False):
            return jax.custom_derivatives.zero_from_primal(x, symbolic_zeros=True)
        whole = not jnp.issubdtype(jnp.result_type(x), jnp.inexact)
        return np.zeros(np.shape(x), jax.dtypes.float0) if whole and _concrete(x) else jnp.zeros_like(x)

    def value(self, given: Arrays) -> Any:
        """The value that the rule returns."""
        return self._pair(given, {})[0]

    def tangent(self, given: Arrays, tangents: Mapping[str, str]) -> Any:
        """The tangent that the rule returns; `tangents` names the tangent of each argument that moves."""
        return self._pair(given, tangents)[1]


def _concrete(x: Any) -> bool:
    return all(isinstance(n, int) for n in np.shape(x))


def claims_of(code: Any, shapes: Shapes, fixed: Mapping[str, Any]) -> VjpClaims | JvpClaims:
    """The rule of an object that `jax.custom_vjp` or `jax.custom_jvp` made.

    Raises:
        BadInput: it has no rule yet, or a shape or a fixed value is missing.
    """
    build = VjpClaims if isinstance(code, jax.custom_vjp) else JvpClaims
    rules = (code.fwd, code.bwd) if build is VjpClaims else (code.jvp,)
    if not all(rules):
        raise BadInput("The function has no rule.", place=place_of(code.fun),
                       hint="Define it first: f.defvjp(fwd, bwd), f.defjvp(rule) or f.defjvps(…).")
    parameters = inspect.signature(code.fun).parameters
    if shapes is None:
        shapes = guessed_shapes(code.fun, {}, frozenset(fixed)).shapes
    given = set(shapes if isinstance(shapes, Mapping) else list(parameters)[: len(shapes or ())]) | set(annotated_shapes(code.fun))
    constants = {name: p.default for name, p in parameters.items() if name not in given and p.default is not p.empty} | dict(fixed)
    traced = [name for name in parameters if name not in constants]
    missing = [name for k, name in enumerate(parameters) if k in code.nondiff_argnums and name in traced and name not in given]
    if missing:
        raise BadInput(f"The value of {missing[0]!r} is not known.", place=place_of(code.fun), hint=f"Say fixed={{{missing[0]!r}: …}}.")
    mapping = shapes if isinstance(shapes, Mapping) or shapes is None else dict(zip(parameters, shapes))
    arguments = argument_shapes(named(lambda given: None, traced, code.fun), mapping and {n: s for n, s in mapping.items() if n in traced})
    return build(code, arguments, constants, tuple(parameters))
