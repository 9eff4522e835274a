"""The total derivative of a normalised quotient, such as x̂ = (x − μ)/σ, in what it is made from, through its statistics.

Legend: D is the quotient, n what it is made from; E, F are definitions between them; ∂E/∂n counts all paths from n to E.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from derive.calculus.prepare import entry_for
from derive.calculus.prepared import Prepared
from derive.calculus.quotients import Sources, has_contraction
from derive.calculus.rewrite import Chain, contract, differentiated
from derive.derivation import Definition
from derive.index import At, Expr, Index, Mul, Partial, Pow, Sum, add, array_names, delta, expand, fresh, mul, substitute, walk
from derive.normal.present import cost
from derive.rules.value import index_letters

__all__ = ["Total", "new_letters", "totals"]

_MOST_BETWEEN = 8
_COTANGENT = 2  # what a reader has to keep in mind for one more named derivative


@dataclass(frozen=True)
class Total:
    """∂E/∂n over all paths: E, an entry of n, the derivative, E's body in terms of n alone, and how it was found."""

    definition: Definition
    entry: At
    value: Expr
    body: Expr
    chain: Chain


def totals(ready: Prepared, wrt: str, moving: set[str], shapes: dict[str, tuple[Index, ...]], reserved: set[str]) -> dict[str, list[Total]]:
    """For each normalised quotient that reads better so: its total derivative, last, after those that it is put together from."""
    finder = _Finder(ready, moving | {wrt}, shapes, reserved)
    out: dict[str, list[Total]] = {}
    for d in reversed(ready.definitions):
        found = finder.best(d) if d.name in moving and not any(d.name == t.definition.name for told in out.values() for t in told) else None
        if found:
            out[d.name] = found
    return out


class _Finder:
    def __init__(self, ready: Prepared, moving: set[str], shapes: dict[str, tuple[Index, ...]], reserved: set[str]) -> None:
        self.ready, self.moving, self.shapes, self.reserved = ready, moving, shapes, reserved
        self.sources = Sources()
        for d in ready.definitions:
            self.sources.note(d.name, ready.bodies[d.name])
        self.order = {d.name: k for k, d in enumerate(ready.definitions)}
        self.quotients = {d.name for d in ready.definitions if d.name in moving and self.is_quotient(d)}

    def inputs(self, name: str) -> list[str]:
        """What moves and flows into a definition, the argument first."""
        return sorted(array_names(self.ready.bodies[name]) & self.moving, key=lambda n: self.order.get(n, -1))

    def best(self, d: Definition) -> list[Total] | None:
        """The shortest of the total derivatives, where it is shorter than all that it takes the place of."""
        if d.name not in self.quotients:
            return None
        choices = []
        for n, between in self.dominators(d.name):
            found = self.through(n, [*between, d.name])
            last = found[-1]
            if d.name in array_names(last.body) or any(isinstance(part, Sum) for part in walk(last.value)):
                continue
            edges = sum(self.edge(e, f) for e in (*between, d.name) for f in self.inputs(e))
            choices.append((cost(last.value) - edges - _COTANGENT * len(between), len(between), found))
        least = min(choices, key=lambda c: c[:2], default=None)
        return least[2] if least is not None and least[0] < 0 else None

    def is_quotient(self, d: Definition) -> bool:
        """A product of two moving parts or more, one of them a statistic with fewer indices."""
        body = self.ready.bodies[d.name]
        if not isinstance(body, Mul) or has_contraction(body) or not d.indices or not any(_statistic(f, d, self.sources) for f in body.args[0]):
            return False
        return len(self.inputs(d.name)) > 1 or any(isinstance(part, Sum) for part in walk(body))

    def dominators(self, name: str) -> Iterable[tuple[str, list[str]]]:
        """Each array that all paths to the definition pass through, with what lies between, in order."""
        above: set[str] = set()
        stack = [name]
        while stack:
            for n in self.inputs(stack.pop()):
                if n not in above:
                    above.add(n)
                    if n in self.order and n not in self.quotients and not has_contraction(self.ready.bodies[n]):
                        stack.append(n)
        for n in above:
            between = self.between(name, n)
            if between is not None:
                yield n, between

    def between(self, name: str, n: str) -> list[str] | None:
        """What lies between n and the definition; None where a path goes past n."""
        found: set[str] = set()
        stack = [name]
        while stack:
            for f in self.inputs(stack.pop()):
                if f == n or f in found:
                    continue
                if f not in self.order or f in self.quotients or has_contraction(self.ready.bodies[f]) or not self.inputs(f):
                    return None
                if len(found) == _MOST_BETWEEN:
                    return None
                found.add(f)
                stack.append(f)
        return sorted(found, key=lambda f: self.order[f])

    def edge(self, e: str, f: str) -> int:
        """What a reader has to read about one step."""
        d, body = self.ready.by_name(e), self.ready.bodies[e]
        entry = entry_for(body, f, d.indices, new_letters(d.indices, self.shapes[f], self.reserved))
        return cost(self.ready.pretty(differentiated(Partial(body, entry)))) if entry is not None else 0

    def through(self, n: str, names: Sequence[str]) -> list[Total]:
        """∂E/∂n for each of these, in order."""
        used = tuple(i for name in names for i in self.ready.by_name(name).indices)
        own = new_letters(used, self.shapes[n], self.reserved)
        bodies: dict[str, tuple[tuple[Index, ...], Expr]] = {}
        known: dict[str, Total] = {}
        for name in names:
            d = self.ready.by_name(name)
            body = expand(self.ready.bodies[name], bodies)
            bodies[name] = d.indices, body
            entry = entry_for(body, n, d.indices, own)
            assert entry is not None
            known[name] = self.total(d, entry, body, known)
        return list(known.values())

    def total(self, d: Definition, entry: At, body: Expr, known: dict[str, Total]) -> Total:
        """∂d/∂n from the total derivatives of what flows into d."""
        start: list[Expr] = []
        worked: list[Expr] = []
        written = self.ready.bodies[d.name]
        direct = entry.name in array_names(written)
        if direct:
            worked.append(Partial(written, entry))
        through = [f for f in self.inputs(d.name) if f in known]
        for f in through:
            symbolic, local = _path(d, written, known[f], entry)
            start.append(symbolic)
            worked.append(local)
        left = Partial(At(d.name, d.indices), entry)
        chain = Chain(f"How {d.name} depends on {entry.name}", add(*worked), left=left, prose=_prose(d.name, entry.name, direct, through))
        if through and not direct:
            chain.start = chain.current = add(*start)
            chain.to("chain rule, all paths", add(*worked))
        chain.differentiate().to("contraction", contract(self.ready.algebra, chain.current))
        chain.polish("names written back", self.ready.pretty(chain.current))
        return Total(d, entry, chain.current, body, chain)


def _path(d: Definition, written: Expr, inner: Total, entry: At) -> tuple[Expr, Expr]:
    """(∂d/∂F · ∂F/∂n as symbols, the same with the second factor known), summed over the entries of F that mix."""
    f = inner.definition
    middle = entry_for(written, f.name, d.indices, f.indices)
    assert middle is not None
    renamed = {i: fresh(i) for i in middle.indices if isinstance(i, Index) and i not in d.indices}
    at = substitute(middle, renamed)
    assert isinstance(at, At)
    swap: dict[Expr, Expr] = dict(zip(f.indices, at.indices))
    below = substitute(inner.value, swap)
    ties = [delta(swap.get(i, i), j) for i, j in zip(inner.entry.indices, entry.indices)]
    bound = tuple(renamed.values())
    whole = mul(Partial(written, at), below, *ties)
    symbolic = mul(Partial(At(d.name, d.indices), at), Partial(at, entry))
    return (Sum(bound, symbolic), Sum(bound, whole)) if bound else (symbolic, whole)


def _prose(name: str, n: str, direct: bool, through: list[str]) -> str:
    if not through:
        return ""
    others = through[0] if len(through) == 1 else ", ".join(through[:-1]) + " and " + through[-1]
    if direct:
        return f"{n} enters {name} directly, where {others} {'is' if len(through) == 1 else 'are'} held still, and through {others}."
    return f"{n} enters {name} through {others}, whose derivative is already known."


def _statistic(factor: Expr, d: Definition, sources: Sources) -> bool:
    """Whether a factor is a statistic of the row, or one over it."""
    base = factor.args[0] if isinstance(factor, Pow) else factor
    return factor.free < frozenset(d.indices) and sources.has_sum(base) and (isinstance(factor, Pow) or isinstance(base, At))


def new_letters(used: tuple[Index, ...], own: tuple[Index, ...], reserved: set[str]) -> tuple[Index, ...]:
    """An index for each of these that shows as a letter of its own."""
    taken = reserved | {i.name for i in used}
    out = []
    for i in own:
        letter = index_letters(i.size, taken)
        taken.add(letter)
        out.append(Index(letter, i.size, -1))
    return tuple(out)
