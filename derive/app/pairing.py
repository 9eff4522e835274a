"""Which gradients a file, a folder or FILE.py::name stands for, and what each is checked against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from derive.app.files import split_target
from derive.app.recognise import CUSTOM, GENERIC, Defined, definitions, gradient_of_name
from derive.errors import BadInput, DeriveError

__all__ = ["PAIRING", "Target", "targets"]

PAIRING = """which functions are gradients, and what they are checked against
  The file is read, and each target is run in a process of its own.  In a file or a folder these are taken for handwritten gradients:
    NumPy functions that return a gradient (dW, grad_W, grad, {'W': dW}, …) or are called one (X_grad, grad_X, X_backward, d_X, …);
    pairs X_forward and X_backward (or _fwd and _bwd), where the backward pass takes the incoming gradient;
    jax.custom_vjp and jax.custom_jvp functions, and subclasses of torch.autograd.Function.
  Each is checked against the first of these that there is:
    1. --reference FILE.py::loss;
    2. a JAX function of the same file with the same name, words such as grad, backward, loss, reference, jax, my and naive aside:
       softmax_loss for softmax_grad, affine_reference or affine for affine_forward and affine_backward;
    3. a JAX function called loss or reference, unless the gradient's function returns a loss of its own and takes other arguments;
    4. the loss that the function returns itself, or the forward pass of the pair; or else a NumPy loss found as in 2 and 3.
  Functions that are found by name are told.  JAX and NumPy are told apart by the modules that a function and its helpers use."""

_BACK = ("backward", "bwd", "backprop", "back")
_FORTH = ("forward", "fwd", "forwardprop", "forward")
_DERIVED = frozenset({"grad", "grads", "gradient", "gradients", "derivative", "deriv", "vjp", "d", *_BACK})
_LOSSES = frozenset({"loss", "cost", "objective", "reference", "ref", "jax", "true", "truth", "expected"})
_FILLERS = frozenset({"and", "with", "by", "hand", "my", "of", "the", "mine", "manual", "analytic", "analytical", "vectorized", "vectorised", "naive",
                      "numpy", "np", "handwritten", "value", "fn", "fun", "function", "compute", "calc", "get", "pass", "fast", "slow", "loop",
                      "loops", "v1", "v2", *_FORTH})
_NOT_BY_HAND = frozenset({"numerical", "numeric", "numerically", "check", "approx", "approximate", "finite", "clip", "test", "eval", "zero"})
_INCOMING = frozenset({"dout", "dy", "grad_output", "grad_out", "upstream", "dz", "dZ", "dA", "dY", "g", "ct", "cotangent", "gout", "dnext_h", "dh"})
_VALUES = frozenset({"loss", "cost", "J", "L", "obj", "objective", "value", "total", "nll", "total_loss", "data_loss", "E", "err", "error"})


@dataclass(frozen=True)
class Target:
    """One gradient to check; plain words, so that it can be sent to another process.

    Attributes:
        file: where it is.
        names: of one function, or of a forward and a backward pass.
        reference: FILE.py::name of the JAX function that it is checked against; '' for its own loss.
        loss: the name of a NumPy function of the same file that gives the loss, where the function itself returns none.
        told: what was guessed about the reference, in words; '' where nothing was.
        wrt: the arguments whose gradients it returns, as far as its text tells.
        problem: why it cannot be checked; '' where nothing stands in the way.
        sure: whether it cannot; where it is not sure, running it tells whether it returns a loss.
        line: of its definition; 0 where that is not known.
    """

    file: str
    names: tuple[str, ...]
    reference: str = ""
    loss: str = ""
    told: str = ""
    wrt: tuple[str, ...] = ()
    problem: str = ""
    sure: bool = True
    line: int = 0

    @property
    def title(self) -> str:
        """FILE.py::name, to read and to say again."""
        return f"{self.file}::{self.names[-1]}"


def targets(words: Sequence[str], reference: str = "", empty: bool = False) -> list[Target]:
    """The gradients that the words of a command line stand for, each once.

    Args:
        words: FILE.py::name, FILE.py or folders.
        reference: FILE.py::name for all of them; '' to find one for each.
        empty: whether there may be none.

    Raises:
        BadInput: a file is missing or is no Python, or no gradient is recognised in any file.
    """
    found: dict[Target, None] = {}
    for word in words:
        if "::" in word:
            file, name = split_target(word)
            found[_File(file).target(name, reference)] = None
        else:
            found.update(dict.fromkeys(_all_in(Path(word), reference)))
    if not found and not empty:
        raise BadInput(f"No handwritten gradient is recognised in {', '.join(words)}.",
                       hint="Name it as FILE.py::name; derive check --help says what is recognised.")
    return list(found)


def _all_in(path: Path, reference: str) -> Iterator[Target]:
    if not path.is_dir():
        if path.suffix != ".py" and path.exists():
            raise BadInput(f"{path} is no Python file and no folder.", hint="Write FILE.py::name, FILE.py or a folder.")
        yield from _File(path).targets(reference)
        return
    for file in sorted(path.rglob("*.py")):
        hidden = any(part.startswith((".", "__pycache__")) or part in ("node_modules", "site-packages") for part in file.relative_to(path).parts)
        if not hidden:
            try:
                yield from _File(file).targets(reference)
            except DeriveError as error:
                yield Target(str(file), ("",), problem=str(error))


def _words(name: str) -> list[str]:
    return [word for word in name.lower().split("_") if word]


def _stem(name: str) -> tuple[str, ...]:
    """The words of a name that say which function it is about."""
    return tuple(word for word in _words(name) if word not in _DERIVED | _LOSSES | _FILLERS)


def _incoming(function: Defined) -> bool:
    return any(name in _INCOMING for name in function.parameters)


class _File:
    """The gradients of one file."""

    def __init__(self, file: Path) -> None:
        self.file, self.defined = file, definitions(file)
        self.forwards = {name: found for name, one in self.defined.items() if (found := self._forward(one))}

    def targets(self, reference: str) -> Iterator[Target]:
        """Every gradient that is recognised, helpers of other gradients aside."""
        names = [name for name, one in self.defined.items() if self._is_gradient(one)]
        for name in names:
            target = self.target(name, reference)
            used = any(name in self.defined[other].uses for other in self.defined if other != name)
            if not (target.problem and used):
                yield target

    def target(self, name: str, reference: str) -> Target:
        """A gradient by name, with what it is checked against."""
        one = self.defined.get(name)
        if one is None:  # perhaps it is imported: the file will tell when it is run
            return replace(self._against(Defined(name, 0, "numpy"), reference), names=(name,))
        target = self._against(one, reference)
        file, _, other = target.reference.rpartition("::")
        known = self.defined.get(other) if not file or Path(file) == self.file else None
        owner = known or one
        return replace(target, wrt=() if file and known is None else tuple(w for w in one.gradients if w in owner.parameters))

    # ------------------------------------------------------------------------------------------- what is a gradient

    def _is_gradient(self, one: Defined) -> bool:
        words = set(_words(one.name))
        if one.name.startswith("_") or words & _NOT_BY_HAND or one.name in self.forwards.values():
            return False
        if one.kind in CUSTOM:
            return True
        if one.kind not in ("numpy", "plain") or not one.parameters:
            return False
        return one.name in self.forwards or one.returns_gradient or bool(words & _DERIVED and one.returned)

    def _forward(self, one: Defined) -> str:
        """The forward pass that belongs to a backward pass; '' if it is none or has none."""
        if one.kind not in ("numpy", "plain"):
            return ""
        words = _words(one.name)
        for back, forth in zip(_BACK, _FORTH):
            if back in words:
                place = words.index(back)
                whole = "_".join([*words[:place], forth, *words[place + 1:]])
                rest = [*words[:place], *words[place + 1:]]
                return self._named(whole) or self._nearest(rest, forth) or (self._plain("_".join(rest)) if _incoming(one) else "")
        return ""

    def _named(self, lower: str) -> str:
        return next((name for name, one in self.defined.items() if "_".join(_words(name)) == lower and one.kind in ("numpy", "plain")), "")

    def _plain(self, lower: str) -> str:
        return self._named(lower) if lower else ""

    def _nearest(self, rest: list[str], forth: str) -> str:
        """The forward pass with the longest name whose words all are among the backward pass's."""
        found = [name for name, one in self.defined.items() if forth in _words(name) and one.kind in ("numpy", "plain")
                 and {word for word in _words(name) if word != forth} <= set(rest) and len(_words(name)) > 1]
        return max(found, key=len, default="")

    # ------------------------------------------------------------------------------------------- what it is checked against

    def _against(self, one: Defined, reference: str) -> Target:
        forward = self.forwards.get(one.name, "")
        base = Target(str(self.file), (forward, one.name) if forward else (one.name,), line=one.line)
        if reference:
            return self._explicit(base, one, reference)
        found = self._reference(one, "jax")
        if found:
            return replace(base, reference=f"{self.file}::{found}", told=f"{one.name} is checked against {found}, found by its name.")
        if forward or one.kind in CUSTOM:
            own = f"{forward}, its forward pass" if forward else "the forward pass that it has itself"
            return replace(base, told=f"{one.name} is checked against {own}.")
        if _returns_loss(one):
            return replace(base, told=f"{one.name} is checked against the loss that it returns itself.")
        loss = self._reference(one, "numpy")
        if loss:
            return replace(base, loss=loss, told=f"{one.name} is checked against {loss}, a NumPy function found by its name.")
        gradients = all(gradient_of_name(word, one.parameters) or word in GENERIC for word in one.returned) and bool(one.returned)
        return replace(base, sure=gradients, problem=f"{one.name} returns no loss, and there is nothing in {self.file} to check it against: "
                       "no function named 'loss' or 'reference', and none with a name like its own.\n"
                       "  Name the loss with --reference FILE.py::loss.")

    def _explicit(self, base: Target, one: Defined, reference: str) -> Target:
        file, name = split_target(reference)
        other = self.defined if file.resolve() == self.file.resolve() else definitions(file)
        kind = other[name].kind if name in other else "jax"
        if kind == "numpy" and file.resolve() == self.file.resolve() and len(base.names) == 1:
            return replace(base, loss=name, told=f"{name} is a NumPy function, so {one.name} is checked as the derivative of its formula.")
        return replace(base, reference=reference)

    def _reference(self, one: Defined, kind: str) -> str:
        """The function that one is the gradient of, by its name; '' if none."""
        forward = self.forwards.get(one.name, "")
        able = {name: other for name, other in self.defined.items() if name not in (one.name, forward) and self._can_be_loss(other, kind)}
        if forward or one.kind in CUSTOM:  # a layer has no loss
            able = {name: other for name, other in able.items() if not set(_words(name)) & {"loss", "cost", "objective"}}
        for stem in (_stem(one.name), _stem(forward)):
            alike = [name for name in able if _stem(name) == stem] if stem else []
            if alike:
                return self._best(alike, able)
        general = [name for name in able if not _stem(name) and set(_words(name)) & _LOSSES and self._takes_as_much(able[name], one)]
        return "" if forward or one.kind in CUSTOM else self._best(general, able)

    def _can_be_loss(self, other: Defined, kind: str) -> bool:
        if other.kind not in (kind, "plain") or not other.parameters or other.name.startswith("_") or other.name in self.forwards.values():
            return False
        return other.name not in self.forwards and not other.returns_gradient and not set(_words(other.name)) & (_DERIVED | _NOT_BY_HAND)

    def _takes_as_much(self, loss: Defined, one: Defined) -> bool:
        """Whether a loss that is found by a general name goes with a gradient."""
        if not _returns_loss(one):
            return loss.required <= max(len(one.parameters), 1) or not one.line
        return set(loss.parameters[:loss.required]) <= set(one.parameters)

    def _best(self, names: Sequence[str], able: Mapping[str, Defined]) -> str:
        """JAX before neither, then loss before reference before the others."""
        ranks = ("loss", "reference", "ref", "jax")
        def rank(name: str) -> tuple[bool, int]:
            return able[name].kind == "plain", next((k for k, word in enumerate(ranks) if word in _words(name)), len(ranks))
        return min(names, key=rank, default="")


def _returns_loss(one: Defined) -> bool:
    """Whether a gradient's function returns its loss too."""
    first, *rest = one.returned or ("",)
    return any(word in _VALUES for word in one.returned) or (bool(rest) and first == "" and one.returns_gradient)
