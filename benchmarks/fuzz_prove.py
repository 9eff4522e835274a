"""A fuzzer of `derive.prove`: pairs of JAX functions from random expressions, equal by construction or changed in one place.

Whatever is called proved must survive evaluation with 40 digits at several sizes, 1 and equal sizes among them; what is equal by
construction must never be refuted.  The judge evaluates the generated expressions itself, with NumPy and mpmath, and knows nothing of
derive.  Every pair is traced by JAX and decided by derive; one in `jax_every` is also run by JAX, the others by NumPy.

    python benchmarks/fuzz_prove.py [count] [seed]
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np

from derive.errors import NotYet
from derive.proving.proof import Comparison, Proof, compare, prove
from derive.trace import read

SHAPES = {"X": "m d", "Y": "m d", "W": "d k", "S": "m m", "C": "m 3", "u": "m", "v": "d", "a": "", "y": "int m"}
FLOATS = {name: tuple(text.split()) for name, text in SHAPES.items() if name != "y"}
PLACES = ({"m": 2, "d": 3, "k": 2}, {"m": 1, "d": 1, "k": 1}, {"m": 2, "d": 2, "k": 2}, {"m": 3, "d": 1, "k": 4})
DIGITS = 40


@dataclass(frozen=True)
class Node:
    """An array-valued expression: an operation, its operands, its shape in names of sizes, and a parameter."""

    op: str
    kids: tuple[Node, ...] = ()
    shape: tuple[str, ...] = ()
    data: Any = None


def const(q: Any) -> Node:
    return Node("const", data=Fraction(q))


def ew(op: str, *kids: Node) -> Node:
    """An operation entry by entry; axes of size 1 are stretched."""
    length = max(len(kid.shape) for kid in kids)
    full = [("1",) * (length - len(kid.shape)) + kid.shape for kid in kids]
    return Node(op, kids, tuple(next((n for n in axis if n != "1"), "1") for axis in zip(*full)))


def over(op: str, kid: Node, axis: int) -> Node:
    """A reduction over one axis."""
    return Node(op, (kid,), kid.shape[:axis] + kid.shape[axis + 1:], axis)


def kept(op: str, kid: Node, axis: int) -> Node:
    """A reduction over one axis, which stays with size 1."""
    return widened(over(op, kid, axis), axis)


def widened(kid: Node, axis: int) -> Node:
    return Node("expand", (kid,), (*kid.shape[:axis], "1", *kid.shape[axis:]), axis)


def matmul(a: Node, b: Node) -> Node:
    return Node("matmul", (a, b), (a.shape[0], b.shape[1]))


def turned(a: Node) -> Node:
    return Node("T", (a,), a.shape[::-1])


# ------------------------------------------------------------------------------------------- what an expression means


@dataclass(frozen=True)
class Library:
    """The functions that an evaluation uses."""

    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    tanh: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    number: Callable[[Fraction], Any]


FLOAT = Library(np.exp, np.log, np.tanh, np.sqrt, float)
EXACT = Library(*(np.frompyfunc(f, 1, 1) for f in (mpmath.exp, mpmath.log, mpmath.tanh, mpmath.sqrt)),
                lambda q: mpmath.mpf(q.numerator) / q.denominator)


def value(e: Node, env: Mapping[str, Any], sizes: Mapping[str, int], lib: Library) -> Any:
    """The value with NumPy arrays, of floats or of numbers in high precision."""
    if e.op == "arg":
        return env[e.data]
    if e.op == "const":
        return lib.number(e.data)
    if e.op == "size":
        return lib.number(Fraction(sizes[e.data]))
    kids = [value(kid, env, sizes, lib) for kid in e.kids]
    if e.op in _ENTRYWISE:
        return _ENTRYWISE[e.op](*kids) if e.op not in ("exp", "log", "tanh", "sqrt") else getattr(lib, e.op)(kids[0])
    x = kids[0]
    if e.op in ("softmax", "log_softmax", "logsumexp"):
        parts = lib.exp(x)
        total = np.sum(parts, axis=e.data, keepdims=True)
        return parts / total if e.op == "softmax" else x - lib.log(total) if e.op == "log_softmax" else np.squeeze(lib.log(total), e.data)
    if e.op == "sigmoid":
        return 1 / (1 + lib.exp(-x))
    if e.op in ("pick", "hot"):
        return x[np.arange(sizes["m"]), env["y"]] if e.op == "pick" else np.sum(x * np.eye(sizes["k"], dtype=int)[env["y"]], axis=1)
    return {"sum": lambda: np.sum(x, axis=e.data), "mean": lambda: np.sum(x, axis=e.data) / np.shape(x)[e.data],
            "amax": lambda: np.max(x, axis=e.data), "matmul": lambda: x @ kids[1], "T": lambda: x.T,
            "expand": lambda: np.expand_dims(x, e.data), "stop": lambda: x}[e.op]()


def _choice(x: Any, y: Any, u: Any, v: Any) -> Any:
    return np.where(np.asarray(x - y > 1e-20, dtype=bool), u, v)  # rounding must not decide a tie


_ENTRYWISE: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "div": lambda x, y: x / y, "neg": lambda x: -x,
    "square": lambda x: x**2, "cube": lambda x: x**3, "max": np.maximum, "min": np.minimum, "where": _choice, "abs": np.abs,
    "relu": lambda x: np.maximum(x, 0), "exp": abs, "log": abs, "tanh": abs, "sqrt": abs,
}
_JAX: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "div": lambda x, y: x / y, "neg": lambda x: -x,
    "square": lambda x: x**2, "cube": lambda x: x**3, "max": jnp.maximum, "min": jnp.minimum,
    "where": lambda x, y, u, v: jnp.where(x > y, u, v), "abs": jnp.abs, "relu": jax.nn.relu, "exp": jnp.exp, "log": jnp.log,
    "tanh": jnp.tanh, "sqrt": jnp.sqrt, "sigmoid": lambda x: jax.nn.sigmoid(x * 1.0), "matmul": lambda x, y: x @ y, "T": lambda x: x.T,
    "stop": jax.lax.stop_gradient,
}


def in_jax(e: Node, env: Mapping[str, Any]) -> Any:
    """The same in jax.numpy: this is what derive reads."""
    if e.op == "arg":
        return env[e.data]
    if e.op == "const":
        return float(e.data) if e.data.denominator != 1 else int(e.data)
    if e.op == "size":
        return {"m": env["X"].shape[0], "d": env["X"].shape[1], "k": env["W"].shape[1]}[e.data] * jnp.ones(())
    x, *more = (in_jax(kid, env) for kid in e.kids)
    if e.op in _JAX:
        return _JAX[e.op](x, *more)
    if e.op in ("softmax", "log_softmax"):
        return getattr(jax.nn, e.op)(x, axis=e.data)
    if e.op == "logsumexp":
        return jax.nn.logsumexp(x, axis=e.data)
    if e.op == "pick":
        return x[jnp.arange(x.shape[0]), env["y"]]
    if e.op == "hot":
        return jnp.sum(x * jax.nn.one_hot(env["y"], x.shape[1]), axis=1)
    return {"sum": jnp.sum, "mean": jnp.mean, "amax": jnp.max, "expand": jnp.expand_dims}[e.op](x, axis=e.data)


def function(e: Node) -> Callable[..., Any]:
    """The expression as a JAX function of all arguments."""
    def f(X: Any, Y: Any, W: Any, S: Any, C: Any, u: Any, v: Any, a: Any, y: Any) -> Any:
        return in_jax(e, {"X": X, "Y": Y, "W": W, "S": S, "C": C, "u": u, "v": v, "a": a, "y": y})
    return f


# ------------------------------------------------------------------------------------------- random expressions


class Maker:
    """Random expressions of a given shape, rewritten or changed."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def leaf(self, shape: tuple[str, ...]) -> Node:
        rng = self.rng
        fit = [name for name, own in FLOATS.items() if own == shape]
        if fit and rng.random() < 0.9:
            return Node("arg", (), shape, rng.choice(fit))
        if len(shape) == 2 and FLOATS.get(next((n for n, own in FLOATS.items() if own == shape[::-1]), ""), ()) and rng.random() < 0.8:
            return turned(self.leaf(shape[::-1]))
        if len(shape) == 2:
            axis = rng.randrange(2)
            one_axis = (shape[1 - axis],)
            return widened(self._full(self.leaf(one_axis), one_axis), axis)
        if shape and not fit:
            return over("sum", Node("arg", (), ("d", "k"), "W"), 0) if shape == ("k",) else const(rng.choice((1, 2, 3)))
        return rng.choice((const(rng.choice((1, 2, 3, -1))), const(Fraction(rng.choice((1, 3, 7)), rng.choice((2, 4, 10)))),
                           Node("arg", (), (), "a"), Node("size", data=rng.choice("mdk"))))

    def tree(self, depth: int, shape: tuple[str, ...]) -> Node:
        rng = self.rng
        if depth <= 0:
            return self.leaf(shape)
        down = depth - 1
        kind = rng.choice(("sum", "sum", "unary", "unary", "plus", "plus", "times", "times", "quotient", "product", "extreme", "where",
                           "soft", "pick"))
        if kind == "sum" and len(shape) < 2:
            size, axis = rng.choice("mdk"), rng.randint(0, len(shape))
            wide = (*shape[:axis], size, *shape[axis:])
            return over(rng.choice(("sum", "sum", "mean", "amax")), self._full(self.tree(down, wide), wide), axis)
        if kind == "unary":
            op = rng.choice(("tanh", "sigmoid", "relu", "abs", "square", "cube", "neg", "exp", "root", "log", "stop"))
            u = self.tree(down, shape)
            if op in ("root", "log"):
                return ew({"root": "sqrt", "log": "log"}[op], ew("add", const(1), ew("square", u)))
            return ew(op, ew("mul", const(Fraction(1, 2)), u)) if op == "exp" else ew(op, u)
        if kind == "quotient":
            return ew("div", self.tree(down, shape), ew("add", const(2), ew("square", self.tree(down - 1, shape))))
        if kind == "product" and len(shape) == 2:
            size = rng.choice("mdk")
            first, second = (shape[0], size), (size, shape[1])
            return matmul(self._full(self.tree(down, first), first), self._full(self.tree(down, second), second))
        if kind == "where":
            return ew("where", self.leaf(shape), self.leaf(shape), self.tree(down, shape), self.tree(down, shape))
        if kind == "soft" and shape:
            axis = rng.randrange(len(shape))
            return Node(rng.choice(("softmax", "log_softmax")), (self._full(self.tree(down, shape), shape),), shape, axis)
        if kind == "soft" and shape == ():
            return over("logsumexp", self._full(self.tree(down, ("d",)), ("d",)), 0)
        if kind == "pick" and shape == ("m",):
            return Node("pick", (self._full(self.tree(down, ("m", "k")), ("m", "k")),), shape)
        op = {"plus": rng.choice(("add", "sub")), "extreme": rng.choice(("max", "min"))}.get(kind, "mul")
        return ew(op, self.tree(down, shape), self.tree(down, shape))

    @staticmethod
    def _full(e: Node, shape: tuple[str, ...]) -> Node:
        """The expression at its full shape, where it was broadcast."""
        return e if e.shape == shape else ew("add", e, ew("mul", const(0), _zeros(shape)))

    def root(self, depth: int) -> Node:
        shape = self.rng.choice(((), (), ("m",), ("m", "d"), ("d", "k"), ("m", "m")))
        return self._full(self.tree(depth, shape), shape)

    # ------------------------------------------------------------------------------- the same value, written otherwise

    def same(self, e: Node) -> Node:
        """The expression with identities applied from the bottom up."""
        below = replace(e, kids=tuple(self.same(kid) for kid in e.kids))
        forms = _identities(below, self.rng) if self.rng.random() < 0.6 else []
        return self.rng.choice(forms) if forms else below

    def mutated(self, e: Node) -> Node:
        """One small change somewhere."""
        spots = [path for path in _paths(e) if _mutants(_at(e, path), self.rng)]
        if not spots:
            return ew("mul", const(Fraction(10001, 10000)), e)
        path = self.rng.choice(spots)
        return _put(e, path, self.rng.choice(_mutants(_at(e, path), self.rng)))


def _zeros(shape: tuple[str, ...]) -> Node:
    made = {(): Node("arg", (), (), "a"), ("m",): Node("arg", (), ("m",), "u"), ("d",): Node("arg", (), ("d",), "v"),
            ("k",): over("sum", Node("arg", (), ("d", "k"), "W"), 0)}
    if shape in made:
        return made[shape]
    return ew("mul", widened(_zeros(shape[:1]), 1), widened(_zeros(shape[1:]), 0))


def _identities(e: Node, rng: random.Random) -> list[Node]:
    """Other spellings with the same value wherever the expression is defined."""
    half, one, two = const(Fraction(1, 2)), const(1), const(2)
    out = [ew("div", ew("mul", two, e), two), ew("sub", ew("add", e, Node("arg", (), (), "a")), Node("arg", (), (), "a"))]
    x = e.kids[0] if e.kids else e
    y = e.kids[1] if len(e.kids) > 1 else x
    match e.op:
        case "add" | "mul":
            out += [ew(e.op, y, x)] * 2
            if y.op == e.op:
                out.append(ew(e.op, ew(e.op, x, y.kids[0]), y.kids[1]))
            if e.op == "mul" and x.op in ("add", "sub"):
                out.append(ew(x.op, ew("mul", x.kids[0], y), ew("mul", x.kids[1], y)))
        case "sub":
            out += [ew("neg", ew("sub", y, x)), ew("add", x, ew("neg", y))]
        case "div":
            out += [ew("mul", x, ew("div", one, y)), ew("div", ew("mul", x, y), ew("mul", y, y))]
        case "square":
            out.append(ew("mul", x, x))
            if x.op in ("add", "sub"):
                p, q = x.kids
                out.append(ew("add", ew(x.op, ew("square", p), ew("mul", two, ew("mul", p, q))), ew("square", q)))
        case "cube":
            out.append(ew("mul", x, ew("square", x)))
        case "sigmoid":
            out += [ew("div", one, ew("add", one, ew("exp", ew("neg", x)))), ew("div", ew("exp", x), ew("add", one, ew("exp", x))),
                    ew("mul", half, ew("add", one, ew("tanh", ew("mul", half, x))))]
        case "tanh":
            out += [ew("sub", ew("mul", two, ew("sigmoid", ew("mul", two, x))), one), ew("neg", ew("tanh", ew("neg", x)))]
        case "relu":
            out += [ew("max", x, const(0)), ew("where", x, const(0), x, const(0)), ew("mul", half, ew("add", x, ew("abs", x)))]
        case "abs":
            out += [ew("max", x, ew("neg", x)), ew("sqrt", ew("square", x)), ew("add", ew("relu", x), ew("relu", ew("neg", x)))]
        case "max":
            out += [ew("neg", ew("min", ew("neg", x), ew("neg", y))), ew("add", y, ew("relu", ew("sub", x, y))), ew("max", y, x)]
        case "min":
            out += [ew("neg", ew("max", ew("neg", x), ew("neg", y))), ew("sub", ew("add", x, y), ew("max", x, y))]
        case "exp" if x.op == "add":
            out.append(ew("mul", ew("exp", x.kids[0]), ew("exp", x.kids[1])))
        case "log":
            out += [ew("mul", two, ew("log", ew("sqrt", x))), ew("neg", ew("log", ew("div", one, x)))]
        case "sqrt":
            out.append(ew("exp", ew("mul", half, ew("log", x))))
        case "where":
            out.append(ew("where", ew("neg", y), ew("neg", x), e.kids[2], e.kids[3]))
        case "sum":
            if x.op in ("add", "sub") and x.kids[0].shape == x.kids[1].shape == x.shape:
                out += [ew(x.op, *(over("sum", kid, e.data) for kid in x.kids))] * 2
        case "mean":
            out.append(ew("div", over("sum", x, e.data), Node("size", data=x.shape[e.data])) if x.shape[e.data] in "mdk" else e)
        case "amax":
            out.append(ew("sub", over("amax", ew("add", x, Node("arg", (), (), "a")), e.data), Node("arg", (), (), "a")))
        case "matmul":
            out += [turned(matmul(turned(y), turned(x))), over("sum", ew("mul", widened(x, 2), widened(y, 0)), 1)]
            if x.op == "matmul":
                out.append(matmul(x.kids[0], matmul(x.kids[1], y)))
        case "softmax":
            shifted = ew("exp", ew("sub", x, kept("amax", x, e.data)))
            out += [ew("div", shifted, kept("sum", shifted, e.data)), ew("exp", replace(e, op="log_softmax")),
                    ew("div", ew("exp", x), kept("sum", ew("exp", x), e.data))]
        case "log_softmax":
            out += [ew("sub", x, kept("logsumexp", x, e.data)), ew("log", replace(e, op="softmax"))]
        case "logsumexp":
            top = kept("amax", x, e.data)
            out += [ew("log", over("sum", ew("exp", x), e.data)),
                    ew("add", over("amax", x, e.data), ew("log", over("sum", ew("exp", ew("sub", x, top)), e.data)))]
        case "pick":
            out += [replace(e, op="hot")] * 2
        case "stop":
            out.append(x)
        case "T":
            out += [x.kids[0]] if x.op == "T" else []
    return [form for form in out if form.shape == e.shape]


def _mutants(e: Node, rng: random.Random) -> list[Node]:
    """Small changes that are seldom harmless."""
    x = e.kids[0] if e.kids else e
    other = {"add": "sub", "sub": "add", "max": "min", "min": "max", "relu": "abs", "abs": "relu", "square": "cube", "cube": "square",
             "tanh": "sigmoid", "sum": "mean", "mean": "sum", "amax": "mean"}.get(e.op)
    out = [replace(e, op=other)] if other else []
    if e.op in ("add", "mul", "sub") and e.kids[0].shape == e.shape:
        out.append(x)
    if e.op == "const":
        out += [const(e.data * Fraction(10001, 10000)), const(e.data + 1)]
    if e.op == "arg" and e.data in "XY":
        out.append(replace(e, data="Y" if e.data == "X" else "X"))
    if e.op == "arg" and e.data == "S":
        out.append(turned(e))
    if e.op in ("sum", "mean", "amax", "softmax", "log_softmax") and len(x.shape) == 2 and x.shape[0] == x.shape[1]:
        out.append(replace(e, data=1 - e.data))
    if e.op in ("exp", "tanh", "sigmoid", "where"):
        out.append(ew(e.op, ew("neg", x), *e.kids[1:]))
    if e.op == "size":
        out.append(replace(e, data={"m": "d", "d": "k", "k": "m"}[e.data]))
    return out


def _paths(e: Node) -> list[tuple[int, ...]]:
    return [()] + [(k, *rest) for k, kid in enumerate(e.kids) for rest in _paths(kid)]


def _at(e: Node, path: tuple[int, ...]) -> Node:
    return _at(e.kids[path[0]], path[1:]) if path else e


def _put(e: Node, path: tuple[int, ...], new: Node) -> Node:
    if not path:
        return new
    kids = list(e.kids)
    kids[path[0]] = _put(kids[path[0]], path[1:], new)
    return replace(e, kids=tuple(kids))


# ------------------------------------------------------------------------------------------- the judge


class Unsound(AssertionError):
    """Something was called proved that is not so, or refuted although it is so."""


def numbers(sizes: Mapping[str, int], seed: int, lib: Library, ties: bool) -> dict[str, Any]:
    rng = random.Random(f"{seed} {sorted(sizes.items())}")

    def draw(_: Any) -> Any:
        return lib.number(Fraction(rng.choice((-1, 0, 1))) if ties else Fraction(rng.randint(-2000, 2000), 1009))
    env: dict[str, Any] = {}
    for name, shape in FLOATS.items():
        array = np.empty([sizes.get(n, 3) for n in shape], dtype=object)
        for place in itertools.product(*map(range, array.shape)):
            array[place] = draw(place)
        env[name] = (array if lib is EXACT else array.astype(float)) if shape else array[()]
    env["y"] = np.array([rng.randrange(sizes["k"]) for _ in range(sizes["m"])])
    return env


def gap(left: Node, right: Node, seed: int) -> str:
    """Where the two differ in high precision; empty where they agree everywhere that was tried."""
    with mpmath.workdps(DIGITS):
        for sizes, ties in itertools.product(PLACES, (False, True)):
            env = numbers(sizes, seed, EXACT, ties)
            try:
                u, v = (np.asarray(value(e, env, sizes, EXACT), dtype=object) for e in (left, right))
            except ZeroDivisionError:  # x / x at x = 0: one side is undefined there
                continue
            if u.shape != v.shape:
                return f"shapes {u.shape} and {v.shape}"
            for a, b in zip(u.ravel(), v.ravel()):
                if abs(a - b) > mpmath.mpf(10) ** (8 - DIGITS) * (1 + abs(a)):
                    return f"{mpmath.nstr(a, 12)} and {mpmath.nstr(b, 12)} at {sizes}, ties={ties}"
    return ""


def decided(left: Node, right: Node, jax_runs: bool) -> Proof:
    """The answer of derive; with `jax_runs` both functions are run by JAX, else by NumPy."""
    f, g = function(left), function(right)
    if jax_runs:
        return prove(f, g, SHAPES)

    def runner(e: Node) -> Callable[[Mapping[str, Any]], Any]:
        def run(arrays: Mapping[str, Any]) -> Any:
            sizes = {"m": arrays["X"].shape[0], "d": arrays["X"].shape[1], "k": arrays["W"].shape[1]}
            with np.errstate(all="ignore"):
                return np.asarray(value(e, arrays, sizes, FLOAT), dtype=float)
        return run
    return compare(Comparison(read(f, SHAPES), read(g, SHAPES), (runner(left), runner(right))))


def one(number: int, seed: int = 0, jax_every: int = 20, deepest: int = 3) -> str:
    """One pair; what was decided, in words.

    Raises:
        Unsound: the answer is wrong.
    """
    rng = random.Random(f"{seed} {number}")
    maker = Maker(rng)
    left = maker.root(rng.randint(1, deepest))
    equal = rng.random() < 0.5
    right = maker.same(left) if equal else maker.mutated(maker.same(left) if rng.random() < 0.5 else left)
    if right.shape != left.shape:
        return "shape changed"
    try:
        proof = decided(left, right, number % jax_every == 0)
    except NotYet as error:
        return f"not yet: {error.met[:60]}"
    if proof.verdict == "undecided" and "fault of derive" in proof.reason:
        raise Unsound(f"pair {number}: {proof.reason}\n{left}\n{right}")
    if proof.verdict == "proved" and (found := gap(left, right, number)):
        raise Unsound(f"pair {number}: called proved: {found}\n{left}\n{right}")
    if proof.verdict == "refuted" and equal and not gap(left, right, number):
        raise Unsound(f"pair {number}: equal, but refuted: {proof.counterexample}\n{left}\n{right}")
    return f"{'equal' if equal else 'changed'}, {proof.verdict}"


def run(count: int, seed: int = 0, jax_every: int = 20, deepest: int = 3) -> Counter[str]:
    """Decide `count` pairs, and count the answers.

    Raises:
        Unsound: an answer is wrong.
    """
    return Counter(one(number, seed, jax_every, deepest) for number in range(count))


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    start = time.perf_counter()
    for answer, times in sorted(run(*(words or [5000])).items()):
        print(f"{times:6d}  {answer}")
    print(f"{time.perf_counter() - start:.0f} s")
