"""Index expressions: a scalar that depends on indices.  An array is such an expression with its free indices listed.

Legend: m, d, k are sizes; i, j, c indices; u, v expressions; q an exact rational number.

Nodes are immutable and interned: two nodes with the same parts are the same object, so equality is identity.  `Add`, `Mul` and `Pow`
keep what the user wrote, in the user's order; `Poly` and `Mono` are the canonical sums and products of the normal form.  The bound
indices of `Sum` and `Extremum` are not canonical here; `substitute` renames them wherever a name could be captured.
"""

from __future__ import annotations

import atexit
import itertools
import weakref
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, ClassVar, Self, cast

__all__ = [
    "Add", "At", "Const", "Delta", "Digit", "Expr", "Extremum", "Fn", "Index", "Iverson", "Mono", "Mul", "Num", "ONE", "Partial", "Poly",
    "Pow", "Size", "Stop", "Sum", "Where", "ZERO", "add", "array_names", "delta", "div", "expand", "fresh", "mul", "neg", "num", "power", "product", "rebuild",
    "size_names", "sub", "substitute", "walk",
]

_serial = itertools.count(1)


class Expr:
    """Base of all nodes.  `args` are the parts (nodes, tuples of nodes, strings, numbers); `free` the free indices."""

    __slots__ = ("__weakref__", "_key", "args", "free", "height")
    _nodes: ClassVar[weakref.WeakValueDictionary[Any, Expr]] = weakref.WeakValueDictionary()
    args: tuple[Any, ...]
    free: frozenset[Index]
    height: int
    _key: str | None

    def __new__(cls, *args: Any) -> Self:
        key = (cls, args)
        found = Expr._nodes.get(key)
        if found is not None:
            return cast(Self, found)
        node = object.__new__(cls)
        node.args = args
        node._key = None
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
    """One index of several that were merged: Digit(i, sizes, k) is the k-th digit of i in the mixed radix `sizes`."""

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


class _Binder(Expr):
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


class Sum(_Binder):
    """A finite sum: Sum((i, j, …), body)."""

    __slots__ = ()

    @property
    def bound(self) -> tuple[Index, ...]:
        """The indices that are summed over."""
        return self.args[0]


class Extremum(_Binder):
    """The largest or smallest value: Extremum('max' | 'min', (i, …), body)."""

    __slots__ = ()

    @property
    def bound(self) -> tuple[Index, ...]:
        """The indices that are searched."""
        return self.args[1]


class Partial(Expr):
    """A derivative still to be worked out: Partial(u, entry) is ∂u / ∂entry, with `entry` an At of fresh indices."""

    __slots__ = ()


class Mono(Expr):
    """A canonical product: Mono(frozenset of (atom, Fraction exponent))."""

    __slots__ = ()


class Poly(Expr):
    """A canonical sum: Poly(frozenset of (Mono, Fraction coefficient))."""

    __slots__ = ()


# ------------------------------------------------------------------------------------------- building


def num(q: Any) -> Num:
    """The exact number q."""
    return Num(Fraction(q))


ZERO, ONE = num(0), num(1)


def add(*terms: Expr) -> Expr:
    """u + v + …, without zeros and without nesting."""
    flat = [part for term in terms for part in (term.args[0] if isinstance(term, Add) else (term,)) if part is not ZERO]
    return ZERO if not flat else flat[0] if len(flat) == 1 else Add(tuple(flat))


def mul(*factors: Expr) -> Expr:
    """u · v · …, without ones and without nesting; 0 · u is 0."""
    return ZERO if any(factor is ZERO for factor in factors) else product(factors)


def product(factors: Iterable[Expr]) -> Expr:
    """A product that keeps a zero factor: 0 · log u is still undefined where u ≤ 0."""
    flat = [part for factor in factors for part in (factor.args[0] if isinstance(factor, Mul) else (factor,)) if part is not ONE]
    return ONE if not flat else flat[0] if len(flat) == 1 else Mul(tuple(flat))


def power(base: Expr, exponent: Any) -> Expr:
    """base ** exponent for a rational exponent."""
    exponent = Fraction(exponent)
    if exponent == 1:
        return base
    if isinstance(base, Num) and exponent.denominator == 1 and (base is not ZERO or exponent > 0):
        return num(base.value ** int(exponent))
    if isinstance(base, Pow) and exponent == -1:
        return power(base.args[0], -base.args[1])
    return Pow(base, exponent)


def neg(u: Expr) -> Expr:
    """−u."""
    if isinstance(u, Num):
        return num(-u.value)
    if isinstance(u, Mul) and isinstance(u.args[0][0], Num):
        return mul(num(-u.args[0][0].value), *u.args[0][1:])
    return mul(num(-1), u)


def sub(u: Expr, v: Expr) -> Expr:
    """u − v."""
    return add(u, neg(v))


def div(u: Expr, v: Expr) -> Expr:
    """u / v."""
    return mul(u, power(v, -1))


def delta(i: Expr, j: Expr) -> Expr:
    """1 where the integers i and j are equal, else 0."""
    if i is j:
        return ONE
    if isinstance(i, Num) and isinstance(j, Num):
        return ZERO
    return Delta(*sorted((i, j), key=lambda node: node.key))


def fresh(index: Index, name: str | None = None) -> Index:
    """A new index of the same size that occurs nowhere else."""
    return Index(name or index.name, index.size, next(_serial))


# ------------------------------------------------------------------------------------------- traversal


def rebuild(node: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The node with `change` applied to each direct part."""
    args = tuple(_changed(arg, change) for arg in node.args)
    if args == node.args:
        return node
    if isinstance(node, Delta):
        return delta(*args)
    if isinstance(node, Add):
        return add(*args[0])
    if isinstance(node, Mul):
        return product(args[0])
    if isinstance(node, Pow):
        return power(*args)
    if isinstance(node, (Mono, Poly)):
        return _collected(node, change)
    return type(node)(*args)


def _collected(node: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """A canonical product or sum with its parts changed; as written where two parts became the same, so that both still count."""
    pairs = [(change(part), q) for part, q in node.args[0]]
    if len({part for part, _ in pairs}) == len(pairs):
        return type(node)(frozenset(pairs))
    if isinstance(node, Mono):
        return product(power(part, q) for part, q in sorted(pairs, key=lambda pair: pair[0].key))
    return add(*(product((num(q), part)) for part, q in sorted(pairs, key=lambda pair: pair[0].key)))


def _changed(arg: Any, change: Callable[[Expr], Expr]) -> Any:
    if isinstance(arg, Expr):
        return change(arg)
    if isinstance(arg, tuple):
        return tuple(_changed(part, change) for part in arg)
    if isinstance(arg, frozenset):
        return frozenset(_changed(part, change) for part in arg)
    return arg


def substitute(node: Expr, mapping: Mapping[Any, Expr]) -> Expr:
    """Replace nodes (indices, entries) by others, everywhere and at once, without capturing a bound index.

    A key that mentions a bound index is replaced where it stands under that binder, and its value is read in the same scope.
    """
    memo: dict[Expr, Expr] = {}

    def change(part: Expr) -> Expr:
        if part in mapping:
            return mapping[part]
        if part not in memo:
            memo[part] = _under(part)
        return memo[part]

    def _under(part: Expr) -> Expr:
        if not isinstance(part, _Binder):
            return rebuild(part, change) if part.args else part
        inner = {key: value for key, value in mapping.items() if key not in part.bound}
        clash = {index: fresh(index) for index in part.bound if any(index in v.free and index not in k.free for k, v in inner.items())}
        if not clash:
            return _rebound(part, change(part.body) if len(inner) == len(mapping) else substitute(part.body, inner), {})
        scoped = {substitute(k, clash): substitute(v, clash) if k.free & clash.keys() else v for k, v in inner.items()}
        return _rebound(part, substitute(substitute(part.body, clash), scoped), clash)

    return change(node)


def _rebound(binder: _Binder, body: Expr, renamed: Mapping[Index, Index]) -> Expr:
    bound = tuple(renamed.get(index, index) for index in binder.bound)
    return type(binder)(*binder.args[:-2], bound, body)


def walk(node: Expr) -> Iterable[Expr]:
    """Every node below and including this one, each once."""
    seen: set[Expr] = set()
    stack = [node]
    while stack:
        part = stack.pop()
        if part not in seen:
            seen.add(part)
            yield part
            stack.extend(part.kids)


def array_names(node: Expr) -> set[str]:
    """The names of the arrays that occur, label arrays included."""
    return {part.name for part in walk(node) if isinstance(part, At)}


def size_names(node: Expr) -> set[str]:
    """The names of the symbolic sizes that occur, those of bound indices included."""
    return {part.name for part in walk(node) if isinstance(part, Size)}


def expand(node: Expr, bodies: Mapping[str, tuple[tuple[Index, ...], Expr]]) -> Expr:
    """Replace named entries by their bodies, at their indices."""
    def change(part: Expr) -> Expr:
        part = rebuild(part, change) if part.args else part
        if isinstance(part, At) and part.name in bodies:
            indices, body = bodies[part.name]
            return substitute(body, dict(zip(indices, part.indices)))
        return part
    return change(node)
