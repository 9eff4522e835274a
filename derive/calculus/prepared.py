"""What is differentiated: definitions as written, with bodies to reason with and the facts that are known about them."""

from __future__ import annotations

from dataclasses import dataclass, field

from derive.calculus.naming import shifted
from derive.derivation import Definition, Section
from derive.index import Add, At, Expr, Fn, Mul, Num, add, mul
from derive.normal import Algebra
from derive.normal.fold import Folder
from derive.normal.present import present

__all__ = ["Prepared"]


@dataclass
class Prepared:
    """Definitions with bodies to reason with.

    Attributes:
        definitions: as written, contractions named.
        bodies: the body to reason with, by name.
        algebra: the soft normal form, with the facts about these definitions.
        folder: writes the names again.
        sections: what was told while preparing (the shift).
        skipped: names that no body to reason with mentions any more.
        facts: known sums, as (left, right).
        flows: bodies in terms of what a total derivative is taken in, by name.
    """

    definitions: list[Definition]
    bodies: dict[str, Expr]
    algebra: Algebra
    folder: Folder = field(init=False)
    sections: list[Section] = field(default_factory=list)
    facts: list[tuple[Expr, Expr]] = field(default_factory=list)
    flows: dict[str, Expr] = field(default_factory=dict)

    def by_name(self, name: str) -> Definition:
        """The definition of that name."""
        return next(definition for definition in self.definitions if definition.name == name)

    def insert(self, new: Definition, before: Definition) -> None:
        """Take in one more definition, before another."""
        self.definitions.insert(self.definitions.index(before), new)
        self.bodies[new.name] = new.body

    def flow(self, name: str) -> Expr:
        """The body that says what flows into a definition."""
        return self.flows.get(name, self.bodies[name])

    def pretty(self, node: Expr) -> Expr:
        """The expression simplified, with the names written again."""
        return present(self.algebra, self.folder.fold(self.algebra.canonical(node)))

    def by_parts(self, node: Expr) -> Expr:
        """The same for each term and each factor on its own: a product of sums stays one."""
        if isinstance(node, Add):
            return add(*(self.by_parts(term) for term in node.args[0]))
        return mul(*(self.pretty(factor) for factor in node.args[0])) if isinstance(node, Mul) else self.pretty(node)

    def refold(self) -> None:
        """Read the rows again after a body has changed.

        The value itself is no name to be written back where it is a plain product, such as x σ(x): its factors are what a reader knows.
        """
        rows = self.definitions[:-1] if _is_plain_product(self.definitions[-1].body) else self.definitions
        known = [Definition(d.name, d.indices, body) for d in rows for body in dict.fromkeys((self.bodies[d.name], d.body))
                 if body is self.bodies[d.name] or not shifted(body)]
        self.folder = Folder(self.algebra, known)


def _is_plain_product(body: Expr) -> bool:
    return isinstance(body, Mul) and all(isinstance(f, (Num, At, Fn)) for f in body.args[0])
