"""The two sides of a check of a custom rule: what the rule claims, and what is true, each as a program and as a function of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from derive.calculus.differentiate import differentiate
from derive.checking.foreign.claims import Claims, JvpClaims, VjpClaims, named
from derive.checking.valueshape import value_shape
from derive.derivation import Argument, Assumption, Definition, Story
from derive.errors import DeriveError, NotYet
from derive.index import ONE, ZERO, At, Expr, Sum, add, array_names, expand, mul, substitute
from derive.points import Point, concrete, label_bounds, points
from derive.trace import Program, read

__all__ = ["Output", "Question", "jvp_question", "outputs_of", "tried_at", "value_question", "vjp_question", "written"]

Arrays = Mapping[str, Any]
Run = Callable[[Arrays], np.ndarray]
_QUICK = {"xla_backend_optimization_level": 0}  # compiled in half the time, for small arrays


@dataclass(frozen=True)
class Question:
    """Whether two things are equal.

    Attributes:
        claimed, true: the two, as functions of named numbers.
        arguments: what they take.
        claim: the first, as a function to be read with symbolic sizes.
        truth: gives the second as a program, and the story that it comes from where there is one.
        labels: what is known of the labels.
    """

    claimed: Run
    true: Run
    arguments: tuple[Argument, ...]
    claim: Callable[[], Program]
    truth: Callable[[], tuple[Program, Story | None]]
    labels: tuple[Assumption, ...] = ()


@dataclass(frozen=True)
class Output:
    """One value of f: the name of what flows into it ('' for integers), and its shape."""

    seed: str
    argument: Argument


def written(program: Program) -> Expr:
    """The value of a program in its arguments alone."""
    *before, last = program.definitions
    body = last.body
    for d in reversed(before):
        body = expand(body, {d.name: (d.indices, d.body)})
    return body


def _numbers(function: Callable[[Arrays], Any], *, compiled: bool = True) -> Run:
    """A function of named numbers in 64-bit."""
    fast = jax.jit(function, compiler_options=_QUICK) if compiled else function

    def run(arrays: Arrays) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(fast({name: jnp.asarray(value) for name, value in arrays.items()}))

    return run


def _program(c: Claims, function: Callable[[Arrays], Any], source: Any, more: Sequence[Argument] = ()) -> Program:
    arguments = (*c.arguments, *more)
    shapes = replace(c, arguments=arguments).shapes
    return read(named(function, [a.name for a in arguments], source), shapes)


def _primal(c: Claims, output: int = 0) -> Program:
    """One value of f, read once."""
    if output not in c.programs:
        try:
            c.programs[output] = _program(c, lambda given: jax.tree.leaves(c.primal(given))[output], c.code.fun)
        except DeriveError as error:
            c.programs[output] = error
    found = c.programs[output]
    if isinstance(found, DeriveError):
        raise found
    assert isinstance(found, Program)
    return found


def _known(c: Claims) -> tuple[Assumption, ...]:
    try:
        return _primal(c).assumptions
    except DeriveError:
        return ()


def _can_compile(c: Claims) -> bool:
    """Whether JAX may trace the whole call: an argument that is not differentiated must be a plain value."""
    return not any(a.name in c.still for a in c.arguments)


# ------------------------------------------------------------------------------------------- what f returns


def outputs_of(c: Claims, assumptions: Sequence[Assumption] = ()) -> tuple[Output, ...]:
    """The values that f returns, in order.

    Raises:
        NotYet: it cannot be read what shape one of them has.
    """
    bounds = label_bounds([a.condition for a in (*assumptions, *_known(c))])
    leaves = _abstract(c, next(points(c.arguments, bounds)).sizes)
    taken, out = {a.name for a in c.arguments}, []
    for k, leaf in enumerate(leaves):
        seed = "dout" if len(leaves) == 1 else f"dout_{k + 1}"
        if seed in taken or "dout" in taken:
            raise NotYet(f"An argument of {c.name} is called {seed}, which is the name of what flows in.", hint="Rename it.")
        out.append(Output(seed if jnp.issubdtype(leaf.dtype, jnp.inexact) else "", Argument(seed, _value_shape(c, k))))
    return tuple(out)


def _abstract(c: Claims, sizes: Mapping[str, int]) -> list[Any]:
    """Shape and dtype of each value of f at these sizes."""
    dtypes = {"float": jnp.float64, "int": jnp.int64, "bool": jnp.bool_}
    with jax.enable_x64(True):
        given = {a.name: jax.ShapeDtypeStruct(tuple(concrete(n, dict(sizes)) for n in a.shape), dtypes[a.kind]) for a in c.arguments}
        return jax.tree.leaves(jax.eval_shape(c.primal, given))


def _value_shape(c: Claims, output: int) -> tuple[Expr, ...]:
    """The shape of one value: as it is read, else as it is at several sizes."""
    try:
        return _primal(c, output).shape
    except DeriveError:
        return value_shape(c.arguments, lambda sizes: tuple(_abstract(c, sizes)[output].shape))


def _picked(outputs: Sequence[Output], values: Any) -> list[Any]:
    """The values that something flows into."""
    return [leaf for one, leaf in zip(outputs, jax.tree.leaves(values)) if one.seed]


def _pulled(function: Callable[[Any], list[Any]], x: Any, seeds: list[Any]) -> Any:
    """Σ seed · ∂f/∂x; entry by entry where JAX has only the forward mode, as for a loop of unknown length."""
    try:
        return jax.vjp(function, x)[1](seeds)[0]
    except ValueError as error:
        if "Reverse-mode" not in str(error):
            raise

    def entry(direction: Any) -> Any:
        _, moved = jax.jvp(function, (x,), (direction,))
        return sum(jnp.sum(seed * one) for seed, one in zip(seeds, moved))

    basis = jnp.eye(x.size, dtype=x.dtype).reshape(x.size, *x.shape)
    return jax.vmap(entry)(basis).reshape(x.shape)


# ------------------------------------------------------------------------------------------- the questions


def value_question(c: VjpClaims | JvpClaims, output: int) -> Question:
    """Whether the value that the rule returns is f's."""

    def pick(function: Callable[[Arrays], Any]) -> Callable[[Arrays], Any]:
        return lambda given: jax.tree.leaves(function(given))[output]

    source = c.code.fwd if isinstance(c, VjpClaims) else c.code.jvp
    return Question(_numbers(pick(c.value), compiled=_can_compile(c)), _numbers(pick(c.primal)), c.arguments,
                    lambda: _program(c, pick(c.value), source), lambda: (_primal(c, output), None), _known(c))


def vjp_question(c: VjpClaims, outputs: Sequence[Output], wrt: str, extra: Sequence[Assumption]) -> Question:
    """Whether the cotangent that the rule gives for one argument is Σ dout · ∂f/∂x."""
    seeds = tuple(one.argument for one in outputs if one.seed)

    def truth() -> tuple[Program, Story]:
        if len(seeds) == 1 and len(outputs) == 1:
            story = differentiate(_primal(c), wrt, "vjp", extra)
        else:
            story = differentiate(_program(c, paired, c.code.fun, seeds), wrt, "gradient", extra)
        story = replace(story, source=replace(story.source, arguments=(*c.arguments, *seeds)))
        return Program(story.source, (*story.definitions, *story.cotangents, story.result), story.result.shape, story.assumptions, ()), story

    def paired(given: Arrays) -> Any:
        return sum(jnp.sum(given[one.name] * value) for one, value in zip(seeds, _picked(outputs, c.primal(given))))

    def pulled(function: Callable[[Arrays], Any]) -> Callable[[Arrays], Any]:
        return lambda given: _pulled(lambda x: _picked(outputs, function({**given, wrt: x})), given[wrt], [given[one.name] for one in seeds])

    return Question(_numbers(pulled(c.ruled), compiled=_can_compile(c)), _numbers(pulled(c.primal)), (*c.arguments, *seeds),
                    lambda: _program(c, lambda given: c.cotangent(given, [one.seed for one in outputs], wrt), c.code.bwd, seeds),
                    truth, _known(c))


def jvp_question(c: JvpClaims, outputs: Sequence[Output], output: int, wrt: Sequence[str], extra: Sequence[Assumption]) -> Question:
    """Whether the tangent that the rule gives is Σ ∂f/∂x · ẋ, over one argument or several that move together."""
    taken = {a.name for a in c.arguments}
    tangents = {name: next(n for n in (f"{name}_dot", f"d_{name}", f"{name}_tangent") if n not in taken) for name in wrt}
    moved = tuple(Argument(tangents[a.name], a.shape) for a in c.arguments if a.name in tangents)

    def pushed(function: Callable[[Arrays], Any]) -> Callable[[Arrays], Any]:
        def run(given: Arrays) -> Any:
            _, out = jax.jvp(lambda xs: jax.tree.leaves(function({**given, **xs}))[output],
                             ({name: given[name] for name in wrt},), ({name: given[t] for name, t in tangents.items()},))
            return out

        return run

    def truth() -> tuple[Program, Story | None]:
        program = _primal(c, output)
        stories = [differentiate(program, name, "jacobian", extra) for name in wrt]
        return _directional(stories, tangents, outputs[output].argument.shape, moved)

    return Question(_numbers(pushed(c.ruled), compiled=_can_compile(c)), _numbers(pushed(c.primal)), (*c.arguments, *moved),
                    lambda: _program(c, lambda given: jax.tree.leaves(c.tangent(given, tangents))[output], c.code.jvp, moved),
                    truth, _known(c))


def _directional(stories: Sequence[Story], tangents: Mapping[str, str], shape: tuple[Expr, ...],
                 moved: tuple[Argument, ...]) -> tuple[Program, Story]:
    """Σ ∂f/∂x · ẋ as a program, and as the result of a story."""
    parts: list[Expr] = []
    first = stories[0]
    rank = sum(n is not ONE for n in shape)
    letters = first.result.indices[:rank]
    for story in stories:
        seeds, own = story.result.indices[:rank], story.result.indices[rank:]
        free = iter(own)
        at = tuple(ZERO if n is ONE else next(free) for n in story.source.argument(story.wrt).shape)
        names = (*story.definitions, *story.cotangents)
        body = written(Program(story.source, (*names, replace(story.result, body=story.result.body)), (), (), ()))
        product = mul(body, At(tangents[story.wrt], at))
        assert [i.size for i in seeds] == [i.size for i in letters]
        parts.append(substitute(Sum(own, product) if own else product, {old: new for old, new in zip(seeds, letters) if old is not new}))
    source = replace(first.source, arguments=(*first.source.arguments, *moved))
    assumptions = tuple({(a.text, a.condition): a for story in stories for a in story.assumptions}.values())
    result = Definition(_unused("tangent", parts), letters, add(*parts), "result", shape)
    story = replace(first, source=source, result=result, cotangents=(), assumptions=assumptions)
    return Program(source, (result,), shape, assumptions, ()), story


def _unused(name: str, parts: Sequence[Expr]) -> str:
    taken = set().union(*(array_names(part) for part in parts))
    while name in taken:
        name += "′"
    return name


def tried_at(question: Question, count: int) -> list[Point]:
    """The points at which the two sides are run."""
    found = points(question.arguments, label_bounds([a.condition for a in question.labels]))
    return [point for _, point in zip(range(count), found)]

