"""Assumptions that the user declares: text such as "eps > 0" or "sum(y, axis=-1) == 1", read with the same tables as the loss.

A declared assumption is used where it says that an argument is positive, or what the sum of an argument over an axis is; it is shown with
every result that it entered.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from derive.derivation import Argument, Assumption
from derive.errors import BadInput, DeriveError, NotYet
from derive.index import At, Expr, Index, Iverson, Num, Sum, sub
from derive.normal import Algebra
from derive.normal.ring import terms
from derive.rules.value import indices_for
from derive.trace import read

__all__ = ["declared", "use"]

_OPERATORS: dict[type, tuple[str, bool]] = {ast.Gt: (">", False), ast.GtE: (">=", False), ast.Eq: ("=", False), ast.Lt: (">", True),
                                            ast.LtE: (">=", True)}


def declared(texts: Sequence[str], arguments: Sequence[Argument]) -> list[Assumption]:
    """Read assumptions on these arguments.

    Args:
        texts: comparisons of expressions in the arguments; the functions of jax.numpy are known by their bare names.
        arguments: the arguments of the function, with their shapes.

    Raises:
        BadInput: a text is no comparison, or names something unknown.
    """
    if isinstance(texts, str):
        raise BadInput(f"assume={texts!r} is one string.", hint=f"Give a list: assume=[{texts!r}].")
    return [Assumption(text, _condition(text, arguments)) for text in texts]


def _condition(text: str, arguments: Sequence[Argument]) -> Expr:
    hint = 'Write a comparison in the arguments, such as "eps > 0" or "sum(y, axis=-1) == 1".'
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise BadInput(f"The assumption {text!r} cannot be read.", hint=hint) from error
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or type(tree.ops[0]) not in _OPERATORS:
        raise BadInput(f"The assumption {text!r} is not one comparison.", hint=hint)
    op, swapped = _OPERATORS[type(tree.ops[0])]
    left, right = ast.unparse(tree.left), ast.unparse(tree.comparators[0])
    used = [a for a in arguments if a.name in {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}]
    if not used:
        raise BadInput(f"The assumption {text!r} mentions no argument.", hint=hint)
    difference = f"({right}) - ({left})" if swapped else f"({left}) - ({right})"
    names: dict[str, Any] = {name: getattr(jnp, name) for name in dir(jnp) if not name.startswith("_")}
    try:
        function = eval(compile(f"lambda {', '.join(a.name for a in used)}: {difference}", "<assumption>", "eval"), names)  # the user's text
        program = read(function, {a.name: _shape(a) for a in used})
    except (DeriveError, NameError) as error:
        raise BadInput(f"The assumption {text!r} cannot be used: {error}", hint=hint) from error
    return Iverson(op, program.definitions[-1].body)


def _shape(argument: Argument) -> str:
    lead = "" if argument.kind == "float" else argument.kind + " "
    return lead + " ".join(_text(part) for part in argument.shape)


def _text(part: Expr) -> str:
    if isinstance(part, Num):
        return str(part.value)
    if type(part).__name__ == "Size":
        return str(part.args[0])
    raise NotYet("An assumption on an argument with a computed size has no reading yet.")


def use(assumptions: Sequence[Assumption], algebra: Algebra, arguments: Sequence[Argument]) -> None:
    """Let a normal form use declared assumptions.

    Raises:
        NotYet: an assumption is of a kind that nothing uses.
    """
    for assumption in assumptions:
        condition = assumption.condition
        if condition is None:
            continue
        op, u = condition.args
        p = algebra.canonical(u)
        if op in (">", ">=") and _positive_name(p, algebra, strict=op == ">"):
            continue
        if op == "=" and _known_sum(u, algebra, arguments):
            continue
        raise NotYet(f"The assumption {assumption.text!r} is of a kind that is not used yet.",
                     hint="Used are: an argument that is positive, and the sum of an argument over one axis.")
    algebra.forget()


def _positive_name(p: Expr, algebra: Algebra, *, strict: bool) -> bool:
    """x > 0, or x > c for a number c ≥ 0."""
    names = []
    for m, c in terms(p):  # type: ignore[arg-type]
        powers = list(m.args[0])
        if not powers and c <= 0:
            strict = strict or c < 0
            continue
        if len(powers) != 1 or powers[0][1] != 1 or c <= 0 or not isinstance(powers[0][0], At):
            return False
        names.append(powers[0][0].name)
    if len(names) != 1 or not strict:
        return False
    algebra.positive_names.add(names[0])
    return True


def _known_sum(u: Expr, algebra: Algebra, arguments: Sequence[Argument]) -> bool:
    """Σ over one axis of an argument = a value."""
    parts = u.args[0] if type(u).__name__ == "Add" else (u,)
    sums = [s for s in parts if isinstance(s, Sum) and len(s.bound) == 1 and isinstance(s.body, At)]
    if len(sums) != 1:
        return False
    entry = sums[0].body
    assert isinstance(entry, At)
    axis = [k for k, i in enumerate(entry.indices) if i is sums[0].bound[0]]
    argument = next((a for a in arguments if a.name == entry.name), None)
    if len(axis) != 1 or argument is None or not all(isinstance(i, Index) for i in entry.indices):
        return False
    value = algebra.canonical(sub(sums[0], u))
    indices, _ = indices_for(argument.shape, set())
    renamed = algebra.substituted(value, {i: j for i, j in zip(entry.indices, indices) if i is not sums[0].bound[0]})
    algebra.known_sums.setdefault(entry.name, []).append((indices, axis[0], renamed))
    return True
