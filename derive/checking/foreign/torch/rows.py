"""What torch's functions mean: arithmetic, scalar functions, kinds, new tensors.  Each is said in the lift's NumPy rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from derive.checking.foreign.torch.tensors import plain, row
from derive.checking.lift.arrays import SymbolicArray, make, operand, symbolic
from derive.checking.lift.elementwise import elementwise
from derive.checking.lift.registry import call
from derive.checking.lift.session import current, refuse
from derive.index import Fn

__all__ = ["dtype_of"]

# torch's name: NumPy's.
_SAME = {
    "exp": "exp", "log": "log", "sqrt": "sqrt", "tanh": "tanh", "abs": "absolute", "absolute": "absolute", "sign": "sign", "square": "square",
    "log1p": "log1p", "expm1": "expm1", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "reciprocal": "reciprocal",
    "neg": "negative", "negative": "negative", "maximum": "maximum", "minimum": "minimum", "fmax": "maximum", "fmin": "minimum",
    "eq": "equal", "ne": "not_equal", "gt": "greater", "ge": "greater_equal", "lt": "less", "le": "less_equal", "greater": "greater",
    "less": "less", "greater_equal": "greater_equal", "less_equal": "less_equal", "logical_and": "logical_and", "logical_or": "logical_or",
    "logical_not": "logical_not", "matmul": "matmul", "mm": "matmul", "bmm": "matmul", "mv": "matmul", "dot": "matmul", "vdot": "vdot",
    "inner": "inner", "outer": "outer", "ger": "outer", "pow": "power", "atan": "arctan", "arctan": "arctan", "clone": "copy", "exp2": "exp2",
    "triu": "triu", "tril": "tril", "diag": "diag", "trace": "trace", "logaddexp": "logaddexp",
}  # fmt: skip


def _same(name: str) -> Callable[..., Any]:
    def apply(*values: Any, memory_format: Any = None) -> Any:
        return call(name, *values)

    return apply


for _torch, _numpy in _SAME.items():
    row(_torch)(_same(_numpy))


def _scalar(name: str) -> Callable[[Any], Any]:
    return lambda x: elementwise("float", lambda u: Fn(name, (u,)), operand(x))


row("sigmoid", "expit")(_scalar("logistic"))
row("erf")(_scalar("erf"))
row("lgamma")(_scalar("lgamma"))
row("digamma")(_scalar("digamma"))
row("rsqrt")(lambda x: call("divide", 1.0, call("sqrt", x)))
row("relu")(lambda x, inplace=False: call("maximum", x, 0) if not inplace else refuse("relu with inplace=True is not covered"))
row("masked_fill")(lambda x, mask, value: call("where", mask, value, x))
row("clamp_min")(lambda x, low: call("maximum", x, low))
row("clamp_max")(lambda x, high: call("minimum", x, high))
row("addmm")(lambda c, a, b, beta=1, alpha=1: call("add", _times(beta, c), _times(alpha, call("matmul", a, b))))
row("addmv")(lambda c, a, b, beta=1, alpha=1: call("add", _times(beta, c), _times(alpha, call("matmul", a, b))))
row("baddbmm")(lambda c, a, b, beta=1, alpha=1: call("add", _times(beta, c), _times(alpha, call("matmul", a, b))))
row("addcmul")(lambda c, a, b, value=1: call("add", c, _times(value, call("multiply", a, b))))
row("addcdiv")(lambda c, a, b, value=1: call("add", c, _times(value, call("divide", a, b))))
row("lerp")(lambda a, b, weight: call("add", a, call("multiply", weight, call("subtract", b, a))))


def _times(factor: Any, x: Any) -> Any:
    return x if isinstance(factor, (int, float)) and factor == 1 else call("multiply", factor, x)


@row("add")
def _add(x: Any, other: Any, alpha: Any = 1) -> Any:
    return call("add", x, _times(alpha, other))


@row("sub", "subtract")
def _sub(x: Any, other: Any, alpha: Any = 1) -> Any:
    return call("subtract", x, _times(alpha, other))


@row("mul", "multiply")
def _mul(x: Any, other: Any) -> Any:
    return call("multiply", x, other)


@row("div", "divide", "true_divide")
def _div(x: Any, other: Any, rounding_mode: Any = None) -> Any:
    return call("divide", x, other) if rounding_mode is None else refuse("a division that rounds is not covered")


@row("clamp", "clip")
def _clamp(x: Any, min: Any = None, max: Any = None) -> Any:  # torch's own names
    return call("clip", x, min, max)


@row("where")
def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None or y is None:
        refuse("the positions where a condition holds depend on data")
    return call("where", condition, x, y)


# ------------------------------------------------------------------------------------------- kinds and new tensors


def dtype_of(dtype: Any) -> Any:
    """NumPy's dtype for torch's; None stays None."""
    if dtype is None:
        return None
    name = str(dtype).rpartition(".")[2]
    known = {"float": np.float64, "bfloat": np.float64, "half": np.float64, "double": np.float64, "bool": np.bool_, "int32": np.int64,
             "int64": np.int64, "long": np.int64, "int": np.int64}
    found = known.get(name) or known.get(name.rstrip("0123456789") if name.startswith(("float", "bfloat")) else "")
    return found or refuse(f"tensors of dtype {name} are not covered: they wrap around or hold something else than real numbers")


def _narrowed(x: Any, kind: Any, name: str) -> Any:
    """A new tensor, with a note where a float tensor gets fewer bits."""
    if x.kind == "float" and "float" in name:
        current().note(f"precision drops to {name} where the tensor has more bits")
    return call("astype", x, kind)


def _cast(dtype: Any, name: str) -> Callable[..., Any]:
    return lambda x, **_: _narrowed(x, dtype, name) if name.startswith("torch.") else call("astype", x, dtype)


for _name, _kind, _long in (("float", np.float64, "torch.float32"), ("half", np.float64, "torch.float16"), ("bfloat16", np.float64, "torch.bfloat16"),
                            ("double", np.float64, ""), ("bool", np.bool_, ""), ("int", np.int64, ""), ("long", np.int64, "")):
    row(_name)(_cast(_kind, _long))


@row("to", "type")
def _to(x: Any, *what: Any, dtype: Any = None, device: Any = None, non_blocking: Any = False, copy: Any = False) -> Any:
    others = [w for w in what if isinstance(w, SymbolicArray)]
    dtypes = [w for w in (*what, dtype) if type(w).__name__ == "dtype"]
    if rest := [w for w in what if not isinstance(w, (SymbolicArray, bool)) and type(w).__name__ not in ("dtype", "device") and w != "cpu"]:
        refuse(f"a tensor is turned into {rest[0]}")
    if dtypes and str(dtypes[0]) not in ("torch.float64", "torch.int64", "torch.bool"):
        return _narrowed(x, dtype_of(dtypes[0]), str(dtypes[0]))
    kind = dtype_of(dtypes[0]) if dtypes else others[0].dtype if others else None
    return call("copy", x) if copy else x if kind is None or np.dtype(kind) == x.dtype else call("astype", x, kind)


@row("type_as")
def _type_as(x: Any, other: Any) -> Any:
    return _to(x, other)


def _shape(sizes: tuple[Any, ...]) -> Any:
    return sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else tuple(sizes)


def _fresh(name: str) -> None:
    def new(*sizes: Any, dtype: Any = None, size: Any = None, **_: Any) -> Any:
        return call(name, _shape(sizes) if size is None else size, dtype_of(dtype))

    def like(x: Any, dtype: Any = None, **_: Any) -> Any:
        return call(f"{name}_like", x, dtype_of(dtype))

    def of(x: Any, *sizes: Any, dtype: Any = None, **_: Any) -> Any:
        return call(name, _shape(sizes), dtype_of(dtype) or x.dtype)

    row(name)(new)
    row(f"{name}_like")(like)
    row(f"new_{name}")(of)


_fresh("zeros")
_fresh("ones")
row("full")(lambda size, fill_value, dtype=None, **_: call("full", size, fill_value, dtype_of(dtype)))
row("full_like")(lambda x, fill_value, dtype=None, **_: call("full_like", x, fill_value, dtype_of(dtype)))
row("new_full")(lambda x, size, fill_value, **_: call("full", size, fill_value, x.dtype))
row("eye")(lambda n, m=None, dtype=None, **_: call("eye", n, m, 0, dtype_of(dtype)))
row("arange")(lambda *bounds, dtype=None, device=None: call("arange", *bounds, dtype=dtype_of(dtype)))
row("tensor", "as_tensor")(lambda value, dtype=None, **_: _tensor(value, dtype))
row("empty", "empty_like", "new_empty")(lambda *_, **__: refuse("an empty tensor holds whatever was in memory", "use zeros"))


def _tensor(value: Any, dtype: Any) -> Any:
    found = call("array", value) if symbolic(value) or isinstance(value, (list, tuple)) else operand(value)
    found = make(found.sizes, found.kind, found.entry)
    return found if dtype is None else call("astype", found, dtype_of(dtype))


@row("copy")
def _copy(x: Any, source: Any, non_blocking: Any = False) -> Any:
    return source if operand(source).sizes == x.sizes else call("broadcast_to", source, x.shape)


row("fill")(lambda x, value: value)
row("zero")(lambda x: 0)


# ------------------------------------------------------------------------------------------- what gives no tensor


plain("item")(lambda x: call("item", x))
plain("numel", "nelement")(lambda x: functools.reduce(lambda u, v: call("multiply", u, v), x.shape, 1))
plain("dim", "ndimension")(lambda x: len(x.sizes))
plain("is_floating_point")(lambda x: x.kind == "float")
plain("is_tensor")(lambda x: isinstance(x, SymbolicArray))
plain("is_complex")(lambda x: False)
plain("register_hook", "retain_grad")(lambda *_: refuse("hooks are not covered"))
