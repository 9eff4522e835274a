"""One target is loaded and checked, with what the user's code prints and warns of kept aside."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import itertools
import linecache
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from derive.app.files import Loader
from derive.app.pairing import Target
from derive.checking import Report, check
from derive.checking.arguments import parameters_of
from derive.checking.foreign import recognised
from derive.checking.foreign.torch.function import forward_of
from derive.checking.lift.session import CannotLift, current
from derive.checking.report import CANNOT_RUN
from derive.errors import BadInput, DeriveError
from derive.signatures import guessed_shapes
from derive.trace.shapes import annotated_shapes

__all__ = ["Outcome", "Settings", "cannot", "examine"]

_NUMBERS = itertools.count(1)
_MOST = 1000  # lines of what the user's code prints that are kept


@dataclass(frozen=True)
class Settings:
    """What the options say about every target; see `derive.check`."""

    wrt: tuple[str | int, ...] = ()
    shapes: Mapping[str, str] = field(default_factory=dict)
    assume: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    returns: tuple[str, ...] = ()
    seconds: float | None = None
    traceback: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a target.

    Attributes:
        target: what was checked.
        report: the answer; 'cannot run' where there is none.
        seconds: how long it took.
        notes: what was guessed.
        printed: what the user's code wrote.
        warned: the warnings that its lines gave.
    """

    target: Target
    report: Report
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    printed: str = ""
    warned: tuple[str, ...] = ()


def cannot(target: Target, why: str) -> Report:
    """The report on a target that could not be checked."""
    return Report(target.names[-1] or target.file, ", ".join(target.wrt), CANNOT_RUN, tuple(line.strip() for line in why.splitlines()))


def examine(target: Target, settings: Settings, printed: TextIO, loader: Loader | None = None) -> Outcome:
    """Check a target in this process; whatever goes wrong is part of the outcome.

    Args:
        target, settings: what to check, and how.
        printed: a file that takes what the user's code writes.
        loader: keeps the files that were loaded before.
    """
    started, notes = time.perf_counter(), [target.told] if target.told else []
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            report = _report(target, settings, loader or Loader(), notes, printed)
        except DeriveError as error:
            report = cannot(target, str(error))
        except RecursionError:
            report = cannot(target, "The expressions are nested too deeply to be worked out.")
        except SystemExit as error:
            report = cannot(target, f"It ends the program: SystemExit: {error}")
        except Exception as error:  # the last resort: a fault of derive in one target is told as one, and the others go on
            told = "This is a fault of derive, and not of your file. Run it again with --traceback, and report what it shows."
            report = cannot(target, f"{type(error).__name__}: {error}\n{told}")
            if settings.traceback:
                traceback.print_exception(error, file=printed)
    return Outcome(target, report, time.perf_counter() - started, tuple(notes), warned=_warned(caught, Path(target.file)))


def _report(target: Target, settings: Settings, loader: Loader, notes: list[str], printed: TextIO) -> Report:
    if target.problem and target.sure:
        raise BadInput(target.problem)
    file = Path(target.file)
    parts = [loader.named(f"{file}::{name}") for name in target.names]
    if any(not callable(part) or (inspect.isclass(part) and not recognised(part)) for part in parts):
        raise BadInput(f"{target.names[-1]!r} in {file} is no function.")
    for name in {str(file), target.reference.rpartition("::")[0] or str(file)}:
        _keep_prints(vars(loader.module(Path(name))), printed)
    code: Any = tuple(parts) if len(parts) == 2 else parts[0]
    if target.loss:
        code = _both(loader.function(f"{file}::{target.loss}"), code)
    reference = loader.function(target.reference) if target.reference else None
    options: dict[str, Any] = {"fixed": settings.fixed, "returns": settings.returns, "seconds": settings.seconds}
    with loader.at_home(file):
        shapes = _shapes(code, reference, settings, notes)
        wrt: Any = settings.wrt[0] if len(settings.wrt) == 1 else settings.wrt or None
        report = check(code, reference, wrt, shapes, settings.assume, **{name: value for name, value in options.items() if value})
    if target.problem and report.verdict == CANNOT_RUN:
        raise BadInput(target.problem)
    return report


def _shapes(code: Any, reference: Callable[..., Any] | None, settings: Settings, notes: list[str]) -> Mapping[str, str] | None:
    """Given, else annotated on either function, else guessed."""
    parts = [forward_of(part) if inspect.isclass(part) else part for part in (code if isinstance(code, tuple) else (code,))]
    owner = reference or parts[0]
    names = inspect.signature(owner).parameters.keys() - settings.fixed.keys()
    annotated = {name: shape for part in parts for name, shape in annotated_shapes(part).items() if name in names}
    found = guessed_shapes(owner, {**annotated, **annotated_shapes(owner), **settings.shapes}, frozenset(settings.fixed))
    if found.note:
        notes.append(found.note)
    return found.shapes


class _Once(io.TextIOBase):
    """Takes what the user's code prints, each line once, as the code is run many times; what it prints of formulas is left out."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._seen, self._begun = out, set[str](), ""

    def write(self, text: str) -> int:
        """Keep the text up to the last end of a line."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line not in self._seen and len(self._seen) < _MOST and not _lifting():
                self._seen.add(line)
                self._out.write(line + "\n")
        return len(text)


def _keep_prints(names: dict[str, Any], printed: TextIO) -> None:
    """Give a module a `print` that is kept, unless it has one of its own."""
    if "print" not in names or isinstance(getattr(names["print"], "keywords", {}).get("file"), _Once):
        names["print"] = functools.partial(print, file=_Once(printed))


def _lifting() -> bool:
    try:
        current()
    except CannotLift:
        return False
    return True


def _both(loss: Callable[..., Any], gradient: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy loss and its gradient as the one function that returns both, written out as a person would."""
    taken, given = parameters_of(gradient), parameters_of(loss)
    required = [name for name, p in given.items() if p.default is p.empty]
    by_name = set(required) <= taken.keys()
    passed = [f"{name}={name}" for name in given if name in taken] if by_name else list(taken)[:len(given)]
    head = ", ".join(taken)
    source = f"def {gradient.__name__}({head}):\n    return _loss({', '.join(passed)}), _gradient({', '.join(f'{name}={name}' for name in taken)})\n"
    name = f"<{loss.__name__} and {gradient.__name__}, {next(_NUMBERS)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    scope: dict[str, Any] = {"_loss": loss, "_gradient": gradient}
    exec(compile(source, name, "exec"), scope)
    made: Callable[..., Any] = scope[gradient.__name__]
    made.__defaults__ = gradient.__defaults__
    made.__annotations__ = dict(gradient.__annotations__)
    return made


def _warned(caught: list[warnings.WarningMessage] | None, file: Path) -> tuple[str, ...]:
    """The warnings at lines of the user's folder, each once."""
    folder = file.expanduser().resolve().parent
    own = [w for w in caught or [] if folder in Path(w.filename).parents and "site-packages" not in Path(w.filename).parts]
    return tuple(dict.fromkeys(f"{w.filename}:{w.lineno}: {w.category.__name__}: {w.message}" for w in own))
