"""Collects every file of this folder: one collector for each claim, one item for each way in which the claim is tried."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from derive.errors import DeriveError
from derive.theories import Claim, load

HERE = Path(__file__).parent


class TheoryFile(pytest.File):
    """A file of claims."""

    def collect(self) -> Iterator[pytest.Collector]:
        for name, claim in load(self.path).claims.items():
            yield ClaimNode.from_parent(self, name=name, claim=claim)


class ClaimNode(pytest.Collector):
    """One claim."""

    def __init__(self, *, claim: Claim, **named: Any) -> None:
        super().__init__(**named)
        self.claim = claim

    def collect(self) -> Iterator[pytest.Item]:
        for name, leg in self.claim.legs().items():
            yield Leg.from_parent(self, name=name, leg=leg)


class Leg(pytest.Item):
    """One way in which a claim is tried."""

    def __init__(self, *, leg: Callable[[], None], **named: Any) -> None:
        super().__init__(**named)
        self.leg = leg

    def runtest(self) -> None:
        self.leg()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """The diagnosis; for what nobody raised on purpose, its kind and its line."""
        error = excinfo.value
        if isinstance(error, DeriveError):
            return str(error)
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error}\n  at {last.filename}, line {last.lineno}: {last.line}"

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.parent.name}::{self.name}" if self.parent else self.name


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> TheoryFile | None:
    """Each Python file beside this one, except this one."""
    if file_path.suffix == ".py" and file_path.parent == HERE and not file_path.name.startswith(("conftest", "_")):
        return TheoryFile.from_parent(parent, path=file_path)
    return None
