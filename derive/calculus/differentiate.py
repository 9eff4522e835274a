"""The derivation: the chain rule over the variables that the user named, told in sections.

Legend: as in `backward`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from derive.calculus.backward import LOSS, SEED, Use, summed, unused
from derive.calculus.jacobians import Jacobians
from derive.calculus.naming import UNNAMED
from derive.calculus.rewrite import Chain, contract
from derive.calculus.standard import mentioned, multiplies, occurrences
from derive.derivation import Assumption, Definition, Section, Story
from derive.domains import premises
from derive.index import ONE, ZERO, At, Expr, Fn, Index, Partial, Stop, add, array_names, expand, fresh, mul, power, substitute, walk
from derive.normal import P1
from derive.normal.present import cost
from derive.rules import FUNCTIONS
from derive.rules.value import index_letters
from derive.trace.read import Program

__all__ = ["differentiate"]

_READABLE, _ONE_MORE, _LARGE = 24, 2, 80
_LONG = 500  # an attempt to shorten more than this takes longer than it saves in reading


def differentiate(program: Program, wrt: str, kind: str, declared: Sequence[Assumption] = ()) -> Story:
    """The derivative of a program's value with respect to one argument.

    Args:
        program: the function, as read.
        wrt: the name of a float argument.
        kind: 'gradient' (scalar value), 'vjp' (an incoming gradient `dout`) or 'jacobian'.
        declared: assumptions that may be used.
    """
    return _Builder(program, wrt, kind, declared).story()


class _Builder(Jacobians):
    """Puts the sections of one derivation together."""

    # ------------------------------------------------------------------------------------------- the whole story

    def story(self) -> Story:
        self._start()
        live = self._live()
        for d in self.ready.definitions:
            if d.name in self.totals and d.name in {*live, self.ready.definitions[-1].name}:
                self._tell_total(d)
            elif d.name in live:
                self._tell_jacobians(d, live)
        for d in reversed(self.ready.definitions[:-1]):
            if d.name in live:
                self._reach(d)
        result = self._finish()
        ready = self.ready
        assumptions = [*self.program.assumptions, *ready.algebra.labels.values(), *premises(self.program.definitions, ready.algebra)]
        open_ones = _distinct(self.declared, (a for a in assumptions if not self._evident(a)))
        kept = self._kept(result)
        names = {d.name for d in ready.definitions} - {d.name for d in kept}
        return Story(self.program.source, self.kind, self.wrt, kept, tuple(self.cotangents), result,
                     tuple(self.sections), open_ones, (*self._kinks(), *self.program.conventions),
                     tuple(fact for fact in ready.facts if not array_names(fact[0]) & names),
                     {d.name: ready.bodies[d.name] for d in kept if ready.bodies[d.name] is not d.body})

    def _kept(self, result: Definition) -> tuple[Definition, ...]:
        """The definitions, without standard names that nothing mentions."""
        told = [part for s in self.sections for part in (s.left, s.start, *(x.after for x in s.steps), *(x for case in s.cases for x in case))]
        bodies = [d.body for d in (*self.ready.definitions, *self.cotangents, result)]
        seen = mentioned([*told, *bodies])
        return tuple(d for d in self.ready.definitions if d.name in seen or d.meaning != UNNAMED or d is self.ready.definitions[-1])

    def _evident(self, assumption: Assumption) -> bool:
        """Whether sizes alone say that it holds, such as n < 4n."""
        condition = assumption.condition
        return condition is not None and not array_names(condition) and self.ready.algebra.canonical(condition) is P1

    def _start(self) -> None:
        last = self.ready.definitions[-1]
        plan = self.plan
        if plan.example is not None:
            left = At(LOSS, (plan.example,))
            chain = Chain("The loss of one example", plan.written, left=left,
                          prose=f"{last.name} adds up one number {LOSS} for each example. First comes the derivative of one of them.")
            self.sections.append(chain.to("contraction", plan.data).section())
            self.uses.append(Use(LOSS, (plan.example,), plan.data, ONE, True))
            return
        bar: Expr = ONE
        if self.kind == "vjp":
            bar = At("dout", last.indices)
            self.sections.append(Section("The gradient that comes in", f"{last.name} flows into some loss {self.scalar} further on. What is "
                                         f"given is dout, the derivative of {self.scalar} with respect to each entry of {last.name}.",
                                         Partial(At(self.scalar), At(last.name, last.indices)), bar))
        seeds = dict(zip(last.indices, self.seed_indices))
        self.uses.append(Use(last.name, self.seed_indices or last.indices, substitute(plan.data, seeds), bar, False))

    def _live(self) -> set[str]:
        """The definitions on a path from the argument to the value."""
        live: set[str] = set()
        wanted = array_names(self.plan.data)
        for d in reversed(self.ready.definitions[:-1]):
            if d.name in wanted and d.name in self.moving:
                live.add(d.name)
                wanted |= array_names(self.ready.flow(d.name))
        return live

    def _kinks(self) -> list[str]:
        used = {name for section in self.sections for step in section.steps for name in [step.rule.removeprefix("chain rule, ")]}
        out = [row.kink for row in FUNCTIONS.values() if row.name in used and row.kink]
        bodies = [s.after for section in self.sections for s in section.steps]
        if any(isinstance(part, Fn) and part.args[0] == "heaviside" for body in bodies for part in walk(body)):
            out.append(FUNCTIONS["heaviside"].kink)
        if any(isinstance(part, Stop) for name in self._live() for part in walk(self.ready.bodies[name])):
            out.append("terms under stop_gradient are held constant, so this is not the derivative of the value where they vary")
        return list(dict.fromkeys(out))

    # ------------------------------------------------------------------------------------------- the argument itself

    def _finish(self) -> Definition:
        own = self._all_target()
        uses = [use for use in self.uses if self.wrt in array_names(use.body)]
        parts: list[Expr] = []
        singles = [use for use in uses if use.single]
        flows = [self._flow(use, self.wrt) for use in singles]
        ties = {flow[3] for flow in flows}
        tied_to = self._example_of(flows)
        if ties == {True} and tied_to is None:  # tied to the example, and not by the same axis
            ties = {True, False}
        if len(ties) == 1:
            parts.append(self._examples(singles, own, tied_to))
        others = [use for use in uses if not use.single or len(ties) > 1]
        if others:
            chain = self._chain_to(self.wrt, own, others, [self._flow(use, self.wrt) for use in others], False)
            self.sections.append(chain.section())
            parts.append(chain.current)
        if self.plan.direct is not ZERO:
            parts.append(self._direct(own))
        return self._result(parts, own)

    def _examples(self, uses: list[Use], own: tuple[Index, ...], tied_to: Index | None) -> Expr:
        """∂ℓ_i/∂n first, then the weighted sum over the examples; `tied_to` is the index of n that is the example, if there is one."""
        example = self.plan.example
        assert example is not None
        shown = tied_to or (example if example not in own else Index(example.name, example.size, SEED))
        chain = self._chain_to(self.wrt, own, uses, [self._flow(use, self.wrt, {example: shown}) for use in uses], True, shown)
        self.sections.append(chain.section())
        all_of = fresh(example)
        bound = () if tied_to else (all_of,)
        renaming: dict[Expr, Expr] = {} if tied_to else {shown: all_of}
        label = self._label(False)
        mean = Chain(self._together(), mul(self.plan.weight, summed(bound, substitute(chain.left, renaming))),  # type: ignore[arg-type]
                     left=Partial(label, At(self.wrt, own)),
                     prose=f"{label.name} adds the examples up with the same weight for each, so its derivative adds up theirs with that weight.")
        mean.to("linearity", mul(self.plan.weight, summed(bound, substitute(chain.current, renaming))))
        mean.polish("names written back", self.ready.pretty(mean.current))
        self.sections.append(mean.section())
        return mean.current

    def _together(self) -> str:
        """What adds the examples up: a mean where the weight is 1 over their number."""
        assert self.plan.example is not None
        return "The mean over the examples" if self.plan.weight is power(self.plan.example.size, -1) else "The sum over the examples"

    def _direct(self, own: tuple[Index, ...]) -> Expr:
        others = len(self.ready.definitions) > 1
        title = f"The regulariser: the term in {self.wrt} alone" if others and self.plan.data is not ZERO else f"The term in {self.wrt}"
        chain = Chain(title, Partial(self.plan.direct, At(self.wrt, own)),
                      prose=f"This part of {self.ready.definitions[-1].name} depends on {self.wrt} directly.").differentiate()
        chain.to("contraction", contract(self.ready.algebra, chain.current)).polish("names written back", self.ready.pretty(chain.current))
        self.sections.append(chain.section())
        return chain.current

    def _result(self, parts: list[Expr], own: tuple[Index, ...]) -> Definition:
        zeros = {i: ZERO for i in own if i.size is ONE}
        body = substitute(add(*parts), zeros)
        label = Partial(self._label(False), At(self.wrt, tuple(zeros.get(i, i) for i in own)))
        chain = Chain("The result", body, left=label)
        self._write_out(chain)
        self.sections.append(chain.section())
        cases = self._cases(chain.current, self.seed_indices, At(self.wrt, own)) if self.kind == "jacobian" else ()
        self.sections[-1] = replace(self.sections[-1], cases=cases)
        name = f"d{self.wrt}" if self.kind != "jacobian" else f"d{self.ready.definitions[-1].name}_d{self.wrt}"
        shape = (*(self.ready.definitions[-1].shape if self.kind == "jacobian" else ()), *self.argument.shape)
        taken = self.reserved | {d.name for d in (*self.ready.definitions, *self.cotangents)}
        return Definition(unused(name, taken), (*self.seed_indices, *self.target), body, "result", shape)


    def _write_out(self, chain: Chain) -> None:
        """Put named derivatives in the result's place of them, where it stays readable: all that are read once, or one that cancels."""
        alone = chain.current.name if isinstance(chain.current, At) else ""
        bodies = {c.name: (c.indices, c.body) for c in self.cotangents if c.name == alone or not multiplies(c.body)}
        for _ in self.cotangents if cost(chain.current) <= _LARGE else ():
            count = {name: occurrences(chain.current, name) for name in bodies}
            once = expand(chain.current, {name: bodies[name] for name in bodies if count[name] == 1})
            if once is not chain.current and cost(once) <= _READABLE:
                self._written(chain, once)
                continue
            for name in [name for name in bodies if count[name] > 1]:
                written = expand(chain.current, {name: bodies[name]})
                if cost(written) <= _LONG and cost(self.ready.pretty(written)) <= cost(chain.current) + _ONE_MORE:
                    self._written(chain, written)

    def _written(self, chain: Chain, written: Expr) -> None:
        chain.to("names written out", written)
        tidy = self.ready.pretty(written)
        if cost(tidy) <= cost(written) + 1:
            chain.polish("names written back", tidy)


def _distinct(declared: Iterable[Assumption], assumptions: Iterable[Assumption]) -> tuple[Assumption, ...]:
    """What was declared, and each further assumption once, with indices under their usual letters."""
    out = {(a.text, a.condition): a for a in map(_lettered, declared)}
    known = {a.condition for a in out.values() if a.condition is not None}
    out |= {(a.text, a.condition): a for a in map(_lettered, assumptions) if a.condition not in known}
    return tuple(out.values())


def _lettered(a: Assumption) -> Assumption:
    condition = a.condition
    if condition is None:
        return a
    letters: dict[Expr, Expr] = {}
    for i in sorted(condition.free, key=lambda i: i.key):
        letters[i] = Index(index_letters(i.size, {x.args[0] for x in letters.values()}), i.size, 0)
    return Assumption(a.text, substitute(condition, letters))
