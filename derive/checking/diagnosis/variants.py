"""What the true derivation gives when one step of it is done wrongly: hypotheses on a wrong gradient, each with its sentence.

A variant changes one body of the story: a term or a factor is left out, counted twice or has the wrong sign, a sum runs over another index,
a name stands in the place of another.  The claimed gradient is compared with what comes out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from derive.checking.diagnosis.repeated import Variant, repeated
from derive.checking.difference import reasoning
from derive.derivation import Definition, Story
from derive.index import (
    Add,
    At,
    Binder,
    Delta,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    Mul,
    Num,
    Pow,
    Size,
    Sum,
    add,
    array_names,
    fresh,
    mul,
    neg,
    num,
    rebuild,
    substitute,
    walk,
)
from derive.index import power as raised
from derive.render import expression
from derive.render.telling import story_notation

__all__ = ["Variant", "variants"]

_LONGEST = 100
_MOST_NAMES = 4


@dataclass(frozen=True)
class _Change:
    after: Expr
    words: str
    rank: int


def variants(story: Story) -> list[Variant]:
    """The variants of a derivation, the most plausible first; what is done alike in every step of a recurrence stands before single steps."""
    show = _Shower(story)
    whole = (*reasoning(story), story.result)
    single: list[Variant] = []
    for k, definition in enumerate(whole):
        backward = definition.role in ("cotangent", "result")
        written = next((d.body for d in story.definitions if d.name == definition.name and not backward), definition.body)
        for start in dict.fromkeys((definition.body, written)):  # as it is reasoned with and as it was written, with a shift that a slip undoes
            for change, body in itertools.chain(_everywhere(start, definition, story, show), _at_once(start, definition, show, whole)):
                if backward or change.rank <= 1:
                    changed = (*whole[:k], replace(definition, body=body), *whole[k + 1:])
                    single.append(Variant(changed, (k,), change.words, change.rank + (not backward), not backward, show.where([definition])))
    groups = [replace(v, place=show.where([whole[k] for k in v.changed])) for v in repeated(whole, single)]
    return sorted([*groups, *single], key=lambda v: v.rank)


class _Shower:
    """Formulas and names, to read."""

    def __init__(self, story: Story) -> None:
        self.story, self.notation = story, story_notation(story)

    def __call__(self, node: Expr) -> str:
        text = expression(node, "text", notation=self.notation)
        return text if len(text) <= _LONGEST else self._described(node)

    def _described(self, node: Expr) -> str:
        """A long formula by the names that occur in it."""
        names = sorted(array_names(node))
        return f"with {', '.join(names[:_MOST_NAMES])}{' …' if len(names) > _MOST_NAMES else ''}"

    def where(self, definitions: Sequence[Definition]) -> str:
        """The start of a sentence on definitions of one role."""
        role = definitions[0].role
        if role == "result":
            return "in your gradient "
        names = [(d.meaning if role == "cotangent" else "") or self(At(d.name, d.indices)) for d in definitions]
        places = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        return f"on the way back, in {places}, " if role == "cotangent" else f"in {places} "


def _everywhere(node: Expr, definition: Definition, story: Story, show: _Shower) -> Iterator[tuple[_Change, Expr]]:
    """(a change, the whole body after it) for every node that a change applies to."""
    for row in _CHANGES.get(type(node), ()):
        for change in row(node, definition, story, show):
            yield change, change.after
    for kid in dict.fromkeys(node.kids):
        if isinstance(kid, (Index, Size, Num)) or (isinstance(node, At) and kid in node.indices):
            continue
        for change, after in _everywhere(kid, definition, story, show):
            yield change, _exchanged(node, kid, after)


def _exchanged(node: Expr, kid: Expr, after: Expr) -> Expr:
    if isinstance(node, Binder):
        return type(node)(*node.args[:-1], after)
    return rebuild(node, lambda part: after if part is kid else part)


def _terms(node: Add, definition: Definition, story: Story, show: _Shower) -> Iterator[_Change]:
    for k, term in enumerate(node.args[0]):
        rest = node.args[0][:k] + node.args[0][k + 1:]
        yield _Change(add(*rest), f"the term {show(term)} is missing{_meaning(term, rest, story)}", 0)
        yield _Change(add(*rest, neg(term)), f"the term {show(term)} has the wrong sign", 0)
        yield _Change(add(*rest, mul(num(2), term)), f"the term {show(term)} is counted twice", 1)
        yield _Change(term, f"only the term {show(term)} is there", 2)


def _meaning(term: Expr, rest: Sequence[Expr], story: Story) -> str:
    """What it means that a term is left out."""
    through = [c.meaning for c in story.cotangents if c.meaning and c.name in array_names(term)]
    if len(through) == 1 and not any(c.name in array_names(other) for c in story.cotangents for other in rest):
        return f": what comes back by way of {through[0]} is not added"
    body = term
    while isinstance(body, (Mul, Sum)):
        parts = [part for part in body.args[0] if isinstance(part, (Delta, Mul, Sum))] if isinstance(body, Mul) else [body.body]
        if not parts:
            return ""
        body = parts[0]
    return ": the 1 at the right class is not subtracted" if isinstance(body, Delta) and len(body.free) > 1 else ""


def _factors(node: Mul, definition: Definition, story: Story, show: _Shower) -> Iterator[_Change]:
    of = "" if node is definition.body else f" (of {show(node)})"
    for k, factor in enumerate(node.args[0]):
        if isinstance(factor, Num) and abs(factor.value) == 1:
            continue
        rest = node.args[0][:k] + node.args[0][k + 1:]
        what = show(factor)
        yield _Change(mul(*rest), f"the factor {what} is missing{_role(factor)}{of}", 0)
        yield _Change(mul(*rest, factor, factor), f"the factor {what} is there twice{of}", 1)
        for other in node.args[0][k + 1:]:
            if not isinstance(other, Num):
                fewer = [part for part in node.args[0] if part is not factor and part is not other]
                yield _Change(mul(*fewer), f"the factor {show(mul(factor, other))} is missing{_role(factor) or _role(other)}", 1)
        if isinstance(factor, Pow) and isinstance(factor.args[0], Size):
            for other in _sizes(story):
                if other is not factor.args[0]:
                    yield _Change(mul(*rest, raised(other, factor.args[1])), f"{show(raised(other, factor.args[1]))} stands in place of {what}", 1)


def _role(factor: Expr) -> str:
    """What a factor is for, where that can be told from its form."""
    if isinstance(factor, Iverson) or (isinstance(factor, Fn) and factor.args[0] == "heaviside"):
        return ": the mask that lets through what is positive alone"
    if isinstance(factor, Add) and len(factor.args[0]) == 2 and num(1) in factor.args[0]:
        return ": part of the derivative of an activation"
    if isinstance(factor, Add) and any(isinstance(part, Iverson) for part in walk(factor)):
        return ": the derivative of an activation that has another slope on each side"
    return ""


def _sums(node: Sum | Extremum, definition: Definition, story: Story, show: _Shower) -> Iterator[_Change]:
    """The same over another index: one that is free here runs instead, and the bound one takes its place."""
    if len(node.bound) != 1:
        return
    (bound,) = node.bound
    verb = "the sum" if isinstance(node, Sum) else "the maximum"
    for other in definition.indices:
        partner = next((i for i in definition.indices if i.size is bound.size and i is not other), None)
        if other in node.body.free and partner is not None and other.size is not bound.size:
            running = fresh(other)
            body = substitute(node.body, {other: running, bound: partner})
            words = (f"{verb} runs over {show(other)} (1 … {show(other.size)}), it should run over {show(partner)} (1 … {show(partner.size)}): "
                     "the wrong axis")
            yield _Change(type(node)(*node.args[:-2], (running,), body), words, 0)
    for other in definition.indices:
        if other in node.body.free:
            running = fresh(other)
            words = f"{verb} runs over {show(other)} and {show(bound)}, it should run over {show(bound)} alone: no axis was given"
            yield _Change(type(node)(*node.args[:-2], (bound, running), substitute(node.body, {other: running})), words, 1)
    if isinstance(node, Sum):
        words = f"the sum over {show(bound)} is divided by {show(bound.size)}: a mean where a sum belongs"
        yield _Change(mul(node, raised(bound.size, -1)), words, 1)


def _at_once(body: Expr, definition: Definition, show: _Shower, whole: Sequence[Definition]) -> Iterator[tuple[_Change, Expr]]:
    """What is done to a whole body: every sum over the other index, or a factor that belongs to another loss."""
    for partner, other in itertools.permutations(definition.indices, 2):
        if partner.size is not other.size:
            changed = _turned(body, partner, other)
            if changed is not body:
                words = (f"the sums and means run over {show(other)} (1 … {show(other.size)}), they should run over {show(partner)} "
                         f"(1 … {show(partner.size)}): the wrong axis")
                yield _Change(changed, words, 1), changed
    if definition.role == "cotangent":
        for d in whole:
            if d.role not in ("cotangent", "result") and d.indices and [i.size for i in d.indices] == [i.size for i in definition.indices]:
                own = At(d.name, definition.indices)
                for factor in (mul(own, add(num(1), neg(own))), add(num(1), neg(raised(own, 2))), own):
                    yield _Change(mul(body, factor), f"the factor {show(factor)} does not belong there", 2), mul(body, factor)


def _turned(node: Expr, partner: Index, other: Index) -> Expr:
    """The body with every sum over partner's size running over other's, and divided by its size."""
    def change(part: Expr) -> Expr:
        part = type(part)(*part.args[:-1], change(part.body)) if isinstance(part, Binder) else rebuild(part, change) if part.args else part
        if part is partner.size and isinstance(part, Size):
            return other.size
        if isinstance(part, (Sum, Extremum)) and len(part.bound) == 1 and part.bound[0].size is partner.size and other in part.body.free:
            running = fresh(other)
            return type(part)(*part.args[:-2], (running,), substitute(part.body, {other: running, part.bound[0]: partner}))
        return part
    return change(node)


def _names(node: At, definition: Definition, story: Story, show: _Shower) -> Iterator[_Change]:
    """Another array of the same axes in the place of one."""
    if not node.indices or node.kind != "float" or definition.role not in ("cotangent", "result"):
        return
    sizes = [i.size if isinstance(i, Index) else None for i in node.indices]
    shapes = {d.name: tuple(i.size for i in d.indices) for d in (*story.definitions, *story.cotangents)}
    shapes |= {a.name: a.shape for a in story.source.arguments if a.kind == "float"}
    for name, shape in shapes.items():
        if name != node.name and list(shape) == sizes and name not in (definition.name, story.result.name):
            other = At(name, node.indices)
            yield _Change(other, f"{show(other)} stands in place of {show(node)}", 2)
    if len(sizes) == 2 and sizes[0] is sizes[1]:
        yield _Change(At(node.name, node.indices[::-1]), f"{show(node)} is transposed", 1)


def _powers(node: Pow, definition: Definition, story: Story, show: _Shower) -> Iterator[_Change]:
    if not isinstance(node.args[0], (Size, Num)):
        fewer = node.args[0] if node.args[1] != -1 else num(1)
        yield _Change(fewer, f"the power of {show(node.args[0])} is missing: it stands in place of {show(node)}", 2)


def _indicators(node: Delta | Iverson, definition: Definition, story: Story, show: _Shower) -> Iterator[_Change]:
    yield _Change(add(num(1), neg(node)), f"{show(node)} and its opposite are exchanged: the update stands in the wrong branch", 1)


def _sizes(story: Story) -> Sequence[Expr]:
    found = (part for a in story.source.arguments for part in a.shape)
    return tuple(dict.fromkeys(part for part in found if isinstance(part, Size)))


Row = Callable[..., Iterator[_Change]]
_CHANGES: dict[type, tuple[Row, ...]] = {Add: (_terms,), Mul: (_factors,), Sum: (_sums,), Extremum: (_sums,), At: (_names,), Pow: (_powers,),
                                        Delta: (_indicators,), Iverson: (_indicators,)}
