"""Stories built by hand, for the tests of emitting: the forward program, the backward pass, and the JAX function that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp

from derive.derivation import Argument, Definition, Source, Story
from derive.index import ONE, At, Extremum, Fn, Index, Iverson, Size, Sum, add, delta, div, mul, neg, num, power, sub

m, d, k, h, n, e = (Size(name) for name in "mdkhne")
i, j, a, b, c, c2, r, l, q = (
    Index(name, size, 90 + place)
    for place, (name, size) in enumerate([("i", m), ("j", m), ("a", d), ("b", d), ("c", k), ("c", k), ("r", h), ("l", n), ("q", e)])
)
HALF = num(Fraction(1, 2))
SIZES = (
    {"m": 5, "d": 3, "k": 4, "h": 7, "n": 6, "e": 2}, {"m": 1, "d": 4, "k": 2, "h": 1, "n": 3, "e": 1},
    {"m": 4, "d": 1, "k": 1, "h": 3, "n": 1, "e": 5},
)


def at(name: str, *indices: Any) -> At:
    return At(name, indices)


def lab(*indices: Any) -> At:
    return At("y", indices or (i,), "int")


def fn(name: str, *args: Any) -> Fn:
    return Fn(name, tuple(args))


def positive(u: Any) -> Iverson:
    return Iverson(">", u)


def peak(u: Any, *bound: Index) -> Extremum:
    return Extremum("max", bound, u)


def rows(name: str, indices: tuple[Index, ...], body: Any, role: str = "user", shape: Any = None) -> Definition:
    return Definition(name, indices, body, role, tuple(index.size for index in indices) if shape is None else shape)


@dataclass(frozen=True)
class Case:
    """A story and the JAX function it is about."""
    name: str
    story: Story
    function: Callable[..., Any]


def case(
    function: Callable[..., Any], arguments: Mapping[str, Any], wrt: str, definitions: Any, cotangents: Any, result: Definition,
    kind: str = "gradient",
) -> Case:
    made = []
    for name, shape in arguments.items():
        sort = "int" if shape and shape[0] == "int" else "float"
        made.append(Argument(name, tuple(shape[1:] if sort == "int" else shape), sort))
    source = Source(function.__name__, "", None, tuple(made))
    return Case(function.__name__, Story(source, kind, wrt, tuple(definitions), tuple(cotangents), result, ()), function)


# ------------------------------------------------------------------------------------------- softmax

CLASSIFIER = {"W": (d, k), "X": (m, d), "y": ("int", m), "lam": ()}
SCORES = Sum((a,), mul(at("X", i, a), at("W", a, c)))
REG = mul(HALF, at("lam"), Sum((a, c), power(at("W", a, c), 2)))
ONE_HOT = delta(c, lab())
DZ = rows("dz", (i, c), sub(div(at("p", i, c), m), div(ONE_HOT, m)), "cotangent")
DW = rows("dW", (a, c), add(Sum((i,), mul(at("X", i, a), at("dz", i, c))), mul(at("lam"), at("W", a, c))), "result")


def nll(probability: Any) -> Any:
    return add(neg(div(Sum((i,), fn("log", probability)), m)), REG)


def softmax_hand(W, X, y, lam):
    z = X @ W
    z = z - jnp.max(z, axis=1, keepdims=True)
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    return -jnp.mean(jnp.log(p[jnp.arange(X.shape[0]), y])) + 0.5 * lam * jnp.sum(W**2)


def softmax_plain(W, X, y, lam):
    z = X @ W
    e = jnp.exp(z)
    s = jnp.sum(e, axis=1, keepdims=True)
    p = e / s
    return -jnp.mean(jnp.log(p[jnp.arange(X.shape[0]), y])) + 0.5 * lam * jnp.sum(W**2)


def softmax_log(W, X, y, lam):
    z = X @ W
    logp = z - jax.nn.logsumexp(z, axis=1, keepdims=True)
    return -jnp.mean(logp[jnp.arange(X.shape[0]), y]) + 0.5 * lam * jnp.sum(W**2)


def softmax_onehot(W, X, y, lam):
    t = jax.nn.one_hot(y, W.shape[1])
    p = jax.nn.softmax(X @ W)
    return -jnp.sum(t * jnp.log(p)) / X.shape[0] + 0.5 * lam * jnp.sum(W**2)


def softmax_inline(*arguments, **named):
    return softmax_plain(*arguments, **named)


def _softmax_cases() -> list[Case]:
    z = rows("z", (i, c), SCORES)
    top = rows("M", (i,), peak(at("z", i, c2), c2), "auto", (m, ONE))
    ez = fn("exp", at("z", i, c))
    hand = [
        z, top, rows("z′", (i, c), sub(at("z", i, c), at("M", i))),
        rows("p", (i, c), div(fn("exp", at("z′", i, c)), Sum((c2,), fn("exp", at("z′", i, c2))))), rows("loss", (), nll(at("p", i, lab()))),
    ]
    plain = [
        z, rows("e", (i, c), ez), rows("s", (i,), Sum((c,), at("e", i, c)), shape=(m, ONE)),
        rows("p", (i, c), div(at("e", i, c), at("s", i))),
        rows("loss", (), nll(at("p", i, lab()))),
    ]
    log = [
        z, rows("logp", (i, c), sub(at("z", i, c), fn("log", Sum((c2,), fn("exp", at("z", i, c2)))))),
        rows("loss", (), add(neg(div(Sum((i,), at("logp", i, lab())), m)), REG)),
    ]
    dz_log = rows("dz", (i, c), mul(sub(fn("exp", at("logp", i, c)), ONE_HOT), power(m, -1)), "cotangent")
    onehot = [
        rows("t", (i, c), ONE_HOT), z, rows("p", (i, c), div(ez, Sum((c2,), fn("exp", at("z", i, c2))))),
        rows("loss", (), add(neg(div(Sum((i, c), mul(at("t", i, c), fn("log", at("p", i, c)))), m)), REG)),
    ]
    dz_hot = rows("dz", (i, c), sub(div(at("p", i, c), m), div(at("t", i, c), m)), "cotangent")
    scores2 = Sum((b,), mul(at("X", i, b), at("W", b, c2)))
    inline = [rows("p", (i, c), div(fn("exp", SCORES), Sum((c2,), fn("exp", scores2)))), rows("loss", (), nll(at("p", i, lab())))]
    return [
        case(softmax_hand, CLASSIFIER, "W", hand, [DZ], DW),
        case(softmax_plain, CLASSIFIER, "W", plain, [DZ], DW),
        case(softmax_log, CLASSIFIER, "W", log, [dz_log], DW),
        case(softmax_onehot, CLASSIFIER, "W", onehot, [dz_hot], DW),
        case(softmax_inline, CLASSIFIER, "W", inline, [DZ], DW),
    ]


def hinge(W, X, y):
    s = X @ W
    margins = jax.nn.relu(s - s[jnp.arange(X.shape[0]), y][:, None] + 1)
    return jnp.sum(margins * (1 - jax.nn.one_hot(y, W.shape[1]))) / X.shape[0]


def _hinge() -> Case:
    s = rows("s", (i, c), SCORES)
    inside = add(at("s", i, c), neg(at("s", i, lab())), ONE)
    margins = rows("margins", (i, c), fn("relu", inside))
    loss = rows("loss", (), div(Sum((i, c), mul(at("margins", i, c), sub(ONE, ONE_HOT))), m))
    mask = mul(positive(at("margins", i, c)), sub(ONE, ONE_HOT))
    mask2 = mul(positive(at("margins", i, c2)), sub(ONE, delta(c2, lab())))
    ds = rows("ds", (i, c), sub(div(mask, m), mul(ONE_HOT, Sum((c2,), mask2), power(m, -1))), "cotangent")
    result = rows("dW", (a, c), Sum((i,), mul(at("X", i, a), at("ds", i, c))), "result")
    return case(hinge, {"W": (d, k), "X": (m, d), "y": ("int", m)}, "W", [s, margins, loss], [ds], result)


TWO = {"W1": (d, h), "b1": (h,), "W2": (h, k), "b2": (k,), "X": (m, d), "y": ("int", m)}


def two_layer(W1, b1, W2, b2, X, y):
    hidden = jax.nn.relu(X @ W1 + b1)
    z = hidden @ W2 + b2
    return -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(X.shape[0]), y])


def _two_layer(wrt: str) -> Case:
    A = rows("a", (i, r), add(Sum((a,), mul(at("X", i, a), at("W1", a, r))), at("b1", r)))
    H = rows("h", (i, r), fn("relu", at("a", i, r)))
    z = rows("z", (i, c), add(Sum((r,), mul(at("h", i, r), at("W2", r, c))), at("b2", c)))
    p = rows("p", (i, c), div(fn("exp", at("z", i, c)), Sum((c2,), fn("exp", at("z", i, c2)))))
    loss = rows("loss", (), neg(div(Sum((i,), fn("log", at("p", i, lab()))), m)))
    dh = rows("dh", (i, r), Sum((c,), mul(at("W2", r, c), at("dz", i, c))), "cotangent")
    da = rows("da", (i, r), mul(at("dh", i, r), positive(at("a", i, r))), "cotangent")
    results = {
        "W1": rows("dW1", (a, r), Sum((i,), mul(at("X", i, a), at("da", i, r))), "result"),
        "b1": rows("db1", (r,), Sum((i,), at("da", i, r)), "result"),
        "W2": rows("dW2", (r, c), Sum((i,), mul(at("h", i, r), at("dz", i, c))), "result"),
        "b2": rows("db2", (c,), Sum((i,), at("dz", i, c)), "result"),
    }
    return case(two_layer, TWO, wrt, [A, H, z, p, loss], [DZ, dh, da], results[wrt])


def logistic_signs(w, X, t):
    return jnp.mean(jnp.log(1 + jnp.exp(-t * (X @ w))))


def logistic_named(w, X, t):
    return jnp.sum(jnp.logaddexp(0, X @ w) - t * (X @ w))


def poisson(w, X, t):
    return jnp.mean(jnp.exp(X @ w) - t * (X @ w))


def ridge(w, X, t, lam):
    return jnp.sum((X @ w - t) ** 2) / X.shape[0] + lam * jnp.sum(w**2)


def _regressions() -> list[Case]:
    data = {"w": (d,), "X": (m, d), "t": (m,)}
    s = rows("s", (i,), Sum((a,), mul(at("X", i, a), at("w", a))))
    u = rows("u", (i,), neg(mul(at("t", i), at("s", i))))
    ex = rows("ex", (i,), fn("exp", at("u", i)))
    back = rows("ds", (i,), neg(mul(at("t", i), at("ex", i), power(add(ONE, at("ex", i)), -1), power(m, -1))), "cotangent")
    dw = rows("dw", (a,), Sum((i,), mul(at("X", i, a), at("ds", i))), "result")
    signs_loss = rows("loss", (), div(Sum((i,), fn("log", add(ONE, at("ex", i)))), m))
    p = rows("p", (i,), div(ONE, add(ONE, fn("exp", neg(at("s", i))))))
    named_loss = rows("loss", (), Sum((i,), sub(fn("softplus", at("s", i)), mul(at("t", i), at("s", i)))))
    dp = rows("ds", (i,), sub(at("p", i), at("t", i)), "cotangent")
    pois = rows("ds", (i,), div(sub(fn("exp", at("s", i)), at("t", i)), m), "cotangent")
    pois_loss = rows("loss", (), div(Sum((i,), sub(fn("exp", at("s", i)), mul(at("t", i), at("s", i)))), m))
    res = rows("r", (i,), sub(at("s", i), at("t", i)))
    ridge_loss = rows("loss", (), add(div(Sum((i,), power(at("r", i), 2)), m), mul(at("lam"), Sum((a,), power(at("w", a), 2)))))
    fitted = mul(num(2), Sum((i,), mul(at("X", i, a), at("r", i))), power(m, -1))
    dridge = rows("dw", (a,), add(fitted, mul(num(2), at("lam"), at("w", a))), "result")
    return [
        case(logistic_signs, data, "w", [s, u, ex, signs_loss], [back], dw),
        case(logistic_named, data, "w", [s, p, named_loss], [dp], dw),
        case(poisson, data, "w", [s, pois_loss], [pois], dw),
        case(ridge, {**data, "lam": ()}, "w", [s, res, ridge_loss], [], dridge),
    ]


def factorisation(U, V, R):
    return jnp.sum((R - U @ V.T) ** 2)


def quadratic(x, A):
    return (x @ A @ x) ** 2


def layer_norm(x, gamma, beta):
    mu = jnp.mean(x, axis=1, keepdims=True)
    xc = x - mu
    var = jnp.mean(xc**2, axis=1, keepdims=True)
    return gamma * (xc / jnp.sqrt(var + 1e-5)) + beta


def attention(Q, K, V):
    return jax.nn.softmax(Q @ K.T / jnp.sqrt(Q.shape[1]), axis=-1) @ V


def _quadratics() -> list[Case]:
    E = rows("E", (i, c), sub(at("R", i, c), Sum((a,), mul(at("U", i, a), at("V", c, a)))))
    loss = rows("loss", (), Sum((i, c), power(at("E", i, c), 2)))
    dV = rows("dV", (c, a), mul(num(-2), Sum((i,), mul(at("E", i, c), at("U", i, a)))), "result")
    quad = rows("q", (), Sum((a, b), mul(at("x", a), at("A", a, b), at("x", b))))
    both = add(Sum((b,), mul(at("A", a, b), at("x", b))), Sum((b,), mul(at("A", b, a), at("x", b))))
    dx = rows("dx", (a,), mul(num(2), at("q"), both), "result")
    return [
        case(factorisation, {"U": (m, d), "V": (k, d), "R": (m, k)}, "V", [E, loss], [], dV),
        case(quadratic, {"x": (d,), "A": (d, d)}, "x", [quad, rows("loss", (), power(at("q"), 2))], [], dx),
    ]


def _layer_norm() -> Case:
    eps = add(at("var", i), num(Fraction("1e-5")))
    definitions = [
        rows("mu", (i,), div(Sum((a,), at("x", i, a)), d), shape=(m, ONE)),
        rows("xc", (i, a), sub(at("x", i, a), at("mu", i))),
        rows("var", (i,), div(Sum((a,), power(at("xc", i, a), 2)), d), shape=(m, ONE)),
        rows("xhat", (i, a), div(at("xc", i, a), power(eps, Fraction(1, 2)))),
        rows("out", (i, a), add(mul(at("gamma", a), at("xhat", i, a)), at("beta", a))),
    ]
    g = rows("dxhat", (i, a), mul(at("gamma", a), at("dout", i, a)), "cotangent")
    mean1 = div(Sum((b,), at("dxhat", i, b)), d)
    mean2 = div(Sum((b,), mul(at("dxhat", i, b), at("xhat", i, b))), d)
    dx = rows("dx", (i, a), mul(sub(sub(at("dxhat", i, a), mean1), mul(at("xhat", i, a), mean2)), power(eps, Fraction(-1, 2))), "result")
    return case(layer_norm, {"x": (m, d), "gamma": (d,), "beta": (d,)}, "x", definitions, [g], dx, "vjp")


def _attention() -> Case:
    s = rows("s", (i, l), div(Sum((a,), mul(at("Q", i, a), at("K", l, a))), power(d, Fraction(1, 2))))
    l2 = Index("l", n, 77)
    A = rows("A", (i, l), div(fn("exp", at("s", i, l)), Sum((l2,), fn("exp", at("s", i, l2)))))
    out = rows("out", (i, q), Sum((l,), mul(at("A", i, l), at("V", l, q))))
    dA = rows("dA", (i, l), Sum((q,), mul(at("dout", i, q), at("V", l, q))), "cotangent")
    inner = Sum((l2,), mul(at("A", i, l2), at("dA", i, l2)))
    ds = rows("ds", (i, l), sub(mul(at("A", i, l), at("dA", i, l)), mul(at("A", i, l), inner)), "cotangent")
    dK = rows("dK", (l, a), mul(Sum((i,), mul(at("ds", i, l), at("Q", i, a))), power(d, Fraction(-1, 2))), "result")
    return case(attention, {"Q": (m, d), "K": (n, d), "V": (n, e)}, "K", [s, A, out], [dA, ds], dK, "vjp")


CASES = [
    *_softmax_cases(), _hinge(), *(_two_layer(name) for name in ("W1", "b1", "W2", "b2")), *_regressions(), *_quadratics(), _layer_norm(),
    _attention(),
]
BY_NAME = {one.name: one for one in CASES[::-1]}
