"""From a program as written to one that is ready to be differentiated: contractions get names, shifts by a maximum drop out, and steps that
only obscure are merged.

Legend: D, E are definitions; a body "to reason with" may differ from the one that was written, and never in value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from derive.calculus.naming import UNNAMED, has_contraction, shifted, with_names
from derive.calculus.rewrite import Chain, differentiated
from derive.calculus.spellings import density
from derive.calculus.standard import softmaxes
from derive.derivation import Definition, Section
from derive.index import (
    Add,
    At,
    Expr,
    Fn,
    Index,
    Mul,
    Num,
    Partial,
    Size,
    Sum,
    add,
    array_names,
    expand,
    mul,
    power,
    rebuild,
    substitute,
    walk,
)
from derive.normal import Algebra
from derive.normal.fold import Folder
from derive.normal.present import cost, present
from derive.normal.ring import terms

__all__ = ["Prepared", "entry_for", "has_contraction", "prepare", "tied"]


@dataclass
class Prepared:
    """Definitions with bodies to reason with.

    Attributes:
        definitions: as written, contractions named.
        bodies: the body to reason with, by name.
        algebra: the soft normal form, with the facts about these definitions.
        folder: writes the names again.
        sections: what was told while preparing (the shift).
        skipped: names that no body to reason with mentions any more.
        facts: known sums, as (left, right).
        flows: bodies in terms of what a total derivative is taken in, by name.
    """

    definitions: list[Definition]
    bodies: dict[str, Expr]
    algebra: Algebra
    folder: Folder = field(init=False)
    sections: list[Section] = field(default_factory=list)
    facts: list[tuple[Expr, Expr]] = field(default_factory=list)
    flows: dict[str, Expr] = field(default_factory=dict)

    def by_name(self, name: str) -> Definition:
        """The definition of that name."""
        return next(definition for definition in self.definitions if definition.name == name)

    def insert(self, new: Definition, before: Definition) -> None:
        """Take in one more definition, before another."""
        self.definitions.insert(self.definitions.index(before), new)
        self.bodies[new.name] = new.body

    def flow(self, name: str) -> Expr:
        """The body that says what flows into a definition."""
        return self.flows.get(name, self.bodies[name])

    def pretty(self, node: Expr) -> Expr:
        """The expression simplified, with the names written again."""
        return present(self.algebra, self.folder.fold(self.algebra.canonical(node)))

    def by_parts(self, node: Expr) -> Expr:
        """The same for each term and each factor on its own: a product of sums stays one."""
        if isinstance(node, Add):
            return add(*(self.by_parts(term) for term in node.args[0]))
        return mul(*(self.pretty(factor) for factor in node.args[0])) if isinstance(node, Mul) else self.pretty(node)

    def refold(self) -> None:
        """Read the rows again after a body has changed.

        The value itself is no name to be written back where it is a plain product, such as x σ(x): its factors are what a reader knows.
        """
        rows = self.definitions[:-1] if _is_plain_product(self.definitions[-1].body) else self.definitions
        known = [Definition(d.name, d.indices, body) for d in rows for body in dict.fromkeys((self.bodies[d.name], d.body))
                 if body is self.bodies[d.name] or not shifted(body)]
        self.folder = Folder(self.algebra, known)


def prepare(definitions: Iterable[Definition], reserved: set[str], wrt: Iterable[str], inform: Callable[[Algebra], None]) -> Prepared:
    """Make a program ready to be differentiated with respect to some arrays; `inform` tells the normal form what is assumed."""
    named = with_names(list(definitions), reserved)
    algebra = Algebra()
    inform(algebra)
    ready = Prepared(named, {d.name: d.body for d in named}, algebra)
    _drop_shifts(ready)
    _standard_names(ready, reserved)
    _note_signs(ready)
    ready.refold()
    _merge(ready, set(wrt))
    _known_sums(ready)
    ready.refold()
    return ready


# ------------------------------------------------------------------------------------------- the shift by the maximum


def _drop_shifts(ready: Prepared) -> None:
    """Remove each maximum (or stopped term) that cancels, by normal form: then it may be any number."""
    tainted: dict[str, tuple[tuple[Index, ...], Expr]] = {}
    for definition in ready.definitions:
        body = expand(definition.body, tainted)
        if not shifted(body):
            continue
        cleaned = _cleaned(ready.algebra, body)
        if shifted(cleaned):
            tainted[definition.name] = (definition.indices, body)
            continue
        ready.bodies[definition.name] = cleaned
        chain = Chain("The shift by the maximum drops out", body, left=At(definition.name, definition.indices))
        ready.sections.append(chain.to("shift", cleaned).section())


def _cleaned(algebra: Algebra, node: Expr) -> Expr:
    """The smallest parts in which the shift cancels are simplified; the rest stays as written."""
    if not shifted(node):
        return node
    inner = rebuild(node, lambda kid: _cleaned(algebra, kid))
    if not shifted(inner):
        return inner
    simplified = present(algebra, algebra.canonical(inner))
    return inner if shifted(simplified) else simplified


def _standard_names(ready: Prepared, reserved: set[str]) -> None:
    """Where a log-sum-exp occurs, its softmax gets a name, unless the source has one; beside Φ, its density does."""
    forms = {ready.algebra.canonical(substitute(body, dict(zip(d.indices, _places(d.indices)))))
             for d in ready.definitions for body in (ready.bodies[d.name],) if d.indices and not shifted(body)}
    for d in list(ready.definitions):
        for p in softmaxes(ready.bodies[d.name], reserved | {x.name for x in ready.definitions}, reserved):
            form = ready.algebra.canonical(substitute(p.body, dict(zip(p.indices, _places(p.indices)))))
            if form not in forms:
                forms.add(form)
                ready.insert(p, d)
        phi = density(d.body)
        if phi is not None and d.indices:
            name = next(n for n in ("phi", "pdf", *(f"phi{k}" for k in range(1, 1000))) if n not in reserved | {x.name for x in ready.definitions})
            ready.insert(Definition(name, d.indices, phi, "user", d.shape, None, UNNAMED), d)


def _places(indices: tuple[Index, ...]) -> list[Index]:
    return [Index(f"\N{BULLET}{k}", i.size, 0) for k, i in enumerate(indices)]


def _is_plain_product(body: Expr) -> bool:
    return isinstance(body, Mul) and all(isinstance(f, (Num, At, Fn)) for f in body.args[0])


def _note_signs(ready: Prepared) -> None:
    for definition in ready.definitions:
        sign = ready.algebra.sign(ready.algebra.canonical(ready.bodies[definition.name]))
        if sign:
            (ready.algebra.positive_names if sign == "positive" else ready.algebra.nonnegative_names).add(definition.name)
    ready.algebra.forget()


# ------------------------------------------------------------------------------------------- merging


def _merge(ready: Prepared, wrt: set[str]) -> None:
    """Differentiate straight through E where D's derivative, with names written again, is shorter so and mentions E no more."""
    names = {d.name for d in ready.definitions}
    for definition in ready.definitions:
        if not definition.indices or has_contraction(ready.bodies[definition.name]):
            continue
        for _ in range(len(names)):
            if not any(_merged(ready, definition, name, wrt | names) for name in sorted(array_names(ready.bodies[definition.name]) & names)):
                break


def _merged(ready: Prepared, definition: Definition, name: str, moving: set[str]) -> bool:
    inner = ready.by_name(name)
    if _contracts(ready.bodies[name]) or shifted(ready.bodies[name]):
        return False
    body = ready.bodies[definition.name]
    through = expand(body, {name: (inner.indices, ready.bodies[name])})
    inputs = array_names(ready.bodies[name]) & moving
    outer = _jacobian(ready, definition.indices, body, name)
    parts = [_jacobian(ready, inner.indices, ready.bodies[name], n) for n in inputs]
    direct = [_jacobian(ready, definition.indices, body, n) for n in inputs if n in array_names(body)]
    whole = [_jacobian(ready, definition.indices, through, n) for n in inputs]
    if not inputs or any(name in array_names(j) for j in whole):
        return False
    if _has_sum(ready.bodies[name]) and any(_has_sum(j) for j in whole):
        return False
    if sum(map(cost, whole)) >= cost(outer) + sum(map(cost, parts)) + sum(map(cost, direct)):
        return False
    ready.bodies[definition.name] = through
    ready.refold()
    return True


def _has_sum(node: Expr) -> bool:
    return any(isinstance(part, Sum) for part in walk(node))


def _contracts(node: Expr) -> bool:
    return any(isinstance(part, Sum) and has_contraction(part) for part in walk(node))


def _jacobian(ready: Prepared, indices: tuple[Index, ...], body: Expr, name: str) -> Expr:
    entry = entry_for(body, name, indices)
    return ready.pretty(differentiated(Partial(body, entry))) if entry is not None else Num(0)


def tied(body: Expr, name: str, indices: Iterable[Index], own: Sequence[Index] | None = None) -> list[Index | None]:
    """For each axis of an array: the free index that all its entries in the body have there, or None.

    With `own`, one index for each axis of the array, an index that runs over a part of the axis alone does not count.
    """
    entries = [part.indices for part in walk(body) if isinstance(part, At) and part.name == name]
    if not entries:
        return []
    out: list[Index | None] = []
    for k, axis in enumerate(zip(*entries)):
        same = axis[0] if all(i is axis[0] for i in axis) and axis[0] in indices and axis[0] not in out else None
        if own is not None and isinstance(same, Index) and same.size is not own[k].size:
            same = None
        out.append(same if isinstance(same, Index) else None)
    return out


def entry_for(body: Expr, name: str, indices: tuple[Index, ...], own: tuple[Index, ...] | None = None) -> At | None:
    """An entry to differentiate by: the same index where the rows do not mix, a new one elsewhere."""
    axes = tied(body, name, indices, own)
    entries = [part for part in walk(body) if isinstance(part, At) and part.name == name]
    if not entries:
        return None
    example = entries[0]
    chosen: list[Index] = []
    for k, same in enumerate(axes):
        if same is not None:
            chosen.append(same)
            continue
        size = own[k].size if own is not None else _size_of_axis(example.indices[k])
        letter = own[k].name if own is not None else "b"
        chosen.append(Index(letter, size, -1 - k))
    return At(name, tuple(chosen), example.kind)


def _size_of_axis(i: Expr) -> Expr:
    return i.size if isinstance(i, Index) else Size("?")


def _known_sums(ready: Prepared) -> None:
    """Sum each definition over its axes; keep the sums that are numbers, such as Σ_c p_ic = 1 and, for centred values, Σ_i u_ia = 0."""
    algebra = ready.algebra
    for d in ready.definitions:
        body = ready.bodies[d.name]
        for axes in [] if _contracts(body) else _axes(d, body):
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
    return [*each, *sorted(axes for axes in lacking if len(axes) > 1)]
