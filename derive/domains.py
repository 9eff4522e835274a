"""Where an expression is defined: collected from what was written, before anything is simplified away.

Legend: u > 0 under a logarithm, u ≠ 0 under a fraction bar, u ≥ 0 under a root; a premise holds for all values of the indices that it
mentions, and only where its guards are 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from derive.derivation import Assumption, Definition
from derive.index import ONE, At, Expr, Fn, Iverson, Pow, Where, add, mul, neg, sub, substitute
from derive.normal import Algebra
from derive.normal.ring import is_number, number
from derive.rules.functions import FUNCTIONS

__all__ = ["conditions", "premises"]


def premises(definitions: Iterable[Definition], algebra: Algebra) -> list[Assumption]:
    """The conditions that are not evident, each as an assumption; those that follow from signs alone are left out."""
    out: dict[Expr, Assumption] = {}
    definitions = list(definitions)
    hard = _expanding(definitions)
    for definition in definitions:
        for op, u, guards in conditions(definition.body, ()):
            if not _evident(op, u, algebra) and not _evident(op, u, hard):
                condition = _condition(op, u, guards)
                out.setdefault(condition, Assumption(_WORDS[op], condition))
    return list(out.values())


_WORDS = {">": "a logarithm or a power needs a positive number", ">=": "a root needs a number that is not negative",
          "!=": "a denominator is not zero"}


def _expanding(definitions: list[Definition]) -> Algebra:
    """A normal form that writes all names out: 1 − σ(z) is then seen to be positive."""
    bodies = {d.name: d for d in definitions}

    def lookup(entry: At) -> Expr | None:
        d = bodies.get(entry.name)
        return None if d is None else substitute(d.body, dict(zip(d.indices, entry.indices)))
    return Algebra(hard=True, lookup=lookup)


def _condition(op: str, u: Expr, guards: tuple[Expr, ...]) -> Expr:
    holds = add(ONE, neg(Iverson("=", u))) if op == "!=" else Iverson(op, u)
    if not guards:
        return holds
    guard = mul(*guards)
    return sub(ONE, mul(guard, sub(ONE, holds)))


def _evident(op: str, u: Expr, algebra: Algebra) -> bool:
    p = algebra.canonical(u)
    sign = algebra.sign(p)
    if sign == "positive" or (op == ">=" and sign):
        return True
    return is_number(p) and ({">": number(p) > 0, ">=": number(p) >= 0, "!=": number(p) != 0}[op])


def conditions(node: Expr, guards: tuple[Expr, ...]) -> Iterator[tuple[str, Expr, tuple[Expr, ...]]]:
    """(op, u, guards) for each place where the expression could be undefined."""
    if isinstance(node, Pow):
        base, exponent = node.args
        if exponent < 0:
            yield (">" if exponent.denominator % 2 == 0 else "!="), base, guards
        elif exponent.denominator % 2 == 0:
            yield ">=", base, guards
    if isinstance(node, Fn) and FUNCTIONS[node.args[0]].domain is not None:
        for u in FUNCTIONS[node.args[0]].domain(*node.args[1]):  # type: ignore[misc]
            yield ">", u, guards
    if isinstance(node, Where):
        condition, u, v = node.args
        yield from conditions(condition, guards)
        yield from conditions(u, (*guards, condition))
        yield from conditions(v, (*guards, sub(ONE, condition)))
        return
    for kid in node.kids:
        yield from conditions(kid, guards)


