"""What is positive, or not negative, by its form alone."""

from __future__ import annotations

from derive.index import Add, Const, Delta, Expr, Fn, Iverson, Mul, Num, Pow, Where
from derive.rules.functions import FUNCTIONS

__all__ = ["nonnegative", "positive"]

_memo: dict[tuple[Expr, bool], bool] = {}
_MOST = 100_000


def positive(u: Expr) -> bool:
    """Whether u > 0 is certain wherever u is defined."""
    return _known(u, True)


def nonnegative(u: Expr) -> bool:
    """Whether u ≥ 0 is certain wherever u is defined."""
    return _known(u, False)


def _known(u: Expr, strict: bool) -> bool:
    key = (u, strict)
    if key not in _memo:
        if len(_memo) > _MOST:
            _memo.clear()
        _memo[key] = _seen(u, strict)
    return _memo[key]


def _seen(u: Expr, strict: bool) -> bool:
    if isinstance(u, Num):
        return u.value > 0 if strict else u.value >= 0
    if isinstance(u, Const):
        return u.args[0] == "pi"
    if isinstance(u, Add):
        return all(map(nonnegative, u.args[0])) and (not strict or any(map(positive, u.args[0])))
    if isinstance(u, Mul):
        return all(_known(part, strict) for part in u.args[0])
    if isinstance(u, Pow):
        base, e = u.args
        if e.denominator == 1 and e % 2 == 0:
            return not strict or e < 0 or positive(base)
        return _known(base, strict) or (e < 0 and nonnegative(base)) or (not strict and e.denominator % 2 == 0)
    if isinstance(u, Where):
        return _known(u.args[1], strict) and _known(u.args[2], strict)
    if isinstance(u, Fn) and u.args[0] == "max":
        return any(_known(part, strict) for part in u.args[1])
    if isinstance(u, Fn):
        return FUNCTIONS[u.args[0]].sign in (("positive",) if strict else ("positive", "nonnegative"))
    return not strict and isinstance(u, (Iverson, Delta))
