"""The table of NumPy functions: one row for each name, filled by the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from derive.checking.lift.session import refuse

__all__ = ["TABLE", "call", "row"]

Function = Callable[..., Any]
TABLE: dict[str, Function] = {}


def row(*names: str) -> Callable[[Function], Function]:
    """Declare what NumPy's function of these names means for symbolic arrays."""

    def declare(function: Function) -> Function:
        for name in names:
            if name in TABLE:
                raise KeyError(f"{name} is declared twice")
            TABLE[name] = function
        return function

    return declare


def _is_matrix(value: Any) -> bool:
    return bool(getattr(value, "matrix", False))


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """Apply the row of that name.

    Raises:
        CannotLift: there is no such row.
    """
    if any(map(_is_matrix, args)) or (args and isinstance(args[0], (list, tuple)) and any(map(_is_matrix, args[0]))):
        return TABLE["matrix call"](name, args, kwargs)
    if name not in TABLE:
        refuse(f"{name} of a symbolic array is not covered")
    return TABLE[name](*args, **kwargs)
