"""What torch's functions mean: reductions and products.

Legend: dim, keepdim are torch's words for axis, keepdims.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from derive.checking.foreign.torch.rows import dtype_of
from derive.checking.foreign.torch.tensors import row
from derive.checking.lift.arrays import symbolic
from derive.checking.lift.registry import call
from derive.checking.lift.session import refuse

__all__ = ["Extremes", "Unknown", "dims"]


def dims(dim: Any) -> Any:
    """torch's dim as NumPy's axis."""
    return tuple(dim) if isinstance(dim, (tuple, list)) and dim else None if isinstance(dim, (tuple, list)) else dim


@row("sum")
def _sum(x: Any, dim: Any = None, keepdim: Any = False, *, dtype: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    found = call("sum", x, axis=dims(axis if dim is None else dim), keepdims=keepdim or keepdims)
    return found if dtype is None else call("astype", found, dtype_of(dtype))


@row("mean")
def _mean(x: Any, dim: Any = None, keepdim: Any = False, *, dtype: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    return call("mean", x, axis=dims(axis if dim is None else dim), keepdims=keepdim or keepdims)


@row("amax")
def _amax(x: Any, dim: Any = None, keepdim: Any = False) -> Any:
    return call("max", x, axis=dims(dim), keepdims=keepdim)


@row("amin")
def _amin(x: Any, dim: Any = None, keepdim: Any = False) -> Any:
    return call("min", x, axis=dims(dim), keepdims=keepdim)


class Extremes(tuple[Any, ...]):
    """What x.max(dim) gives: the values, and positions that nothing is known of."""

    values = property(lambda self: self[0])
    indices = property(lambda self: self[1])


class Unknown:
    """The positions of the largest entries; every use is refused."""

    def lift_operand(self) -> Any:
        """Refuse."""
        refuse("the position of the largest entry depends on data")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.lift_operand()

    def _use(self, *_: Any) -> Any:
        return self.lift_operand()

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __len__ = __iter__ = __getitem__ = __int__ = __float__ = __index__ = _use
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __floordiv__ = __mod__ = __neg__ = __invert__ = _use
    __hash__ = object.__hash__


def _extreme(name: str) -> Callable[..., Any]:
    def apply(x: Any, dim: Any = None, keepdim: Any = False) -> Any:
        if dim is None:
            return call(name, x)
        if symbolic(dim) or not isinstance(dim, int):
            return call(f"{name}imum", x, dim)
        return Extremes((call(name, x, axis=dim, keepdims=keepdim), Unknown()))

    return apply


row("max")(_extreme("max"))
row("min")(_extreme("min"))


@row("var")
def _var(x: Any, dim: Any = None, unbiased: Any = True, keepdim: Any = False, *, correction: Any = None) -> Any:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return call("var", x, axis=dims(dim), ddof=int(unbiased) if correction is None else correction, keepdims=keepdim)


@row("std")
def _std(x: Any, dim: Any = None, unbiased: Any = True, keepdim: Any = False, *, correction: Any = None) -> Any:
    return call("sqrt", _var(x, dim, unbiased, keepdim, correction=correction))


@row("norm", "linalg_vector_norm")
def _norm(x: Any, p: Any = 2, dim: Any = None, keepdim: Any = False) -> Any:
    if p not in (2, 2.0, "fro"):
        refuse(f"the norm of order {p} is not covered")
    return call("sqrt", call("sum", call("square", x), axis=dims(dim), keepdims=keepdim))


@row("linalg_norm")
def _linalg_norm(x: Any, ord: Any = None, dim: Any = None, keepdim: Any = False) -> Any:  # torch's own name
    if ord is not None and not (ord == 2 and (isinstance(dim, int) or len(x.sizes) == 1)):
        refuse(f"the matrix norm of order {ord} is not covered")
    return _norm(x, 2, dim, keepdim)


@row("logsumexp")
def _logsumexp(x: Any, dim: Any, keepdim: Any = False) -> Any:
    return call("log", call("sum", call("exp", x), axis=dims(dim), keepdims=keepdim))


@row("any")
def _any(x: Any, dim: Any = None, keepdim: Any = False) -> Any:
    return call("any", x, axis=dims(dim), keepdims=keepdim)


@row("all")
def _all(x: Any, dim: Any = None, keepdim: Any = False) -> Any:
    return call("all", x, axis=dims(dim), keepdims=keepdim)


@row("count_nonzero")
def _count_nonzero(x: Any, dim: Any = None) -> Any:
    return call("count_nonzero", x, axis=dims(dim))


@row("cumsum")
def _cumsum(x: Any, dim: Any) -> Any:
    return call("cumsum", x, axis=dim)


@row("einsum")
def _einsum(equation: Any, *values: Any) -> Any:
    if len(values) == 1 and isinstance(values[0], (list, tuple)):
        values = tuple(values[0])
    return call("einsum", equation, *values)


@row("tensordot")
def _tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    return call("tensordot", a, b, dims)
