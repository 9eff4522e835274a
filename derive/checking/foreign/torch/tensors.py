"""Tensors whose entries are index expressions: the lift's arrays with torch's methods in place of NumPy's.

A tensor is always an array in memory, also without axes; what Python sees as a number (`x.shape[0]`, `x.item()`) is the lift's own.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from derive.checking.lift.arrays import Scalar, SymbolicArray
from derive.checking.lift.masked import Masked
from derive.checking.lift.registry import call
from derive.checking.lift.selection import mask_of, select
from derive.checking.lift.session import bad, refuse
from derive.checking.lift.storage import Storage

__all__ = ["FRESH", "PLAIN", "ROWS", "Shape", "Tensor", "apply", "plain", "raw", "row", "tensor", "whole"]

Function = Callable[..., Any]

# What torch's functions and methods of these names mean, for the lift's arrays; those of PLAIN give no tensors.
ROWS: dict[str, Function] = {}
PLAIN: dict[str, Function] = {}

# Functions that make tensors of numbers alone.
FRESH = {"zeros", "ones", "full", "eye", "arange", "tensor", "as_tensor"}

_OPERATORS = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "matmul": "matmul", "and": "logical_and",
              "or": "logical_or"}
_COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"}


def row(*names: str) -> Callable[[Function], Function]:
    """Declare what torch's function of these names means; it takes and gives the lift's arrays."""
    return functools.partial(_declare, ROWS, names)


def plain(*names: str) -> Callable[[Function], Function]:
    """The same for a function that gives no tensor."""
    return functools.partial(_declare, PLAIN, names)


def _declare(table: dict[str, Function], names: tuple[str, ...], function: Function) -> Function:
    for name in names:
        if name in ROWS or name in PLAIN:
            raise KeyError(f"{name} is declared twice")
        table[name] = function
    return function


def raw(value: Any) -> Any:
    """A tensor as the lift's array, with the same memory; also inside of lists, tuples and slices."""
    if isinstance(value, Tensor):
        array = SymbolicArray(value.storage, value.sizes, value.locate)
        array.origin = value.origin
        return array
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(raw(part) for part in value) if type(value) in (list, tuple) else tuple(map(raw, value))
    if isinstance(value, slice):
        return slice(raw(value.start), raw(value.stop), raw(value.step))
    return value


def tensor(value: Any) -> Any:
    """The lift's arrays as tensors."""
    if isinstance(value, SymbolicArray):
        out = Tensor(value.storage, value.sizes, value.locate)
        out.origin = value.origin
        return out
    if isinstance(value, Scalar):
        return Tensor(Storage((), value.kind, lambda at: value.entry(())), (), lambda at: at)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return type(value)(map(tensor, value))
    return value


def apply(name: str, *values: Any, **named: Any) -> Any:
    """Apply torch's function of that name.

    Raises:
        CannotLift: it has no row.
    """
    given, more = [raw(value) for value in values], {key: raw(value) for key, value in named.items()}
    if name in PLAIN:
        return PLAIN[name](*given, **more)
    if name in ROWS:
        return tensor(ROWS[name](*given, **more))
    if name.endswith("_") and name[:-1] in ROWS and name[:-1] not in FRESH and values and isinstance(values[0], Tensor):
        return _in_place(name[:-1], values[0], given, more)
    return refuse(f"torch's {name} of a symbolic tensor is not covered")


def _in_place(name: str, target: Tensor, given: list[Any], named: dict[str, Any]) -> Tensor:
    """x.f_(…): x.f(…), stored into x."""
    updates = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide"}
    if name in updates and not named:
        call("update", updates[name], *given)
    else:
        result = ROWS[name](*given, **named)
        if len(getattr(result, "sizes", ())) > len(target.sizes):
            bad("a tensor cannot be changed in place into one with more axes")
        call("setitem", given[0], (Ellipsis,), result)
    return target


class Shape(tuple[Any, ...]):
    """A torch.Size."""

    def numel(self) -> Any:
        """How many entries there are."""
        return functools.reduce(lambda u, v: u * v, self, 1)


class Tensor(SymbolicArray):
    """A tensor; see the module."""

    outranks: ClassVar[bool] = True
    requires_grad = True
    is_leaf = True
    is_cuda = is_sparse = False
    layout = None

    @property  # type: ignore[misc]  # the lift's arrays answer isinstance as NumPy's; torch's own code must not take one for a torch.Tensor
    def __class__(self) -> type:
        return Tensor

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """torch's protocol: what its functions do with one of these, in code that is not rebuilt."""
        named = dict(kwargs or {})
        given = (named.pop("input"), *args) if "input" in named else args
        return apply(getattr(function, "__name__", "function"), *given, **named)

    @property
    def shape(self) -> Any:
        """The sizes, as numbers where they are known."""
        return Shape(super().shape)

    def size(self, dim: int | None = None) -> Any:
        """The sizes, or one of them."""
        return self.shape if dim is None else self.shape[dim]

    @property
    def dtype(self) -> Any:
        """torch's name of the kind."""
        torch = sys.modules["torch"]
        return {"float": torch.float64, "int": torch.int64, "bool": torch.bool}[self.kind]

    @property
    def device(self) -> Any:
        """Where numbers would be."""
        return sys.modules["torch"].device("cpu")

    @property
    def T(self) -> Any:
        """The transpose of a matrix, a view."""
        if len(self.sizes) > 2:
            refuse("torch's .T of more than two axes is deprecated", "use .permute or .mT")
        return apply("t", self)

    @property
    def mT(self) -> Any:
        """The transposes of the matrices along the last two axes, a view."""
        return apply("transpose", self, -2, -1)

    @property
    def data(self) -> Any:
        """The same memory."""
        return self

    def view(self, *shape: Any) -> Any:  # the lift's own view has two arguments, the second one a function
        """The same memory in another shape."""
        if len(shape) == 2 and callable(shape[1]):
            return super().view(*shape)
        return apply("reshape", self, *shape)

    def where(self, condition: Any, other: Any) -> Any:
        """Itself where the condition holds, else the other."""
        return apply("where", condition, self, other)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not {name, name.removesuffix("_")} & {*ROWS, *PLAIN}:
            refuse(f"torch's {name} of a symbolic tensor is not covered")
        return functools.partial(apply, name, self)

    def __getitem__(self, key: Any) -> Any:
        array, key = raw(self), raw(key)
        if mask_of(key) is None and not isinstance(key, Masked):
            selection = select(self.sizes, key)
            if not selection.sizes and not selection.copies:  # a view without axes, where NumPy gives a number
                return tensor(array.view((), selection.locate))
        return tensor(call("getitem", array, key))

    def __setitem__(self, key: Any, value: Any) -> None:
        call("setitem", raw(self), raw(key), raw(value))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs or ufunc.__name__ not in ("add", "subtract", "multiply", "divide"):
            refuse("a NumPy function was given a tensor")
        return tensor(call(ufunc.__name__, *map(raw, inputs)))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        refuse("a NumPy function was given a tensor")

    def __neg__(self) -> Any:
        return apply("neg", self)

    def __abs__(self) -> Any:
        return apply("abs", self)

    def __invert__(self) -> Any:
        return tensor(call("invert", raw(self)))

    def __iter__(self) -> Any:
        if not self.sizes:
            bad("a tensor without axes cannot be iterated over")
        return super().__iter__()

    def __repr__(self) -> str:
        return f"symbolic tensor {tuple(self.shape)}"


def whole(array: Any) -> bool:
    """Whether an array is all of its memory, in order: what torch calls contiguous is at least this."""
    storage = array.storage
    return len(array.sizes) == len(storage.sizes) and all(u is v for u, v in zip(array.sizes, storage.sizes)) and (
        array.locate(storage.targets) == storage.targets)


def _operator(name: str, swapped: bool) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        values = (raw(other), raw(self)) if swapped else (raw(self), raw(other))
        return tensor(call(name, *values))

    return operator


def _update(name: str) -> Callable[[Any, Any], Any]:
    def update(self: Any, other: Any) -> Any:
        call("update", name, raw(self), raw(other))
        return self

    return update


for _short, _long in {**_OPERATORS, **_COMPARISONS}.items():
    setattr(Tensor, f"__{_short}__", _operator(_long, swapped=False))
    if _short in _OPERATORS:
        setattr(Tensor, f"__r{_short}__", _operator(_long, swapped=True))
        setattr(Tensor, f"__i{_short}__", _update(_long))
for _short in ("floordiv", "mod", "xor"):
    for _side in ("", "r", "i"):
        setattr(Tensor, f"__{_side}{_short}__", lambda self, other, _short=_short: refuse(f"torch's operator {_short} is not covered"))


