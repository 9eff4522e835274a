"""The table of identities: how to simplify.  Each row has a name, the identity in words and in LaTeX, and a sample that tests prove.

Legend: i, j, b are indices; u, v expressions.
"""

from __future__ import annotations

from dataclasses import dataclass

from derive.index import At, Expr, Extremum, Fn, Index, Size, Sum, add, delta, div, mul, sub
from derive.rules.table import table

__all__ = ["IDENTITIES", "Identity"]


@dataclass(frozen=True)
class Identity:
    """A rule of algebra: a name, the rule in words and in LaTeX, and a pair of expressions that it says are equal."""

    name: str
    words: str
    statement: str
    sample: tuple[Expr, Expr]


_k = Size("k")
_j, _b, _c = (Index(letter, _k, 0) for letter in "jbc")
_zj, _zb, _zc = At("z", (_j,)), At("z", (_b,)), At("z", (_c,))
_a, _x = At("a"), At("x", (_b,))


def _exp(u: Expr) -> Expr:
    return Fn("exp", (u,))


def _softmax(shift: Expr) -> Expr:
    return div(_exp(sub(_zj, shift)), Sum((_b,), _exp(sub(_zb, shift))))


_ROWS = (
    Identity("shift", "A number that is subtracted from all scores of a row cancels in the quotient, whatever it is; so the maximum is "
             "there for the floating-point numbers alone, and may be left out before differentiating.",
             r"\frac{e^{z_j-a}}{\sum_b e^{z_b-a}} = \frac{e^{-a}e^{z_j}}{e^{-a}\sum_b e^{z_b}} = \frac{e^{z_j}}{\sum_b e^{z_b}}",
             (_softmax(Extremum("max", (_c,), _zc)), div(_exp(_zj), Sum((_b,), _exp(_zb))))),
    Identity("contraction", "In a sum over b, the Kronecker delta is 0 except where b = j, so that one term is left.",
             r"\sum_b f_b\,\delta_{bj} = f_j", (Sum((_b,), mul(_x, delta(_b, _j))), At("x", (_j,)))),
    Identity("names written back", "Where the body of a definition appears, its name is written again, and like terms are collected.",
             r"p_j = \frac{e^{z_j}}{\sum_b e^{z_b}} \Rightarrow \frac{u\,e^{z_j}}{\sum_b e^{z_b}} = u\,p_j",
             (mul(div(_exp(_zj), Sum((_b,), _exp(_zb))), _a), mul(_softmax(_a), _a))),
    Identity("collect and cancel", "Terms are multiplied out, collected and cancelled.", r"u\,(v+w) = u\,v + u\,w",
             (mul(_a, add(_zj, _zc)), add(mul(_a, _zj), mul(_a, _zc)))),
    Identity("names written out", "A name is replaced by what it stands for.",
             r"\mathrm{dz}_j = p_j - t_j \Rightarrow x\,\mathrm{dz}_j = x\,(p_j - t_j)", (_zj, _zj)),
    Identity("chain rule, all paths", "What depends on z through the entries of p changes along every path from z: the derivatives along a "
             "path are multiplied, and the paths are added up.",
             r"\frac{\partial L}{\partial z_j} = \sum_b \frac{\partial L}{\partial p_b}\,\frac{\partial p_b}{\partial z_j}",
             (Sum((_b,), mul(_a, _zb)), mul(_a, Sum((_b,), _zb)))),
    Identity("linearity", "A weight w that stays fixed comes out of a derivative, and the derivative of a sum is the sum of the derivatives.",
             r"\partial\,\Big(w\sum_i \ell_i + R\Big) = w\sum_i \partial \ell_i + \partial R",
             (Sum((_b,), mul(_a, _zb)), mul(_a, Sum((_b,), _zb)))),
)

IDENTITIES: dict[str, Identity] = table(_ROWS)
