"""Where an expression is defined: collected from what was written, before anything is simplified away.

Legend: u > 0 under a logarithm, u ≠ 0 under a fraction bar, u ≥ 0 under a root; a premise holds for all values of the indices that it
mentions, and only where its guards are 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from derive.derivation import Argument, Assumption, Definition
from derive.index import ONE, At, Expr, Fn, Iverson, MatrixFn, Pow, Where, add, neg, sub, substitute, walk
from derive.normal import Algebra
from derive.normal.ring import is_number, number
from derive.normal.sums import under
from derive.rules.functions import FUNCTIONS

__all__ = ["conditions", "label_uses", "premises", "uses"]

Guards = tuple[Expr, ...]
_WORDS = {">": "a logarithm or a power needs a positive number", ">=": "a root needs a number that is not negative",
          "!=": "a denominator is not zero"}


def premises(definitions: Sequence[Definition], algebra: Algebra) -> list[Assumption]:
    """The conditions that are not evident, each as an assumption; those that follow from signs alone are left out.

    The last definition is the value; the others count where it uses them, under the guards of that use.
    """
    out: dict[Expr, Assumption] = {}
    found: dict[tuple[str, Expr], list[Guards]] = {}
    for body, outer in uses(definitions):
        for op, u, guards in conditions(body, outer):
            if not _evident(op, u, algebra):
                found.setdefault((op, u), []).append(guards)
        for part in walk(body):
            if isinstance(part, MatrixFn):
                name = f"the matrix {part.body.args[0]} has" if isinstance(part.body, At) else "the matrix that is inverted has"
                out.setdefault(part, Assumption(f"{name} an inverse", None))
    for (op, u), places in found.items():
        for guards in _unguarded(places):
            condition = under(add(ONE, neg(Iverson("=", u))) if op == "!=" else Iverson(op, u), guards)
            out.setdefault(condition, Assumption(_WORDS[op], condition))
    return list(out.values())


def _unguarded(places: list[Guards]) -> list[Guards]:
    """The guards of one condition, without what they say twice: with no guard at all, or in both cases of one, it must hold anyway."""
    if () in places or any((sub(ONE, g),) in places for (g,) in (p for p in places if len(p) == 1)):
        return [()]
    return list(dict.fromkeys(places))


def label_uses(definitions: Sequence[Definition], arguments: Sequence[Argument]) -> list[tuple[Expr, Expr, Guards]]:
    """(label, size, guards) for each entry that a label picks."""
    axes = {a.name: a.shape for a in arguments} | {d.name: tuple(i.size for i in d.indices) for d in definitions}
    out: dict[tuple[Expr, Expr, Guards], None] = {}
    for body, outer in uses(definitions):
        for entry, guards in _entries(body, outer):
            for index, size in zip(entry.indices, axes[entry.name]):
                if any(isinstance(part, At) and part.kind == "int" for part in walk(index)):
                    out[index, size, guards] = None
    return list(out)


def _evident(op: str, u: Expr, algebra: Algebra) -> bool:
    p = algebra.canonical(u)
    sign = algebra.sign(p)
    if sign == "positive" or (op == ">=" and sign):
        return True
    return is_number(p) and ({">": number(p) > 0, ">=": number(p) >= 0, "!=": number(p) != 0}[op])


def uses(definitions: Sequence[Definition]) -> Iterator[tuple[Expr, Guards]]:
    """(body, guards) for the value and for each definition that it uses: once where a use is unguarded, else once for each guarded use."""
    bodies = {d.name: d for d in definitions}
    seen: set[object] = set()
    open_uses: list[tuple[Expr, Guards]] = [(definitions[-1].body, ())]
    guarded_uses: list[tuple[At, Guards]] = []
    while open_uses or guarded_uses:
        if open_uses:
            body, guards = open_uses.pop()
        else:
            entry, guards = guarded_uses.pop()
            if entry.name in seen or (entry, guards) in seen:
                continue
            seen.add((entry, guards))
            d = bodies[entry.name]
            body = substitute(d.body, dict(zip(d.indices, entry.indices)))
        yield body, guards
        for entry, inner in _entries(body, guards):
            if entry.name in bodies and inner:
                guarded_uses.append((entry, inner))
            elif entry.name in bodies and entry.name not in seen:
                seen.add(entry.name)
                open_uses.append((bodies[entry.name].body, ()))


def _entries(node: Expr, guards: Guards) -> Iterator[tuple[At, Guards]]:
    if isinstance(node, At):
        yield node, guards
    for kid, inner in _parts(node, guards):
        yield from _entries(kid, inner)


def _parts(node: Expr, guards: Guards) -> Iterator[tuple[Expr, Guards]]:
    """The direct parts, each with the guards that it stands under."""
    if not isinstance(node, Where):
        yield from ((kid, guards) for kid in node.kids)
        return
    condition, u, v = node.args
    yield condition, guards
    yield u, (*guards, condition)
    yield v, (*guards, sub(ONE, condition))


def conditions(node: Expr, guards: Guards) -> Iterable[tuple[str, Expr, Guards]]:
    """(op, u, guards) for each place where the expression could be undefined."""
    if isinstance(node, Pow):
        base, exponent = node.args
        if exponent.denominator != 1:
            yield (">" if exponent < 0 else ">="), base, guards
        elif exponent < 0:
            yield "!=", base, guards
    domain = FUNCTIONS[node.args[0]].domain if isinstance(node, Fn) else None
    if domain is not None:
        for u in domain(*node.args[1]):
            yield ">", u, guards
    for kid, inner in _parts(node, guards):
        yield from conditions(kid, inner)
