"""Sums that are known: Σ_c p_ic = 1, and for centred values Σ_i u_ia = 0.  Each follows from a definition by the normal form."""

from __future__ import annotations

from derive.calculus.naming import has_contraction
from derive.calculus.prepared import Prepared
from derive.derivation import Definition
from derive.index import At, Expr, Index, Mul, Sum, array_names, power, walk
from derive.normal.present import present
from derive.normal.ring import terms

__all__ = ["contracts", "known_sums"]


def contracts(node: Expr) -> bool:
    """Whether a matrix product occurs under a sum."""
    return any(isinstance(part, Sum) and has_contraction(part) for part in walk(node))


def known_sums(ready: Prepared) -> None:
    """Sum each definition over its axes; keep the sums that are numbers, such as Σ_c p_ic = 1 and, for centred values, Σ_i u_ia = 0."""
    algebra = ready.algebra
    for d in ready.definitions:
        body = ready.bodies[d.name]
        for axes in [] if contracts(body) else _axes(d, body):
            bound = tuple(d.indices[k] for k in axes)
            total = ready.folder.fold(algebra.canonical(Sum(bound, body)))
            if total.free or any(array_names(m) for m, _ in terms(total)):
                continue
            if len(axes) == 1:
                algebra.known_sums.setdefault(d.name, []).append((d.indices, axes[0], total))
            else:
                algebra.known_totals.setdefault(d.name, []).append((d.indices, axes, total))
            ready.facts.append((Sum(bound, At(d.name, d.indices)), present(algebra, total)))
            algebra.forget()
            _known_square(ready, d, bound)


def _known_square(ready: Prepared, d: Definition, bound: tuple[Index, ...]) -> None:
    """For a standardised x̂ also Σ x̂², which is m var/σ²: that is less than m where σ² = var + ε."""
    if isinstance(ready.bodies[d.name], Mul):
        square = power(At(d.name, d.indices), 2)
        total = ready.folder.fold(ready.algebra.canonical(Sum(bound, power(ready.bodies[d.name], 2))))
        if len(terms(total)) == 1 and not any(isinstance(part, Sum) for part in walk(total)):
            ready.facts.append((Sum(bound, square), present(ready.algebra, total)))


def _axes(d: Definition, body: Expr) -> list[tuple[int, ...]]:
    """Each axis, and the axes that a statistic in the body does not have."""
    each = [(k,) for k in range(len(d.indices))]
    lacking = {tuple(k for k, i in enumerate(d.indices) if i not in part.free) for part in walk(body)
               if isinstance(part, At) and part.indices and part.free < frozenset(d.indices)}
    if any(isinstance(part, Sum) for part in walk(body)) or any(isinstance(part, At) and not part.indices for part in walk(body)):
        lacking.add(tuple(range(len(d.indices))))
    return [*each, *sorted(axes for axes in lacking if len(axes) > 1)]
