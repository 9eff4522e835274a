"""What the functions of torch.nn.functional mean."""

from __future__ import annotations

from typing import Any

from derive.checking.foreign.torch.tensors import ROWS, row
from derive.checking.lift.arrays import operand
from derive.checking.lift.elementwise import elementwise
from derive.checking.lift.registry import call
from derive.checking.lift.session import refuse
from derive.checking.lift.storage import choose
from derive.index import ONE, Expr, Fn, Iverson, mul, num, sub

__all__: list[str] = []


def _last_or(dim: Any) -> int:
    return dim if isinstance(dim, int) else refuse("a softmax without dim= is not covered")


@row("softmax")
def _softmax(x: Any, dim: Any = None, dtype: Any = None, **_: Any) -> Any:
    powers = call("exp", x)
    return call("divide", powers, call("sum", powers, axis=_last_or(dim), keepdims=True))


@row("log_softmax")
def _log_softmax(x: Any, dim: Any = None, dtype: Any = None, **_: Any) -> Any:
    return call("subtract", x, call("log", call("sum", call("exp", x), axis=_last_or(dim), keepdims=True)))


@row("linear")
def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    product = call("matmul", x, call("transpose", weight))
    return product if bias is None else call("add", product, bias)


@row("softplus")
def _softplus(x: Any, beta: Any = 1, threshold: Any = 20) -> Any:
    """Beyond the threshold torch takes x itself."""
    scaled = x if beta == 1 else call("multiply", beta, x)
    found = call("divide", _log1pexp(scaled), beta)
    return call("where", call("greater", scaled, threshold), x, found)


@row("logsigmoid")
def _logsigmoid(x: Any) -> Any:
    return call("negative", _log1pexp(call("negative", x)))


def _log1pexp(x: Any) -> Any:
    return elementwise("float", lambda u: Fn("softplus", (u,)), operand(x))


@row("silu")
def _silu(x: Any, inplace: bool = False) -> Any:
    return call("multiply", x, ROWS["sigmoid"](x)) if not inplace else refuse("silu with inplace=True")


@row("leaky_relu")
def _leaky_relu(x: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    if inplace:
        refuse("leaky_relu with inplace=True")
    slope = num(str(negative_slope))
    return elementwise("float", lambda u: choose(Iverson(">", u), u, mul(slope, u)), operand(x))


@row("elu")
def _elu(x: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    if inplace:
        refuse("elu with inplace=True")

    def entry(u: Expr) -> Expr:
        return choose(Iverson(">", u), u, mul(num(str(alpha)), sub(Fn("exp", (u,)), ONE)))

    return elementwise("float", entry, operand(x))


def _reduced(x: Any, reduction: str) -> Any:
    return x if reduction == "none" else call(reduction, x)


@row("mse_loss")
def _mse_loss(x: Any, target: Any, *, reduction: str = "mean") -> Any:
    return _reduced(call("square", call("subtract", x, target)), reduction)


@row("nll_loss")
def _nll_loss(x: Any, target: Any, *, reduction: str = "mean") -> Any:
    if len(x.sizes) != 2 or len(target.sizes) != 1:
        refuse("nll_loss of another shape than (rows, classes) is not covered")
    picked = call("getitem", x, (call("arange", x.shape[0]), target))
    return _reduced(call("negative", picked), reduction)


@row("cross_entropy")
def _cross_entropy(x: Any, target: Any, *, reduction: str = "mean", label_smoothing: float = 0.0) -> Any:
    if target.kind != "int" or label_smoothing:
        refuse("cross_entropy with probabilities or smoothing is not covered")
    return _nll_loss(_log_softmax(x, 1), target, reduction=reduction)


@row("binary_cross_entropy_with_logits")
def _bce(x: Any, target: Any, *, reduction: str = "mean") -> Any:
    return _reduced(call("subtract", _log1pexp(x), call("multiply", x, target)), reduction)


@row("normalize")
def _normalize(x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    if p != 2:
        refuse("normalize by another norm is not covered")
    length = call("sqrt", call("sum", call("square", x), axis=dim, keepdims=True))
    return call("divide", x, call("maximum", length, eps))
