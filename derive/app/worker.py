"""Targets are checked in a process of their own, which can be killed: code that never ends, or ends the process, is an answer like others."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from derive.app.examine import Outcome, Settings, cannot, examine
from derive.app.files import Loader
from derive.app.pairing import Target
from derive.errors import DeriveError

__all__ = ["Worker"]

_START = 120.0  # seconds that a new process may take to import what it needs; they do not count
_PATIENCE = 1.0  # a check that takes longer is worth a sign of life


def _nothing() -> None:
    pass


class Worker:
    """Checks targets, each within a time.

    Args:
        timeout: the seconds that a target may take; 0 for no limit, and in this process, so that a debugger can be used.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._process: Any = None
        self._connection: Connection | None = None
        self._loader = Loader()
        self._folder = tempfile.TemporaryDirectory(prefix="derive-")
        self._printed = Path(self._folder.name) / "printed"

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process and remove what it wrote."""
        self._kill()
        self._folder.cleanup()

    def examine(self, target: Target, settings: Settings, waiting: Callable[[], None] = _nothing) -> Outcome:
        """Check a target; `waiting` is called once, when it takes longer than a second."""
        if not self.timeout:
            kept = io.StringIO()
            return replace(examine(target, settings, kept, self._loader), printed=kept.getvalue())
        connection = self._ready()
        started = time.perf_counter()
        outcome, why = None, ""
        try:
            connection.send((target, settings, str(self._printed)))
            quick = min(_PATIENCE, self.timeout)
            if not connection.poll(quick):
                waiting()
            if connection.poll(max(0.0, self.timeout - quick)):
                outcome = connection.recv()
            else:
                why = f"timed out after {self.timeout:g} s"
        except (EOFError, OSError):
            self._process.join(_PATIENCE)
            why = f"the process ended with status {self._process.exitcode}"
        if outcome is None:
            self._kill()
            outcome = Outcome(target, cannot(target, f"It {why}." if why.startswith("timed") else f"While it was checked, {why}."))
        return replace(outcome, printed=self._read(), seconds=time.perf_counter() - started)

    def _read(self) -> str:
        return self._printed.read_text("utf-8", errors="replace") if self._printed.exists() else ""

    def _ready(self) -> Connection:
        if self._connection is None:
            context: Any = multiprocessing.get_context(_method())
            self._connection, other = context.Pipe()
            self._process = context.Process(target=_serve, args=(other,), daemon=True)
            self._process.start()
            other.close()
            with contextlib.suppress(EOFError):
                if self._connection.poll(_START) and self._connection.recv() == "ready":
                    return self._connection
            self._kill()
            raise DeriveError("The process that checks did not start.", hint="With --timeout 0 it is not needed.")
        return self._connection

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _method() -> str:
    """A fork where that is safe: on Linux, before JAX has started its threads.  It saves the imports."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return "fork" if sys.platform == "linux" and getattr(bridge, "_backends", True) == {} else "spawn"


def _serve(connection: Connection) -> None:
    """The other process: takes targets and sends back outcomes until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks is interrupted, and ends this one
    os.dup2(2, 1)  # nothing but answers goes to the standard output
    loader = Loader()
    connection.send("ready")
    while True:
        try:
            target, settings, printed = connection.recv()
        except EOFError:
            return
        with open(printed, "w", buffering=1, encoding="utf-8", errors="replace") as file:
            outcome = examine(target, settings, file, loader)
        try:
            payload = pickle.dumps(outcome)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            payload = pickle.dumps(Outcome(target, cannot(target, f"The report cannot be sent: {error}")))
        connection.send_bytes(payload)
