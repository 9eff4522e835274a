"""Well-known quantities in the spelling that a lecturer uses: a variance as a mean of squares, Φ and σ as parts that can have a name."""

from __future__ import annotations

from fractions import Fraction

from derive.errors import NotYet
from derive.index import ONE, ZERO, Add, Const, Expr, Fn, Mul, Num, Pow, Size, Sum, Where, fresh, mul, neg, num, power, sub, substitute, walk
from derive.normal import Algebra
from derive.normal.present import present

__all__ = ["density", "named_part", "respelled"]

_HALF = num(Fraction(1, 2))


def respelled(node: Expr) -> Expr:
    """The same value as it is taught: mean(x²) − mean(x)² is mean((x − mean x)²), max(0, v) of such a v is v, a mask is a condition,
    and 1 + erf(v) needs no second spelling for large v.

    A mean of squares is at least 0, and where it is 0 all its derivatives are 0 too: so the maximum changes neither, at the kink either.
    """
    try:
        return _respelled(node)
    except NotYet:  # too large to be put into normal form: it stays as it is written
        return node


def _respelled(node: Expr) -> Expr:
    if isinstance(node, Add):
        return _variance(node) or node
    if isinstance(node, Where) and isinstance(node.args[0], Where) and node.args[0].args[1:] == (ONE, ZERO):
        return Where(node.args[0].args[0], *node.args[1:])
    if isinstance(node, Where) and _is_erf_plus_one(node.args[1]):
        return node.args[1] if Algebra(hard=True).is_zero(Algebra(hard=True).canonical(sub(node, node.args[1]))) else node
    if isinstance(node, Fn) and node.args[0] == "max" and ZERO in node.args[1]:
        other = next((u for u in node.args[1] if u is not ZERO), ZERO)
        spelled = respelled(other)
        return spelled if _mean_of_squares(spelled) is not None else node
    return node


def _is_erf_plus_one(node: Expr) -> bool:
    return _one_plus_erf(node) is not None


def _mean_of_squares(node: Expr) -> tuple[list[Expr], Sum] | None:
    """(the positive numbers and sizes in front, Σ f²)."""
    factors = list(node.args[0]) if isinstance(node, Mul) else [node]
    sums = [f for f in factors if isinstance(f, Sum) and isinstance(f.body, Pow) and f.body.args[1] == 2]
    others = [f for f in factors if f not in sums]
    return (others, sums[0]) if len(sums) == 1 and all(map(_positive, others)) else None


def _positive(f: Expr) -> bool:
    """A number or a size, or a product or power of those, that is above 0."""
    if isinstance(f, Mul):
        return all(map(_positive, f.args[0]))
    return f.value > 0 if isinstance(f, Num) else isinstance(f, Size) or (isinstance(f, Pow) and _positive(f.args[0]))


def _variance(node: Add) -> Expr | None:
    """w Σ f² − (w Σ f)² = w Σ (f − w Σ f)², where w is 1 over the number of terms; seen by normal form."""
    if len(node.args[0]) != 2:
        return None
    for term in node.args[0]:
        found = _mean_of_squares(term)
        if found is None or not found[0]:
            continue
        front, squares = found
        f, renamed = squares.body.args[0], {b: fresh(b) for b in squares.bound}
        mean = mul(*front, Sum(tuple(renamed.values()), substitute(f, renamed)))
        centred = mul(*front, Sum(squares.bound, power(sub(f, mean), 2)))
        if not _has_infinity(node) and Algebra().canonical(centred) is Algebra().canonical(node):
            return centred
    return None


def _has_infinity(node: Expr) -> bool:
    return any(isinstance(part, Const) and part.args[0] in ("-inf", "inf", "nan") for part in walk(node))


def named_part(node: Expr) -> tuple[str, Expr, list[Expr]] | None:
    """(a standard name, what it stands for, the other factors): Φ(x) = (1 + erf(x/√2))/2 and s = 1/(1 + e^{−x}) in a product."""
    if not isinstance(node, Mul):
        return None
    factors = list(node.args[0])
    for f in factors:
        rest = [g for g in factors if g is not f]
        if _is_sigmoid(f) and rest:
            return "s", f, rest
        halves = [g for g in rest if g is _HALF]
        if _one_plus_erf(f) is not None and halves and len(rest) > 1:
            return "Phi", mul(_HALF, f), [g for g in rest if g is not _HALF]
    return None


def _is_sigmoid(f: Expr) -> bool:
    return isinstance(f, Pow) and f.args[1] == -1 and isinstance(f.args[0], Add) and len(f.args[0].args[0]) == 2 \
        and ONE in f.args[0].args[0] and any(isinstance(u, Fn) and u.args[0] == "exp" for u in f.args[0].args[0])


def _one_plus_erf(f: Expr) -> Expr | None:
    """v for 1 + erf(v) or 1 − erf(−v)."""
    if not isinstance(f, Add) or len(f.args[0]) != 2 or ONE not in f.args[0]:
        return None
    other = next((u for u in f.args[0] if u is not ONE), ONE)
    sign = isinstance(other, Mul) and len(other.args[0]) == 2 and other.args[0][0] is num(-1)
    inner = other.args[0][1] if sign else other
    if not isinstance(inner, Fn) or inner.args[0] != "erf":
        return None
    (v,) = inner.args[1]
    return neg(v) if sign else v


def density(body: Expr) -> Expr | None:
    """For Φ(x) = (1 + erf(x/√2))/2 the density φ(x) = e^{−x²/2}/√(2π); None for anything else."""
    factors = body.args[0] if isinstance(body, Mul) else ()
    v = next((_one_plus_erf(f) for f in factors if _one_plus_erf(f) is not None), None)
    if v is None or _HALF not in factors or len(factors) != 2:
        return None
    algebra = Algebra()
    return mul(Fn("exp", (neg(present(algebra, algebra.canonical(power(v, 2)))),)), power(mul(num(2), Const("pi")), Fraction(-1, 2)))

