"""The user's files: a function named as FILE.py::name, and places to write to."""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import inspect
import linecache
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from derive.errors import BadInput, DeriveError, Place

__all__ = ["Loader", "split_target", "usable_folder", "usable_target", "write_text"]

_FORM = "Write FILE.py::name, such as losses.py::loss."


def split_target(target: str) -> tuple[Path, str]:
    """The two halves of FILE.py::name.

    Raises:
        BadInput: there is no `::`, or nothing on one of its sides.
    """
    file, _, name = target.rpartition("::")
    if not file or not name:
        raise BadInput(f"{target!r} does not name a function in a file.", hint=_FORM)
    return Path(file), name


class Loader:
    """Loads functions from files, each file once; nothing of it stays in `sys.modules` or `sys.path`."""

    def __init__(self) -> None:
        self._modules: dict[Path, ModuleType] = {}

    def function(self, target: str) -> Callable[..., Any]:
        """The function that FILE.py::name names.

        Raises:
            BadInput: the file is missing or cannot be run, or it has no function of that name; the error names file and line.
        """
        file, name = split_target(target)
        found = self.named(target)
        if not callable(found) or inspect.isclass(found):
            raise BadInput(f"{name!r} in {file} is {_article(type(found).__name__)} and not a function.", hint=_FORM)
        function: Callable[..., Any] = found
        return function

    def named(self, target: str) -> Any:
        """What FILE.py::name names, whatever it is.

        Raises:
            BadInput: the file is missing or cannot be run, or it has nothing of that name; the error names file and line.
        """
        file, name = split_target(target)
        found: Any = self.module(file)
        for part in name.split("."):
            names = vars(found) if hasattr(found, "__dict__") else {}
            if part not in names:
                raise BadInput(f"{file} has no function {name!r}.", hint=_similar(part, names))
            found = names[part]
        return found

    @contextlib.contextmanager
    def at_home(self, file: Path) -> Iterator[None]:
        """What a file's functions import when they are called is found as it is when the file itself is loaded."""
        with _importable(self.module(file), file.expanduser().resolve().parent):
            yield

    def module(self, file: Path) -> ModuleType:
        """The file, run as a module.

        Raises:
            BadInput: the file is missing, is no Python, or raises; the error names the line.
        """
        path = file.expanduser().resolve()
        if path not in self._modules:
            if not path.is_file():
                raise BadInput(f"There is no file {file}.", hint=f"Looked in {path.parent}.")
            self._modules[path] = _run(path)
        return self._modules[path]


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"user_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{path} is no Python file.", hint=_FORM)
    module = importlib.util.module_from_spec(spec)
    linecache.checkcache(str(path))
    with _importable(module, path.parent):
        try:
            spec.loader.exec_module(module)
        except DeriveError:
            raise
        except SyntaxError as error:
            place = Place(error.filename or str(path), error.lineno or 0, error.text or "")
            raise BadInput(f"The file is not valid Python: {error.msg}.", place=place) from error
        except (Exception, SystemExit) as error:  # whatever the user's own file raises is told with its line
            raise BadInput(f"The file raises {type(error).__name__} when it is imported: {error}", place=_line_of(error, path),
                           hint="It must run to its end; put what is not needed under if __name__ == '__main__'.") from error
    return module


@contextlib.contextmanager
def _importable(module: ModuleType, folder: Path) -> Iterator[None]:
    """The module under its name, which dataclasses need, and its neighbours importable; both are undone afterwards."""
    path, known = list(sys.path), set(sys.modules)
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - known:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and Path(origin).parent == folder:
                del sys.modules[name]
        sys.modules.pop(module.__name__, None)


def _line_of(error: BaseException, path: Path) -> Place:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return Place(str(path), frames[-1].lineno or 0, frames[-1].line or "") if frames else Place(str(path), 1)


def _similar(name: str, names: dict[str, Any]) -> str:
    own = [key for key, value in names.items() if inspect.isfunction(value) and value.__module__ == names.get("__name__")]
    close = difflib.get_close_matches(name, own, n=3, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"Its functions are {', '.join(own)}." if own else "It has no functions."


def _article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def usable_folder(folder: str | Path) -> Path:
    """The folder, made if need be, into which a file can really be written: found out before the work is done.

    Raises:
        BadInput: it cannot be made or written to.
    """
    path = Path(folder).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise BadInput(f"The output folder {path} cannot be written: {error.strerror}.", hint="Name another one with --out DIR.") from error
    return path


def usable_target(file: str | Path) -> Path:
    """A file to write, in a folder that can be written to.

    Raises:
        BadInput: it is a folder, or its folder does not exist or cannot be written to.
    """
    path = Path(file).expanduser()
    if path.is_dir() or not path.parent.is_dir():
        met = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise BadInput(f"{path} cannot be written: {met}.")
    usable_folder(path.parent)
    return path


def write_text(file: Path, text: str) -> Path:
    """Write a text file in UTF-8.

    Raises:
        BadInput: it cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}.", hint="Name another place.") from error
    return file
