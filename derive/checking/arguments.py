"""Which parameter of a handwritten function stands for which argument of the reference."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from derive.derivation import Argument
from derive.errors import BadInput
from derive.trace.shapes import place_of

__all__ = ["incoming_parameter", "matched", "name_of", "parameters_of"]

# Names that people give to the same argument.
_ALIASES = ({"lam", "lambda_", "lambd", "lmbda", "reg", "l2", "reg_strength", "alpha", "weight_decay", "lamb", "l2_reg", "lmb", "C", "mu", "beta"},
            {"X", "x", "data", "inputs", "features", "X_batch", "X_train", "x_train", "A", "input"},
            {"y", "Y", "labels", "targets", "target", "t", "y_true", "y_batch", "y_train", "T", "label", "classes", "s"},
            {"W", "w", "weights", "theta", "Theta", "weight", "coef"}, {"b", "bias", "intercept"}, {"b1", "bias1"}, {"b2", "bias2"})
_INCOMING = ("dout", "dy", "dY", "grad_output", "grad_out", "upstream", "upstream_gradient", "dz", "dZ", "dA", "dnext", "dnext_h", "delta", "g",
             "dL_dout", "grad", "d_out", "dOut", "gradient", "dh", "douts", "da", "dL_dy", "gout", "ct", "cotangent")


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters by name; those that take any number of values are left out."""
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError) as error:
        raise BadInput(f"{function!r} has no readable signature.", hint="Wrap it in a def.") from error
    return {name: p for name, p in found.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}


def matched(handwritten: Callable[..., Any], arguments: Sequence[Argument], fixed: Collection[str] = ()) -> dict[str, str]:
    """The handwritten parameter for each argument of the reference.

    Args:
        fixed: parameters that are given otherwise.

    Raises:
        BadInput: a parameter without a default is left over, or `fixed` names one that does not exist.
    """
    parameters = parameters_of(handwritten)
    free = [name for name in parameters if name not in fixed]
    out: dict[str, str] = {a.name: a.name for a in arguments if a.name in free}
    free = [name for name in free if name not in out]
    for a in arguments:
        group = next((g for g in _ALIASES if a.name in g), {a.name})
        found = next((p for p in free if p in group), None) if a.name not in out else None
        if found is not None:
            out[a.name] = found
            free.remove(found)
    missing = [a for a in arguments if a.name not in out]
    required = [p for p in free if parameters[p].default is inspect.Parameter.empty]
    numbers = [p for p in free if type(parameters[p].default) in (int, float)]
    for a, p in zip(missing, [*required, *numbers]):
        out[a.name] = p
        free.remove(p)
    if needed := [p for p in required if p in free]:
        raise BadInput(f"{name_of(handwritten)} needs {', '.join(needed)}, which the reference does not have.", place=place_of(handwritten),
                       hint=f"The reference's arguments are {', '.join(a.name for a in arguments)}; give others with fixed={{{needed[0]!r}: …}}.")
    return out


def incoming_parameter(backward: Callable[..., Any]) -> str:
    """The parameter of a backward pass that takes the incoming gradient: by its name, else the first one."""
    names = list(parameters_of(backward))
    if not names:
        raise BadInput(f"{name_of(backward)} takes no incoming gradient.", place=place_of(backward))
    return next((name for name in _INCOMING if name in names), names[0])


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function, for messages."""
    return str(getattr(function, "__name__", function))
