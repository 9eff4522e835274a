"""A labelled data set in three splits, centred on its training mean, and what must hold of it before it may be trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from derive.errors import BadInput

__all__ = ["Dataset", "Split", "assemble", "checked_examples", "checked_labels", "checked_seed", "from_arrays"]

Reals = NDArray[np.floating[Any]]
Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Split:
    """Examples and their labels: X of shape (m, d), y of shape (m,) with values 0 … k − 1.  Both are read-only."""

    X: Reals
    y: Ints

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled examples for training, for choosing a setting, and for the final score.

    Attributes:
        name: for example 'digits'; the key of the default setting.
        train, val, test: the three splits; the columns of X are pixels minus `mean`, then a column of ones where `bias` is true.
        labels: the names of the k classes.
        image_shape: the shape of one picture: (height, width) or (height, width, 3); empty where the rows are no pictures.
        mean: the mean training example, in the units of the data (pixel values), of shape (d without the bias column,).
        bias: whether the last column of X is the constant 1.
    """

    name: str
    train: Split
    val: Split
    test: Split
    labels: tuple[str, ...]
    image_shape: tuple[int, ...]
    mean: Reals
    bias: bool

    @property
    def features(self) -> int:
        """The number of columns of X, the bias column included."""
        return int(self.train.X.shape[1])

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.labels)


def from_arrays(
    X: ArrayLike,
    y: ArrayLike,
    *,
    labels: Sequence[str] | None = None,
    image_shape: tuple[int, ...] = (),
    name: str = "arrays",
    seed: int = 0,
    val: float = 0.15,
    test: float = 0.15,
    bias: bool = True,
    dtype: DTypeLike = np.float32,
) -> Dataset:
    """A data set from examples in memory: shuffled by `seed`, split, centred.

    Args:
        X: real numbers of shape (m, d), all finite.
        y: integer labels of shape (m,), from 0 to k − 1.
        labels: the names of the k classes; without it k is the largest label plus one.
        image_shape: the shape of one picture, with d entries, or ().
        name: what to call the data.
        seed: for the shuffle.
        val, test: the fractions that are held out; at least one example each.
        bias: append a column of ones.
        dtype: float32 or float64.

    Raises:
        BadInput: whatever is wrong with the data, and in which row.
    """
    examples = checked_examples(X)
    if float(np.abs(examples, dtype=np.float64).max()) > float(np.finfo(np.float32).max) / 4:
        raise BadInput("X has values beyond the range of 32-bit floats.", hint="Scale the data.")
    names = None if labels is None else tuple(str(label) for label in labels)
    classes = checked_labels(y, len(examples), None if names is None else len(names))
    names = names or tuple(str(k) for k in range(int(classes.max()) + 1))
    held = _held(len(examples), val, test)
    order = np.random.default_rng(checked_seed(seed)).permutation(len(examples))
    parts = [(examples[rows], classes[rows]) for rows in np.split(order[::-1], np.cumsum(held))]
    return assemble(name, (parts[2], parts[0], parts[1]), names, image_shape, bias=bias, dtype=dtype)


def _held(examples: int, val: float, test: float) -> list[int]:
    """How many examples are held out for validation and for the test, at least one each."""
    if not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise BadInput(f"val={val} and test={test} leave nothing to train on.", hint="Pass two positive fractions with a sum below 1.")
    held = [max(1, round(fraction * examples)) for fraction in (val, test)]
    if sum(held) >= examples:
        raise BadInput(f"{examples} examples are too few for three splits.", hint="Pass more examples, or smaller val and test.")
    return held


def assemble(
    name: str,
    parts: Sequence[tuple[NDArray[Any], Ints]],
    labels: tuple[str, ...],
    image_shape: tuple[int, ...],
    *,
    bias: bool,
    dtype: DTypeLike,
) -> Dataset:
    """A data set from its (train, val, test) parts: subtracts the mean training example and appends the bias column.

    Raises:
        BadInput: the dtype is no float32 or float64, the pictures do not fit, or the training part has one class alone.
    """
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise BadInput(f"dtype={kind} cannot hold centred data.", hint="Pass numpy.float32 or numpy.float64.")
    width = parts[0][0].shape[1]
    if image_shape and int(np.prod(image_shape)) != width:
        raise BadInput(f"image_shape={image_shape} has {int(np.prod(image_shape))} pixels, and the rows of X have {width} entries.")
    if len(np.unique(parts[0][1])) < 2:
        raise BadInput("The training examples are of one class only.", hint="Pass examples of two classes or more.")
    mean = parts[0][0].mean(axis=0, dtype=np.float64)
    train, val, test = (Split(_centred(X, mean, bias, kind), _frozen(y)) for X, y in parts)
    return Dataset(name, train, val, test, labels, tuple(image_shape), _frozen(mean), bias)


def checked_examples(X: ArrayLike, what: str = "X") -> NDArray[Any]:
    """X as an array of shape (m, d) of finite real numbers, m and d at least 1; else BadInput that names the row."""
    try:
        examples = np.asarray(X)
    except ValueError as error:
        raise BadInput(f"{what} is no array: {error}", hint="Pass rows of equal length.") from error
    if examples.dtype.kind not in "buif":
        raise BadInput(f"{what} has dtype {examples.dtype}, which holds no real numbers.")
    if examples.size == 0:
        raise BadInput(f"{what} is empty: its shape is {examples.shape}.")
    if examples.ndim != 2:
        raise BadInput(f"{what} has shape {examples.shape}; one row for each example is needed.", hint="X.reshape(len(X), -1) may help.")
    rows = np.flatnonzero(~np.isfinite(examples).all(axis=1)) if examples.dtype.kind == "f" else np.empty(0)
    if rows.size:
        raise BadInput(f"{what} has a NaN or an infinity in row {rows[0]} ({rows.size} such rows).", hint="Drop those rows.")
    return examples


def checked_labels(y: ArrayLike, examples: int, classes: int | None = None, what: str = "y") -> Ints:
    """The labels as int32 of shape (examples,), each label in 0 … classes − 1, two classes or more; else BadInput that names the row."""
    try:
        labels = np.asarray(y)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"{what} is no array: {error}") from error
    if labels.shape != (examples,):
        raise BadInput(f"{what} has shape {labels.shape}; one label for each of {examples} examples is needed, ({examples},).")
    if labels.dtype.kind not in "ui":
        raise BadInput(f"{what} has dtype {labels.dtype}; labels are integers.", hint="y.astype(int), if the values are whole numbers.")
    # Without names, a label beyond the number of examples is a mistake rather than a class: it would cost a column of weights each.
    limit = examples if classes is None else classes
    wrong = np.flatnonzero((labels < 0) | (labels >= limit))
    if wrong.size:
        met = f"{what} has the label {labels[wrong[0]]} in row {wrong[0]}, out of the range 0 … {limit - 1} ({wrong.size} such rows)."
        raise BadInput(met, hint="Number the classes from 0.")
    if len(np.unique(labels)) < 2:
        raise BadInput(f"{what} has one class only, {labels[0]}: there is nothing to learn.", hint="Pass examples of two classes or more.")
    return labels.astype(np.int32)


def checked_seed(seed: int) -> int:
    """The seed, if it is a whole number from 0 to 2³² − 1; otherwise BadInput."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise BadInput(f"seed={seed!r} is no seed.", hint="Pass a whole number from 0 to 4294967295.")
    return int(seed)


def _centred(X: NDArray[Any], mean: Reals, bias: bool, dtype: np.dtype[Any]) -> Reals:
    """X − mean in `dtype`, with a column of ones where `bias` is true, in one allocation."""
    out: Reals = np.ones((len(X), X.shape[1] + bias), dtype)
    np.subtract(X, mean, out=out[:, : X.shape[1]], casting="same_kind")
    return _frozen(out)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
