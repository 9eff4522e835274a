"""From the normal form back to an expression that a reader wants to see: common factors out, quotients as quotients, sums joined.

Legend: as in `ring`.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, gcd, lcm

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
    Mono,
    Mul,
    Num,
    Poly,
    Pow,
    Size,
    Stop,
    Sum,
    add,
    fresh,
    mul,
    num,
    power,
    rebuild,
    substitute,
    walk,
)
from derive.normal.algebra import Algebra
from derive.normal.ring import P0, UNIT, factors, monomial, poly, terms
from derive.normal.signs import MINUS_INFINITY
from derive.rules.value import letter_for

__all__ = ["cost", "present", "pretty"]

_MOST_GROUPED = 12
_ORDER: dict[type, int] = {Num: 0, Const: 1, Size: 2, At: 3, Fn: 5, Extremum: 6, Stop: 6, Index: 3, Iverson: 7, Delta: 8, Add: 9, Poly: 9, Sum: 10}


def pretty(algebra: Algebra, node: Expr) -> Expr:
    """The expression in normal form, as a reader wants to see it."""
    return present(algebra, algebra.canonical(node))


def present(algebra: Algebra, p: Poly) -> Expr:
    """A canonical sum as an ordinary expression."""
    if p is P0:
        return ZERO
    front, rest = _common(algebra, p)
    joined = None if front else _joined(algebra, p)
    if joined is not None:
        return joined
    below, whole = _sizes_below(rest)
    if front or below:
        inside = algebra.scale(algebra.mul(rest, poly({monomial({a: -e for a, e in below.items()}): Fraction(1)})), whole)
        sign, inner = _without_sign(present(algebra, inside))
        return _product(algebra, {**front, **{a: front.get(a, Fraction(0)) + e for a, e in below.items()}}, sign / whole, [inner])
    joined = _grouped(algebra, p)
    if joined is not None:
        return joined
    content = _numeric_content(p)
    if content != 1 and len(terms(p)) > 1:
        return mul(num(content), present(algebra, algebra.scale(p, 1 / content)))
    ordered = sorted(terms(p), key=lambda pair: (pair[1] < 0, _height(pair[0]), pair[0] is UNIT, pair[0].key))
    return add(*(_product(algebra, dict(factors(m)), c, []) for m, c in ordered))


def _without_sign(node: Expr) -> tuple[Fraction, Expr]:
    if isinstance(node, Mul) and isinstance(node.args[0][0], Num):
        return node.args[0][0].value, mul(*node.args[0][1:])
    return (node.value, ONE) if isinstance(node, Num) else (Fraction(1), node)


def _height(m: Mono) -> tuple[int, int]:
    """Plain entries before sums, so that p − δ comes out in this order."""
    return (max((_ORDER.get(type(a), 4) for a, _ in factors(m)), default=0), len(factors(m)))


def _common(algebra: Algebra, p: Poly) -> tuple[dict[Expr, Fraction], Poly]:
    """The factors that all terms share, where there are two terms or more."""
    parts = [dict(factors(m)) for m, _ in terms(p)]
    if len(parts) < 2:
        return {}, p
    shared = _shared(parts)
    if not shared:
        return {}, p
    rest = poly({monomial({a: e - shared.get(a, Fraction(0)) for a, e in factors(m)}): c for m, c in terms(p)})
    return (shared, rest) if len(terms(rest)) == len(parts) else ({}, p)


def _sizes_below(p: Poly) -> tuple[dict[Expr, Fraction], int]:
    """u − v/m − w/m = (m u − v − w)/m: the sizes that all terms but one are divided by, and the denominator of the numbers beside them."""
    parts = [dict(factors(m)) for m, _ in terms(p)]
    for odd in parts if len(parts) > 2 else []:
        below: dict[Expr, Fraction] = {
            a: e for a, e in _shared([part for part in parts if part is not odd]).items() if isinstance(a, Size) and e < 0}
        if below and not below.keys() & odd.keys():
            return below, lcm(*(c.denominator for _, c in terms(p)))
    return {}, 1


def _grouped(algebra: Algebra, p: Poly) -> Expr | None:
    """u v + u w + z = u (v + w) + z, for the terms that share most."""
    whole = sorted(terms(p), key=lambda pair: pair[0].key)
    if not 3 <= len(whole) <= _MOST_GROUPED:
        return None
    best: tuple[int, Poly] | None = None
    for k, (m, _) in enumerate(whole):
        for n, _ in whole[:k]:
            shared = _shared([dict(factors(m)), dict(factors(n))])
            members = poly({t: c for t, c in whole if _shared([dict(factors(t)), shared]) == shared}) if shared else P0
            saved = (len(terms(members)) - 1) * cost(monomial(shared))
            if 1 < len(terms(members)) < len(whole) and saved > (best[0] if best else 0):
                best = saved, members
    if best is None:
        return None
    rest = present(algebra, algebra.sub(p, best[1]))
    group = present(algebra, best[1])
    return add(group, rest) if _without_sign(rest)[0] < 0 else add(rest, group)


def _shared(parts: list[dict[Expr, Fraction]]) -> dict[Expr, Fraction]:
    """The powers that all of these have in common."""
    out: dict[Expr, Fraction] = {}
    for a in parts[0]:
        exponents = [part.get(a, Fraction(0)) for part in parts]
        if all(x > 0 for x in exponents) or all(x < 0 for x in exponents):
            out[a] = min(exponents, key=abs)
    return out


def _numeric_content(p: Poly) -> Fraction:
    coefficients = [c for _, c in terms(p)]
    top, bottom = 0, 1
    for c in coefficients:
        top, bottom = gcd(top, c.numerator), lcm(bottom, c.denominator)
    sign = -1 if all(c < 0 for c in coefficients) else 1
    return Fraction(sign * top, bottom) if (bottom > 1 and all(abs(c) == Fraction(top, bottom) for c in coefficients)) or bottom == 1 \
        else Fraction(sign)


def _joined(algebra: Algebra, p: Poly) -> Expr | None:
    """Σ_b f + Σ_b g = Σ_b (f + g), where what stands outside is the same."""
    groups: dict[tuple[Mono, Expr], list[tuple[Mono, Fraction, Sum]]] = {}
    for m, c in terms(p):
        sums = [a for a, e in factors(m) if isinstance(a, Sum) and e == 1 and len(a.bound) == 1]
        if len(sums) == 1:
            rest = monomial({a: e for a, e in factors(m) if a is not sums[0]})
            groups.setdefault((rest, sums[0].bound[0].size), []).append((m, c, sums[0]))
    for (rest, size), members in sorted(groups.items(), key=lambda item: item[0][0].key + item[0][1].key):
        if len(members) > 1:
            one = fresh(_letter(size))
            body = algebra.add(*(algebra.scale(_opened_as(algebra, s, one), c) for _, c, s in members))
            inner = Sum((one,), present(algebra, body))
            left = algebra.sub(p, poly({m: c for m, c, _ in members}))
            whole = _product(algebra, dict(factors(rest)), Fraction(1), [inner])
            return whole if left is P0 else add(present(algebra, left), whole)
    return None


def _opened_as(algebra: Algebra, s: Sum, one: Index) -> Poly:
    return algebra.substituted(s.body, {s.bound[0]: one})


def _letter(size: Expr) -> Index:
    return Index(letter_for(size), size, 0)


def _product(algebra: Algebra, powers: dict[Expr, Fraction], c: Fraction, extra: list[Expr]) -> Expr:
    """A product in reading order: number, sizes, entries, functions, indicators, sums; then what is divided by."""
    powers = _joined_exponentials(algebra, _at_labels(algebra, powers))
    above = sorted(((a, e) for a, e in powers.items() if e > 0), key=lambda f: (_ORDER.get(type(f[0]), 4), _indices(f[0]), f[0].key))
    below = sorted(((a, e) for a, e in powers.items() if e < 0), key=lambda f: (_ORDER.get(type(f[0]), 4), f[0].key))
    sums = [f for f in above if isinstance(f[0], Sum)]
    top = [power(_atom(algebra, a), e) for a, e in above if not isinstance(a, Sum)] + extra + [power(_atom(algebra, a), e) for a, e in sums]
    bottom = [power(_atom(algebra, a), -e) for a, e in below]
    if c.denominator != 1:
        bottom.insert(0, num(c.denominator))
    out = mul(num(c.numerator), *top)
    return out if not bottom else mul(out, power(mul(*bottom), -1)) if out is not ONE else power(mul(*bottom), -1)


def _joined_exponentials(algebra: Algebra, powers: dict[Expr, Fraction]) -> dict[Expr, Fraction]:
    """e^a e^(−b) is shown as e^(a − b), which cannot overflow where the difference is small."""
    found = {a: e for a, e in powers.items() if isinstance(a, Fn) and a.args[0] == "exp"}
    if not found or (len(found) == 1 and set(found.values()) <= {Fraction(1), Fraction(-1)}):
        return powers
    total = algebra.add(*(algebra.scale(a.args[1][0], e) for a, e in found.items()))
    above = any(c > 0 for _, c in terms(total))
    joined = Fn("exp", (total if above else algebra.scale(total, -1),))
    return {**{a: e for a, e in powers.items() if a not in found}, joined: Fraction(1 if above else -1)}


def _at_labels(algebra: Algebra, powers: dict[Expr, Fraction]) -> dict[Expr, Fraction]:
    """f(c) δ(c, y) is shown as f(y) δ(c, y): what stands beside the delta is one number for each label."""
    for a in powers:
        if isinstance(a, Delta) and any(isinstance(side, At) for side in a.args) and any(isinstance(side, Index) for side in a.args):
            index, label = sorted(a.args, key=lambda side: isinstance(side, At))
            moved = {substitute(b, {index: label}) if b is not a and index in b.free else b: e for b, e in powers.items()}
            return moved if len(moved) == len(powers) else powers
    return powers


def _indices(a: Expr) -> int:
    return len(a.indices) if isinstance(a, At) else 0


def _atom(algebra: Algebra, a: Expr) -> Expr:
    """An atom with its canonical parts presented."""
    if isinstance(a, Poly):
        return present(algebra, a)
    if isinstance(a, (Sum, Extremum)):
        renamed = {b: fresh(_letter(b.size)) for b in a.bound}
        masked = any(part is MINUS_INFINITY for part in walk(a.body))
        body = substitute(a.body, renamed) if masked else present(algebra, algebra.substituted(a.body, renamed))
        return type(a)(*a.args[:-2], tuple(renamed.values()), body)
    if isinstance(a, MatrixFn):
        outer = {b: fresh(_letter(b.size)) for b in a.bound}
        return MatrixFn(a.args[0], a.args[1], tuple(outer.values()), present(algebra, algebra.substituted(a.body, outer)))
    if isinstance(a, Fn):
        return Fn(a.args[0], tuple(present(algebra, u) for u in a.args[1]))
    if isinstance(a, (Iverson, Stop)):
        return rebuild(a, lambda u: present(algebra, u) if isinstance(u, Poly) else u)
    return a


def cost(node: Expr) -> int:
    """How much there is to read: entries, functions, sums and terms."""
    if node.weight is None:
        node.weight = _cost(node)
    return node.weight


def _cost(node: Expr) -> int:
    if isinstance(node, Poly):
        return sum(1 + cost(m) for m, _ in terms(node))
    if isinstance(node, Mono):
        return sum(cost(a) + _exponent_cost(e) + 2 * (e < 0 and isinstance(a, (Sum, Poly))) for a, e in factors(node))
    if isinstance(node, (At, Delta, Index, Size, Num, Const)):
        return 1
    if isinstance(node, Extremum):
        return 20 + cost(node.body)
    if isinstance(node, MatrixFn):
        return 2 + len(node.args[1]) + cost(node.body)
    if isinstance(node, Sum):
        return 1 + len(node.bound) + cost(node.body)
    if isinstance(node, Pow):
        return 1 + cost(node.args[0])
    return 1 + sum(cost(kid) for kid in node.kids)


def _exponent_cost(e: Fraction) -> int:
    return 0 if e == 1 else int(e < 0) + (max(1, ceil(abs(e)) - 1) if abs(e) != 1 else 0) + 2 * (e.denominator != 1)
