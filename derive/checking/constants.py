"""Long decimals that round a constant of the other side, such as 0.7978845608028654 for √(2/π): they are read as that constant, and it is said.

Legend: δ is a decimal with at least 8 digits, κ a number without variables; n is how many digits δ has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

import mpmath

from derive.evaluate import Evaluator
from derive.index import At, Const, Delta, Digit, Expr, Index, Iverson, Num, Poly, Size, Stop, Sum, Where, mul, num, power, substitute, walk
from derive.render import expression
from derive.trace import Program

__all__ = ["alike"]

_FEWEST, _ALL = 8, 15
_MULTIPLES = tuple(Fraction(q) for q in ("1", "2", "1/2", "4", "1/4", "-1", "-2", "-1/2"))
_VARIABLE = (At, Index, Size, Sum, Iverson, Delta, Digit, Where, Stop, Poly)


def alike(program: Program, claimed: Expr) -> tuple[Program, dict[Expr, Expr]]:
    """The reference with its long decimals read as constants of the claimed gradient, and what to read in the latter as constants of the reference.

    The sentences that say so are among the program's conventions.
    """
    ours, theirs = list(_nodes([claimed])), list(_nodes([d.body for d in program.definitions]))
    in_program = _readings(theirs, ours)
    in_claimed = {decimal: constant for decimal, constant in _readings(ours, theirs).items() if constant not in in_program}
    if not in_program and not in_claimed:
        return program, {}
    texts = tuple(f"{_text(decimal)} is read as {expression(constant)}" for decimal, constant in {**in_program, **in_claimed}.items())
    definitions = tuple(replace(d, body=substitute(d.body, in_program)) for d in program.definitions) if in_program else program.definitions
    kept = tuple(c for c in program.conventions if not any(c.startswith(f"the literal {_text(decimal)} ") for decimal in in_program))
    return replace(program, definitions=definitions, conventions=(*kept, *texts)), in_claimed


def _nodes(bodies: Iterable[Expr]) -> Iterator[Expr]:
    """The nodes without variables."""
    seen: dict[Expr, None] = {}
    for body in bodies:
        seen.update(dict.fromkeys(walk(body)))
    known: dict[Expr, bool] = {}
    return (node for node in seen if _constant(node, known))


def _constant(node: Expr, known: dict[Expr, bool]) -> bool:
    if node not in known:
        known[node] = not isinstance(node, _VARIABLE) and not (isinstance(node, Const) and node.args[0] not in ("pi", "e"))
        known[node] = known[node] and all(_constant(part, known) for part in node.kids)
    return known[node]


def _places(value: Fraction) -> int:
    """How many digits a decimal has behind its point; 0 for other numbers."""
    return next((k for k in range(value.denominator.bit_length() + 1) if 10**k % value.denominator == 0), 0)


def _digits(node: Expr) -> int:
    """How many digits a decimal has; 0 for other numbers."""
    places = _places(node.value) if isinstance(node, Num) else 0
    return len(str(abs((node.args[0] * 10**places).numerator))) if places else 0


def _readings(decimals: list[Expr], others: list[Expr]) -> dict[Expr, Expr]:
    """δ ↦ κ for the long decimals of the one side and the constants of the other."""
    long = [node for node in decimals if isinstance(node, Num) and _digits(node) >= _FEWEST and node not in others]
    if not long:
        return {}
    constants = [(node, mpmath.mpf(Evaluator({}, {}).value(node, {}))) for node in others if not _short(node)]
    found: dict[Expr, Expr] = {}
    for decimal in long:
        for node, constant in constants:
            reading = _reading(decimal.value, _digits(decimal), node, constant)
            if reading is not None:
                found[decimal] = reading
                break
    return found


def _short(node: Expr) -> bool:
    """A number that rounds nothing: a whole one, or a decimal of few digits."""
    return isinstance(node, Num) and (node.value.denominator == 1 or 0 < _digits(node) < _ALL)


def _reading(value: Fraction, digits: int, node: Expr, constant: mpmath.mpf) -> Expr | None:
    """κ, 1/κ or a multiple of them where that is δ to all of its digits; the last ones of a 64-bit number may be off."""
    decimal = mpmath.mpf(value.numerator) / value.denominator
    near = mpmath.mpf(10) ** -_places(value) / 2 if digits < _ALL else abs(decimal) * mpmath.mpf(10) ** (1 - _ALL)
    for exponent in (1, -1):
        base = constant if exponent > 0 else 1 / constant if constant else mpmath.mpf(0)
        for multiple in _MULTIPLES:
            exact = base * multiple.numerator / multiple.denominator
            if abs(decimal - exact) <= near:
                return mul(num(multiple), power(node, Fraction(exponent)))
    return None


def _text(decimal: Expr) -> str:
    return repr(float(decimal.args[0]))
