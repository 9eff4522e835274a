"""derive: one JAX function becomes its derivation, its proof, its NumPy gradient, its check and its training run.

>>> import derive
>>> d = derive.gradient(loss, wrt="W", shapes={"W": "d k", "X": "m d", "y": "int m", "lam": ""})
>>> print(d)

A name is imported when it is first used, so that what only looks for a version, or pytest at its start, does not wait for JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from derive.checking.check import check
    from derive.checking.report import CheckFailed, Report
    from derive.errors import BadInput, DeriveError, MissingExtra, Never, NotYet, Undecided
    from derive.face import Derivation, gradient, hessian, jacobian, vjp
    from derive.proving.proof import Proof, prove

__version__ = "0.1.0"

__all__ = ["BadInput", "CheckFailed", "Derivation", "DeriveError", "MissingExtra", "Never", "NotYet", "Proof", "Report", "Undecided", "check",
           "gradient", "hessian", "jacobian", "prove", "vjp"]

_HOME = {
    "derive.checking": ("CheckFailed", "Report", "check"),
    "derive.errors": ("BadInput", "DeriveError", "MissingExtra", "Never", "NotYet", "Undecided"),
    "derive.face": ("Derivation", "gradient", "hessian", "jacobian", "vjp"),
    "derive.proving.proof": ("Proof", "prove"),
}


def __getattr__(name: str) -> Any:
    """The public name, imported from its home."""
    home = next((module for module, names in _HOME.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'derive' has no attribute {name!r}")
    found = getattr(importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
