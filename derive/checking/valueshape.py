"""The symbolic shape of what a function returns, told from its shapes at several concrete sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from derive.derivation import Argument
from derive.errors import NotYet
from derive.index import Expr, Size, add, mul, num
from derive.points import concrete, sizes_of

__all__ = ["value_shape"]

_PRIMES = ((7, 11, 13, 17, 19, 23, 29, 31), (11, 7, 17, 13, 23, 19, 31, 29), (9, 10, 8, 12, 14, 15, 16, 18))


def value_shape(arguments: Sequence[Argument], shape_at: Callable[[Mapping[str, int]], tuple[int, ...]]) -> tuple[Expr, ...]:
    """The symbolic shape.

    Args:
        arguments: with their symbolic shapes.
        shape_at: the concrete shape at concrete sizes.

    Raises:
        NotYet: the shapes at several sizes are no sizes of the arguments, products of two of them, or numbers.
    """
    names = sizes_of(arguments)
    settings = [{name: primes[k % len(primes)] for k, name in enumerate(names)} for primes in _PRIMES]
    seen = [shape_at(sizes) for sizes in settings]
    if len({len(shape) for shape in seen}) != 1:
        raise NotYet("The number of axes of what is returned depends on the sizes.")
    alone = [Size(name) for name in names]
    choices: list[Expr] = [*alone, *(mul(Size(a), Size(b)) for k, a in enumerate(names) for b in names[k:])]
    choices += [add(mul(num(times), size), num(shift)) for size in alone for times in (1, 2, 3, 4) for shift in (0, -1, 1, -2, 2, -3, 3, -4, 4)]
    return tuple(_told([shape[axis] for shape in seen], settings, choices) for axis in range(len(seen[0])))


def _told(values: Sequence[int], settings: Sequence[dict[str, int]], choices: Sequence[Expr]) -> Expr:
    if len(set(values)) == 1:
        return num(values[0])
    for one in choices:
        if all(concrete(one, sizes) == value for value, sizes in zip(values, settings)):
            return one
    raise NotYet(f"An axis of what is returned has the sizes {', '.join(map(str, values))}, which are no sizes of the arguments.",
                 hint="Give the sizes numbers in shapes=.")
