"""Gradients that are no NumPy functions: the rules of JAX's custom derivatives, and torch's autograd functions."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from derive.checking.foreign.rules import custom_rule_report
from derive.checking.foreign.torch.findings import torch_findings
from derive.checking.foreign.torch.function import forward_of, runner_of, torch_subject
from derive.checking.safety import Finding
from derive.checking.subject import Subject
from derive.derivation import Argument

__all__ = ["custom_rule_report", "foreign_findings", "foreign_subject", "forward_of", "recognised"]


def recognised(code: Any) -> str:
    """'jax.custom_vjp', 'jax.custom_jvp', 'torch.autograd.Function', or '' for code of another kind."""
    if isinstance(code, jax.custom_vjp):
        return "jax.custom_vjp"
    if isinstance(code, jax.custom_jvp):
        return "jax.custom_jvp"
    torch = sys.modules.get("torch")  # who hands over a torch function has imported it
    return "torch.autograd.Function" if torch is not None and isinstance(code, type) and issubclass(code, torch.autograd.Function) else ""


def foreign_subject(code: Any, arguments: Sequence[Argument], wrt: Sequence[str], *, fixed: Mapping[str, Any] | None = None) -> Subject:
    """A `torch.autograd.Function` as a subject.

    Args:
        code: the class.
        arguments: the reference's, with `dout` for an array-valued function.
        wrt: the arguments that are asked for.
        fixed: values of further parameters of forward.

    Raises:
        BadInput: the parameters do not match the arguments.
    """
    return torch_subject(code, arguments, fixed or {})


def foreign_findings(code: Any, arguments: Sequence[Argument], arrays: Mapping[str, Any], *,
                     fixed: Mapping[str, Any] | None = None) -> tuple[Finding, ...]:
    """What torch asks of a backward pass besides the right gradient, at one ordinary point.

    Args:
        code: the `torch.autograd.Function`.
        arguments: the reference's.
        arrays: the point, by the reference's names.
        fixed: values of further parameters of forward.
    """
    runner = runner_of(code, arguments, fixed or {})
    return torch_findings(runner, {parameter: arrays[name] for parameter, name in runner.arguments.items()})
