"""A variable whose axes were merged is named over the axes that they were merged from, so that its formula has plain indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from derive.index import Digit, Expr, Index, digit, mul, num, substitute, walk
from derive.rules.structure import factors_of, merged
from derive.rules.value import Value, is_one

__all__ = ["taken_apart"]

Radix = tuple[Expr, ...]


def taken_apart(value: Value, indices: Sequence[Expr], body: Expr) -> tuple[Value, Callable[[Value], Value]] | None:
    """(the array over more axes, how the array is read from one over more axes); None where no axis was merged.

    Args:
        value: the array.
        indices: one index for each axis, 0 at an axis of size 1.
        body: its entry at those.
    """
    radices = [_radix(i, body) if isinstance(i, Index) else None for i in indices]
    if not any(radices):
        return None
    shape = tuple(n for size, radix in zip(value.shape, radices) for n in (radix or (size,)))

    def over_more(*i: Expr) -> Expr:
        left, whole = list(i), []
        known: dict[Expr, Expr] = {}
        for radix in radices:
            mine = [left.pop(0) for _ in radix or (num(1),)]
            one = merged(mine, radix) if radix else mine[0]
            known.update({Digit(one, radix, k): part for k, part in enumerate(mine)} if radix else {})
            whole.append(one)
        return substitute(value.at(*whole), known)

    def back(named: Value) -> Value:
        def at(*i: Expr) -> Expr:
            parts = [[digit(j, radix, k) for k in range(len(radix))] if radix else [j] for j, radix in zip(i, radices)]
            return named.at(*(part for several in parts for part in several))
        return Value(value.shape, at, value.kind)
    return Value(shape, over_more, value.kind), back


def _radix(i: Index, body: Expr) -> Radix | None:
    """The sizes that an index was merged from, where its digits in them are used."""
    found = {part.args[1] for part in walk(body) if isinstance(part, Digit) and part.args[0] is i}
    fitting = [sizes for sizes in found if factors_of(mul(*sizes)) == factors_of(i.size) and not any(map(is_one, sizes))]
    return min(fitting, key=lambda sizes: (-len(sizes), str(sizes))) if fitting else None
