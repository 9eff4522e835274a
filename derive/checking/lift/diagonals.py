"""Diagonals and triangles of matrices, and the masks and indices of these."""

from __future__ import annotations

from typing import Any

from derive.checking.lift.arrays import SymbolicArray, make, operand, size_of
from derive.checking.lift.create import kind_of_dtype
from derive.checking.lift.registry import call, row
from derive.checking.lift.session import refuse
from derive.checking.lift.sizes import integer
from derive.checking.lift.storage import Location, choose
from derive.index import ZERO, Expr, Iverson, add, delta, num, sub

__all__: list[str] = []


@row("eye", "identity")
def _eye(rows: Any, columns: Any = None, k: int = 0, dtype: Any = None) -> Any:
    sizes = [size_of(rows), size_of(rows if columns is None else columns)]
    return make(sizes, kind_of_dtype(dtype), lambda at: delta(integer(add(at[0], num(k))), at[1]))


@row("diag")
def _diag(v: Any, k: int = 0) -> Any:
    source = operand(v)
    if k != 0 or len(source.sizes) not in (1, 2):
        refuse("diag with an offset is not covered")
    if len(source.sizes) == 2:
        return _diagonal(source)
    return make([source.sizes[0]] * 2, source.kind, lambda at: choose(delta(at[0], at[1]), source.entry(at[:1]), ZERO))


@row("diagonal")
def _diagonal(a: Any, offset: int = 0) -> Any:
    """A view that NumPy lets nobody write through."""
    if offset != 0 or len(operand(a).sizes) != 2:
        refuse("this diagonal is not covered")
    view = call("einsum", "ii->i", a)
    return call("perhaps shared", view)


@row("trace")
def _trace(a: Any) -> Any:
    return call("einsum", "ii->", a)


@row("fill_diagonal")
def _fill_diagonal(a: SymbolicArray, value: Any) -> None:
    mask = make(a.sizes, "bool", lambda at: delta(at[0], at[1]))
    call("setitem", a, mask, value)


def _triangle(name: str, sign: int) -> None:
    def apply(a: Any, k: int = 0) -> Any:
        source = operand(a)

        def entry(at: Location) -> Expr:
            above = sub(add(at[-1], num(-k)), at[-2])
            inside = Iverson(">=", above if sign > 0 else sub(ZERO, above))
            return choose(inside, source.entry(at), ZERO)

        return make(source.sizes, source.kind, entry)

    row(name)(apply)


_triangle("triu", 1)
_triangle("tril", -1)


def _triangle_indices(name: str) -> None:
    def apply(n: Any, k: int = 0, m: Any = None) -> Any:
        return call("nonzero", call(name, call("ones", (n, n if m is None else m), bool), k))

    row(f"{name}_indices")(apply)
    row(f"{name}_indices_from")(lambda arr, k=0: apply(operand(arr).shape[0], k, operand(arr).shape[1]))


_triangle_indices("triu")
_triangle_indices("tril")


@row("tri")
def _tri(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    return call("tril", call("ones", (N, N if M is None else M), dtype), k)


@row("diag_indices")
def _diag_indices(n: Any, ndim: int = 2) -> Any:
    return (call("arange", n),) * ndim
