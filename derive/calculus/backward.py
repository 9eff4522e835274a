"""The backward pass: how the derivative of the loss flows from one named array to those that it is computed from.

Legend: D is a definition that uses n; K its indices, J those of n; the cotangent of n is the derivative of the loss with respect to n.
As long as rows do not mix, it is that of the loss ℓ_i of one example; the weight w of the examples comes in where they are summed up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from derive.assume import usable
from derive.assume import use as use_declared
from derive.calculus.naming import has_contraction
from derive.calculus.outline import Outline, outline
from derive.calculus.prepare import prepare, tied
from derive.calculus.rewrite import Chain, contract, differentiated
from derive.calculus.totals import Total, totals
from derive.derivation import Argument, Assumption, Definition, Section
from derive.index import ONE, ZERO, Add, At, Expr, Index, Partial, Sum, add, array_names, delta, fresh, mul, size_names, substitute, walk
from derive.normal.present import cost
from derive.rules.value import indices_for
from derive.trace.read import Program

__all__ = ["LOSS", "SEED", "Backward", "Use", "summed", "unused"]

LOSS = "ℓ"
SEED = -9
_MUCH = 3


# Bound indices, the renaming of the consumer's indices, the local derivative, and whether it is still that of one example.
Flow = tuple[tuple[Index, ...], dict[Expr, Expr], Expr, bool]


@dataclass(frozen=True)
class Use:
    """A place that n flows into: the definition (or the loss) with its body, its own cotangent, and whether that is for one example.

    Where it is, the index of the example is called as the outline calls it, in the indices, the body and the cotangent alike.
    """

    name: str
    indices: tuple[Index, ...]
    body: Expr
    bar: Expr
    single: bool


class Backward:
    """The state of one derivation, and the steps from a use to what it uses."""

    def __init__(self, program: Program, wrt: str, kind: str, declared: Sequence[Assumption]) -> None:
        self.program, self.wrt, self.kind = program, wrt, kind
        self.argument: Argument = program.source.argument(wrt)
        names = {a.name for a in program.source.arguments}
        sizes = set().union(*(size_names(n) for a in program.source.arguments for n in a.shape))
        self.reserved = names | sizes | ({"dout"} if kind == "vjp" else set())
        self.declared = declared
        used = usable(declared, {wrt})
        self.ready = prepare(program.definitions, self.reserved, {wrt}, lambda algebra: use_declared(used, algebra, program.source.arguments))
        self.moving = self._moving()
        self.totals = self._totals()
        self.plan: Outline = outline(self.ready, wrt, self.moving, self.reserved, scalar=kind == "gradient")
        self.scalar = next(name for name in ("L", "loss", "ℒ") if name not in names | {d.name for d in self.ready.definitions})
        self.sections: list[Section] = list(self.ready.sections)
        self.jacobians: dict[tuple[str, str], tuple[tuple[Index, ...], At, Expr]] = {}
        self.cotangents: list[Definition] = []
        self.uses: list[Use] = []
        last = self.ready.definitions[-1]
        self.seed_indices = tuple(Index(i.name, i.size, SEED) for i in last.indices) if kind == "jacobian" else ()
        self.target, self.full = indices_for(self.argument.shape, self.reserved | {i.name for i in self.seed_indices})

    def _moving(self) -> set[str]:
        """The definitions that depend on the argument."""
        moving: set[str] = set()
        for d in self.ready.definitions:
            if array_names(self.ready.bodies[d.name]) & (moving | {self.wrt}):
                moving.add(d.name)
        return moving

    def _totals(self) -> dict[str, list[Total]]:
        """The normalised quotients that are differentiated through their statistics at once; nothing flows through those any more."""
        own, _ = indices_for(self.argument.shape, self.reserved)
        shapes = {self.wrt: own, **{d.name: d.indices for d in self.ready.definitions}}
        found = totals(self.ready, self.wrt, self.moving, shapes, self.reserved) if len(own) == len(self.argument.shape) else {}
        self.ready.flows.update({name: told[-1].body for name, told in found.items()})
        return found

    # ------------------------------------------------------------------------------------------- the backward pass

    def _indices_of(self, n: str) -> tuple[Index, ...]:
        return self._all_target() if n == self.wrt else self.ready.by_name(n).indices

    def _all_target(self) -> tuple[Index, ...]:
        """One index for each axis of the argument; an axis of size 1 gets one too, and is set to 0 at the end."""
        left = iter(self.target)
        return tuple(next(left) if isinstance(i, Index) else Index("o", ONE, -5 - k) for k, i in enumerate(self.full))

    def _flow(self, use: Use, n: str, keep: Mapping[Index, Index] = MappingProxyType({})) -> Flow:
        """(bound indices, renaming of K, ∂D/∂n, still for one example) for one use of n; `keep` says which indices stay free, and as what."""
        own = self._indices_of(n)
        kept = {**keep, **{i: i for i in self.seed_indices}}
        axes = tied(use.body, n, [i for i in use.indices if i not in self.seed_indices], own)
        renaming: dict[Expr, Expr] = {same: own[k] for k, same in enumerate(axes) if same is not None}
        single = use.single and self.plan.example in renaming
        loose = [i for i in use.indices if i not in renaming]
        renaming.update({i: kept[i] if i in kept else fresh(i) for i in loose})
        known = self.jacobians.get((use.name, n))
        entry = At(n, own)
        if known is not None:
            indices, at, value = known
            swap: dict[Expr, Expr] = {i: renaming[mine] for i, mine in zip(indices, use.indices)}
            swap.update({a: b for a, b in zip(at.indices, own) if a not in indices})
            ties = (delta(swap[a], b) for a, b in zip(at.indices, own) if a in indices)
            local = mul(substitute(value, swap), *ties)
        else:
            local = Partial(substitute(use.body, renaming), entry)
        bound = tuple(renaming[i] for i in loose if i not in kept)
        return bound, renaming, local, single  # type: ignore[return-value]

    def _reach(self, d: Definition) -> None:
        """The cotangent of a definition from those of its uses; it is named where that helps."""
        uses = [use for use in self.uses if d.name in array_names(use.body)]
        flows = [self._flow(use, d.name) for use in uses]
        example = self._example_of(flows)
        single = example is not None
        chain = self._chain_to(d.name, d.indices, uses, flows, single, example)
        bar = chain.current
        if bar is ZERO:
            return
        named = self._worth_a_name(d, bar, example)
        name = unused(f"d{d.name}", self.reserved | {x.name for x in self.ready.definitions})
        if named:
            chain.prose = f"{chain.prose} The result of this section is called {name} from here on.".strip()
        self.sections.append(chain.section())
        if named:
            meaning = f"∂{self._label(single).name}/∂{d.name}"
            seeds = tuple(i for i in self.seed_indices if i in bar.free)
            self.cotangents.append(Definition(name, (*seeds, *d.indices), bar, "cotangent", (*(i.size for i in seeds), *d.shape), None, meaning))
            bar = At(name, (*seeds, *d.indices))
        self.uses.append(self._use_of(d, bar, example))

    def _example_of(self, flows: Sequence[Flow]) -> Index | None:
        """The index of n that is the example, where that is one and the same for all uses of n."""
        found = {renaming.get(self.plan.example) if single and self.plan.example is not None else None for _, renaming, _, single in flows}
        only = next(iter(found)) if len(found) == 1 else None
        return only if isinstance(only, Index) else None

    def _use_of(self, d: Definition, bar: Expr, example: Index | None) -> Use:
        """The use that d makes of others; where its index of the example has another name than in the outline, the two names are exchanged."""
        called = self.plan.example
        names: dict[Expr, Expr] = {example: called, called: example} if example is not None and called is not None and example is not called else {}
        indices = tuple(i if (new := names.get(i)) is None else new for i in d.indices)
        return Use(d.name, indices, substitute(self.ready.flow(d.name), names), substitute(bar, names), example is not None)  # type: ignore[arg-type]

    def _label(self, single: bool, shown: Index | None = None) -> At:
        last = self.ready.definitions[-1]
        if single and self.plan.example is not None:
            return At(LOSS, (shown or self.plan.example,))
        return At(self.scalar, ()) if self.kind == "vjp" else At(last.name, self.seed_indices)

    def _chain_to(self, n: str, own: tuple[Index, ...], uses: list[Use], flows: list[Flow],
                  single: bool, shown: Index | None = None) -> Chain:
        start, worked = [], []
        for use, (bound, renaming, local, _) in zip(uses, flows):
            weight = self.plan.weight if use.single and not single else ONE
            bar = substitute(use.bar, renaming)
            top = substitute(self._label(use.single), renaming)
            symbolic = Partial(top, At(use.name, tuple(renaming[i] for i in use.indices)))
            own_loss = use.name in (LOSS, self.ready.definitions[-1].name)
            step = Partial(symbolic.args[1], At(n, own))
            start.append(summed(bound, mul(weight, step if own_loss and use.bar is ONE else mul(symbolic, step))))
            worked.append(summed(bound, mul(weight, bar, local)))
        label = self._label(single, shown)
        paths = [u.name for u in uses if u.name not in (LOSS, self.ready.definitions[-1].name)]
        loss = f"the loss {LOSS} of one example" if single and self.plan.example is not None else label.name
        chain = Chain(f"From {loss} to {n}", add(*start), left=Partial(label, At(n, own)), prose=paths_prose(loss, n, paths))
        if len(uses) == 1 and start[0] is chain.left:
            chain.start = chain.current = worked[0]
        chain.to("chain rule, all paths", add(*worked)).differentiate()
        chain.to("contraction", contract(self.ready.algebra, chain.current))
        factored = [self._factored(use, flow, self.plan.weight if use.single and not single else ONE) for use, flow in zip(uses, flows)]
        forms = [self.ready.pretty(chain.current), self.ready.pretty(add(*factored)), self.ready.by_parts(chain.current)]
        best = min(forms, key=lambda form: (cost(form), terms_in(form)))
        if cost(best) > cost(chain.current) + _MUCH:
            return chain  # multiplying out would lose what a choice or a product keeps together
        return chain.polish("names written back", best)

    def _worth_a_name(self, d: Definition, bar: Expr, example: Index | None) -> bool:
        """Name a cotangent that contains a contraction, or that makes what follows shorter."""
        if cost(bar) <= 2:
            return False
        if any(isinstance(part, Sum) for part in walk(bar)):
            return True
        body = self.ready.flow(d.name)
        if has_contraction(body):
            return True
        inputs = [n for n in array_names(body) if n in self.moving or n == self.wrt]
        opaque = At(f"d{d.name}", d.indices)
        spent = [sum(cost(self._quick(self._use_of(d, b, example), n)) for n in inputs) for b in (bar, opaque)]
        return 10 * spent[0] > 9 * (cost(bar) + spent[1])

    def _quick(self, use: Use, n: str) -> Expr:
        return self.ready.pretty(self._factored(use, self._flow(use, n), ONE))

    def _factored(self, use: Use, flow: Flow, weight: Expr) -> Expr:
        """Cotangent times local derivative, the latter in the user's names before the two are multiplied."""
        bound, renaming, local, _ = flow
        short = self.ready.pretty(contract(self.ready.algebra, differentiated(local)))
        return contract(self.ready.algebra, summed(bound, mul(weight, substitute(use.bar, renaming), short)))



def terms_in(node: Expr) -> int:
    """How many terms the sums in an expression have."""
    return (len(node.args[0]) if isinstance(node, Add) else 0) + sum(map(terms_in, node.kids))


def paths_prose(loss: str, n: str, paths: list[str]) -> str:
    """The sentence that opens a section of the chain rule."""
    if not paths:
        return ""
    through = paths[0] if len(paths) == 1 else ", ".join(paths[:-1]) + " and " + paths[-1]
    return f"{loss[0].upper() + loss[1:] if ' ' in loss else loss} depends on {n} through {through}, whose derivative is already known."


def summed(bound: tuple[Index, ...], body: Expr) -> Expr:
    """Σ over the bound indices, where there are any."""
    return Sum(bound, body) if bound and body is not ZERO else body


def unused(name: str, taken: set[str]) -> str:
    """The name, with underscores until nothing else has it."""
    while name in taken:
        name += "_"
    return name
