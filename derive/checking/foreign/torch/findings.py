"""What torch asks of a backward pass besides the right gradient: any layout of what flows in, saved tensors left alone, single arguments."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from derive.checking.foreign.torch.function import Runner, plain_code
from derive.checking.safety import Finding

__all__ = ["torch_findings"]

_CLOSE = 1e-9


def torch_findings(runner: Runner, given: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What is found at one ordinary point.

    Args:
        runner: the function; see `runner_of`.
        given: arrays by forward's parameters.
    """
    if not runner.moving:
        return ()
    usual, raised = _attempt(lambda: _Run(runner, given, runner.moving))
    if raised:  # the check reports it
        return ()
    return tuple(finding for probe in _PROBES for finding in probe(runner, given, usual))


class _Run:
    """One forward pass, ready for backward passes."""

    def __init__(self, runner: Runner, given: Mapping[str, Any], moving: Sequence[str]) -> None:
        leaves = runner.leaves(given, moving)
        self.moving = [leaf for leaf, name in zip(leaves, runner.parameters) if name in moving]
        self.out = runner.code.apply(*leaves)
        assert not isinstance(self.out, tuple)
        self.seed = sys.modules["torch"].ones_like(self.out)
        self.first = self.backward(self.seed)

    def backward(self, seed: Any) -> list[Any]:
        """The gradients for what flows in."""
        found = sys.modules["torch"].autograd.grad(self.out, self.moving, seed, allow_unused=True, retain_graph=True)
        return [None if g is None else g.detach().numpy().copy() for g in found]


def _same(a: Sequence[Any], b: Sequence[Any]) -> bool:
    pairs = [(np.zeros(()) if u is None else u, np.zeros(()) if v is None else v) for u, v in zip(a, b)]
    return all(np.allclose(u, v, rtol=_CLOSE, atol=_CLOSE, equal_nan=True) for u, v in pairs)


def _attempt(run: Callable[[], Any]) -> tuple[Any, str]:
    """(result, '') or (None, what was raised)."""
    try:
        return run(), ""
    except Exception as error:  # whatever the user's code raises is reported
        return None, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def _layouts(runner: Runner, given: Mapping[str, Any], usual: _Run) -> Iterator[Finding]:
    """An incoming gradient as `.sum()` sends it, one number repeated; and as `.T` sends it."""
    torch = sys.modules["torch"]
    shape, dtype = usual.out.shape, usual.out.dtype
    seeds = {"as after .sum()": lambda: torch.ones((), dtype=dtype).expand(shape),
             "as after .T": lambda: torch.ones(tuple(reversed(shape)), dtype=dtype).permute(*reversed(range(len(shape))))}
    for words, seed in seeds.items() if len(shape) else ():
        run = _Run(runner, given, runner.moving)
        found, raised = _attempt(lambda run=run, seed=seed: run.backward(seed()))  # type: ignore[misc]
        if raised:
            yield Finding(f"backward fails where the incoming gradient is not contiguous, {words}: {raised}", serious=True)
        elif found is not None and not _same(found, usual.first):
            yield Finding(f"backward gives another gradient where the incoming one is not contiguous, {words}", serious=True)


def _again(runner: Runner, given: Mapping[str, Any], usual: _Run) -> Iterator[Finding]:
    """A second backward pass through the same graph."""
    run = _Run(runner, given, runner.moving)
    if not bool((run.seed == 1).all()):
        yield Finding("backward changes the incoming gradient in place, which others may still use: clone it first", serious=True)
        return
    found, raised = _attempt(lambda: run.backward(sys.modules["torch"].ones_like(run.out)))
    if raised:
        yield Finding(f"a second backward pass (retain_graph=True) fails: {raised}")
    elif found is not None and not _same(found, usual.first):
        yield Finding("a second backward pass (retain_graph=True) gives another gradient: backward changes what forward saved", serious=True)


def _alone(runner: Runner, given: Mapping[str, Any], usual: _Run) -> Iterator[Finding]:
    """Each argument alone, the others needing no gradient."""
    if len(runner.moving) < 2:
        return
    for name, expected in zip(runner.moving, usual.first):
        found, raised = _attempt(lambda name=name: _Run(runner, given, (name,)).first)  # type: ignore[misc]
        if raised:
            yield Finding(f"where {name} alone needs a gradient it fails: {raised}", serious=True)
        elif found is not None and not _same(found, [expected]):
            yield Finding(f"where {name} alone needs a gradient it gives another one: see ctx.needs_input_grad", serious=True)
    if "needs_input_grad" not in plain_code(runner.parts[1]).co_names:
        yield Finding("backward works out every gradient, also those that ctx.needs_input_grad says are not needed")


_PROBES = (_layouts, _again, _alone)
