"""Are two JAX functions equal for all sizes?  A proof by normal form, a refutation by a confirmed counterexample, or why neither.

Different normal forms refute nothing: only numbers at which both original functions were run, and run again in high precision, do.
Nothing is called proved before both functions have agreed at concrete sizes, 1 and equal sizes among them, at a point that satisfies
every premise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from derive.assume import declared, use
from derive.calculus.rewrite import Chain
from derive.derivation import Assumption, Definition, Section, Story, label_in_range
from derive.domains import label_uses, premises
from derive.errors import DeriveError, NotYet
from derive.evaluate import Evaluator
from derive.index import At, Expr, Iverson, Poly, num, substitute, walk
from derive.normal import P0, Algebra
from derive.normal.algebra import written_out
from derive.normal.present import present
from derive.normal.sums import under
from derive.points import label_and_size
from derive.proving.answer import Proof
from derive.proving.matching import form_like, matched, with_shared_arrays
from derive.proving.trial import Counterexample, Label, Trial
from derive.rules.value import indices_for
from derive.trace import Program, read
from derive.trace.read import reachable
from derive.trace.shapes import Shapes, call
from derive.trace.trees import Form, formed
from derive.trace.whole import read_form

__all__ = ["Comparison", "Counterexample", "Proof", "compare", "prove", "same_derivative"]

_LABELS = label_in_range(num(0), num(1)).text


@dataclass(frozen=True)
class Comparison:
    """Two programs with the same arguments and the same shape of value, ready to be compared.

    Attributes:
        left, right: the programs; their last definitions are compared.
        run: the two functions of a mapping from names to arrays, in 64-bit.
        declared: what the user allows to be assumed.
    """

    left: Program
    right: Program
    run: tuple[Callable[[Mapping[str, Any]], np.ndarray], Callable[[Mapping[str, Any]], np.ndarray]]
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
    given = formed(f, shapes)
    ways, tried = list(with_shared_arrays(given, g)), False
    for form, other in ways:
        if tried and form is not ways[-1][0]:  # the last one has the shapes as they are
            continue
        try:
            found = _decided(form, read(form.function, form.shapes), other, assume)
        except DeriveError:  # the shapes may be written in another way
            continue
        if found.verdict == "proved":
            return found
        tried = True
    form, left = read_form(given)
    return _decided(form, left, form_like(g, form), assume)


def _decided(form: Form, left: Program, g: Callable[..., Any], assume: Sequence[str]) -> Proof:
    f = form.function
    right, names = matched(g, left, form.shapes)
    if len(left.shape) != len(right.shape) or any(a is not b for a, b in zip(left.shape, right.shape)):
        return Proof("undecided", f"The values have different shapes: {_shape(left)} and {_shape(right)}.")
    extra = tuple(declared(assume, left.source.arguments, left.source.packed))

    return compare(Comparison(left, right, (_runner(f, {}), _runner(g, names)), extra))


def _runner(function: Callable[..., Any], names: Mapping[str, str]) -> Callable[[Mapping[str, Any]], np.ndarray]:
    """The function at concrete arguments, compiled once for each setting of the sizes, in 64-bit."""
    compiled = jax.jit(lambda values: call(function, {names.get(name, name): value for name, value in values.items()}))

    def run(arrays: Mapping[str, Any]) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(compiled(dict(arrays)), dtype=float)
    return run


def _shape(program: Program) -> str:
    return "(" + ", ".join(str(part.args[0]) for part in program.shape) + ")"


# ------------------------------------------------------------------------------------------- comparing


class _Side:
    """One program in hard normal form."""

    def __init__(self, program: Program, extra: Sequence[Assumption]) -> None:
        self.program = program
        self.algebra = Algebra(hard=True, lookup=written_out(program.definitions))
        use(extra, self.algebra, program.source.arguments)

    def form(self) -> Poly:
        return self.algebra.canonical(self.program.definitions[-1].body)

    def labels(self) -> list[Label]:
        """The labels that the reading and the normal form take to be in range; a guarded use keeps its guard."""
        picked = [Label(*use) for use in label_uses(self.program.definitions, self.program.source.arguments)]
        known = {_shape_of(_bare(one)) for one in picked}
        pairs = [label_and_size(a.condition) for a in self.program.assumptions if a.text == _LABELS]
        read_labels = [Label(*pair) for pair in pairs if pair is not None]
        used = [Label(key[0], key[1], key[2:]) for key in self.algebra.labels]
        return [*picked, *(one for one in read_labels if _shape_of(_bare(one)) not in known), *used]

    def premises(self) -> list[Assumption]:
        other = [a for a in self.program.assumptions if a.text != _LABELS]
        return [*other, *premises(self.program.definitions, self.algebra)]


def _bare(one: Label) -> Expr:
    """The condition of a label without its guards."""
    return replace(one, guards=()).condition


def _shape_of(condition: Expr) -> Expr:
    """A condition with generic letters for its free indices, so that the same condition is seen once."""
    free = sorted(condition.free, key=lambda i: i.key)
    indices, _ = indices_for([i.size for i in free], set())
    return substitute(condition, dict(zip(free, indices)))


def compare(c: Comparison) -> Proof:
    """Decide whether the values of two programs are equal."""
    sides = (_Side(c.left, c.declared), _Side(c.right, c.declared))
    names = (c.left.source.name, c.right.source.name)
    obstacle, equal, off_kink, claims = "", False, False, []
    sections: tuple[Section, ...] = ()
    ties: tuple[Expr, ...] = ()
    try:
        equal, off_kink, sections, ties = _by_normal_form(sides)
        claims = [(side.program, a) for side in sides for a in side.premises()]
    except NotYet as error:
        equal, off_kink, obstacle = False, False, error.met
    except RecursionError:
        equal, off_kink, obstacle = False, False, "The normal form goes round in a circle, or is too deep."
    labels = [(side.program, one) for side in sides for one in side.labels()]
    trial = Trial((c.left, c.right), c.run, c.declared, claims, labels, ties if off_kink and not equal else ())
    shown = [*c.declared, *(Assumption(_LABELS, _shape_of(_above(one))) for _, one in labels), *(a for _, a in claims),
             *(Assumption(text) for text in (*c.left.conventions, *c.right.conventions))]
    once = {(a.text, a.condition and _shape_of(a.condition)): a for a in shown}
    used = tuple(reachable(list(side.program.definitions))[:-1] for side in sides)
    out = Proof("undecided", "", tuple(once.values()), None, sections, names=names, definitions=used)
    found = trial.search(thorough=not equal)
    return _verdict(replace(out, counterexample=found, tried=trial.tried), trial, equal, off_kink, obstacle)


def _above(one: Label) -> Expr:
    """The condition of a label as it is shown: that it starts at 0 is said in words."""
    whole = label_in_range(one.label, one.size).condition
    assert whole is not None
    return under(whole, one.guards)


def _by_normal_form(sides: tuple[_Side, _Side]) -> tuple[bool, bool, tuple[Section, ...], tuple[Expr, ...]]:
    """Whether the normal forms are equal, whether they are away from ties, the proof as sections, and the numbers that are 0 at a tie."""
    left, right = sides[0].form(), sides[1].form()
    algebra = sides[0].algebra
    difference = algebra.sub(left, right)
    equal = algebra.is_zero(difference)
    ties: dict[Expr, Expr] = {part: P0 for part in walk(difference) if isinstance(part, Iverson) and part.args[0] == "="}
    off_kink = equal or (bool(ties) and algebra.is_zero(algebra.canonical(substitute(difference, ties))))
    sections = []
    turns = ("", "") if sides[0].program.source.name != sides[1].program.source.name else (", the first", ", the second")
    for side, form, turn in zip(sides, (left, right), turns):
        last = side.program.definitions[-1]
        chain = Chain(f"The value of {side.program.source.name}{turn}", last.body, left=At(last.name, last.indices))
        sections.append(chain.to("normal form", present(side.algebra, form)).section())
    return equal, off_kink, tuple(sections), tuple(part.args[1] for part in ties)


def _verdict(out: Proof, trial: Trial, equal: bool, off_kink: bool, obstacle: str) -> Proof:
    found = out.counterexample
    fault = "this is a fault of derive, and nothing is claimed."
    if equal and found is not None:
        return replace(out, counterexample=None,
                       reason=f"The normal forms are equal, but the functions differ in numbers at {found.sizes}: {fault}")
    if off_kink and not equal and trial.broken_off_kink:
        return replace(out, counterexample=None, reason=f"The normal forms are equal off the kink, but the functions differ there: {fault}")
    if off_kink and not equal and trial.agreed_off_kink and trial.premises_met and trial.one_sided is None:
        return replace(out, verdict="proved off the kink", reason="The values are equal except where two compared numbers tie.")
    if found is not None:
        return replace(out, verdict="refuted", reason=f"At the sizes {found.told_sizes} the values differ by {found.difference:.3g}.")
    if not equal and not off_kink:
        return replace(out, reason=obstacle or "The normal forms differ, and no numbers were found at which the values do.")
    if trial.one_sided is not None:
        return replace(out, reason="The two are equal wherever both are defined, but one of them is undefined at points where the other is "
                       "not; declare where the arguments lie with assume=[…].")
    if trial.misread is not None:
        return replace(out, reason=f"As they were read the two are equal, but run at {trial.misread.sizes} they are not: rounding, or they "
                       "were misread.")
    if not trial.premises_met:
        return replace(out, reason="No point was found that satisfies all premises, so that the statement could be empty.")
    return replace(out, verdict="proved", reason="Both sides have the same normal form.")


# ------------------------------------------------------------------------------------------- derivatives


def same_derivative(left: Story, right: Story) -> Proof:
    """Decide whether two derivations have the same result, for all sizes.

    Args:
        left, right: the stories of two derivatives with respect to arguments of the same name and shape.

    Returns:
        A `Proof`; the numbers that it is tried with are those of the two results as they were derived, in high precision.
    """
    programs = tuple(Program(s.source, _unclashed(s), s.result.shape, s.assumptions, ()) for s in (left, right))
    return compare(Comparison(programs[0], programs[1], (_exactly(programs[0]), _exactly(programs[1]))))


def _unclashed(story: Story) -> tuple[Definition, ...]:
    return (*story.definitions, *story.cotangents, story.result)


def _exactly(program: Program) -> Callable[[Mapping[str, Any]], np.ndarray]:
    def run(arrays: Mapping[str, Any]) -> np.ndarray:
        sizes = {part.args[0]: n for a in program.source.arguments for part, n in zip(a.shape, np.shape(arrays[a.name]))
                 if type(part).__name__ == "Size"}
        last = program.definitions[-1]
        return Evaluator(sizes, arrays, program.definitions).array(last.body, last.indices).astype(float)
    return run
