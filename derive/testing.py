"""For tests: an assertion that a handwritten gradient is right, which fails with the whole diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from derive.checking import CheckFailed, Report, check
from derive.face import Wrt
from derive.trace.shapes import Shapes

__all__ = ["assert_gradient"]


def assert_gradient(handwritten: Any, reference: Callable[..., Any] | None = None, wrt: Wrt = None, shapes: Shapes = None,
                    assume: Sequence[str] = (), *, level: str = "exact", **options: Any) -> Report:
    """Check a handwritten gradient, and fail unless it is right and this much is known of it.

    >>> def test_gradient():
    ...     derive.testing.assert_gradient(by_hand, loss, "W", {"W": "d k", "X": "m d", "y": "int m"}, level="proved")

    Args:
        handwritten, reference, wrt, shapes, assume: as for `derive.check`.
        level: 'proved' for all sizes, 'exact' at sizes for all numbers, or 'numeric'.
        options: as for `derive.check`: fixed, returns, layouts, seconds.

    Returns:
        The report.

    Raises:
        CheckFailed: an AssertionError whose message is the diagnosis; pytest shows it at the line of the test.
        BadInput: the arguments do not match, a shape is missing, or there is no such level.
    """
    __tracebackhide__ = True
    report = check(handwritten, reference, wrt, shapes, assume, **_given(options))
    try:
        return report.require(level)
    except CheckFailed as failed:
        told = str(failed)
    raise CheckFailed(told)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
