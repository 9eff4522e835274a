"""Which parameter of a handwritten function stands for which argument of the reference."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from derive.derivation import Argument
from derive.errors import BadInput
from derive.trace.shapes import place_of

__all__ = ["matched", "name_of"]

# Names that people give to the same argument.
_ALIASES = ({"lam", "lambda_", "lambd", "lmbda", "reg", "l2", "reg_strength", "alpha", "weight_decay"}, {"X", "x", "data", "inputs", "features"},
            {"y", "labels", "targets", "target", "t"}, {"W", "w", "weights", "theta"}, {"b", "bias"})


def matched(handwritten: Callable[..., Any], arguments: Sequence[Argument]) -> dict[str, str]:
    """The handwritten parameter for each argument of the reference."""
    parameters = inspect.signature(handwritten).parameters
    free = list(parameters)
    out: dict[str, str] = {}
    for a in arguments:
        group = next((g for g in _ALIASES if a.name in g), {a.name})
        found = a.name if a.name in free else next((p for p in free if p in group), None)
        if found is not None:
            out[a.name] = found
            free.remove(found)
    missing = [a for a in arguments if a.name not in out]
    for a, p in zip(missing, list(free)):
        out[a.name] = p
        free.remove(p)
    needed = [p for p in free if parameters[p].default is inspect.Parameter.empty and parameters[p].kind is not inspect.Parameter.VAR_KEYWORD]
    if needed:
        raise BadInput(f"{name_of(handwritten)} needs {', '.join(needed)}, which the reference does not have.", place=place_of(handwritten),
                       hint=f"The reference's arguments are {', '.join(a.name for a in arguments)}.")
    return out


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function, for messages."""
    return str(getattr(function, "__name__", function))
