"""The handwritten code in the longest precision that NumPy has: also what makes a 64-bit number of its own accord makes a long one.

`float` and `np.float64` mean the long type, new arrays have it, and the functions of `math` are NumPy's.  What is rounded on purpose stays
rounded, which tells it from the rounding of 64-bit arithmetic.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from derive.checking.lift.rebuild import Rebuilder
from derive.checking.lift.session import running
from derive.checking.subject import Subject

__all__ = ["in_longer_precision"]

_MAKERS = ("zeros", "ones", "empty", "full", "eye", "identity", "array", "asarray", "asfarray", "fromiter", "linspace", "diag", "tri", "vander")
_MATH = {"exp": "exp", "log": "log", "sqrt": "sqrt", "tanh": "tanh", "sin": "sin", "cos": "cos", "tan": "tan", "log1p": "log1p", "expm1": "expm1",
         "log2": "log2", "log10": "log10", "fabs": "fabs", "pow": "power", "sinh": "sinh", "cosh": "cosh", "atan": "arctan", "atan2": "arctan2",
         "hypot": "hypot", "exp2": "exp2", "cbrt": "cbrt", "acos": "arccos", "asin": "arcsin"}
_LONG = np.longdouble


class _Longer(Rebuilder):
    """Rebuilds functions so that what they make is long."""

    builtins: ClassVar[Mapping[str, Any]] = {**vars(builtins), "float": _LONG}

    def stand_in(self, value: Any) -> Any:
        """The long type, or a function that makes long numbers; None for all else."""
        if value is float or value is np.float64:
            return _LONG
        name = getattr(value, "__name__", "")
        if name in _MAKERS and getattr(np, name, None) is value:
            return _making(getattr(np, name))
        if name in _MATH and getattr(math, name, None) is value:
            return _computing(getattr(np, _MATH[name]))
        return None


def _making(real: Callable[..., Any]) -> Callable[..., Any]:
    def make(*args: Any, **kwargs: Any) -> Any:
        made = real(*args, **kwargs)
        return made.astype(_LONG) if made.dtype == np.float64 else made

    return make


def _computing(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: real(*(_LONG(arg) for arg in args))


def in_longer_precision(subject: Subject) -> Subject:
    """The same code, with long numbers wherever it makes numbers; what cannot be run so raises when it is run."""
    def run(**arrays: Any) -> Any:
        with running() as session:
            return _Longer(session).patched(subject.function)(**arrays)  # type: ignore[arg-type]

    return replace(subject, function=run)
