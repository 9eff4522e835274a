"""Normalised quotients, such as a softmax, (x − μ)/σ or x/‖x‖: values of a row over a statistic of that same row.

Legend: N/D is a quotient; a statistic is a value with a sum in it that has fewer indices than what it was summed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from derive.index import Add, At, Digit, Expr, Index, Mul, Num, Pow, Sum, array_names, fresh, substitute, walk

__all__ = ["Sources", "has_contraction", "over_digits", "quotient_of", "root_of"]


def has_contraction(node: Expr) -> bool:
    """Whether a matrix product occurs in it: a sum over a product of two different arrays or more."""
    if isinstance(node, Sum) and isinstance(node.body, Mul):
        moving = {f for f in node.body.args[0] if f.free & frozenset(node.bound) and isinstance(f, At)}
        if len(moving) >= 2:
            return True
    return isinstance(node, (Add, Mul)) and any(has_contraction(kid) for kid in node.args[0])


@dataclass
class Sources:
    """For each definition: the arrays that it is made from without a matrix product, and whether a sum was taken on the way."""

    arrays: dict[str, frozenset[str]] = field(default_factory=dict)
    summed: set[str] = field(default_factory=set)

    def note(self, name: str, body: Expr) -> None:
        """Take in one more definition."""
        self.arrays[name] = frozenset([name]) if has_contraction(body) else self.of(body) | {name}
        if not has_contraction(body) and self.has_sum(body):
            self.summed.add(name)

    def of(self, node: Expr) -> frozenset[str]:
        """The arrays that an expression is made from."""
        return frozenset().union(*(self.arrays.get(name, frozenset([name])) for name in array_names(node)))

    def has_sum(self, node: Expr) -> bool:
        """Whether a sum is taken on the way to it."""
        return any(isinstance(part, Sum) or (isinstance(part, At) and part.name in self.summed) for part in walk(node))


def quotient_of(node: Expr, sources: Sources) -> tuple[list[Expr], list[Expr]] | None:
    """(the factors of a product that make up N/D, the others), at plain indices; None where there is no normalised quotient."""
    if not isinstance(node, Mul):
        return None
    for below in node.args[0]:
        if not _divides(below) or not sources.has_sum(below):
            continue
        made_from = sources.of(below)
        above = [f for f in node.args[0] if f is not below and not _divides(f) and sources.of(f) & made_from]
        free = frozenset().union(*(f.free for f in above))
        if above and below.free < free and all(map(_plain, (below, *above))):
            mine = [below, *above]
            return [f for f in node.args[0] if f in mine], [f for f in node.args[0] if f not in mine]
    return None


def over_digits(node: Expr) -> tuple[Expr, dict[Expr, Expr]]:
    """The node with an index of its own for each digit of a merged index, and what each of these indices stands for."""
    digits = sorted({part for part in walk(node) if isinstance(part, Digit)}, key=lambda part: part.key)
    own: dict[Expr, Expr] = {digit: fresh(Index("j", digit.args[1][digit.args[2]], 0)) for digit in digits}
    return (substitute(node, own), {j: digit for digit, j in own.items()}) if own else (node, {})


def root_of(factors: list[Expr]) -> Expr | None:
    """The root √v that a quotient is divided by, where v is more than one entry."""
    for f in factors:
        if isinstance(f, Pow) and f.args[1] < 0 and f.args[1].denominator == 2 and not isinstance(f.args[0], (At, Num)):
            return Pow(f.args[0], -f.args[1])
    return None


def _divides(f: Expr) -> bool:
    return isinstance(f, Pow) and f.args[1] < 0 and bool(array_names(f))


def _plain(node: Expr) -> bool:
    """Whether no label picks an entry."""
    return not any(isinstance(inner, At) for part in walk(node) if isinstance(part, At) for i in part.indices for inner in walk(i))
