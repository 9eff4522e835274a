"""From a story to blocks: what is told, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from derive.derivation import Definition, Section, Story
from derive.index import At, Expr, Index, Partial, array_names, size_names
from derive.render.blocks import (
    Block,
    Chain,
    Choice,
    Code,
    Document,
    Equation,
    Equations,
    Extra,
    Heading,
    Items,
    Link,
    Prose,
    Theorem,
    Theorems,
)
from derive.render.layout import Node
from derive.render.legend import legend
from derive.render.names import Notation
from derive.render.phrases import condition, entry
from derive.render.pieces import Context, appearance, compose

__all__ = ["Extras", "Statements", "document", "story_notation"]

Statements = Mapping[str, tuple[str, str]]
"""For each rule: its statement in plain words, and in LaTeX."""
Extras = Iterable[tuple[str, str, str]]
"""Further forms of the result: (title, kind, text) with kind 'latex', 'text' or 'python', or 'prose' for a paragraph in every form."""

_KINDS = {"gradient": "The gradient of `{f}` with respect to `{x}`", "vjp": "The incoming gradient of `{f}`, carried back to `{x}`",
          "jacobian": "The Jacobian of `{f}` with respect to `{x}`", "hessian": "The second derivatives of `{f}` with respect to `{x}`"}


RESULT = "The result"


def document(story: Story, statements: Statements, extras: Extras = (), linear: bool = False) -> Document:
    """The whole story as blocks; `linear` for forms that have one line for a formula."""
    context = Context(story_notation(story), linear)
    definitions = [_defined(definition, context) for definition in story.definitions]
    told: set[str] = set()
    concluded = bool(story.sections) and story.sections[-1].title == RESULT
    before = story.sections[:-1] if concluded else story.sections
    sections = [block for section in before for block in _section(section, context, statements, told)]
    answer = _section(story.sections[-1], context, statements, told) if concluded else (
        Heading(RESULT), Equations((_result(story, context),), True))
    body = (Heading("Definitions"), Equations(tuple(definitions)), *sections, *_cotangents(story, context), *answer,
            *_fine_print(story, context))
    opening = (Code(story.source.text.strip("\n"), "python"), Heading("How to read this"), legend(story, context, body))
    return Document(_title(story), (*opening, *body, *_extras(extras)))


def story_notation(story: Story) -> Notation:
    """The notation in which nothing of the story's is mistaken for anything else."""
    expressions = list(_expressions(story))
    names = [argument.name for argument in story.source.arguments]
    names += [definition.name for definition in (*story.definitions, *story.cotangents, story.result)]
    names += sorted(set().union(*(array_names(expr) for expr in expressions)))
    return Notation(names, sorted(set().union(*(size_names(expr) for expr in expressions))), ["pi"] if "pi" not in names else [])


def _expressions(story: Story) -> Iterator[Expr]:
    for definition in (*story.definitions, *story.cotangents, story.result):
        yield from (definition.body, *definition.indices, *(index.size for index in definition.indices), *definition.shape)
    yield from (size for argument in story.source.arguments for size in argument.shape)
    for section in story.sections:
        yield from _of_section(section)
    yield from (assumption.condition for assumption in story.assumptions if assumption.condition is not None)
    yield from (side for fact in story.facts for side in fact)


def _of_section(section: Section) -> Iterator[Expr]:
    yield from (part for part in (section.left, section.start) if part is not None)
    yield from (side for step in section.steps for side in (step.before, step.after))
    yield from (part for case in section.cases for part in case)


def _title(story: Story) -> str:
    return _KINDS.get(story.kind, "The derivative of `{f}` with respect to `{x}`").format(f=story.source.name, x="` and `".join(story.wrt_all))


def _defined(definition: Definition, context: Context) -> Equation:
    inner = context.inside(definition.indices)
    return Equation(entry(definition.name, definition.indices, inner), compose(definition.body, inner).node, definition.meaning)


def _cotangents(story: Story, context: Context) -> list[Block]:
    if not story.cotangents:
        return []
    rows = tuple(_defined(definition, context) for definition in story.cotangents)
    return [Heading("The derivatives by name"), Equations(rows)]


def _result(story: Story, context: Context) -> Equation:
    inner = context.inside(story.result.indices)
    return Equation(_asked(story, inner), compose(story.result.body, inner).node, story.result.meaning)


def _asked(story: Story, context: Context) -> Node:
    """∂loss/∂W_ac for a gradient or Jacobian, and the name of the result for anything else."""
    indices = story.result.indices
    outer = len(story.definitions[-1].indices) if story.kind == "jacobian" else 0
    if story.kind not in ("gradient", "jacobian"):
        return entry(story.result.name, indices, context)
    return compose(Partial(At(story.label, indices[:outer]), At(story.wrt, indices[outer:])), context).node


def _section(section: Section, context: Context, statements: Statements, told: set[str]) -> Iterator[Block]:
    yield Heading(section.title)
    if section.prose:
        yield Prose(section.prose)
    if section.start is None:
        return
    inner = context.inside(appearance(*_of_section(section)))
    left = compose(section.left, inner).node if section.left is not None else None
    start = compose(section.start, inner).node
    links = _visible(start, [Link(compose(step.after, inner).node, rule_name(step.rule), step.note) for step in section.steps])
    yield Chain(left, start, links)
    if section.cases:
        rows = tuple((compose(value, inner).node, condition(test, inner)) for test, value in section.cases)
        yield Choice(left or (links[-1].value if links else start), rows)
    theorems = tuple(_new_theorems(section, statements, told))
    if theorems:
        yield Theorems(theorems)


def _visible(start: Node, links: list[Link]) -> tuple[Link, ...]:
    """The links, without those that look as what stands before them: their rules are named with the next one, or else the one before."""
    shown: list[Link] = []
    waiting: list[Link] = []
    for link in links:
        if link.value == (shown[-1].value if shown else start):
            waiting.append(link)
        else:
            shown.append(_merged([*waiting, link]))
            waiting = []
    if waiting and shown:
        shown[-1] = _merged([shown[-1], *waiting])
    return tuple(shown)


def _merged(links: list[Link]) -> Link:
    return Link(links[-1].value, ", ".join(dict.fromkeys(link.rule for link in links)),
                "; ".join(link.note for link in links if link.note))


def _new_theorems(section: Section, statements: Statements, told: set[str]) -> Iterator[Theorem]:
    for step in section.steps:
        if step.rule in statements and step.rule not in told:
            told.add(step.rule)
            yield Theorem(rule_name(step.rule), *statements[step.rule])


def rule_name(rule: str) -> str:
    """The name of a rule in plain words."""
    return rule.replace("_", " ")


def _fine_print(story: Story, context: Context) -> Iterator[Block]:
    if story.facts:
        yield Heading("Sums that are known")
        yield Equations(tuple(_fact(left, right, context) for left, right in story.facts))
    if story.assumptions:
        yield Heading("What this rests on")
        yield Items(tuple((assumption.text, _held(assumption.condition, context)) for assumption in story.assumptions))
    if story.conventions:
        yield Heading("Conventions")
        yield Items(tuple((sentence, None) for sentence in story.conventions))


def _fact(left: Expr, right: Expr, context: Context) -> Equation:
    inner = context.inside(appearance(left, right))
    return Equation(compose(left, inner).node, compose(right, inner).node)


def _held(test: Expr | None, context: Context) -> Node | None:
    if test is None:
        return None
    free: list[Index] = appearance(test)
    return condition(test, context.inside(free))


def _extras(extras: Extras) -> Iterator[Block]:
    grouped: dict[str, dict[str, str]] = {}
    for title, kind, text in extras:
        grouped.setdefault(title, {})[kind] = text.strip("\n")
    for title, forms in grouped.items():
        yield Heading(title)
        words = forms.pop("prose", "")
        if words:
            yield Prose(words)
        if forms:
            yield Extra(forms)


