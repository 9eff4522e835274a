"""Read a pickle of plain data and NumPy arrays, and nothing else.

A pickle is a program: it may call whatever it can name.  Here it can name five things, and each name stands for an inert object of ours
that only notes what it is given; no function or class of NumPy is ever handed to the pickle, so nothing of it can be called, subclassed or
overwritten.  Three fences, each enough against the usual attack:

1. the opcodes are read first, without running them: only those that make plain data, arrays and tuples of arguments may occur, and memo
   numbers and tuples stay few (a huge memo number takes all memory; tuples nested forty deep, as a key, take years to hash);
2. every name but the five is refused, and the error says which it was;
3. what the five noted is checked (numeric dtype, shape, number of bytes) before an array is made from it.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from derive.errors import BadInput

__all__ = ["read_pickle"]

_PLAIN = """PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT
    STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8
    EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
    PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET"""
_ALLOWED = frozenset([*_PLAIN.split(), "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"])
_MEMO = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_TUPLES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})
_MOST_TUPLES = 24  # an array needs six

# What a damaged pickle makes the reader raise; MemoryError and OverflowError where a length is absurd.
_DAMAGE = (
    *(pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError),
    *(MemoryError, OverflowError, RecursionError),
)


def read_pickle(path: Path) -> Any:
    """The plain value (dict, list, str, bytes, numbers, NumPy arrays one level deep in a dict) that is pickled in the file.

    Raises:
        BadInput: the file cannot be read, is damaged, or asks for anything but plain data and arrays.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a damaged escape sequence is refused or read, never warned of
            _scan(data)
            value = _Unpickler(io.BytesIO(data), encoding="bytes").load()
        return {key: _finished(item) for key, item in value.items()} if isinstance(value, dict) else _finished(value)
    except BadInput as error:
        raise BadInput(f"{path}: {error.met}", hint="Do not use this file; get the data from its official source.") from error
    except _DAMAGE as error:
        met = f"{path} is truncated or is no pickle ({type(error).__name__})."
        raise BadInput(met, hint="Copy or unpack the file again.") from error


def _scan(data: bytes) -> None:
    """Refuse, without running it, a pickle with an opcode that plain data and arrays do not need."""
    tuples = 0
    for opcode, argument, position in pickletools.genops(data):
        if opcode.name not in _ALLOWED:
            raise BadInput(f"the pickle uses the opcode {opcode.name} at byte {position}, which plain data and arrays do not need.")
        if opcode.name in _MEMO and argument not in range(len(data)):
            raise BadInput(f"the pickle asks for the memo number {_shown(argument)} at byte {position}.")
        tuples += opcode.name in _TUPLES
    if tuples > _MOST_TUPLES:
        raise BadInput(f"the pickle holds {tuples} tuples; an array needs six.")


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows five names."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name that building an array needs; every other name is refused."""
        kind = _STAND_INS.get((module, name))
        if kind is None:
            raise BadInput(f"the pickle asks for {_shown(f'{module}.{name}')}, which is refused: only NumPy arrays may be built.")
        return kind()


class _Inert:
    """A name as the pickle may hold it: it can be passed on; calling or altering it is refused unless a subclass says otherwise."""

    __slots__ = ()

    def __call__(self, *arguments: object) -> Any:
        _refuse(f"a call of {type(self).__name__[1:].lower()}")

    def __setstate__(self, state: object) -> None:
        _refuse(f"an alteration of {type(self).__name__[1:].lower()}")


class _Ndarray(_Inert):
    """`numpy.ndarray`, as an argument of `_reconstruct`."""

    __slots__ = ()


class _Reconstruct(_Inert):
    """`_reconstruct(ndarray, (0,), b'b')`: a blank array, filled by its state."""

    __slots__ = ()

    def __call__(self, *arguments: object) -> Any:
        if not (len(arguments) == 3 and isinstance(arguments[0], _Ndarray)):
            _refuse("an array of an unusual kind")
        return _Array()


class _Frombuffer(_Inert):
    """`_frombuffer(bytes, dtype, shape, order)`: an array as protocol 5 writes it."""

    __slots__ = ()

    def __call__(self, *arguments: object) -> Any:
        if len(arguments) != 4 or not isinstance(arguments[3], str | bytes):
            _refuse("an array of an unusual kind")
        raw, dtype, shape, order = arguments
        array = _Array()
        array.__setstate__((1, shape, dtype, order in ("F", b"F"), bytes(raw) if isinstance(raw, bytearray) else raw))
        return array


class _Encode(_Inert):
    """`_codecs.encode(text, 'latin1')`: bytes, as Python 3 writes them in protocol 2."""

    __slots__ = ()

    def __call__(self, *arguments: object) -> bytes:
        text, *codec = arguments
        if not isinstance(text, str) or codec not in (["latin1"], [b"latin1"]):
            _refuse("an encoding other than latin1")
        return text.encode("latin1")


class _Dtype(_Inert):
    """`dtype('u1', False, True)` and its state, of which the byte order alone matters."""

    __slots__ = ("code", "order")
    code: str
    order: str

    def __call__(self, *arguments: object) -> Any:
        code = _text(arguments[0]) if arguments else ""
        if not re.fullmatch(r"[|<>=]?(b1|[iu][1248]|f[248])", code):
            _refuse(f"the dtype {_shown(code)}")
        made = _NumericDtype()
        made.code, made.order = code.lstrip("|<>="), code[0] if code[0] in "<>" else "="
        return made


class _NumericDtype(_Dtype):
    """A dtype that has been made."""

    __slots__ = ()

    def __call__(self, *arguments: object) -> Any:
        _refuse("a call of a dtype")

    def __setstate__(self, state: object) -> None:
        order = _text(state[1]) if isinstance(state, tuple) and len(state) >= 5 and state[2:5] == (None, None, None) else ""
        if order not in ("|", "<", ">", "="):
            _refuse("a dtype with fields")
        self.order = order


@dataclass
class _Array(_Inert):
    """What the pickle says about one array."""

    value: NDArray[Any] | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            _refuse("an array of an unusual kind")
        _, shape, dtype, fortran, raw = state
        if not isinstance(dtype, _NumericDtype) or not isinstance(raw, bytes) or not isinstance(shape, tuple):
            _refuse("an array of anything but numbers")
        if not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 8:
            _refuse("an array of an unusual shape")
        kind = np.dtype(dtype.order.replace("|", "=") + dtype.code)
        if math.prod(shape) * kind.itemsize != len(raw):
            raise BadInput(f"an array of shape {_shown(shape)} and dtype {kind} comes with {len(raw)} bytes.")
        self.value = np.frombuffer(raw, kind).reshape(shape, order="F" if fortran else "C")


_STAND_INS: dict[tuple[str, str], type[_Inert]] = {
    ("numpy", "ndarray"): _Ndarray,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _Encode,
    # NumPy 1 wrote numpy.core, NumPy 2 writes numpy._core.
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Frombuffer for core in ("core", "_core")},
}


def _finished(item: object) -> object:
    """The array that was described, or the item itself."""
    if not isinstance(item, _Array):
        return item
    return _refuse("an array without contents") if item.value is None else item.value


def _refuse(what: str) -> NoReturn:
    raise BadInput(f"the pickle asks for {what}, which is refused: only NumPy arrays of numbers may be built.")


def _text(value: object) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def _shown(value: object) -> str:
    """Untrusted text for a message: plain ASCII, and short."""
    text = ascii(value).strip("'\"")
    return text if len(text) <= 80 else f"{text[:80]}…"
