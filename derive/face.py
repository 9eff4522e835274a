"""Asking for a derivative: the gradient, the backward pass, the Jacobian and the Hessian of a JAX function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from derive.assume import declared, usable
from derive.calculus.differentiate import differentiate
from derive.derivation import Story
from derive.errors import BadInput
from derive.result import STATEMENTS, Derivation, SympyStep, assumption_texts
from derive.trace.read import reachable
from derive.trace.shapes import Shapes, place_of
from derive.trace.trees import formed
from derive.trace.whole import read_whole

__all__ = ["STATEMENTS", "Derivation", "SympyStep", "Wrt", "assumption_texts", "gradient", "hessian", "jacobian", "vjp"]

Wrt = str | int | Sequence[str | int] | None


def gradient(function: Callable[..., Any], wrt: Wrt = None, shapes: Shapes = None, assume: Sequence[str] = ()) -> Any:
    """The gradient of a scalar loss, for all sizes.

    Args:
        function: a JAX function that returns a scalar.
        wrt: an argument's name or position, or several of them; None is the first argument, as in `jax.grad`.
        shapes: argument name to a string of sizes, led by `int` or `bool` where it is not a float array, such as
            {"W": "d k", "X": "m d", "y": "int m", "lam": ""}; or a sequence in the order of the arguments; None reads jaxtyping
            annotations.  An example array may stand for a string: its lengths become symbolic sizes, equal ones the same.  An argument that
            is a tree of arrays has a tree of these: {"params": {"W": "d k", "b": "k"}, "X": "m d"}.
        assume: what may be used of the arguments, such as ["sum(y, axis=-1) == 1", "eps > 0"].

    Returns:
        A `Derivation`; a dict of them by name where `wrt` names several; for a tree the same tree of them, with None for what is no float array.

    Raises:
        BadInput: the value is no scalar, `wrt` is no float argument, or a shape is missing.
        NotYet, Never: the function cannot be read; the error names the line.
    """
    return _asked(function, wrt, shapes, assume, "gradient")


def vjp(function: Callable[..., Any], wrt: Wrt = None, shapes: Shapes = None, assume: Sequence[str] = ()) -> Any:
    """The backward pass of an array-valued function: Σ dout · ∂out, for an incoming gradient named `dout`; arguments as for `gradient`."""
    return _asked(function, wrt, shapes, assume, "vjp")


def jacobian(function: Callable[..., Any], wrt: Wrt = None, shapes: Shapes = None, assume: Sequence[str] = ()) -> Any:
    """The derivative of each entry of an array-valued function by each entry of an argument; arguments as for `gradient`.

    The indices of the result are those of the value, then those of the argument.
    """
    return _asked(function, wrt, shapes, assume, "jacobian")


def hessian(function: Callable[..., Any], wrt: Wrt = None, shapes: Shapes = None, assume: Sequence[str] = ()) -> Any:
    """The second derivative of a scalar loss: the Jacobian of its gradient; arguments as for `gradient`.

    Several arguments, or a tree, give all blocks, as in `jax.hessian`: `hessian(f, ("w", "b"))["w"]["b"]` is the derivative of ∂f/∂w by b.
    """
    asked = _Asked(function, shapes, assume)
    asked.needs_scalar()
    return asked.over(wrt, lambda row: asked.over(wrt, lambda column: asked.second(row, column)))


def _asked(function: Callable[..., Any], wrt: Wrt, shapes: Shapes, assume: Sequence[str], kind: str) -> Any:
    asked = _Asked(function, shapes, assume)
    if kind == "gradient":
        asked.needs_scalar()
    return asked.over(wrt, lambda name: asked.derivation(name, kind))


class _Asked:
    """A function as it was read, ready to be differentiated."""

    def __init__(self, function: Callable[..., Any], shapes: Shapes, assume: Sequence[str]) -> None:
        self.function = function
        self.form, self.program = read_whole(formed(function, shapes))
        self.source = self.program.source
        self.declared = declared(assume, self.source.arguments, self.source.packed)
        self.kept: dict[Any, Story] = {}

    def needs_scalar(self) -> None:
        """Refuse a function that returns an array."""
        if self.program.definitions[-1].indices:
            raise BadInput(f"{self.source.name} returns an array, and a gradient needs a scalar.", place=place_of(self.function),
                           hint="Use derive.vjp (an incoming gradient) or derive.jacobian.")

    # ------------------------------------------------------------------------------------------- one derivative

    def derivation(self, name: str, kind: str) -> Derivation:
        """The derivative with respect to one array."""
        return Derivation(self.function, self.program, differentiate(self.program, name, kind, self.declared), self.declared, self.form.own)

    def second(self, row: str, column: str) -> Derivation:
        """The derivative by one array of the gradient with respect to another, or to the same."""
        used = tuple(usable(self.declared, {row, column}))
        if (row, used) not in self.kept:
            self.kept[row, used] = differentiate(self.program, row, "gradient", used)
        story = self.kept[row, used]
        bodies = [replace(d, body=story.cleaned.get(d.name, d.body)) for d in story.definitions]
        backward = [replace(c, role="user") for c in story.cotangents]
        needed = reachable([*bodies, *backward, replace(story.result, role="user", meaning=f"∂{story.label}/∂{row}")])
        program = replace(self.program, definitions=needed, shape=story.result.shape)
        found = differentiate(program, column, "jacobian", self.declared)
        return Derivation(self.function, program, replace(found, kind="hessian", first=row if row != column else ""), self.declared, self.form.own)

    # ------------------------------------------------------------------------------------------- with respect to what

    def over(self, wrt: Wrt, make: Callable[[str], Any]) -> Any:
        """What is made of each array that `wrt` names, in the same structure."""
        if wrt is None or isinstance(wrt, (str, int)):
            return self._made(self._name(wrt), make)
        return {name: self._made(name, make) for name in map(self._name, wrt)}

    def _made(self, name: str, make: Callable[[str], Any]) -> Any:
        tree = self.form.trees.get(name)
        if tree is None:
            return make(name)
        moving = [leaf is not None and self.source.argument(leaf).kind == "float" for leaf in tree.leaves]
        if not any(moving):
            raise BadInput(f"{name!r} holds no float array.", place=self.source.place)
        return tree.filled([make(leaf) if leaf is not None and moves else None for leaf, moves in zip(tree.leaves, moving)])

    def _name(self, wrt: str | int | None) -> str:
        """The argument, the tree, or the array in a tree that is meant."""
        names, place = self.source.parameters, self.source.place
        if isinstance(wrt, bool) or (isinstance(wrt, int) and not -len(names) <= wrt < len(names)):
            raise BadInput(f"wrt={wrt!r} is no position among {len(names)} arguments.", place=place)
        if not names:
            raise BadInput(f"{self.source.name} has no arguments.", place=place)
        name = names[0] if wrt is None else names[wrt] if isinstance(wrt, int) else wrt
        if name in self.form.trees:
            return name
        leaves = [a.name for a in self.source.arguments]
        if name not in leaves:
            also = [leaf for leaf in leaves if leaf not in names]
            raise BadInput(f"wrt={wrt!r} is no argument of {self.source.name}; the arguments are {', '.join(names)}.", place=place,
                           hint=f"The arrays in them may be named too: {', '.join(also)}." if also else "")
        if self.source.argument(name).kind != "float":
            raise BadInput(f"{name!r} holds {'integers' if self.source.argument(name).kind == 'int' else 'truth values'}, "
                           "and there is no derivative with respect to those.", place=place,
                           hint=f"Name a float argument: {', '.join(a.name for a in self.source.arguments if a.kind == 'float')}.")
        return name
