"""How fast the written gradient is: `derive.gradient(…).numpy()` of the softmax classifier against the tutorial's vectorised code.

Both run in turn in one process on the same numbers, so that whatever slows the machine down slows both; matrix products use one thread,
since with more the two wait for the machine's other work and not for each other.

    python benchmarks/emitted.py [seconds for each size]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import derive
from derive import losses

# Examples m, features d, classes k: the tutorial's minibatch and validation set, the digits, many classes, and some so small that calls count.
SIZES = ((500, 3073, 10), (1000, 3073, 10), (128, 65, 10), (1257, 65, 10), (200, 300, 1000), (20, 10, 5), (5, 4, 3), (1, 1, 1))
Gradient = Callable[..., Any]


def seconds(function: Gradient, arguments: tuple[Any, ...]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def interleaved(functions: tuple[Gradient, Gradient], arguments: tuple[Any, ...], budget: float) -> tuple[list[float], list[float]]:
    """The times of both, called in turn, each first half of the time, until `budget` seconds have passed."""
    times: tuple[list[float], list[float]] = ([], [])
    for function in functions:
        function(*arguments)
    end, turn = time.perf_counter() + budget, 0
    while time.perf_counter() < end or turn < 20:
        for which in ((0, 1), (1, 0))[turn % 2]:
            times[which].append(seconds(functions[which], arguments))
        turn += 1
    return times


def main(budget: float) -> None:
    """Print the table."""
    emitted = derive.gradient(losses.loss, "W", losses.SHAPES).function()
    rng = np.random.default_rng(0)
    print("microseconds (median), and the ratio of the medians: below 1 the written gradient is faster")
    print(f"{'m × d × k':<18}{'type':<9}{'calls':>8}{'tutorial':>12}{'written':>12}{'ratio':>8}{'differ by':>12}")
    for m, d, k in SIZES:
        for kind in (np.float64, np.float32):
            W, X, y = rng.normal(size=(d, k)).astype(kind), rng.normal(size=(m, d)).astype(kind), rng.integers(0, k, m)
            arguments = (W, X, y, kind(0.1))
            theirs, ours = losses.gradient_by_hand(*arguments), emitted(*arguments)
            apart = np.max(np.abs(theirs - ours)) / np.max(np.abs(theirs))
            tutorial, written = interleaved((losses.gradient_by_hand, emitted), arguments, budget)
            medians = 1e6 * statistics.median(tutorial), 1e6 * statistics.median(written)
            print(f"{f'{m} × {d} × {k}':<18}{kind.__name__:<9}{len(written):>8}{medians[0]:>12.1f}{medians[1]:>12.1f}"
                  f"{medians[1] / medians[0]:>8.3f}{apart:>12.1e}", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
