"""A `torch.autograd.Function` as a subject: run by torch in 64-bit on numbers, lifted on formulas."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.checking.adapters import Layout, called
from derive.checking.arguments import matched, parameters_of
from derive.checking.foreign.torch.lifting import lifted_run, plain_function
from derive.checking.lift.arrays import symbolic
from derive.checking.lift.registry import call
from derive.checking.subject import Subject
from derive.derivation import Argument
from derive.errors import BadInput
from derive.trace.shapes import place_of

__all__ = ["forward_of", "parts_of", "torch_subject"]

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
        with _double():
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
def _double() -> Iterator[None]:
    """New tensors are of 64 bits."""
    torch = sys.modules["torch"]
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _tensor(value: Any, *, moves: bool) -> Any:
    """An array as a tensor with the same memory; what is no array stays."""
    torch = sys.modules["torch"]
    if not isinstance(value, (np.ndarray, np.generic)) or (not np.ndim(value) and not moves):
        return value.item() if isinstance(value, (np.ndarray, np.generic)) else value
    array = np.asarray(value, dtype=float) if np.asarray(value).dtype.kind == "f" else np.asarray(value)
    found = torch.from_numpy(array if array.flags.writeable else array.copy())
    return found.requires_grad_() if moves else found


def _single(out: Any) -> Any:
    if not isinstance(out, tuple):
        return out
    moving = [one for one in out if getattr(one, "requires_grad", False)]
    if len(moving) != 1:
        raise BadInput(f"forward returns {len(out)} values, of which {len(moving)} are differentiable; one is needed.")
    return moving[0]


@dataclass(frozen=True)
class _Runner:
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
        run = self._lifted if any(map(symbolic, given.values())) else self._numbers
        values = {name: given.get(name, default) for name, default in self.parameters.items()}
        value, gradients = run(values, given.get("dout"))
        return value, {self.arguments[name]: gradients[name] for name in self.moving}

    def _numbers(self, values: Mapping[str, Any], incoming: Any) -> tuple[Any, dict[str, Any]]:
        torch = sys.modules["torch"]
        with _double(), torch.enable_grad():
            leaves = {name: _tensor(np.asarray(value, dtype=float) if name in self.moving else value, moves=name in self.moving)
                      for name, value in values.items()}
            dirty = "mark_dirty" in plain_code(self.parts[0]).co_names  # torch changes no leaf in place
            out = _single(self.code.apply(*(leaf.clone() if dirty and name in self.moving else leaf for name, leaf in leaves.items())))
            seed = torch.ones_like(out) if incoming is None else torch.from_numpy(np.array(incoming, dtype=float)).reshape(np.shape(incoming))
            found = torch.autograd.grad(out, [leaves[name] for name in self.moving], seed, allow_unused=True)
        zeros = [np.zeros(tuple(leaves[name].shape)) for name in self.moving]
        gradients = [zero if g is None else g.detach().numpy() for g, zero in zip(found, zeros)]
        return out.detach().numpy()[()], dict(zip(self.moving, (g[()] if not g.shape else g for g in gradients)))

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
    forward, backward = parts[:2]
    shown = _signature(parts)

    def stub() -> None:
        """Has forward's parameters."""

    stub.__signature__ = shown  # type: ignore[attr-defined]
    stub.__wrapped__ = forward  # type: ignore[attr-defined]
    stub.__name__ = code.__name__
    own = [a for a in arguments if a.name != "dout"]
    names = matched(stub, own, fixed)
    back = {parameter: argument for argument, parameter in names.items()}
    floats = {a.name for a in own if a.kind == "float"}
    told = _returned(backward, len(shown.parameters))
    moving = tuple(p for p, returned in zip(shown.parameters, told) if returned and back.get(p) in floats)
    defaults = {name: fixed.get(name, p.default) for name, p in shown.parameters.items()}
    runner = _Runner(code, parts, defaults, moving, back)

    def run(**given: Any) -> Any:
        return runner(given)

    function = called(run, {**names, "dout": "dout"}, [], layouts, {}, _as_it_is)
    incoming = list(parameters_of(backward))
    return Subject(code.__name__, plain_function(backward), function, {**names, "dout": incoming[1] if len(incoming) > 1 else "dout"}, layouts,
                   place_of(backward), tuple(back[p] for p in moving), parts, make)


def _as_it_is(returned: Any) -> Any:
    return returned
