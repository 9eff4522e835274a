"""Which shapes the arguments of a function have: given, annotated, or guessed from signatures in common use."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from derive.errors import BadInput
from derive.trace.shapes import annotated_shapes, place_of

__all__ = ["GUESSES", "SCALARS", "Row", "Signature", "guessed_shapes"]


@dataclass(frozen=True)
class Row:
    """A signature in common use.

    Attributes:
        needed: the parameters that must all be there.
        shapes: the shapes of the parameters that may be there.
        called: words, one of which the function's name must contain; none for any name.
    """

    needed: frozenset[str]
    shapes: Mapping[str, str]
    called: tuple[str, ...] = field(default=())

    def fits(self, name: str, parameters: Mapping[str, Any]) -> bool:
        """Whether the row speaks of a function of that name with these parameters."""
        return self.needed <= parameters.keys() and (not self.called or any(word in name.lower() for word in self.called))


def _row(needed: str, shapes: str, called: str = "") -> Row:
    pairs = (part.partition("=") for part in shapes.split(";"))
    return Row(frozenset(needed.split()), {name.strip(): shape.strip() for name, _, shape in pairs}, tuple(called.split()))


_LSTM = "x=n d; X=n d; prev_h=n h; prev_c=n h; h_prev=n h; c_prev=n h; Wx=d 4*h; Wh=h 4*h; b=4*h"
_RNN = "x=n d; X=n d; prev_h=n h; h_prev=n h; h=n h; Wx=d h; Wh=h h; b=h; bh=h"
_NORM = "x=n d; X=n d; gamma=d; beta=d; g=d; b=d; scale=d; bias=d; shift=d"
_CONV = "x=n c p q; X=n c p q; w=f c r s; W=f c r s; b=f"
_PROJECTED = "X=n d; x=n d; Wq=d h; Wk=d h; Wv=d h; W_q=d h; W_k=d h; W_v=d h; Wo=h d; W_o=h d"
_NET = "X=m d; x=m d; W1=d h; w1=d h; b1=h; W2=h k; w2=h k; b2=k; y=int m"
_DEEP = "X=m d; x=m d; W1=d h; b1=h; W2=h g; b2=g; W3=g k; b3=k; y=int m"
_SCORES = "x=n c; z=n c; s=n c; scores=n c; logits=n c; f=n c; y=int n; labels=int n; targets=int n; target=int n"
_CLASSES = "softmax cross_entropy crossentropy xent svm hinge nll"
_LINEAR = "X=m d; y=m; t=m; b=; w=d; theta=d; beta=d; coef=d; C="
_SAME = "y=n; y_true=n; target=n; targets=n; t=n; y_pred=n; y_hat=n; yhat=n; pred=n; predictions=n; p=n"
_POINTWISE = "relu sigmoid tanh gelu silu swish softplus elu selu mish softmax logsumexp log_softmax"

# Layers first, as they are more particular.  The first row that fits is taken.
GUESSES: tuple[Row, ...] = (
    _row("prev_h prev_c Wx Wh", _LSTM),
    _row("h_prev c_prev Wx Wh", _LSTM),
    _row("prev_h Wx Wh", _RNN),
    _row("h_prev Wx Wh", _RNN),
    _row("h0 Wx Wh", "x=n t d; X=n t d; h0=n h; Wx=d 4*h; Wh=h 4*h; b=4*h", "lstm"),
    _row("h0 Wx Wh", "x=n t d; X=n t d; h0=n h; Wx=d h; Wh=h h; b=h"),
    _row("Q K V", "Q=n d; K=m d; V=m e; mask=n m"),
    _row("q k v", "q=n d; k=m d; v=m e; mask=n m"),
    _row("Wq Wk Wv", _PROJECTED),
    _row("W_q W_k W_v", _PROJECTED),
    _row("x gamma beta", _NORM),
    _row("X gamma beta", _NORM),
    _row("x g b", _NORM, "norm"),
    _row("x gamma", _NORM, "norm"),
    _row("x scale bias", _NORM, "norm"),
    _row("x w", _CONV, "conv"),
    _row("X W", _CONV, "conv"),
    _row("x W", "x=int n t; W=v d", "embed"),
    _row("x w b", "x=n t d; w=d m; b=m", "temporal"),
    _row("x y mask", "x=n t v; y=int n t; mask=n t", "temporal"),
    _row("W1 W2 W3", _DEEP),
    _row("W1 W2", _NET),
    _row("w1 w2 X", _NET),
    _row("x w b", "x=n d; w=d m; b=m"),
    _row("x W b y", "x=m d; W=d k; b=k; y=int m"),
    _row("x W b", "x=n d; W=d m; b=m"),
    _row("input weight", "input=n d; weight=m d; bias=m"),
    _row("W X T", "W=d k; b=k; X=m d; T=m k"),
    _row("W X", "W=d k; b=k; X=m d; y=int m; C="),
    _row("w X", _LINEAR),
    _row("theta X", _LINEAR),
    _row("beta X y", _LINEAR),
    _row("U V R", "U=m r; V=n r; R=m n; M=m n; mask=m n"),
    _row("A x", "A=n n; x=n; b=n"),
    _row("anchor positive negative", "anchor=n d; positive=n d; negative=n d"),
    _row("x y", _SCORES, _CLASSES),
    _row("z y", "z=m k; y=int m"),
    _row("scores y", _SCORES),
    _row("logits y", _SCORES),
    _row("logits labels", _SCORES),
    _row("logits targets", _SCORES),
    _row("logits target", _SCORES),
    _row("y_pred y_true", _SAME),
    _row("y_hat y", _SAME),
    _row("yhat y", _SAME),
    _row("pred target", _SAME),
    _row("pred y", _SAME),
    _row("predictions targets", _SAME),
    _row("x", "x=n d", _POINTWISE),
    _row("z", "z=m k"),
    _row("u v", "u=n; v=n"),
    _row("a b", "a=n; b=n"),
    _row("p q", "p=n; q=n"),
    _row("W", "W=d k"),
    _row("w", "w=d"),
    _row("theta", "theta=d"),
    _row("X", "X=m d"),
    _row("x", "x=n; y=n"),
)

# Names that are taken for one number wherever they appear and no row says otherwise.
SCALARS = frozenset({"lam", "lambda_", "lambd", "lmbda", "reg", "reg_strength", "l2", "l2_reg", "weight_decay", "alpha", "eps", "epsilon",
                     "temperature", "tau", "delta", "margin"})

_FORM = "Write --shapes 'W=d k; X=m d; y=int m; lam=': sizes by name, led by int or bool, nothing for a single number."


@dataclass(frozen=True)
class Signature:
    """Shapes by argument name, and those among them that were guessed."""

    shapes: Mapping[str, str]
    guessed: Mapping[str, str]

    @property
    def note(self) -> str:
        """What was guessed, in one sentence; empty where nothing was."""
        if not self.guessed:
            return ""
        shown = ", ".join(f"{name} is {shape or 'a number'}" for name, shape in self.guessed.items())
        return f"Shapes guessed from the names: {shown}. Say otherwise with --shapes."


def guessed_shapes(function: Callable[..., Any], given: Mapping[str, str], ignored: frozenset[str] = frozenset()) -> Signature:
    """The shapes of a function's arguments: what was given, else what is annotated, else what the names suggest.

    An argument with a default that is neither given nor annotated keeps its default.

    Args:
        function: the function.
        given: shapes by argument name.
        ignored: parameters that are no arguments, as their value is fixed.

    Raises:
        BadInput: a shape is for an argument that does not exist, or is known from nowhere.
    """
    try:
        parameters = {name: p for name, p in inspect.signature(function).parameters.items() if name not in ignored}
    except (TypeError, ValueError) as error:
        raise BadInput(f"{function!r} has no readable signature.", hint="Name a plain Python function.") from error
    place = place_of(function)
    if unknown := [name for name in given if name not in parameters]:
        raise BadInput(f"--shapes names {unknown[0]!r}, which is no argument; the arguments are {', '.join(parameters)}.", place=place)
    known = {**annotated_shapes(function), **given}
    row = next((row.shapes for row in GUESSES if row.fits(getattr(function, "__name__", ""), parameters)), {})
    guesses = {**dict.fromkeys(SCALARS, ""), **row}
    fixed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    open_names = [name for name, p in parameters.items() if name not in known and p.default is p.empty and p.kind not in fixed]
    if missing := [name for name in open_names if name not in guesses]:
        names = ", ".join(repr(name) for name in missing)
        raise BadInput(f"The shape of {names} is not known.", place=place,
                       hint=f'{_FORM} Or annotate the argument: {missing[0]}: Float[Array, "m d"]. What is no array is given with --fixed.')
    guessed = {name: guesses[name] for name in open_names}
    both = {**known, **guessed}
    return Signature({name: both[name] for name in parameters if name in both}, guessed)
