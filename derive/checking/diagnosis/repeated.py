"""The same slip in every step of a recurrence: changes of one kind, of definitions that are alike, done together.

Two definitions are alike where their bodies differ in nothing but names of arrays of the same shape, indices, and places in time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from derive.derivation import Definition
from derive.index import At, Expr, Index

__all__ = ["Variant", "repeated"]


@dataclass(frozen=True)
class Variant:
    """The definitions of a story (the result last) with one of them changed, and what that means.

    Attributes:
        definitions: with bodies to reason with.
        changed: the positions of the definitions that are changed, in order.
        what: what is wrong there, to follow the place in a sentence.
        rank: how far-fetched it is.
        forward: whether what is changed is a value of the forward pass.
        place: the start of the sentence, on the definitions that are changed.
    """

    definitions: tuple[Definition, ...]
    changed: tuple[int, ...]
    what: str
    rank: int
    forward: bool = False
    place: str = ""

    @property
    def words(self) -> str:
        """The sentence, where the claimed gradient is what comes out."""
        return f"{self.place}{self.what}"

    @property
    def meant(self) -> bool:
        """Whether the sentence says what the change means, and not the change alone."""
        return ": " in self.what


def repeated(whole: Sequence[Definition], found: Sequence[Variant]) -> Iterator[Variant]:
    """For changes of one kind in several definitions that are alike: all of them at once.

    Args:
        whole: the definitions of a story, the result last.
        found: variants of these, each with one change.
    """
    kinds = {d.name: f"{d.role}{[i.size.key for i in d.indices]}" for d in whole}
    groups: dict[tuple[str, str, int, int], list[Variant]] = {}
    met: dict[tuple[int, str, str, int], int] = {}
    for variant in found:
        (k,) = variant.changed
        pair = (_loose(whole[k].body, kinds), _loose(variant.definitions[k].body, kinds))
        times = met[k, *pair, variant.rank] = met.get((k, *pair, variant.rank), -1) + 1
        groups.setdefault((*pair, variant.rank, times), []).append(variant)
    for members in groups.values():
        if len(members) > 1 and whole[members[0].changed[0]].role != "result":
            bodies = {v.changed[0]: v.definitions[v.changed[0]] for v in members}
            yield replace(members[0], definitions=tuple(bodies.get(k, d) for k, d in enumerate(whole)), changed=tuple(sorted(bodies)))


def _loose(part: object, kinds: dict[str, str]) -> str:
    """The structure of an expression with a kind in the place of each name, and nothing of where its entries stand."""
    if isinstance(part, Index):
        return f"?{part.size.key}"
    if isinstance(part, At):
        return kinds.get(part.name, f"argument{len(part.indices)}")
    if isinstance(part, Expr):
        return type(part).__name__ + _loose(part.args, kinds)
    if isinstance(part, frozenset):
        return "{" + ",".join(sorted(_loose(one, kinds) for one in part)) + "}"
    if isinstance(part, tuple):
        return "(" + ",".join(_loose(one, kinds) for one in part) + ")"
    return str(part)
