"""What a peer answers: its result as numbers, and how much there is to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = Mapping[str, Any]


@dataclass(frozen=True)
class Size:
    """Of a result as it is written.  operations: +, ·, powers and functions; sums: over an index; names: introduced for intermediate values."""

    operations: int
    sums: int
    names: int = 0

    def __str__(self) -> str:
        return f"{self.operations} / {self.sums} / {self.names}"


@dataclass(frozen=True)
class Answer:
    """size: of the result; value: the result at concrete arrays; note: what the result holds for."""

    size: Size
    value: Callable[[Arrays], Any]
    note: str = "all sizes"


def gap(found: Any, expected: Any) -> float:
    """max|Δ| / max|g|."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    return float("inf") if found.shape != expected.shape else float(np.max(np.abs(found - expected)) / max(np.max(np.abs(expected)), 1e-300))
