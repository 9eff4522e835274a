"""What a wrong gradient has in common with a right one, told from numbers alone: transposed, of another argument, right for some sizes only.

A row is a question to the numbers with the sentence that answers it; nothing here knows a particular loss.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from derive.checking.diagnosis.bench import Bench, Seen, matching, off
from derive.points import Point

__all__ = ["PATTERNS", "Pattern"]

_NOTHING = 1e-9  # what cancels to rounding is 0

Pattern = Callable[[Bench, Sequence[Seen]], Iterator[str]]


def _shape(bench: Bench, seen: Sequence[Seen]) -> Iterator[str]:
    """Another shape, and what it is the shape of."""
    wrong = next((s for s in seen if s.claimed.shape != s.true.shape and len(set(s.point.sizes.values())) > 1), None)
    if wrong is None:
        return
    if wrong.claimed.shape == wrong.true.shape[::-1]:
        yield f"the gradient has the shape of {bench.wrt} transposed: {wrong.claimed.shape} where {bench.wrt} has {wrong.true.shape}"
    elif wrong.claimed.size == wrong.true.size:
        yield f"the gradient has the shape {wrong.claimed.shape} where {bench.wrt} has {wrong.true.shape}"
    elif wrong.claimed.ndim < wrong.true.ndim:
        yield (f"the gradient has the shape {wrong.claimed.shape} where {bench.wrt} has {wrong.true.shape}: too much is summed, "
               "over all axes instead of one or over an axis too many")
    elif wrong.claimed.ndim > wrong.true.ndim:
        yield (f"the gradient has the shape {wrong.claimed.shape} where {bench.wrt} has {wrong.true.shape}: {bench.wrt} is broadcast, "
               "so its gradient must be summed over the axes along which it is repeated")


def _transposed(bench: Bench, seen: Sequence[Seen]) -> Iterator[str]:
    """The transpose of what is true; where the shape is right, that can be seen at equal sizes alone."""
    square = [s for s in seen if s.true.ndim == 2 and s.claimed.shape == s.true.shape[::-1]]
    telling = [s for s in square if s.true.shape != s.true.T.shape or off(s.true, s.true.T)]
    if telling and matching(square, [s.true.T for s in square]):
        yield "your gradient is the transpose of the true one: rows and columns are exchanged"


def _another_argument(bench: Bench, seen: Sequence[Seen]) -> Iterator[str]:
    """The gradient of another argument."""
    for a in bench.truth.arguments:
        if a.kind != "float" or a.name in (bench.wrt, "dout"):
            continue
        kept = [s for s in seen if set(s.point.sizes.values()) != {1}][:4]
        guesses = [bench.true(s.point.sizes, s.point.arrays, a.name) for s in kept]
        if matching(kept, guesses) and not all(g is None or not g.any() for g in guesses):
            yield f"your gradient is the one with respect to {a.name}: the results are exchanged, or {a.name} stands where {bench.wrt} belongs"


def _proportional(bench: Bench, seen: Sequence[Seen]) -> Iterator[str]:
    """One factor for everything: a number, a size, a product of two of them, or a scalar argument."""
    ratios = []
    for s in seen:
        if s.claimed.shape != s.true.shape or not s.true.any():
            return
        ratio = float(np.sum(s.claimed * s.true) / np.sum(s.true * s.true))
        if off(s.claimed, ratio * s.true):
            return
        ratios.append((s, ratio))
    if len(ratios) > 1 and all(abs(r) < 1e-12 for _, r in ratios):
        yield "your gradient is 0 everywhere"
    elif len(ratios) > 1:
        for words, factor in _candidates(bench, ratios[0][0]):
            quotients = [r / factor(s.point) for s, r in ratios]
            number = Fraction(quotients[0]).limit_denominator(12)
            if number == 1 and words == ("", ""):
                continue
            if number and all(abs(q - number) < 1e-6 * abs(number) for q in quotients):
                yield from _factor_words(number, words)
                return


def _candidates(bench: Bench, first: Seen) -> Iterator[tuple[tuple[str, str], Callable[[Point], float]]]:
    """((what stands above, what stands below), its value at a point)."""
    def size(*names: tuple[str, int]) -> Callable[[Point], float]:
        return lambda p: float(np.prod([float(p.sizes[n]) ** e for n, e in names]))

    yield ("", ""), size()
    for n in bench.symbols:
        yield (n, ""), size((n, 1))
        yield ("", n), size((n, -1))
    for a, b in itertools.permutations(bench.symbols, 2):
        yield (a, b), size((a, 1), (b, -1))
    for a, b in itertools.combinations_with_replacement(bench.symbols, 2):
        yield (f"{a}²" if a == b else f"{a} {b}", ""), size((a, 1), (b, 1))
        yield ("", f"{a}²" if a == b else f"{a} {b}"), size((a, -1), (b, -1))
    for argument in bench.truth.arguments:
        if argument.kind == "float" and not argument.shape and abs(float(first.point.arrays[argument.name])) > 0:
            name = argument.name
            yield (name, ""), lambda p, name=name: float(p.arrays[name]) or np.nan  # type: ignore[misc]
            yield ("", name), lambda p, name=name: 1 / (float(p.arrays[name]) or np.nan)  # type: ignore[misc]


def _factor_words(number: Fraction, words: tuple[str, str]) -> Iterator[str]:
    above, below = words
    sign = "its sign is wrong, and " if number < 0 and (abs(number) != 1 or above or below) else ""
    size = abs(number)
    if not above and not below:
        yield ("the sign of the whole gradient is wrong" if number == -1 else
               f"{sign}the whole gradient is multiplied by {size}: it should stand there once")
        return
    times = f" (and it is multiplied by {size})" if size != 1 else ""
    if above and below:
        yield f"{sign}the whole gradient is divided by {below} where {above} was meant{times}"
    elif above:
        yield f"{sign}the whole gradient lacks the factor 1/{above}{times}"
    else:
        yield f"{sign}the whole gradient is divided by {below}, which does not belong there: divided twice, or a mean where a sum belongs{times}"


def _equal_sizes(bench: Bench, seen: Sequence[Seen]) -> Iterator[str]:
    """Right where two sizes are equal, or where one is 1; wrong at unequal sizes."""
    base = [s.point for s in seen if len(set(s.point.sizes.values())) == len(s.point.sizes) and not s.right]
    if len(base) < 2:
        return
    for a, b in itertools.combinations(bench.symbols, 2):
        low = min(p.sizes[n] for p in base for n in (a, b))
        if low > 1 and _right_at(bench, base, {a: low, b: low}):
            yield f"it is right only where {a} = {b}: one of the two sizes stands where the other belongs"
    for a in bench.symbols:
        if all(p.sizes[a] > 1 for p in base) and _right_at(bench, base, {a: 1}):
            yield f"it is right only where {a} = 1"


def _right_at(bench: Bench, points: Sequence[Point], sizes: dict[str, int]) -> bool:
    """Whether it is right at all points when these sizes are changed, and the gradient is not trivial there."""
    cuts = [cut for p in points if (cut := bench.sliced(p, {**p.sizes, **sizes})) is not None]
    found = [seen for cut in cuts if (seen := bench.seen(cut)) is not None]
    return len(found) > 1 and all(s.right and np.abs(s.true).max() > _NOTHING for s in found)


def _at_zero(bench: Bench, seen: Sequence[Seen]) -> Iterator[str]:
    """Right where a scalar argument is 0."""
    base = next((s for s in seen if not s.right), None)
    for a in bench.truth.arguments:
        if base is not None and a.kind == "float" and not a.shape and a.name != bench.wrt and a.name in base.point.arrays:
            found = bench.seen(Point(base.point.sizes, {**base.point.arrays, a.name: np.float64(0.0)}, base.point.style))
            if found is not None and found.right and float(base.point.arrays[a.name]):
                yield f"it is right only at {a.name} = 0: what is wrong is the part with {a.name}"


def _shifted(bench: Bench, seen: Sequence[Seen]) -> Iterator[str]:
    """The difference is one number for all entries, or one for each row or column."""
    wrong = [s for s in seen if s.claimed.shape == s.true.shape and s.true.size > 2 and not s.right]
    gaps = [s.claimed - s.true for s in wrong]
    if len(gaps) > 1 and all(np.ptp(g) < 1e-9 * (1 + np.abs(g).max()) for g in gaps):
        yield "every entry is off by the same amount: something was summed to one number and then added to all entries"


PATTERNS: tuple[Pattern, ...] = (_shape, _transposed, _another_argument, _proportional, _equal_sizes, _at_zero, _shifted)
