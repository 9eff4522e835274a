"""Names for what the source leaves unnamed, where a name keeps the derivative short and the code stable.

A contraction inside a function, such as exp((X w)_i), is then differentiated and computed once; a difference under a power, such as
(x − μ)², is never multiplied out, which would lose its digits; and a normalised quotient, such as a softmax, gets its own Jacobian.
"""

from __future__ import annotations

from collections.abc import Iterable

from derive.derivation import Definition
from derive.index import Add, At, Expr, Extremum, Fn, Index, Mul, Num, Poly, Pow, Stop, Sum, array_names, rebuild, substitute, walk
from derive.normal import Algebra
from derive.rules.value import indices_for

__all__ = ["has_contraction", "shifted", "with_names"]


def with_names(definitions: Iterable[Definition], reserved: set[str]) -> list[Definition]:
    """The definitions, with further ones for unnamed values; none of the new names is reserved."""
    known = list(definitions)
    namer = _Namer(reserved | {d.name for d in known}, reserved)
    out: list[Definition] = []
    for d in known:
        body = namer.visit(d.body, inside=False, powered=False, top=True)
        out += [*namer.taken_out(), Definition(d.name, d.indices, body, d.role, d.shape, d.place)]
    return out


class _Namer:
    def __init__(self, taken: set[str], reserved: set[str]) -> None:
        self.taken, self.reserved = set(taken), reserved
        self.known: dict[Poly, At] = {}
        self.new: list[Definition] = []

    def taken_out(self) -> list[Definition]:
        """The definitions made since the last call."""
        made, self.new = self.new, []
        return made

    def visit(self, node: Expr, *, inside: bool, powered: bool, top: bool = False) -> Expr:
        """The node with names in it.  inside: under a function; powered: under a power; top: the whole body, which has a name already."""
        held = has_contraction(node)
        if inside and held and not shifted(node):
            return self.name(node)
        squared = _is_square(node) or (isinstance(node, Pow) and node.args[1] != -1)
        nonlinear = squared or isinstance(node, (Fn, Extremum, Pow)) or (inside and held)
        if isinstance(node, Pow) and isinstance(node.args[0], Sum):
            nonlinear = squared = False
        changed = rebuild(node, lambda kid: self.visit(kid, inside=nonlinear, powered=squared)) if node.args else node
        if (powered and _is_difference(changed)) or (not top and _is_normalised(changed)):
            return self.name(changed)
        return changed

    def name(self, node: Expr) -> At:
        """The entry that stands for the node; equal nodes share one name, whatever their indices are called."""
        order = _in_order(node)
        free = sorted(node.free, key=order.index)
        indices, _ = indices_for([i.size for i in free], self.reserved)
        body = substitute(node, dict(zip(free, indices)))
        form = Algebra().canonical(body)
        if form not in self.known:
            name = next(n for n in (*"uvst", *(f"u{k}" for k in range(1, 1000))) if n not in self.taken)
            self.taken.add(name)
            self.known[form] = At(name, indices)
            self.new.append(Definition(name, indices, body, "user", tuple(i.size for i in indices), None, "unnamed in the source"))
        return At(self.known[form].name, tuple(free))


def has_contraction(node: Expr) -> bool:
    """Whether a matrix product occurs in it: a sum over a product of two arrays or more."""
    if isinstance(node, Sum) and isinstance(node.body, Mul):
        moving = [f for f in node.body.args[0] if f.free & frozenset(node.bound) and isinstance(f, At)]
        if len(moving) >= 2:
            return True
    return isinstance(node, (Add, Mul)) and any(has_contraction(kid) for kid in node.args[0])


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


def _is_normalised(node: Expr) -> bool:
    """e^u / Σ e^u: a quotient of an exponential by a sum, at plain indices."""
    if not isinstance(node, Mul) or not any(isinstance(f, Pow) and f.args[1] == -1 and isinstance(f.args[0], Sum) for f in node.args[0]):
        return False
    if not any(isinstance(f, Fn) and f.args[0] == "exp" for f in node.args[0]) or not node.free:
        return False
    return all(isinstance(i, (Index, Num)) for part in walk(node) if isinstance(part, At) for i in part.indices)


def shifted(node: Expr) -> bool:
    """Whether a maximum or a stopped term occurs in it."""
    return any(isinstance(part, (Extremum, Stop)) for part in walk(node))


def _in_order(node: Expr) -> list[Expr]:
    out: list[Expr] = [node]
    for kid in node.kids:
        out += _in_order(kid)
    return out
