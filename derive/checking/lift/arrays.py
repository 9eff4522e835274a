"""Arrays whose entries are index expressions: what a handwritten function computes with, in place of NumPy's arrays."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np

from derive.checking.lift.registry import call
from derive.checking.lift.session import bad, current, refuse
from derive.checking.lift.sizes import integer, is_size, shape_text
from derive.checking.lift.storage import Location, Storage
from derive.index import ONE, ZERO, Const, Expr, Num, num
from derive.rules.constants import well_known

__all__ = ["Elements", "Operand", "Scalar", "SymbolicArray", "dim", "make", "operand", "shape_text", "size_of", "symbolic"]

_METHODS = {
    "sum", "mean", "max", "min", "dot", "transpose", "reshape", "astype", "copy", "std", "var", "ravel", "flatten",
    "squeeze", "clip", "argmax", "argmin", "nonzero", "repeat", "take", "swapaxes", "trace", "diagonal", "prod", "cumsum",
    "any", "all", "round", "item", "fill", "conj", "tolist", "sort", "argsort",
}  # fmt: skip
_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "matmul": "matmul", "floordiv": "floor_divide",
    "mod": "remainder", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
}  # fmt: skip
_COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"}
_DTYPES = {"float": np.dtype(np.float64), "int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}


class Operand:
    """A scalar or an array.  Subclasses give `sizes`, `kind` and `entry`."""

    sizes: tuple[Expr, ...]
    kind: str
    origin: Any = None
    matrix = False
    __array_priority__ = 1000
    __hash__ = object.__hash__

    def entry(self, at: Location) -> Expr:
        """The entry at these indices."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes, as numbers where they are known."""
        return tuple(dim(size) for size in self.sizes)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.sizes)

    @property
    def size(self) -> Any:
        """How many entries there are."""
        return functools.reduce(lambda u, v: u * v, self.shape, 1)

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's name of the kind."""
        return _DTYPES[self.kind]

    @property
    def T(self) -> Any:
        """The transpose, a view."""
        return call("transpose", self)

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            return functools.partial(call, name, self)
        if not name.startswith("__"):
            refuse(f".{name} of a symbolic array is not covered")
        raise AttributeError(name)

    def __getitem__(self, key: Any) -> Any:
        return call("getitem", self, key)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return call(f"{ufunc.__name__}.{method}", *inputs, **kwargs)
        return call(ufunc.__name__, *inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call(function.__name__, *args, **kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse("a symbolic array was passed to something that needs numbers")

    def __neg__(self) -> Any:
        return call("negative", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return call("absolute", self)

    def __invert__(self) -> Any:
        return call("invert", self)

    def __bool__(self) -> bool:
        return bool(call("truth", self))

    def __copy__(self) -> Any:
        return call("copy", self)

    def __deepcopy__(self, memo: Any) -> Any:
        return call("copy", self)

    def __len__(self) -> NoReturn:
        refuse("len() of a symbolic array was asked where only a number will do")

    __float__ = __int__ = __index__ = __complex__ = __array__

    def __iter__(self) -> Iterator[Any]:
        if not self.sizes:
            bad("a number cannot be iterated over")
        if not isinstance(self.sizes[0], Num):
            refuse(f"loop over {shape_text(self.sizes[:1])} rows")
        return iter([self[position] for position in range(int(self.sizes[0].value))])

    def __repr__(self) -> str:
        return f"symbolic {self.kind} {shape_text(self.sizes)}"

    def __format__(self, spec: str) -> str:
        return repr(self)


def _operator(name: str, swapped: bool) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        if getattr(type(other), "outranks", False):  # a tensor: the operation is its own
            return NotImplemented
        if name == "multiply" and isinstance(other, (list, tuple)) and isinstance(self, Scalar) and self.kind == "int":
            return call("replicated", other, self)  # n times the same elements
        return call(name, other, self) if swapped else call(name, self, other)

    return operator


for _short, _long in {**_OPERATORS, **_COMPARISONS}.items():
    setattr(Operand, f"__{_short}__", _operator(_long, swapped=False))
    if _short in _OPERATORS:
        setattr(Operand, f"__r{_short}__", _operator(_long, swapped=True))


class Scalar(Operand):
    """A number: immutable, like Python's and NumPy's."""

    def __init__(self, body: Expr, kind: str) -> None:
        self.body, self.kind, self.sizes = body, kind, ()
        self.place = current().place()

    def entry(self, at: Location) -> Expr:
        """Itself."""
        return self.body

    def __hash__(self) -> int:
        if not isinstance(self.body, Num):
            refuse("a symbolic number is looked up in a dict or a set")
        return hash(self.body.value)

    @property  # type: ignore[misc]  # a class as a property is legal, and is how proxies answer isinstance
    def __class__(self) -> type:  # what isinstance sees: user code asks for float and int
        return {"float": np.float64, "int": int, "bool": np.bool_}[self.kind]


class SymbolicArray(Operand):
    """A view of a `Storage`: `locate(s)` says where its entry s lies.  Writing through it writes to the storage.

    Attributes:
        origin: for a copy made by a fancy load, what it was loaded from and what was added since.
    """

    def __init__(self, storage: Storage, sizes: Sequence[Expr], locate: Callable[[Location], Location]) -> None:
        self.storage, self.sizes, self.locate = storage, tuple(sizes), locate

    @property
    def kind(self) -> str:  # type: ignore[override]  # a property where the base has a plain attribute
        """'float', 'int' or 'bool'."""
        return self.storage.kind

    def entry(self, at: Location) -> Expr:
        """The entry at these indices."""
        return self.storage.read(self.locate(tuple(ZERO if size is ONE else where for where, size in zip(at, self.sizes))))

    @property  # type: ignore[misc]  # a class as a property is legal, and is how proxies answer isinstance
    def __class__(self) -> type:  # what isinstance sees: user code asks for np.ndarray
        return np.ndarray

    def view(self, sizes: Sequence[Expr], locate: Callable[[Location], Location]) -> SymbolicArray:
        """A view of this view: its entry s is our entry locate(s)."""
        return SymbolicArray(self.storage, sizes, lambda at: self.locate(locate(at)))

    def __setitem__(self, key: Any, value: Any) -> None:
        call("setitem", self, key, value)


def _update(name: str) -> Callable[[Any, Any], Any]:
    def update(self: Any, other: Any) -> Any:
        return call("update", name, self, other)

    return update


for _short, _long in _OPERATORS.items():
    setattr(SymbolicArray, f"__i{_short}__", _update(_long))


class Elements:
    """Something with a symbolic number of elements that is no array: a range, a zip, an enumerate."""

    size: Expr

    def element(self, index: Expr) -> Any:
        """Its element at that index."""
        raise NotImplementedError

    def lift_operand(self) -> Any:
        """The same as an array; refuses where it is none."""
        refuse("a symbolic number of tuples was met where an array belongs")

    def __iter__(self) -> Iterator[Any]:
        refuse("iteration over a symbolic number of elements")

    def __len__(self) -> int:
        refuse("len() was asked where only a number will do")


def make(sizes: Sequence[Expr], kind: str, entry: Callable[[Location], Expr]) -> Any:
    """A new array, or a number where there are no axes; `entry` gives the expression at given indices."""
    if not sizes:
        return Scalar(entry(()), kind)
    return SymbolicArray(Storage(sizes, kind, entry), sizes, lambda at: at)


def symbolic(value: Any) -> bool:
    """Whether a value is symbolic, or a list or tuple that holds something symbolic."""
    return isinstance(value, Operand) or hasattr(value, "lift_operand") or (isinstance(value, (list, tuple)) and any(map(symbolic, value)))


def _number(value: Any) -> Expr:
    if isinstance(value, (float, np.floating)):
        if isinstance(value, (np.float16, np.float32)):
            current().note(f"precision drops to {value.dtype}")
        if value == -math.inf:
            return Const("-inf")
        if not math.isfinite(value):
            refuse(f"{value} is not a real number")
        constant = well_known(float(value))
        return num(Fraction(str(value))) if constant is None else constant[1]
    return num(int(value))


def operand(value: Any) -> Any:
    """The value as an `Operand`.  A float means its shortest decimal.

    Minus infinity stays one, for masks; other numbers that are not finite are refused.

    Raises:
        CannotLift: it is nothing that an array can hold, or an array of different numbers.
    """
    if isinstance(value, Operand):
        return value
    if hasattr(value, "lift_operand"):
        return value.lift_operand()
    if isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
        kind = "bool" if isinstance(value, (bool, np.bool_)) else "float" if isinstance(value, (float, np.floating)) else "int"
        return Scalar(_number(value), kind)
    if isinstance(value, (list, tuple)) and symbolic(value):
        return call("array", value)
    if not isinstance(value, (list, tuple, np.ndarray)):
        refuse(f"a {type(value).__name__} was met where a number or an array belongs")
    return call("constant", np.asarray(value))


def dim(size: Expr) -> Any:
    """A size as Python sees it: an int where it is known."""
    size = integer(size)
    return int(size.value) if isinstance(size, Num) else Scalar(size, "int")


def size_of(value: Any) -> Expr:
    """A size that the user gave: an int, or an expression in sizes."""
    if isinstance(value, Scalar) and value.kind == "int" and is_size(value.entry(())):
        return integer(value.entry(()))
    if isinstance(value, (bool, Operand)) or not isinstance(value, (int, np.integer)):
        refuse("a size is needed, and this depends on data or is no whole number")
    return num(int(value))
