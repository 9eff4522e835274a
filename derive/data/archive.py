"""Arrays and a few words about them in one `.npz` file that holds no pickle."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.errors import BadInput

__all__ = ["read_archive", "write_archive"]

_METADATA = "metadata"

# What a damaged or foreign file makes NumPy's reader raise.
_DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def write_archive(path: str | Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> Path:
    """Write the arrays, and the metadata as JSON under the name 'metadata'; the folder is made where it is missing.

    Raises:
        BadInput: the file cannot be written.
    """
    target = Path(path)
    contents = {**arrays, _METADATA: np.array(json.dumps(metadata))}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            np.savez(file, allow_pickle=False, **contents)
    except OSError as error:
        raise BadInput(f"{target} cannot be written: {error.strerror}.", hint="Choose a folder that you may write to.") from error
    return target


def read_archive(path: str | Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the metadata of a file that `write_archive` made.

    Raises:
        BadInput: the file is missing, broken, or was not made by `write_archive`.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        metadata = json.loads(str(arrays.pop(_METADATA)[()]))
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist.") from error
    except _DAMAGE as error:
        raise BadInput(f"{path} is broken or holds no saved run ({type(error).__name__}).", hint="Train and save again.") from error
    if not isinstance(metadata, dict):
        raise BadInput(f"{path} holds no saved run: its metadata is a {type(metadata).__name__}.")
    return arrays, metadata
