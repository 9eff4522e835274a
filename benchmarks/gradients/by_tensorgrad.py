"""tensorgrad's answer: `full_simplify` of its symbolic gradient.  It is optional: `pip install tensorgrad`.

Its own evaluation needs the named tensors that newer torch no longer has, so its results are evaluated here, node by node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp
import tensorgrad as tg
import tensorgrad.functions as F  # noqa: N812  # as its own documentation does
from tensorgrad.tensor import Delta, Function, Product, Rename, Sum, Variable

from gradients.answer import Answer, Arrays, Size
from gradients.cases import Case

Tensors = Mapping[str, Any]


def softmax(z: Any, axis: str) -> Any:
    e = F.exp(z)
    return e / F.sum(e, [axis], keepdims=True)


def normalised(x: Any) -> Any:
    r = x - F.mean(x, ["d"], keepdims=True)
    return r / F.sqrt(F.mean(r * r, ["d"], keepdims=True) + 1)


# Edges are named, so a product is written with the names of the sizes; a matrix with one size twice does not occur.
LOSSES: dict[str, Callable[..., Any]] = {
    "least_squares": lambda W, X, Y: F.sum((X @ W - Y) ** 2),
    "cross_entropy": lambda z, t: -(t @ F.log(softmax(z, "k"))),
    "softmax_classifier": lambda W, X, T: -F.sum(T * F.log(softmax(X @ W, "k"))),
    "logistic": lambda w, X, y: F.sum(F.log(F.exp(X @ w) + 1)) - y @ (X @ w),
    "two_layer": lambda W, V, X, Y: F.sum((F.tanh(X @ W) @ V - Y) ** 2),
    "relu_net": lambda W, V, X, Y: F.sum((F.relu(X @ W) @ V - Y) ** 2),
    "layer_norm": lambda x, g, c: F.sum(c * g * normalised(x)),
    "attention": lambda Q, K, V, D: F.sum(D * (softmax(Q @ K, "s") @ V)),
}


def asked(case: Case) -> Answer:
    sizes = {name: sp.Symbol(name) for text in case.shapes.values() for name in text.split()}
    tensors = {name: tg.Variable(name, **{part: sizes[part] for part in text.split()}) for name, text in case.shapes.items()}
    loss = LOSSES[case.function.__name__](**tensors)
    moving = tensors[case.wrt]
    result = loss.grad(moving)
    order = case.shapes[case.wrt].split()
    edges = [result.new_names[edge] for edge in order]
    if case.hessian:
        result = result.grad(moving)
        edges += [result.new_names[edge] for edge in order]
    result = result.full_simplify()

    def value(given: Arrays) -> Any:
        numbers = {sizes[part]: n for name, text in case.shapes.items() for part, n in zip(text.split(), np.shape(given[name]))}
        return Evaluation(given, case.shapes, numbers).at(result, edges)
    return Answer(size(result), value)


def size(result: Any) -> Size:
    """Products of n factors are n − 1 operations, as are sums of n terms; an edge between factors is a sum; sharing is not counted twice."""
    seen: set[int] = set()
    operations = sums = 0
    todo = [result]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Product):
            factors = [f for f in node.factors if not isinstance(f, Delta)]
            inner = {edge for f in node.factors for edge in f.edges} - set(node.edges)
            operations, sums = operations + max(len(factors) - 1, 0), sums + len(inner)
            todo += node.factors
        elif isinstance(node, Sum):
            operations += len(node.terms) - 1 + sum(abs(w) != 1 for w in node.weights)
            todo += node.terms
        elif isinstance(node, Function):
            operations += 1
            todo += node.inputs
        elif isinstance(node, Rename):
            todo.append(node.tensor)
    return Size(operations, sums)


ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "relu": lambda x: np.maximum(x, 0.0), "exp": np.exp, "log": np.log, "tanh": np.tanh, "gt0": lambda x: (x > 0).astype(float), "sign": np.sign,
    "tanh_grad": lambda x: 1 - np.tanh(x) ** 2, "abs": np.abs}


class Evaluation:
    """The value of a tensor, with its axes in an order that is asked for."""

    def __init__(self, given: Arrays, shapes: Mapping[str, str], sizes: Mapping[Any, int]) -> None:
        self.given, self.shapes, self.sizes = given, shapes, sizes

    def at(self, node: Any, edges: list[str]) -> np.ndarray:
        value, own = self.of(node)
        return np.transpose(value, [own.index(edge) for edge in edges])

    def of(self, node: Any) -> tuple[np.ndarray, list[str]]:
        if isinstance(node, Variable):
            order = self.shapes[node.name].split()
            symbols = {str(size): edge for edge, size in node.shape.items()}
            return np.asarray(self.given[node.name], dtype=float), [symbols[part] for part in order]
        if isinstance(node, Rename):
            value, own = self.of(node.tensor)
            return value, [node.mapping.get(edge, edge) for edge in own]
        if isinstance(node, Delta):
            size = self.sizes[node.size]
            eye = np.zeros([size] * len(node.edges)) if node.edges else np.asarray(float(size))
            for k in range(size if node.edges else 0):
                eye[(k,) * len(node.edges)] = 1
            return eye, list(node.edges)
        if isinstance(node, Sum):
            own = list(node.edges)
            return sum(float(w) * self.at(term, own) for w, term in zip(node.weights, node.terms)), own
        if isinstance(node, Product):
            return self.product(node)
        return self.function(node)

    def product(self, node: Any) -> tuple[np.ndarray, list[str]]:
        number: dict[str, int] = {}
        parts: list[Any] = []
        for factor in node.factors:
            value, own = self.of(factor)
            parts += [value, [number.setdefault(edge, len(number)) for edge in own]]
        own = list(node.edges)
        return np.asarray(np.einsum(*parts, [number[edge] for edge in own])) if parts else np.asarray(1.0), own

    def function(self, node: Any) -> tuple[np.ndarray, list[str]]:
        if len(node.inputs) != 1 or node.shape_out:
            raise NotImplementedError(f"{node.signature}")
        value, own = self.of(node.inputs[0])
        power = getattr(node.signature, "k", None)
        return (value ** float(power) if power is not None else ELEMENTWISE[node.signature.name](value)), own
