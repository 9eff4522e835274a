"""How much there is to read in a result."""

from __future__ import annotations

from dataclasses import dataclass

from derive.calculus.naming import UNNAMED
from derive.derivation import Story
from derive.index import Add, Binder, Expr, Fn, Mul, Pow, Sum, array_names, num

__all__ = ["Measure", "final", "measure"]


@dataclass(frozen=True)
class Measure:
    """The operations and sums of a result as it is shown, and the names in it that the source does not have, with those that these need."""

    operations: int
    sums: int
    introduced: int


def final(story: Story) -> Expr:
    """The result in the form that the story ends with."""
    last = story.sections[-1] if story.sections else None
    return last.steps[-1].after if last is not None and last.steps else story.result.body


def measure(story: Story) -> Measure:
    """The measure of a story's result."""
    expr = final(story)
    bodies = {d.name: d for d in (*story.definitions, *story.cotangents)}
    own = {d.name for d in story.definitions if d.meaning == UNNAMED} | {c.name for c in story.cotangents}
    needed: set[str] = set()
    waiting = array_names(expr) & bodies.keys()
    while waiting:
        name = waiting.pop()
        needed.add(name)
        waiting |= (array_names(bodies[name].body) & bodies.keys()) - needed
    return Measure(_operations(expr), _sums(expr), len(needed & own))


def _operations(node: Expr) -> int:
    """Additions, multiplications, divisions, powers and functions, as written."""
    here = len(node.args[0]) - 1 - (node.args[0][0] is num(-1)) if isinstance(node, (Add, Mul)) else int(isinstance(node, (Fn, Pow)))
    return here + sum(_operations(kid) for kid in (node.kids if not isinstance(node, Binder) else [node.body]))


def _sums(node: Expr) -> int:
    return int(isinstance(node, Sum)) + sum(map(_sums, node.kids))
