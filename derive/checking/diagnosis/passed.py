"""How far a wrong backward pass is right: which derivatives of the derivation the code has on its way, and the first that it lacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import numpy as np

from derive.checking.dense import Dense
from derive.checking.diagnosis.bench import Bench, Seen, off
from derive.checking.difference import reasoning
from derive.derivation import Definition, Story
from derive.errors import DeriveError
from derive.render import expression
from derive.render.telling import story_notation

__all__ = ["first_apart"]

_MOST = 4000
_RUNS = 4
_LONGEST = 160


@dataclass(frozen=True)
class _Held:
    """What a local name held after a line."""

    name: str
    line: int
    value: np.ndarray


def first_apart(bench: Bench, story: Story, kept: Sequence[Seen]) -> Iterator[str]:
    """The last derivative on the way back that the code has, and the first that it has not."""
    runs = [(seen, _held(bench, seen)) for seen in sorted(kept, key=lambda s: -len(set(s.point.sizes.values())))[:_RUNS]]
    cotangents = [d for d in story.cotangents if d.meaning and d.indices]
    found = [_everywhere(story, d, runs) for d in cotangents] if len(runs) > 1 else []
    there = [k for k, one in enumerate(found) if one is not None]
    if not there:
        return
    lacking = next((k for k in range(there[0], len(cotangents)) if found[k] is None), None)
    k = there[-1] if lacking is None else lacking - 1
    last = found[k]
    assert last is not None
    yield f"{last.name} in line {last.line} is right: it is {cotangents[k].meaning}; the mistake comes after it"
    if lacking is not None:
        text = expression(cotangents[lacking].body, "text", notation=story_notation(story))
        formula = f": {cotangents[lacking].meaning} = {text}" if len(text) <= _LONGEST else ""
        yield f"what your code does not have anywhere is {cotangents[lacking].meaning}{formula}"


def _everywhere(story: Story, d: Definition, runs: Sequence[tuple[Seen, Sequence[_Held]]]) -> _Held | None:
    """Where the code has the value of a definition, in every run."""
    common: list[_Held] | None = None
    for seen, held in runs:
        value = _value(story, d, seen)
        places = _places(held, value) if value is not None else []
        if value is None or np.squeeze(value).size < 2 or not value.any():
            continue
        names = {(one.name, one.line) for one in places}
        common = places if common is None else [one for one in common if (one.name, one.line) in names]
    return common[0] if common else None


def _value(story: Story, d: Definition, seen: Seen) -> np.ndarray | None:
    try:
        return Dense(seen.point.sizes, seen.point.arrays, reasoning(story)).array(d.body, d.indices)
    except (DeriveError, KeyError, ValueError, IndexError):
        return None


def _places(held: Sequence[_Held], value: np.ndarray) -> list[_Held]:
    """Where the code has this value."""
    plain = np.squeeze(value)
    pairs = ((one, shaped) for one in held for shaped in (np.squeeze(one.value), np.squeeze(one.value).T))
    return [one for one, shaped in pairs if shaped.shape == plain.shape and not off(shaped, plain)]


def _held(bench: Bench, seen: Seen) -> list[_Held]:
    """What the local names of the user's functions held, line by line, in one run."""
    codes = [part.__code__ for part in bench.subject.parts if hasattr(part, "__code__")]
    watcher = _Watcher(codes)
    before = sys.gettrace()
    sys.settrace(watcher.enter)
    try:
        bench.claimed(seen.point.arrays)
    finally:
        sys.settrace(before)
    return watcher.held


class _Watcher:
    """A trace function that records new values of arrays."""

    def __init__(self, codes: Sequence[CodeType]) -> None:
        self.codes = codes
        self.held: list[_Held] = []
        self.last: dict[str, bytes] = {}
        self.line = 0

    def enter(self, frame: FrameType, event: str, _: Any) -> Any:
        """Follow the user's functions alone."""
        if frame.f_code not in self.codes:
            return None
        self.line = frame.f_lineno
        return self.step

    def step(self, frame: FrameType, event: str, _: Any) -> Any:
        """What the line before has changed."""
        for name, value in frame.f_locals.items() if len(self.held) < _MOST else ():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                data = value.tobytes()
                if self.last.get(name) != data:
                    self.last[name] = data
                    self.held.append(_Held(name, self.line, np.array(value)))
        self.line = frame.f_lineno
        return self.step
