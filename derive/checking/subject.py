"""What is checked: somebody's function, or a forward and a backward pass, as one function of named arguments."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from derive.checking.adapters import Layout, called, encoded, joined
from derive.checking.arguments import incoming_parameter, matched, name_of, parameters_of
from derive.checking.trees import taken_apart
from derive.derivation import Argument
from derive.errors import BadInput, Place
from derive.trace.shapes import place_of
from derive.trace.trees import Tree

__all__ = ["Subject", "subject_of"]

VALUE = "loss"
_VALUES = ("loss", "cost", "J", "L", "obj", "objective", "out", "value", "total", "nll", "total_loss", "data_loss", "l", "f", "E", "err", "error")


@dataclass(frozen=True)
class Subject:
    """Somebody's code as one function.

    Attributes:
        name: of the function, for messages.
        handwritten: the user's own function (of a pair, the backward pass), for its source.
        function: takes the arguments by the reference's names and returns (value or None, {argument: gradient}).
        names: the user's parameter for each argument that the code takes.
        layouts: the arguments that the code wants in another layout.
        place: where it is defined.
        returns: the arguments whose gradients it returns, in order, where that can be told beforehand.
    """

    name: str
    handwritten: Callable[..., Any]
    function: Callable[..., Any]
    names: Mapping[str, str]
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    place: Place | None = None
    returns: tuple[str, ...] = ()
    parts: tuple[Callable[..., Any], ...] = ()
    remake: Callable[..., Subject] | None = None

    def run(self, arrays: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """(value or None, {argument: gradient}) for these arguments, by the reference's names; whatever the user's code raises is raised."""
        value, gradients = self.function(**{name: arrays[name] for name in arrays if name in self.names or name == "dout"})
        return value, gradients

    def laid_out(self, layouts: Mapping[str, Layout]) -> Subject:
        """The same code, given these arguments in other layouts."""
        assert self.remake is not None
        return self.remake(self.parts, layouts)

    def replaced(self, *parts: Callable[..., Any]) -> Subject:
        """The same with other functions in the place of the user's, such as a repaired copy."""
        assert self.remake is not None
        return self.remake(parts, self.layouts)

    def pasted(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by the user's own names, as the code takes them."""
        return {self.names.get(name, name): encoded(value, self.layouts.get(name), arrays)
                for name, value in arrays.items() if name in self.names or name == "dout"}


def subject_of(code: Any, arguments: Sequence[Argument], wrt: Sequence[str], *, fixed: Mapping[str, Any] | None = None,
               returns: Sequence[str] | None = None, layouts: Mapping[str, Layout] | None = None,
               trees: Mapping[str, Tree] | None = None) -> Subject:
    """The subject for a function, or for a pair (forward, backward).

    Args:
        code: a NumPy function that returns the gradient, (loss, gradient) or gradients by name or in order; or a pair of functions.
        arguments: the reference's.
        wrt: the arguments that are asked for.
        fixed: values of further parameters.
        returns: the arguments whose gradients are returned, in order, where it cannot be told from the code.
        layouts: arguments that the code wants in another layout.
        trees: arguments of the reference that are trees of arrays, each of which is an argument here.

    Raises:
        BadInput: the parameters do not match the arguments, or it cannot be told what is returned.
    """
    parts = tuple(code) if isinstance(code, (tuple, list)) else (code,)
    if len(parts) not in (1, 2) or not all(map(callable, parts)):
        raise BadInput("What is checked must be a function, or a pair (forward, backward).")

    def make(parts: tuple[Callable[..., Any], ...], layouts: Mapping[str, Layout]) -> Subject:
        build = _single if len(parts) == 1 else _pair
        roles = ("whole",) if len(parts) == 1 else ("forward", "backward")
        apart = [taken_apart(part, trees or {}, arguments, fixed or {}, role) for part, role in zip(parts, roles)]
        made = build(tuple(part for part, _ in apart), arguments, wrt, dict(fixed or {}), returns, layouts)
        names = {**made.names, **{leaf: text for _, texts in apart for leaf, text in texts.items()}}
        return replace(made, handwritten=parts[-1], names=names, parts=parts, layouts=layouts, remake=make)

    return make(parts, layouts or {})


def _single(parts: tuple[Callable[..., Any], ...], arguments: Sequence[Argument], wrt: Sequence[str], fixed: dict[str, Any],
            returns: Sequence[str] | None, layouts: Mapping[str, Layout]) -> Subject:
    (function,) = parts
    names = matched(function, arguments, fixed)
    order = tuple(returns or ())
    split = _Split(name_of(function), place_of(function), names, arguments, wrt, order, _returned_names(function))
    first = [name for name, p in parameters_of(function).items() if p.kind is p.POSITIONAL_ONLY and name in {*names.values(), *fixed}]
    run = called(function, names, first, layouts, fixed, split)
    return Subject(name_of(function), function, run, names, place=place_of(function), returns=split.told)


def _pair(parts: tuple[Callable[..., Any], ...], arguments: Sequence[Argument], wrt: Sequence[str], fixed: dict[str, Any],
          returns: Sequence[str] | None, layouts: Mapping[str, Layout]) -> Subject:
    forward, backward = parts
    own = [a for a in arguments if a.name != "dout"]
    names = matched(forward, own, fixed)
    incoming = incoming_parameter(backward)
    rest = [name for name in parameters_of(backward) if name != incoming and name not in fixed]
    taken = {a: p for a, p in names.items() if p in rest}
    caches = [name for name in rest if name not in taken.values()]
    shared = {"forward": {n: v for n, v in fixed.items() if n in parameters_of(forward)},
              "backward": {n: v for n, v in fixed.items() if n in parameters_of(backward)}}
    both = joined(forward, backward, names, taken, incoming, caches, shared)
    ordered = [a for p in parameters_of(forward) for a in names if names[a] == p and next(x for x in own if x.name == a).kind == "float"]
    split = _Split(name_of(backward), place_of(backward), names, own, wrt, tuple(returns or ()), _returned_names(backward), True, tuple(ordered))
    run = called(both, {**{a.name: a.name for a in own if a.name in names}, "dout": "dout"}, [], layouts, {}, split)
    return Subject(name_of(backward), backward, run, {**names, "dout": incoming}, place=place_of(backward), returns=split.told)


def _returned_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names in the last `return a, b`, where all are plain names; a nested list or tuple is told flat."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, SyntaxError, TypeError):
        return ()
    definition = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)
    found = [node for node in ast.walk(definition) if isinstance(node, ast.Return)] if definition is not None else []
    if not found or not isinstance(found[-1].value, (ast.Tuple, ast.List)):
        return ()
    flat = [part for node in found[-1].value.elts for part in (node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node])]
    names = [part.id for part in flat if isinstance(part, ast.Name)]
    return tuple(names) if len(names) == len(flat) else ()


class _Split:
    """From what a function returns to (value or None, {argument: gradient})."""

    def __init__(self, name: str, place: Place | None, names: Mapping[str, str], arguments: Sequence[Argument], wrt: Sequence[str],
                 returns: tuple[str, ...], told: tuple[str, ...], pair: bool = False, ordered: tuple[str, ...] = ()) -> None:
        self.name, self.place, self.names, self.wrt, self.pair = name, place, names, tuple(wrt), pair
        self.floats = ordered or tuple(a.name for a in arguments if a.kind == "float" and a.name in names and a.name != "dout")
        self.ranks = {a.name: len(a.shape) for a in arguments}
        self.keys = {key: a for a in self.floats for key in _keys(a, names[a])}
        roles = tuple(self.keys.get(word, "" if word in _VALUES else "?") for word in told)
        known = "?" not in roles and len(set(roles)) == len(roles) and any(roles)
        self.roles = roles if known and self._in_order(roles) else ()
        self.returns = returns
        self.told = tuple(name for name in returns if name != VALUE) or tuple(role for role in self.roles if role)

    def _in_order(self, roles: tuple[str, ...]) -> bool:
        """Whether the names say what the order says: the value first, then the gradients as they were asked for, or as the parameters stand."""
        named = [role for role in roles if role]
        order = self.wrt if set(named) <= set(self.wrt) else self.floats
        return "" not in roles[1:] and named == [name for name in order if name in named]

    def __call__(self, returned: Any) -> tuple[Any, dict[str, Any]]:
        value = None
        if self.pair:
            value, returned = returned
        parts = list(returned) if isinstance(returned, (tuple, list)) else [returned]
        mappings = [part for part in parts if isinstance(part, Mapping)]
        if mappings:
            return self._with_names(value, parts, {key: part for one in mappings for key, part in one.items()})
        flat = [part for one in parts for part in (one if isinstance(one, (tuple, list)) else [one])]
        if len(flat) == len(self.roles) and not self.returns:
            found = dict(zip(self.roles, flat))
            return (value if self.pair else found.pop("", None)), {name: g for name, g in found.items() if name}
        return self._by_order(value, flat)

    def _with_names(self, value: Any, parts: Sequence[Any], mapping: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Gradients in a dict; what stands beside it is the value, then further gradients in order."""
        others = [part for part in parts if not isinstance(part, Mapping)]
        found = self._by_name(mapping)
        missing = [name for name in self.returns or self.wrt or self.floats if name not in found and name != VALUE]
        leading = not self.pair and bool(others) and isinstance(parts[0], Mapping)
        first = 0 if self.pair or (leading and not _is_number(others[-1])) else 1
        extra = others[first:] if len(others) - first == len(missing) else []
        if leading and first:
            raise BadInput(f"{self.name} returns the loss last, and (loss, gradients) is expected.", place=self.place,
                           hint="Return the loss first, or within the dict under the name 'loss'.")
        own = next((mapping[key] for key in ("loss", "cost", "value") if key in mapping), None)
        return (value if self.pair else others[0] if others and first else own), {**found, **dict(zip(missing, extra))}

    def _by_name(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        return {self.keys[key]: g for key, g in mapping.items() if key in self.keys}

    def _by_order(self, value: Any, flat: list[Any]) -> tuple[Any, dict[str, Any]]:
        """By count, in the order of `returns`, of what was asked, or of the parameters; a number where no argument is one is the value."""
        guesses = (self.floats, self.floats[:1], self.floats[:len(flat) - 1], self.floats[:len(flat)])
        for order in dict.fromkeys((self.returns, self.wrt, *guesses)):
            told = order in (self.returns, self.wrt)
            if order and len(flat) == len(order) and (told or not (_is_number(flat[0]) and self.ranks[order[0]])):
                found = dict(zip(order, flat))
                return (found.pop(VALUE) if VALUE in found else value), found
            if order and len(flat) == len(order) + 1 and not self.pair and VALUE not in order:
                self._check_first(flat)
                return flat[0], dict(zip(order, flat[1:]))
        if len(flat) == 1:
            return value, {self.floats[0]: flat[0]}
        raise BadInput(f"{self.name} returns {len(flat)} values, and it cannot be told which gradients they are.", place=self.place,
                       hint="Return the gradient, (loss, gradient) or a dict of gradients by name; or say returns=['W', 'b'], in their order.")


    def _check_first(self, flat: list[Any]) -> None:
        """Refuse a gradient before the loss: who unpacks `loss, gradient` would take one for the other."""
        if not _is_number(flat[0]) and _is_number(flat[-1]):
            raise BadInput(f"{self.name} returns the loss last, and (loss, gradient) is expected.", place=self.place,
                           hint="If that is meant, say so: returns=['W', 'loss'], with the names of the arguments in their order.")


def _is_number(value: Any) -> bool:
    return getattr(value, "ndim", 0) == 0


def _keys(argument: str, parameter: str) -> list[str]:
    """The names that people give to the gradient with respect to an argument."""
    out = []
    for name in dict.fromkeys((argument, parameter)):
        out += [name, f"d{name}", f"d_{name}", f"grad_{name}", f"{name}_grad", f"g{name}", f"grad{name}", f"g_{name}", f"dL_d{name}", f"dJ_d{name}",
                f"dl_d{name}", f"dloss_d{name}", f"nabla_{name}"]
    return out
