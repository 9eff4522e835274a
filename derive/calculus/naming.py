"""Names for what the source leaves unnamed, where a name keeps the derivative short and the code stable.

A contraction inside a function, such as exp((X w)_i), is then differentiated and computed once; a difference under a power, such as
(x − μ)², is never multiplied out, which would lose its digits; and a normalised quotient, such as a softmax or (x − μ)/σ, gets its own
Jacobian.  What the source has a name for already keeps that name: the mean inside of a variance is the user's own mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

from derive.calculus.quotients import Sources, has_contraction, over_digits, quotient_of, root_of
from derive.calculus.spellings import named_part, respelled
from derive.derivation import Definition
from derive.errors import NotYet
from derive.index import (
    Add,
    At,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    MatrixFn,
    Mono,
    Mul,
    Pow,
    Stop,
    Sum,
    Where,
    array_names,
    mul,
    num,
    rebuild,
    substitute,
    walk,
)
from derive.normal import Algebra
from derive.normal.ring import terms
from derive.rules.value import indices_for

__all__ = ["UNNAMED", "has_contraction", "shifted", "with_names"]

UNNAMED = "unnamed in the source"
_CANDIDATES = (*"uvst", *(f"u{k}" for k in range(1, 1000)))


def with_names(definitions: Iterable[Definition], reserved: set[str]) -> list[Definition]:
    """The definitions, with further ones for unnamed values; none of the new names is reserved."""
    known = list(definitions)
    namer = _Namer(reserved | {d.name for d in known}, reserved)
    out: list[Definition] = []
    for d in known:
        body = namer.visit(d.body, inside=False, powered=False, top=True)
        if namer.new:
            body = namer.again(body)
        out += [*namer.taken_out(), replace(d, body=body)]
        namer.learn(out[-1])
    return out


class _Namer:
    def __init__(self, taken: set[str], reserved: set[str]) -> None:
        self.taken, self.reserved = set(taken), reserved
        self.known: dict[Mono | Expr, tuple[str, tuple[int, ...], Fraction]] = {}
        self.new: list[Definition] = []
        self.sources = Sources()

    def taken_out(self) -> list[Definition]:
        """The definitions made since the last call."""
        made, self.new = self.new, []
        return made

    def learn(self, d: Definition) -> None:
        """Take in a definition; a statistic of the user's is recognised from now on."""
        self.sources.note(d.name, d.body)
        if _is_statistic(d.body) and frozenset(d.indices) <= d.body.free:
            form, free, c = self._form(d.body)
            self.known.setdefault(form, (d.name, tuple(free.index(i) for i in d.indices), c))

    def visit(self, node: Expr, *, inside: bool, powered: bool, top: bool = False, within: bool = False) -> Expr:
        """The node with names in it.

        inside: under a function; powered: under a power; top: the whole body, which has a name already; within: an argument of a function.
        """
        node = respelled(node)
        held = has_contraction(node)
        if inside and held and not shifted(node):
            return self._contracted(node)
        if not top and _is_statistic(node):
            found = self._found(node)
            if found is not None:
                return found
        squared = _is_square(node) or (isinstance(node, Pow) and node.args[1] > 1)
        nonlinear = squared or isinstance(node, (Fn, Extremum, Pow)) or (inside and held)
        if isinstance(node, Pow) and isinstance(node.args[0], Sum):
            nonlinear = squared = False
        changed = rebuild(node, lambda kid: self.visit(kid, inside=nonlinear, powered=squared, within=isinstance(node, Fn))) if node.args else node
        if (powered and _is_difference(changed)) or (within and _is_polynomial(changed)):
            return self.name(changed)
        if isinstance(changed, MatrixFn):
            return self._matrix(changed)
        part = named_part(changed) if not inside else None
        if part is not None:
            return mul(*part[2], self.name(part[1], part[0]))
        return self._quotients(changed, top=top)

    def _contracted(self, node: Expr) -> Expr:
        """A matrix product has a name, and numbers in front of it stay there."""
        factors = node.args[0] if isinstance(node, Mul) else (node,)
        numbers = [f for f in factors if not f.free and not array_names(f)]
        rest = [f for f in factors if f not in numbers]
        return mul(*numbers, self.name(rest[0])) if len(rest) == 1 else self.name(node)

    def _matrix(self, node: MatrixFn) -> Expr:
        """The matrix that a function is of has a name."""
        plain = isinstance(node.body, At) and set(node.body.indices) == set(node.bound)
        return node if plain else MatrixFn(*node.args[:-1], self.name(node.body, "A"))

    def again(self, node: Expr) -> Expr:
        """A matrix product that has got a name keeps it wherever else it occurs."""
        if has_contraction(node):
            found = self._found(node)
            if found is not None:
                return found
        return rebuild(node, self.again) if node.args and not isinstance(node, (Stop, Extremum)) else node

    def _quotients(self, node: Expr, *, top: bool) -> Expr:
        """A normalised quotient among the factors of a product gets a name, and so does the root that it is divided by."""
        if not isinstance(node, Mul) or not any(isinstance(f, Pow) and f.args[1] < 0 for f in node.args[0]):
            return node
        whole, digits = over_digits(node)
        split = quotient_of(whole, self.sources)
        if split is None or any(digits[j].free & f.free for f in split[0] for j in digits):
            return node
        return substitute(self._named_quotient(whole, *split, top=top), digits)

    def _named_quotient(self, node: Expr, mine: list[Expr], others: list[Expr], *, top: bool) -> Expr:
        given = mine
        hat = next((f for f in mine if not isinstance(f, Pow)), node)
        centred = isinstance(hat, Add)
        if centred:
            mine = [self._found(f) or f for f in mine]
        root = root_of(mine)
        if root is not None:
            name = self.name(root, "sigma" if centred else "r")
            mine = [Pow(name, Fraction(-1)) if isinstance(f, Pow) and f.args[0] is root.args[0] else f for f in mine]
        whole = mul(*mine)
        if top and not others:
            return whole
        exponential = any(isinstance(part, Fn) and part.args[0] == "exp" for part in walk(hat))
        names = sorted(array_names(hat), key=lambda n: (n not in self.reserved, n))
        named = self.name(whole, "p" if exponential else f"{names[0] if len(names[0]) == 1 else 'x'}hat")
        return mul(*(named if f is hat else f for f in node.args[0] if f is hat or f not in given))

    def _form(self, node: Expr) -> tuple[Expr, list[Index], Fraction]:
        """(a form that equal nodes share whatever their indices are called, its free indices in order, a factor in front)."""
        order = _in_order(node)
        free: list[Index] = sorted(node.free, key=order.index)
        plain = substitute(node, {i: Index(f"\N{BULLET}{k}", i.size, 0) for k, i in enumerate(free)})
        try:
            form = Algebra().canonical(plain)
        except NotYet:  # too large to be put into normal form: it is known by how it is written
            return plain, free, Fraction(1)
        if len(terms(form)) == 1:
            ((m, c),) = terms(form)
            return m, free, c
        return form, free, Fraction(1)

    def _found(self, node: Expr) -> Expr | None:
        form, free, c = self._form(node)
        if form not in self.known:
            return None
        name, places, unit = self.known[form]
        return mul(num(c / unit), At(name, tuple(free[k] for k in places)))

    def name(self, node: Expr, wanted: str = "") -> Expr:
        """The entry that stands for the node; equal nodes share one name, whatever their indices are called."""
        found = self._found(node)
        if found is not None:
            return found
        form, free, c = self._form(node)
        indices, _ = indices_for([i.size for i in free], self.reserved)
        choices = (wanted, *(f"{wanted}{k}" for k in range(1, 1000))) if wanted else _CANDIDATES
        name = next(n for n in choices if n not in self.taken)
        self.taken.add(name)
        self.known[form] = (name, tuple(range(len(free))), c)
        body = substitute(node, dict(zip(free, indices)))
        self.new.append(Definition(name, indices, body, "user", tuple(i.size for i in indices), None, UNNAMED))
        self.sources.note(name, body)
        return At(name, tuple(free))


def _is_statistic(node: Expr) -> bool:
    """A sum, or a sum with numbers and sizes in front, that is no matrix product: a mean of x, a mean of u²."""
    factors: Sequence[Expr] = node.args[0] if isinstance(node, Mul) else (node,)
    sums = [f for f in factors if isinstance(f, Sum)]
    return len(sums) == 1 and not has_contraction(node) and not shifted(node) and bool(node.free) \
        and all(f is sums[0] or not (f.free or array_names(f)) for f in factors)


def _is_square(node: Expr) -> bool:
    """A product in which two factors or more hold a contraction or are the same sum, such as (X w − y) (X w − y)."""
    if not isinstance(node, Mul):
        return False
    sums = [factor for factor in node.args[0] if isinstance(factor, Add)]
    return len(sums) > len(set(sums)) or sum(has_contraction(factor) for factor in node.args[0]) > 1


def _is_difference(node: Expr) -> bool:
    """(x − μ) or (x − μ)/σ, with arrays in two terms or more."""
    if isinstance(node, Mul):
        return any(isinstance(factor, Add) and _is_difference(factor) for factor in node.args[0])
    if not isinstance(node, Add) or shifted(node):
        return False
    return sum(bool(array_names(term)) for term in node.args[0]) > 1


def _is_polynomial(node: Expr) -> bool:
    """A sum with powers in it and without functions, such as c (x + a x³): what depends on it is differentiated by it first."""
    parts = list(walk(node))
    return any(isinstance(part, Add) for part in parts) and any(isinstance(part, Pow) and part.args[1] > 1 and part.free for part in parts) \
        and not any(isinstance(part, (Fn, Sum, Where, Iverson)) for part in parts) and not shifted(node)


def shifted(node: Expr) -> bool:
    """Whether a maximum or a stopped term occurs in it."""
    return any(isinstance(part, (Extremum, Stop)) for part in walk(node))


def _in_order(node: Expr) -> list[Expr]:
    out: list[Expr] = [node]
    for kid in node.kids:
        out += _in_order(kid)
    return out
