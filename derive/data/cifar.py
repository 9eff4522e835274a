"""CIFAR-10 in its official Python layout, in the setting of the CS231n course.

A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009: 50,000 training and 10,000 test pictures of 32 × 32 pixels in
three colours, ten classes.  A file holds a pickled dict: b'data' of shape (n, 3072), uint8 (red plane, green, blue), and b'labels'.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from derive.data.dataset import Dataset, Ints, assemble, checked_labels
from derive.data.pickles import read_pickle
from derive.errors import BadInput

__all__ = ["cifar10"]

_TRAINING = tuple(f"data_batch_{k}" for k in range(1, 6))
_TEST, _META, _CHILD = "test_batch", "batches.meta", "cifar-10-batches-py"
_CLASSES, _PIXELS = 10, 3 * 32 * 32
_VALIDATION, _FRACTION = 1000, 0.02  # 1,000 of 50,000; the same part of a smaller folder


def cifar10(folder: str | Path, *, bias: bool = True, dtype: DTypeLike = np.float32) -> Dataset:
    """CIFAR-10 from `folder`, or from its child `cifar-10-batches-py`: 49,000 / 1,000 / 10,000 pictures.

    The last 1,000 training pictures are for validation (of a smaller folder, the last 2 %).  Pixels are 0 … 255 minus the mean training
    picture, ordered (row, column, colour).  Files are read by an unpickler that can build arrays and nothing else.

    Args:
        folder: where the official files are.
        bias: append a column of ones.
        dtype: float32 (0.7 GB) or float64.

    Raises:
        BadInput: the folder or a file is missing, broken or malicious, or its contents are not CIFAR-10's.
    """
    place = _located(Path(folder))
    batches = [_batch(place / name) for name in _TRAINING]
    X, y = np.concatenate([rows for rows, _ in batches]), np.concatenate([labels for _, labels in batches])
    if len(y) < 2:
        raise BadInput(f"{place} holds {len(y)} training picture: too few for training and validation.")
    checked_labels(y, len(y), _CLASSES, what=f"{place}, b'labels'")
    cut = len(y) - min(_VALIDATION, max(1, round(_FRACTION * len(y))))
    parts = [(X[:cut], y[:cut]), (X[cut:], y[cut:]), _batch(place / _TEST)]
    return assemble("cifar10", parts, _label_names(place / _META), (32, 32, 3), bias=bias, dtype=dtype)


def _located(folder: Path) -> Path:
    """The folder that holds the files."""
    if not folder.is_dir():
        raise BadInput(f"The data folder {folder} does not exist or is no folder.", hint=f"Pass the folder that holds {_CHILD}.")
    place = folder / _CHILD if (folder / _CHILD).is_dir() else folder
    missing = [name for name in (*_TRAINING, _TEST, _META) if not (place / name).is_file()]
    if missing:
        raise BadInput(f"{place} lacks {', '.join(missing)}.", hint="Unpack CIFAR-10's Python version there.")
    return place


def _batch(path: Path) -> tuple[NDArray[np.uint8], Ints]:
    """Pictures of shape (n, 3072), ordered (row, column, colour), and their labels."""
    content = _entries(path, b"data", b"labels")
    data, labels = content[b"data"], content[b"labels"]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != _PIXELS:
        met = f"dtype {data.dtype} and shape {data.shape}" if isinstance(data, np.ndarray) else f"type {type(data).__name__}"
        raise BadInput(f"{path}: b'data' has {met}; uint8 of shape (n, {_PIXELS}) is needed.")
    if not len(data):
        raise BadInput(f"{path}: b'data' is empty.")
    values = labels.tolist() if isinstance(labels, np.ndarray) else labels
    if not isinstance(values, list) or len(values) != len(data):
        count = f"{len(values)} labels" if isinstance(values, list) else f"a {type(values).__name__}"
        raise BadInput(f"{path}: b'labels' is {count} for {len(data)} pictures; a list of one label each is needed.")
    for row, label in enumerate(values):
        if type(label) is not int or not 0 <= label < _CLASSES:
            met = str(label) if type(label) is int and abs(label) < 10**9 else f"a {type(label).__name__}"
            raise BadInput(f"{path}: the label in row {row} is {met}, out of the range 0 … {_CLASSES - 1}.")
    pictures = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).reshape(-1, _PIXELS)
    return pictures, np.asarray(values, np.int32)


def _label_names(path: Path) -> tuple[str, ...]:
    names = _entries(path, b"label_names")[b"label_names"]
    if not isinstance(names, list) or len(names) != _CLASSES or not all(isinstance(name, bytes | str) for name in names):
        raise BadInput(f"{path}: b'label_names' is no list of {_CLASSES} names.")
    return tuple(name.decode("ascii", "replace") if isinstance(name, bytes) else name for name in names)


def _entries(path: Path, *keys: bytes) -> dict[bytes, Any]:
    """The entries of the pickled dict, which Python 2 wrote under byte strings and Python 3 may have written under text."""
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds a {type(content).__name__}; a dict with {', '.join(map(str, keys))} is needed.")
    found = {key: content[form] for key in keys for form in (key, key.decode()) if form in content}
    if missing := [str(key) for key in keys if key not in found]:
        raise BadInput(f"{path} lacks the key {', '.join(missing)}.")
    return found
