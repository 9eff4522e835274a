"""The table of theorems: how to differentiate.  One row each: a name, the theorem in words and in LaTeX, and its one-step rewrite.

Legend: u, v are expressions; z is the entry that is differentiated by; ∂u is `Partial(u, z)`.  A rewrite takes apart one `Partial` node and
leaves smaller ones; it is None where the theorem does not apply.  The rows are tried in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from derive.errors import NotYet
from derive.index import (
    ONE,
    ZERO,
    Add,
    At,
    Const,
    Delta,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    MatrixFn,
    Mul,
    Num,
    Partial,
    Pow,
    Size,
    Stop,
    Sum,
    Where,
    add,
    array_names,
    delta,
    div,
    fresh,
    mul,
    num,
    power,
    sub,
    substitute,
    walk,
)
from derive.rules.functions import FUNCTIONS, derivative
from derive.rules.reading import MINUS_INFINITY
from derive.rules.table import table

__all__ = ["THEOREMS", "Theorem", "rewrite", "theorem_for"]


@dataclass(frozen=True)
class Theorem:
    """A rule of the calculus.

    Attributes:
        name: how a step refers to it.
        words: what it says, for a reader who has met the chain rule.
        statement: the same in LaTeX.
        apply: the rewrite of ∂u; None where it does not apply.
        sample: an expression in the entries z_j that exercises it.
    """

    name: str
    words: str
    statement: str
    apply: Callable[[Expr, At], Expr | None]
    sample: Expr


def partial(u: Expr, z: At) -> Expr:
    """∂u/∂z still to be worked out; 0 where the array z does not occur in u."""
    return Partial(u, z) if z.name in array_names(u) else ZERO


def _depends(u: Expr, z: At) -> bool:
    return z.name in array_names(u)


def _variable(u: Expr, z: At) -> Expr | None:
    if not isinstance(u, At):
        return None
    if u.name != z.name:  # it is only the place of u that z decides
        return ZERO
    out: Expr = ONE
    for i, j in zip(u.indices, z.indices):
        out = mul(out, delta(i, j))
    return out


def _sum_rule(u: Expr, z: At) -> Expr | None:
    return add(*(partial(term, z) for term in u.args[0])) if isinstance(u, Add) else None


def _constant_factor(u: Expr, z: At) -> Expr | None:
    if not isinstance(u, Mul):
        return None
    fixed = [factor for factor in u.args[0] if not _depends(factor, z)]
    moving = [factor for factor in u.args[0] if _depends(factor, z)]
    return mul(*fixed, partial(mul(*moving), z)) if fixed and moving else None


def _quotient(u: Expr, z: At) -> Expr | None:
    if not isinstance(u, Mul):
        return None
    below = [factor for factor in u.args[0] if isinstance(factor, Pow) and factor.args[1] == -1]
    if len(below) != 1 or len(u.args[0]) < 2:
        return None
    top, bottom = mul(*(factor for factor in u.args[0] if factor is not below[0])), below[0].args[0]
    return div(sub(mul(partial(top, z), bottom), mul(top, partial(bottom, z))), power(bottom, 2))


def _product(u: Expr, z: At) -> Expr | None:
    if not isinstance(u, Mul):
        return None
    factors = u.args[0]
    return add(*(mul(*factors[:k], partial(factor, z), *factors[k + 1:]) for k, factor in enumerate(factors)))


def _power(u: Expr, z: At) -> Expr | None:
    if not isinstance(u, Pow):
        return None
    base, exponent = u.args
    return mul(num(exponent), power(base, exponent - 1), partial(base, z))


def _chain(name: str) -> Callable[[Expr, At], Expr | None]:
    def apply(u: Expr, z: At) -> Expr | None:
        if not isinstance(u, Fn) or u.args[0] != name:
            return None
        return add(*(mul(outer, partial(inner, z)) for outer, inner in zip(derivative(u), u.args[1])))
    return apply


def _finite_sum(u: Expr, z: At) -> Expr | None:
    if not isinstance(u, Sum):
        return None
    renamed = {b: fresh(b) for b in u.bound if any(b in i.free for i in z.indices)}
    body = substitute(u.body, renamed) if renamed else u.body
    return Sum(tuple(renamed.get(b, b) for b in u.bound), partial(body, z))


def _largest(u: Expr, z: At) -> Expr | None:
    """∂ max_b u_b = Σ_b 1{u_b = max} ∂u_b / Σ_b 1{u_b = max}."""
    if not isinstance(u, Extremum):
        return None
    renamed = {b: fresh(b) for b in u.bound}
    bound, body = tuple(renamed.values()), substitute(u.body, renamed)
    again = {b: fresh(b) for b in u.bound}
    hit, entry = _reaches(body, u)
    ties = Sum(tuple(again.values()), _reaches(substitute(u.body, again), u)[0])
    return div(Sum(bound, mul(hit, partial(entry, z))), ties)


def _reaches(u: Expr, top: Expr) -> tuple[Expr, Expr]:
    """(whether u is the largest entry, u); an entry behind a mask is not, where −∞ stands in its place."""
    if u is MINUS_INFINITY:
        return ZERO, ZERO
    if isinstance(u, Where) and any(part is MINUS_INFINITY for part in walk(u)):
        (left, entry), (right, other) = (_reaches(side, top) for side in u.args[1:])
        if u.args[2] is MINUS_INFINITY:
            return mul(u.args[0], left), entry
        return Where(u.args[0], left, right), Where(u.args[0], entry, other)
    return Iverson("=", sub(u, top)), u


def _matrix(u: Expr, z: At) -> Expr | None:
    """∂(A⁻¹) = −A⁻¹ ∂A A⁻¹ and ∂ log |det A| = tr(A⁻¹ ∂A)."""
    if not isinstance(u, MatrixFn):
        return None
    name, at, bound, body = u.args
    i, j = (fresh(b) for b in bound)
    change = partial(substitute(body, dict(zip(bound, (i, j)))), z)

    def inverse(row: Expr, column: Expr) -> Expr:
        return MatrixFn("inverse", (row, column), bound, body)
    if name == "logdet":
        return Sum((i, j), mul(inverse(j, i), change))
    return mul(num(-1), Sum((i, j), mul(inverse(at[0], i), change, inverse(j, at[1]))))


def _choice(u: Expr, z: At) -> Expr | None:
    return Where(u.args[0], partial(u.args[1], z), partial(u.args[2], z)) if isinstance(u, Where) else None


def _flat(u: Expr, z: At) -> Expr | None:
    return ZERO if isinstance(u, (Stop, Iverson, Delta, Num, Size, Index, Const)) else None


_j, _k = Index("j", Size("k"), 0), Index("b", Size("k"), 0)
_l, _r, _c = (Index(letter, Size("k"), 5) for letter in "lrc")
_MATRIX = add(mul(num(3), delta(_r, _c)), mul(At("z", (_r,)), power(At("z", (_c,)), 2)))
_z, _zb = At("z", (_j,)), At("z", (_k,))
_FUNCTION_SAMPLES = {"log": add(mul(_z, _z), ONE), "lgamma": add(mul(_z, _z), ONE), "digamma": add(mul(_z, _z), ONE),
                     "polygamma": add(mul(_z, _z), ONE), **{name: div(_z, add(mul(_z, _z), ONE)) for name in ("erf_inv", "asin", "acos", "atanh")},
                     "acosh": add(mul(_z, _z), num(2))}


def _chain_rows() -> list[Theorem]:
    rows = []
    for row in FUNCTIONS.values():
        inner = _FUNCTION_SAMPLES.get(row.name, mul(num(3), _z))
        whole: tuple[Expr, ...] = tuple(num(int(value)) for value in row.sample[:row.fixed])
        args = (*whole, inner) if len(row.sample) == 1 + row.fixed else (add(mul(inner, inner), ONE), inner)
        rows.append(Theorem(f"chain rule, {row.name}", f"The outer derivative (that of {row.name}) times the inner one.", row.statement,
                            _chain(row.name), Fn(row.name, args)))
    return rows


_MATRIX_ROWS = [
    Theorem("whole matrix", "From A A⁻¹ = I, the derivative of the inverse is −A⁻¹ ∂A A⁻¹; that of the logarithm of the determinant is the trace "
            "of A⁻¹ ∂A.", r"\partial(A^{-1}) = -A^{-1}\,(\partial A)\,A^{-1},\quad \partial\log|\det A| = \operatorname{tr}(A^{-1}\,\partial A)",
            _matrix, add(MatrixFn("inverse", (_j, _l), (_r, _c), _MATRIX), MatrixFn("logdet", (), (_r, _c), _MATRIX))),
]

_ROWS = [
    Theorem("independent entries", "An entry changes with itself alone: the derivative is 1 where all indices agree, else 0.",
            r"\frac{\partial z_b}{\partial z_j} = \delta_{bj}", _variable, _z),
    Theorem("no derivative", "Indicators, labels and terms under stop_gradient count as constants.", r"\partial c = 0", _flat,
            mul(Stop(_z), _z)),
    Theorem("sum rule", "The derivative of a sum is the sum of the derivatives.", r"\partial(u+v) = \partial u + \partial v",
            _sum_rule, add(_z, mul(num(2), _zb))),
    Theorem("constant factor", "What does not depend on the variable comes out in front.", r"\partial(c\,u) = c\,\partial u",
            _constant_factor, mul(num(5), _z)),
    Theorem("quotient rule",
            "Bottom times the derivative of the top, minus top times the derivative of the bottom, over the bottom squared.",
            r"\partial\,\Big(\frac{u}{v}\Big) = \frac{(\partial u)\,v - u\,\partial v}{v^2}", _quotient,
            div(Fn("exp", (_z,)), Sum((_k,), Fn("exp", (_zb,))))),
    Theorem("product rule", "Each factor in turn is differentiated, and the results are added.",
            r"\partial(u\,v) = (\partial u)\,v + u\,\partial v", _product, mul(_z, Fn("exp", (_z,)))),
    Theorem("power rule", "The exponent comes down and goes down by one.", r"\partial(u^n) = n\,u^{n-1}\,\partial u", _power, power(_z, 3)),
    Theorem("finite sum", "The derivative of a finite sum is taken term by term.", r"\partial\sum_b u_b = \sum_b \partial u_b", _finite_sum,
            Sum((_k,), power(_zb, 2))),
    Theorem("largest entry", "A maximum changes as its largest entry does; tied entries share equally.",
            r"\partial\max_b u_b = \frac{\sum_b 1\{u_b = \max\}\,\partial u_b}{\sum_b 1\{u_b=\max\}}",
            _largest, Extremum("max", (_k,), _zb)),
    Theorem("choice", "Under a mask, each side is differentiated on its own.",
            r"\partial\,(c\;?\;u:v) = (c\;?\;\partial u : \partial v)", _choice, Where(Iverson(">", sub(_z, num(9))), power(_z, 2), _z)),
    *_MATRIX_ROWS,
    *_chain_rows(),
]

THEOREMS: dict[str, Theorem] = table(_ROWS)

_BY_TYPE: dict[type, tuple[str, ...]] = {
    At: ("independent entries",), Add: ("sum rule",), Mul: ("constant factor", "quotient rule", "product rule"), Pow: ("power rule",),
    Sum: ("finite sum",), Extremum: ("largest entry",), Where: ("choice",), MatrixFn: ("whole matrix",),
    Stop: ("no derivative",), Iverson: ("no derivative",),
    Delta: ("no derivative",),
}


def theorem_for(node: Partial) -> Theorem:
    """The theorem that takes this derivative apart.

    Raises:
        NotYet: no row of the table applies.
    """
    u, z = node.args
    names = (f"chain rule, {u.args[0]}",) if isinstance(u, Fn) else _BY_TYPE.get(type(u), ())
    for name in names:
        if THEOREMS[name].apply(u, z) is not None:
            return THEOREMS[name]
    raise NotYet(f"There is no theorem for the derivative of {type(u).__name__}.", hint="Add a row to derive/rules/theorems.py.")


def rewrite(node: Partial) -> Expr:
    """One step: the derivative taken apart by its theorem."""
    result = theorem_for(node).apply(*node.args)
    assert result is not None
    return result
