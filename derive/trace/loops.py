"""Loops of a known length are written out: each step gives definitions of its own, named with the number of the step.

Legend: a carry is what one step hands to the next; x_t is the part of an array that step t reads, y_t the part that it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from derive.errors import NotYet
from derive.index import num
from derive.rules.picking import by_position
from derive.rules.value import Value

__all__ = ["written_out_steps"]

Run = Callable[[int, Sequence[Value]], list[Value]]


def written_out_steps(params: dict[str, Any], inputs: Sequence[Value], run: Run, name: Callable[[int, Value], Value]) -> list[Value]:
    """The carries at the end of a `scan`, then what it collected.

    Args:
        params: of the equation.
        inputs: constants, first carries, arrays that are read step by step.
        run: runs the body of step t on its inputs.
        name: gives a carry of step t a name of its own, so that the formulas do not grow with each step.

    Raises:
        NotYet: the length is symbolic.
    """
    length, (fixed, carried) = params["length"], _counts(params)
    if not isinstance(length, int):
        raise NotYet(f"A loop over {length} steps is a recurrence of symbolic length, and has no row.",
                     hint='Give that dimension a number, such as shapes={"x": "5 n d"}: the steps are then written out.')
    constants, carries, rows = list(inputs[:fixed]), list(inputs[fixed:fixed + carried]), inputs[fixed + carried:]
    collected: dict[int, list[Value]] = {}
    for t in reversed(range(length)) if params["reverse"] else range(length):
        outputs = run(t, [*constants, *carries, *(_row(x, t) for x in rows)])
        carries = [name(t, value) for value in outputs[:carried]]
        collected[t] = [name(t, value) for value in outputs[carried:]]
    columns = [[collected[t][k] for t in range(length)] for k in range(len(collected[0]))] if length else []
    return [*carries, *(by_position(column, 0) for column in columns)]


def _counts(params: dict[str, Any]) -> tuple[int, int]:
    """How many inputs are constants, and how many are carried; JAX 0.12 groups the inputs instead of counting them."""
    if "num_consts" in params:
        return params["num_consts"], params["num_carry"]
    constants, carries, _ = params["ft_in"].unpack()
    return len(list(constants)), len(list(carries))


def _row(x: Value, t: int) -> Value:
    return Value(x.shape[1:], lambda *i: x.at(num(t), *i), x.kind)
