"""Labelled pictures to train on: embedded digits, CIFAR-10's official files, or arrays of one's own."""

from __future__ import annotations

from derive.data.cifar import cifar10
from derive.data.dataset import Dataset, Split, from_arrays
from derive.data.embedded import digits

__all__ = ["Dataset", "Split", "cifar10", "digits", "from_arrays", "load"]


def load(source: str, seed: int = 0) -> Dataset:
    """The data that a command line names: the word 'digits', or the folder of CIFAR-10's Python version.

    Raises:
        BadInput: there is no such folder, or its files are not CIFAR-10's.
        MissingExtra: scikit-learn is not installed.
    """
    return digits(seed) if source == "digits" else cifar10(source)
