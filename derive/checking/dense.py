"""The value of index expressions at concrete sizes as whole NumPy arrays, in 64-bit: fast enough to try many hypotheses.

Legend: a value is (array, indices), with one axis for each free index, in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np

from derive.derivation import Definition
from derive.errors import NotYet
from derive.index import Add, At, Const, Delta, Expr, Extremum, Fn, Index, Iverson, MatrixFn, Mono, Mul, Num, Poly, Pow, Size, Stop, Sum, Where
from derive.rules.functions import FUNCTIONS

__all__ = ["Dense"]

Labelled = tuple[np.ndarray, tuple[Index, ...]]
_FAST: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "log": np.log, "tanh": np.tanh, "logistic": lambda u: 1 / (1 + np.exp(-u)), "softplus": lambda u: np.logaddexp(0, u),
    "logaddexp": np.logaddexp, "sin": np.sin, "cos": np.cos, "atan": np.arctan, "asin": np.arcsin, "acos": np.arccos, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "atan2": np.arctan2, "pow": np.power, "relu": lambda u: np.maximum(u, 0),
    "abs": np.abs, "sign": np.sign, "heaviside": lambda u: np.heaviside(u, 0.5), "max": np.maximum, "min": np.minimum}
_MOST = 2_000_000


class Dense:
    """Evaluates expressions at one point.

    Args:
        sizes: the value of each symbolic size.
        arrays: the arrays, by name.
        definitions: named arrays that are computed from the others.
    """

    def __init__(self, sizes: Mapping[str, int], arrays: Mapping[str, Any], definitions: Sequence[Definition] = ()) -> None:
        self.sizes = sizes
        self.known: dict[str, np.ndarray] = {name: np.asarray(value) for name, value in arrays.items()}
        self.definitions = {d.name: d for d in definitions if d.name not in arrays}

    def array(self, node: Expr, indices: Sequence[Index]) -> np.ndarray:
        """All entries, with one axis for each index.

        Raises:
            NotYet: there is a node that is not known here, or the arrays are too large.
        """
        with np.errstate(all="ignore"):
            value, own = self.value(node)
        shape = tuple(self._size(i) for i in indices)
        return np.array(np.broadcast_to(_aligned(value, own, tuple(indices)), shape))

    def _size(self, index: Index) -> int:
        return int(self.value(index.size)[0])

    def value(self, node: Expr) -> Labelled:
        """The value of a node, with an axis for each of its free indices."""
        row = _ROWS.get(type(node))
        if row is None:
            raise NotYet(f"{type(node).__name__} has no value in whole arrays.")
        return row(self, node)

    def _together(self, nodes: Sequence[Expr]) -> tuple[list[np.ndarray], tuple[Index, ...]]:
        """The values of several nodes on common axes."""
        pairs = [self.value(node) for node in nodes]
        indices = tuple(dict.fromkeys(i for _, own in pairs for i in own))
        if int(np.prod([self._size(i) for i in indices], dtype=float)) > _MOST:
            raise NotYet("The arrays are too large.")
        return [_aligned(value, own, indices) for value, own in pairs], indices

    def _number(self, node: Expr) -> Labelled:
        return np.asarray(float(node.args[0])), ()

    def _const(self, node: Expr) -> Labelled:
        return np.asarray({"pi": np.pi, "-inf": -np.inf, "inf": np.inf}[node.args[0]]), ()

    def _symbol(self, node: Expr) -> Labelled:
        return np.asarray(float(self.sizes[node.args[0]])), ()

    def _index(self, node: Expr) -> Labelled:
        assert isinstance(node, Index)
        return np.arange(float(self._size(node))), (node,)

    def _entry(self, node: Expr) -> Labelled:
        assert isinstance(node, At)
        if node.name not in self.known:
            if node.name not in self.definitions:
                raise NotYet(f"{node.name} is not known, or it is defined by itself.")
            d = self.definitions.pop(node.name)
            self.known[node.name] = self.array(d.body, d.indices)
        array = self.known[node.name]
        plain = [i for i in node.indices if isinstance(i, Index)]
        if len({*plain}) == len(node.indices) and array.shape == tuple(self._size(i) for i in plain):
            return array.astype(float), tuple(plain)
        places, indices = self._together(node.indices)
        inside = [(p >= 0) & (p < n) for p, n in zip(places, array.shape)]
        if len(places) != array.ndim:
            raise NotYet(f"{node.name} has another number of axes.")
        found = array[tuple(np.clip(p, 0, n - 1).astype(int) for p, n in zip(places, array.shape))].astype(float) if places else array.astype(float)
        return np.where(np.logical_and.reduce(np.broadcast_arrays(*inside)), found, np.nan) if inside else found, indices

    def _add(self, node: Expr) -> Labelled:
        values, indices = self._together(node.args[0])
        return _summed(values), indices

    def _mul(self, node: Expr) -> Labelled:
        return self._product([(u, 1) for u in node.args[0]])

    def _mono(self, node: Expr) -> Labelled:
        return self._product(sorted(node.args[0], key=lambda pair: pair[0].key))

    def _product(self, pairs: Sequence[tuple[Expr, Any]]) -> Labelled:
        """A product; a factor of 0 that is an indicator hides what is undefined beside it."""
        if not pairs:
            return np.asarray(1.0), ()
        values, indices = self._together([a for a, _ in pairs])
        out: Any = 1.0
        for value, (_, e) in zip(values, pairs):
            out = out * (value if e == 1 else value ** float(e))
        for value, (a, _) in zip(values, pairs):
            if isinstance(a, (Delta, Iverson)):
                out = np.where(value == 0, 0.0, out)
        return np.asarray(out), indices

    def _pow(self, node: Expr) -> Labelled:
        value, own = self.value(node.args[0])
        return value ** float(node.args[1]), own

    def _poly(self, node: Expr) -> Labelled:
        pairs = sorted(node.args[0], key=lambda pair: pair[0].key)
        values, indices = self._together([m for m, _ in pairs])
        return _summed([float(c) * value for value, (_, c) in zip(values, pairs)]), indices

    def _function(self, node: Expr) -> Labelled:
        name, args = node.args
        values, indices = self._together(args)
        fast = _FAST.get(name) or np.vectorize(lambda *v: float(mpmath.re(FUNCTIONS[name].numeric(*map(mpmath.mpf, v)))), otypes=[float])
        return np.asarray(fast(*values)), indices

    def _delta(self, node: Expr) -> Labelled:
        (a, b), indices = self._together(node.args)
        return (a == b).astype(float), indices

    def _iverson(self, node: Expr) -> Labelled:
        value, own = self.value(node.args[1])
        value = np.where(np.abs(value) < 1e-13, 0.0, value)
        return {">": value > 0, ">=": value >= 0, "=": value == 0}[node.args[0]].astype(float), own

    def _where(self, node: Expr) -> Labelled:
        (condition, a, b), indices = self._together(node.args)
        return np.where(condition != 0, a, b), indices

    def _stop(self, node: Expr) -> Labelled:
        return self.value(node.args[0])

    def _sum(self, node: Expr) -> Labelled:
        return self._over(node, np.sum)

    def _extremum(self, node: Expr) -> Labelled:
        return self._over(node, np.max if node.args[0] == "max" else np.min)

    def _matrix(self, node: Any) -> Labelled:
        """A function of a whole matrix."""
        name, at, bound, body = node.args
        if not body.free <= set(bound) or len(set(at)) < len(at) or not all(isinstance(i, Index) for i in at):
            raise NotYet("Single entries of an inverse have no value in whole arrays.")
        whole = self.array(body, bound)
        return (np.linalg.inv(whole), at) if name == "inverse" else (np.linalg.slogdet(whole)[1], ())

    def _over(self, node: Any, reduce: Callable[..., Any]) -> Labelled:
        value, own = self.value(node.body)
        indices = tuple(dict.fromkeys((*own, *node.bound)))
        shape = tuple(self._size(i) for i in indices)
        axes = tuple(k for k, i in enumerate(indices) if i in node.bound)
        return reduce(np.broadcast_to(_aligned(value, own, indices), shape), axis=axes), tuple(i for i in indices if i not in node.bound)


def _summed(values: Sequence[np.ndarray]) -> np.ndarray:
    out: Any = 0.0
    for value in values:
        out = out + value
    return np.asarray(out)


def _aligned(value: np.ndarray, own: tuple[Index, ...], indices: tuple[Index, ...]) -> np.ndarray:
    """The array with its axes in the order of `indices`, and an axis of length 1 for each that it lacks."""
    order = sorted(range(len(own)), key=lambda k: indices.index(own[k]))
    shape = iter(value.transpose(order).shape)
    return value.transpose(order).reshape(tuple(next(shape) if i in own else 1 for i in indices))


_ROWS: dict[type, Callable[[Dense, Any], Labelled]] = {
    Num: Dense._number, Const: Dense._const, Size: Dense._symbol, Index: Dense._index, At: Dense._entry, Add: Dense._add, Mul: Dense._mul,
    Mono: Dense._mono, Pow: Dense._pow, Poly: Dense._poly, Fn: Dense._function, Delta: Dense._delta, Iverson: Dense._iverson, Where: Dense._where,
    Stop: Dense._stop, Sum: Dense._sum, Extremum: Dense._extremum, MatrixFn: Dense._matrix}
