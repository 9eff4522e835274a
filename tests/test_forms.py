"""Every way in which a loss can be given: as it is, wrapped, bound, applied in part, without a file; each against jax.grad."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive

RNG = np.random.default_rng(11)
SHAPES = {"W": "d k", "X": "m d", "y": "int m"}
SETTINGS = ({"m": 3, "d": 4, "k": 2, "n": 5}, {"m": 1, "d": 1, "k": 1, "n": 1}, {"m": 2, "d": 3, "k": 5, "n": 4})


def loss(W, X, y):
    z = X @ W
    return -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(X.shape[0]), y])


def of_one(W, x, t):
    return -jax.nn.log_softmax(x @ W)[t]


def batched(W, X, y):
    return jnp.mean(jax.vmap(of_one, (None, 0, 0))(W, X, y))


def logged(function):
    @functools.wraps(function)
    def inner(*arguments, **keywords):
        return function(*arguments, **keywords)
    return inner


@jax.custom_jvp
def forward_rule(x):
    return jnp.sum(jnp.sin(x))


forward_rule.defjvp(lambda primals, tangents: (forward_rule(*primals), jnp.sum(jnp.cos(primals[0]) * tangents[0])))


@jax.custom_vjp
def backward_rule(x):
    return jnp.sum(jnp.sin(x))


backward_rule.defvjp(lambda x: (backward_rule(x), x), lambda x, dout: (dout * jnp.cos(x),))


class Model:
    """Every kind of method."""

    lam = 2.0

    def loss(self, x):
        return self.lam * jnp.sum(x**3)

    @functools.partial(jax.jit, static_argnums=0)
    def compiled(self, x):
        return self.lam * jnp.sum(x**3)

    def __call__(self, x):
        return self.loss(x)

    @staticmethod
    def static(x):
        return jnp.sum(x**3)

    @classmethod
    def of_class(cls, x):
        return cls.lam * jnp.sum(x**3)


@dataclasses.dataclass(frozen=True)
class Penalty:
    lam: float

    def __call__(self, x):
        return self.lam * jnp.sum(x**2)


def keyword_only(x, *, lam):
    return lam * jnp.sum(x**2)


def positional_only(x, /, lam):
    return lam * jnp.sum(x**2)


def with_defaults(x, lam=0.5, power=3, mode="sum"):
    total = lam * jnp.sum(x**power)
    return total if mode == "sum" else total / x.shape[0]


def scaled(lam, x):
    return lam * jnp.sum(x**2)


def nested_jit(x):
    @jax.jit
    def double(u):
        return jax.jit(lambda v: 2 * v)(u)
    return jnp.sum(jnp.sin(double(x)))


def of_gradient(x):
    return jnp.sum(jax.grad(lambda u: jnp.sum(jnp.sin(u)))(x) ** 2)


def without_a_file(text):
    names = {"jnp": jnp}
    exec(text, names)
    return names["f"]


def closed_over(lam):
    def inner(x):
        return lam * jnp.sum(x**2)
    return inner


N, NL = {"x": "n"}, {"x": "n", "lam": ""}
FORMS = {
    "plain": (loss, SHAPES, "loss"),
    "jit": (jax.jit(loss), SHAPES, "loss"),
    "jit twice": (jax.jit(jax.jit(loss)), SHAPES, "loss"),
    "checkpoint": (jax.checkpoint(loss), SHAPES, "loss"),
    "vmap inside": (batched, SHAPES, "batched"),
    "wraps": (logged(loss), SHAPES, "loss"),
    "custom_jvp": (forward_rule, N, "forward_rule"),
    "custom_vjp": (backward_rule, N, "backward_rule"),
    "bound method": (Model().loss, N, "loss"),
    "compiled method": (Model().compiled, N, "compiled"),
    "callable object": (Model(), N, "Model"),
    "dataclass": (Penalty(0.3), N, "Penalty"),
    "static method": (Model.static, N, "static"),
    "class method": (Model.of_class, N, "of_class"),
    "keyword-only": (keyword_only, NL, "keyword_only"),
    "positional-only": (positional_only, NL, "positional_only"),
    "partial, keyword": (functools.partial(keyword_only, lam=0.5), N, "keyword_only"),
    "partial, positional": (functools.partial(scaled, 0.5), N, "scaled"),
    "partial of partial": (functools.partial(functools.partial(with_defaults, lam=2.0), power=4), N, "with_defaults"),
    "partial of an object": (functools.partial(Penalty(0.3)), N, "Penalty"),
    "defaults kept": (with_defaults, N, "with_defaults"),
    "a default given": (with_defaults, NL, "with_defaults"),
    "lambda": (lambda x: jnp.sum(x**2), N, "f"),
    "closure": (closed_over(0.7), N, "inner"),
    "nested jit": (nested_jit, N, "nested_jit"),
    "grad inside": (of_gradient, N, "of_gradient"),
    "exec": (without_a_file("def f(x):\n    z = x**2\n    return jnp.sum(jnp.exp(z))"), N, "f"),
    "a function of jax": (jnp.sum, {"a": "n"}, "sum"),
    "static arguments": (functools.partial(jax.jit, static_argnames=("power", "mode"))(with_defaults), N, "with_defaults"),
}


def drawn(shapes, sizes):
    """Arguments by name."""
    out = {}
    for name, text in shapes.items():
        words = text.split()
        shape = tuple(sizes[word] for word in words if word in sizes)
        out[name] = RNG.integers(0, sizes["k"], shape) if "int" in words else RNG.normal(size=shape)
    return out


@pytest.mark.parametrize("form", FORMS)
def test_it_is_derived(form):
    function, shapes, name = FORMS[form]
    d = derive.gradient(function, shapes=shapes)
    assert d.story.source.name == name and d.wrt == next(iter(shapes))
    for sizes in SETTINGS:
        values = drawn(shapes, sizes)
        def of_first(first, values=values):
            rest = dict(list(values.items())[1:])
            return function(first, **rest)
        with jax.enable_x64(True):
            true = jax.grad(of_first)(next(iter(values.values())))
        np.testing.assert_allclose(d.function()(**values), true, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", ["plain", "jit", "wraps", "compiled method", "partial, positional"])
def test_the_names_and_lines_of_the_source_are_kept(form):
    d = derive.gradient(FORMS[form][0], shapes=FORMS[form][1])
    assert d.story.source.place.file == __file__ and "def " in d.story.source.text
    assert "z" in d.definitions or "z =" not in d.story.source.text


def test_names_are_kept_without_a_file():
    assert "z" in derive.gradient(FORMS["exec"][0], shapes=N).definitions


def test_vmap_outside():
    d = derive.vjp(jax.vmap(of_one, (None, 0, 0)), "W", {"W": "d k", "x": "m d", "t": "int m"})
    values, dout = drawn(SHAPES, SETTINGS[0]), RNG.normal(size=3)
    with jax.enable_x64(True):
        _, back = jax.vjp(lambda W: jax.vmap(of_one, (None, 0, 0))(W, values["X"], values["y"]), values["W"])
        np.testing.assert_allclose(d.function()(values["W"], values["X"], values["y"], dout), back(jnp.asarray(dout))[0], rtol=1e-9)


def test_a_gradient_may_be_differentiated_again():
    product = derive.vjp(jax.grad(lambda x: jnp.sum(jnp.sin(x) * x)), "x", N)
    x, v = RNG.normal(size=4), RNG.normal(size=4)
    with jax.enable_x64(True):
        np.testing.assert_allclose(product.function()(x, v), jax.hessian(lambda x: jnp.sum(jnp.sin(x) * x))(x) @ v, rtol=1e-9)


# ------------------------------------------------------------------------------------------- arrays that a function uses without taking them


DATA, TARGETS = RNG.normal(size=(20, 3)), RNG.normal(size=20)
LABELS, WEIGHTS = RNG.integers(0, 4, 20), np.array([0.5, 1.0, 2.0, 4.0])


def of_data(w):
    return jnp.mean((DATA @ w - TARGETS) ** 2)


def of_closed(data, targets):
    def inner(w, lam):
        return jnp.mean((data @ w - targets) ** 2) + lam * jnp.sum(w**2)
    return inner


def classified(W):
    z = jax.nn.log_softmax(DATA @ W)
    return -jnp.mean(jnp.asarray(WEIGHTS)[LABELS] * z[jnp.arange(len(LABELS)), LABELS])


class Holder:
    def __init__(self, data):
        self.data = data

    def loss(self, w):
        return jnp.sum(jnp.tanh(self.data @ w))


def first_given(data, w):
    return jnp.sum(jnp.tanh(data @ w))


def with_an_array(w, data=DATA):
    return jnp.sum(jnp.tanh(data @ w))


def doubled(function):
    @functools.wraps(function)
    def inner(w):
        return 2 * function(w)
    return inner


USING = {
    "module": (of_data, "d", ["DATA", "TARGETS"]), "jit": (jax.jit(of_data), "3", ["DATA", "TARGETS"]),
    "example": (of_data, np.zeros(3), ["DATA", "TARGETS"]), "method": (Holder(DATA).loss, "d", ["data"]),
    "partial": (functools.partial(first_given, DATA), "d", ["data"]), "default": (with_an_array, "d", ["data"]),
    "several": (classified, "3 4", ["DATA", "LABELS"]), "lambda": (lambda w: jnp.sum(jnp.sin(DATA @ w)), "d", ["DATA"]),
}


@pytest.mark.parametrize("case", USING)
def test_arrays_that_are_used_become_arguments_under_their_names(case):
    function, shape, names = USING[case]
    d = derive.gradient(function, 0, [shape])
    assert set(names) <= {a.name for a in d.story.source.arguments} and "any others" in " ".join(d.assumptions)
    w = RNG.normal(size=(3, 4) if case == "several" else 3)
    with jax.enable_x64(True):
        np.testing.assert_allclose(d.function()(w), jax.grad(function)(w), rtol=1e-9)
    assert f"w, {names[0]}" in d.numpy() or case == "several"


def test_what_is_used_has_symbolic_sizes():
    d = derive.gradient(of_closed(DATA, TARGETS), "w", {"w": "d", "lam": ""})
    assert d.matrix().text == "2Dataᵀ u/m + 2λw"
    back = derive.vjp(lambda x: jnp.tanh(x @ DATA.T), "x", {"x": "n d"})
    x, dout = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 20))
    with jax.enable_x64(True):
        np.testing.assert_allclose(back.function()(x, dout), jax.vjp(lambda x: jnp.tanh(x @ DATA.T), x)[1](jnp.asarray(dout))[0], rtol=1e-9)
    assert derive.gradient(of_data, "DATA", {"w": "d"}).wrt == "DATA"


def test_what_a_decorator_does_is_not_lost():
    small = jnp.array([1.0, 2.0])
    d = derive.gradient(doubled(lambda w: jnp.sum(small * w)), "w", {"w": "2"})
    np.testing.assert_allclose(d.function()(np.zeros(2)), [2.0, 4.0])
    w = RNG.normal(size=3)
    with jax.enable_x64(True):
        np.testing.assert_allclose(derive.gradient(doubled(of_data), "w", {"w": "3"}).function()(w), 2 * jax.grad(of_data)(w), rtol=1e-7)


def test_the_users_own_objects_are_not_changed():
    holder = Holder(DATA)
    derive.gradient(holder.loss, "w", {"w": "d"})
    assert holder.data is DATA and of_data.__globals__["DATA"] is DATA


# ------------------------------------------------------------------------------------------- what it is taken with respect to


@pytest.mark.parametrize(("wrt", "names"), [(None, "W"), (0, "W"), (1, "X"), (-2, "X"), ("X", "X"), ((0, 1), ["W", "X"]), (["X"], ["X"])])
def test_wrt(wrt, names):
    found = derive.gradient(loss, wrt, SHAPES)
    assert (found.wrt if isinstance(names, str) else list(found)) == names


@pytest.mark.parametrize(("wrt", "match"), [("Z", "no argument of loss"), (3, "no position among 3"), (True, "no position"), ("y", "holds integers"),
                                            (-4, "no position among 3"), (["W", "Z"], "no argument of loss")])
def test_wrt_that_means_nothing(wrt, match):
    with pytest.raises(derive.BadInput, match=match):
        derive.gradient(loss, wrt, SHAPES)


# ------------------------------------------------------------------------------------------- what is refused, and how


def with_aux(x):
    return jnp.sum(x**2), {"norm": x}


REFUSED = {
    "value_and_grad": (jax.value_and_grad(loss), SHAPES, r"returns 2 values; one array(.|\n)*give f itself"),
    "aux": (with_aux, N, r"returns 2 values(.|\n)*lambda x: with_aux\(x\)\[0\]"),
    "a dict": (lambda x: {"loss": jnp.sum(x)}, N, r"returns a dict(.|\n)*f\(x\)\['loss'\]"),
    "nothing": (lambda x: None, N, "returns nothing"),
    "an array": (lambda x: x**2, N, "returns an array(.|\n)*derive.vjp"),
    "a gradient": (jax.grad(loss), SHAPES, "returns an array"),
    "no arguments": (lambda: 1.0, {}, "has no arguments"),
    "a missing shape": (loss, {"W": "d k"}, "shape of the argument 'X' is not known"),
    "an unknown argument": (loss, {**SHAPES, "q": "m"}, "names 'q', which is no argument"),
    "too many": (loss, ["d k", "m d", "int m", ""], "4 entries for 3 arguments"),
    "one string": (loss, "d k", "is one string"),
    "no function": (3, N, "not a function"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused(case):
    function, shapes, match = REFUSED[case]
    with pytest.raises(derive.DeriveError, match=match):
        derive.gradient(function, shapes=shapes)


# ------------------------------------------------------------------------------------------- proofs of functions that use arrays


def summed(w):
    return jnp.sum((TARGETS - DATA @ w) ** 2) / TARGETS.shape[0]


def by_number(w):
    return jnp.sum((TARGETS - DATA @ w) ** 2) / 20


@pytest.mark.parametrize(("f", "g", "shape"), [(of_data, summed, "d"), (of_data, summed, "3"), (of_data, by_number, "3"),
                                               (Holder(DATA).loss, functools.partial(first_given, DATA), "d")])
def test_what_is_equal_for_any_arrays_is_proved(f, g, shape):
    proof = derive.prove(f, g, {"w": shape})
    assert proof and any("any others" in a.text for a in proof.assumptions)


def test_what_is_not_equal_for_these_arrays_is_not_proved():
    for g in (functools.partial(first_given, DATA + 1), lambda w: 2 * first_given(DATA, w)):
        try:
            assert not derive.prove(functools.partial(first_given, DATA), g, {"w": "3"})
        except (derive.NotYet, derive.Undecided):
            continue
