"""What the main job finds, as values: the terminal and the report are made of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from derive import losses
from derive.checking import Report
from derive.data import Dataset
from derive.face import Derivation
from derive.losses import Claim
from derive.proving.proof import Proof
from derive.train import Run

__all__ = ["HANDWRITTEN", "SIZES", "Agreement", "Findings"]

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

# Sizes (m, d, k) at which the derived gradient is compared with jax.grad: unequal, equal, and 1 in each place.
SIZES: tuple[tuple[int, int, int], ...] = ((5, 4, 3), (1, 6, 4), (7, 1, 2), (6, 3, 1), (3, 3, 3), (64, 30, 10))

# The handwritten gradients: what they are, and whether they are right.
HANDWRITTEN: tuple[tuple[str, Callable[..., Any], bool], ...] = (
    ("The tutorial's vectorised gradient, with 1/m and λW", losses.gradient_by_hand, True),
    ("The tutorial's snippet as it is printed", losses.gradient_of_the_tutorial, False),
)


@dataclass(frozen=True)
class Agreement:
    """The largest relative difference between the derived gradient and `jax.grad` over some sizes (m, d, k)."""

    sizes: tuple[tuple[int, int, int], ...]
    largest: float

    @property
    def good(self) -> bool:
        """Whether the two agree to what 64-bit numbers allow."""
        return self.largest < 1e-10

    def __str__(self) -> str:
        return f"largest relative difference {_power_of_ten(self.largest)} at {len(self.sizes)} sizes, 1 and equal sizes among them"


def _power_of_ten(value: float) -> str:
    """2.5·10⁻¹⁶ for 2.5e-16; 0 for 0."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}·10{str(int(exponent)).translate(_RAISED)}" if value else "0"


@dataclass(frozen=True)
class Findings:
    """Everything that the main job found; the report is made of this."""

    derivation: Derivation
    seconds: float
    proofs: tuple[tuple[Claim, Proof], ...]
    agreement: Agreement
    checks: tuple[tuple[str, str, Report], ...]
    run: Run
    data: Dataset

    @property
    def as_expected(self) -> bool:
        """Whether every claim was proved, and each handwritten gradient judged as it deserves."""
        judged = all(report.ok is right for (_, _, report), (_, _, right) in zip(self.checks, HANDWRITTEN))
        return judged and self.agreement.good and all(proof.verdict == "proved" for _, proof in self.proofs)
