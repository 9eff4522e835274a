"""The points of a check: numbers that satisfy what a program assumes and what the user declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from derive.derivation import Argument, Assumption
from derive.domains import label_uses
from derive.index import At, Expr, walk
from derive.points import Point, masked, telling
from derive.trace import Program

__all__ = ["points_for"]


def points_for(arguments: Sequence[Argument], bounds: Mapping[str, Sequence[Expr]], program: Program | None,
               declared: Sequence[Assumption]) -> list[Point]:
    """Points at which to compare, the most telling first.

    Args:
        arguments: with their symbolic shapes.
        bounds: for each integer argument, the sizes that its entries stay below.
        program: what the arguments are for, where it is known.
        declared: what the user declared of the arguments.
    """
    if program is None:
        return list(telling(arguments, bounds, declared=declared))
    return list(telling(arguments, bounds, _masks(program), program.definitions, program.assumptions, declared))


def _masks(program: Program) -> dict[str, list[int]]:
    """The values of labels that are looked at apart, such as −1 for 'no label', where no label is used without a guard."""
    uses = label_uses(program.definitions, program.source.arguments)
    bare = {part.name for label, _, guards in uses if not guards for part in walk(label) if isinstance(part, At) and part.kind == "int"}
    return {name: values for name, values in masked(program.definitions).items() if name not in bare}
