"""The pytest plugin of derive: `pytest --derive FILE_OR_FOLDER` checks every handwritten gradient in it, as a test each.

pytest loads this at its start, in every project; JAX and the rest of derive are imported when a gradient is collected.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Gradient", "GradientFile"]

_KEY: pytest.StashKey[Any] = pytest.StashKey()
_ALONE: pytest.StashKey[bool] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, in a group of their own."""
    group = parser.getgroup("derive", "handwritten gradients (derive)")
    group.addoption("--derive", action="append", default=[], metavar="PATH", help="check every handwritten gradient in this file or folder, as a test"
                    " each; only these are collected, unless tests are named too.  'derive check --help' says what is recognised.")
    group.addoption("--derive-require", choices=("proved", "exact", "numeric"), help="less than this fails")
    group.addoption("--derive-reference", metavar="FILE.py::loss", help="what all of them are checked against; found by name if left out")
    group.addoption("--derive-timeout", type=float, default=60.0, metavar="SECONDS", help="for each gradient (default: 60)")


def pytest_configure(config: pytest.Config) -> None:
    """Collect the named paths: alone where --derive is all that the command line names, else beside the tests."""
    named = [str(path) for path in _paths(config)]
    if not named:
        return
    for path in named:
        if not Path(path).exists():
            raise pytest.UsageError(f"--derive {path}: there is no such file or folder")
    asked = any(str(word).startswith("--derive") for word in config.invocation_params.args)
    config.stash[_ALONE] = alone = asked and config.args_source is not pytest.Config.ArgsSource.ARGS
    config.args[:] = named if alone else [*config.args, *named]


def _paths(config: pytest.Config) -> list[Path]:
    folder = config.invocation_params.dir
    return [(folder / path).resolve() for path in config.getoption("--derive", default=[])]


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Generator[None, list[Any], list[Any]]:
    """Gradients beside the tests of a file; where --derive is alone, and in a file that it names, there are no tests."""
    collectors = yield
    paths = _paths(parent.config)
    if file_path.suffix != ".py" or not any(path == file_path or path in file_path.parents for path in paths):
        return collectors
    if parent.config.stash[_ALONE] or (file_path in paths and not any(file_path.match(pattern) for pattern in parent.config.getini("python_files"))):
        collectors = [one for one in collectors if not isinstance(one, pytest.Module)]
    return [*collectors, GradientFile.from_parent(parent, path=file_path)]


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the process that checked."""
    worker = config.stash.get(_KEY, None)
    if worker is not None:
        worker.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The diagnosis under a failed `assert report.ok`: of every report of derive that the failing frame holds."""
    made = yield
    report = getattr(sys.modules.get("derive.checking.report"), "Report", None)
    if made.failed and report is not None and call.excinfo is not None and call.excinfo.type is AssertionError:
        found = [value for value in call.excinfo.traceback[-1].frame.f_locals.values() if isinstance(value, report) and not value.ok]
        made.sections.extend(("derive", str(one)) for one in found)
    return made


class GradientFile(pytest.File):
    """A file with handwritten gradients; it is read and not run."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item a gradient, and one an argument where the text of the function names several."""
        pairing = importlib.import_module("derive.app.pairing")
        errors = importlib.import_module("derive.errors")
        try:
            found = pairing.targets([str(self.path)], self.config.getoption("--derive-reference") or "", empty=True)
        except errors.DeriveError as error:
            raise self.CollectError(str(error)) from None
        for target in found:
            for wrt in target.wrt or ("",):
                name = f"{target.names[-1]}[{wrt}]" if wrt else target.names[-1]
                yield Gradient.from_parent(self, name=name, target=target, wrt=wrt)


class Gradient(pytest.Item):
    """A handwritten gradient as a test; what is undecided fails."""

    def __init__(self, *, target: Any, wrt: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.target, self.wrt = target, wrt

    def runtest(self) -> None:
        """Check it in the process that checks."""
        examine = importlib.import_module("derive.app.examine")
        showing = importlib.import_module("derive.app.showing")
        settings = examine.Settings(wrt=(self.wrt,) if self.wrt else ())
        require = self.config.getoption("--derive-require") or ""
        outcome = self._worker().examine(self.target, settings)
        for part in outcome.printed, "\n".join(outcome.warned):
            if part:
                self.add_report_section("call", "what your code printed" if part is outcome.printed else "warnings", part)
        if showing.outcome_status(outcome.report, require):
            notes = "".join(f"\n  {note}" for note in outcome.notes)
            raise _Failed(f"{showing.report_text(outcome.report)}{notes}" + (f"\n  (required: {require})" if require else ""))

    def _worker(self) -> Any:
        worker = self.config.stash.get(_KEY, None)
        if worker is None:
            worker = importlib.import_module("derive.app.worker").Worker(self.config.getoption("--derive-timeout"))
            self.config.stash[_KEY] = worker
        return worker

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The diagnosis, without a traceback."""
        return str(excinfo.value) if isinstance(excinfo.value, _Failed) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """File, line and name."""
        return self.path, max(self.target.line - 1, 0), self.name


class _Failed(Exception):
    """The message is the diagnosis."""
