"""Jacobians that have a section of their own: definitions whose entries mix."""

from __future__ import annotations

from derive.calculus.backward import Backward
from derive.calculus.prepare import entry_for
from derive.calculus.rewrite import Chain, contract, differentiated
from derive.calculus.totals import new_letters
from derive.derivation import Definition
from derive.index import ONE, ZERO, Add, At, Delta, Expr, Index, Partial, add, array_names, delta, neg, substitute, walk

__all__ = ["Jacobians"]


class Jacobians(Backward):
    """Tells how a definition depends on its inputs, before the chain rule uses it."""

    # ------------------------------------------------------------------------------------------- Jacobians with a section of their own

    def _tell_total(self, d: Definition) -> None:
        """A normalised quotient: its statistics first, then itself."""
        for total in self.totals[d.name]:
            cases = self._cases(total.value, total.definition.indices, total.entry) if total.definition is d else ()
            self.sections.append(total.chain.section(cases))
        last = self.totals[d.name][-1]
        seeds: dict[Expr, Expr] = dict(zip(d.indices, self.seed_indices)) if d is self.ready.definitions[-1] else {}
        own = tuple(seeds.get(i, i) for i in d.indices)
        self.jacobians[d.name, last.entry.name] = (own, substitute(last.entry, seeds), substitute(last.value, seeds))  # type: ignore[assignment]

    def _tell_jacobians(self, d: Definition, live: set[str]) -> None:
        body = self.ready.bodies[d.name]
        for n in sorted(array_names(body) & (live | {self.wrt})):
            own = self._indices_of(n)
            entry = entry_for(body, n, d.indices, new_letters(d.indices, own, self.reserved))
            if entry is None or self._is_linear(d, n):
                continue
            chain = Chain(f"How {d.name} depends on {n}", Partial(body, entry), left=Partial(At(d.name, d.indices), entry),
                          prose=self._row_prose(d, n, entry)).differentiate()
            chain.to("contraction", contract(self.ready.algebra, chain.current)).polish("names written back", self.ready.pretty(chain.current))
            if self._mixes(chain.current, d.indices, entry):
                self.jacobians[d.name, n] = (d.indices, entry, chain.current)
                self.sections.append(chain.section(self._cases(chain.current, d.indices, entry)))

    def _row_prose(self, d: Definition, n: str, entry: At) -> str:
        same = [i for i in entry.indices if i in d.indices]
        if not same:
            return ""
        return f"Each row ({', '.join(f'{i.args[0]} fixed' for i in same)}) of {d.name} depends on the same row of {n} alone."

    def _is_linear(self, d: Definition, n: str) -> bool:
        """Whether the derivative does not mention n again, so that it needs no section of its own."""
        body = self.ready.bodies[d.name]
        entry = entry_for(body, n, d.indices, new_letters(d.indices, self._indices_of(n), self.reserved))
        return entry is None or n not in array_names(differentiated(Partial(body, entry)))

    @staticmethod
    def _mixes(node: Expr, indices: tuple[Index, ...], entry: At) -> bool:
        """Whether different entries depend on each other: some part of the derivative is free of the delta that ties them."""
        new = [i for i in entry.indices if i not in indices]
        return bool(new) and any(isinstance(part, Add) and any(isinstance(t, Delta) or any(isinstance(x, Delta) for x in t.kids)
                                                                for t in part.args[0])
                                 and not all(any(isinstance(x, Delta) for x in walk(t)) for t in part.args[0]) for part in walk(node))

    def _cases(self, node: Expr, indices: tuple[Index, ...], entry: At) -> tuple[tuple[Expr, Expr], ...]:
        deltas = {part for part in walk(node) if isinstance(part, Delta) and all(isinstance(i, Index) for i in part.args)}
        if len(deltas) != 1:
            return ()
        (d,) = deltas
        new, old = d.args if d.args[0] in entry.indices and d.args[0] not in indices else d.args[::-1]
        equal = self.ready.pretty(substitute(node, {new: old}))
        apart = self.ready.pretty(substitute(node, {d: ZERO}))
        return ((delta(new, old), equal), (add(ONE, neg(d)), apart))
