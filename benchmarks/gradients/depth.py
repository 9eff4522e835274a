"""How a derivation grows with the depth of a perceptron: time, steps, and memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

import derive

DEPTHS = (2, 4, 8, 16, 32, 64)
REPEATS = 3


def perceptron(depth: int) -> tuple[Callable[..., Any], dict[str, str]]:
    """A network of this depth, written out as a person would generate it: one named weight and one named layer at a time."""
    weights = [f"W{n}" for n in range(depth)]
    lines = [f"def loss({', '.join(weights)}, x, y):", "    h = x"]
    lines += [f"    h = jnp.tanh(h @ {name})" for name in weights]
    lines += ["    return 0.5 * jnp.sum((h - y) ** 2)"]
    namespace: dict[str, Any] = {"jnp": jnp}
    exec("\n".join(lines), namespace)
    return namespace["loss"], {**dict.fromkeys(weights, "d d"), "x": "n d", "y": "n d"}


def timed(function: Callable[..., Any], shapes: dict[str, str]) -> float:
    start = time.process_time()
    derive.gradient(function, "W0", shapes)
    return time.process_time() - start


def printed() -> None:
    """Print a line for each depth, and the ratio to the one before."""
    print("\na perceptron, with respect to its first weights (processor time, the least of three; the ratio is to half the depth)")
    print(f"{'depth':>6s} {'seconds':>9s} {'ratio':>6s} {'steps':>6s} {'lines of code':>14s} {'memory, MB':>11s}")
    before = 0.0
    for depth in DEPTHS:
        function, shapes = perceptron(depth)
        seconds = min(timed(function, shapes) for _ in range(REPEATS))
        d = derive.gradient(function, "W0", shapes)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        ratio = f"{seconds / before:6.2f}" if before else "      "
        print(f"{depth:6d} {seconds:9.2f} {ratio} {len(d.steps):6d} {len(d.numpy().splitlines()):14d} {memory:11.0f}", flush=True)
        before = seconds
