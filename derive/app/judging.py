"""The command `check`: which gradients, one after the other, and what is said in the end."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from derive.app.examine import Outcome, Settings
from derive.app.pairing import Target, targets
from derive.app.showing import as_json, outcome_status, show_outcome, show_table
from derive.app.signature import parse_fixed, parse_shapes, words_of
from derive.app.terminal import Screen
from derive.app.worker import Worker
from derive.data.extras import extra
from derive.errors import BadInput, MissingExtra

__all__ = ["TIMEOUT", "check_command", "settings_of", "total_status"]

TIMEOUT = 60.0


def check_command(options: argparse.Namespace, screen: Screen) -> int:
    """Check the gradients that the command line names; the exit status is 0 right, 1 wrong, 2 undecided or could not run."""
    if options.timeout < 0:
        raise BadInput(f"--timeout {options.timeout:g} is no time.", hint="Give seconds, or 0 for no limit.")
    settings = settings_of(options)
    found = targets(options.targets, options.reference or "")
    require = options.require or ""
    outcomes: list[Outcome] = []
    complaints = Screen(sys.stderr)
    with Worker(options.timeout) as worker:
        for k, target in enumerate(found):
            with _sign_of_life(complaints, target, k, len(found), not options.json) as waiting:
                outcome = worker.examine(target, settings, waiting)
            outcomes.append(outcome)
            _tell(outcome, complaints, len(found) > 1)
            if not options.json:
                _show(outcome, screen, require, len(found) > 1)
    status = total_status([outcome_status(outcome.report, require) for outcome in outcomes])
    if options.json:
        screen.raw(json.dumps(as_json(outcomes, status, require), indent=2, allow_nan=False))
    elif len(outcomes) > 1:
        show_table(outcomes, screen, require)
    return status


def _tell(outcome: Outcome, screen: Screen, several: bool) -> None:
    """What was guessed goes to the standard error, so that the output can be piped."""
    if several and outcome.notes:
        lead = "" if outcome.target.told else f"{outcome.target.names[-1]}: "
        screen.words(lead + " ".join(outcome.notes), style="dim")
    for note in () if several else outcome.notes:
        screen.words(note, style="dim")


def settings_of(options: argparse.Namespace) -> Settings:
    """What the options say about every target."""
    wrt = words_of(options.wrt)
    if options.wrt and not wrt:
        raise BadInput("--wrt names no argument.")
    numbers = tuple(int(word) if word.lstrip("-").isdigit() else word for word in wrt)
    seconds = options.timeout / 2 if options.timeout else None
    return Settings(numbers, parse_shapes(options.shapes), tuple(options.assume or ()), parse_fixed(options.fixed), tuple(words_of(options.returns)),
                    seconds if seconds and seconds < TIMEOUT / 6 else None, getattr(options, "traceback", False))


def total_status(statuses: list[int]) -> int:
    """1 if any is wrong, else 2 if any is undecided, else 0."""
    return 1 if 1 in statuses else max(statuses, default=2)


def _show(outcome: Outcome, screen: Screen, require: str, several: bool) -> None:
    """In the order of the work; of several, what is right is told by the table alone."""
    if several:
        if outcome_status(outcome.report, require) == 0 and not outcome.warned:
            return
        screen.raw(f"\n{screen.ink(outcome.target.title, 'bold')}")
    show_outcome(outcome, screen, require)
    screen.stream.flush()


@contextlib.contextmanager
def _sign_of_life(screen: Screen, target: Target, place: int, count: int, wanted: bool) -> Iterator[Callable[[], None]]:
    """A function that shows what is being checked, for as long as it is; silent where there is no terminal."""
    shown: list[Any] = []

    def show() -> None:
        if not wanted or not screen.terminal:
            return
        with contextlib.suppress(MissingExtra):
            console = extra("rich.console", "progress").Console(file=screen.stream, width=screen.width, no_color=not screen.colour)
            part = f" ({place + 1} of {count})" if count > 1 else ""
            progress = extra("rich.progress", "progress")
            columns = (progress.SpinnerColumn(), progress.TextColumn("{task.description}"), progress.TimeElapsedColumn())
            shown.append(progress.Progress(*columns, console=console, transient=True))
            shown[0].start()
            shown[0].add_task(f"checking {target.names[-1]}{part}", total=None)

    try:
        yield show
    finally:
        for one in shown:
            one.stop()
