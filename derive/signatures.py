"""Which shapes the arguments of a function have: given, annotated, or guessed from signatures in common use."""

from __future__ import annotations

import contextlib
import inspect
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from derive.errors import BadInput
from derive.points import concrete, sizes_of
from derive.trace.shapes import annotated_shapes, argument_shapes, call, place_of
from derive.trace.trees import formed

__all__ = ["GUESSES", "SCALARS", "Row", "Signature", "guessed_shapes"]


@dataclass(frozen=True)
class Row:
    """A signature in common use.

    Attributes:
        needed: the parameters that must all be there.
        shapes: the shapes of the parameters that may be there.
        called: words, one of which the function's name must contain; none for any name.
        others: shapes for the same names that are in use too, such as labels in the place of one-hot rows; the first that the function runs with
            are taken.
    """

    needed: frozenset[str]
    shapes: Mapping[str, str]
    called: tuple[str, ...] = field(default=())
    others: tuple[Mapping[str, str], ...] = field(default=())

    def fits(self, name: str, parameters: Mapping[str, Any]) -> bool:
        """Whether the row speaks of a function of that name with these parameters."""
        return self.needed <= parameters.keys() and (not self.called or any(word in name.lower() for word in self.called))


def _shapes(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): shape.strip() for name, _, shape in pairs}


def _row(needed: str, shapes: str, called: str = "", *others: str) -> Row:
    first = _shapes(shapes)
    return Row(frozenset(needed.split()), first, tuple(called.split()), tuple({**first, **_shapes(other)} for other in others))


_LSTM = "x=n d; X=n d; prev_h=n h; prev_c=n h; h_prev=n h; c_prev=n h; Wx=d 4*h; Wh=h 4*h; b=4*h"
_RNN = "x=n d; X=n d; prev_h=n h; h_prev=n h; h=n h; Wx=d h; Wh=h h; b=h; bh=h"
_NORM = "x=n d; X=n d; gamma=d; beta=d; g=d; b=d; scale=d; bias=d; shift=d; running_mean=d; running_var=d"
_CONV = "x=n c p q; X=n c p q; w=f c r s; W=f c r s; b=f"
_PROJECTED = "X=n d; x=n d; Wq=d h; Wk=d h; Wv=d h; W_q=d h; W_k=d h; W_v=d h; Wo=h d; W_o=h d"
_NET = "X=m d; x=m d; W1=d h; w1=d h; b1=h; W2=h k; w2=h k; b2=k; y=int m; Y=m k"
_DEEP = "X=m d; x=m d; W1=d h; b1=h; W2=h g; b2=g; W3=g k; b3=k; y=int m; Y=m k"
_SCORES = "x=n c; z=n c; s=n c; scores=n c; logits=n c; f=n c; y=int n; labels=int n; targets=int n; target=int n"
_CLASSES = "softmax cross_entropy crossentropy xent svm hinge nll"
_LINEAR = "X=m d; x=m d; Phi=m d; y=m; Y=m; t=m; b=; w=d; theta=d; beta=d; coef=d; C="
_ONE_FEATURE = "X=m; x=m; w=; theta=; beta="
_COLUMN = "y=m 1; Y=m 1; t=m 1; w=d 1; theta=d 1; beta=d 1"
_SAME = ("y=n; Y=n; y_true=n; target=n; targets=n; t=n; y_pred=n; y_hat=n; yhat=n; pred=n; preds=n; predictions=n; p=n; output=n; outputs=n; "
         "input=n; label=n; labels=n; a=n")
_ROWS = "; ".join(part.replace("=n", "=m k") for part in _SAME.split("; "))
_CLASSED = ("y=int n; Y=int n; labels=int n; label=int n; targets=int n; target=int n; y_true=int n; p=n c; preds=n c; pred=n c; output=n c; "
            "outputs=n c; predictions=n c; y_pred=n c; y_hat=n c; yhat=n c; input=n c; probs=n c; log_probs=n c; logp=n c; logits=n c; logit=n c; "
            "score=n c; scores=n c; o=n c; e=n c; E=n c; S=n c; f=n c; s=n c; a=n c; A=n c; Z=n c; x=n c; z=n c")
_ONE_HOT = "y=n c; Y=n c; labels=n c; label=n c; targets=n c; target=n c; y_true=n c"
_HOT = "y_onehot=n c; onehot=n c; one_hot=n c; Y_onehot=n c; y_one_hot=n c; t=n c; T=n c"
_STEP = "x=n d; X=n d; h=n h; h_prev=n h; W=d h; U=h h; b=h"
_GAUSS = "x=n; X=n; mu=n; mean=n; m=n; sigma=n; var=n; std=n; log_var=n; logvar=n; log_sigma=n; s=n; y=n; target=n"
_POINTWISE = "relu sigmoid tanh gelu silu swish softplus elu selu mish softmax logsumexp log_softmax"

_SCORED = ("probs", "log_probs", "logp", "logit", "score", "s", "S", "f", "o", "E", "e")
_PREDICTED = ("pred", "preds", "y_pred", "yhat", "y_hat", "p", "output", "outputs", "input", "a", "predictions")
_LABELS = ("y", "y_true", "label", "labels", "target", "targets")

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
    _row("x running_mean running_var", _NORM),
    _row("x h Wx Wh", "x=n d; h=n h; Wx=d h; Wh=h h; b=h; bh=h"),
    _row("x h W U", _STEP),
    _row("W1 W2 W3", _DEEP, "", "y=m k; Y=int m", "y=m; W3=g; b3="),
    _row("W1 W2", _NET, "", "y=m k; Y=int m", "y=m; W2=h; b2=", "y=m 1; Y=m 1; W2=h 1; b2=1"),
    _row("w1 w2 X", _NET, "", "y=m k; Y=int m", "y=m; w2=h; b2="),
    _row("w b x y", _LINEAR, "", _ONE_FEATURE, _COLUMN),
    _row("x w b", "x=n d; w=d m; b=m", "", "w=d; b="),
    _row("x W b y", "x=m d; W=d k; b=k; y=int m", "", "y=m k"),
    _row("x W b Y", "x=m d; W=d k; b=k; Y=m k", "", "Y=int m"),
    _row("W x y", "x=m d; W=d k; b=k; y=int m", "", "y=m k"),
    _row("x W b", "x=n d; W=d m; b=m"),
    _row("input weight", "input=n d; weight=m d; bias=m"),
    _row("x weight", "x=n d; weight=m d; bias=m"),
    _row("V W H", "V=m n; W=m r; H=r n"),
    _row("X W H", "X=m n; W=m r; H=r n"),
    _row("W X T", "W=d k; b=k; X=m d; T=m k"),
    _row("W X Y", "W=d k; b=k; X=m d; Y=m k; C=", "", "Y=int m", "Y=k m; X=d m; W=k d; b=k 1"),
    _row("W X", "W=d k; b=k; X=m d; y=int m; C=", "", "y=m k"),
    _row("w X", _LINEAR, "", _COLUMN),
    _row("theta X", _LINEAR, "", _COLUMN, "theta=d k; y=int m", "theta=d k; y=m k"),
    _row("w x y", _LINEAR, "", _ONE_FEATURE),
    _row("w x t", _LINEAR, "", _ONE_FEATURE),
    _row("theta x y", _LINEAR, "", _ONE_FEATURE),
    _row("Phi w", _LINEAR),
    _row("beta X y", _LINEAR, "", _COLUMN),
    _row("U V R", "U=m r; V=n r; R=m n; M=m n; mask=m n"),
    _row("P Q R", "P=m r; Q=n r; R=m n; M=m n; mask=m n", "", "Q=r n"),
    _row("A x", "A=n n; x=n; b=n"),
    _row("anchor positive negative", "anchor=n d; positive=n d; negative=n d"),
    _row("anchor pos neg", "anchor=n d; pos=n d; neg=n d"),
    _row("x1 x2 y", "x1=n d; x2=n d; y=n", "", "x1=d; x2=d; y="),
    _row("mu log_var", _GAUSS),
    _row("mu logvar", _GAUSS),
    _row("mu sigma x", _GAUSS),
    _row("mu var x", _GAUSS),
    _row("x mask", "x=n d; mask=n d"),
    *(_row(f"{scores} {labels}", f"{_CLASSED}; {_HOT}") for scores in ("z", "logits", "scores", "probs", "p", "A")
      for labels in ("y_onehot", "onehot", "one_hot", "Y_onehot", "y_one_hot")),
    _row("x y", _SCORES, _CLASSES),
    _row("z y", "z=m k; y=int m", "", "y=m k"),
    *(_row(f"{scores} {labels}", _SCORES + "; y_true=int n; label=int n", "", "y=n c; labels=n c; targets=n c; target=n c; y_true=n c; label=n c")
      for scores in ("scores", "logits") for labels in _LABELS),
    *(_row(f"{scores} {labels}", _CLASSED, "", _ONE_HOT, _SAME) for scores in _SCORED for labels in _LABELS),
    *(_row(f"{values} {targets}", _SAME, "", _CLASSED, _ROWS) for values in _PREDICTED for targets in _LABELS),
    *(_row(f"{values} {targets}", _ROWS + "; A=m k; AL=m k; T=m k") for values, targets in (("A", "Y"), ("AL", "Y"), ("Y", "T"), ("p", "Y"))),
    _row("y t", _SAME, "", _ROWS),
    _row("x t", "x=n; t=n"),
    _row("x w", "x=m d; w=d", "", "x=n; w=n"),
    _row("x W", "x=n d; W=d m", "", "x=d"),
    _row("h W", "h=n d; W=d m"),
    _row("A B", "A=m n; B=n p", "", "B=m n"),
    _row("X mu", "X=m d; mu=d"),
    _row("X U", "X=m d; U=d r"),
    _row("x alpha", "x=n; alpha="),
    _row("x y sigma", "x=n; y=n; sigma="),
    _row("x", "x=n d", _POINTWISE),
    _row("z", "z=m k", "", "z=n"),
    _row("Z", "Z=m k"),
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
                     "temperature", "tau", "delta", "margin", "lamda", "reg_lambda", "l1_reg", "l1", "wd"})

_SIZES = (3, 5, 7, 2, 4, 6, 8, 9)
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
    fixed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    open_names = [name for name, p in parameters.items() if name not in known and p.default is p.empty and p.kind not in fixed]
    guesses = _chosen(function, getattr(function, "__name__", ""), parameters, known, open_names)
    if missing := [name for name in open_names if name not in guesses]:
        names = ", ".join(repr(name) for name in missing)
        raise BadInput(f"The shape of {names} is not known.", place=place,
                       hint=f'{_FORM} Or annotate the argument: {missing[0]}: Float[Array, "m d"]. What is no array is given with --fixed.')
    guessed = {name: guesses[name] for name in open_names}
    both = {**known, **guessed}
    return Signature({name: both[name] for name in parameters if name in both}, guessed)


def _chosen(function: Callable[..., Any], name: str, parameters: Mapping[str, Any], known: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """The shapes of the row for these parameters; of several in use, the first ones that the function runs with."""
    row = next((row for row in GUESSES if row.fits(name, parameters)), Row(frozenset(), {}))
    ways = [{**dict.fromkeys(SCALARS, ""), **shapes} for shapes in (row.shapes, *row.others)]
    told = [{n: known.get(n, way.get(n)) for n in parameters if n in known or n in names} for way in ways]
    if not names or len({repr(one) for one in told}) == 1 or any(shape is None for shape in told[0].values()):
        return ways[0]
    given = [{n: "" if s is None else s for n, s in shapes.items()} for shapes in told]
    return next((way for way, shapes in zip(ways, given) if _raised(function, shapes) is None), ways[0])


def _raised(function: Callable[..., Any], shapes: Mapping[str, str]) -> Exception | None:
    """What the function raises when it is given arguments of these shapes, at sizes that are all different; None where it takes them."""
    form = formed(function, shapes)
    arguments = argument_shapes(form.function, form.shapes)
    sizes = dict(zip(sizes_of(arguments), _SIZES))
    draw = np.random.default_rng(0)
    arrays = {}
    for a in arguments:
        shape = tuple(concrete(part, sizes) for part in a.shape)
        arrays[a.name] = draw.uniform(0.1, 0.9, shape) if a.kind == "float" else np.zeros(shape, dtype=a.kind)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            call(form.function, arrays)
    except Exception as error:  # whatever it raises, it does not take these
        return error
    return None
