"""What code does with memory: inputs changed, results that share memory, order in memory, read-only inputs, state kept between calls."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from derive.checking.running import copied
from derive.checking.safety.setting import Finding, Setting, differ

__all__ = ["calls", "memory", "orders"]

_TOLERANCE = 1e-7


def calls(setting: Setting) -> Iterator[Finding]:
    """Twice the same call: hidden state and random numbers."""
    if differ(setting.ran, setting.run({}), 0.0) is not None:
        yield Finding("calling it twice with the same arguments gives different results: it keeps something from one call to the next, or draws "
                      "random numbers", True)
    elif differ(setting.ran, setting.run({}, seed=1), 0.0) is not None:
        yield Finding("it is not deterministic: its result depends on the random numbers of np.random; pass what is drawn as an argument", True)


def memory(setting: Setting) -> Iterator[Finding]:
    """Inputs that are changed, and results that share memory with an input or with each other."""
    trial = setting.ran
    for name in trial.mutated:
        yield Finding(f"it changes its argument {setting.own_name(name)} in place")
    outputs = [("the value", trial.value), *((f"the gradient with respect to {setting.own_name(n)}", g) for n, g in trial.gradients.items())]
    arrays = [(words, raw) for words, raw in outputs if isinstance(raw, np.ndarray) and raw.size]
    for words, raw in arrays:
        for name, given in trial.given.items():
            if isinstance(given, np.ndarray) and np.shares_memory(raw, given):
                own = setting.own_name(name)
                yield Finding(f"{words} shares memory with the argument {own}: changing one in place changes the other; return a copy")
    for (words, raw), (other, second) in itertools.combinations(arrays, 2):
        if np.shares_memory(raw, second):
            yield Finding(f"{words} and {other} share memory: changing one in place changes the other; return copies")


def orders(setting: Setting) -> Iterator[Finding]:
    """Arrays in another order in memory, with gaps, and read-only."""
    for words, arrange in _ORDERS:
        trial = setting.run(_arranged(setting, arrange), given=True)
        if trial.error is not None:
            yield Finding(f"given {words} arrays it raises {type(trial.error).__name__}: {trial.error}")
        elif (off := differ(setting.ran, trial, _TOLERANCE)) is not None:
            what = f"the gradient with respect to {setting.own_name(off)}" if off else "the value"
            yield Finding(f"given {words} arrays {what} is another one: the code depends on the order in memory", True)
    if not setting.ran.mutated:
        trial = setting.run(_arranged(setting, _read_only), given=True)
        if isinstance(trial.error, ValueError) and "read-only" in str(trial.error):
            yield Finding("it writes into its arguments: given read-only arrays it raises")


def _arranged(setting: Setting, arrange: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    return {name: arrange(value) if isinstance(value, np.ndarray) else value for name, value in copied(setting.base.arrays).items()}


def _with_gaps(array: np.ndarray) -> np.ndarray:
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), dtype=array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


_ORDERS: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (("Fortran-ordered", np.asfortranarray), ("non-contiguous", _with_gaps))
