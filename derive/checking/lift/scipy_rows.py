"""Functions of scipy.special that are made of others."""

from __future__ import annotations

from typing import Any

from derive.checking.lift.registry import call, row
from derive.checking.lift.session import refuse

__all__: list[str] = []


@row("scipy.logsumexp")
def _logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    if return_sign:
        refuse("logsumexp with a sign is not covered")
    parts = call("exp", a) if b is None else call("multiply", b, call("exp", a))
    return call("log", call("sum", parts, axis=axis, keepdims=keepdims))


@row("scipy.softmax")
def _softmax(x: Any, axis: Any = None) -> Any:
    parts = call("exp", x)
    return call("divide", parts, call("sum", parts, axis=axis, keepdims=True))


@row("scipy.log_softmax")
def _log_softmax(x: Any, axis: Any = None) -> Any:
    return call("subtract", x, _logsumexp(x, axis, keepdims=True))
