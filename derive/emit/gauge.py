"""How a program changes when an array u is replaced by u′ + M: every value becomes v′ + w·M or v′ · exp(w·M)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from derive.emit.terms import Tie
from derive.index import ZERO, Add, At, Expr, Extremum, Fn, Index, Mul, Num, Pow, Stop, Sum, Where, add, mul, num, rebuild, substitute

__all__ = ["GaugeError", "Shift", "Weight", "regauge"]

Rows = tuple[Expr, ...]


class GaugeError(Exception):
    """The replacement would change the result; a signal between these modules, never shown."""


@dataclass(frozen=True)
class Shift:
    """Replace old by new = old − top, where `top` keeps the axes `keep` of old; `everywhere`, or inside exp alone."""

    old: str
    new: str
    top: str
    keep: tuple[int, ...]
    everywhere: bool


@dataclass(frozen=True)
class Weight:
    """How many M are missing, by the row of M: added (`exponent` False) or as a factor exp(w·M) (True)."""

    shift: Mapping[Rows, Fraction] = field(default_factory=dict)
    exponent: bool = False

    def scaled(self, factor: Fraction) -> Weight:
        """The weight, times a number."""
        return Weight({rows: factor * value for rows, value in self.shift.items() if factor}, self.exponent)

    def at(self, mapping: Mapping[Expr, Expr]) -> Weight:
        """The weight at other indices."""
        moved = [(tuple(substitute(row, mapping) for row in rows), value) for rows, value in self.shift.items()]
        return _total([Weight({rows: value}, self.exponent) for rows, value in moved])


NONE = Weight()
Weights = Mapping[str, tuple[tuple[Index, ...], Weight]]


def _total(weights: list[Weight]) -> Weight:
    total: dict[Rows, Fraction] = {}
    for weight in weights:
        for rows, value in weight.shift.items():
            total[rows] = total.get(rows, Fraction(0)) + value
    kept = {rows: value for rows, value in total.items() if value}
    return Weight(kept, any(weight.exponent for weight in weights)) if kept else NONE


def regauge(node: Expr, shift: Shift, weights: Weights) -> tuple[Expr, Weight]:
    """The node in the new variables, and what it lacks.

    Raises:
        GaugeError: a value mixes weights in a way that no factor or summand repairs.
    """
    if isinstance(node, At):
        return _entry(node, shift, weights)
    if isinstance(node, Fn) and node.args[0] in ("exp", "log"):
        return _exp_log(node, shift, weights)
    found: dict[Expr, Weight] = {}

    def change(part: Expr) -> Expr:
        changed, weight = regauge(part, shift, weights)
        found[part] = weight
        return changed

    changed = rebuild(node, change)
    return changed, _combined(node, [found.get(part, NONE) for part in node.kids])


def _entry(node: At, shift: Shift, weights: Weights) -> tuple[Expr, Weight]:
    if node.name == shift.old and shift.everywhere:
        rows = tuple(node.indices[place] for place in shift.keep)
        return At(shift.new, node.indices), Weight({rows: Fraction(1)})
    indices, weight = weights.get(node.name, ((), NONE))
    return node, weight.at(dict(zip(indices, node.indices)))


def _exp_log(node: Fn, shift: Shift, weights: Weights) -> tuple[Expr, Weight]:
    name, (inner,) = node.args
    scale, entry = _scaled_entry(inner)
    if name == "exp" and isinstance(entry, At) and entry.name == shift.old:
        rows = tuple(entry.indices[place] for place in shift.keep)
        return Fn("exp", (mul(num(scale), At(shift.new, entry.indices)),)), Weight({rows: scale}, True)
    changed, weight = regauge(inner, shift, weights)
    result = Fn(name, (changed,))
    if not weight.shift:
        return result, NONE
    if weight.exponent is (name == "exp"):
        raise GaugeError
    if name == "exp":
        return result, Weight(weight.shift, True)
    if shift.everywhere:
        return result, Weight(weight.shift, False)
    return add(result, *(mul(num(value), At(shift.top, rows)) for rows, value in weight.shift.items())), NONE


def _scaled_entry(inner: Expr) -> tuple[Fraction, Expr]:
    factors: tuple[Expr, ...] = inner.args[0] if isinstance(inner, Mul) else ()
    return (factors[0].value, factors[1]) if len(factors) == 2 and isinstance(factors[0], Num) else (Fraction(1), inner)


def _combined(node: Expr, parts: list[Weight]) -> Weight:
    loaded = [part for part in parts if part.shift]
    if not loaded:
        return NONE
    if isinstance(node, (Add, Where)):
        return _alike(node, parts, loaded)
    if isinstance(node, Mul):
        return _product(node, loaded)
    if isinstance(node, Pow) and loaded[0].exponent:
        return loaded[0].scaled(node.args[1])
    if isinstance(node, Stop):
        return loaded[0]
    if isinstance(node, Tie) and parts[0] == parts[1] and not parts[0].exponent:
        return NONE
    if isinstance(node, (Sum, Extremum)):
        return _bound(node, loaded[0])
    if isinstance(node, Fn) and node.args[0] in ("max", "min") and len(loaded) == len(parts) and all(part == parts[0] for part in parts):
        return parts[0]
    raise GaugeError


def _alike(node: Expr, parts: list[Weight], loaded: list[Weight]) -> Weight:
    """Terms: weights that are added add up; factors must agree (a zero term takes any)."""
    if isinstance(node, Add) and not any(part.exponent for part in loaded):
        return _total(loaded)
    values = parts if isinstance(node, Add) else parts[1:]
    kids = node.kids if isinstance(node, Add) else node.kids[1:]
    if isinstance(node, Where) and parts[0].shift:
        raise GaugeError
    needed = [value for value, kid in zip(values, kids) if not (kid is ZERO and loaded[0].exponent)]
    if all(value == needed[0] for value in needed):
        return needed[0]
    raise GaugeError


def _product(node: Expr, loaded: list[Weight]) -> Weight:
    if all(part.exponent for part in loaded):
        return _total(loaded)
    others = [factor for factor in node.kids if not isinstance(factor, Num)]
    if len(loaded) == 1 and len(others) == 1:
        scale = Fraction(1)
        for factor in node.kids:
            scale *= factor.value if isinstance(factor, Num) else 1
        return loaded[0].scaled(scale)
    raise GaugeError


def _bound(node: Sum | Extremum, weight: Weight) -> Weight:
    names = {index for rows in weight.shift for row in rows for index in row.free}
    additive_sum = isinstance(node, Sum) and not weight.exponent
    if names & set(node.bound) or additive_sum:
        raise GaugeError
    return weight
