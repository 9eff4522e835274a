"""The probes of safety, in the order in which their findings are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from derive.checking.safety.extremes import large_numbers
from derive.checking.safety.memory import calls, memory, orders
from derive.checking.safety.setting import Finding, Setting, setting_of
from derive.checking.safety.sizes import empty_batch, returned_shapes, single_sizes
from derive.checking.safety.types import integers, short_floats
from derive.checking.subject import Subject
from derive.checking.truth import Truth

__all__ = ["PROBES", "findings"]

PROBES: tuple[Callable[[Setting], Iterator[Finding]], ...] = (
    calls, returned_shapes, single_sizes, large_numbers, orders, memory, short_floats, integers, empty_batch)


def findings(subject: Subject, truth: Truth, wrt: Sequence[str]) -> tuple[Finding, ...]:
    """What is numerically unsafe about handwritten code; faults first.

    Args:
        subject: the handwritten code.
        truth: what it is compared with.
        wrt: the arguments whose gradients are asked for.
    """
    setting = setting_of(subject, truth, wrt)
    if setting is None:
        return ()
    found = dict.fromkeys(finding for probe in PROBES for finding in probe(setting))
    return tuple(sorted(found, key=lambda finding: not finding.serious))
