"""Reports in the terminal, as a table where there are several, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import derive
from derive.app.examine import Outcome
from derive.app.terminal import Screen
from derive.checking import Report

__all__ = ["SCHEMA", "as_json", "check_status", "counts_text", "outcome_status", "report_text", "show_outcome", "show_report", "show_table"]

SCHEMA = """the document of --json
  {"derive": version, "require": level or "", "status": 0 | 1 | 2, "summary": {"right": n, "wrong": n, "undecided": n},
   "targets": [{"target": "FILE.py::function", "forward": name or null, "reference": "FILE.py::loss" or null, "status": 0 | 1 | 2,
                "seconds": s, "notes": [what was guessed], "warnings": [Python's warnings], "printed": text, "report": {…}}]}
  A report has function, wrt, verdict, ok, level ("proved", "exact", "numeric" or ""), diagnosis, difference, own, loss, counterexample, line, fix,
  faults, uncovered, warnings, assumptions, tried, place; or, for several arguments, "parts": a report by argument.
  Numbers that JSON has not are the texts "NaN", "Infinity" and "-Infinity"."""

_LEVELS = {"": 0, "numeric": 1, "exact": 2, "proved": 3}
_KINDS = ("good", "bad", "unsure")
_MARKS = {"good": "✓", "bad": "✗", "unsure": "?"}
_HALF = 20  # lines of what the user's code printed are shown at its start, and at its end
_STYLES = (("claimed − true", "bold"), ("line ", "accent"), ("fault:", "bad"), ("not covered:", "unsure"), ("warning:", "unsure"),
           ("rests on:", "dim"), ("compared with", "dim"))
_DIFF = (("---", "dim"), ("+++", "dim"), ("@@", "accent"), ("-", "bad"), ("+", "good"))


def check_status(report: Report) -> int:
    """0 right, 1 wrong, 2 left open."""
    return 1 if report.wrong else 0 if report.ok else 2


def outcome_status(report: Report, require: str = "") -> int:
    """The same, where less than the required level is left open."""
    status = check_status(report)
    return 2 if status == 0 and _LEVELS[report.level] < _LEVELS[require] else status


# ------------------------------------------------------------------------------------------- one report


def show_outcome(outcome: Outcome, screen: Screen, require: str = "") -> None:
    """The report, and what the user's code printed and warned of where something is not right."""
    show_report(outcome.report, screen)
    status = outcome_status(outcome.report, require)
    if status == 2 and check_status(outcome.report) == 0:
        screen.words(f"required: {require}; reached: {outcome.report.level}", indent="    ", style="unsure")
    for line in outcome.warned:
        screen.raw(f"    {screen.ink(line, 'unsure')}")
    lines = outcome.printed.rstrip("\n").splitlines() if status else []
    if lines:
        screen.raw(screen.ink("    ── printed by your code ──", "dim"))
        skipped = screen.ink(f"… {len(lines) - 2 * _HALF} more lines …", "dim")
        for line in lines if len(lines) <= 2 * _HALF else [*lines[:_HALF], skipped, *lines[-_HALF:]]:
            screen.raw(f"    {line}")


def report_text(report: Report) -> str:
    """The report as plain text, also where it was not come to the point of an argument."""
    return str(report).replace(", gradient with respect to :", ":", 1)


def show_report(report: Report, screen: Screen) -> None:
    """The report as lines, each verdict with its mark; the details are the report's own words."""
    for k, part in enumerate(list(report.parts.values()) or [report]):
        head, *details = str(part).splitlines()
        verdict = part.headline
        title = head.removesuffix(f": {verdict}")
        if k:
            screen.raw()
        screen.verdict(_KINDS[check_status(part)], verdict, title if part.wrt else part.function)
        if part.place is not None and not part.ok:
            screen.raw(screen.ink(f"    {_near(part.place.file)}:{(part.line or part.place).line}", "dim"))
        for line in details:
            _detail(line, screen)


def _near(file: str) -> str:
    """The file as seen from here, where it is below."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def _detail(line: str, screen: Screen) -> None:
    """One line: a diff and numbers to paste stay as they are, words are wrapped."""
    depth = len(line) - len(line.lstrip())
    text = line.strip()
    if depth >= 4:
        style = next((style for mark, style in _DIFF if line[4:].startswith(mark)), "")
        screen.raw("  " + (screen.ink(line, style) if style else line))
        return
    style = next((style for start, style in _STYLES if text.startswith(start)), "")
    screen.words(text, indent=" " * (2 + depth), style=style)


# ------------------------------------------------------------------------------------------- several


def show_table(outcomes: Sequence[Outcome], screen: Screen, require: str = "") -> None:
    """Function, argument, verdict, level and time, one line an argument, and how many there are of each."""
    rows = [row for outcome in outcomes for row in _rows(outcome, require)]
    titles = ("function", "argument", "verdict", "level", "time")
    room = screen.width - 4
    widths = [max(len(row[1][k]) for row in [("", titles), *rows]) for k in range(len(titles))]
    widths[2] = max(12, min(widths[2], room - sum(widths) + widths[2] - 2 * (len(titles) - 1)))
    screen.raw("\n" + screen.ink("    " + _line(titles, widths), "bold"))
    for kind, row in rows:
        screen.raw(f"  {screen.ink(_MARKS[kind], kind)} {_line(row, widths)}")
    screen.raw()
    screen.raw("  " + counts_text(outcomes, require))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    shown = [cell if len(cell) <= width else cell[:width - 1] + "…" for cell, width in zip(cells, widths)]
    return "  ".join(cell.rjust(width) if k == len(widths) - 1 else cell.ljust(width) for k, (cell, width) in enumerate(zip(shown, widths))).rstrip()


def _rows(outcome: Outcome, require: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    parts = list(outcome.report.parts.values()) or [outcome.report]
    for k, part in enumerate(parts):
        time = f"{outcome.seconds:.1f} s" if k == 0 else ""
        name = outcome.target.names[-1] or outcome.target.file
        yield _KINDS[outcome_status(part, require)], (name, part.wrt, part.headline, part.level or "–", time)


def counts(outcomes: Sequence[Outcome], require: str = "") -> dict[str, int]:
    """How many are right, wrong and undecided."""
    statuses = [outcome_status(outcome.report, require) for outcome in outcomes]
    return {word: statuses.count(k) for k, word in enumerate(("right", "wrong", "undecided"))}


def counts_text(outcomes: Sequence[Outcome], require: str = "") -> str:
    """The same in words."""
    return ", ".join(f"{count} {word}" for word, count in counts(outcomes, require).items() if count)


# ------------------------------------------------------------------------------------------- JSON


def as_json(outcomes: Sequence[Outcome], status: int, require: str = "") -> dict[str, Any]:
    """The document that SCHEMA describes, as plain values that JSON has."""
    found = [{"target": o.target.title, "forward": o.target.names[0] if len(o.target.names) == 2 else None,
              "reference": o.target.reference or (f"{o.target.file}::{o.target.loss}" if o.target.loss else None),
              "status": outcome_status(o.report, require), "seconds": round(o.seconds, 3), "notes": list(o.notes), "warnings": list(o.warned),
              "printed": o.printed, "report": o.report.as_dict()} for o in outcomes]
    document: dict[str, Any] = _plain({"derive": derive.__version__, "require": require, "status": status, "summary": counts(outcomes, require),
                                       "targets": found})
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
