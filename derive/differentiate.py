"""The derivation: the chain rule over the variables that the user named, told in sections.

Legend: D is a definition that uses n; K its indices, J those of n; the cotangent of n is the derivative of the loss with respect to n.
As long as rows do not mix, it is that of the loss ℓ_i of one example; the weight w of the examples comes in where they are summed up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from derive.assume import use
from derive.derivation import Argument, Assumption, Definition, Section, Story
from derive.domains import premises
from derive.index import (
    ONE, ZERO, Add, At, Delta, Expr, Fn, Index, Partial, Sum, add, array_names, delta, expand, fresh, mul, neg, power, size_names, substitute, walk,
)
from derive.normal.present import cost
from derive.outline import Outline, outline
from derive.prepare import entry_for, has_contraction, prepare, tied
from derive.rewrite import Chain, contract, differentiated
from derive.rules import FUNCTIONS
from derive.rules.value import indices_for, index_letters
from derive.trace.read import Program

__all__ = ["differentiate"]

LOSS = "ℓ"


@dataclass(frozen=True)
class _Use:
    """A place that n flows into: the definition (or the loss) with its body, its own cotangent, and whether that is for one example."""

    name: str
    indices: tuple[Index, ...]
    body: Expr
    bar: Expr
    single: bool


def differentiate(program: Program, wrt: str, kind: str, declared: Sequence[Assumption] = ()) -> Story:
    """The derivative of a program's value with respect to one argument.

    Args:
        program: the function, as read.
        wrt: the name of a float argument.
        kind: 'gradient' (scalar value), 'vjp' (an incoming gradient `dout`) or 'jacobian'.
        declared: assumptions that may be used.
    """
    return _Builder(program, wrt, kind, declared).story()


class _Builder:
    def __init__(self, program: Program, wrt: str, kind: str, declared: Sequence[Assumption]) -> None:
        self.program, self.wrt, self.kind = program, wrt, kind
        self.argument: Argument = program.source.argument(wrt)
        names = {a.name for a in program.source.arguments}
        sizes = set().union(*(size_names(n) for a in program.source.arguments for n in a.shape))
        self.reserved = names | sizes
        self.declared = declared
        self.ready = prepare(program.definitions, self.reserved, {wrt}, lambda algebra: use(declared, algebra, program.source.arguments))
        self.moving = self._moving()
        self.plan: Outline = outline(self.ready, wrt, self.moving, self.reserved, scalar=kind == "gradient")
        self.scalar = next(name for name in ("L", "loss", "ℒ") if name not in names | {d.name for d in self.ready.definitions})
        self.sections: list[Section] = list(self.ready.sections)
        self.jacobians: dict[tuple[str, str], tuple[tuple[Index, ...], At, Expr]] = {}
        self.cotangents: list[Definition] = []
        self.uses: list[_Use] = []
        last = self.ready.definitions[-1]
        self.seed_indices = tuple(Index(i.name, i.size, _SEED) for i in last.indices) if kind == "jacobian" else ()
        self.target, self.full = indices_for(self.argument.shape, self.reserved | {i.name for i in self.seed_indices})

    def _moving(self) -> set[str]:
        """The definitions that depend on the argument."""
        moving: set[str] = set()
        for d in self.ready.definitions:
            if array_names(self.ready.bodies[d.name]) & (moving | {self.wrt}):
                moving.add(d.name)
        return moving

    # ------------------------------------------------------------------------------------------- the whole story

    def story(self) -> Story:
        self._start()
        live = self._live()
        for d in self.ready.definitions[:-1]:
            if d.name in live:
                self._tell_jacobians(d, live)
        for d in reversed(self.ready.definitions[:-1]):
            if d.name in live:
                self._reach(d)
        result = self._finish()
        ready = self.ready
        assumptions = [*self.declared, *self.program.assumptions, *ready.algebra.labels.values(), *premises(self.program.definitions, ready.algebra)]
        return Story(self.program.source, self.kind, self.wrt, tuple(ready.definitions), tuple(self.cotangents), result,
                     tuple(self.sections), _distinct(assumptions), (*self._kinks(), *self.program.conventions), tuple(ready.facts),
                     {name: body for name, body in ready.bodies.items() if body is not ready.by_name(name).body})

    def _start(self) -> None:
        last = self.ready.definitions[-1]
        plan = self.plan
        if plan.example is not None:
            left = At(LOSS, (plan.example,))
            chain = Chain("The loss of one example", plan.written, left=left,
                          prose=f"{last.name} adds up one number {LOSS} for each example. First comes the derivative of one of them.")
            self.sections.append(chain.to("contraction", plan.data).section())
            self.uses.append(_Use(LOSS, (plan.example,), plan.data, ONE, True))
            return
        bar: Expr = ONE
        if self.kind == "vjp":
            bar = At("dout", last.indices)
            self.sections.append(Section("The gradient that comes in", f"{last.name} flows into some loss {self.scalar} further on. What is "
                                         f"given is dout, the derivative of {self.scalar} with respect to each entry of {last.name}.",
                                         Partial(At(self.scalar), At(last.name, last.indices)), bar))
        seeds = dict(zip(last.indices, self.seed_indices))
        self.uses.append(_Use(last.name, self.seed_indices or last.indices, substitute(plan.data, seeds), bar, False))

    def _live(self) -> set[str]:
        """The definitions on a path from the argument to the value."""
        live: set[str] = set()
        wanted = array_names(self.plan.data)
        for d in reversed(self.ready.definitions[:-1]):
            if d.name in wanted and d.name in self.moving:
                live.add(d.name)
                wanted |= array_names(self.ready.bodies[d.name])
        return live

    def _kinks(self) -> list[str]:
        used = {name for section in self.sections for step in section.steps for name in [step.rule.removeprefix("chain rule, ")]}
        out = [row.kink for row in FUNCTIONS.values() if row.name in used and row.kink]
        bodies = [s.after for section in self.sections for s in section.steps]
        if any(isinstance(part, Fn) and part.args[0] == "heaviside" for body in bodies for part in walk(body)):
            out.append(FUNCTIONS["heaviside"].kink)
        return list(dict.fromkeys(out))

    # ------------------------------------------------------------------------------------------- Jacobians with a section of their own

    def _tell_jacobians(self, d: Definition, live: set[str]) -> None:
        body = self.ready.bodies[d.name]
        for n in sorted(array_names(body) & (live | {self.wrt})):
            own = self._indices_of(n)
            entry = entry_for(body, n, d.indices, self._new_letters(d.indices, own))
            if entry is None or self._is_linear(d, n):
                continue
            chain = Chain(f"How {d.name} depends on {n}", Partial(body, entry), left=Partial(At(d.name, d.indices), entry),
                          prose=self._row_prose(d, n, entry)).differentiate()
            chain.to("contraction", contract(self.ready.algebra, chain.current)).polish("names written back", self.ready.pretty(chain.current))
            if self._mixes(chain.current, d.indices, entry):
                self.jacobians[d.name, n] = (d.indices, entry, chain.current)
                self.sections.append(chain.section(self._cases(chain.current, d.indices, entry)))

    def _new_letters(self, used: tuple[Index, ...], own: tuple[Index, ...]) -> tuple[Index, ...]:
        taken = self.reserved | {i.name for i in used}
        out = []
        for i in own:
            letter = index_letters(i.size, taken)
            taken.add(letter)
            out.append(Index(letter, i.size, -1))
        return tuple(out)

    def _row_prose(self, d: Definition, n: str, entry: At) -> str:
        same = [i for i in entry.indices if i in d.indices]
        if not same:
            return ""
        return f"Each row ({', '.join(f'{i.args[0]} fixed' for i in same)}) of {d.name} depends on the same row of {n} alone."

    def _is_linear(self, d: Definition, n: str) -> bool:
        """Whether the derivative does not mention n again, so that it needs no section of its own."""
        body = self.ready.bodies[d.name]
        entry = entry_for(body, n, d.indices, self._new_letters(d.indices, self._indices_of(n)))
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

    # ------------------------------------------------------------------------------------------- the backward pass

    def _indices_of(self, n: str) -> tuple[Index, ...]:
        return self._all_target() if n == self.wrt else self.ready.by_name(n).indices

    def _all_target(self) -> tuple[Index, ...]:
        """One index for each axis of the argument; an axis of size 1 gets one too, and is set to 0 at the end."""
        left = iter(self.target)
        return tuple(next(left) if isinstance(i, Index) else Index("o", ONE, -5 - k) for k, i in enumerate(self.full))

    def _flow(self, use: _Use, n: str, keep: Mapping[Index, Index] = MappingProxyType({})) -> tuple[tuple[Index, ...], dict[Expr, Expr], Expr, bool]:
        """(bound indices, renaming of K, ∂D/∂n, still for one example) for one use of n; `keep` says which indices stay free, and as what."""
        own = self._indices_of(n)
        kept = {**keep, **{i: i for i in self.seed_indices}}
        axes = tied(use.body, n, [i for i in use.indices if i not in self.seed_indices])
        renaming: dict[Expr, Expr] = {same: own[k] for k, same in enumerate(axes) if same is not None}
        single = use.single and self.plan.example in renaming
        loose = [i for i in use.indices if i not in renaming]
        renaming.update({i: kept[i] if i in kept else fresh(i) for i in loose})
        known = self.jacobians.get((use.name, n))
        entry = At(n, own)
        if known is not None:
            indices, at, value = known
            swap = {**{i: renaming[i] for i in indices}, **{a: b for a, b in zip(at.indices, own) if a not in indices}}
            local = substitute(value, swap)
        else:
            local = Partial(substitute(use.body, renaming), entry)
        bound = tuple(renaming[i] for i in loose if i not in kept)
        return bound, renaming, local, single  # type: ignore[return-value]

    def _reach(self, d: Definition) -> None:
        """The cotangent of a definition from those of its uses; it is named where that helps."""
        uses = [use for use in self.uses if d.name in array_names(use.body)]
        flows = [self._flow(use, d.name) for use in uses]
        single = bool(uses) and all(flow[3] for flow in flows)
        chain = self._chain_to(d.name, d.indices, uses, flows, single)
        bar = chain.current
        if bar is ZERO:
            return
        self.sections.append(chain.section())
        if self._worth_a_name(d, bar, single):
            name = _unused(f"d{d.name}", self.reserved | {x.name for x in self.ready.definitions})
            meaning = f"∂{self._label(single).name}/∂{d.name}"
            seeds = tuple(i for i in self.seed_indices if i in bar.free)
            self.cotangents.append(Definition(name, (*seeds, *d.indices), bar, "cotangent", (*(i.size for i in seeds), *d.shape), None, meaning))
            bar = At(name, (*seeds, *d.indices))
        self.uses.append(_Use(d.name, d.indices, self.ready.bodies[d.name], bar, single))

    def _label(self, single: bool, shown: Index | None = None) -> At:
        last = self.ready.definitions[-1]
        if single and self.plan.example is not None:
            return At(LOSS, (shown or self.plan.example,))
        return At(self.scalar, ()) if self.kind == "vjp" else At(last.name, self.seed_indices)

    def _chain_to(self, n: str, own: tuple[Index, ...], uses: list[_Use], flows: list[tuple[tuple[Index, ...], dict[Expr, Expr], Expr, bool]],
                  single: bool, shown: Index | None = None) -> Chain:
        start, worked = [], []
        for use, (bound, renaming, local, stays) in zip(uses, flows):
            weight = self.plan.weight if use.single and not single else ONE
            bar = substitute(use.bar, renaming)
            top = substitute(self._label(use.single), renaming)
            symbolic = Partial(top, At(use.name, tuple(renaming[i] for i in use.indices)))
            own_loss = use.name in (LOSS, self.ready.definitions[-1].name)
            step = Partial(symbolic.args[1], At(n, own))
            start.append(_summed(bound, mul(weight, step if own_loss and use.bar is ONE else mul(symbolic, step))))
            worked.append(_summed(bound, mul(weight, bar, local)))
        label = self._label(single, shown)
        paths = [u.name for u in uses if u.name not in (LOSS, self.ready.definitions[-1].name)]
        loss = f"the loss {LOSS} of one example" if single and self.plan.example is not None else label.name
        chain = Chain(f"From {loss} to {n}", add(*start), left=Partial(label, At(n, own)), prose=_paths_prose(loss, n, paths))
        if len(uses) == 1 and start[0] is chain.left:
            chain.start = chain.current = worked[0]
        chain.to("chain rule, all paths", add(*worked)).differentiate()
        chain.to("contraction", contract(self.ready.algebra, chain.current))
        return chain.polish("names written back", self.ready.pretty(chain.current))

    def _worth_a_name(self, d: Definition, bar: Expr, single: bool) -> bool:
        """Name a cotangent that contains a contraction, or that makes what follows shorter."""
        if cost(bar) <= 2:
            return False
        if any(isinstance(part, Sum) for part in walk(bar)):
            return True
        body = self.ready.bodies[d.name]
        if isinstance(bar, Add) and has_contraction(body):
            return True
        inputs = [n for n in array_names(body) if n in self.moving or n == self.wrt]
        opaque = At(f"d{d.name}", d.indices)
        spent = [sum(cost(self._quick(_Use(d.name, d.indices, body, b, single), n)) for n in inputs) for b in (bar, opaque)]
        return 10 * spent[0] > 9 * (cost(bar) + spent[1])

    def _quick(self, use: _Use, n: str) -> Expr:
        bound, renaming, local, _ = self._flow(use, n)
        node = _summed(bound, mul(substitute(use.bar, renaming), differentiated(local)))
        return self.ready.pretty(contract(self.ready.algebra, node))

    # ------------------------------------------------------------------------------------------- the argument itself

    def _finish(self) -> Definition:
        own = self._all_target()
        uses = [use for use in self.uses if self.wrt in array_names(use.body)]
        parts: list[Expr] = []
        singles = [use for use in uses if use.single]
        ties = {self._flow(use, self.wrt)[3] for use in singles}
        if len(ties) == 1:
            parts.append(self._examples(singles, own, tied_to=ties == {True}))
        others = [use for use in uses if not use.single or len(ties) > 1]
        if others:
            chain = self._chain_to(self.wrt, own, others, [self._flow(use, self.wrt) for use in others], False)
            self.sections.append(chain.section())
            parts.append(chain.current)
        if self.plan.direct is not ZERO:
            parts.append(self._direct(own))
        return self._result(parts, own)

    def _examples(self, uses: list[_Use], own: tuple[Index, ...], *, tied_to: bool) -> Expr:
        """∂ℓ_i/∂n first, then the weighted sum over the examples."""
        example = self.plan.example
        assert example is not None
        shown = example if tied_to or example not in own else Index(example.name, example.size, _SEED)
        chain = self._chain_to(self.wrt, own, uses, [self._flow(use, self.wrt, {example: shown}) for use in uses], True, shown)
        self.sections.append(chain.section())
        bound = () if tied_to else (fresh(example),)
        renaming: dict[Expr, Expr] = {} if tied_to else {shown: bound[0]}
        label = self._label(False)
        mean = Chain(self._together(), mul(self.plan.weight, _summed(bound, substitute(chain.left, renaming))),  # type: ignore[arg-type]
                     left=Partial(label, At(self.wrt, own)),
                     prose=f"{label.name} adds the examples up with the same weight for each, so its derivative adds up theirs with that weight.")
        mean.to("linearity", mul(self.plan.weight, _summed(bound, substitute(chain.current, renaming))))
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
        bodies = {c.name: (c.indices, c.body) for c in self.cotangents}
        for c in reversed(self.cotangents):
            written = expand(chain.current, {c.name: bodies[c.name]})
            if cost(written) <= _READABLE:
                chain.to("names written out", written)
                tidy = self.ready.pretty(written)
                if cost(tidy) <= cost(written):
                    chain.polish("names written back", tidy)
        self.sections.append(chain.section())
        cases = self._cases(chain.current, self.seed_indices, At(self.wrt, own)) if self.kind == "jacobian" else ()
        self.sections[-1] = replace(self.sections[-1], cases=cases)
        name = f"d{self.wrt}" if self.kind != "jacobian" else f"d{self.ready.definitions[-1].name}_d{self.wrt}"
        shape = (*(self.ready.definitions[-1].shape if self.kind == "jacobian" else ()), *self.argument.shape)
        taken = self.reserved | {d.name for d in (*self.ready.definitions, *self.cotangents)}
        return Definition(_unused(name, taken), (*self.seed_indices, *self.target), body, "result", shape)


_READABLE = 24
_SEED = -9


def _paths_prose(loss: str, n: str, paths: list[str]) -> str:
    if not paths:
        return ""
    through = paths[0] if len(paths) == 1 else ", ".join(paths[:-1]) + " and " + paths[-1]
    return f"{loss[0].upper() + loss[1:] if ' ' in loss else loss} depends on {n} through {through}, whose derivative is already known."


def _summed(bound: tuple[Index, ...], body: Expr) -> Expr:
    return Sum(bound, body) if bound and body is not ZERO else body


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _distinct(assumptions: list[Assumption]) -> tuple[Assumption, ...]:
    """Each assumption once, with indices under their usual letters."""
    out = {}
    for a in assumptions:
        condition = a.condition
        if condition is not None:
            letters: dict[Expr, Expr] = {}
            for i in sorted(condition.free, key=lambda i: i.key):
                letters[i] = Index(index_letters(i.size, {x.args[0] for x in letters.values()}), i.size, 0)
            condition = substitute(condition, letters)
        out[a.text, condition] = Assumption(a.text, condition)
    return tuple(out.values())
