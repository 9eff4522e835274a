"""The gradient of an expression in entries of the arguments: reverse mode over its parts.

Legend: ū is the derivative of the whole by the part u.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from derive.checking.exact.image import postorder
from derive.index import ONE, ZERO, Add, Expr, Fn, Mul, Pow, Where, add, mul, num, power
from derive.rules.functions import derivative

__all__ = ["gradient_of"]


def gradient_of(value: Any, wrt_entries: np.ndarray, seed: np.ndarray | None = None) -> np.ndarray:
    """The derivative of a value, or of Σ seed · value where the value is an array, by each of the entries.

    Args:
        value: an expression, or an object array of them.
        wrt_entries: the entries of the argument, as `symbols` gives them.
        seed: the incoming gradient, of the shape of the value; 1 everywhere where it is None.
    """
    roots = np.asarray(value, dtype=object)
    seeds = np.full(roots.shape, ONE, dtype=object) if seed is None else np.asarray(seed, dtype=object)
    flows: dict[Expr, list[Expr]] = {}
    for root, first in zip(roots.ravel(), seeds.ravel(), strict=True):
        flows.setdefault(root, []).append(first)
    for node in reversed(list(postorder(*roots.ravel()))):
        if node not in flows:
            continue
        flow = add(*flows[node])
        for part, factor in _locals(node):
            passed = Where(node.args[0], *factor(flow)) if callable(factor) else mul(flow, factor)
            if passed is not ZERO:
                flows.setdefault(part, []).append(passed)
    out = np.empty(wrt_entries.shape, dtype=object)
    for place in np.ndindex(wrt_entries.shape):
        entry: Any = wrt_entries[place]
        out[place] = add(*flows.get(entry, []))
    return out


def _locals(node: Expr) -> Iterator[tuple[Expr, Any]]:
    """The parts with the derivative by each; for a choice, what the two sides of the passed choice are."""
    if isinstance(node, Add):
        yield from ((u, ONE) for u in node.args[0])
    elif isinstance(node, Mul):
        factors = node.args[0]
        yield from ((u, mul(*factors[:k], *factors[k + 1 :])) for k, u in enumerate(factors))
    elif isinstance(node, Pow):
        base, e = node.args
        yield base, mul(num(e), power(base, e - 1) if e != 1 else ONE)
    elif isinstance(node, Fn):
        name, args = node.args
        if name in ("max", "min") and len(args) > 2:
            node = Fn(name, (args[0], Fn(name, args[1:])))
            yield from zip(node.args[1], derivative(node))
        else:
            yield from zip(args, derivative(node))
    elif isinstance(node, Where):
        yield node.args[1], lambda flow: (flow, ZERO)
        yield node.args[2], lambda flow: (ZERO, flow)


