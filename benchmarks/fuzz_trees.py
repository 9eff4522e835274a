"""Random index expressions straight through the normal form: what it makes of them must keep their value.

Two laws are tried at random sizes, 1 and equal sizes among them, with an evaluator of its own (nothing of derive's is used to judge):
the normal form of an expression has the expression's value, and two expressions whose difference is found to be zero have equal values.

    python benchmarks/fuzz_trees.py [count] [seed]
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Any

import mpmath

from derive.errors import NotYet
from derive.index import (
    ONE,
    Add,
    At,
    Const,
    Delta,
    Expr,
    Extremum,
    Fn,
    Index,
    Iverson,
    Mono,
    Mul,
    Num,
    Poly,
    Pow,
    Size,
    Stop,
    Sum,
    Where,
    add,
    delta,
    fresh,
    mul,
    neg,
    num,
    power,
    product,
    sub,
    substitute,
)
from derive.normal import Algebra

SIZES = (Size("m"), Size("k"), Size("n"), num(2))
LABEL_RANGE = {"y": SIZES[1], "t": SIZES[1]}
FREE = tuple(Index(letter, size, 0) for letter, size in (("i", SIZES[0]), ("c", SIZES[1]), ("j", SIZES[0])))
PLACES = ({"m": 2, "k": 3, "n": 1}, {"m": 1, "k": 1, "n": 1}, {"m": 2, "k": 2, "n": 2}, {"m": 3, "k": 1, "n": 2}, {"m": 1, "k": 2, "n": 3})


class Undefined(Exception):
    """No real value: log of a number ≤ 0, a division by zero, a root of a negative number, a label out of range."""


# ------------------------------------------------------------------------------------------- the judge


class Judge:
    """Values of expressions at one point, from their definition alone."""

    def __init__(self, sizes: Mapping[str, int], seed: int, ties: bool) -> None:
        self.sizes, self.seed, self.ties = sizes, seed, ties

    def entry(self, name: str, place: tuple[int, ...], kind: str) -> Any:
        rng = random.Random(f"{self.seed} {name} {place}")
        if kind == "int":
            return rng.randrange(self.value(LABEL_RANGE[name], {}))
        return mpmath.mpf(rng.choice((-1, 0, 1, 2))) if self.ties else mpmath.mpf(rng.randint(-999, 999)) / 377

    def value(self, node: Expr, at: Mapping[Index, int]) -> Any:
        go, args = self.value, node.args
        match node:
            case Num():
                return int(args[0]) if args[0].denominator == 1 else mpmath.mpf(args[0].numerator) / args[0].denominator
            case Size():
                return self.sizes[args[0]]
            case Const():
                return mpmath.pi
            case Index():
                return at[node]
            case At():
                return self.entry(node.name, tuple(int(go(i, at)) for i in node.indices), node.kind)
            case Add():
                return sum(go(u, at) for u in args[0])
            case Mul():
                return self.times([(u, Fraction(1)) for u in args[0]], at)
            case Mono():
                return self.times(list(args[0]), at)
            case Poly():
                return sum((mpmath.mpf(c.numerator) / c.denominator * go(m, at) for m, c in args[0]), mpmath.mpf(0))
            case Pow():
                return self.raised(go(args[0], at), args[1])
            case Delta():
                return int(go(args[0], at) == go(args[1], at))
            case Iverson():
                u = go(args[1], at)
                u = 0 if abs(u) < mpmath.mpf(10) ** -25 else u
                return int({">": u > 0, ">=": u >= 0, "=": u == 0}[args[0]])
            case Where():
                return go(args[1] if abs(go(args[0], at)) > 0.5 else args[2], at)
            case Stop():
                return go(args[0], at)
            case Sum() | Extremum():
                ranges = [range(go(b.size, at)) for b in node.bound]
                parts = [go(node.body, {**at, **dict(zip(node.bound, place))}) for place in itertools.product(*ranges)]
                return sum(parts) if isinstance(node, Sum) else max(parts) if args[0] == "max" else min(parts)
            case Fn():
                return self.function(args[0], [mpmath.mpf(go(u, at)) for u in args[1]])
        raise TypeError(type(node))

    def times(self, pairs: list[tuple[Expr, Fraction]], at: Mapping[Index, int]) -> Any:
        pairs = sorted(pairs, key=lambda pair: not isinstance(pair[0], (Delta, Iverson)))
        out: Any = 1
        for u, e in pairs:
            value = self.value(u, at)
            if value == 0 and isinstance(u, (Delta, Iverson)):
                return 0
            out = out * self.raised(value, e)
        return out

    @staticmethod
    def raised(u: Any, e: Fraction) -> Any:
        if e == 1:
            return u
        if (u == 0 and e < 0) or (u < 0 and e.denominator != 1) or (e < 0 and abs(u) < mpmath.mpf(10) ** -25):
            raise Undefined
        if e.denominator != 1 and abs(u) < mpmath.mpf(10) ** -25:
            return mpmath.mpf(0)
        return mpmath.power(u, e.numerator if e.denominator == 1 else mpmath.mpf(e.numerator) / e.denominator)

    @staticmethod
    def function(name: str, u: list[Any]) -> Any:
        if name == "log" and u[0] < mpmath.mpf(10) ** -25:
            raise Undefined
        if name == "pow":
            if u[0] <= 0:
                raise Undefined
            return u[0] ** u[1]
        e = mpmath.exp
        return {"exp": lambda a: e(a), "log": mpmath.log, "tanh": mpmath.tanh, "logistic": lambda a: 1 / (1 + e(-a)), "abs": abs,
                "softplus": lambda a: mpmath.log(1 + e(a)), "logaddexp": lambda a, b: mpmath.log(e(a) + e(b)), "sin": mpmath.sin,
                "cos": mpmath.cos, "erf": mpmath.erf, "atan": mpmath.atan, "relu": lambda a: max(a, 0), "sign": mpmath.sign,
                "heaviside": lambda a: (mpmath.sign(a) + 1) / 2, "max": max, "min": min}[name](*u)


# ------------------------------------------------------------------------------------------- random expressions


class Maker:
    """Random expressions, and variants of them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def index(self, scope: tuple[Index, ...], size: Expr | None = None) -> Index | None:
        fit = [b for b in scope if size is None or b.size is size]
        return self.rng.choice(fit) if fit else None

    def leaf(self, scope: tuple[Index, ...]) -> Expr:
        rng = self.rng
        kind = rng.randrange(9)
        if kind == 0:
            return num(Fraction(rng.choice((1, 2, 3, -1, -2, 5)), rng.choice((1, 1, 2, 3))))
        if kind == 1:
            return rng.choice(SIZES[:3])
        if kind == 2 and scope:
            return self.choose_delta(scope)
        if kind == 3:
            return At(rng.choice("ab"))
        if kind == 4 and (i := self.index(scope, SIZES[0])) is not None:
            row = rng.choice(("p", "q"))
            return At(row, (i, At(rng.choice("yt"), (i,), "int")))
        if kind == 5 and scope and rng.random() < 0.3:
            return rng.choice(scope)
        name = rng.choice(("u", "v", "x", "w"))
        if not scope:
            return At(rng.choice("ab"))
        n = 1 if name in "uv" else 2
        return At(name, tuple(rng.choice(scope) for _ in range(n)))

    def choose_delta(self, scope: tuple[Index, ...]) -> Expr:
        i = self.rng.choice(scope)
        others: list[Expr] = [j for j in scope if j is not i] + [num(0), num(1)]
        if (r := self.index(scope, SIZES[0])) is not None and i.size is not SIZES[0]:
            others += [At("y", (r,), "int")] * 2
        return delta(i, self.rng.choice(others))

    def tree(self, depth: int, scope: tuple[Index, ...]) -> Expr:
        rng = self.rng
        if depth <= 0:
            return self.leaf(scope)
        kind = rng.choices(range(9), (5, 6, 3, 3, 4, 2, 1, 1, 1))[0]
        if kind == 0:
            return add(*(self.tree(depth - 1, scope) for _ in range(rng.choice((2, 2, 3)))))
        if kind == 1:
            return product(self.tree(depth - 1, scope) for _ in range(rng.choice((2, 2, 3))))
        if kind == 2:
            exponent = rng.choice(((2, 1), (-1, 1), (1, 2), (-1, 2), (3, 1), (-2, 1), (3, 2), (1, 5)))
            return power(self.tree(depth - 1, scope), Fraction(*exponent))
        if kind == 3:
            name = rng.choice(("exp", "exp", "log", "log", "tanh", "logistic", "relu", "abs", "sign", "heaviside", "softplus", "sin",
                               "erf"))
            return Fn(name, (self.tree(depth - 1, scope),))
        if kind == 4:
            bound = tuple(fresh(Index("b", rng.choice(SIZES), 0)) for _ in range(rng.choice((1, 1, 2))))
            return Sum(bound, self.tree(depth - 1, (*scope, *bound)))
        if kind == 5:
            return Fn(rng.choice(("max", "min", "logaddexp", "pow")), (self.tree(depth - 1, scope), self.tree(depth - 1, scope)))
        if kind == 6:
            bound = (fresh(Index("b", rng.choice(SIZES), 0)),)
            return Extremum(rng.choice(("max", "min")), bound, self.tree(depth - 1, (*scope, *bound)))
        if kind == 7:
            return Where(self.condition(depth - 1, scope), self.tree(depth - 1, scope), self.tree(depth - 1, scope))
        return self.condition(depth - 1, scope)

    def condition(self, depth: int, scope: tuple[Index, ...]) -> Expr:
        return Iverson(self.rng.choice((">", ">=", "=")), self.tree(depth, scope))

    # ------------------------------------------------------------------------------- variants of an expression

    def same(self, node: Expr) -> Expr:
        """An expression of the same value wherever both are defined, by random identities from the bottom up."""
        from_below = _with_kids(node, self.same)
        return self.identity(from_below) if self.rng.random() < 0.5 else from_below

    def identity(self, u: Expr) -> Expr:
        rng = self.rng
        choices = [lambda: mul(num(2), u, num(Fraction(1, 2))), lambda: add(u, At("a"), neg(At("a")))]
        if isinstance(u, Add):
            parts = list(u.args[0])
            choices += [lambda: add(*rng.sample(parts, len(parts))), lambda: add(add(*parts[:1]), mul(ONE, add(*parts[1:])))]
        if isinstance(u, Mul):
            parts = list(u.args[0])
            spread = next((k for k, part in enumerate(parts) if isinstance(part, Add)), None)
            choices.append(lambda: product(rng.sample(parts, len(parts))))
            if spread is not None:
                choices.append(lambda: add(*(product([*parts[:spread], t, *parts[spread + 1:]]) for t in parts[spread].args[0])))
        if isinstance(u, Sum):
            renamed = {b: fresh(b) for b in u.bound}
            order = rng.sample(list(renamed.values()), len(renamed))
            choices.append(lambda: Sum(tuple(order), substitute(u.body, renamed)))
            if len(u.bound) == 2:
                choices.append(lambda: Sum(u.bound[:1], Sum(u.bound[1:], u.body)))
            if isinstance(u.body, Add):
                choices.append(lambda: add(*(Sum(u.bound, t) for t in u.body.args[0])))
        if isinstance(u, Fn):
            choices += [lambda known=known: known for known in _other_forms(u)]
        if isinstance(u, Iverson) and u.args[0] == ">":
            choices.append(lambda: sub(ONE, Iverson(">=", neg(u.args[1]))))
        if isinstance(u, Where):
            q = u.args[0]
            choices.append(lambda: Where(sub(ONE, q), u.args[2], u.args[1]))
        return rng.choice(choices)()

    def mutated(self, node: Expr) -> Expr:
        """One small change somewhere: a sign, a number, an exponent, an index, a dropped term, a comparison."""
        spots = [u for u in _occurrences(node) if isinstance(u, (Num, Add, Mul, Pow, At, Iverson, Fn, Sum, Delta, Size))]
        if not spots:
            return add(node, num(Fraction(1, 1000)))
        spot = self.rng.choice(spots)
        return _replaced(node, spot, self.changed(spot))

    def changed(self, u: Expr) -> Expr:
        rng = self.rng
        if isinstance(u, Num):
            return num(u.value * Fraction(10001, 10000)) if u.value.denominator != 1 or u.value > 3 else num(u.value + 1)
        if isinstance(u, Add):
            return add(*u.args[0][1:]) if rng.random() < 0.5 else add(neg(u.args[0][0]), *u.args[0][1:])
        if isinstance(u, Mul):
            return product(u.args[0][1:])
        if isinstance(u, Pow):
            return power(u.args[0], u.args[1] + rng.choice((1, -1, Fraction(1, 2))))
        if isinstance(u, At) and len(u.indices) > 1 and u.kind == "float":
            return At(u.name, u.indices[::-1])
        if isinstance(u, Iverson):
            return Iverson({">": ">=", ">=": ">", "=": ">"}[u.args[0]], u.args[1])
        if isinstance(u, Fn):
            return Fn({"max": "min", "min": "max", "relu": "abs", "abs": "relu", "tanh": "sin"}.get(u.args[0], u.args[0]),
                      tuple(neg(v) if k == 0 else v for k, v in enumerate(u.args[1])))
        if isinstance(u, Sum):
            return mul(power(u.bound[0].size, -1), u)
        return neg(u)


def _other_forms(u: Fn) -> list[Expr]:
    name, args = u.args
    v = args[0]
    exp = lambda w: Fn("exp", (w,))  # noqa: E731 - a one-line abbreviation
    table: dict[str, list[Expr]] = {
        "exp": [power(exp(neg(v)), -1), power(exp(mul(num(Fraction(1, 2)), v)), 2)],
        "tanh": [mul(sub(exp(v), exp(neg(v))), power(add(exp(v), exp(neg(v))), -1)), neg(Fn("tanh", (neg(v),)))],
        "logistic": [mul(exp(v), power(add(ONE, exp(v)), -1)), sub(ONE, Fn("logistic", (neg(v),)))],
        "relu": [Where(Iverson(">", v), v, num(0)), mul(num(Fraction(1, 2)), add(v, Fn("abs", (v,)))), Fn("max", (v, num(0)))],
        "abs": [power(power(v, 2), Fraction(1, 2)), add(Fn("relu", (v,)), Fn("relu", (neg(v),))), Fn("abs", (neg(v),))],
        "log": [neg(Fn("log", (power(v, -1),))), mul(num(Fraction(1, 2)), Fn("log", (power(v, 2),)))],
        "softplus": [Fn("log", (add(ONE, exp(v)),)), add(v, Fn("softplus", (neg(v),)))],
        "sign": [sub(Fn("heaviside", (v,)), Fn("heaviside", (neg(v),)))], "sin": [neg(Fn("sin", (neg(v),)))],
        "max": [neg(Fn("min", tuple(map(neg, args)))), Fn("max", args[::-1])], "min": [neg(Fn("max", tuple(map(neg, args))))],
        "logaddexp": [Fn("logaddexp", args[::-1])], "pow": [exp(mul(args[-1], Fn("log", (v,))))],
    }
    return table.get(name, [])


def _with_kids(node: Expr, change: Any) -> Expr:
    def into(arg: Any) -> Any:
        return change(arg) if isinstance(arg, Expr) else tuple(map(into, arg)) if isinstance(arg, tuple) else arg
    if isinstance(node, (Add, Mul, Fn, Where, Iverson, Pow)):
        args = tuple(into(a) for a in node.args)
        return add(*args[0]) if isinstance(node, Add) else product(args[0]) if isinstance(node, Mul) else type(node)(*args)
    if isinstance(node, (Sum, Extremum)):
        return type(node)(*node.args[:-1], change(node.body))
    return node


def _occurrences(node: Expr) -> list[Expr]:
    found = [node]
    if isinstance(node, (Add, Mul, Fn, Where, Iverson, Pow)):
        found += [v for kid in node.kids for v in _occurrences(kid)]
    elif isinstance(node, (Sum, Extremum)):
        found += _occurrences(node.body)
    return found


def _replaced(node: Expr, old: Expr, new: Expr) -> Expr:
    return new if node is old else _with_kids(node, lambda kid: _replaced(kid, old, new))


# ------------------------------------------------------------------------------------------- the laws


class Wrong(AssertionError):
    """A law does not hold; the message carries the expressions and the point."""


Labels = Collection[tuple[Expr, ...]]


def values_differ(left: Expr, right: Expr, seed: int, labels: Labels = ()) -> str:
    """Where the two differ though both are defined and the labels are in range; empty where they agree at all points that were tried."""
    free = sorted(left.free | right.free, key=lambda i: i.key)
    with mpmath.workdps(40):
        for turn, sizes in enumerate(PLACES):
            for ties in (False, True):
                judge = Judge(sizes, seed + turn, ties)
                if not all(_in_range(judge, label, size) for label, size, *_ in labels):
                    continue
                for place in itertools.product(*(range(judge.value(i.size, {})) for i in free)):
                    at = dict(zip(free, place))
                    try:
                        u, v = judge.value(left, at), judge.value(right, at)
                    except (Undefined, OverflowError):
                        continue
                    if abs(u) < 1e30 and abs(u - v) > mpmath.mpf(10) ** -15 * (1 + abs(u)):
                        return f"{mpmath.nstr(u, 12)} against {mpmath.nstr(v, 12)} at {sizes}, {at}, ties={ties}"
    return ""


def _in_range(judge: Judge, label: Expr, size: Expr) -> bool:
    free, n = tuple(label.free), judge.value(size, {})
    places = itertools.product(*(range(judge.value(i.size, {})) for i in free))
    return all(0 <= judge.value(label, dict(zip(free, place))) < n for place in places)


def one(number: int, seed: int = 0, deepest: int = 3, algebra: type[Algebra] = Algebra) -> str:
    """Try both laws on one pair; what was found, in words.

    Raises:
        Wrong: a law does not hold.
    """
    rng = random.Random(f"{seed} {number}")
    maker = Maker(rng)
    left = maker.tree(rng.randint(1, deepest), FREE)
    equal = rng.random() < 0.5
    right = maker.same(left) if equal else maker.mutated(maker.same(left) if rng.random() < 0.5 else left)
    normal = algebra(hard=True)
    try:
        forms = normal.canonical(left), normal.canonical(right)
        zero = normal.is_zero(normal.sub(*forms))
        reader = algebra(hard=False)
        soft = reader.canonical(left)
    except NotYet:
        return "not yet"
    for name, form, labels in (("hard", forms[0], normal.labels), ("soft", soft, reader.labels)):
        found = values_differ(left, form, number, labels)
        if found:
            raise Wrong(f"pair {number}: the {name} normal form changes the value: {found}\n{left}\n{form}")
    found = values_differ(left, right, number, normal.labels) if zero or not equal else ""
    if zero and found:
        raise Wrong(f"pair {number}: called equal: {found}\n{left}\n{right}")
    return f"{'equal' if equal else 'mutated'}, {'called equal' if zero else 'numbers differ' if found else 'not seen'}"


def run(count: int, seed: int = 0, deepest: int = 3, algebra: type[Algebra] = Algebra, first: int = 0) -> Counter[str]:
    """Try both laws on `count` pairs, from the number `first` on, and count what was found.

    Raises:
        Wrong: a law does not hold.
    """
    return Counter(one(number, seed, deepest, algebra) for number in range(first, first + count))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    start = time.perf_counter()
    print(dict(run(*numbers) if numbers else run(2000)), f"{time.perf_counter() - start:.1f} s")
