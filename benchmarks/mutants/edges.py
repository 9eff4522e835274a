"""Points just beside a jump of a gradient: where a comparison is about to turn, so that a threshold moved by 1e-4 is seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Arrays = Mapping[str, Any]


def between(a: Arrays, b: Arrays, moving: set[str], t: float) -> dict[str, Any]:
    """A point on the line from a to b; what does not move is that of a."""
    return {name: (1 - t) * value + t * b[name] if name in moving else value for name, value in a.items()}


def jumps(gradient: Callable[[Arrays], Any], a: Arrays, b: Arrays, moving: set[str], steps: int = 40) -> list[float]:
    """Where the gradient jumps on the line from a to b, each place to 1e-12."""
    def value(t: float) -> Any:
        return gradient(between(a, b, moving, t))

    places = []
    grid = np.linspace(0.0, 1.0, steps + 1)
    values = [value(t) for t in grid]
    for low, high, left, right in zip(grid, grid[1:], values, values[1:]):
        while high - low > 1e-12:
            middle = (low + high) / 2
            at = value(middle)
            if np.max(np.abs(at - left)) > np.max(np.abs(right - at)):
                high, right = middle, at
            else:
                low, left = middle, at
            if np.max(np.abs(right - left)) < 1e-4 * (high - low) ** 0.5:
                break  # no jump: it shrinks with the distance
        else:
            if np.max(np.abs(right - left)) > 1e-6:
                places.append((low + high) / 2)
    return places


def beside(places: list[float], most: int) -> list[float]:
    """Points at two distances on both sides of some of the places."""
    chosen = places[:: max(1, len(places) // most)][:most]
    return [t + d for t in chosen for d in (-2e-5, -1e-6, 1e-6, 2e-5) if 0 < t + d < 1]
