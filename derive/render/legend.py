"""The legend: what the letters run over and what the marks mean, for a reader who knows the chain rule."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from derive.derivation import Argument, Story
from derive.index import ONE, At, Expr, Fn, add, neg, power
from derive.render.blocks import Block, Chain, Choice, Entries, Equations, Items, Legend, Phrase
from derive.render.layout import Fence, Large, Node, Number, Operator, Script, Symbol, parts_of, row
from derive.render.names import spell
from derive.render.pieces import Context, Level, compose, fenced

__all__ = ["legend"]

_U, _V = Symbol("u"), Symbol("v")
_APPLY, _CURLY = Operator("", "apply"), Operator("∂", "prefix")
Row = tuple[Entries, Phrase]


def legend(story: Story, context: Context, told: Iterable[Block]) -> Legend:
    """The legend of what was told."""
    nodes = list(_walk(node for block in told for node in _formulas(block)))
    rows = [*_arguments(story.source.arguments, context), *_runs(context), *_marks(nodes, context)]
    return Legend(tuple(rows))


def _arguments(arguments: Iterable[Argument], context: Context) -> Iterator[Row]:
    for argument in arguments:
        mark = Entries((context.notation.symbol(argument.name),))
        if argument.shape:
            words = {"int": " integers", "bool": " truth values"}.get(argument.kind, " numbers")
            yield mark, (*_joined((_size(size, context) for size in argument.shape), " × "), words)
        else:
            yield mark, ({"int": "an integer", "bool": "a truth value"}.get(argument.kind, "a number"),)


def _joined(nodes: Iterable[Node], mark: str) -> Phrase:
    out: list[str | Node] = []
    for node in nodes:
        out += [mark, node] if out else [node]
    return tuple(out)


def _runs(context: Context) -> Iterator[Row]:
    for size, letters in context.notation.runs():
        verb = "runs" if len(letters) == 1 else "each run"
        last = row(Number("0"), Operator(",", "comma"), Number("1"), Operator(",", "comma"), Symbol("…"), Operator(",", "comma"),
                   _size(size, context), Operator("−"), Number("1"))
        yield Entries(tuple(map(spell, letters))), (f"{verb} over ", last)


def _size(size: Expr, context: Context) -> Node:
    return fenced(compose(size, context), Level.ATOM)


def _marks(nodes: list[Node], context: Context) -> Iterator[Row]:
    larges = {node.mark: node for node in nodes if isinstance(node, Large)}
    for sign, words in (("Σ", "the sum of "), ("max", "the largest "), ("min", "the smallest ")):
        if sign in larges:
            yield Entries((row(larges[sign], _APPLY, _U),)), (words, _U, " over every value of ", *_letters(larges[sign].under))
    deltas = [node.sub for node in nodes if isinstance(node, Script) and node.base == Symbol("δ") and node.sub is not None]
    if deltas and not context.notation.taken("δ"):
        tail = " are equal, else 0; a sum over one of them keeps the single term where they agree"
        yield Entries((Script(Symbol("δ"), deltas[0]),)), ("1 where ", *_letters(deltas[0]), tail)
    if any(_is_indicator(node) for node in nodes):
        yield Entries((row(Number("1"), Operator("", "tight"), Fence("{", Symbol("…"), "}")),)), ("1 where the condition holds, else 0",)
    if _CURLY in nodes:
        mark = row(_CURLY, _U, Operator("/", "tight"), _CURLY, _V)
        yield Entries((mark,)), ("how fast ", _U, " changes when ", _V, " alone changes and everything else is held still")
    if Symbol("σ") in nodes and not context.notation.taken("σ"):
        logistic = compose(power(add(ONE, Fn("exp", (neg(At("u")),))), -1), Context(context.notation, True)).node
        yield Entries((row(Symbol("σ"), Fence("(", _U, ")")),)), (logistic,)


def _letters(node: Node) -> Phrase:
    return _joined((part for part in (parts_of(node) or [node]) if isinstance(part, Symbol)), " and ")


def _is_indicator(node: Node) -> bool:
    parts = parts_of(node)
    return any(getattr(part, "left", "") == "{" and before == Operator("", "tight") for before, part in itertools.pairwise(parts))


def _formulas(block: Block) -> Iterator[Node]:
    match block:
        case Equations(rows):
            yield from (side for equation in rows for side in (equation.left, equation.right))
        case Chain(left, start, links):
            yield from (part for part in (left, start, *(link.value for link in links)) if part is not None)
        case Choice(left, rows):
            yield from (left, *(part for pair in rows for part in pair))
        case Items(rows):
            yield from (test for _, test in rows if test is not None)


def _walk(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _walk(parts_of(node))


