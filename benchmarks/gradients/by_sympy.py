"""SymPy's answers: entry by entry at small sizes, and with indexed symbols and sums over a symbolic range."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from gradients.answer import Answer, Arrays, Size
from gradients.cases import SMALL, Case


def entries(name: str, shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        out[place] = sp.Symbol(name + "_" + "_".join(map(str, place)), real=True)
    return out


def on(function: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    return np.vectorize(function, otypes=[object])


exp, log, tanh, sqrt = on(sp.exp), on(sp.log), on(sp.tanh), sp.sqrt


def softmax(z: np.ndarray) -> np.ndarray:
    e = exp(z)
    return e / e.sum(axis=-1, keepdims=True)


LOSSES: dict[str, Callable[..., Any]] = {
    "least_squares": lambda W, X, Y: ((X @ W - Y) ** 2).sum(),
    "cross_entropy": lambda z, t: -(t * log(softmax(z))).sum(),
    "softmax_classifier": lambda W, X, T: -(T * log(softmax(X @ W))).sum(),
    "logistic": lambda w, X, y: (log(1 + exp(X @ w)) - y * (X @ w)).sum(),
    "two_layer": lambda W, V, X, Y: ((tanh(X @ W) @ V - Y) ** 2).sum(),
    "relu_net": lambda W, V, X, Y: ((on(lambda v: sp.Max(0, v))(X @ W) @ V - Y) ** 2).sum(),
    "layer_norm": lambda x, g, c: (c * g * (x - x.mean()) / sqrt(((x - x.mean()) ** 2).mean() + 1)).sum(),
    "attention": lambda Q, K, V, D: (D * (softmax(Q @ K.T) @ V)).sum(),
}


def concrete_shape(text: str) -> tuple[int, ...]:
    return tuple(SMALL[name] for name in text.split())


def asked(case: Case) -> Answer:
    """Entry by entry, at small sizes."""
    arrays = {name: entries(name, concrete_shape(text)) for name, text in case.shapes.items()}
    loss = LOSSES[case.function.__name__](**arrays)
    moving = list(arrays[case.wrt].ravel())
    shape = arrays[case.wrt].shape
    if case.hessian:
        result = [sp.diff(loss, a, b) for a, b in itertools.product(moving, moving)]
        shape = shape + shape
    else:
        result = [sp.diff(loss, a) for a in moving]
    symbols = [s for array in arrays.values() for s in array.ravel()]
    run = functools.cache(lambda: sp.lambdify(symbols, result, "math" if case.function.__name__ != "relu_net" else "numpy"))

    def value(given: Arrays) -> Any:
        return np.array(run()(*(float(v) for name in arrays for v in np.ravel(given[name]))), dtype=float).reshape(shape)
    sizes = ", ".join(f"{n}={SMALL[n]}" for n in dict.fromkeys(n for text in case.shapes.values() for n in text.split()))
    return Answer(Size(int(sum(sp.count_ops(r) for r in result)), 0), value, f"{sizes} alone")


# ------------------------------------------------------------------------------------------- indexed symbols and sums

i, j, a, b, c, u, o, p, q = sp.symbols("i j a b c u o p q", integer=True)
m, d, k, h, t, s, e = (sp.Symbol(name, integer=True, positive=True) for name in "mdkhtse")


def base(name: str) -> sp.IndexedBase:
    return sp.IndexedBase(name)


def total(term: sp.Expr, *ranges: tuple[sp.Symbol, sp.Symbol]) -> sp.Expr:
    return sp.Sum(term, *((index, 0, size - 1) for index, size in ranges))


W, X, Y, T, V, K, Q, D, w, y, z, tt, x, g, cc = map(base, ("W", "X", "Y", "T", "V", "K", "Q", "D", "w", "y", "z", "t", "x", "g", "c"))


def mean(body: Callable[[sp.Symbol], sp.Expr], index: sp.Symbol) -> sp.Expr:
    return total(body(index), (index, d)) / d


def xhat(at: sp.Symbol) -> sp.Expr:
    mu = mean(lambda n: x[n], b)
    return (x[at] - mu) / sp.sqrt(mean(lambda n: (x[n] - mu) ** 2, c) + 1)


def scores(row: sp.Symbol, column: sp.Symbol, over: sp.Symbol) -> sp.Expr:
    return total(Q[row, over] * K[column, over], (over, d))


INDEXED: dict[str, Callable[[], tuple[sp.Expr, sp.Expr]]] = {
    "least_squares": lambda: (total((total(X[i, a] * W[a, c], (a, d)) - Y[i, c]) ** 2, (i, m), (c, k)), W[p, q]),
    "cross_entropy": lambda: (-total(tt[j] * sp.log(sp.exp(z[j]) / total(sp.exp(z[b]), (b, k))), (j, k)), z[p]),
    "softmax_classifier": lambda: (-total(T[i, j] * sp.log(sp.exp(total(X[i, a] * W[a, j], (a, d)))
                                                            / total(sp.exp(total(X[i, a] * W[a, b], (a, d))), (b, k))), (i, m), (j, k)), W[p, q]),
    "logistic": lambda: (total(sp.log(1 + sp.exp(total(X[i, a] * w[a], (a, d)))) - y[i] * total(X[i, a] * w[a], (a, d)), (i, m)), w[p]),
    "two_layer": lambda: (total((total(sp.tanh(total(X[i, a] * W[a, u], (a, d))) * V[u, c], (u, h)) - Y[i, c]) ** 2, (i, m), (c, k)), W[p, q]),
    "relu_net": lambda: (total((total(sp.Max(0, total(X[i, a] * W[a, u], (a, d))) * V[u, c], (u, h)) - Y[i, c]) ** 2, (i, m), (c, k)), W[p, q]),
    "layer_norm": lambda: (total(cc[a] * g[a] * xhat(a), (a, d)), x[p]),
    "attention": lambda: (total(D[i, o] * total(sp.exp(scores(i, j, a)) / total(sp.exp(scores(i, b, a)), (b, s)) * V[j, o], (j, s)), (i, t), (o, e)),
                          K[p, q]),
}


def indexed(case: Case) -> Answer:
    """With sums over symbolic ranges, as SymPy differentiates them."""
    loss, entry = INDEXED[case.function.__name__]()
    result = sp.diff(loss, entry)
    free = list(entry.indices)
    if case.hessian:
        other = entry.base[r]
        result, free = sp.diff(result, other), [*free, r]

    def value(given: Arrays) -> Any:
        return evaluated(result, given, np.shape(given[case.wrt]) * (2 if case.hessian else 1), free, concrete_sizes(case, given))
    return Answer(Size(int(sp.count_ops(result)), len(result.atoms(sp.Sum))), value)


r = sp.Symbol("r", integer=True)


def concrete_sizes(case: Case, given: Arrays) -> Mapping[str, int]:
    return {name: n for arg, text in case.shapes.items() for name, n in zip(text.split(), np.shape(given[arg]))}


def evaluated(result: sp.Expr, given: Arrays, shape: tuple[int, ...], free: list[sp.Symbol], sizes: Mapping[str, int]) -> Any:
    """The result at concrete sizes: the sums written out, the entries put in, entry by entry; NaN where no number is left."""
    symbols = {"m": m, "d": d, "k": k, "h": h, "t": t, "s": s, "e": e}
    written = result.subs({symbols[name]: n for name, n in sizes.items()})
    out = np.empty(shape)
    for place in np.ndindex(out.shape):
        at = written.subs(dict(zip(free, place))).doit()
        at = at.subs({part: number_at(given, part) for part in at.atoms(sp.Indexed) if all(index.is_Integer for index in part.indices)}).doit()
        out[place] = float(at) if at.is_number else float("nan")
    return out


def number_at(given: Arrays, part: sp.Indexed) -> sp.Float:
    return sp.Float(float(given[str(part.base)][tuple(map(int, part.indices))]))
