"""Trace a function with symbolic sizes, and keep the user's variable names.

While the function runs, each local variable that holds a traced array is tagged with its name through the public
`jax.ad_checkpoint.checkpoint_name`; the tag stays in the jaxpr as an equation of its own.  Comparisons of symbolic sizes, which JAX answers
silently, are refused when they stand in the user's code.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jax.export import symbolic_shape

from derive.derivation import Argument
from derive.errors import BadInput, DeriveError, Never, NotYet, Place
from derive.index import Expr, Num, size_names
from derive.trace.numbered import with_numbers
from derive.trace.shapes import call, name_of, place_of

__all__ = ["SEPARATOR", "first_names", "traced"]

SEPARATOR = "\x00"
_LIBRARIES = tuple(os.path.dirname(module.__file__ or "") + os.sep for module in (jax, np))
_LOOPS = os.path.join("control_flow", "loops.py")
_LOCK = threading.RLock()
_DTYPES = {"float": jnp.float64, "int": jnp.int64, "bool": jnp.bool_}

# What everyday Python says when it meets a symbolic size or a traced value, and what to write instead.
_HINTS: tuple[tuple[str, type[DeriveError], str, str], ...] = (
    ("TracerBoolConversionError", Never, "A Python branch depends on the values of the data.",
     "Write jnp.where(condition, a, b): both sides are then part of the formula."),
    ("TracerIntegerConversionError", Never, "A traced value is used as a Python integer.", "Index with arrays: p[jnp.arange(m), y]."),
    ("TracerArrayConversionError", Never, "A NumPy function met a traced array.", "Use the function of the same name in jax.numpy (jnp)."),
    ("NonConcreteBooleanIndexError", Never, "An array is indexed by a boolean mask.", "Write jnp.where(mask, a, b)."),
    ("ConcretizationTypeError", Never, "A traced value is used where Python needs a number.",
     "Use the jax.numpy function; float(x), int(x) and math functions need concrete numbers."),
    ("InconclusiveDimensionOperation", Never, "Python needs the value of a size that is symbolic here.",
     "Sizes have no value while the derivation is made; a branch on a size has no one formula."),
)
_CONCRETE = "A concrete size in shapes= also helps."

# What stands on a line that needs the value of a size, and what to write instead.
_INSTEAD: tuple[tuple[str, str], ...] = (
    ("len(", "For len(x) write x.shape[0]."),
    ("float(", "For float(n) write n, which counts as a number in a formula."),
    ("int(", "For int(n) write n."),
    ("range(", "For a loop over range(n) write a sum or a matrix product over the whole axis."),
    ("math.", "For math.sqrt(d) write jnp.sqrt(d), and so on."),
    ("np.", "For np.sqrt(d), np.arange(n) write jnp.sqrt(d), jnp.arange(n), and so on."),
)
_SHAPES = re.compile(r"shape|dimension|broadcast|\baxis\b", re.IGNORECASE)


def traced(function: Callable[..., Any], arguments: Sequence[Argument], note: Callable[[Any, Any], None] = lambda one, other: None) -> Any:
    """The jaxpr of a function at symbolic sizes, in 64-bit, with `name` equations for the user's variables.

    Args:
        function: the function.
        arguments: its arguments, with their shapes.
        note: told of two sizes that a library took to be unequal, which depends on the sizes.

    Raises:
        DeriveError: the function cannot be traced; the error names the line of the user's file.
    """
    specs = _specs(arguments)
    watcher = _Watcher(function)
    names = [argument.name for argument in arguments]
    with _LOCK, jax.enable_x64(True), _watched_sizes(specs, note):
        try:
            return jax.make_jaxpr(lambda *values: _one_value(watcher.run(dict(zip(names, values))), function, names))(*specs)
        except DeriveError:
            raise
        except Exception as error:  # whatever the user's own code raises is reported with its line
            told = _explained(error, function)
            raise with_numbers(told, arguments, lambda given: _runs(function, given)) from error


def _runs(function: Callable[..., Any], arguments: Sequence[Argument]) -> bool:
    """Whether a function can be traced with these arguments; what it raises has been reported already."""
    names = [argument.name for argument in arguments]
    try:
        jax.make_jaxpr(lambda *values: call(function, dict(zip(names, values))))(*_specs(arguments))
    except Exception as error:
        return error is None
    return True


def _one_value(returned: Any, function: Callable[..., Any], names: Sequence[str]) -> Any:
    """What the function returns, where that is one array or nothing.

    Raises:
        BadInput: it is a tuple or a dict.
    """
    leaves, structure = jax.tree_util.tree_flatten(returned)
    if not leaves or jax.tree_util.treedef_is_leaf(structure):
        return returned
    what = f"{len(returned)} values" if isinstance(returned, tuple) else f"a {type(returned).__name__}"
    first = f"[{next(iter(returned))!r}]" if isinstance(returned, dict) else "[0]"
    given, name = ", ".join(names), name_of(function)
    raise BadInput(f"The function {name} returns {what}; one array is needed.", place=place_of(function),
                   hint=f"Say which one: lambda {given}: {name}({given}){first}.  For jax.value_and_grad(f) or jax.vjp give f itself.")


def first_names(function: Callable[..., Any], arguments: Sequence[Argument]) -> dict[str, str]:
    """What the function's own variables call its arguments, by argument, where they have a name there.

    Raises:
        DeriveError: the function cannot be traced.
    """
    jaxpr = traced(function, arguments).jaxpr
    own = {id(variable): argument.name for variable, argument in zip(jaxpr.invars, arguments)}
    found: dict[str, str] = {}
    for equation in jaxpr.eqns:
        if equation.primitive.name == "name" and id(equation.invars[0]) in own:
            found.setdefault(own[id(equation.invars[0])], equation.params["name"].partition(SEPARATOR)[0])
    return found


def _specs(arguments: Sequence[Argument]) -> list[jax.ShapeDtypeStruct]:
    sizes: list[Expr] = [part for argument in arguments for part in argument.shape]
    names = sorted(set().union(*(size_names(part) for part in sizes)))
    dims = dict(zip(names, symbolic_shape(", ".join(names)))) if names else {}
    return [jax.ShapeDtypeStruct(tuple(_dimension(part, dims) for part in a.shape), _DTYPES[a.kind]) for a in arguments]


def _dimension(part: Expr, dims: dict[str, Any]) -> Any:
    if isinstance(part, Num):
        return int(part.value)
    kind = type(part).__name__
    if kind == "Size":
        return dims[part.args[0]]
    if kind == "Pow":
        return _dimension(part.args[0], dims) ** int(part.args[1])
    values = [_dimension(kid, dims) for kid in part.args[0]]
    total = values[0]
    for value in values[1:]:
        total = total + value if kind == "Add" else total * value
    return total


class _Watcher:
    """Runs the user's function and tags its local variables, and those of helpers in the same file and of a library's step in a loop."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        place = place_of(function)
        self.file = place.file if place else ""
        self.seen: dict[tuple[int, str], Any] = {}
        self.lines: dict[int, int] = {}

    def run(self, values: dict[str, Any]) -> Any:
        before = sys.gettrace()
        sys.settrace(self.enter)
        try:
            return call(self.function, values)
        finally:
            sys.settrace(before)

    def enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_name in ("<genexpr>", "<listcomp>", "<dictcomp>"):
            return None
        if frame.f_code.co_filename != self.file and not (_is_library(frame.f_code.co_filename) and _takes_traced(frame) and _in_a_loop(frame)):
            return None
        self.lines[id(frame)] = frame.f_lineno
        return self.step

    def step(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event in ("line", "return"):
            sys.settrace(None)
            try:
                self.tag(frame)
            finally:
                sys.settrace(self.enter)
            self.lines[id(frame)] = frame.f_lineno
        return self.step

    def tag(self, frame: FrameType) -> None:
        line = self.lines.get(id(frame), frame.f_lineno)
        for name, value in list(frame.f_locals.items()):
            if isinstance(value, jax.core.Tracer) and self.seen.get((id(frame), name)) is not value:
                self.seen[id(frame), name] = value
                checkpoint_name(value, f"{name}{SEPARATOR}{line}")


@contextlib.contextmanager
def _watched_sizes(specs: Sequence[jax.ShapeDtypeStruct], note: Callable[[Any, Any], None]) -> Iterator[None]:
    """Refuse a comparison of symbolic sizes in the user's code: JAX says False, although it is true at some sizes; in a library's note it."""
    kinds = {type(dim) for spec in specs for dim in spec.shape if not isinstance(dim, int)}
    saved = {kind: (kind.__eq__, kind.__ne__) for kind in kinds}

    def guarded(original: Callable[..., Any], certain: bool) -> Callable[..., Any]:
        def compare(self: Any, other: Any) -> Any:
            result = original(self, other)
            frame: FrameType | None = sys._getframe(1)
            while frame is not None and frame.f_code.co_name in ("__eq__", "__ne__"):  # such as a dataclass's: who compares is above it
                frame = frame.f_back
            assert frame is not None
            open_ = result is not certain and result is not NotImplemented
            if open_ and _is_library(frame.f_code.co_filename):
                note(self, other)
            if open_ and _is_user_file(frame.f_code.co_filename):
                raise BadInput(f"The sizes {self} and {other} are compared, and which of the two answers holds depends on the sizes.",
                               place=_place(frame.f_code.co_filename, frame.f_lineno),
                               hint="Remove the comparison, or give that size a concrete value in shapes=.")
            return result
        return compare

    for kind, (equal, unequal) in saved.items():
        kind.__eq__, kind.__ne__ = guarded(equal, True), guarded(unequal, False)
    try:
        yield
    finally:
        for kind, (equal, unequal) in saved.items():
            kind.__eq__, kind.__ne__ = equal, unequal


def _is_user_file(file: str) -> bool:
    """Whether a file is the user's own: no library's, not Python's, not ours."""
    ours = os.path.dirname(os.path.dirname(__file__)) + os.sep
    standard = os.path.dirname(os.__file__) + os.sep
    return not file.startswith((*_LIBRARIES, ours, standard, "<frozen")) and "site-packages" not in file


def _is_library(file: str) -> bool:
    """Whether a file is of a package that is installed, other than JAX and NumPy, whose answers hold at all sizes."""
    return "site-packages" in file and not file.startswith(_LIBRARIES)


def _takes_traced(frame: FrameType) -> bool:
    """Whether a frame that is entered was given traced values; what is called besides, such as a collector of garbage, is not."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree_util.tree_leaves(list(frame.f_locals.values())))


def _in_a_loop(frame: FrameType) -> bool:
    """Whether a frame is called by a loop of JAX, whose steps are written out one by one and grow without names."""
    above = frame.f_back
    while above is not None and not above.f_code.co_filename.endswith(_LOOPS):
        above = above.f_back
    return above is not None


def _place(file: str, line: int) -> Place:
    return Place(file, line, linecache.getline(file, line).strip())


def _explained(error: Exception, function: Callable[..., Any]) -> DeriveError:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_user_file(frame.filename)]
    place = Place(frames[-1].filename, frames[-1].lineno or 0, frames[-1].line or "") if frames else place_of(function)
    chain: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        chain += [kind.__name__ for kind in type(cause).__mro__]
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, NotImplementedError):
        return NotYet(f"JAX cannot trace this with symbolic sizes: {_first_line(error)}", place=place,
                      hint="Give the size that it needs a concrete value in shapes=.")
    text = place.text if place else ""
    own = {kind.__name__ for kind in type(error).__mro__}
    if _SHAPES.search(_first_line(error)) and not own & {row[0] for row in _HINTS}:
        return BadInput(f"The shapes do not fit together: {_first_line(error)}", place=place,
                        hint="Check this line against shapes= (--shapes) or the annotations.")
    for name, kind, met, hint in _HINTS:
        if name in chain:
            return kind(met, place=place, hint=f"{_instead(text)} {_CONCRETE}" if name == _HINTS[-1][0] else hint)
    if isinstance(error, TypeError) and _instead(text) != _HINTS[-1][3]:
        return Never("Python needs the value of a size or of an array that is symbolic here.", place=place,
                     hint=f"{_instead(text)} {_CONCRETE}")
    return BadInput(f"The function raises {type(error).__name__}: {_first_line(error)}", place=place,
                    hint="It is run once on arrays with symbolic sizes; it must not raise there.")


def _instead(text: str) -> str:
    """What to write in place of what stands on the line."""
    found = [advice for word, advice in _INSTEAD if re.search(rf"(?<![\w.]){re.escape(word)}", text)]
    return " ".join(found) or _HINTS[-1][3]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]
