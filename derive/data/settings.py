"""How to train, and settings that are known to work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from derive.data.dataset import Dataset
from derive.errors import BadInput

__all__ = ["DEFAULTS", "Settings", "chosen"]

_HINT = "steps and batch are positive integers, lr > 0, lam ≥ 0, 0 ≤ momentum < 1, and the seed is an integer from 0 to 4294967295."


@dataclass(frozen=True)
class Settings:
    """How to train by minibatch gradient descent.

    Attributes:
        steps: how many minibatches.
        batch: rows in each; as many as there are training examples, or more, means all of them, in order.
        lr: the learning rate, in units of parameter² / loss.
        lam: the strength of the regulariser, for a loss that takes one.
        momentum: what is kept of the last step, in [0, 1).
        seed: of the initial parameters and of the minibatches.
    """

    steps: int = 1000
    batch: int = 128
    lr: float = 1e-3
    lam: float = 1e-3
    momentum: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = {"steps": (1, 2**31), "batch": (1, 2**31), "seed": (0, 2**32), "lr": (1e-38, 1e38), "lam": (0, 1e38), "momentum": (0, 1)}
        for name, (low, high) in ranges.items():
            whole = name in ("steps", "batch", "seed")
            object.__setattr__(self, name, _number(name, getattr(self, name), whole, low, high))  # a NumPy number as a Python one


def _number(name: str, value: Any, whole: bool, low: float, high: float) -> float:
    """The value as an int or a float, if it is a number of its kind with low ≤ value < high; otherwise BadInput."""
    good = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if not good or not low <= value < high:
        raise BadInput(f"{name}={value!r} is no setting to train with.", hint=_HINT)
    return int(value) if whole else float(value)


# By name of the data, for a linear classifier on pixels minus their mean; found by trying, and judged on the validation split.
DEFAULTS: dict[str, Settings] = {
    "digits": Settings(steps=1000, batch=128, lr=0.01, lam=1e-3),
    "cifar10": Settings(steps=5000, batch=256, lr=1e-6, lam=1e3),
}


def chosen(data: Dataset, settings: Settings | None, epochs: float | None, changes: Mapping[str, Any]) -> Settings:
    """The settings given, or the row of `DEFAULTS` for this data, with the changes; epochs are turned into steps.

    Raises:
        BadInput: a change that names no setting, a value that is none, or both steps and epochs.
    """
    if unknown := sorted(set(changes) - {field.name for field in fields(Settings)}):
        raise BadInput(f"There is no setting named {', '.join(unknown)}.", hint=_HINT)
    point = replace(settings or DEFAULTS.get(data.name, Settings()), **changes)
    if epochs is None:
        return point
    if "steps" in changes or not 0 < epochs < np.inf:
        raise BadInput(f"epochs={epochs} is no number of passes, or steps were given too.", hint="Pass one of steps and epochs.")
    return replace(point, steps=max(1, round(epochs * len(data.train) / min(point.batch, len(data.train)))))
