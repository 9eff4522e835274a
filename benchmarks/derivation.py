"""How long a derivation takes: beside other tools on the same gradients, with depth, for each acceptance case warm, and for `derive explain` cold.

    python benchmarks/derivation.py [repeats]
"""

from __future__ import annotations

import functools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import derive
from derive import losses
from derive.trace import read

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from acceptance import CASES, Case  # noqa: E402  # the cases of the tests, which are no package
from gradients import depth, table  # noqa: E402  # beside this file

WIDTHS = (26, 8, 7, 10, 10, 10, 10)
COLD = {
    "derive explain, softmax classifier": ["-m", "derive", "explain", f"{losses.__file__}::loss", "--wrt", "W"],
    "derive emit, softmax classifier": ["-m", "derive", "emit", f"{losses.__file__}::loss", "--wrt", "W"],
    "import jax and sympy alone": ["-c", "import jax, jax.numpy, sympy"],
    "an empty Python program": ["-c", ""],
}


def milliseconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)


def line(*cells: object) -> str:
    """A row of the table: words to the left, numbers to the right."""
    shown = [f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in cells]
    return " ".join(f"{cell:<{width}}" if place < 2 else f"{cell:>{width}}" for place, (cell, width) in enumerate(zip(shown, WIDTHS)))


def measured(case: Case, wrt: str, repeats: int) -> tuple[float, ...]:
    """The number of steps, and in milliseconds: the first time, the tracing alone, tracing and derivation, and the text."""
    ask = derive.vjp if case.vjp else derive.gradient

    def derived() -> derive.Derivation:
        result: derive.Derivation = ask(case.function, wrt, case.shapes)
        return result
    first = milliseconds(derived)
    traced, whole, told = [], [], []
    for _ in range(repeats):
        traced.append(milliseconds(lambda: read(case.function, case.shapes)))
        whole.append(milliseconds(derived))
        result = derived()
        told.append(milliseconds(result.text))
    return len(result.story.steps), first, *map(statistics.median, (traced, whole, told))


def warm(repeats: int) -> None:
    """Print the table of the acceptance cases."""
    derive.gradient(losses.loss, "W", losses.SHAPES).text()  # whatever is loaded or compiled once
    print(f"warm, in milliseconds: the median of {repeats}; the derivation is with all its steps, and with the tracing")
    print(line("case", "wrt", "steps", "first", "tracing", "derivation", "its text"))
    totals = []
    for case in CASES:
        for wrt in case.wrt:
            numbers = measured(case, wrt, repeats)
            totals.append(numbers[3])
            print(line(case.name, wrt, *numbers), flush=True)
    print(f"\nall {len(totals)}: median {statistics.median(totals):.1f} ms, largest {max(totals):.1f} ms")


def cold(repeats: int = 3) -> None:
    """Print how long whole processes take."""
    print(f"\ncold, a process of its own, in seconds: the median of {repeats}")
    for name, arguments in COLD.items():
        run = functools.partial(subprocess.run, [sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
        times = [milliseconds(run) for _ in range(repeats)]
        print(f"{name:<40} {statistics.median(times) / 1e3:6.2f}")


if __name__ == "__main__":
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    table.printed(times)
    depth.printed()
    print()
    warm(times)
    cold()
