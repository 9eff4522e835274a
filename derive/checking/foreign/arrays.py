"""A custom rule of a function of trees of arrays as one of the arrays in them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from derive.errors import NotYet
from derive.trace.shapes import Shapes, place_of
from derive.trace.trees import Form, Tree, formed

__all__ = ["on_arrays"]


def on_arrays(code: Any, shapes: Shapes) -> tuple[Any, Form]:
    """(the rule on arrays, f on arrays) for an object that `jax.custom_vjp` or `jax.custom_jvp` made; the same object where there are no trees.

    Raises:
        NotYet: the rule asks for symbolic zeros.
    """
    form = formed(code.fun, shapes)
    if not form.trees:
        return code, form
    if getattr(code, "symbolic_zeros", False):
        raise NotYet("A rule with symbolic zeros on a tree of arrays cannot be checked yet.", place=place_of(code.fun))
    return _Flattened(code, form.trees).rule(), form


class _Flattened:
    """The functions of a rule, each on arrays."""

    def __init__(self, code: Any, trees: Mapping[str, Tree]) -> None:
        self.code, self.trees = code, trees
        self.parameters = list(inspect.signature(code.fun).parameters)
        self.still = [self.parameters[k] for k in code.nondiff_argnums]
        self.moving = [name for name in self.parameters if name not in self.still]

    def rule(self) -> Any:
        """The rule as an object of JAX's."""
        flat = self._flat_names(self.parameters)
        still = tuple(flat.index(name) for name in self._flat_names(self.still))
        fun = self._named(self.code.fun, lambda *values: self.code.fun(*self._whole(self.parameters, values)))
        if isinstance(self.code, jax.custom_vjp):
            rule: Any = jax.custom_vjp(fun, nondiff_argnums=still)
            forward, backward = self.code.fwd, self.code.bwd
            assert forward is not None and backward is not None
            rule.defvjp(self._named(forward, lambda *values: forward(*self._whole(self.parameters, values))),
                        functools.wraps(backward)(lambda *given: self._backward(*given)))
            return rule
        rule = jax.custom_jvp(fun, nondiff_argnums=still)
        rule.defjvp(functools.wraps(self.code.jvp)(lambda *given: self._pushed(*given)))
        return rule

    def _backward(self, *given: Any) -> Any:
        count = len(self._flat_names(self.still))
        found = self.code.bwd(*self._whole(self.still, given[:count]), *given[count:])
        if not isinstance(found, (tuple, list)) or len(found) != len(self.moving):
            return found
        return tuple(leaf for name, one in zip(self.moving, found) for leaf in self._leaves(name, one))

    def _pushed(self, *given: Any) -> Any:
        count = len(self._flat_names(self.still))
        primals, tangents = (tuple(self._whole(self.moving, one)) for one in given[count:])
        return self.code.jvp(*self._whole(self.still, given[:count]), primals, tangents)

    # ------------------------------------------------------------------------------------------- trees

    def _flat_names(self, names: Sequence[str]) -> list[str]:
        return [leaf for name in names for leaf in (self.trees[name].packed.reach if name in self.trees else [name])]

    def _whole(self, names: Sequence[str], values: Sequence[Any]) -> list[Any]:
        """The values of these parameters, trees put together."""
        known = dict(zip(self._flat_names(names), values))
        return [self.trees[name].built(known) if name in self.trees else known[name] for name in names]

    def _leaves(self, name: str, value: Any) -> list[Any]:
        """What is given for each array of a parameter; None for a whole tree is None for each."""
        tree = self.trees.get(name)
        if tree is None:
            return [value]
        leaves = [None] * len(tree.leaves) if value is None else tree.structure.flatten_up_to(value)
        return [leaf for own, leaf in zip(tree.leaves, leaves) if own is not None]

    def _named(self, source: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(source)
        def run(*values: Any) -> Any:
            return function(*values)
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in self._flat_names(self.parameters)])
        return run
