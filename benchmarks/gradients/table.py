"""The same gradients by everybody, in one run: time, how much there is to read, whether it is right."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from gradients import by_derive, by_sympy
from gradients.answer import Answer, gap
from gradients.cases import CASES, SIZES, SMALL, Case

try:
    from gradients import by_tensorgrad
except ImportError:  # optional; the table says that it is absent
    by_tensorgrad = None  # type: ignore[assignment]

Ask = Callable[[Case], Answer]


def peers() -> dict[str, tuple[Ask, Mapping[str, int]]]:
    """How each is asked, and the sizes at which its answer is tried."""
    out: dict[str, tuple[Ask, Mapping[str, int]]] = {"derive": (by_derive.asked, SIZES)}
    if by_tensorgrad is not None:
        out["tensorgrad"] = (by_tensorgrad.asked, SIZES)
    return out | {"SymPy, entries": (by_sympy.asked, SMALL), "SymPy, indexed": (by_sympy.indexed, SMALL)}


def arrays_of(case: Case, sizes: Mapping[str, int]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=tuple(sizes[part] for part in text.split())) for name, text in case.shapes.items()}


def true(case: Case, arrays: Mapping[str, Any]) -> Any:
    names = list(case.shapes)
    ask = jax.hessian if case.hessian else jax.grad
    with jax.enable_x64(True):
        return np.asarray(ask(case.function, argnums=names.index(case.wrt))(*(arrays[name] for name in names)))


def line(case: Case, name: str, ask: Ask, sizes: Mapping[str, int], repeats: int) -> str:
    times = []
    try:
        for _ in range(repeats + 1):
            start = time.process_time()
            answer = ask(case)
            times.append(1e3 * (time.process_time() - start))
        arrays = arrays_of(case, sizes)
        off = gap(answer.value(arrays), true(case, arrays))
    except Exception as error:  # a peer that cannot is a line of the table, whatever it raised
        return f"{case.name:26s} {name:16s} {type(error).__name__}: {' '.join(str(error).split())[:80]}"
    right = "yes" if off < 1e-9 else f"no ({off:.1g})"
    return f"{case.name:26s} {name:16s} {statistics.median(times[1:]):9.1f} {answer.size!s:>14s}  {right:10s} {answer.note}"


def printed(repeats: int) -> None:
    """Print the table; the first time of each is left out."""
    print("the same gradients, in milliseconds of processor time (median, after a first time); to read: operations / sums / names introduced")
    print(f"{'':26s} {'':16s} {'ms':>9s} {'to read':>14s}  {'right':10s} holds for")
    for case in CASES:
        for name, (ask, sizes) in peers().items():
            print(line(case, name, ask, sizes, repeats), flush=True)
    if by_tensorgrad is None:
        print("(tensorgrad is not installed: pip install tensorgrad)")
