"""Arguments of another type: float32, float16, and integers.

The reference's float arguments are float64; other types are outside of that contract, so what goes wrong with them is a warning, not a fault.
Integers are compared with the same numbers as floats: a difference means that something was truncated or wrapped around.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from derive.checking.running import Endless, Trial
from derive.checking.safety.setting import Finding, Setting, broken, differ, results

__all__ = ["integers", "short_floats"]

_SHORT: tuple[tuple[type[Any], float], ...] = ((np.float32, 1e-3), (np.float16, 0.2))


def short_floats(setting: Setting) -> Iterator[Finding]:
    """float32 and float16: NaN, lost accuracy, and results of another type."""
    for dtype, tolerance in _SHORT:
        name = np.dtype(dtype).name
        given = {n: np.asarray(v).astype(dtype)[()] for n, v in setting.base.arrays.items() if np.asarray(v).dtype.kind == "f"}
        trial = setting.run(given, given=True)
        if trial.error is not None:
            if isinstance(trial.error, Endless):
                yield Finding(f"given {name} arguments {trial.error}: a tolerance may be smaller than what {name} can tell apart")
                return
            if name == "float32":
                yield Finding(f"given float32 arguments it raises {type(trial.error).__name__}: {trial.error}")
            continue
        exactly = setting.run({n: np.asarray(v, dtype=float) for n, v in given.items()})
        bad = next((n for n, array in results(trial) if broken(array) and not broken(dict(results(exactly)).get(n, array))), None)
        if bad is not None:
            yield Finding(f"given {name} arguments {_what(setting, bad)} is NaN or infinite, and is finite for the same numbers in float64: convert "
                          "the arguments with astype(np.float64) first", about=bad)
        elif name == "float32" and (off := differ(exactly, trial, tolerance)) is not None:
            yield Finding(f"given float32 arguments {_what(setting, off)} is off by more than 1 part in 1000: rounding is magnified on the way",
                          about=off)
        elif name == "float32" and (other := _other_dtype(setting, given, trial.gradients)) is not None:
            yield Finding(f"given float32 arguments {_what(setting, other[0])} comes back as {other[1]}: it was "
                          + ("computed in a shorter precision" if other[1] == "float16" else
                             "put into an array of another type; np.zeros(…, dtype=X.dtype) keeps it"), about=other[0])
            return


def _other_dtype(setting: Setting, given: Mapping[str, Any], gradients: Mapping[str, Any]) -> tuple[str, str] | None:
    """(argument, type) of a gradient that is no float32 for float32 arguments, unless whole numbers among the arguments make NumPy choose so."""
    found = {n: np.asarray(g).dtype for n, g in gradients.items() if n in setting.wrt and isinstance(g, np.ndarray)}
    other = {n: d.name for n, d in found.items() if d.kind == "f" and d != np.float32}
    if not other:
        return None
    whole = {n: np.asarray(v).astype(np.int16)[()] for n, v in setting.base.arrays.items() if np.asarray(v).dtype.kind == "i"}
    again = setting.run({**given, **whole}, given=True)
    return next(((n, name) for n, name in other.items() if again.error is None and np.asarray(again.gradients.get(n)).dtype.name == name), None)


def integers(setting: Setting) -> Iterator[Finding]:
    """Integers for one argument at a time, and uint8 for the data: arguments whose gradient is not asked for."""
    for name in setting.floats:
        array = np.asarray(setting.base.arrays[name])
        whole = np.rint(2 * array)
        kinds: list[tuple[str, Callable[[np.ndarray], Any], np.ndarray]] = [("integers", lambda v: v.astype(np.int64)[()], whole)]
        if array.ndim and name not in setting.wrt:
            kinds.append(("uint8 numbers", lambda v: v.astype(np.uint8), np.abs(whole)))
        for words, convert, values in kinds:
            given, same = setting.run({name: convert(values)}, given=True), setting.run({name: values[()]}, given=True)
            if given.error is None and same.error is None and (off := differ(same, given, _exactness(given))) is not None:
                lost = "is truncated" if words == "integers" else "is truncated or wraps around"
                yield Finding(f"given {words} for {setting.own_name(name)} {_what(setting, off)} is other than for the same numbers as floats: "
                              f"something {lost} on the way; convert with astype(float) first")
                break


def _exactness(trial: Trial) -> float:
    """How close two results must be that were computed from the same numbers."""
    short = any(np.asarray(g).dtype.itemsize < 8 for g in trial.gradients.values() if isinstance(g, np.ndarray))
    return 1e-5 if short else 1e-9


def _what(setting: Setting, name: str) -> str:
    return f"the gradient with respect to {setting.own_name(name)}" if name else "the value"
