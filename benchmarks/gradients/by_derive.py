"""derive's answer."""

from __future__ import annotations

import derive
from derive.index import Add, At, Expr, Fn, Iverson, Mul, Pow, Sum, Where, walk
from gradients.answer import Answer, Size
from gradients.cases import Case


def operations(node: Expr) -> int:
    """Of one expression; a sum of n terms is n − 1."""
    total = 0
    for part in walk(node):
        if isinstance(part, (Add, Mul)):
            total += len(part.args[0]) - 1
        elif isinstance(part, (Pow, Fn, Iverson, Where)):
            total += 1
    return total


def sums(node: Expr) -> int:
    return sum(len(part.bound) for part in walk(node) if isinstance(part, Sum))


def asked(case: Case) -> Answer:
    ask = derive.hessian if case.hessian else derive.gradient
    d = ask(case.function, case.wrt, dict(case.shapes))
    bodies = [*(c.body for c in d.story.cotangents), d.story.result.body]
    used = {part.args[0] for body in bodies for part in walk(body) if isinstance(part, At)}
    names = len(d.story.cotangents) + sum(d_.role == "auto" and d_.name in used for d_ in d.story.definitions)
    function = d.function()
    return Answer(Size(sum(map(operations, bodies)), sum(map(sums, bodies)), names), lambda arrays: function(**arrays))
