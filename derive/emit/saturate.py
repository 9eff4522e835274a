"""Two-term sums of exponentials without overflow: 1/(1 + exp u) as logistic, log(1 + exp u) as logaddexp, across definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from derive.derivation import Definition
from derive.emit.stable import Row, resolved
from derive.emit.terms import flat_factors
from derive.index import ONE, ZERO, Add, Expr, Fn, Mul, Pow, Sum, add, mul, neg, num, power, rebuild, sub

__all__ = ["saturate"]


def saturate(rows: list[Row]) -> list[Row]:
    """The rows with quotients and logarithms of two-term sums of exponentials written as logistic and logaddexp."""
    table = {row.definition.name: row.definition for row in rows}
    return [replace(row, definition=replace(row.definition, body=_saturated(_multiplied(row.definition.body), table))) for row in rows]


def _multiplied(node: Expr) -> Expr:
    """exp(a) (exp b + exp c) as exp(a + b) + exp(a + c): one factor alone may overflow where the other vanishes."""
    node = rebuild(node, _multiplied)
    factors = flat_factors(node) if isinstance(node, Mul) else []
    scales = [exponent for factor in factors if (exponent := _own_exponent(factor)) is not None]
    for place, one in enumerate(factors):
        terms = [_split(term) for term in one.args[0]] if isinstance(one, Add) else []
        if scales and terms and all(exponents for exponents, _ in terms):
            rest = [factor for k, factor in enumerate(factors) if k != place and _own_exponent(factor) is None]
            return mul(*rest, add(*(mul(*left, Fn("exp", (add(*scales, *exponents),))) for exponents, left in terms)))
    return node


def _split(term: Expr) -> tuple[list[Expr], list[Expr]]:
    """The exponents among the factors of a term, and the other factors."""
    found = [(_own_exponent(factor), factor) for factor in flat_factors(term)]
    return [exponent for exponent, _ in found if exponent is not None], [factor for exponent, factor in found if exponent is None]


def _own_exponent(node: Expr) -> Expr | None:
    """The exponent a of exp(a), or −a of 1/exp(a)."""
    if isinstance(node, Pow) and node.args[1] == -1:
        inner = _own_exponent(node.args[0])
        return None if inner is None else neg(inner)
    if isinstance(node, Fn) and node.args[0] == "exp":
        exponent: Expr = node.args[1][0]
        return exponent
    return None


def _saturated(node: Expr, table: Mapping[str, Definition]) -> Expr:
    def inside(part: Expr) -> Expr:
        return _saturated(part, table)

    whole = isinstance(node, Mul)  # a quotient of a product is read with the whole product at hand
    node = rebuild(node, lambda part: rebuild(part, inside) if whole and isinstance(part, Pow) else inside(part))
    if isinstance(node, Fn) and node.args[0] in ("log", "log1p", "softplus"):
        return _logarithm(node, table)
    if isinstance(node, (Mul, Pow)):
        return _quotient(node, table)
    return node


def _logarithm(node: Fn, table: Mapping[str, Definition]) -> Expr:
    name, (inner,) = node.args
    if name == "softplus":
        return _logaddexp(ZERO, inner)
    if name == "log1p":
        exponent = _exponent_alone(inner, table)
        return node if exponent is None else _logaddexp(ZERO, exponent)
    body = resolved(inner, table, Fn)
    if isinstance(body, Fn) and body.args[0] == "logistic":
        return neg(_logaddexp(ZERO, neg(body.args[1][0])))
    pair = _two_exponents(inner, table)
    if pair is not None:
        return _logaddexp(*pair)
    return _of_complement(inner, table) or _of_quotient(inner, table) or node


def _of_complement(node: Expr, table: Mapping[str, Definition]) -> Expr | None:
    """log(1 − σ(u)) = −log(1 + e^u)."""
    terms = node.args[0] if isinstance(node, Add) and len(node.args[0]) == 2 and ONE in node.args[0] else ()
    rest = next((neg(term) for term in terms if term is not ONE), ONE)
    body = resolved(rest, table, Fn)
    return neg(_logaddexp(ZERO, body.args[1][0])) if isinstance(body, Fn) and body.args[0] == "logistic" else None


def _of_quotient(node: Expr, table: Mapping[str, Definition]) -> Expr | None:
    """log(e^u / Σ e^v) = u − log Σ e^v, which stays finite where the quotient underflows."""
    body = resolved(node, table, Mul)
    terms: list[Expr] = []
    for factor in flat_factors(body) if isinstance(body, Mul) else ():
        exponent = _own_exponent(factor)
        total = factor.args[0] if isinstance(factor, Pow) and isinstance(factor.args[0], Sum) else None
        if exponent is not None:
            terms.append(exponent)
        elif total is not None and _own_exponent(total.body) is not None:
            terms.append(mul(num(factor.args[1]), Fn("log", (total,))))
        else:
            return None
    return add(*terms) if terms else None


def _logaddexp(u: Expr, v: Expr) -> Expr:
    node: Expr = Fn("logaddexp", (u, v))
    return node


def _exponent_alone(node: Expr, table: Mapping[str, Definition]) -> Expr | None:
    """The exponent u where the node is exp(u) or 1 = exp(0), perhaps through names."""
    if node is ONE:
        return ZERO
    if isinstance(node, Pow) and node.args[1] == -1:
        inner = _exponent_alone(node.args[0], table)
        return None if inner is None else neg(inner)
    body = resolved(node, table, Fn)
    if not isinstance(body, Fn) or body.args[0] != "exp":
        return None
    exponent: Expr = body.args[1][0]
    return exponent


def _two_exponents(node: Expr, table: Mapping[str, Definition]) -> tuple[Expr, Expr] | None:
    if isinstance(node, Fn) and node.args[0] == "exp" and isinstance(node.args[1][0], Fn) and node.args[1][0].args[0] == "logaddexp":
        u, v = node.args[1][0].args[1]
        return u, v
    body = resolved(node, table, Add)
    if not isinstance(body, Add) or len(body.args[0]) != 2:
        return None
    first, second = (_exponent_alone(term, table) for term in body.args[0])
    return None if first is None or second is None else (first, second)


def _quotient(node: Expr, table: Mapping[str, Definition]) -> Expr:
    """exp(a)^p · exp(b)^q / (exp a + exp b)^(p + q) = logistic(a − b)^p · logistic(b − a)^q."""
    factors = list(node.args[0]) if isinstance(node, Mul) else [node]
    for place, factor in enumerate(factors):
        if isinstance(factor, Pow) and factor.args[1] < 0 and factor.args[1].denominator == 1:
            pair = _two_exponents(factor.args[0], table)
            if pair is not None:
                rest = factors[:place] + factors[place + 1:]
                found = _share(rest, pair, -int(factor.args[1]), table)
                if found is not None:
                    return _saturated(mul(*found), table)
                spread = _term_by_term(rest, factor, table)
                if spread is not None:
                    return spread
    return node


def _term_by_term(rest: list[Expr], below: Pow, table: Mapping[str, Definition]) -> Expr | None:
    """(u + v) / (exp a + exp b) as two quotients, where each of them is a share."""
    for place, one in enumerate(rest):
        if isinstance(one, Add):
            before = [mul(*rest[:place], term, *rest[place + 1:], below) for term in one.args[0]]
            after = [_quotient(term, table) for term in before]
            if all(new is not old for new, old in zip(after, before)):
                return add(*after)
    return None


def _share(rest: list[Expr], pair: tuple[Expr, Expr], count: int, table: Mapping[str, Definition]) -> list[Expr] | None:
    a, b = (pair[1], pair[0]) if pair[0] is ZERO else pair
    used = {a: 0, b: 0}
    left: list[Expr] = []
    for factor in rest:
        base, times = (factor.args[0], factor.args[1]) if isinstance(factor, Pow) and factor.args[1] > 0 else (factor, 1)
        exponent = _exponent_alone(base, table) if base is not ONE else None
        if exponent in used and exponent is not None and times == int(times) and sum(used.values()) + times <= count:
            used[exponent] += int(times)
        else:
            left.append(factor)
    if b is not ZERO and sum(used.values()) < count:
        return None
    shares = ((sub(a, b), used[a]), (sub(b, a), count - used[a]))
    return [*left, *(power(Fn("logistic", (u,)), times) for u, times in shares if times)]
