"""Entries, functions, sums over indices, deltas, indicators and derivatives, as a lecturer writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from derive.index import (
    ONE,
    Add,
    At,
    Const,
    Delta,
    Digit,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    MatrixFn,
    Mul,
    Num,
    Partial,
    Size,
    Stop,
    Sum,
    Where,
    add,
    div,
    mul,
    neg,
    num,
    power,
    sub,
)
from derive.render.arithmetic import as_written, parenthesised, raised, signed
from derive.render.layout import Cases, Fence, Fraction, Large, Node, Number, Operator, Script, Symbol, Word, row
from derive.render.pieces import Context, Level, Piece, Reach, appearance, compose, fenced, handles

__all__ = ["condition", "entry"]

_APPLY = Operator("", "apply")
_COMMA = Operator(",", "comma")
_OPPOSITE = {">": "≤", "≥": "<", "=": "≠", "≠": "=", "<": "≥", "≤": ">"}


# ------------------------------------------------------------------------------------------- names and entries


@handles(Index)
def _index(expr: Expr, context: Context) -> Piece:
    assert isinstance(expr, Index)
    letter = context.scope[expr]
    return Piece(Symbol(letter.rstrip("′"), "", letter.count("′")))


@handles(Size)
def _size(expr: Expr, context: Context) -> Piece:
    return Piece(context.notation.symbol(expr.args[0], "size"))


@handles(Const)
def _constant(expr: Expr, context: Context) -> Piece:
    return Piece(context.notation.symbol(expr.args[0], "constant"))


@handles(At)
def _at(expr: Expr, context: Context) -> Piece:
    return Piece(entry(expr.args[0], expr.args[1], context))


def entry(name: str, indices: Iterable[Expr], context: Context) -> Node:
    """The entry of a named array: p_ic, with commas where an index is more than a letter: p_{i,y_i}."""
    indices = tuple(indices)
    symbol = context.notation.symbol(name)
    if not indices:
        return symbol
    if context.linear and symbol.sub and not symbol.sub.isdigit():  # w_out has its underscore already
        return row(symbol, Operator("", "tight"), Fence("[", _listed(indices, context, True), "]"))
    return Script(symbol, _listed(indices, context, not all(isinstance(index, Index) for index in indices)))


def _listed(indices: Iterable[Expr], context: Context, commas: bool) -> Node:
    parts: list[Node] = []
    for index in indices:
        if parts and commas:
            parts.append(Operator(",", "tight"))
        parts.append(compose(index, Context(context.notation, True, context.scope)).node)
    return row(*parts)


@handles(Digit)
def _digit(expr: Expr, context: Context) -> Piece:
    """One index of several that were merged: ⌊i/(n m)⌋ mod k, where n and m are the sizes after it and k is its own."""
    index, sizes, place = expr.args
    after, whole = sizes[place + 1:], compose(index, context)
    node = fenced(whole, Level.PRODUCT) if not after else Fence("⌊", compose(div(index, mul(*after)), replace(context, linear=True)).node, "⌋")
    if place == 0:
        return Piece(node, Level.ATOM if after else whole.level)
    return Piece(row(node, Word(" mod "), fenced(compose(sizes[place], context), Level.POWER)), Level.SUM)


# ------------------------------------------------------------------------------------------- functions

_REWRITTEN: dict[str, Callable[..., Expr]] = {
    "log1p": lambda u: Fn("log", (add(ONE, u),)),
    "expm1": lambda u: sub(Fn("exp", (u,)), ONE),
    "sqrt": lambda u: power(u, num("1/2").value),
    "rsqrt": lambda u: power(u, num("-1/2").value),
    "square": lambda u: power(u, 2),
}
_MARKS = {"logistic": "σ", "digamma": "ψ"}
_WORDS = {"heaviside": "H", "atan": "arctan", "asin": "arcsin", "acos": "arccos"}
_BARE = frozenset(("log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "asin", "acos"))


@handles(Fn)
def _function(expr: Expr, context: Context) -> Piece:
    name, args = expr.args
    if name in _REWRITTEN:
        return compose(_REWRITTEN[name](*args), context)
    if name == "pow":
        return raised(compose(args[0], context), _above(args[1], context))
    if name == "exp" and not context.notation.taken("e"):
        return Piece(Script(Symbol("e"), None, _above(args[0], context)), Level.POWER)
    pieces = [compose(arg, context) for arg in args]
    if name == "abs":
        return Piece(Fence("|", pieces[0].node, "|"))
    if name == "lgamma":
        return Piece(row(Symbol("log"), _APPLY, Symbol("Γ"), parenthesised(pieces[0])), Level.PRODUCT, Reach.FACTORS)
    mark = _MARKS.get(name, "")
    head = Symbol(mark if mark and not context.notation.taken(mark) else _WORDS.get(name, name))
    if name in _BARE and isinstance(args[0], (At, Size, Index, Const)):
        return Piece(row(head, _APPLY, pieces[0].node), Level.PRODUCT, Reach.FACTORS)
    return Piece(row(head, _call(pieces)))


def _above(exponent: Expr, context: Context) -> Node:
    """An exponent, on one line whatever the form, since stacked fractions there are too small to read."""
    return compose(exponent, Context(context.notation, True, context.scope)).node


def _call(pieces: Iterable[Piece]) -> Node:
    parts: list[Node] = []
    for piece in pieces:
        parts += [_COMMA, piece.node] if parts else [piece.node]
    return Fence("(", row(*parts), ")")


# ------------------------------------------------------------------------------------------- binders


@handles(Sum, Extremum)
def _binder(expr: Expr, context: Context) -> Piece:
    largest = isinstance(expr, Extremum)
    bound, body = expr.args[-2], expr.args[-1]
    inner = context.inside(bound)
    under = _listed(bound, inner, len(bound) > 1)
    piece = compose(body, inner)
    mark = Large(expr.args[0] if largest else "Σ", under)
    reach = Reach.TERMS if largest or piece.reach is Reach.TERMS else Reach.FACTORS
    return Piece(row(mark, _APPLY, fenced(piece, Level.PRODUCT)), Level.PRODUCT, reach)


@handles(MatrixFn)
def _matrix(expr: Expr, context: Context) -> Piece:
    """(A⁻¹)_rc and log |det A|; a matrix that has no name is shown by its entry."""
    name, at, bound, body = expr.args
    inner = context.inside(bound)
    plain = isinstance(body, At) and body.indices == bound
    inside = context.notation.symbol(body.name) if plain else Script(Fence("[", compose(body, inner).node, "]"), _listed(bound, inner, False))
    if name == "logdet":
        return Piece(row(Symbol("log"), _APPLY, Fence("|", row(Symbol("det"), _APPLY, inside), "|")), Level.PRODUCT, Reach.FACTORS)
    inverse = Fence("(", Script(inside, None, row(Operator("−", "prefix"), Number("1"))), ")")
    return Piece(Script(inverse, _listed(at, context, not all(isinstance(i, Index) for i in at))))


# ------------------------------------------------------------------------------------------- conditions


@handles(Delta)
def _delta(expr: Expr, context: Context) -> Piece:
    if all(isinstance(side, Index) for side in expr.args) and not context.notation.taken("δ"):
        sides = sorted(expr.args, key=lambda side: _order(context.scope[side]))
        return Piece(Script(Symbol("δ"), _listed(sides, context, False)))
    return _indicator(expr, context)


def _order(letter: str) -> tuple[int, str]:
    return letter.count("′"), letter


@handles(Iverson)
def _indicator(expr: Expr, context: Context) -> Piece:
    return Piece(row(Number("1"), Operator("", "tight"), Fence("{", condition(expr, context), "}")))


def condition(expr: Expr, context: Context, holds: bool = True) -> Node:
    """A condition of value 0 or 1 as a relation: j = k for δ_jk, j ≠ k for 1 − δ_jk."""
    expr = as_written(expr)
    if expr.free - context.scope.keys():
        context = context.inside(index for index in appearance(expr) if index not in context.scope)
    if isinstance(expr, Delta):
        left, right = _sides(expr, context)
        return row(left, Operator("=" if holds else "≠", "relation"), right)
    if isinstance(expr, Iverson):
        return _comparison(expr.args[0], expr.args[1], context, holds)
    if isinstance(expr, Num):
        return Word("always" if (expr.value != 0) is holds else "never")
    if isinstance(expr, Mul) and holds and not any(isinstance(part, Num) for part in expr.args[0]):
        return _joined([condition(part, context) for part in expr.args[0]])
    if isinstance(expr, Mul) and not holds and not any(isinstance(part, Num) for part in expr.args[0]):
        return _implied(list(expr.args[0]), context)
    negated = _negated(expr)
    if negated is not None:
        return condition(negated, context, not holds)
    return row(compose(expr, context).node, Operator("=" if holds else "≠", "relation"), Number("1"))


def _implied(parts: list[Expr], context: Context) -> Node:
    """Not all of these: the claim, which is the opposite of the last comparison that stands there negated, where the others hold."""
    claim = max(range(len(parts)), key=lambda k: (isinstance(_negated(parts[k]), Iverson), parts[k].height, k))
    others = [condition(part, context) for k, part in enumerate(parts) if k != claim]
    return row(condition(parts[claim], context, False), Word(" where "), _joined(others))


def _joined(parts: list[Node]) -> Node:
    return row(parts[0], *(piece for part in parts[1:] for piece in (Word(" and "), part)))


def _negated(expr: Expr) -> Expr | None:
    """What the expression is the opposite of: u, where it is 1 − u."""
    if isinstance(expr, Add) and len(expr.args[0]) == 2:
        for one, rest in (expr.args[0], expr.args[0][::-1]):
            if one is ONE and neg(neg(rest)) is rest and isinstance(rest, Mul):
                return neg(rest)
    return None


def _sides(expr: Delta, context: Context) -> tuple[Node, Node]:
    """Both sides of an equality of integers, the plainer one first: letters, then numbers, then labels."""
    def plain(side: Expr) -> tuple[int, tuple[int, str]]:
        return (0, _order(context.scope[side])) if isinstance(side, Index) else (1 + side.height + len(side.kids), (0, ""))
    first, second = sorted(expr.args, key=plain)
    return compose(first, context).node, compose(second, context).node


def _comparison(op: str, difference: Expr, context: Context, holds: bool) -> Node:
    """U op 0, with the negative terms of u moved to the other side."""
    difference = as_written(difference)
    terms = [as_written(term) for term in difference.args[0]] if isinstance(difference, Add) else [difference]
    negative = [signed(term, context)[0] for term in terms]
    left = add(*(term for term, minus in zip(terms, negative) if not minus))
    right = add(*(neg(term) for term, minus in zip(terms, negative) if minus))
    mark = {">": ">", ">=": "≥", "=": "="}[op]
    if all(negative):  # 0 > v is read as v < 0
        left, right, mark = right, left, {">": "<", "≥": "≤", "=": "="}[mark]
    mark = mark if holds else _OPPOSITE[mark]
    return row(compose(left, context).node, Operator(mark, "relation"), compose(right, context).node)


@handles(Where)
def _where(expr: Expr, context: Context) -> Piece:
    test, yes, no = expr.args
    rows = ((compose(yes, context).node, condition(test, context)), (compose(no, context).node, Word("otherwise")))
    return Piece(Cases(rows), Level.ATOM if context.linear else Level.PRODUCT)


@handles(Stop)
def _stop(expr: Expr, context: Context) -> Piece:
    return Piece(row(Symbol("stop"), _call([compose(expr.args[0], context)])))


# ------------------------------------------------------------------------------------------- derivatives


@handles(Partial)
def _partial(expr: Expr, context: Context) -> Piece:
    body, variable = expr.args
    context = context.inside(index for index in appearance(body, variable) if index not in context.scope)
    curly = Operator("∂", "prefix")
    below = row(curly, compose(variable, context).node)
    if isinstance(body, At):
        return _quotient(row(curly, compose(body, context).node), below, context)
    operator = _quotient(curly, below, context).node
    return Piece(row(operator, _APPLY, parenthesised(compose(body, context))), Level.PRODUCT)


def _quotient(top: Node, bottom: Node, context: Context) -> Piece:
    if context.linear:
        return Piece(row(top, Operator("/", "tight"), bottom), Level.PRODUCT, Reach.CLOSED, dotted=True)
    return Piece(Fraction(top, bottom), Level.PRODUCT)
