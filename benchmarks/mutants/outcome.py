"""One mutant or rewrite, judged: its truth, derive's answer, and whether the two go together."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from variants import Variant

from mutants.checking import Answer, checked
from mutants.code import Functions, compiled
from mutants.mutate import Mutant
from mutants.truth import Late, Spot, at, judged, limited, precise, spots

DECIDED = ("refused: BadInput", "wrong", "cannot run", "right for its own loss", "proved", "exact")
FORMULA = ("wrong", "cannot run", "right for its own loss", "proved")


@dataclass(frozen=True)
class Outcome:
    """What is printed of one mutant.  alarm: "", "false accept", "false alarm"."""

    base: str
    kind: str
    label: str
    truth: str
    where: str
    verdict: str
    loss: str
    ok: bool
    words: str
    seconds: float
    alarm: str
    text: str
    peers: Mapping[str, str] = field(default_factory=dict)

    @property
    def decided(self) -> bool:
        return self.verdict.startswith(DECIDED)

    @property
    def for_all_sizes(self) -> bool:
        return self.verdict.startswith(FORMULA)

    def row(self) -> dict[str, Any]:
        return asdict(self) | {"decided": self.decided, "for_all_sizes": self.for_all_sizes}


Ask = Callable[[Functions, Variant, Spot], dict[str, str]]


def outcome(mutant: Mutant, ask: Ask | None = None) -> Outcome:
    """Run, judge and check one mutant; ask the peers too, where its gradient is another or it means the same."""
    functions = compiled(mutant.variant, mutant.text, f"{mutant.variant.name} {abs(hash(mutant.text)) % 10**8}")
    truth = judged(functions, mutant.variant)
    said = checked(functions, mutant.variant)
    kind, where = truth.kind, truth.where
    if kind == "same" and said.verdict.startswith(("wrong", "cannot", "right for its own")):
        kind, where = at_example(functions, mutant.variant, said) or (kind, where)
    return Outcome(mutant.variant.name, mutant.kind, mutant.label, kind, where, said.verdict, said.loss, said.ok, said.words, round(said.seconds, 3),
                   alarm(kind, said, mutant.variant.family.change is not None), mutant.text,
                   ask(functions, mutant.variant, spots(mutant.variant.family, len(functions) == 2)[0])
                   if ask is not None and (kind == "same" or truth.gap > 1e-9) else {})


def alarm(truth: str, said: Answer, convention: bool = False) -> str:
    """What is wrong with the answer; another convention is right for its own loss, and must be called that or less."""
    if convention and truth == "same":
        return "false accept" if said.ok else "false alarm" if said.verdict.startswith(("wrong", "cannot run", "fault")) else ""
    if truth in ("different", "crashes", "crashes somewhere") and said.ok:
        return "false accept"
    if truth == "same" and said.verdict.startswith(("wrong", "cannot run", "right for its own")):
        return "false alarm"
    if truth == "same" and not said.ok and said.loss.startswith("differs"):
        return "false alarm"
    return ""


def at_example(functions: Functions, variant: Variant, said: Answer) -> tuple[str, str] | None:
    """Whether the truth, at the numbers that derive gives as its counterexample, is that it differs there: then the points tried were too few."""
    if said.example is None:
        return None
    sizes, arrays = said.example
    given = dict(zip(variant.family.shapes, arrays.values())) if set(arrays) != set(variant.family.shapes) else arrays
    dout = given.pop("dout", None) if len(functions) == 2 else None
    try:
        arrays = {name: np.asarray(given[name])[()] for name in variant.family.shapes}
        rng = np.random.default_rng(3)
        dout, true = precise(variant.family, arrays, len(functions) == 2, rng, dout)
        spot = Spot(sizes, arrays, dout, true)
        with warnings.catch_warnings(), np.errstate(all="ignore"), limited(5.0):
            warnings.simplefilter("ignore")
            own, changed = max(at(variant.functions, variant, spot)), max(at(functions, variant, spot))
            if own > 1e-9 and np.isfinite(changed):  # where the unchanged code differs from the reference, both choose at a tie
                return "same", "at a tie"
            return ("different", f"at derive's counterexample: {sizes}") if changed > 1e-9 else None
    except Late:
        return None
    except (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError) as error:
        return "different", f"raises at derive's counterexample: {error}"


def outcomes(mutants: Iterable[Mutant], ask: Ask | None = None) -> list[Outcome]:
    return [outcome(mutant, ask) for mutant in mutants]
