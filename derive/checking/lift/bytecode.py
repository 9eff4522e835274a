"""Whether a source is the one that a function was compiled from: a file may have changed since, or the function may come from somewhere else."""

from __future__ import annotations

import bisect
import dis
import inspect
from types import CodeType
from typing import Any

__all__ = ["same_code"]

# What depends on how the rest of the module was compiled.
_SKIPPED = {"PUSH_NULL", "PRECALL", "CACHE", "EXTENDED_ARG", "NOP", "RESUME", "COPY_FREE_VARS", "MAKE_CELL"}
_RENAMED = {"LOAD_METHOD": "LOAD_ATTR", "CALL_METHOD": "CALL", "CALL_FUNCTION": "CALL"}
_NAMES = ("co_varnames", "co_freevars", "co_cellvars", "co_argcount", "co_kwonlyargcount", "co_posonlyargcount")
_FLAGS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR | inspect.CO_COROUTINE
_JUMPS = {*dis.hasjrel, *dis.hasjabs}


def _instructions(code: CodeType) -> list[tuple[str, Any]]:
    kept = [one for one in dis.get_instructions(code) if one.opname not in _SKIPPED]
    offsets = [one.offset for one in kept]
    result = []
    for one in kept:
        value = bisect.bisect_left(offsets, one.argval) if one.opcode in _JUMPS else one.argval
        result.append((_RENAMED.get(one.opname, one.opname), "code" if isinstance(value, CodeType) else (type(value), value)))
    return result


def same_code(one: CodeType, other: CodeType) -> bool:
    """Whether two codes do the same, lines and file aside."""
    if (one.co_flags ^ other.co_flags) & _FLAGS or any(getattr(one, name) != getattr(other, name) for name in _NAMES):
        return False
    inner = [[part for part in code.co_consts if isinstance(part, CodeType)] for code in (one, other)]
    return _instructions(one) == _instructions(other) and len(inner[0]) == len(inner[1]) and all(map(same_code, *inner))
