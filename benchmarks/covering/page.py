"""The page: totals first, then what does not derive, then a line for each function and argument."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

from covering.judging import Covered

Tolerances = Mapping[tuple[str, str], float]
PROVED = ("proved", "exact")
PROSE = (
    "Each function is differentiated with respect to each of its float arguments, with an incoming gradient `dout` and for all sizes.",
    "*Proved* is what `derive.check` says of the emitted NumPy code against the function itself.",
    "*Gap* is the largest max|Δ| / max|g| from `jax.vjp` in 64-bit at three settings of unequal sizes and with all sizes 1.",
    "*Large* compares the code at 10², 10³ and 10⁴ times as large arguments with 50 digits, and is empty where all is right;",
    "where autodiff itself is NaN, or off as far, it says so.")


def share(rows: Sequence[Covered], test: Callable[[Covered], bool]) -> str:
    good = sum(map(test, rows))
    return f"{good} of {len(rows)}" + (f" ({100 * good / len(rows):.0f} %)" if good != len(rows) and rows else "")


def totals(rows: Sequence[Covered], tolerances: Tolerances) -> list[str]:
    groups = list(dict.fromkeys(c.group for c in rows))
    out = ["| | derived | code agrees with autodiff | code proved | right at large numbers | median s | largest s |", "|---|---|---|---|---|---|---|"]
    for group in [*groups, ""]:
        mine = [c for c in rows if group in ("", c.group)]
        done = [c for c in mine if c.derived] or mine
        times = [c.seconds for c in done]
        tests = (lambda c: c.derived, lambda c: c.agrees(tolerances[c.group, c.label]), lambda c: c.proved.startswith(PROVED),
                 lambda c: c.derived and not c.error and "off by" not in c.large.replace("like autodiff, off by", ""))
        cells = [group or "**all**", *(share(mine, test) for test in tests), f"{statistics.median(times):.3f}", f"{max(times):.2f}"]
        out.append("| " + " | ".join(cells) + " |")
    return out


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def line(c: Covered, tolerance: float) -> str:
    if not c.derived:
        return f"| {cell(c.label)} | {c.wrt} | no | | | | | |"
    gap = "" if c.gap != c.gap else f"{c.gap:.0e}" if c.gap else "0"
    mark = "" if c.agrees(tolerance) else " ✗"
    return f"| {cell(c.label)} | {c.wrt} | yes | {cell(c.proved)} | {gap}{mark} | {c.seconds:.3f} | {c.steps} | {cell(c.large)} |"


def failures(rows: Sequence[Covered], tolerances: Tolerances) -> list[str]:
    out = [f"- **{c.label}**, {c.wrt}: {cell(c.error)}" for c in rows if c.error]
    out += [f"- **{c.label}**, {c.wrt}: the code differs from autodiff by {c.gap:.1e}" for c in rows
            if c.derived and not c.error and not c.agrees(tolerances[c.group, c.label])]
    return out or ["Everything derives."]


def page(rows: Sequence[Covered], tolerances: Tolerances) -> str:
    """All of it, as Markdown."""
    text = ["# Coverage", "", f"Made by `python benchmarks/coverage.py`, with JAX {jax.__version__} and NumPy {np.__version__}.", "",
*PROSE, "", *totals(rows, tolerances), "", "## What is missing", "",
            *failures(rows, tolerances)]
    for group in dict.fromkeys(c.group for c in rows):
        text += ["", f"## {group}", "", "| function | argument | derived | proved | gap | s | steps | large |", "|---|---|---|---|---|---|---|---|"]
        text += [line(c, tolerances[c.group, c.label]) for c in rows if c.group == group]
    return "\n".join(text) + "\n"
