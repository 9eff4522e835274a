"""Numbers that a program spells out to the last digit: the float nearest to 1/√2 is read as 1/√2.

A float has some 16 digits; one that agrees with a constant of this table in all of them is that constant, rounded once or, as
`math.sqrt(2 * math.pi)` is, at each step.  What is read so is said with every result.
"""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath

from derive.index import Const, Expr, div, mul, num, power

__all__ = ["WELL_KNOWN", "well_known"]

_HALF = Fraction(1, 2)
_PI = Const("pi")

_ROWS: tuple[tuple[str, Expr, str], ...] = (
    ("√2", power(num(2), _HALF), "sqrt(2)"), ("1/√2", power(num(2), -_HALF), "1/sqrt(2)"),
    ("π", _PI, "pi"), ("2π", mul(num(2), _PI), "2*pi"), ("√π", power(_PI, _HALF), "sqrt(pi)"), ("1/√π", power(_PI, -_HALF), "1/sqrt(pi)"),
    ("2/√π", mul(num(2), power(_PI, -_HALF)), "2/sqrt(pi)"), ("√(2π)", power(mul(num(2), _PI), _HALF), "sqrt(2*pi)"),
    ("1/√(2π)", power(mul(num(2), _PI), -_HALF), "1/sqrt(2*pi)"), ("√(2/π)", power(div(num(2), _PI), _HALF), "sqrt(2/pi)"),
    ("√(π/2)", power(div(_PI, num(2)), _HALF), "sqrt(pi/2)"),
)


def _roundings(text: str) -> tuple[float, float]:
    with mpmath.workdps(40):
        once = float(eval(text, {"sqrt": mpmath.sqrt, "pi": +mpmath.pi}))  # the table's own text
    return once, eval(text, {"sqrt": math.sqrt, "pi": math.pi})


WELL_KNOWN: dict[float, tuple[str, Expr]] = {value: (name, expr) for name, expr, text in _ROWS for value in _roundings(text)}


def well_known(value: float) -> tuple[str, Expr] | None:
    """(its name, the expression) of the constant whose nearest float this is; None for any other number."""
    found = WELL_KNOWN.get(abs(value))
    if found is None or value > 0:
        return found
    return "−" + found[0], mul(num(-1), found[1])
