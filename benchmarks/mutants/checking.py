"""derive's answer to changed functions: the report in a few words, within a time limit."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from variants import Variant

import derive
from derive.checking.report import Report
from mutants.code import Functions
from mutants.truth import Late, limited

LIMIT = 20.0


@dataclass(frozen=True)
class Answer:
    """What derive said: ok, the verdict, the first line of the diagnosis, how long it took; `example` is the counterexample's arguments."""

    ok: bool
    verdict: str
    loss: str
    words: str
    seconds: float
    example: Any = None
    level: str = ""


def checked(functions: Functions, variant: Variant) -> Answer:
    """`derive.check` of these functions against the reference of the variant."""
    start = time.process_time()
    code: Any = functions if len(functions) == 2 else functions[0]
    family = variant.family
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            with limited(LIMIT):
                report = derive.check(code, reference=family.reference, wrt=list(family.wrt), shapes=dict(family.shapes), assume=family.assume,
                                      returns=list(family.wrt), explain=False)
        except Late:
            return Answer(False, "undecided: time", "", f"more than {LIMIT:g} s", time.process_time() - start)
        except derive.DeriveError as error:
            return Answer(False, f"refused: {type(error).__name__}", "", str(error).splitlines()[0], time.process_time() - start)
        except Exception as error:  # a fault of derive's, counted as one
            return Answer(False, f"fault: {type(error).__name__}", "", str(error)[:200], time.process_time() - start)
    return answer(report, time.process_time() - start)


def answer(report: Report, seconds: float) -> Answer:
    """The report in short: the worst part of several."""
    parts = list(report.parts.values()) or [report]
    worst = next((p for p in parts if not p.ok), parts[0])
    return Answer(report.ok, worst.verdict, worst.loss, " | ".join(worst.diagnosis)[:300], seconds, example(worst))


def example(report: Report) -> Any:
    return None if report.counterexample is None else (report.counterexample.sizes, report.counterexample.arrays)
