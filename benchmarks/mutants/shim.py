"""A small stand-in for `jax`, `jax.numpy` and `numpy` on arrays of numbers with 40 digits, so that a reference can be run as it is written."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np

from mutants.number import Number, number


class Digits(np.ndarray):
    """An array of numbers; `x.at[i].set(v)` gives a changed copy, as in JAX."""

    @property
    def at(self) -> Any:
        return _At(self)


class _At:
    def __init__(self, array: Any, index: Any = None) -> None:
        self.array, self.index = array, index

    def __getitem__(self, index: Any) -> _At:
        return _At(self.array, index)

    def set(self, value: Any) -> Any:
        out = self.array.copy()
        out[self.index] = lifted(value)
        return out


def lifted(value: Any) -> Any:
    """Floats become numbers; integers and booleans stay."""
    if isinstance(value, (Number, bool, int)):
        return value
    if isinstance(value, (list, tuple)):
        value = np.array(value, dtype=object if any(isinstance(v, Number) for v in np.ravel(np.array(value, dtype=object))) else None)
    array = np.asarray(value)
    if array.dtype.kind == "f":
        array = np.frompyfunc(number, 1, 1)(array)
        array = np.asarray(array, dtype=object)
    return array.view(Digits) if array.ndim else array[()]


def elementwise(method: str) -> Any:
    function = np.frompyfunc(lambda v: getattr(number(v), method)(), 1, 1)
    return lambda x: function(lifted(x))


def chosen(condition: Any, a: Any, b: Any) -> Any:
    return lifted(np.where(condition, lifted(a), lifted(b)))


def larger(a: Any, b: Any) -> Any:
    a, b = lifted(a), lifted(b)
    return chosen(np.asarray(a > b, dtype=bool), a, b)


exp, log, sqrt, log1p, tanh = (elementwise(name) for name in ("exp", "log", "sqrt", "log1p", "tanh"))


def total(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return lifted(np.sum(lifted(x), axis=axis, keepdims=keepdims))


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = np.asarray(lifted(x))
    axes = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    return total(x, axis, keepdims) / number(int(np.prod([x.shape[a] for a in axes])))


def variance(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    gap = x - mean(x, axis, True)
    return mean(gap * gap, axis, keepdims)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    top = np.max(x, axis=axis, keepdims=True)
    value = log(total(exp(x - top), axis, True)) + top
    return value if keepdims else np.squeeze(value, axis)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + exp(-lifted(x)))


def softplus(x: Any) -> Any:
    return log(1 + exp(lifted(x)))


def softmax(x: Any, axis: int = -1) -> Any:
    return exp(x - logsumexp(x, axis, True))


def convolved(x: Any, w: Any, strides: tuple[int, int], padding: Any) -> Any:
    """Stride 1: examples × channels × height × width with filters × channels × height × width."""
    assert strides == (1, 1)
    x, w = np.asarray(x), np.asarray(w)
    n, _, height, width = x.shape
    f, c, a, b = w.shape
    padded = np.full((n, c, height + sum(padding[0]), width + sum(padding[1])), number(0), dtype=object)
    padded[:, :, padding[0][0]:padding[0][0] + height, padding[1][0]:padding[1][0] + width] = x
    out = np.empty((n, f, padded.shape[2] - a + 1, padded.shape[3] - b + 1), dtype=object)
    for e, g, i, j in itertools.product(*map(range, out.shape)):
        out[e, g, i, j] = np.sum(padded[e, :, i:i + a, j:j + b] * w[g])
    return out.view(Digits)


def windows(x: Any, start: Any, best: Any, size: tuple[int, ...], strides: tuple[int, ...], padding: str) -> Any:
    """The maximum over windows that do not overlap."""
    assert size == strides and padding == "VALID"
    x = np.asarray(x)
    out = np.empty(tuple(s // w for s, w in zip(x.shape, size)), dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = np.max(x[tuple(slice(i * w, (i + 1) * w) for i, w in zip(index, size))])
    return out.view(Digits)


jnp = SimpleNamespace(
    exp=exp, log=log, sqrt=sqrt, log1p=log1p, tanh=tanh, sum=total, mean=mean, var=variance, where=chosen, maximum=larger, max=np.max,
    abs=elementwise("__abs__"), arange=np.arange, inf=np.inf, ones=np.ones, tril=np.tril, stack=lambda parts: np.stack(parts).view(Digits),
    einsum=lambda spec, *parts: np.einsum(spec, *map(np.asarray, parts)).view(Digits), swapaxes=np.swapaxes,
    logaddexp=lambda a, b: log(exp(a) + exp(b)), take_along_axis=np.take_along_axis)
jax = SimpleNamespace(
    numpy=jnp,
    nn=SimpleNamespace(softmax=softmax, log_softmax=lambda x, axis=-1: x - logsumexp(x, axis, True), logsumexp=logsumexp, sigmoid=sigmoid,
                       softplus=softplus, relu=lambda x: larger(x, 0.0), leaky_relu=lambda x, slope: chosen(np.asarray(x > 0, bool), x, slope * x)),
    lax=SimpleNamespace(conv_general_dilated=convolved, reduce_window=windows, max=None))
