"""On which case a difference lives: the two values of each indicator in it, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from derive.checking.difference import Differences
from derive.index import ONE, ZERO, Delta, Expr, Fn, Iverson, Num, Poly, num, rebuild, substitute, walk
from derive.normal import P0, UNIT, Algebra, factors, terms

__all__ = ["cases"]

_MOST = 4


def cases(differences: Differences, claimed: Expr) -> Iterator[str]:
    """A sentence for each indicator that tells where the difference is 0; values on ties alone do not count."""
    algebra = differences.expanding()
    gap = _plain(algebra, algebra.sub(algebra.canonical(claimed), algebra.canonical(differences.true)))
    alike: dict[str, list[Expr]] = {}
    for part in sorted((part for part in walk(gap) if isinstance(part, (Delta, Iverson))), key=lambda part: (not isinstance(part, Delta), part.key)):
        alike.setdefault(algebra.skeleton(part), []).append(part)
    for parts in list(alike.values())[:_MOST]:
        off, on = (_plain(algebra, substitute(gap, dict.fromkeys(parts, value))) for value in (ZERO, ONE))
        if off is P0 and on is not P0:
            yield f"it is wrong only {_where(differences, parts[0])}, and right elsewhere"
        elif on is P0 and off is not P0:
            yield f"it is right {_where(differences, parts[0])}, and wrong elsewhere"


def _plain(algebra: Algebra, node: Expr) -> Poly:
    """The normal form with every way to say 'u is positive' as 1{u > 0}."""
    def change(part: Expr) -> Expr:
        part = rebuild(part, change) if part.args else part
        if isinstance(part, Fn) and part.args[0] == "heaviside":
            return Iverson(">", part.args[1][0])
        if isinstance(part, Fn) and part.args[0] == "max" and all(_number(u) is not None for u in part.args[1]):
            return num(max(_number(u) or 0 for u in part.args[1]))
        if isinstance(part, Iverson) and part.args[0] in (">", ">="):
            inner = _of_maximum(part.args[1])
            return Iverson(">", part.args[1] if inner is None else inner)
        return part
    return algebra.canonical(change(algebra.canonical(node)))


def _number(node: Expr) -> Fraction | None:
    if isinstance(node, Poly):
        return sum((c for m, c in terms(node)), Fraction(0)) if all(m is UNIT for m, _ in terms(node)) else None
    return node.value if isinstance(node, Num) else None


def _of_maximum(node: Expr) -> Expr | None:
    """u for max(u, 0)."""
    if isinstance(node, Poly) and len(terms(node)) == 1:
        ((m, c),) = terms(node)
        atoms = list(factors(m))
        node = atoms[0][0] if c > 0 and len(atoms) == 1 and atoms[0][1] == 1 else node
    if isinstance(node, Fn) and node.args[0] == "relu":
        return node.args[1][0]
    if isinstance(node, Fn) and node.args[0] == "max" and any(u in (P0, ZERO) for u in node.args[1]):
        return next((u for u in node.args[1] if u not in (P0, ZERO)), None)
    return None


def _where(differences: Differences, part: Expr) -> str:
    text = differences.show(part)
    return f"where {text[2:-1]}" if text.startswith("1{") and text.endswith("}") else f"where {text} is 1"
