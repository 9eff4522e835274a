"""Exact at concrete sizes: the handwritten code with symbolic entries at several small sizes, against the true gradient there.

What is proved this way is true for all real inputs at those sizes, and for nothing else.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.checking.difference import reasoning
from derive.checking.exact import Way, equal, equal_ties_aside, gradient_of, symbols, unrolled, ways
from derive.checking.subject import Subject
from derive.checking.truth import Truth
from derive.derivation import Argument, Story
from derive.errors import DeriveError, NotYet
from derive.index import ONE, At, Expr, num, substitute
from derive.points import concrete, fitting, sizes_of

__all__ = ["AtSizes", "Found"]

_SETTINGS = ((2, 3, 2, 3, 2, 3, 2, 3), (1,) * 8, (3, 2, 2, 2, 3, 2, 2, 2), (2,) * 8)
_FEWEST = 2
_MOST_LABELS = 27
_MOST_ENTRIES = 90


@dataclass(frozen=True)
class Found:
    """What was proved at concrete sizes.

    Attributes:
        equal: whether at every one of the sizes all entries are equal, ties aside at least.
        everywhere: whether at ties too.
        sizes: the sizes.
        note: what restricts it, such as the labels that were tried.
        why: what stood in the way, in words.
    """

    equal: bool
    everywhere: bool = False
    sizes: tuple[dict[str, int], ...] = ()
    note: str = ""
    why: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Run:
    """The code at these sizes and labels, each way through its branches."""

    sizes: dict[str, int]
    labels: dict[str, np.ndarray]
    ways: tuple[Way, ...]


class AtSizes:
    """Runs the code at concrete sizes, once for all arguments.

    Args:
        subject: the handwritten code.
        arguments: with their symbolic shapes.
        seconds: how long all of it may take.
    """

    def __init__(self, subject: Subject, truth: Truth, seconds: float) -> None:
        self.subject, self.arguments, self.seconds = subject, truth.arguments, seconds
        self.bounds = truth.bounds
        self._runs: list[_Run] | None = None
        self.why = ""
        self.note = ""

    # ------------------------------------------------------------------------------------------- running

    def runs(self) -> list[_Run]:
        """The code at each setting of sizes; empty where it cannot be run so, with `why`."""
        if self._runs is None:
            self._runs = []
            try:
                for sizes in self._settings():
                    self._runs += [self._run(sizes, labels) for labels in self._labels(sizes)]
            except DeriveError as error:
                where = f" (line {error.place.line})" if error.place else ""
                self._runs, self.why = [], f"not exact at concrete sizes: {error.met}{where}"
        return self._runs

    def _settings(self) -> Iterator[dict[str, int]]:
        names = sizes_of(self.arguments)
        seen = []
        for setting in _SETTINGS:
            sizes = fitting(self.arguments, {name: setting[k % len(setting)] for k, name in enumerate(names)})
            entries = sum(int(np.prod([concrete(n, sizes) for n in a.shape])) for a in self.arguments)
            if sizes not in seen and entries <= _MOST_ENTRIES:
                seen.append(sizes)
                yield sizes

    def _run(self, sizes: dict[str, int], labels: dict[str, np.ndarray]) -> _Run:
        arguments = {a.name: a for a in self.arguments if a.name in self.subject.names or a.name == "dout"}
        return _Run(sizes, labels, ways(self.subject.function, arguments, sizes, {n: v for n, v in labels.items() if n in arguments}))

    def _labels(self, sizes: dict[str, int]) -> Iterator[dict[str, np.ndarray]]:
        """All label assignments at these sizes, or some of them, with a note that says so."""
        whole = [a for a in self.arguments if a.kind != "float"]
        choices = []
        for a in whole:
            high = 2 if a.kind == "bool" else min((concrete(b, sizes) for b in self.bounds.get(a.name, [])), default=max([*sizes.values(), 2]))
            shape = tuple(concrete(n, sizes) for n in a.shape)
            every = itertools.product(range(high), repeat=int(np.prod(shape)))
            choices.append([np.array(one, dtype=bool if a.kind == "bool" else int).reshape(shape) for one in itertools.islice(every, 4096)])
        total = list(itertools.islice(itertools.product(*choices), 8192))
        if len(total) > _MOST_LABELS:
            step = len(total) / _MOST_LABELS
            total = [total[int(k * step)] for k in range(_MOST_LABELS)]
            self.note = ", for the labels tried"
        yield from ({a.name: one for a, one in zip(whole, combination)} for combination in total)

    # ------------------------------------------------------------------------------------------- comparing

    def against(self, truth: Truth, wrt: str) -> Found:
        """Whether the returned gradient is the true one at each setting."""
        return self._compared(lambda run, way: _true_gradient(truth, wrt, run, way), lambda way: way.outputs[1].get(wrt))

    def value_against(self, truth: Truth, wrt: str) -> Found:
        """Whether the returned value is the reference's at each setting."""
        return self._compared(lambda run, way: _true_value(truth, wrt, run), lambda way: way.outputs[0])

    def _compared(self, true: Any, claimed: Any) -> Found:
        started, everywhere = time.monotonic(), True
        sizes: list[dict[str, int]] = []
        runs = self.runs()
        if not runs:
            return Found(False, why=(self.why,) if self.why else ())
        for run in runs:
            for way in run.ways:
                try:
                    own, their = _entries(claimed(way)), _entries(true(run, way))
                except DeriveError as error:
                    return Found(False, why=(f"the reference is not exact at concrete sizes: {error.met}",))
                if own is None or their is None or len(own) != len(their):
                    return Found(False)
                for left, right in zip(own, their):
                    if time.monotonic() - started > self.seconds:
                        return Found(False, why=("not exact at concrete sizes: it would take too long",))
                    if equal(left, right, way.condition):
                        continue
                    everywhere = False
                    if not equal_ties_aside(left, right, way.condition):
                        return Found(False, why=(f"at {run.sizes} the formulas were not seen to be equal",))
            if run.sizes not in sizes:
                sizes.append(run.sizes)
        return Found(len(sizes) >= min(_FEWEST, max(1, len(sizes_of(self.arguments)))), everywhere, tuple(sizes), self.note)


def _entries(value: Any) -> list[Expr] | None:
    if value is None:
        return None
    return [value] if isinstance(value, Expr) else list(np.asarray(value, dtype=object).ravel())


def _true_gradient(truth: Truth, wrt: str, run: _Run, way: Way) -> Any:
    try:
        story = truth.story_at(wrt, run.sizes)
    except NotYet:
        if way.outputs[0] is None or not truth.own:
            raise
        argument = next(a for a in truth.arguments if a.name == wrt)
        seed = next((symbols(a, run.sizes) for a in truth.arguments if a.name == "dout"), None)
        return gradient_of(way.outputs[0], symbols(argument, run.sizes), seed)
    entries = unrolled(reasoning(story), story.result.body, story.result.indices, run.sizes, run.labels)
    return _with_all_axes(entries, truth, run, written=story.source.arguments == _own(truth))


def _own(truth: Truth) -> tuple[Argument, ...]:
    return tuple(a for a in truth.arguments if a.name != "dout")


def _with_all_axes(entries: np.ndarray, truth: Truth, run: _Run, written: bool) -> np.ndarray:
    """Entries of a derivation, which leaves axes of `dout` of size 1 out, with all of its axes.

    Args:
        written: only those whose size is written as 1; otherwise those whose size is 1 in this run.
    """
    incoming = next((a for a in truth.arguments if a.name == "dout"), None)
    if incoming is None:
        return entries
    full: Any = symbols(incoming, run.sizes)
    kept = [size is not ONE if written else n != 1 for size, n in zip(incoming.shape, full.shape)]
    short: dict[Expr, Expr] = {
        At("dout", tuple(num(k) for k, keeps in zip(place, kept) if keeps)): full[place] for place in np.ndindex(full.shape)}
    if all(kept):
        return entries
    every: Any = entries
    out = np.empty(entries.shape, dtype=object)
    for place in np.ndindex(entries.shape):
        out[place] = substitute(every[place], short)
    return out


def _true_value(truth: Truth, wrt: str, run: _Run) -> Any:
    story: Story = truth.story_at(wrt, run.sizes)
    last = story.definitions[-1]
    return unrolled(reasoning(story), last.body, last.indices, run.sizes, run.labels)
