"""A `torch.autograd.Function` as a subject: run by torch in 64-bit on numbers, lifted on formulas."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.checking.adapters import Layout, called
from derive.checking.arguments import matched, parameters_of
from derive.checking.foreign.torch.lifting import lifted_run
from derive.checking.lift.arrays import symbolic
from derive.checking.lift.registry import call
from derive.checking.lift.session import CannotLift
from derive.checking.subject import Subject
from derive.derivation import Argument
from derive.errors import BadInput
from derive.trace.shapes import place_of

__all__ = ["Runner", "forward_of", "parts_of", "plain_code", "runner_of", "torch_subject"]

Function = Callable[..., Any]


def parts_of(code: Any) -> tuple[Function, ...]:
    """forward and backward, and setup_context where the function has one of its own."""
    torch = sys.modules["torch"]
    own = code.setup_context is not torch.autograd.Function.setup_context
    return (code.forward, code.backward, *((code.setup_context,) if own else ()))


def forward_of(code: Any) -> Function:
    """The function that is differentiated, on NumPy arrays: its parameters are forward's without ctx."""
    shown = _signature(parts_of(code))

    def forward(*values: Any, **named: Any) -> Any:
        given = shown.bind(*values, **named)
        given.apply_defaults()
        with _precision(given.arguments.values()):
            out = code.apply(*(_tensor(value, moves=False) for value in given.arguments.values()))
        return _single(out).detach().numpy()

    forward.__signature__ = shown  # type: ignore[attr-defined]
    forward.__wrapped__ = code.forward  # type: ignore[attr-defined]
    forward.__name__ = code.__name__
    return forward


def _signature(parts: Sequence[Function]) -> inspect.Signature:
    shown = list(inspect.signature(parts[0]).parameters.values())
    own = shown if len(parts) == 3 else shown[1:]
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in own):
        raise BadInput("forward takes any number of arguments.", place=place_of(parts[0]), hint="Name them.")
    return inspect.Signature([p.replace(annotation=p.empty) for p in own])


# ------------------------------------------------------------------------------------------- numbers


@contextmanager
def _precision(values: Iterable[Any]) -> Iterator[None]:
    """New tensors are as precise as the float arrays that are given: of 64 bits where those are.  One thread is enough for small arrays."""
    torch = sys.modules["torch"]
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    kinds = {np.asarray(value).dtype for value in values if isinstance(value, (np.ndarray, np.generic)) and np.asarray(value).dtype.kind == "f"}
    torch.set_default_dtype({2: torch.float16, 4: torch.float32}.get(min((kind.itemsize for kind in kinds), default=8), torch.float64))
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
        torch.set_num_threads(threads)


def _tensor(value: Any, *, moves: bool) -> Any:
    """An array as a tensor with the same memory; what is no array stays."""
    torch = sys.modules["torch"]
    if not isinstance(value, (np.ndarray, np.generic)) or (not np.ndim(value) and not moves):
        return value.item() if isinstance(value, (np.ndarray, np.generic)) else value
    array = np.asarray(value)
    found = torch.from_numpy(array if array.flags.writeable else array.copy())
    return found.requires_grad_() if moves else found


def _floating(value: Any) -> np.ndarray:
    """An array of floats; it is the same array where it is one already."""
    array = np.asarray(value)
    return array if array.dtype.kind == "f" else array.astype(float)


def _single(out: Any) -> Any:
    if not isinstance(out, tuple):
        return out
    moving = [one for one in out if getattr(one, "requires_grad", False)]
    if len(moving) != 1:
        raise BadInput(f"forward returns {len(out)} values, of which {len(moving)} are differentiable; one is needed.")
    return moving[0]


@dataclass(frozen=True)
class Runner:
    """Forward and backward as one function of forward's parameters and of `dout`.

    Attributes:
        code: the class that torch runs.
        parts: the user's functions.
        parameters: forward's, in order, with the values of those that are fixed.
        moving: the parameters that a gradient is returned for.
        arguments: the reference's name for each parameter.
    """

    code: Any
    parts: tuple[Function, ...]
    parameters: Mapping[str, Any]
    moving: tuple[str, ...]
    arguments: Mapping[str, str]

    def __call__(self, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """(value, gradient by argument), of arrays or of formulas, by forward's parameters."""
        if any(isinstance(value, np.ndarray) and value.dtype.kind == "O" for value in given.values()):
            raise CannotLift("torch runs on numbers, and formulas for all sizes; not on symbolic entries at concrete sizes")
        run = self._lifted if any(map(symbolic, given.values())) else self._numbers
        values = {name: given.get(name, default) for name, default in self.parameters.items()}
        value, gradients = run(values, given.get("dout"))
        return value, {self.arguments[name]: gradients[name] for name in self.moving}

    def _numbers(self, values: Mapping[str, Any], incoming: Any) -> tuple[Any, dict[str, Any]]:
        torch = sys.modules["torch"]
        with _precision(values.values()), torch.enable_grad():
            leaves = {name: _tensor(_floating(value) if name in self.moving else value, moves=name in self.moving) for name, value in values.items()}
            dirty = "mark_dirty" in plain_code(self.parts[0]).co_names  # torch changes no leaf in place
            out = _single(self.code.apply(*(leaf.clone() if dirty and name in self.moving else leaf for name, leaf in leaves.items())))
            seed = torch.ones_like(out) if incoming is None else _tensor(_floating(incoming), moves=True).detach()
            found = torch.autograd.grad(out, [leaves[name] for name in self.moving], seed, allow_unused=True)
        zeros = [np.zeros(tuple(leaves[name].shape), leaves[name].detach().numpy().dtype) for name in self.moving]
        gradients = [zero if g is None else g.detach().numpy() for g, zero in zip(found, zeros)]
        return out.detach().numpy()[()], dict(zip(self.moving, (g[()] if not g.shape else g for g in gradients)))

    def leaves(self, given: Mapping[str, Any], moving: Sequence[str]) -> list[Any]:
        """forward's arguments for torch, on copies; those that move need a gradient."""
        values = {name: given.get(name, default) for name, default in self.parameters.items()}
        copies = {name: np.array(value) if isinstance(value, (np.ndarray, np.generic)) else value for name, value in values.items()}
        numbers = [name for name in self.moving if not np.ndim(copies[name])]
        tensors = {name: _tensor(_floating(value) if name in self.moving else value, moves=name in moving or name in numbers)
                   for name, value in copies.items()}
        return [tensor.detach() if name in numbers and name not in moving else tensor for name, tensor in tensors.items()]

    def _lifted(self, values: Mapping[str, Any], incoming: Any) -> tuple[Any, dict[str, Any]]:
        value, found = lifted_run(self.parts, values, incoming, self.moving)
        return value, {name: call("zeros_like", values[name]) if g is None else g for name, g in found.items()}


def plain_code(function: Function) -> Any:
    """The code of a function under its decorators."""
    return inspect.unwrap(function).__code__


# ------------------------------------------------------------------------------------------- the subject


def _returned(backward: Function, count: int) -> tuple[bool, ...]:
    """For each argument of forward, whether backward may return something else than None for it, as far as its last line tells."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(backward))))
    except (OSError, SyntaxError, TypeError):
        return (True,) * count
    found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple)]
    if not found or any(isinstance(part, ast.Starred) for node in found for part in node.elts):
        return (True,) * count
    lines = [[not (isinstance(part, ast.Constant) and part.value is None) for part in node.elts] for node in found]
    return tuple(any(k < len(line) and line[k] for line in lines) for k in range(count))


def torch_subject(code: Any, arguments: Sequence[Argument], fixed: Mapping[str, Any]) -> Subject:
    """The subject for a `torch.autograd.Function`.

    Args:
        code: the class.
        arguments: the reference's, `dout` among them for an array-valued function.
        fixed: values of further parameters of forward.
    """

    def make(parts: tuple[Function, ...], layouts: Mapping[str, Layout]) -> Subject:
        same = all(new is old for new, old in zip(parts, parts_of(code)))
        roles = ("forward", "backward", "setup_context")
        made = code if same else type(code.__name__, (sys.modules["torch"].autograd.Function,),
                                      {**_members(code), **{role: staticmethod(part) for role, part in zip(roles, parts)}})
        return _subject(made, parts, arguments, fixed, layouts, make)

    return make(parts_of(code), {})


def _members(code: type) -> dict[str, Any]:
    return {name: value for name, value in vars(code).items() if not name.startswith("__")}


def _subject(code: Any, parts: tuple[Function, ...], arguments: Sequence[Argument], fixed: Mapping[str, Any], layouts: Mapping[str, Layout],
             make: Function) -> Subject:
    runner, names = _matched(code, parts, arguments, fixed)

    def run(**given: Any) -> Any:
        return runner(given)

    function = called(run, {**names, "dout": "dout"}, [], layouts, {}, _as_it_is)
    incoming = [*parameters_of(parts[1])][1:2] or ["dout"]
    return Subject(code.__name__, inspect.unwrap(parts[1]), function, {**names, "dout": incoming[0]}, layouts, place_of(parts[1]),
                   tuple(runner.arguments[p] for p in runner.moving), parts, make)


def runner_of(code: Any, arguments: Sequence[Argument], fixed: Mapping[str, Any]) -> Runner:
    """The function as torch runs it."""
    return _matched(code, parts_of(code), arguments, fixed)[0]


def _matched(code: Any, parts: tuple[Function, ...], arguments: Sequence[Argument], fixed: Mapping[str, Any]) -> tuple[Runner, dict[str, str]]:
    """(the runner, forward's parameter for each argument)."""
    shown = _signature(parts)

    def stub() -> None:
        """Has forward's parameters."""

    stub.__signature__ = shown  # type: ignore[attr-defined]
    stub.__wrapped__ = parts[0]  # type: ignore[attr-defined]
    stub.__name__ = code.__name__
    own = [a for a in arguments if a.name != "dout"]
    names = matched(stub, own, fixed)
    back = {parameter: argument for argument, parameter in names.items()}
    floats = {a.name for a in own if a.kind == "float"}
    told = _returned(parts[1], len(shown.parameters))
    moving = tuple(p for p, returned in zip(shown.parameters, told) if returned and back.get(p) in floats)
    return Runner(code, parts, {name: fixed.get(name, p.default) for name, p in shown.parameters.items()}, moving, back), names


def _as_it_is(returned: Any) -> Any:
    return returned
