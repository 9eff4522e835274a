"""The repair of a wrong gradient by search: small edits of the user's own text, tried by numbers, singly and then in pairs.

A repair that is returned is right at the kept points; that it is right for all inputs is for the check to prove.
"""

from __future__ import annotations

import contextlib
import io
import re
import time
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from derive.checking.repair.edits import edits_of
from derive.checking.repair.judge import Judge, held_in
from derive.checking.repair.scene import Scene
from derive.checking.repair.source import Edit, Unit, built, units_of
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.errors import Place

__all__ = ["Repair", "repair"]

_MOST_PARTNERS = 100
_FAR = 0.05  # how much of an error one rank is worth where edits are paired
_SINGLES = 0.6  # share of the time for single edits
_EQUAL = 0.3  # ranks that differ by no more are equally plausible

# Words of a diagnosis, and words of the edits that they speak for.
_GUIDES = (("lacks the factor 1/", "divide by"), ("regulariser", "regulariser"), ("sign", "sign"), ("sign", "in place of +"),
           ("sign", "in place of -"), ("transpos", "product"), ("transpos", "transpose"), ("axis", "axis"),
           ("sum over", "axis"), ("multiplied by 2", "factor"),
           ("indicator", "right class"), ("1{", "right class"), ("ties", "in place of"), ("activation", "derivative"), ("mask", "positive"),
           ("mask", "of the activation"),
           ("another argument", "change places"), ("label", "equal labels"), ("not added", "add "))

_MISSING = re.compile(r"the factor (\S+) is missing")
_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


@dataclass(frozen=True)
class Repair:
    """A change of the user's text that makes every gradient right.

    Attributes:
        diff: as a unified diff, with the file's own line numbers.
        line: the line that is at fault, or None where equally plausible repairs change different lines.
        words: what the change does.
        functions: the repaired functions, in the place of the user's.
    """

    diff: str
    line: Place | None
    words: str
    functions: tuple[Callable[..., Any], ...]


class _Search:
    def __init__(self, units: Sequence[Unit], judge: Judge, until: float, share: float) -> None:
        self.units, self.judge, self.until, self.singles_until = units, judge, until, share
        self.codes = [unit.code() for unit in units]

    def functions(self, edits: Sequence[Edit]) -> list[Callable[..., Any]] | None:
        """The user's functions after these edits; None where that is no program."""
        codes: list[types.CodeType] = list(self.codes)
        with contextlib.suppress(Exception):  # no program, or defaults, which are computed when a function is defined, raise
            for number in {edit.unit for edit in edits}:
                codes[number] = self.units[number].code(self.units[number].edited([e for e in edits if e.unit == number]))
            return built(self.units, codes)[:len(self.judge.subject.parts)]
        return None

    def singles(self, edits: Sequence[Edit]) -> tuple[list[Edit], list[tuple[float, Edit]]]:
        """(the edits of the best rank that are right, the others that run and change something, with how far off they are)."""
        right: list[Edit] = []
        alive: list[tuple[float, Edit]] = []
        first = self.judge.kept[0]
        before = self.judge.errors(self.judge.subject.parts, first)
        for edit in edits:
            if (right and edit.rank > right[0].rank + _EQUAL) or time.thread_time() > self.singles_until:
                break
            functions = self.functions([edit])
            errors = self.judge.errors(functions, first) if functions is not None else [float("inf")]
            if not any(errors) and functions is not None and self.judge.right(functions):
                right.append(edit)
            elif sum(errors) < float("inf") and errors != before:
                alive.append((sum(e > 0 for e in errors) + sum(errors) / (1 + len(errors)), edit))
        return right, alive

    def pairs(self, alive: Sequence[tuple[float, Edit]]) -> tuple[Edit, ...] | None:
        """The first pair that is right, the most promising first."""
        chosen = [edit for _, edit in sorted(alive, key=lambda pair: (round(pair[0] + _FAR * pair[1].rank, 3), pair[1].rank))][:_MOST_PARTNERS]
        for pair in _by_sum(chosen):
            if time.thread_time() > self.until:
                return None
            functions = self.functions(pair) if _apart(*pair) else None
            if functions is not None and not any(self.judge.errors(functions, self.judge.kept[0])) and self.judge.right(functions):
                return pair
        return None

    def result(self, edits: Sequence[Edit], certain: bool) -> Repair | None:
        """The repair that these edits make, with functions that have a source."""
        codes, diffs, line = list(self.codes), [], None
        for number in sorted({edit.unit for edit in edits}):
            unit = self.units[number]
            text = unit.edited([e for e in edits if e.unit == number])
            codes[number] = unit.listed(text)
            diff, place = unit.diff(text)
            diffs.append(diff)
            line = line or (place if any(e.unit == number and e.end > e.start for e in edits) or "\n" not in edits[0].text else None)
        functions = tuple(built(self.units, codes)[:len(self.judge.subject.parts)])
        if not self.judge.confirmed(functions):
            return None
        return Repair("\n".join(diffs), line if certain else None, "; ".join(edit.words for edit in edits), functions)


def _by_sum(edits: Sequence[Edit]) -> Iterator[tuple[Edit, Edit]]:
    """Pairs, the two best first."""
    for j in range(1, len(edits)):
        for i in range(j):
            yield edits[i], edits[j]


def _apart(a: Edit, b: Edit) -> bool:
    if a.unit != b.unit:
        return True
    return (a.start, a.end) != (b.start, b.end) and (a.end <= b.start or b.end <= a.start)


def _guided(edits: Sequence[Edit], hints: Sequence[str]) -> list[Edit]:
    """The edits that the diagnosis speaks for, before the others of the next rank."""
    spoken = [word for said, word in _GUIDES if any(said in hint for hint in hints)]
    spoken += [f"by {number}" for number in _numbers(hints)]
    named = {f"times {name}" for hint in hints for part in _MISSING.findall(hint) for name in _names(part)}
    return sorted((replace(e, rank=e.rank - (1.5 if e.words in named else 0.5 * any(word in e.words for word in spoken))) for e in edits),
                  key=lambda e: e.rank)


def _names(formula: str) -> list[str]:
    """The names in a formula that a diagnosis shows, as the code has them: W₂_ij is W2."""
    return [text.split("_")[0] for text in re.findall(r"[^\W\d_]\w*", formula.translate(_DIGITS))]


def _numbers(hints: Sequence[str]) -> list[str]:
    """The numbers by which a gradient is said to be multiplied."""
    return [number for hint in hints for number in re.findall(r"is multiplied by (\d+)\b(?!/)", hint)]


def repair(subject: Subject, truth: Truth, wrt: Sequence[str], *, seconds: float = 0.5, hints: Sequence[str] = ()) -> Repair | None:
    """A small change of the user's own text after which every gradient is right at the kept points.

    Args:
        subject: the user's code.
        truth: what it is compared with.
        wrt: the arguments whose gradients must be right afterwards.
        seconds: how long to search, in computing time.
        hints: sentences of the diagnosis; they say which changes are tried first.

    Returns:
        The repair; None where none is found, where there is no source, or where nothing is wrong at the kept points.
    """
    units = units_of(subject.parts)
    if not units:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        judge = Judge(subject, truth, wrt)
        if not judge.kept or judge.right(subject.parts):
            return None
        start = time.thread_time()
        search = _Search(units, judge, start + seconds, start + _SINGLES * seconds)
        return _searched(search, units, judge, hints)


def _searched(search: _Search, units: Sequence[Unit], judge: Judge, hints: Sequence[str]) -> Repair | None:
    point = judge.kept[0].point
    held = held_in([unit.function.__code__ for unit in units], lambda: judge.subject.run(dict(point.arrays)))
    edits = _guided([edit for unit, names in zip(units, held) for edit in edits_of(Scene(unit, names, point.sizes, _numbers(hints)))], hints)
    right, alive = search.singles(edits)
    for edit in right:
        lines = {search.units[e.unit].diff(search.units[e.unit].edited([e]))[1] for e in right}
        if found := search.result([edit], certain=len(lines) == 1):
            return found
    pair = search.pairs(alive) if not right else None
    return search.result(pair, certain=False) if pair else None
