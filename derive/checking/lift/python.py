"""What Python's own functions mean on symbolic values: len, range, float, int, max, sum, enumerate, zip."""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from derive.checking.lift.arrays import Elements, Operand, Scalar, make, operand, size_of, symbolic
from derive.checking.lift.create import SymbolicRange
from derive.checking.lift.loops import symbolic_length
from derive.checking.lift.mapping import Vectorized, mapped
from derive.checking.lift.registry import call
from derive.checking.lift.session import refuse
from derive.checking.lift.sizes import integer, nonnegative, same
from derive.index import ONE, Const, Expr, Num, add, num, sub

__all__ = ["BUILTINS", "after", "numpy_attribute", "replacement", "span"]


class _TypeMeta(type):
    """Stands for float, int, list … : the same `isinstance`, other conversions."""

    real_type: type
    convert: Callable[[Any], Any]

    def __instancecheck__(cls, value: Any) -> bool:
        kind = {float: "float", int: "int", bool: "bool"}.get(cls.real_type)
        return isinstance(value, cls.real_type) or (isinstance(value, Scalar) and value.kind == kind)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and (symbolic(args[0]) or isinstance(args[0], Elements)):
            return cls.convert(args[0])
        return cls.real_type(*args, **kwargs)

    @property
    def dtype(cls) -> np.dtype[Any]:
        """What NumPy itself makes of the real type, where an array of numbers is cast to it."""
        return np.dtype(cls.real_type)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.real_type, name)


def _type(real: type, convert: Callable[[Any], Any]) -> Any:
    return _TypeMeta(real.__name__, (), {"real_type": real, "convert": staticmethod(convert)})


def _float(value: Any) -> Any:
    return call("astype", call("item", value), np.float64)


def _int(value: Any) -> Any:
    return call("astype", call("item", value), np.int64)


def _list(value: Any) -> Any:
    return value if isinstance(value, SymbolicRange) or symbolic_length(value) is not None else list(iter(value))


def _len(value: Any) -> Any:
    if isinstance(value, Operand):
        return value.shape[0]
    return operand(Scalar(value.size, "int")) if isinstance(value, Elements) else len(value)


def span(*bounds: Any) -> Any:
    """range(…)."""
    if not any(isinstance(bound, Operand) for bound in bounds):
        return range(*bounds)
    ends = [size_of(bound) for bound in bounds]
    start, stop = (num(0), ends[0]) if len(ends) == 1 else ends[:2]
    step = 1 if len(ends) < 3 else int(ends[2].value) if ends[2] in (ONE, num(-1)) else refuse("a range with a step is not covered")
    length = integer(sub(stop, start) if step > 0 else sub(start, stop))
    if isinstance(length, Num) and isinstance(start, Num):
        return range(int(start.value), int(start.value) + step * int(length.value), step)
    if not nonnegative(length):
        refuse("a range may be empty for some sizes because its end may lie before its start")
    return SymbolicRange(start, length, step)


def after(start: Any, stop: Any) -> Any:
    """The counter after `while start < stop: start += 1`."""
    return _extremum("max", max)(start, stop)


def _reversed(values: Any) -> Any:
    length = symbolic_length(values)
    return reversed(values) if length is None else _Backwards(values, length)


class _Backwards(Elements):
    """reversed(values), for a symbolic number of them."""

    def __init__(self, values: Any, size: Expr) -> None:
        self.values, self.size = values, size

    def element(self, index: Expr) -> Any:
        """The element at that index, from the end."""
        where = integer(sub(add(self.size, num(-1)), index))
        return self.values.element(where) if isinstance(self.values, Elements) else self.values[Scalar(where, "int")]

    def lift_operand(self) -> Operand:
        """The same as an array."""
        source = operand(self.values)
        found: Operand = make(source.sizes, source.kind, lambda at: source.entry((integer(sub(add(self.size, num(-1)), at[0])), *at[1:])))
        return found


class _Together(Elements):
    """zip or enumerate over something symbolic: element i is a tuple."""

    def __init__(self, parts: list[Any], size: Expr) -> None:
        self.parts, self.size = parts, size

    def element(self, index: Expr) -> Any:
        """The tuple at that index."""
        where = Scalar(index, "int")
        return tuple(part.element(index) if isinstance(part, Elements) else part[where] for part in self.parts)


def _zip(*parts: Any, **kwargs: Any) -> Any:
    lengths = [symbolic_length(part) for part in parts]
    if not any(length is not None for length in lengths):
        return zip(*parts, **kwargs)
    first = lengths[0]
    if first is None or not all(length is not None and same(length, first) for length in lengths):
        refuse("zip over parts whose lengths may differ")
    return _Together(list(parts), first)


def _enumerate(part: Any, start: int = 0) -> Any:
    length = symbolic_length(part)
    if length is None:
        return enumerate(part, start)
    return _Together([SymbolicRange(num(start), length), part], length)


def _extremum(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*values: Any, **kwargs: Any) -> Any:
        if kwargs or not symbolic(values):
            return real(*values, **kwargs)
        if len(values) == 1:
            values = (operand(values[0]),) if isinstance(values[0], Elements) else values
            if isinstance(values[0], Operand) and len(values[0].sizes) != 1:
                refuse(f"{name}() of an array with several axes")
            return call(name, values[0])
        result = values[0]
        for value in values[1:]:
            result = call(f"{name}imum", result, value)
        return result

    return apply


def _sum(values: Any, start: Any = 0) -> Any:
    if isinstance(values, (Operand, Elements)):
        total = call("sum", values, axis=0)
        return total if isinstance(start, int) and start == 0 else total + start
    return sum(values, start)


_OWN: Mapping[Any, Any] = {
    float: _type(float, _float), int: _type(int, _int), list: _type(list, _list), tuple: _type(tuple, _list),
    len: _len, range: span, zip: _zip, enumerate: _enumerate, sum: _sum,
    reversed: _reversed, map: mapped,
    max: _extremum("max", max), min: _extremum("min", min), math.exp: "exp", math.log: "log", math.sqrt: "sqrt", math.tanh: "tanh",
    math.log1p: "log1p", math.expm1: "expm1", math.fabs: "absolute", math.pow: "power", math.erf: "erf", math.sin: "sin", math.cos: "cos",
    math.tan: "tan", math.atan: "arctan", math.sinh: "sinh", math.cosh: "cosh", math.log2: "log2", math.log10: "log10", math.hypot: "hypot",
    math.lgamma: "gammaln", math.fsum: _sum,
}  # fmt: skip
_EXACT = {"sqrt", "exp", "log"}


def _dispatch(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """Our row where an argument is symbolic, the real function otherwise."""

    def apply(*args: Any, **kwargs: Any) -> Any:
        exact = name in _EXACT and len(args) == 1 and not symbolic(args[0]) and isinstance(args[0], (int, float)) and args[0] > 0
        touched = any(symbolic(value) or isinstance(value, Elements) for value in (*args, *kwargs.values()))
        if exact or touched or name in _FRESH:
            return call(name, *args, **kwargs)
        return real(*args, **{key: getattr(value, "real_type", value) for key, value in kwargs.items()})

    return apply


_FRESH = {"zeros", "ones", "zeros_like", "ones_like", "full", "eye", "identity", "empty"}


class _Ufunc:
    """np.add and its like: a function with `.at` and `.reduce`."""

    def __init__(self, real: Any) -> None:
        self.real, self.name = real, real.__name__
        self.apply = _dispatch(self.name, real)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.apply(*args, **kwargs)

    def __getattr__(self, method: str) -> Any:
        return _dispatch(f"{self.name}.{method}", getattr(self.real, method))


class _Joined:
    """np.r_ and np.c_."""

    def __init__(self, name: str, real: Any) -> None:
        self.name, self.real = name, real

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not any(map(symbolic, parts)):
            return self.real[key]
        if any(isinstance(part, (slice, str)) for part in parts):
            refuse(f"np.{self.name} of slices is not covered")
        return call(self.name, [call("atleast_1d", part) for part in parts])


_STAND_INS = {"vectorize": Vectorized, "r_": _Joined("concatenate", np.r_), "c_": _Joined("column_stack", np.c_)}


def numpy_attribute(real: Any, name: str, prefix: str = "") -> Any:
    """What `np.name` is while a function is lifted."""
    if name in ("pi", "e") and not prefix:
        return Scalar(Const(name), "float")
    if not prefix and name in _STAND_INS:
        return _STAND_INS[name]
    if name == "matrix":
        return _type(np.matrix, functools.partial(call, "matrix"))
    found = getattr(real, name)
    if isinstance(found, np.ufunc):
        return _Ufunc(found)
    if isinstance(found, type) and prefix + name not in ("float64", "float32"):
        return found
    if isinstance(found, type):
        return _type(found, _float)
    return _dispatch(prefix + name, found) if callable(found) else found


def replacement(value: Any) -> Any:
    """What stands for a function of Python, of math or of NumPy; None where nothing does."""
    try:
        own = _OWN.get(value)
    except TypeError:
        return None
    if own is not None:
        return _dispatch(own, value) if isinstance(own, str) else own
    if isinstance(value, np.ufunc):
        return _Ufunc(value)
    name = getattr(value, "__name__", "")
    if getattr(value, "__module__", None) and str(value.__module__).startswith("scipy.special") and isinstance(name, str):
        return _dispatch(f"scipy.{name}", value)
    found = vars(np).get(name) if isinstance(name, str) else None
    return _dispatch(name, found) if callable(found) and found is value and not isinstance(found, type) else None


BUILTINS = {name: replacement(value) or value for name, value in vars(builtins).items()} | {"xrange": span}
