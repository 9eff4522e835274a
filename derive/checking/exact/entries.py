"""Arrays of symbolic numbers: NumPy's own object arrays, with its views, indexing and in-place memory, that answer as float64, int64 or bool.

Legend: a plain array is an object array of `Number`s without this class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from derive.checking.exact.arithmetic import choose
from derive.checking.exact.chosen import Chosen, MaskIndex, MaskPart, mask_of, same_mask
from derive.checking.exact.numbers import RANK, Count, Number, Pick, as_number, is_number
from derive.checking.lift.session import bad, refuse
from derive.index import Num

__all__ = ["Chosen", "Entries", "MaskIndex", "MaskPart", "kind_of", "plain", "rekinded", "result", "symbolic"]

_DTYPES = {"float": np.dtype(np.float64), "int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}
_to_numbers = np.frompyfunc(as_number, 1, 1)


def symbolic(value: Any) -> bool:
    """Whether symbolic numbers occur in a value, lists included."""
    if isinstance(value, (list, tuple)):
        return any(map(symbolic, value))
    return isinstance(value, (Number, Entries, Chosen, MaskIndex, MaskPart))


def plain(value: Any) -> np.ndarray:
    """Any array, number or nested list as a plain array."""
    if isinstance(value, Entries):
        return value.view(np.ndarray)
    if is_number(value):
        out = np.empty((), dtype=object)
        out[()] = as_number(value)
        return out
    if isinstance(value, (list, tuple)):
        return _stacked([plain(part) for part in value])
    if isinstance(value, np.ndarray):
        return np.asarray(_to_numbers(value), dtype=object)
    if value is None or isinstance(value, (str, dict)) or not hasattr(value, "__iter__"):
        refuse(f"a {type(value).__name__} where an array is expected")
    return plain(list(value))


def _stacked(parts: list[np.ndarray]) -> np.ndarray:
    if len({part.shape for part in parts}) > 1:
        bad("a list of parts of different shapes is no array")
    out = np.empty((len(parts), *(parts[0].shape if parts else ())), dtype=object)
    for place, part in enumerate(parts):
        out[place] = part if part.shape else part[()]
    return out


def kind_of(array: np.ndarray) -> str:
    """The highest kind of the numbers in a plain array."""
    if isinstance(array, Entries):
        return array.kind
    return max((number.kind for number in array.ravel()), key=RANK.__getitem__, default="float")


def rekinded(array: np.ndarray, kind: str) -> np.ndarray:
    """The plain array with numbers of this kind."""
    out = np.empty(array.shape, dtype=object)
    for place in np.ndindex(array.shape):
        number: Any = array[place]
        out[place] = number if number.kind == kind else Number(number.expr, kind)
    return out


def result(value: Any, kind: str | None = None) -> Any:
    """What a computation gives: a number where there is no axis, NumPy's own array where all entries are known booleans or integers."""
    array = plain(value)
    kind = kind or kind_of(array)
    if array.ndim == 0:
        number: Any = array[()]
        return number if number.kind == kind else Number(number.expr, kind)
    if kind != "float" and all(isinstance(number.expr, Num) for number in array.ravel()):
        return np.array([number.expr.value for number in array.ravel()], dtype=object).reshape(array.shape).astype(_DTYPES[kind])
    return Entries.of(array, kind)


class Entries(np.ndarray):
    """A symbolic array.  `kind` is 'float', 'int' or 'bool'."""

    kind: str
    ufunc: Callable[..., Any]
    function: Callable[..., Any]

    @classmethod
    def of(cls, array: np.ndarray, kind: str) -> Entries:
        """A plain array's own memory, as a symbolic array."""
        mixed = any(number.kind != kind for number in array.ravel())
        out: Entries = (rekinded(array, kind) if mixed else array).view(cls)
        out.kind = kind
        return out

    def __array_finalize__(self, source: Any) -> None:
        self.kind = getattr(source, "kind", "float")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return Number.ufunc(ufunc, method, *inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return Number.function(function, args, kwargs)

    @property
    def dtype(self) -> Any:
        """The dtype that the array stands for."""
        return _DTYPES[self.kind]

    @property
    def shape(self) -> Any:
        """The sizes, each exact in arithmetic."""
        return tuple(map(Count, super().shape))

    @shape.setter
    def shape(self, sizes: Any) -> None:
        """Give the same memory another shape."""
        np.ndarray.shape.__set__(self, sizes)  # type: ignore[attr-defined]  # a getset of C

    # ------------------------------------------------------------------------------------------- loading and storing

    def __getitem__(self, key: Any) -> Any:
        mask = _mask(key)
        if mask is not None:
            values, conditions = _spread(self, mask)
            return Chosen(result(values.copy(), self.kind), conditions)
        if has_picks(key):
            return _load(self, key if isinstance(key, tuple) else (key,))
        found = super().__getitem__(index(key))
        return found if isinstance(found, (Entries, Number)) else result(found)

    def __setitem__(self, key: Any, value: Any) -> None:
        mask = _mask(key)
        if mask is not None:
            self._store_masked(mask, value)
            return
        if has_picks(key):
            _store(self, key if isinstance(key, tuple) else (key,), value)
            return
        given = plain(value)
        self.check_cast(given)
        given = rekinded(given, self.kind)
        super().__setitem__(index(key), given if given.ndim else given[()])

    def _store_masked(self, mask: np.ndarray, value: Any) -> None:
        old, conditions = _spread(self, mask)
        if isinstance(value, Chosen):
            if not same_mask(value.conditions, conditions):
                refuse("a selection by one mask is stored through another")
            given = plain(value.values)
        else:
            given = plain(value)
            if given.ndim > self.ndim - mask.ndim and given.size > 1:
                refuse("an array is stored through a symbolic mask")
        self.check_cast(given)
        new = np.frompyfunc(choose, 3, 1)(conditions, given, old)
        super().__setitem__(..., rekinded(np.asarray(new, dtype=object), self.kind))

    def check_cast(self, given: np.ndarray) -> None:
        """Refuse a store that NumPy would do by changing the value."""
        if self.kind != "float" and RANK[kind_of(given)] > RANK[self.kind]:
            changes = any(not isinstance(n.expr, Num) or n.expr.value.denominator > 1 or self.kind == "bool" for n in given.ravel())
            if changes:
                refuse(f"a {kind_of(given)} is stored into an array of kind {self.kind}, where NumPy changes it")

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """The array in another kind."""
        return self._method("astype", dtype)

    def sort(self, axis: Any = -1, **kwargs: Any) -> None:  # type: ignore[override]  # the kind of sorting plays no part
        """Sort in place."""
        self[...] = self._method("sort", axis)

    def _method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return Number.function(name, (self, *args), kwargs)

    def __bool__(self) -> bool:
        if self.size != 1:
            bad("the truth value of an array with several entries is ambiguous")
        return bool(self.ravel()[0])

    def __iter__(self) -> Any:
        return (self[place] for place in range(len(self)))

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()


def _delegated(name: str) -> Callable[..., Any]:
    def method(self: Entries, *args: Any, **kwargs: Any) -> Any:
        return self._method(name, *args, **kwargs)

    return method


for _name in (
    "sum", "mean", "std", "var", "max", "min", "prod", "any", "all", "dot", "argmax", "argmin", "argsort", "clip", "cumsum", "cumprod",
    "nonzero", "trace", "round", "conj", "choose", "searchsorted", "compress", "take", "repeat",
):  # fmt: skip
    setattr(Entries, _name, _delegated(_name))


def _mask(key: Any) -> np.ndarray | None:
    """The plain array of a mask that depends on the data, or None where the index is none."""
    found = mask_of(key)
    if found is not None:
        return found
    if isinstance(key, tuple) and len(key) == 1:
        key = key[0]
    if isinstance(key, Number) and key.kind == "bool" and not isinstance(key.expr, Num):
        return plain(key)
    if isinstance(key, list) and symbolic(key):
        key = result(key)
    if isinstance(key, Entries) and key.kind == "bool" and any(not isinstance(n.expr, Num) for n in plain(key).ravel()):
        return plain(key)
    return None


def index(key: Any) -> Any:
    """An index as NumPy takes it."""
    if isinstance(key, tuple):
        return tuple(map(index, key))
    if isinstance(key, list) and symbolic(key):
        return index(result(key))
    if isinstance(key, Number):
        return bool(key) if key.kind == "bool" else key.__index__()
    if isinstance(key, Entries):
        known = result(key) if key.kind != "float" else bad("an array of floats as an index")
        return known if not isinstance(known, Entries) else refuse("an index that depends on the data")
    return key


def has_picks(key: Any) -> bool:
    """Whether an index holds numbers that are picked by the data."""
    if isinstance(key, tuple):
        return any(map(has_picks, key))
    return isinstance(key, Pick) or (isinstance(key, Entries) and key.kind == "int" and any(isinstance(n, Pick) for n in plain(key).ravel()))


def _places(key: tuple[Any, ...]) -> tuple[tuple[int, ...], list[tuple[Any, ...]]]:
    """The shape of the arrays in an index, and the index at each of their places."""
    count = next((n for n, part in enumerate(key) if isinstance(part, slice) or part is None or part is Ellipsis), len(key))
    if any(not isinstance(part, slice) for part in key[count:]):
        refuse("an index by the data after a slice")
    arrays = np.broadcast_arrays(*(plain(part) for part in key[:count]))
    shape = arrays[0].shape
    return shape, [(*(array[place] for array in arrays), *key[count:]) for place in np.ndindex(shape)]


def _alternatives(key: tuple[Any, ...]) -> list[tuple[Any, tuple[Any, ...]]]:
    """Each case of the first number in an index that the data picks, with the index there."""
    first = next(part for part in key if isinstance(part, Pick))
    return [(condition, tuple(part.fine[k][1] if isinstance(part, Pick) and first.goes_with(part) else part for part in key))
            for k, (condition, _) in enumerate(first.fine)]


def _load(array: Entries, key: tuple[Any, ...]) -> Any:
    """a[key] where the data picks: the choice between what each case loads."""
    if any(isinstance(part, (np.ndarray, list, range)) for part in key):
        shape, keys = _places(key)
        parts = _stacked([plain(array[one]) for one in keys])
        return result(parts.reshape((*shape, *parts.shape[1:])))
    found = None
    for condition, place in reversed(_alternatives(key)):
        one = plain(array[place])
        found = one if found is None else plain(_chosen(plain(Number(condition, "bool")), one, found))
    return result(found)


def _store(array: Entries, key: tuple[Any, ...], value: Any) -> None:
    """a[key] = value where the data picks: each case in turn, on its condition."""
    if any(isinstance(part, (np.ndarray, list, range)) for part in key):
        shape, keys = _places(key)
        given = np.broadcast_to(plain(value), (*shape, *array[keys[0]].shape))
        for place, one in zip(np.ndindex(shape), keys):
            array[one] = result(given[place])
        return
    new = plain(array).copy()
    for condition, place in _alternatives(key):
        after = array.copy()
        after[place] = value
        new = plain(_chosen(plain(Number(condition, "bool")), plain(after), new))
    plain(array)[...] = new


_chosen = np.frompyfunc(choose, 3, 1)


def _spread(array: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the plain array, the mask on each of its entries)."""
    values = plain(array)
    if values.shape[: mask.ndim] != mask.shape:
        bad(f"a mask of shape {mask.shape} does not fit an array of shape {values.shape}")
    widened = mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim))
    return values, np.broadcast_to(widened, values.shape)
