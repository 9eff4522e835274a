"""Minus infinity behind a mask, as in the scores of causal attention: what is done to such an entry is done to each side of the choice.

An entry that is infinite stands alone or as a side of a choice, never inside a sum or a product.
"""

from __future__ import annotations

from collections.abc import Callable

from derive.checking.lift.session import refuse
from derive.checking.lift.storage import choose, positive
from derive.index import ONE, ZERO, Const, Expr, Where

__all__ = ["RULES", "infinite", "spread"]

MINUS_INFINITY = Const("-inf")
Rule = Callable[..., Expr]


def infinite(u: Expr) -> bool:
    """Whether the entry is −∞, or is in some case."""
    return u is MINUS_INFINITY or (isinstance(u, Where) and (infinite(u.args[1]) or infinite(u.args[2])))


def spread(function: Rule, rule: Rule) -> Rule:
    """The function of entries of which some are −∞ in some cases.

    Args:
        function: of finite entries.
        rule: of entries of which at least one is −∞.
    """

    def apply(*entries: Expr) -> Expr:
        for place, u in enumerate(entries):
            if isinstance(u, Where) and infinite(u):
                sides = (apply(*entries[:place], side, *entries[place + 1 :]) for side in u.args[1:])
                return choose(u.args[0], *sides)
        return rule(*entries) if MINUS_INFINITY in entries else function(*entries)

    return apply


def _difference(u: Expr, v: Expr) -> Expr:
    return u if v is not MINUS_INFINITY else refuse("−∞ is subtracted")


def _product(u: Expr, v: Expr) -> Expr:
    other = v if u is MINUS_INFINITY else u
    return MINUS_INFINITY if positive(other) else refuse("a product of −∞ and something that may be 0 or negative")


def _quotient(u: Expr, v: Expr) -> Expr:
    return u if u is MINUS_INFINITY and positive(v) else refuse("a quotient with −∞")


def _refused(*entries: Expr) -> Expr:
    return refuse("a function of −∞")


# What each function gives where one of its arguments is −∞, by the name of its row.
RULES: dict[str, Rule] = {
    "add": lambda u, v: MINUS_INFINITY, "subtract": _difference, "multiply": _product, "divide": _quotient,
    "exp": lambda u: ZERO, "maximum": lambda u, v: v if u is MINUS_INFINITY else u, "minimum": lambda u, v: MINUS_INFINITY,
    "isfinite": lambda u: ZERO, "isinf": lambda u: ONE, "isneginf": lambda u: ONE, "isposinf": lambda u: ZERO, "isnan": lambda u: ZERO,
    "less": lambda u, v: ONE if v is not MINUS_INFINITY else ZERO, "less_equal": lambda u, v: ONE if u is MINUS_INFINITY else ZERO,
    "greater": lambda u, v: ONE if u is not MINUS_INFINITY else ZERO, "greater_equal": lambda u, v: ONE if v is MINUS_INFINITY else ZERO,
    "equal": lambda u, v: ONE if u is v else ZERO, "not_equal": lambda u, v: ZERO if u is v else ONE, "negative": _refused,
    "nan_to_num": _refused,
}  # fmt: skip
