"""The nodes of index expressions; see the package for what they mean."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, ClassVar, Self, cast

__all__ = [
    "Binder", "Add", "At", "Const", "Delta", "Digit", "Expr", "Extremum", "Fn", "Index", "Iverson", "MatrixFn", "Mono", "Mul", "Num",
    "Partial", "Poly", "Pow", "Size", "Stop", "Sum", "Where",
]

class Expr:
    """Base of all nodes.  `args` are the parts (nodes, tuples of nodes, strings, numbers); `free` the free indices.

    `names` (the arrays in it) and `weight` (how much there is to read, see `normal.present.cost`) are worked out once, by those who ask.
    """

    __slots__ = ("__weakref__", "_key", "args", "free", "height", "names", "weight")
    _nodes: ClassVar[weakref.WeakValueDictionary[Any, Expr]] = weakref.WeakValueDictionary()
    args: tuple[Any, ...]
    free: frozenset[Index]
    height: int
    names: frozenset[str] | None
    weight: int | None
    _key: str | None

    def __new__(cls, *args: Any) -> Self:
        """The node with these parts, the one object that there is."""
        key = (cls, args)
        found = Expr._nodes.get(key)
        if found is not None:
            return cast(Self, found)
        node = object.__new__(cls)
        node.args = args
        node._key = node.names = node.weight = None
        kids = list(_kids(args))
        node.free = frozenset().union(*(kid.free for kid in kids)) if kids else frozenset()
        node.height = max((kid.height for kid in kids), default=0)
        node._bind()
        return cast(Self, Expr._nodes.setdefault(key, node))

    def _bind(self) -> None:
        """Adjust `free` and `height` for a binder."""

    @property
    def kids(self) -> list[Expr]:
        """The direct sub-expressions, in order."""
        return list(_kids(self.args))

    @property
    def key(self) -> str:
        """A text that is the same in every run for the same structure; only for ordering."""
        if self._key is None:
            self._key = type(self).__name__ + _text(self.args)
        return self._key

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.args))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), self.args)


# When Python shuts down, the numbers in the keys can no longer be compared.
atexit.register(Expr._nodes.clear)


def _kids(args: Any) -> Iterable[Expr]:
    for arg in args:
        if isinstance(arg, Expr):
            yield arg
        elif isinstance(arg, (tuple, frozenset)):
            yield from _kids(arg)


def _text(arg: Any) -> str:
    if isinstance(arg, Expr):
        return arg.key
    if isinstance(arg, frozenset):
        return "{" + ",".join(sorted(map(_text, arg))) + "}"
    if isinstance(arg, tuple):
        return "(" + ",".join(map(_text, arg)) + ")"
    return str(arg)


class Num(Expr):
    """An exact rational number: Num(Fraction)."""

    __slots__ = ()

    @property
    def value(self) -> Fraction:
        """The number."""
        return self.args[0]


class Const(Expr):
    """A named constant that is no rational number: Const('pi')."""

    __slots__ = ()


class Size(Expr):
    """A symbolic size, an integer ≥ 1: Size('m')."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The user's name of the dimension."""
        return self.args[0]


class Index(Expr):
    """An index variable: Index(name, size, serial).  `size` is an expression in sizes; it runs over 0 … size − 1."""

    __slots__ = ()

    def _bind(self) -> None:
        self.free = frozenset([self])

    @property
    def name(self) -> str:
        """The letter that it is shown with, unless that letter is taken."""
        return self.args[0]

    @property
    def size(self) -> Expr:
        """How many values it takes."""
        return self.args[1]


class At(Expr):
    """An entry of a named array: At(name, indices, kind).  kind: 'float', 'int' or 'bool'.  A scalar has no indices."""

    __slots__ = ()

    def __new__(cls, name: str, indices: tuple[Expr, ...] = (), kind: str = "float") -> At:
        """The entry of `name` at `indices`."""
        return super().__new__(cls, name, tuple(indices), kind)

    @property
    def name(self) -> str:
        """The name of the array."""
        return self.args[0]

    @property
    def indices(self) -> tuple[Expr, ...]:
        """One integer-valued expression for each axis."""
        return self.args[1]

    @property
    def kind(self) -> str:
        """'float', 'int' or 'bool'."""
        return self.args[2]


class Add(Expr):
    """A sum of terms as written: Add((u, v, …))."""

    __slots__ = ()


class Mul(Expr):
    """A product of factors as written: Mul((u, v, …))."""

    __slots__ = ()


class Pow(Expr):
    """A power: Pow(base, exponent).  The exponent is a Fraction; 1/u is Pow(u, −1) and √u is Pow(u, 1/2)."""

    __slots__ = ()


class Fn(Expr):
    """A scalar function of the table `rules.functions`: Fn(name, (u, …))."""

    __slots__ = ()


class Digit(Expr):
    """One index of several that were merged: Digit(i, sizes, k) is the k-th digit of i in the mixed radix `sizes`.

    It is i // (the product of the later sizes), modulo sizes[k], for every integer i.
    """

    __slots__ = ()


class Delta(Expr):
    """The Kronecker delta of two integer-valued expressions: Delta(i, j); use `delta` to build one."""

    __slots__ = ()


class Iverson(Expr):
    """An indicator, 1 or 0: Iverson(op, u) with op one of '>', '>=', '=' and the comparison u op 0."""

    __slots__ = ()


class Where(Expr):
    """A guarded choice: Where(condition, u, v), with `condition` an expression of value 0 or 1."""

    __slots__ = ()


class Stop(Expr):
    """The value of u, held constant by differentiation: Stop(u)."""

    __slots__ = ()


class Binder(Expr):
    """A node that binds indices: they are not free in it."""

    __slots__ = ()

    def _bind(self) -> None:
        self.free = self.free - frozenset(self.bound)
        self.height += 1

    @property
    def bound(self) -> tuple[Index, ...]:
        """The indices that it binds."""
        raise NotImplementedError

    @property
    def body(self) -> Expr:
        """What it ranges over."""
        return self.args[-1]


class Sum(Binder):
    """A finite sum: Sum((i, j, …), body)."""

    __slots__ = ()

    @property
    def bound(self) -> tuple[Index, ...]:
        """The indices that are summed over."""
        return self.args[0]


class Extremum(Binder):
    """The largest or smallest value: Extremum('max' | 'min', (i, …), body)."""

    __slots__ = ()

    @property
    def bound(self) -> tuple[Index, ...]:
        """The indices that are searched."""
        return self.args[1]


class MatrixFn(Binder):
    """A function of a whole matrix, whose entry at (i, j) is the body: MatrixFn('inverse', (r, c), (i, j), body) is the entry (r, c) of its
    inverse, MatrixFn('logdet', (), (i, j), body) is log |det|.
    """

    __slots__ = ()

    @property
    def bound(self) -> tuple[Index, ...]:
        """The row and the column of the matrix."""
        return self.args[2]


class Partial(Expr):
    """A derivative still to be worked out: Partial(u, entry) is ∂u / ∂entry, with `entry` an At of fresh indices."""

    __slots__ = ()


class Mono(Expr):
    """A canonical product: Mono(frozenset of (atom, Fraction exponent))."""

    __slots__ = ()


class Poly(Expr):
    """A canonical sum: Poly(frozenset of (Mono, Fraction coefficient))."""

    __slots__ = ()
