"""Arrays of numbers that a function closes over, as expressions in their indices."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from derive.errors import NotYet, Place
from derive.index import ONE, ZERO, Const, Expr, Num, Where, add, delta, mul, num
from derive.rules.value import Value

__all__ = ["MOST", "array_of_numbers"]

MOST = 64
_INFINITE = (Const("-inf"), Const("inf"), Const("nan"))


def array_of_numbers(array: Any, kind: str, number: Callable[[Any], Expr], place: Place | None) -> Value:
    """A closed-over array: one number, numbers in even steps along an axis, or a table of a few numbers by Kronecker deltas.

    Args:
        array: the numbers.
        kind: 'float', 'int' or 'bool'.
        number: reads one of them.
        place: where the function is defined, for the error.

    Raises:
        NotYet: there are too many numbers to be written out.
    """
    shape = tuple(num(n) for n in array.shape)
    if not array.size:
        raise NotYet("The function uses an array without entries that is not one of its arguments.", place=place, hint="Pass it as an argument.")
    steps = _even_steps(array)
    if steps is not None:
        start, axis, step = steps
        return Value(shape, lambda *i: number(start) if axis is None else _stepped(number(start), number(step), i[axis]), kind)
    if array.size > MOST:
        raise NotYet(f"The function uses an array of shape {array.shape} that is not one of its arguments.", place=place,
                     hint="Pass it as an argument, so that it has a name.")
    entries = {where: number(array[where]) for where in itertools.product(*map(range, array.shape))}
    return Value(shape, lambda *i: _looked_up(entries, i), kind)


def _even_steps(array: Any) -> tuple[Any, int | None, Any] | None:
    """(first number, axis, step) of numbers that grow by the same step along one axis, and along no other; exact ones only."""
    start = array.flat[0]
    if array.dtype.kind == "b" or array.size == 1 or (array == start).all():
        return (start, None, ZERO) if (array == start).all() or array.size == 1 else None
    if not np.isfinite(array).all() or not (array == np.round(array)).all():
        return None
    for axis in range(array.ndim):
        along = np.moveaxis(array, axis, -1)
        step = along[(0,) * (array.ndim - 1) + (1,)] - start if along.shape[-1] > 1 else 0
        if step and (along == start + step * np.arange(along.shape[-1])).all():
            return start, axis, step
    return None


def _stepped(start: Expr, step: Expr, i: Expr) -> Expr:
    if isinstance(i, Num):
        return num(start.args[0] + step.args[0] * i.value)
    return add(start, mul(step, i))


def _looked_up(entries: dict[tuple[int, ...], Expr], i: tuple[Expr, ...]) -> Expr:
    """Σ_k c_k δ(i, k) over the entries that literal places leave; an infinite one is a mask."""
    left = {where: u for where, u in entries.items() if all(not isinstance(j, Num) or j.value == k for j, k in zip(i, where))}
    out = add(*(mul(u, _here(i, where)) for where, u in left.items() if u not in _INFINITE))
    for infinite in _INFINITE:
        where_it_is = [_here(i, where) for where, u in left.items() if u is infinite]
        out = Where(add(*where_it_is), infinite, out) if where_it_is and ONE not in where_it_is else infinite if where_it_is else out
    return out


def _here(i: tuple[Expr, ...], where: tuple[int, ...]) -> Expr:
    out: Expr = ONE
    for j, k in zip(i, where):
        out = mul(out, delta(j, num(k)))
    return out
