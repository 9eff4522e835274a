"""Sums, products, quotients, powers and numbers, in the order in which a lecturer writes them.

A factor −1 is a minus sign, u · v⁻¹ is a fraction; numbers come first, then scalars, then arrays, and a Σ last.
"""

from __future__ import annotations

import fractions
import math
from collections.abc import Sequence

from derive.index import ONE, Add, At, Const, Expr, Mono, Mul, Num, Partial, Poly, Pow, Size, Sum, mul, num, power
from derive.render.layout import Fence, Fraction, Node, Number, Operator, Root, Row, Script, Symbol, row
from derive.render.pieces import Context, Level, Piece, Reach, compose, fenced, handles

__all__ = ["as_written", "parenthesised", "raised", "signed"]

_MINUS = Operator("−", "prefix")
_LONG = 10**5  # a numerator or denominator of six digits is long
_PLACES = 40  # no literal has more decimal places worth printing


def as_written(expr: Expr) -> Expr:
    """A canonical sum or product as an ordinary one, in an order that is the same in every run."""
    if isinstance(expr, Mono):
        factors = [power(atom, exponent) for atom, exponent in sorted(expr.args[0], key=lambda part: (part[0].key, part[1]))]
        return mul(*factors)
    if isinstance(expr, Poly):
        terms = sorted(expr.args[0], key=lambda term: (term[1] < 0, term[0].key))
        written = tuple(mul(num(coefficient), as_written(mono)) for mono, coefficient in terms)
        return Add(written) if len(written) > 1 else written[0] if written else num(0)
    return expr


@handles(Num)
def _number(expr: Expr, context: Context) -> Piece:
    negative, piece = signed(expr, context)
    return Piece(row(_MINUS, piece.node), Level.SUM, piece.reach) if negative else piece


@handles(Mul, Mono, Poly)
def _product_or_canonical(expr: Expr, context: Context) -> Piece:
    written = as_written(expr)
    if not isinstance(written, Mul):
        return compose(written, context)
    negative, piece = signed(written, context)
    if not negative:
        return piece
    return Piece(row(_MINUS, fenced(piece, Level.PRODUCT)), Level.SUM, piece.reach)


@handles(Add)
def _sum(expr: Expr, context: Context) -> Piece:
    terms = expr.args[0]
    parts: list[Node] = []
    reach = Reach.CLOSED
    for place, term in enumerate(terms):
        negative, piece = signed(as_written(term), context)
        if parts:
            parts.append(Operator("−" if negative else "+"))
        elif negative:
            parts.append(_MINUS)
        parts.append(fenced(piece, Level.PRODUCT, place == len(terms) - 1, Reach.FACTORS))
        reach = piece.reach if piece.level >= Level.PRODUCT else Reach.CLOSED
    return Piece(row(*parts), Level.SUM, max(reach, Reach.FACTORS))


def signed(expr: Expr, context: Context) -> tuple[bool, Piece]:
    """Whether a term is written with a minus sign, and what follows the sign."""
    if isinstance(expr, Num):
        return expr.value < 0, _ratio(abs(expr.value), context)
    if not isinstance(expr, Mul):
        return False, compose(expr, context)
    numbers: list[fractions.Fraction] = []
    top: list[Expr] = []
    bottom: list[Expr] = []
    for factor in _flat(expr):
        if isinstance(factor, Num):
            numbers.append(factor.value)
        elif isinstance(factor, Pow) and factor.args[1] < 0:
            bottom.append(power(factor.args[0], -factor.args[1]))
        else:
            top.append(factor)
    negative = sum(number < 0 for number in numbers) % 2 == 1
    shown = _together([abs(number) for number in numbers if abs(number) != 1])
    return negative, _quotient(shown, sorted(top, key=_rank), sorted(bottom, key=_rank), context)


def _together(numbers: list[fractions.Fraction]) -> list[fractions.Fraction]:
    """The numbers, multiplied where one of them divides by a long number: one decimal, not a whole number times another."""
    long = any(number.numerator == 1 and number.denominator >= _LONG for number in numbers)
    product = math.prod(numbers, start=fractions.Fraction(1))
    return [product] if long and product != 1 else [] if long else numbers


def _flat(expr: Expr) -> list[Expr]:
    written = as_written(expr)
    return [part for factor in written.args[0] for part in _flat(factor)] if isinstance(written, Mul) else [written]


def _rank(factor: Expr) -> int:
    base = factor.args[0] if isinstance(factor, Pow) else factor
    if isinstance(factor, Sum):
        return 3
    return 1 if isinstance(base, (Size, Const, Num)) or (isinstance(base, At) and not base.indices) else 2


def _quotient(numbers: Sequence[fractions.Fraction], top: Sequence[Expr], bottom: Sequence[Expr], context: Context) -> Piece:
    """The quotient numbers · top / bottom, with derivatives after the fraction, and a Σ too unless it is one side of a ratio of sums."""
    if not bottom:
        front = [_ratio(number, context) for number in numbers]
        return _juxtapose([*front, *(compose(part, context) for part in top)] or [Piece(Number("1"))])
    ratio = any(part.height for part in bottom)
    behind = [part for part in top if isinstance(part, Partial) or (isinstance(part, Sum) and not ratio)]
    sides = [(number, fractions.Fraction(1)) if _decimal(number) else (number.numerator, number.denominator) for number in numbers]
    above = [num(over) for over, _ in sides if over != 1] + [part for part in top if part not in behind]
    below = [num(under) for _, under in sides if under != 1]
    fraction = _divide(_all(above or [ONE], context), _all([*below, *bottom], context), context)
    return _juxtapose([fraction, *(compose(part, context) for part in behind)])


def _all(factors: Sequence[Expr], context: Context) -> Piece:
    return _juxtapose([compose(factor, context) for factor in factors])


def _decimal(value: fractions.Fraction) -> tuple[str, int] | None:
    """The digits and the power of ten of a long number that is shorter as a decimal, such as 0.044715 or 1e-5; None for others."""
    if max(value.numerator, value.denominator) < _LONG:
        return None
    shift = next((k for k in range(_PLACES) if 10**k % value.denominator == 0), None)
    if shift is None:
        return None
    whole = str(value.numerator * (10**shift // value.denominator))
    digits = whole.rstrip("0")
    return (digits, len(whole) - len(digits) - shift) if len(digits) < len(f"{value.numerator}{value.denominator}") - 1 else None


def _as_decimal(digits: str, exponent: int) -> Piece:
    """digits · 10^exponent: with a point where no more than four zeros would follow it, else with a power of ten."""
    if exponent < 0 and len(digits) + exponent > -4:
        padded = digits.rjust(1 - exponent, "0")
        return Piece(Number(f"{padded[:exponent]}.{padded[exponent:]}"))
    if exponent == 0:
        return Piece(Number(digits))
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    high = exponent + len(digits) - 1
    ten = Script(Number("10"), None, row(_MINUS, Number(str(-high))) if high < 0 else Number(str(high)))
    if mantissa == "1":
        return Piece(ten, Level.POWER, dotted=True)
    return Piece(row(Number(mantissa), Operator("·"), ten), Level.PRODUCT, dotted=True)


def _ratio(value: fractions.Fraction, context: Context) -> Piece:
    decimal = _decimal(value)
    if decimal is not None:
        return _as_decimal(*decimal)
    top = Piece(Number(str(value.numerator)))
    return top if value.denominator == 1 else _divide(top, Piece(Number(str(value.denominator))), context)


def _divide(top: Piece, bottom: Piece, context: Context) -> Piece:
    if not context.linear:
        return Piece(Fraction(top.node, bottom.node), Level.PRODUCT)
    tight = isinstance(top.node, Number) and isinstance(bottom.node, (Number, Symbol))
    mark = Operator("/", "tight" if tight else "binary")
    below = bottom.node if isinstance(bottom.node, Row) and _lone_sum(bottom) else fenced(bottom, Level.POWER)
    reach = max(bottom.reach, Reach.FACTORS)
    return Piece(row(fenced(top, Level.PRODUCT, False), mark, below), Level.PRODUCT, reach)


def _lone_sum(piece: Piece) -> bool:
    """Whether it begins with a large operator, so that no factor before it can be taken for the whole denominator."""
    return piece.level is Level.PRODUCT and piece.reach is not Reach.CLOSED and _starts(piece.node, "Large")


def _starts(node: Node, kind: str) -> bool:
    first = node.parts[0] if isinstance(node, Row) else node
    return type(first).__name__ == kind


def _juxtapose(pieces: Sequence[Piece]) -> Piece:
    """Factors side by side; a dot where two would otherwise run together."""
    if len(pieces) == 1:
        return pieces[0]
    parts: list[Node] = []
    for place, piece in enumerate(pieces):
        node = fenced(piece, Level.PRODUCT, place == len(pieces) - 1)
        if parts:
            dot = _starts(node, "Number") or (piece.dotted or pieces[place - 1].dotted)
            parts.append(Operator("·") if dot else Operator("", "thin"))
        parts.append(node)
    return Piece(row(*parts), Level.PRODUCT, pieces[-1].reach if pieces[-1].level >= Level.PRODUCT else Reach.CLOSED)


@handles(Pow)
def _power(expr: Expr, context: Context) -> Piece:
    base, exponent = expr.args
    if exponent < 0:
        return _quotient([], [], [power(base, -exponent)], context)
    if exponent == fractions.Fraction(1, 2):
        return _root(compose(base, context), context)
    above = compose(num(exponent), Context(context.notation, True)).node
    return raised(compose(base, context), above)


def _root(body: Piece, context: Context) -> Piece:
    if not context.linear:
        return Piece(Root(body.node))
    return Piece(row(Operator("√", "prefix"), fenced(body, Level.ATOM, False)), Level.POWER)


def raised(base: Piece, exponent: Node) -> Piece:
    """A power: base ^ exponent."""
    node = fenced(base, Level.ATOM, False)
    if isinstance(node, Script) and node.sup is None:
        return Piece(Script(node.base, node.sub, exponent), Level.POWER)
    return Piece(Script(node, None, exponent), Level.POWER)


def parenthesised(piece: Piece) -> Node:
    """The layout between parentheses, whatever it is."""
    return piece.node if isinstance(piece.node, Fence) and piece.node.left == "(" else Fence("(", piece.node, ")")
