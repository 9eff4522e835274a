"""Assumptions that the user declares: text such as "eps > 0", "0 < p < 1", "y in {0, 1}" or "sum(y, axis=-1) == 1", read with the tables of
the loss.

What is declared holds at every point at which anything is tried, and is shown with the result.  It is also used: that an argument is positive or
not negative, that it takes the values 0 and 1 or −1 and 1 alone, and what its sum over an axis is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from derive.derivation import Argument, Assumption, Packed
from derive.errors import BadInput, DeriveError, NotYet
from derive.fitting import values_of
from derive.index import ONE, ZERO, Add, At, Expr, Index, Iverson, Mul, Num, Poly, Sum, add, array_names, mul, neg, num, power, sub
from derive.normal import Algebra
from derive.normal.ring import factors, terms
from derive.rules.value import indices_for
from derive.trace import read

__all__ = ["declared", "usable", "use", "violated"]

# The operator, and whether the sides are exchanged.
_OPERATORS: dict[type, tuple[str, bool]] = {ast.Gt: (">", False), ast.GtE: (">=", False), ast.Eq: ("=", False), ast.Lt: (">", True),
                                            ast.LtE: (">=", True), ast.NotEq: ("!=", False), ast.In: ("in", False)}
_HINT = 'Write a comparison in the arguments, such as "eps > 0", "0 < p < 1", "y in {0, 1}" or "sum(y, axis=-1) == 1".'


def declared(texts: Sequence[str], arguments: Sequence[Argument], packed: Sequence[Packed] = ()) -> list[Assumption]:
    """Read assumptions on these arguments.

    Args:
        texts: comparisons of expressions in the arguments; the functions of jax.numpy are known by their bare names.  A chain such as
            "0 < p < 1", and what is joined by `and`, is taken apart.
        arguments: the arguments of the function, with their shapes.
        packed: which of them come out of a tree; they may be written as params["b"] or by their own name.

    Raises:
        BadInput: a text is no comparison, or names something unknown.
    """
    if isinstance(texts, str):
        raise BadInput(f"assume={texts!r} is one string.", hint=f"Give a list: assume=[{texts!r}].")
    named = _Named({ast.unparse(ast.parse(reach, mode="eval")): leaf for tree in packed for leaf, reach in tree.reach.items()})
    out = []
    for text in texts:
        for left, op, right in _comparisons(text):
            shown = f"{ast.unparse(left)} {_sign(op)} {ast.unparse(right)}"
            out.append(Assumption(shown, _condition(text, named.visit(left), op, named.visit(right), arguments)))
    return out


def violated(assumptions: Sequence[Assumption], values: Mapping[str, Any]) -> tuple[str, ...]:
    """Which declared assumptions do not hold for these values, by the names that they use; an equation holds up to rounding."""
    names = {name: getattr(np, name) for name in dir(np) if not name.startswith("_")} | dict(values)
    out = []
    for assumption in assumptions:
        for left, op, right in _comparisons(assumption.text):
            first, second = (eval(ast.unparse(side), names) for side in (left, right))  # the user's text
            if not np.all(_HOLDS[type(op)](np.asarray(first), second if isinstance(op, ast.In) else np.asarray(second))):
                out.append(assumption.text)
    return tuple(out)


def _equal(left: Any, right: Any) -> Any:
    rough = max(np.finfo(side.dtype).eps if side.dtype.kind == "f" else 0.0 for side in (left, right))
    return np.isclose(left, right, rtol=_ROUNDING * rough, atol=_ROUNDING * rough)


_ROUNDING = 1000.0
_HOLDS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Gt: np.greater, ast.GtE: np.greater_equal, ast.Lt: np.less, ast.LtE: np.less_equal, ast.NotEq: np.not_equal, ast.Eq: _equal,
    ast.In: lambda left, right: np.isin(left, list(right))}


class _Named(ast.NodeTransformer):
    """Writes the names of arrays in the place of what reaches them in a tree."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit(self, node: ast.AST) -> Any:
        """The node with names in it."""
        found = self.names.get(ast.unparse(node)) if isinstance(node, ast.expr) else None
        return ast.Name(found, ast.Load()) if found is not None else self.generic_visit(node)


def _sign(op: ast.cmpop) -> str:
    return ast.unparse(ast.Compare(ast.Name(""), [op], [ast.Name("")])).strip()


def _comparisons(text: str) -> Iterator[tuple[ast.expr, ast.cmpop, ast.expr]]:
    """The single comparisons of a text."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise BadInput(f"The assumption {text!r} cannot be read.", hint=_HINT) from error
    for part in tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]:
        if not isinstance(part, ast.Compare) or any(type(op) not in _OPERATORS for op in part.ops):
            raise BadInput(f"The assumption {text!r} is no comparison.", hint=_HINT)
        yield from zip([part.left, *part.comparators], part.ops, part.comparators)


def _condition(text: str, left: ast.expr, op: ast.cmpop, right: ast.expr, arguments: Sequence[Argument]) -> Expr:
    name, swapped = _OPERATORS[type(op)]
    if name == "in":
        u = _value(text, ast.unparse(left), arguments)
        return Iverson("=", mul(*(sub(u, value) for value in _numbers(text, right))))
    first, second = ast.unparse(left), ast.unparse(right)
    u = _value(text, f"({second}) - ({first})" if swapped else f"({first}) - ({second})", arguments)
    return add(ONE, neg(Iverson("=", u))) if name == "!=" else Iverson(name, _led_by_sum(u) if name == "=" else u)


def _led_by_sum(u: Expr) -> Expr:
    """u divided by what stands before its sum, so that c Σ − v = 0 reads Σ − v/c = 0; u itself where it holds no sum or several."""
    parts = u.args[0] if isinstance(u, Add) else (u,)
    held = {part: [f for f in (part.args[0] if isinstance(part, Mul) else (part,)) if isinstance(f, Sum)] for part in parts}
    led = [part for part, sums in held.items() if len(sums) == 1]
    if len(led) != 1:
        return u
    (total,) = held[led[0]]
    before = mul(*(f for f in led[0].args[0] if f is not total)) if isinstance(led[0], Mul) else ONE
    if array_names(before) or before.free:
        return u
    return add(total, *(mul(part, power(before, -1)) for part in parts if part is not led[0]))


def _numbers(text: str, values: ast.expr) -> list[Expr]:
    """The whole numbers of {0, 1}, (−1, 1) or [0, 1]."""
    try:
        found = list(ast.literal_eval(values))
    except (ValueError, TypeError):
        found = []
    if len(found) < 2 or not all(type(value) is int or (type(value) is float and value.is_integer()) for value in found):
        raise BadInput(f"The assumption {text!r} does not list whole numbers.", hint=_HINT)
    return [num(int(value)) for value in sorted(set(found))]


def _value(text: str, formula: str, arguments: Sequence[Argument]) -> Expr:
    """The formula as an index expression."""
    used = [a for a in arguments if a.name in {n.id for n in ast.walk(ast.parse(formula)) if isinstance(n, ast.Name)}]
    if not used:
        raise BadInput(f"The assumption {text!r} mentions no argument.", hint=f"The arguments are {', '.join(a.name for a in arguments)}.  {_HINT}")
    names: dict[str, Any] = {name: getattr(jnp, name) for name in dir(jnp) if not name.startswith("_")}
    try:
        function = eval(compile(f"lambda {', '.join(a.name for a in used)}: {formula}", "<assumption>", "eval"), names)  # the user's text
        return read(function, {a.name: _shape(a) for a in used}).definitions[-1].body
    except (DeriveError, NameError) as error:
        raise BadInput(f"The assumption {text!r} cannot be used: {error}", hint=_HINT) from error


def _shape(argument: Argument) -> str:
    lead = "" if argument.kind == "float" else argument.kind + " "
    return lead + " ".join(_text(part) for part in argument.shape)


def _text(part: Expr) -> str:
    if isinstance(part, Num):
        return str(part.value)
    if type(part).__name__ == "Size":
        return str(part.args[0])
    raise NotYet("An assumption on an argument with a computed size has no reading yet.")


def usable(assumptions: Sequence[Assumption], moving: Collection[str]) -> list[Assumption]:
    """The assumptions that may be used before a derivative is taken with respect to these arguments.

    An equation, or an inequality that is not strict, says nothing of the numbers beside those at which it holds: of (Σ y)², where Σ y is 1, the
    derivative is 2 and not 0.
    """
    def strict(condition: Expr | None) -> bool:
        return not isinstance(condition, Iverson) or condition.args[0] == ">"
    return [a for a in assumptions if strict(a.condition) or (a.condition is not None and not array_names(a.condition) & set(moving))]


def use(assumptions: Sequence[Assumption], algebra: Algebra, arguments: Sequence[Argument]) -> None:
    """Let a normal form use declared assumptions.  An inequality of another kind is no more than a condition on the arguments.

    Raises:
        NotYet: an equation is of a kind that nothing uses.
    """
    for assumption in assumptions:
        condition = assumption.condition
        if not isinstance(condition, Iverson):
            continue
        op, u = condition.args
        if op in (">", ">="):
            _note_sign(algebra.canonical(u), algebra, arguments, strict=op == ">")
        elif not _few_values(condition, algebra, arguments) and not _known_sum(u, algebra, arguments):
            raise NotYet(f"The assumption {assumption.text!r} is an equation of a kind that is not used yet.",
                         hint="Used are the sum of an argument over one axis, and a list of values: sum(y, axis=-1) == 1, y in {0, 1}.  "
                              "What is equal otherwise is best written into the function.")
    algebra.forget()


def _is_whole(entry: At, arguments: Sequence[Argument]) -> bool:
    """Whether an entry of an argument stands for all its entries: an index of its own for each axis, over the whole of it."""
    argument = next((a for a in arguments if a.name == entry.name), None)
    if argument is None or len(entry.indices) != len(argument.shape):
        return False
    own = [i for i, size in zip(entry.indices, argument.shape) if size is not ONE]
    full = all(isinstance(i, Index) and i.size is size if size is not ONE else i is ZERO for i, size in zip(entry.indices, argument.shape))
    return full and len(set(own)) == len(own)


def _note_sign(p: Poly, algebra: Algebra, arguments: Sequence[Argument], *, strict: bool) -> None:
    """x > 0 and x >= 0, or x > c and x >= c for a number c that is not negative."""
    shift = sum((c for m, c in terms(p) if not factors(m)), Fraction(0))
    rest = [(factors(m), c) for m, c in terms(p) if factors(m)]
    if len(rest) != 1 or shift > 0 or rest[0][1] <= 0 or len(rest[0][0]) != 1:
        return
    ((entry, power),) = rest[0][0]
    if power == 1 and isinstance(entry, At) and _is_whole(entry, arguments):
        (algebra.positive_names if strict or shift < 0 else algebra.nonnegative_names).add(entry.name)


def _few_values(condition: Iverson, algebra: Algebra, arguments: Sequence[Argument]) -> bool:
    """Whether a condition lists the values of an argument; the powers of one that is 0 or 1, or −1 or 1, are then known."""
    found = values_of(condition)
    if found is None:
        return False
    if _is_whole(found[0], arguments):
        if list(found[1]) == [0, 1]:
            algebra.zero_one_names.add(found[0].name)
        if list(found[1]) == [-1, 1]:
            algebra.plus_minus_names.add(found[0].name)
        if found[1][0] >= 0:
            (algebra.positive_names if found[1][0] > 0 else algebra.nonnegative_names).add(found[0].name)
    return True


def _known_sum(u: Expr, algebra: Algebra, arguments: Sequence[Argument]) -> bool:
    """Σ over one axis of an argument, of all of it = a value without that argument."""
    parts = u.args[0] if isinstance(u, Add) else (u,)
    sums = [s for s in parts if isinstance(s, Sum) and len(s.bound) == 1 and isinstance(s.body, At)]
    if len(sums) != 1:
        return False
    total, entry = sums[0], sums[0].body
    assert isinstance(entry, At)
    rest = algebra.canonical(sub(total, u))
    if not _is_whole(entry, arguments) or entry.name in array_names(rest):
        return False
    argument = next(a for a in arguments if a.name == entry.name)
    axis = entry.indices.index(total.bound[0])
    full = indices_for(argument.shape, set())[1]
    renamed = {i: j for i, j in zip(entry.indices, full) if i is not total.bound[0] and isinstance(i, Index)}
    algebra.known_sums.setdefault(entry.name, []).append((full, axis, algebra.substituted(rest, renamed)))
    return True
