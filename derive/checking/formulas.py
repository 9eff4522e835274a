"""The handwritten code as formulas for all sizes, and whether they equal the true ones by normal form."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from derive.assume import use
from derive.checking.difference import reasoning
from derive.checking.lift import CannotLift, LiftedArray, lift
from derive.checking.lift.pieces import laid_out
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.derivation import Argument, Assumption, Definition, Story
from derive.errors import NotYet
from derive.index import At, Expr, Fn, Iverson, Poly, array_names, substitute, walk
from derive.normal import P0, Algebra
from derive.normal.algebra import written_out
from derive.rules.functions import FUNCTIONS

__all__ = ["Formulas", "equal", "formulas_of", "on_indices", "story_equal", "without_ties"]

_MOST = 4  # kept normal forms of one truth
_LARGE = 100_000  # forms in one of them above which another is begun


@dataclass(frozen=True)
class Formulas:
    """What the handwritten code computes, for all sizes.

    Attributes:
        value: the loss or the layer's value, or None where it returns none.
        gradients: by argument.
        mutated: the arguments that it changes in place.
        assumptions: what this rests on, such as labels in range.
        notes: what happens on the way and should be known, such as a drop in precision.
        uncovered: what was not followed, such as a branch that raises.
    """

    value: LiftedArray | None
    gradients: Mapping[str, LiftedArray]
    mutated: tuple[str, ...]
    assumptions: tuple[Assumption, ...]
    notes: tuple[str, ...]
    uncovered: tuple[str, ...]


def formulas_of(subject: Subject, arguments: Sequence[Argument]) -> Formulas:
    """Run the handwritten code on formulas.

    Raises:
        CannotLift: it does something that has no formula for all sizes.
        BadInput: NumPy itself would refuse it for sizes in general.
    """
    lifted = lift(subject.function, {a.name: a for a in arguments if a.name in subject.names or a.name == "dout"})
    value, gradients = lifted.outputs
    found = {name: g for name, g in gradients.items() if isinstance(g, LiftedArray)}
    if len(found) < len(gradients):
        raise CannotLift(f"What is returned as the gradient with respect to {next(n for n in gradients if n not in found)} is no array.")
    for one in (value, *found.values()):
        if isinstance(one, LiftedArray) and not one.body.free <= frozenset(one.indices):
            raise CannotLift("The formula of what is returned is not closed.")
    known = replace(value, body=laid_out(value.body)) if isinstance(value, LiftedArray) and value.kind == "float" else value
    return Formulas(known if isinstance(known, LiftedArray) else None, found, lifted.mutated, tuple(lifted.assumptions),
                    tuple(getattr(lifted, "notes", ())), tuple(getattr(lifted, "uncovered", ())))


def on_indices(own: LiftedArray, indices: Sequence[Any]) -> Expr | None:
    """The entry of a lifted array at these indices; None where the shape is another one."""
    if [i.size for i in own.indices] != [i.size for i in indices]:
        return None
    return substitute(own.body, dict(zip(own.indices, indices)))


def equal(left: Expr, right: Expr, definitions: Sequence[Definition], truth: Truth) -> tuple[bool, bool]:
    """Whether two expressions have the same normal form, everywhere and ties aside; as the truth's assumptions allow.

    The left one may be written with choices between parts that are joined; each choice as it is and as a sum over the parts is tried.
    """
    if truth.binary:
        left, right = _binary(left, truth.binary), _binary(right, truth.binary)
        definitions = [replace(d, body=_binary(d.body, truth.binary)) for d in definitions]
    smooth = _smooth([left]) & _smooth([right, *(d.body for d in definitions)])
    names = set[str]().union(*map(array_names, (left, right, *(d.body for d in definitions))))
    deciders = _KEPT.setdefault(truth, _Deciders())
    ties_aside = False
    for opaque, form in itertools.product(dict.fromkeys((smooth, frozenset[str]())), dict.fromkeys((left, laid_out(left)))):
        algebra = deciders.given(definitions, opaque, truth, names)
        try:
            gap = algebra.sub(algebra.canonical(form), algebra.canonical(right))
            if algebra.is_zero(gap):
                return True, True
            ties_aside = ties_aside or algebra.is_zero(without_ties(algebra, gap))
        except (NotYet, RecursionError):  # too large, or nested too deeply, to be decided
            continue
    return False, ties_aside


def _smooth(nodes: Iterable[Expr]) -> frozenset[str]:
    """The functions that occur and are written out in exponentials to decide equality; equal without that is equal too, and seen sooner."""
    found = {part.args[0] for node in nodes for part in walk(node) if isinstance(part, Fn)}
    return frozenset(name for name in found if FUNCTIONS[name].expand is not None and FUNCTIONS[name].convention is None)


@dataclass
class _Decider:
    """A normal form with the names that it has met: their definitions, or None for an argument."""

    algebra: Algebra
    opaque: frozenset[str]
    met: dict[str, Definition | None]


class _Deciders:
    """Normal forms that are kept, so that what several gradients share is worked out once."""

    def __init__(self) -> None:
        self.kept: list[_Decider] = []

    def given(self, definitions: Sequence[Definition], opaque: frozenset[str], truth: Truth, names: Iterable[str]) -> Algebra:
        """A normal form that writes the defined ones of these names out: a kept one that has met none of them with another meaning."""
        own: dict[str, Definition | None] = {**dict.fromkeys(names), **{d.name: d for d in definitions}}
        for one in self.kept:
            if one.opaque == opaque and one.algebra.size < _LARGE and all(one.met.get(name, d) == d for name, d in own.items()):
                one.met.update(own)
                one.algebra.begin()
                return one.algebra
        met = dict(own)
        algebra = Algebra(hard=True, opaque=opaque, lookup=written_out(met))
        use(truth.extra, algebra, truth.arguments)
        self.kept = [*self.kept[1 - _MOST:], _Decider(algebra, opaque, met)]
        return algebra


_KEPT: weakref.WeakKeyDictionary[Truth, _Deciders] = weakref.WeakKeyDictionary()


def _binary(node: Expr, names: frozenset[str]) -> Expr:
    """The expression with entries that are 0 or 1 as indicators, so that they are told apart by cases."""
    entries: dict[Expr, Expr] = {part: Iverson(">", part) for part in walk(node) if isinstance(part, At) and part.name in names}
    return substitute(node, entries) if entries else node


def without_ties(algebra: Algebra, p: Poly) -> Poly:
    """The polynomial away from all ties: what stands only where two numbers are equal is dropped."""
    ties: dict[Expr, Expr] = {part: P0 for part in walk(p) if isinstance(part, Iverson) and part.args[0] == "="}
    return algebra.canonical(substitute(p, ties)) if ties else p


def story_equal(claimed: Expr, story: Story, truth: Truth) -> tuple[bool, bool]:
    """Whether a claimed gradient, at the indices of the story's result, is that result; everywhere and ties aside."""
    return equal(claimed, story.result.body, reasoning(story), truth)
