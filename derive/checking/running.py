"""One run of the handwritten code at one point: on copies, with prints captured, warnings recorded and the random numbers of the process put back."""

from __future__ import annotations

import contextlib
import io
import random
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from derive.checking.subject import Subject
from derive.errors import BadInput, DeriveError
from derive.points import Point

__all__ = ["Endless", "Trial", "attempt", "copied", "outcome", "quiet"]


class Endless(RuntimeError):
    """The handwritten code does not come to an end in the time that it was given."""


@dataclass
class Trial:
    """One point: what the function returned, and what happened on the way.

    Attributes:
        point: the arguments.
        value: the loss or the output, or None where none is returned.
        gradients: by argument.
        error: what it raised, or None.
        mutated: the arguments that it changed in place.
        warned: the warnings that NumPy gave.
        printed: what it printed.
        given: the arguments as they were passed.
    """

    point: Point
    value: Any = None
    gradients: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    mutated: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    printed: str = ""
    given: dict[str, Any] = field(default_factory=dict)


def attempt(subject: Subject, point: Point, given: Mapping[str, Any] | None = None, *, seed: int = 0, seconds: float | None = None) -> Trial:
    """The handwritten code at a point.

    Args:
        subject: the handwritten code.
        point: the arguments.
        given: the same arguments as other objects (in another precision, read-only, …); copies where that is None.
        seed: of the process's random numbers while it runs.
        seconds: after which it is stopped, where that can be done: in the main thread, on systems that have timers; None for no limit.

    Raises:
        BadInput: it cannot be told which gradients are returned.
    """
    trial = Trial(point, given=copied(point.arrays) if given is None else dict(given))
    before = {name: np.array(value) for name, value in trial.given.items()}
    printed = io.StringIO()
    with quiet(seed) as caught, contextlib.redirect_stdout(printed):
        try:
            with _limited(seconds):
                trial.value, trial.gradients = subject.run(trial.given)
        except BadInput:
            raise
        except (Exception, SystemExit) as error:  # whatever the user's code raises is reported
            trial.error = error
    trial.printed = printed.getvalue()
    trial.warned = sorted({str(w.message).splitlines()[0] for w in caught if str(w.message)})
    trial.mutated = [name for name, value in trial.given.items() if not _same(before[name], value)]
    return trial


@contextlib.contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    """A time limit; none where somebody else uses the timer."""
    free = seconds is not None and threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    if not free or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def stop(*_: Any) -> None:
        raise Endless(f"it does not come to an end within {seconds:g} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds or 0.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def outcome(compute: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """(what was computed, None), or (None, the error) where the user's own code raises; errors of derive are raised."""
    try:
        return compute(), None
    except DeriveError:
        raise
    except Exception as error:  # the truth may be the user's own loss, which may raise anything
        return None, error


def copied(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Fresh arrays, and scalars as NumPy's scalars."""
    return {name: np.array(value) if np.ndim(value) else np.asarray(value)[()] for name, value in arrays.items()}


@contextlib.contextmanager
def quiet(seed: int = 0) -> Iterator[list[warnings.WarningMessage]]:
    """Warnings recorded, and random numbers of the process from a fixed seed; both are put back afterwards."""
    states = np.random.get_state(), random.getstate()
    np.random.seed(seed)
    random.seed(seed)
    try:
        with warnings.catch_warnings(record=True) as caught, np.errstate(divide="warn", over="warn", invalid="warn", under="ignore"):
            warnings.simplefilter("always")
            yield caught
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])


def _same(before: np.ndarray, after: Any) -> bool:
    now = np.asarray(after)
    return now.shape == before.shape and np.array_equal(before, now, equal_nan=before.dtype.kind == "f")
