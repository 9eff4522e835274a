"""Walk the jaxpr: each equation is read by its row of the table, and the user's variables become definitions."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from jax.extend.core import Literal

from derive.derivation import Argument, Assumption, Definition, Source
from derive.errors import BadInput, NotYet, Place
from derive.index import ONE, At, Const, Delta, Expr, Index, Iverson, Num, array_names, num, size_names, sub
from derive.normal.present import cost
from derive.rules import PRIMITIVES, WRAPPERS
from derive.rules.constants import well_known
from derive.rules.primitives import Equation
from derive.rules.sizes import size
from derive.rules.truth import may_be_infinite, unless_all_masked
from derive.rules.value import Value, indices_for, is_one, scalar
from derive.trace.constants import array_of_numbers
from derive.trace.digits import taken_apart
from derive.trace.jaxprs import function_name, kind_of, needed, tags_of, used_again
from derive.trace.loops import written_out_steps
from derive.trace.names import SEPARATOR, traced
from derive.trace.shapes import Shapes, argument_shapes, place_of
from derive.trace.trees import notes_of, source_of

__all__ = ["Program", "reachable", "read"]

# What gets a name where the source has none for it, as it would only grow when it is written out again; sums so far where they are used twice.
_ALWAYS = {"sort": "sorted"}
_LONG = 50
_SHARED = {"cumsum": "sums", "cumlogsumexp": "sums", "cumprod": "products"}


@dataclass(frozen=True)
class Program:
    """A function as it was read: definitions in order, the last one being its value.

    Attributes:
        source: the function.
        definitions: the named arrays, dead ones removed.
        shape: the shape of the value, axes of size 1 included.
        assumptions: what the reading rests on (labels in range).
        conventions: sentences on literals that were read as exact numbers.
    """

    source: Source
    definitions: tuple[Definition, ...]
    shape: tuple[Expr, ...]
    assumptions: tuple[Assumption, ...]
    conventions: tuple[str, ...]


def read(function: Callable[..., Any], shapes: Shapes = None) -> Program:
    """Trace a function with symbolic sizes and read it as definitions in index notation.

    Raises:
        DeriveError: a shape is missing, the function cannot be traced, or a primitive has no row; the error names the line.
    """
    arguments = argument_shapes(function, shapes)
    reader = _Reader(function, arguments)
    closed = traced(function, arguments, reader.told_apart)
    for assumption in notes_of(function):
        reader.assume(assumption)
    jaxpr = getattr(closed, "jaxpr", closed)
    constants = [reader.constant(value) for value in closed.consts]
    outputs = reader.run(jaxpr, [*constants, *(reader.argument(argument) for argument in arguments)], top=True)
    return reader.program(outputs)


class _Reader:
    def __init__(self, function: Callable[..., Any], arguments: tuple[Argument, ...]) -> None:
        self.source = source_of(function, arguments)
        self.place = place_of(function)
        self.definitions: list[Definition] = []
        self.assumptions: dict[tuple[str, Expr | None], Assumption] = {}
        self.literals: dict[str, str] = {}
        self.taken = {argument.name for argument in arguments}
        sizes = set().union(*(size_names(part) for argument in arguments for part in argument.shape)) if arguments else set()
        self.reserved = self.taken | sizes
        self.enclosing: Place | None = None
        self.step = ""
        self.parts = 0

    # ------------------------------------------------------------------------------------------- what goes in

    def argument(self, argument: Argument) -> Value:
        return Value(argument.shape, lambda *i: At(argument.name, i, argument.kind), argument.kind)

    def constant(self, value: Any) -> Value:
        array = np.asarray(value)
        if array.ndim:
            return array_of_numbers(array, kind_of(array.dtype), self.number, self.place)
        return Value((), lambda: self.number(array[()]), kind_of(array.dtype))

    def number(self, value: Any) -> Expr:
        """A literal means its shortest decimal."""
        if isinstance(value, (bool, np.bool_)):
            return num(int(value))
        if isinstance(value, (int, np.integer)):
            return num(int(value))
        text = str(value)
        if text in ("-inf", "inf", "nan"):
            return Const(text)
        constant = well_known(float(value))
        if constant is not None:
            self.literals[text] = constant[0]
            return constant[1]
        exact = Fraction(text)
        if exact != Fraction(float(value)):
            self.literals[text] = str(exact)
        return num(exact)

    def value(self, variable: Any, known: dict[Any, Value]) -> Value:
        if isinstance(variable, Literal):
            return Value((), lambda: self.number(np.asarray(variable.val)[()]), kind_of(np.asarray(variable.val).dtype))
        return known[variable]

    # ------------------------------------------------------------------------------------------- walking

    def run(self, jaxpr: Any, inputs: Sequence[Value], *, top: bool = False) -> list[Value]:
        known: dict[Any, Value] = dict(zip([*jaxpr.constvars, *jaxpr.invars], inputs))
        fixed = set(jaxpr.constvars) | set(jaxpr.invars)
        live, tags = needed(jaxpr), tags_of(jaxpr)
        shared = used_again(jaxpr)
        for variable in [*fixed] if not top else []:
            if variable in tags:
                known[variable] = self.define(tags[variable], known[variable])
        for equation in jaxpr.eqns:
            if equation.primitive.name == "name" or not any(out in live for out in equation.outvars):
                continue
            results = self.equation(equation, [self.value(variable, known) for variable in equation.invars])
            for variable, result in zip(equation.outvars, results):
                tag = tags.get(variable) or _worth_a_name(equation, variable in shared)
                known[variable] = self.define(tag, result) if tag else self.shared(result) if variable in shared else result
        return [self.value(variable, known) for variable in jaxpr.outvars]

    def equation(self, equation: Any, inputs: list[Value]) -> list[Value]:
        name, params = equation.primitive.name, equation.params
        if name == "scan":
            return self.loop(equation, inputs)
        inner = params.get("jaxpr", params.get("call_jaxpr", params.get("fun_jaxpr")))
        wrapper = WRAPPERS.get(function_name(params, inner)) if inner is not None else None
        if wrapper is not None and wrapper.fits(inputs):
            return wrapper.read_all(inputs)
        if inner is not None and name in ("jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call", "remat2", "checkpoint",
                                          "core_call", "custom_vjp_call_jaxpr", "remat"):
            consts = [self.constant(value) for value in getattr(inner, "consts", ())]
            before, self.enclosing = self.enclosing, self.line(equation) or self.enclosing
            try:
                return self.run(getattr(inner, "jaxpr", inner), [*consts, *inputs])
            finally:
                self.enclosing = before
        if name == "platform_index":
            return [scalar(num(0), "int")]
        if name == "cond" and "branches_platforms" in params:
            branch = params["branches"][[platforms is None for platforms in params["branches_platforms"]].index(True)]
            return self.run(getattr(branch, "jaxpr", branch), inputs[1:])
        row = PRIMITIVES.get(name)
        if row is None:
            raise NotYet(f"The operation {name!r} of JAX has no row in the table of primitives.", place=self.line(equation),
                         hint="Write it with other operations, or add a row to derive/rules/primitives.py.")
        out = equation.outvars[0].aval
        floors: list[Expr] = []
        try:
            result = row.read(Equation(tuple(inputs), params, tuple(size(dim, floors) for dim in out.shape), kind_of(out.dtype), self.assume))
        except NotYet as error:
            raise NotYet(error.met, place=error.place or self.line(equation), hint=error.hint) from error
        for n in floors:
            self.assume(Assumption("a window fits", Iverson(">=", n)))
        return result if isinstance(result, list) else [result]

    def loop(self, equation: Any, inputs: list[Value]) -> list[Value]:
        """A loop of a known length, step by step."""
        body, before = equation.params["jaxpr"], self.step
        constants = [self.constant(value) for value in getattr(body, "consts", ())]

        def run(t: int, given: Sequence[Value]) -> list[Value]:
            self.step = f"{before}_{t + 1}"
            return self.run(getattr(body, "jaxpr", body), [*constants, *given])
        try:
            return written_out_steps(equation.params, inputs, run, lambda t, value: self.define("s", value))
        except NotYet as error:
            raise NotYet(error.met, place=error.place or self.line(equation), hint=error.hint) from error
        finally:
            self.step = before

    def assume(self, assumption: Assumption) -> None:
        self.assumptions[assumption.text, assumption.condition] = assumption

    def told_apart(self, one: Any, other: Any) -> None:
        """Two sizes that a library compared, and was told that they are not equal."""
        if isinstance(other, (int, type(one))):
            self.assume(Assumption("two sizes are not equal", sub(ONE, Iverson("=", sub(size(one), size(other))))))

    def line(self, equation: Any) -> Place | None:
        """The line of the user's file that an equation comes from."""
        back = getattr(equation.source_info, "traceback", None)
        for frame in (back.frames if back is not None else ()):
            if self.place is not None and frame.file_name == self.place.file:
                return Place(frame.file_name, frame.line_num, linecache.getline(frame.file_name, frame.line_num).strip())
        return self.enclosing or self.place

    # ------------------------------------------------------------------------------------------- definitions

    def define(self, tag: str, value: Value) -> Value:
        """Name a value by the user's variable, unless it is a number, a label, a mask or another name for the same thing."""
        name, _, line = tag.partition(SEPARATOR)
        if value.kind != "float":
            return value
        indices, full = indices_for(value.shape, self.reserved)
        body = value.at(*full)
        if _is_alias(body) or not array_names(body) or may_be_infinite(body):
            return value
        for q in unless_all_masked(body):
            self.assume(Assumption("at least one entry is not masked", q))
        apart = taken_apart(value, full, body)
        if apart is None:
            return self.add(name, value, indices, body, int(line) if line else 0)
        over_more, back = apart
        indices, full = indices_for(over_more.shape, self.reserved)
        return back(self.add(name, over_more, indices, over_more.at(*full), int(line) if line else 0))

    def shared(self, value: Value) -> Value:
        """A value that is used more than once, under a name where it is long."""
        if value.kind != "float" or cost(value.at(*indices_for(value.shape, self.reserved)[1])) < _LONG:
            return value
        self.parts += 1
        return self.define(f"part{self.parts}", value)

    def add(self, name: str, value: Value, indices: tuple[Index, ...], body: Expr, line: int) -> Value:
        name += self.step
        while name in self.taken:
            name += "′"
        self.taken.add(name)
        kept = [k for k, part in enumerate(value.shape) if not is_one(part)]
        place = Place(self.place.file, line, linecache.getline(self.place.file, line).strip()) if self.place and line else None
        self.definitions.append(Definition(name, indices, body, "user", value.shape, place))
        return Value(value.shape, lambda *i: At(name, tuple(i[k] for k in kept)), "float")

    def program(self, outputs: list[Value]) -> Program:
        if len(outputs) != 1:
            met = "returns nothing" if not outputs else f"returns {len(outputs)} values"
            raise BadInput(f"The function {self.source.name} {met}; one array is needed.", place=self.place,
                           hint="End it with: return loss")
        (value,) = outputs
        indices, full = indices_for(value.shape, self.reserved)
        body = value.at(*full)
        last = self.definitions[-1] if self.definitions else None
        if last is None or body is not At(last.name, indices):
            name = self.source.name if self.source.name.isidentifier() and self.source.name not in self.taken else "out"
            if last is not None and isinstance(body, At) and body.name in {d.name for d in self.definitions}:
                self.definitions = self.definitions[:1 + [d.name for d in self.definitions].index(body.name)]
                if body is not At(self.definitions[-1].name, indices):
                    self.add(name, value, indices, body, 0)
            else:
                self.add(name, value, indices, body, 0)
        if self.definitions[-1].shape != value.shape:  # named before axes of size 1 were added or dropped
            self.definitions[-1] = replace(self.definitions[-1], shape=value.shape)
        conventions = [f"the literal {text} is read as {exact}" for text, exact in self.literals.items()]
        if may_be_infinite(self.definitions[-1].body):
            conventions.append("where a mask puts an infinite number in the place of the value, the derivative is 0")
        return Program(self.source, reachable(self.definitions), value.shape, tuple(self.assumptions.values()), tuple(conventions))


def reachable(definitions: list[Definition]) -> tuple[Definition, ...]:
    """The definitions that the last one depends on."""
    live, kept = {definitions[-1].name}, []
    for definition in reversed(definitions):
        if definition.name in live:
            kept.append(definition)
            live |= array_names(definition.body)
    return tuple(reversed(kept))


def _worth_a_name(equation: Any, shared: bool) -> str:
    inner = equation.params.get("jaxpr")
    name = function_name(equation.params, inner) if inner is not None else equation.primitive.name
    return _ALWAYS.get(name, _SHARED.get(name, "") if shared else "")


def _is_alias(body: Expr) -> bool:
    return isinstance(body, (At, Delta, Num, Index, Iverson))

