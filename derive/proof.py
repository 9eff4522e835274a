"""Are two JAX functions equal for all sizes?  A proof by normal form, a refutation by a confirmed counterexample, or the reason why neither.

Different normal forms refute nothing: only numbers at which both original functions were run, and run again in high precision, do.
Nothing is called proved before both functions have agreed at concrete sizes, 1 and equal sizes among them, at a point that satisfies
every premise.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import mpmath
import numpy as np

from derive.assume import declared, use
from derive.derivation import Argument, Assumption, Definition, Section
from derive.domains import premises
from derive.errors import BadInput, DeriveError, NotYet, Undecided
from derive.evaluate import Evaluator
from derive.index import At, Expr, Iverson, Poly, substitute, walk
from derive.normal import P0, Algebra
from derive.normal.present import present
from derive.points import Point, label_bounds, points
from derive.rewrite import Chain
from derive.trace import Program, read
from derive.trace.shapes import Shapes, argument_shapes, call

__all__ = ["Comparison", "Counterexample", "Proof", "compare", "prove"]

_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Counterexample:
    """Sizes and numbers at which the two values differ.

    Attributes:
        sizes: the value of each size.
        arrays: the arguments, by name.
        values: the two results, as floats.
        place: the entry at which they differ most, as a tuple of indices.
        difference: the first value minus the second at that entry.
    """

    sizes: dict[str, int]
    arrays: dict[str, Any]
    values: tuple[Any, Any]
    place: tuple[int, ...]
    difference: float


@dataclass(frozen=True)
class Proof:
    """The answer of `prove`: truth value True only when proved, False when refuted; undecided raises.

    Attributes:
        verdict: 'proved', 'proved off the kink', 'refuted' or 'undecided'.
        reason: one sentence.
        assumptions: what the answer rests on.
        counterexample: where the two differ, or None.
        sections: the steps of the proof: what each side is, and the normal form.
        tried: at how many points both functions were run.
    """

    verdict: str
    reason: str
    assumptions: tuple[Assumption, ...] = ()
    counterexample: Counterexample | None = None
    sections: tuple[Section, ...] = ()
    tried: int = 0
    names: tuple[str, ...] = field(default=())

    def __bool__(self) -> bool:
        if self.verdict == "undecided":
            raise Undecided(self.reason, hint="Neither proved nor refuted; see .reason and .assumptions.")
        return self.verdict == "proved"


@dataclass(frozen=True)
class Comparison:
    """Two programs with the same arguments and the same shape of value, ready to be compared.

    Attributes:
        left, right: the programs; their last definitions are compared.
        run: the two functions at concrete arguments, by name, in 64-bit.
    """

    left: Program
    right: Program
    run: tuple[Callable[..., Any], Callable[..., Any]]
    declared: tuple[Assumption, ...] = ()


def prove(f: Callable[..., Any], g: Callable[..., Any], shapes: Shapes = None, assume: Sequence[str] = ()) -> Proof:
    """Decide whether two JAX functions have equal values for all sizes ≥ 1 and all real arguments where both are defined.

    Args:
        f, g: the functions; their arguments are matched by name, or by position where the names differ.
        shapes: the shapes of f's arguments (see `derive.gradient`); None reads the annotations.
        assume: comparisons that may be used, such as "eps > 0".

    Returns:
        A `Proof`: proved, refuted with a confirmed counterexample, or undecided with the reason.

    Raises:
        DeriveError: one of the functions cannot be read; the error names the line.
    """
    left = read(f, shapes)
    right, names = _matched(g, left, shapes)
    if len(left.shape) != len(right.shape) or any(a is not b for a, b in zip(left.shape, right.shape)):
        return Proof("undecided", f"The values have different shapes: {_shape(left)} and {_shape(right)}.")
    extra = tuple(declared(assume, left.source.arguments))

    def second(**values: Any) -> Any:
        return call(g, {names.get(name, name): value for name, value in values.items()})
    return compare(Comparison(left, right, (f, second), extra))


def _shape(program: Program) -> str:
    return "(" + ", ".join(str(part.args[0]) for part in program.shape) + ")"


def _matched(g: Callable[..., Any], left: Program, shapes: Shapes) -> tuple[Program, dict[str, str]]:
    """g read with f's shapes and f's names; the second value maps f's names to g's."""
    arguments = left.source.arguments
    own = list(argument_shapes(g, None if shapes is None else {}) if shapes is None else _bare_names(g))
    mine = [a.name if isinstance(a, Argument) else a for a in own]
    if set(mine) >= {a.name for a in arguments} or not mine:
        names = {a.name: a.name for a in arguments}
    elif len(mine) >= len(arguments):
        names = {a.name: other for a, other in zip(arguments, mine)}
    else:
        raise BadInput(f"The functions take different arguments: {', '.join(a.name for a in arguments)} and {', '.join(mine)}.")
    given = shapes if isinstance(shapes, Mapping) else None
    extra = {name: given[name] for name in mine if given and name in given and name not in names.values()}
    right = read(g, {**{names[a.name]: _text(a) for a in arguments}, **extra})
    return _renamed(right, {new: old for old, new in names.items()}), names


def _bare_names(g: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(g).parameters)


def _text(argument: Argument) -> str:
    lead = "" if argument.kind == "float" else argument.kind + " "
    return lead + " ".join(_size_text(part) for part in argument.shape)


def _size_text(part: Expr) -> str:
    kind = type(part).__name__
    if kind in ("Num", "Size"):
        return str(part.args[0])
    if kind == "Pow":
        return f"({_size_text(part.args[0])})**{part.args[1]}"
    return "(" + ("+" if kind == "Add" else "*").join(_size_text(kid) for kid in part.args[0]) + ")"


def _renamed(program: Program, names: Mapping[str, str]) -> Program:
    """The program with its arguments under other names."""
    clash = {new for old, new in names.items() if old != new}
    if not clash:
        return program
    moved = {d.name: d.name + "″" for d in program.definitions if d.name in clash}
    table = {**names, **moved}

    def change(node: Expr) -> Expr:
        entries = {part: At(table[part.name], part.indices, part.kind) for part in walk(node) if isinstance(part, At) and part.name in table}
        return substitute(node, entries)
    definitions = tuple(replace(d, name=table.get(d.name, d.name), body=change(d.body)) for d in program.definitions)
    assumptions = tuple(replace(a, condition=change(a.condition) if a.condition is not None else None) for a in program.assumptions)
    arguments = tuple(replace(a, name=names.get(a.name, a.name)) for a in program.source.arguments)
    return replace(program, source=replace(program.source, arguments=arguments), definitions=definitions, assumptions=assumptions)


# ------------------------------------------------------------------------------------------- comparing


class _Side:
    """One program in hard normal form."""

    def __init__(self, program: Program, extra: Sequence[Assumption]) -> None:
        self.program = program
        bodies = {d.name: d for d in program.definitions}

        def lookup(entry: At) -> Expr | None:
            d = bodies.get(entry.name)
            return None if d is None else substitute(d.body, dict(zip(d.indices, entry.indices)))
        self.algebra = Algebra(hard=True, lookup=lookup)
        use(extra, self.algebra, program.source.arguments)

    def form(self, node: Expr | None = None) -> Poly:
        return self.algebra.canonical(self.program.definitions[-1].body if node is None else node)


def compare(c: Comparison) -> Proof:
    """Decide whether the values of two programs are equal."""
    sides = (_Side(c.left, c.declared), _Side(c.right, c.declared))
    assumptions = _assumptions(c, sides)
    outcome = _Outcome(c, assumptions)
    try:
        equal, off_kink, sections, labels = _by_normal_form(sides)
        assumptions += [a for a in labels if (a.text, a.condition) not in {(b.text, b.condition) for b in assumptions}]
    except NotYet as error:
        equal, off_kink, sections = False, False, ()
        outcome.obstacle = error.met
    return outcome.verdict(equal, off_kink, sections)


def _assumptions(c: Comparison, sides: tuple[_Side, _Side]) -> list[Assumption]:
    out = [*c.declared, *c.left.assumptions, *c.right.assumptions]
    for side in sides:
        out += premises(side.program.definitions, side.algebra)
    return list({(a.text, a.condition): a for a in out}.values())


def _by_normal_form(sides: tuple[_Side, _Side]) -> tuple[bool, bool, tuple[Section, ...], list[Assumption]]:
    left, right = sides[0].form(), sides[1].form()
    algebra = sides[0].algebra
    difference = algebra.sub(left, right)
    equal = algebra.is_zero(difference)
    off_kink = equal or algebra.is_zero(_without_ties(algebra, difference))
    sections = []
    for side, form in zip(sides, (left, right)):
        last = side.program.definitions[-1]
        label = At(last.name, last.indices)
        chain = Chain(f"The value of {side.program.source.name}", last.body, left=label)
        sections.append(chain.to("normal form", present(side.algebra, form)).section())
    return equal, off_kink, tuple(sections), [*sides[0].algebra.labels.values(), *sides[1].algebra.labels.values()]


def _without_ties(algebra: Algebra, p: Poly) -> Poly:
    """The polynomial with 1{u = 0} replaced by 0: its value away from ties."""
    ties: dict[Expr, Expr] = {}
    for part in walk(p):
        if isinstance(part, Iverson) and part.args[0] == "=":
            ties[part] = P0
    return algebra.canonical(substitute(p, ties)) if ties else p


class _Outcome:
    """Runs both functions at points, and turns what was found into a verdict."""

    def __init__(self, c: Comparison, assumptions: list[Assumption]) -> None:
        self.c, self.assumptions = c, assumptions
        self.obstacle = ""
        self.tried = 0
        self.one_sided: Point | None = None
        self.premises_met = False

    def verdict(self, equal: bool, off_kink: bool, sections: tuple[Section, ...]) -> Proof:
        found = self.search(thorough=not equal)
        out = Proof("undecided", "", tuple(self.assumptions), found, sections, self.tried)
        if found is not None and equal:
            return replace(out, counterexample=None, reason="The normal forms are equal, but the functions differ in numbers at "
                           f"{found.sizes}: this is a fault of derive, and nothing is claimed.")
        if found is not None and off_kink:
            return replace(out, verdict="proved off the kink", reason="The values are equal except where two compared numbers tie.")
        if found is not None:
            return replace(out, verdict="refuted", reason=f"At sizes {found.sizes} the values differ by {found.difference:.3g}.")
        if not equal:
            why = self.obstacle or "The normal forms differ, and no numbers were found at which the values do."
            return replace(out, reason=why)
        if self.one_sided is not None:
            return replace(out, reason="The two are equal wherever both are defined, but one of them is undefined at points where the other is "
                           "not; declare where the arguments lie with assume=[…].")
        if not self.premises_met:
            return replace(out, reason="No point was found that satisfies all premises, so that the statement could be empty.")
        return replace(out, verdict="proved", reason="Both sides have the same normal form.")

    def search(self, *, thorough: bool) -> Counterexample | None:
        """A point at which the values differ, confirmed in high precision; None where none was found."""
        bounds = label_bounds([a.condition for a in self.assumptions])
        for number, point in enumerate(points(self.c.left.source.arguments, bounds)):
            if number >= (16 if thorough else 5) or (number >= 3 and not thorough and self.premises_met):
                break
            if not self._declared_hold(point):
                continue
            found = self._at(point)
            if found is not None:
                return found
        return None

    def _declared_hold(self, point: Point) -> bool:
        return all(self._holds(a, point) for a in self.c.declared)

    def _holds(self, assumption: Assumption, point: Point) -> bool:
        if assumption.condition is None or type(assumption.condition).__name__ == "Delta":
            return True
        definitions = (*self.c.left.definitions, *(d for d in self.c.right.definitions if d.name not in {x.name for x in self.c.left.definitions}))
        evaluator = Evaluator(point.sizes, point.arrays, definitions)
        indices = tuple(sorted(assumption.condition.free, key=lambda i: i.key))
        try:
            return all(value != 0 for value in evaluator.array(assumption.condition, indices).ravel())
        except (IndexError, ZeroDivisionError):
            return False

    def _at(self, point: Point) -> Counterexample | None:
        try:
            values = tuple(_run(function, point.arrays) for function in self.c.run)
        except (DeriveError, TypeError, ValueError, IndexError, ZeroDivisionError):
            return None
        self.tried += 1
        left, right = values
        finite = np.isfinite(left), np.isfinite(right)
        if (finite[0] != finite[1]).any():
            self.one_sided = self.one_sided or self._undefined(point)
        both = finite[0] & finite[1]
        scale = 1 + np.maximum(np.abs(np.where(both, left, 0)), np.abs(np.where(both, right, 0)))
        gap = np.where(both, np.abs(np.where(both, left, 0) - np.where(both, right, 0)), 0) / scale
        if both.all() and not self.premises_met:
            self.premises_met = all(self._holds(a, point) for a in self.assumptions)
        if gap.size and gap.max() > _TOLERANCE:
            return self._confirmed(point, values, tuple(int(k) for k in np.unravel_index(int(gap.argmax()), gap.shape)))
        return None

    def _undefined(self, point: Point) -> Point | None:
        """The point, if one side is undefined there over the reals and not only in floating point."""
        exact = [_exact(program, point) for program in (self.c.left, self.c.right)]
        bad = [value is None or any(mpmath.isnan(v) or mpmath.isinf(v) for v in value.ravel()) for value in exact]
        return point if bad[0] != bad[1] else None

    def _confirmed(self, point: Point, values: Any, place: tuple[int, ...]) -> Counterexample | None:
        exact = [_exact(program, point) for program in (self.c.left, self.c.right)]
        if exact[0] is None or exact[1] is None:
            return None
        kept = tuple(k for k, n in zip(place, values[0].shape) if n != 1) if exact[0].ndim != len(place) else place
        difference = exact[0][kept] - exact[1][kept]
        if mpmath.isnan(difference) or abs(difference) <= _TOLERANCE * (1 + abs(exact[0][kept])):
            return None
        return Counterexample(point.sizes, point.arrays, values, place, float(difference))


def _exact(program: Program, point: Point) -> np.ndarray | None:
    last = program.definitions[-1]
    evaluator = Evaluator(point.sizes, point.arrays, program.definitions)
    try:
        return evaluator.array(last.body, last.indices)
    except (IndexError, ZeroDivisionError):
        return None


def _run(function: Callable[..., Any], arrays: Mapping[str, Any]) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.jit(lambda **values: call(function, values))(**arrays), dtype=float)

