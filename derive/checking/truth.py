"""What a gradient is compared with: the reference's own derivative, as a story, at concrete sizes, and in numbers.

A reference is kept from one check to the next, so that it is derived and compiled once.
"""

from __future__ import annotations

import copy
import functools
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from derive.assume import declared
from derive.calculus.differentiate import differentiate
from derive.checking.inputs import points_for
from derive.checking.valueshape import value_shape
from derive.derivation import Argument, Assumption, Story
from derive.errors import DeriveError, NotYet
from derive.index import Expr, Size, num
from derive.points import Point, concrete, label_bounds, sizes_of
from derive.trace import Program, read
from derive.trace.shapes import Shapes, argument_shapes, call
from derive.trace.trees import Flat, Form, formed, packed_in
from derive.trace.whole import read_form

__all__ = ["Reference", "Truth", "form_of", "reference_of"]

_SMALL = (3, 5, 4, 7, 6, 8, 9, 10)
_QUICK = {"xla_backend_optimization_level": 0}  # what runs a few times at small sizes need not run fast
_KEPT: weakref.WeakKeyDictionary[Callable[..., Any], dict[Any, Reference]] = weakref.WeakKeyDictionary()


class Truth(Protocol):
    """What a claimed gradient is compared with.

    Attributes:
        arguments: with their symbolic shapes; for an array-valued function the incoming gradient `dout` is the last one.
        kind: 'gradient' for a scalar loss, 'vjp' for an array-valued function.
        extra: assumptions that the user declared.
        own: whether it is the loss that the handwritten code returns itself.
        bounds: for each integer argument, the sizes that its entries stay below.
        binary: the integer arguments that are taken to be 0 or 1.
    """

    arguments: tuple[Argument, ...]
    kind: str
    extra: tuple[Assumption, ...]
    own: bool
    binary: frozenset[str]

    @property
    def bounds(self) -> Mapping[str, Sequence[Expr]]:
        """For each integer argument, the sizes that its entries stay below."""

    def gradient(self, arrays: Mapping[str, Any], wrt: str) -> np.ndarray:
        """The true gradient at concrete arguments, in 64-bit; NaN outside of the domain."""

    def value(self, arrays: Mapping[str, Any]) -> Any:
        """The value of the loss or the layer, in 64-bit; None where there is no reference."""

    def points(self, count: int) -> Iterator[Point]:
        """Points at which to compare, that satisfy what is assumed."""

    def story(self, wrt: str) -> Story:
        """The derivation for all sizes.

        Raises:
            NotYet: there is none.
        """

    def story_at(self, wrt: str, sizes: Mapping[str, int]) -> Story:
        """A derivation that holds at these sizes at least.

        Raises:
            NotYet: there is none.
        """


class Reference:
    """A JAX function as the truth; see `Truth`."""

    own = False
    binary: frozenset[str] = frozenset()

    def __init__(self, function: Callable[..., Any], shapes: Shapes, assume: Sequence[str]) -> None:
        self.function, self.assume = function, tuple(assume)
        own = argument_shapes(function, shapes)
        self.inputs = own
        self.failure: DeriveError | None = None
        try:
            self.program: Program | None = read(function, shapes)
        except DeriveError as error:  # what cannot be read for all sizes may be run, and read at concrete ones
            self.program, self.failure = None, error
        shape = self.program.shape if self.program is not None else _value_shape(function, own, self.failure)
        self.kind = "vjp" if shape else "gradient"
        self.arguments = (*own, Argument("dout", shape)) if shape else own
        self.extra = tuple(declared(assume, own, packed_in(function)))
        self._stories: dict[Any, Story | NotYet] = {}
        self._compiled: dict[Any, Callable[..., Any]] = {}
        self._numbers: dict[Any, tuple[Any, dict[str, np.ndarray]]] = {}
        self._points: list[Point] = []

    def with_binary(self, names: Iterable[str]) -> Reference:
        """The same reference for integer arguments that are 0 or 1."""
        other = copy.copy(self)
        other.binary = frozenset(names)
        other._points = []
        other.__dict__["bounds"] = {**self.bounds, **{name: [num(2)] for name in names}}
        return other

    def read_as(self, program: Program) -> Reference:
        """The same reference, whose formulas are those of another program."""
        other = copy.copy(self)
        other.program, other._stories = program, {}
        return other

    # ------------------------------------------------------------------------------------------- stories

    def story(self, wrt: str) -> Story:
        """The derivation for all sizes; see `Truth`."""
        if self.program is None:
            assert self.failure is not None
            raise NotYet(self.failure.met, place=self.failure.place, hint=self.failure.hint)
        return self._kept_story((wrt,), self.program)

    def story_at(self, wrt: str, sizes: Mapping[str, int]) -> Story:
        """The derivation for all sizes, or else at these; see `Truth`."""
        if self.program is not None:
            return self.story(wrt)
        key = (wrt, *sizes.items())
        if key not in self._stories:
            try:
                program = read(self.function, self._shapes_at(sizes))
            except DeriveError as error:
                failure = self._stories[key] = NotYet(error.met, place=error.place, hint=error.hint)
                raise failure from error
            return self._kept_story(key, program)
        return self._kept_story(key, None)

    def _shapes_at(self, sizes: Mapping[str, int]) -> dict[str, str]:
        return {a.name: " ".join([a.kind, *(str(concrete(n, dict(sizes))) for n in a.shape)]) for a in self.inputs}

    def _kept_story(self, key: Any, program: Program | None) -> Story:
        if key not in self._stories and program is not None:
            try:
                self._stories[key] = differentiate(program, key[0], self.kind, self.extra)
            except NotYet as error:
                self._stories[key] = error
        found = self._stories[key]
        if isinstance(found, NotYet):
            raise found
        return found

    # ------------------------------------------------------------------------------------------- numbers

    def _computed(self, arrays: Mapping[str, Any]) -> tuple[Any, dict[str, np.ndarray]]:
        """(value, gradients by every float argument), kept."""
        key = tuple((name, np.asarray(value).shape, np.asarray(value).tobytes()) for name, value in arrays.items())
        if key not in self._numbers:
            floats = [a.name for a in self.inputs if a.kind == "float" and a.name in arrays]
            shapes = tuple(np.shape(value) for value in arrays.values())
            if shapes not in self._compiled:
                self._compiled[shapes] = jax.jit(self._value_and_gradients, compiler_options=_QUICK)
            with jax.enable_x64(True):
                moving = {name: np.asarray(arrays[name], dtype=float) for name in floats}
                rest = {name: value for name, value in arrays.items() if name not in moving}
                value, gradients = self._compiled[shapes](moving, rest)
                self._numbers[key] = np.asarray(value), {name: np.asarray(g) for name, g in gradients.items()}
        return self._numbers[key]

    def _value_and_gradients(self, moving: dict[str, Any], rest: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        rest = dict(rest)
        seed = rest.pop("dout", None)

        def value(moved: dict[str, Any]) -> tuple[Any, Any]:
            out = call(self.function, {**rest, **moved})
            return (out if seed is None else jnp.sum(out * seed)), out

        (_, out), gradients = jax.value_and_grad(value, has_aux=True)(moving)
        return out, gradients

    def gradient(self, arrays: Mapping[str, Any], wrt: str) -> np.ndarray:
        """See `Truth`."""
        return self._computed(arrays)[1][wrt]

    def value(self, arrays: Mapping[str, Any]) -> Any:
        """See `Truth`."""
        return self._computed(arrays)[0]

    def points(self, count: int) -> Iterator[Point]:
        """See `Truth`."""
        if not self._points:
            self._points = [self._two_valued(p) for p in points_for(self.arguments, self.bounds, self.program, self.extra)]
        yield from self._points[:count]

    def _two_valued(self, point: Point) -> Point:
        """The point with 0 and 1 in the arguments of floats that are taken to be so."""
        names = [a.name for a in self.inputs if a.name in self.binary and a.kind == "float"]
        return replace(point, arrays={**point.arrays, **{name: (np.asarray(point.arrays[name]) > 0) * 1.0 for name in names}}) if names else point

    @functools.cached_property
    def bounds(self) -> Mapping[str, Sequence[Expr]]:
        """See `Truth`."""
        program = self.program
        if program is None:
            names = sizes_of(self.inputs)
            sizes = {name: _SMALL[k % len(_SMALL)] for k, name in enumerate(names)}
            try:
                program = read(self.function, self._shapes_at(sizes))
            except DeriveError:
                return {}
            back: dict[Expr, Expr] = {num(value): Size(name) for name, value in sizes.items()}
            return {n: [back.get(b, b) for b in bounds] for n, bounds in label_bounds([a.condition for a in program.assumptions]).items()}
        return label_bounds([a.condition for a in program.assumptions])


def _value_shape(function: Callable[..., Any], arguments: Sequence[Argument], failure: DeriveError | None) -> tuple[Expr, ...]:
    """The shape of the value, by abstract evaluation at several sizes.

    Raises:
        DeriveError: it does not run at unequal sizes either: the first failure, which names the line.
    """
    dtypes = {"float": jnp.float64, "int": jnp.int64, "bool": jnp.bool_}

    def at(sizes: Mapping[str, int]) -> tuple[int, ...]:
        given = {a.name: jax.ShapeDtypeStruct(tuple(concrete(n, dict(sizes)) for n in a.shape), dtypes[a.kind]) for a in arguments}
        with jax.enable_x64(True):
            return tuple(jax.eval_shape(lambda values: call(function, values), given).shape)

    try:
        return value_shape(arguments, at)
    except Exception as error:  # whatever the reference raises, the first failure tells more
        raise (failure or error) from error


def form_of(function: Callable[..., Any], shapes: Shapes) -> Form:
    """A function with trees taken apart, at the lengths of the examples where it cannot be read at symbolic sizes."""
    form = formed(function, shapes)
    if form.numbers is None:
        return form
    try:
        return read_form(form)[0]
    except DeriveError:
        return form


def reference_of(function: Callable[..., Any], shapes: Shapes, assume: Sequence[str]) -> Reference:
    """The reference for a JAX function, kept from one check to the next."""
    whole = function.function if isinstance(function, Flat) else function
    key = (repr(shapes), tuple(assume), repr(function.trees) + function.note if isinstance(function, Flat) else "")
    try:
        kept = _KEPT.setdefault(whole, {})
    except TypeError:
        return Reference(function, shapes, assume)
    if key not in kept:
        kept[key] = Reference(function, shapes, assume)
    return kept[key]
