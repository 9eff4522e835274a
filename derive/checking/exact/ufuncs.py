"""NumPy's ufuncs on symbolic arrays: a table of what each does to numbers, and how calls, reductions and in-place results are made of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from derive.checking.exact import arithmetic
from derive.checking.exact.arithmetic import choose, comparison
from derive.checking.exact.entries import Chosen, Entries, index, kind_of, plain, rekinded, result
from derive.checking.exact.numbers import RANK, Number, as_number, compare
from derive.checking.exact.simplify import plus, times, to_power
from derive.checking.lift.session import bad, refuse
from derive.index import ONE, ZERO, Const, Fn, Num, num

__all__ = ["ELEMENTWISE", "apply", "maximum", "minimum", "reduced", "total"]

_HALF = Fraction(1, 2)
_IGNORED = ("dtype", "casting", "order", "subok")


def _function(name: str) -> Callable[[Number], Number]:
    return lambda u: Number(Fn(name, (u.expr,)), "float")


def _exp(u: Number) -> Number:
    if u.expr is ZERO:
        return Number(ONE)
    if isinstance(u.expr, Const) and u.expr.args[0] == "-inf":
        return Number(ZERO)
    return Number(Fn("exp", (u.expr,)))


def _log(u: Number) -> Number:
    if isinstance(u.expr, Num) and u.expr.value <= 0:
        refuse("the logarithm of a number that is not positive")
    return Number(ZERO if u.expr is ONE else Fn("log", (u.expr,)))


def _sqrt(u: Number) -> Number:
    if isinstance(u.expr, Num):
        if u.expr.value < 0:
            refuse("the root of a negative number")
        parts = [_root(u.expr.value.numerator), _root(u.expr.value.denominator)]
        if None not in parts:
            return Number(num(Fraction(parts[0] or 0, parts[1] or 1)))
    return Number(to_power(u.expr, _HALF))


def _root(n: int) -> int | None:
    root = round(n**0.5) if n < 2**50 else -1
    return root if root * root == n else None


def maximum(u: Number, v: Number) -> Number:
    """The larger."""
    return _extremum("max", u, v)


def minimum(u: Number, v: Number) -> Number:
    """The smaller."""
    return _extremum("min", u, v)


def _extremum(name: str, u: Number, v: Number) -> Number:
    kind = max(u.kind, v.kind, key=RANK.__getitem__)
    if u.expr is v.expr:
        return Number(u.expr, kind)
    if kind == "bool":
        return (arithmetic.either if name == "max" else arithmetic.both)(u, v)
    above = compare(">=" if name == "max" else "<=", u.expr, v.expr)
    if isinstance(above, Num):
        return Number(u.expr if above.value else v.expr, kind)
    return Number(Fn(name, (u.expr, v.expr)), kind)


def _sign(u: Number) -> Number:
    return Number(num((u.expr.value > 0) - (u.expr.value < 0)) if isinstance(u.expr, Num) else Fn("sign", (u.expr,)), u.kind)


def _truth(u: Number) -> Number:
    return u if u.kind == "bool" else Number(compare("!=", u.expr, ZERO), "bool")


def _known(value: int) -> Callable[[Number], Number]:
    return lambda u: Number(num(value), "bool")


def _whole(rounding: Callable[[Fraction], int]) -> Callable[[Number], Number]:
    def apply_to(u: Number) -> Number:
        if not isinstance(u.expr, Num):
            refuse("the rounding of a symbolic number")
        return Number(num(rounding(u.expr.value)), u.kind)

    return apply_to


def _log_of(base: int) -> Callable[[Number], Number]:
    return lambda u: arithmetic.divide(_log(u), _log(as_number(base)))


def _logaddexp(u: Number, v: Number) -> Number:
    return _log(arithmetic.add(_exp(u), _exp(v)))


def _xlogy(u: Number, v: Number) -> Number:
    return Number(ZERO) if u.expr is ZERO else arithmetic.multiply(u, _log(v))


def _sinh(sign: int) -> Callable[[Number], Number]:
    return lambda u: Number(times(num(_HALF), plus(_exp(u).expr, times(num(sign), _exp(arithmetic.negative(u)).expr))))


def _floated(operation: Callable[..., Number]) -> Callable[..., Number]:
    return lambda *args: operation(*(Number(u.expr, "float") for u in args))


_ONE = Number(ONE, "int")
ELEMENTWISE: dict[str, Callable[..., Number]] = {
    "add": arithmetic.add, "subtract": arithmetic.subtract, "multiply": arithmetic.multiply, "divide": arithmetic.divide,
    "true_divide": arithmetic.divide,
    "power": arithmetic.raised, "float_power": _floated(arithmetic.raised), "negative": arithmetic.negative, "positive": lambda u: u,
    "absolute": arithmetic.absolute, "fabs": arithmetic.absolute, "floor_divide": arithmetic.floor_divide, "remainder": arithmetic.remainder,
    "exp": _exp, "log": _log, "sqrt": _sqrt, "tanh": _function("tanh"), "sin": _function("sin"), "cos": _function("cos"),
    "arctan": _function("atan"), "erf": _function("erf"), "expit": _function("logistic"), "sinh": _sinh(-1), "cosh": _sinh(1),
    "tan": lambda u: arithmetic.divide(_function("sin")(u), _function("cos")(u)),
    "square": lambda u: arithmetic.multiply(u, u), "reciprocal": _floated(lambda u: arithmetic.divide(_ONE, u)),
    "log1p": lambda u: _log(arithmetic.add(_ONE, u)), "expm1": lambda u: arithmetic.subtract(_exp(u), _ONE),
    "log2": _log_of(2), "log10": _log_of(10), "exp2": lambda u: arithmetic.raised(as_number(2.0), u), "logaddexp": _logaddexp,
    "xlogy": _xlogy, "logit": lambda u: _log(arithmetic.divide(u, arithmetic.subtract(_ONE, u))),
    "cbrt": lambda u: Number(to_power(u.expr, Fraction(1, 3))),
    "hypot": lambda u, v: _sqrt(arithmetic.add(arithmetic.multiply(u, u), arithmetic.multiply(v, v))),
    "maximum": maximum, "minimum": minimum, "fmax": maximum, "fmin": minimum, "sign": _sign,
    "greater": comparison(">"), "greater_equal": comparison(">="), "less": comparison("<"), "less_equal": comparison("<="),
    "equal": comparison("="), "not_equal": comparison("!="),
    "logical_and": lambda u, v: arithmetic.both(_truth(u), _truth(v)), "logical_or": lambda u, v: arithmetic.either(_truth(u), _truth(v)),
    "logical_xor": lambda u, v: arithmetic.differ(_truth(u), _truth(v)), "logical_not": lambda u: arithmetic.invert(_truth(u)),
    "bitwise_and": arithmetic.both, "bitwise_or": arithmetic.either, "bitwise_xor": arithmetic.differ, "invert": arithmetic.invert,
    "heaviside": lambda u, v: choose(comparison("=")(u, as_number(0)), v, Number(compare(">", u.expr, ZERO), "float")),
    "clip": lambda u, low, high: minimum(maximum(u, low), high),
    "isfinite": _known(1), "isnan": _known(0), "isinf": _known(0), "conjugate": lambda u: u,
    "floor": _whole(lambda q: q.numerator // q.denominator), "ceil": _whole(lambda q: -(-q.numerator // q.denominator)), "rint": _whole(round),
}  # fmt: skip


def total(parts: Sequence[Number]) -> Number:
    """The sum; booleans are counted."""
    kind = max((part.kind for part in parts), key=RANK.__getitem__, default="float")
    return Number(plus(*(part.expr for part in parts)), "int" if kind == "bool" else kind)


def _product(parts: Sequence[Number]) -> Number:
    kind = max((part.kind for part in parts), key=RANK.__getitem__, default="float")
    return Number(times(*(part.expr for part in parts)), "int" if kind == "bool" else kind)


def _folded(operation: Callable[[Number, Number], Number]) -> Callable[[Sequence[Number]], Number]:
    def fold(parts: Sequence[Number]) -> Number:
        return functools.reduce(operation, parts) if parts else bad("a reduction of an empty array that has no identity")

    return fold


_FOLDS: dict[str, Callable[[Sequence[Number]], Number]] = {
    "add": total, "multiply": _product, "maximum": _folded(maximum), "minimum": _folded(minimum), "fmax": _folded(maximum),
    "fmin": _folded(minimum), "logaddexp": lambda parts: _log(total([_exp(u) for u in parts])),
    "logical_and": _folded(ELEMENTWISE["logical_and"]), "logical_or": _folded(ELEMENTWISE["logical_or"]),
}  # fmt: skip


def reduced(fold: Callable[[Sequence[Number]], Number], value: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """A reduction over one axis, several, or all."""
    array = plain(value)
    axes = range(array.ndim) if axis is None else [int(a) % array.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    kept = [a for a in range(array.ndim) if a not in axes]
    rows = array.transpose(*kept, *axes).reshape(*(array.shape[a] for a in kept), -1)
    out = np.empty(rows.shape[:-1], dtype=object)
    for place in np.ndindex(out.shape):
        out[place] = fold(list(rows[place]))
    return result(out.reshape([1 if a in axes else n for a, n in enumerate(array.shape)]) if keepdims else out)


def apply(ufunc: Any, method: str, *inputs: Any, out: Any = None, where: Any = True, **kwargs: Any) -> Any:
    """A ufunc, or one of its methods, on symbolic arrays."""
    name = ufunc if isinstance(ufunc, str) else ufunc.__name__
    target = out[0] if isinstance(out, tuple) else out
    chosen = next((value for value in inputs if isinstance(value, Chosen)), None)
    if chosen is not None and target is None:
        return chosen.__array_ufunc__(ufunc, method, *inputs, **kwargs)
    if method == "at":
        return _at(name, *inputs)
    if kwargs.get("dtype") is not None and np.dtype(getattr(kwargs["dtype"], "real_type", kwargs["dtype"])).kind != "f":
        refuse("dtype= of a ufunc")
    kwargs = {key: value for key, value in kwargs.items() if key not in _IGNORED and (value is not None or key == "axis")}
    made = _made(name, method, inputs, kwargs)
    if where is not True:
        made = _masked(made, where, target)
    if target is None:
        return made
    return _stored(target, made)


def _made(name: str, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if name == "matmul" and method == "__call__":
        return matmul(*inputs)
    if method == "__call__" and name in ELEMENTWISE:
        function = ELEMENTWISE[name]
        return result(np.frompyfunc(function, len(inputs), 1)(*map(plain, inputs)))
    if method == "reduce" and name in _FOLDS:
        initial = kwargs.pop("initial", None)
        axis = inputs[1] if len(inputs) > 1 else kwargs.pop("axis", 0)
        found = reduced(_FOLDS[name], inputs[0], axis, kwargs.pop("keepdims", False))
        return found if initial is None else _made(name, "__call__", (found, initial), {})
    if method == "outer" and name in ELEMENTWISE:
        u, v = map(plain, inputs)
        return result(np.frompyfunc(ELEMENTWISE[name], 2, 1)(u.reshape(u.shape + (1,) * v.ndim), v))
    if method == "accumulate" and name in _FOLDS:
        return accumulated(_FOLDS[name], inputs[0], inputs[1] if len(inputs) > 1 else kwargs.get("axis", 0))
    return refuse(f"np.{name}{'' if method == '__call__' else '.' + method} of symbolic numbers")


def matmul(u: Any, v: Any) -> Any:
    """The matrix product."""
    a, b = plain(u), plain(v)
    if not a.ndim or not b.ndim:
        bad("a matrix product with a number")
    return result(np.matmul(a, b))


def accumulated(fold: Callable[[Sequence[Number]], Number], value: Any, axis: int) -> Any:
    """A running reduction."""
    array = np.moveaxis(plain(value), axis, -1)
    out = np.empty(array.shape, dtype=object)
    for place in np.ndindex(array.shape):
        out[place] = fold(list(array[place[:-1]][: place[-1] + 1]))
    return result(np.moveaxis(out, -1, axis))


def _masked(made: Any, where: Any, target: Any) -> Any:
    if target is None:
        refuse("where= without out=")
    return result(np.frompyfunc(choose, 3, 1)(plain(where), plain(made), plain(target)))


def _stored(target: Any, made: Any) -> Any:
    values = plain(made)
    if not isinstance(target, Entries):
        refuse("a symbolic result is written into an array of numbers")
    if RANK[kind_of(values)] > RANK[target.kind]:
        bad(f"NumPy refuses to change an array of kind {target.kind} in place by a {kind_of(values)} (UFuncTypeError)", "make it a float array first")
    if np.broadcast_shapes(values.shape, target.shape) != tuple(target.shape):
        bad(f"an array of shape {tuple(map(int, target.shape))} cannot be changed in place by one of shape {values.shape}")
    plain(target)[...] = rekinded(values, target.kind)
    return target


def _at(name: str, target: Any, key: Any, *values: Any) -> None:
    """np.add.at and its like: every one of repeated places counts."""
    if not isinstance(target, Entries) or name not in ELEMENTWISE:
        refuse(f"np.{name}.at of this")
    array = plain(target)
    places = np.arange(array.size).reshape(array.shape)[index(key)]
    given = np.broadcast_to(plain(values[0]), np.shape(places)) if values else None
    for where in np.ndindex(np.shape(places)):
        place = np.unravel_index(int(np.asarray(places)[where]), array.shape)
        new = ELEMENTWISE[name](array[place], *([] if given is None else [given[where]]))
        target.check_cast(plain(new))
        array[place] = Number(new.expr, target.kind)


