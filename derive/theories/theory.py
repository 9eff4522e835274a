"""Theorems about derivatives, one file each: prose, sources, gradients written by hand, and the claims that tie them together.

A file like those in `proofs/` is read with `load`; what it can claim is in `derive.theories.claims`.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from derive.errors import BadInput
from derive.theories.agreement import ClaimFailed
from derive.theories.claims import Cases, Claim, Derivative, Equality

__all__ = ["Cases", "Claim", "ClaimFailed", "Derivative", "Equality", "Theory", "load"]


@dataclass(frozen=True)
class Theory:
    """A file of `proofs/`: its first line, the sentences below it, and its claims by name."""

    title: str
    prose: str
    claims: Mapping[str, Claim]


def load(path: Path) -> Theory:
    """Read a file of claims: every module-level `Claim`, and those in a module-level dict as `name-key`.

    Raises:
        BadInput: the file has no docstring or no claim.
    """
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(spec.name)
    sys.modules[spec.name] = module  # a dataclass looks its module up there
    try:
        spec.loader.exec_module(module)
    finally:
        sys.modules.pop(spec.name)
        sys.modules.update({} if before is None else {spec.name: before})
    claims: dict[str, Claim] = {}
    for name, value in vars(module).items():
        members = {f"{name}-{key}": one for key, one in value.items()} if isinstance(value, dict) else {name: value}
        claims.update({key: one for key, one in members.items() if isinstance(one, Claim) and not name.startswith("_")})
    if not claims or not module.__doc__:
        met = f"{path} has {'no claim' if module.__doc__ else 'no docstring'}."
        raise BadInput(met, hint="Say in a docstring what is claimed, and claim it.")
    title, _, prose = inspect.cleandoc(module.__doc__).partition("\n")
    return Theory(title, prose.strip(), claims)
