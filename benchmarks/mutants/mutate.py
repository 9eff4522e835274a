"""All mutants of a variant: each is its source with one change."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from variants import Variant

from mutants.code import Source, original, source
from mutants.operators import TABLE, Change, others
from mutants.rewrites import TABLE as REWRITES

Table = Mapping[type[ast.AST], Callable[[Any], Iterator[Change]]]


@dataclass(frozen=True)
class Mutant:
    """A changed source. kind: what was changed; line: where, in the unchanged text; before, after: that line."""

    variant: Variant
    kind: str
    line: int
    text: str
    before: str
    after: str

    @property
    def label(self) -> str:
        return f"{self.variant.name}:{self.line} {self.kind}: {self.before.strip()}  →  {self.after.strip()}"


class Replace(ast.NodeTransformer):
    """Puts a new node in the place of the one with a given number; nodes are counted in the order of a walk."""

    def __init__(self, target: ast.AST, new: Any) -> None:
        self.target, self.new = target, new

    def visit(self, node: ast.AST) -> Any:
        if node is self.target:
            return ast.Pass() if self.new is None else self.new
        return self.generic_visit(node)


def candidates(function: ast.FunctionDef) -> list[str]:
    """The parameters and local names, in the order of appearance."""
    found = [a.arg for a in function.args.args]
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id not in found:
            found.append(node.id)
    return found


def changes(function: ast.FunctionDef, table: Table) -> Iterator[tuple[ast.AST, Change]]:
    known = candidates(function)
    for node in ast.walk(function):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if type(node) in table:
            for change in table[type(node)](node):
                yield node, change
        elif isinstance(node, ast.Name) and table is TABLE:
            for change in others(node, known):
                yield node, change


def first_difference(before: str, after: str) -> tuple[int, str, str]:
    left, right = before.splitlines(), after.splitlines()
    for k, (a, b) in enumerate(zip(left, right), 1):
        if a != b:
            return k, a, b
    return min(len(left), len(right)), "", ""


@cache
def all_mutants(variant: Variant, rewrite: bool = False) -> list[Mutant]:
    """Every single change, without repetitions: mutants, or rewrites that mean to keep the meaning."""
    table = REWRITES if rewrite else TABLE
    base = original(variant)
    seen, out = {base}, []
    for place, node, (kind, new) in numbered(source(variant), table):
        text = with_change(source(variant), place, node, new)
        if text is not None and text not in seen:
            seen.add(text)
            out.append(Mutant(variant, kind, *picked(base, text)))
    return out


def picked(base: str, text: str) -> tuple[int, str, str, str]:
    line, a, b = first_difference(base, text)
    return line, text, a, b


def numbered(whole: Source, table: Table) -> Iterator[tuple[int, ast.AST, Change]]:
    for place, function in enumerate(whole.tree.body):
        assert isinstance(function, ast.FunctionDef)
        for node, change in changes(function, table):
            yield place, node, change


def with_change(whole: Source, place: int, node: ast.AST, new: Any) -> str | None:
    """The text with one node replaced; None where that is no program."""
    memo: dict[int, ast.AST] = {}
    function = copy.deepcopy(whole.tree.body[place], memo)
    changed = Replace(memo[id(node)], copy.deepcopy(new)).visit(function)
    try:
        text = ast.unparse(ast.fix_missing_locations(changed))
        ast.parse(text)
    except (SyntaxError, ValueError, AttributeError, TypeError):
        return None
    return "\n".join("\n" * (k > 0) + text if k == place else part for k, part in enumerate(texts(whole))) + "\n"


@cache
def texts(whole: Source) -> tuple[str, ...]:
    return tuple("\n" * (k > 0) + ast.unparse(function) for k, function in enumerate(whole.tree.body))


def sample(mutants: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """A fixed choice, spread over the kinds of change: rare kinds first in their turn."""
    rng = random.Random(seed)
    by_kind: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        by_kind.setdefault(mutant.kind, []).append(mutant)
    for group in by_kind.values():
        rng.shuffle(group)
    out: list[Mutant] = []
    while len(out) < min(count, len(mutants)):
        for group in by_kind.values():
            if group and len(out) < count:
                out.append(group.pop())
    return out
