"""Parameters that are trees of arrays, and shapes given by examples: the same structure comes back, and JAX agrees on each leaf."""

# ruff: noqa: F722, F821  (shapes in annotations)

import collections
import dataclasses
from typing import NamedTuple, TypedDict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import derive
import derive.cli
from derive.app.signature import parse_shapes

RNG = np.random.default_rng(5)
SETTINGS = ({"m": 3, "d": 4, "h": 2, "k": 5}, {"m": 1, "d": 1, "h": 1, "k": 1}, {"m": 4, "d": 2, "h": 3, "k": 2})
Pair = collections.namedtuple("Pair", "w b")


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Dense:
    w: object
    inner: dict
    act: object = dataclasses.field(default=jnp.tanh, metadata={"static": True})


class Module:
    """A module whose leaves have no names and hold a function."""

    def __init__(self, w, f):
        self.w, self.f = w, f

    def __call__(self, x):
        return self.f(x @ self.w)


jax.tree_util.register_pytree_node(Module, lambda module: ((module.w, module.f), None), lambda _, leaves: Module(*leaves))


def of_dict(params, X, y):
    z = X @ params["W"] + params["b"]
    return jnp.mean((z - y) ** 2)


def of_list(layers, X):
    h = X
    for layer in layers:
        h = jnp.tanh(h @ layer["W"] + layer["b"])
    return jnp.sum(h)


def of_pairs(layers, X):
    (W1, b1), (W2, b2) = layers
    return jnp.sum(jnp.tanh(X @ W1 + b1) @ W2 + b2)


def of_named(p, x):
    return jnp.sum(jnp.sin(x @ p.w + p.b))


def of_dataclass(p, x):
    return jnp.sum(p.act(x @ p.w) * p.inner["a"])


def of_module(model, x):
    return jnp.sum(model(x) ** 2)


def of_nested(enc, dec, X):
    return jnp.sum(jnp.tanh(X @ enc["proj"]["W"]) @ dec["proj"]["W"])


CASES = {
    "dict": (of_dict, {"params": {"W": "d k", "b": "k"}, "X": "m d", "y": "m k"}, ["W", "b"]),
    "list": (of_list, {"layers": [{"W": "d h", "b": "h"}, {"W": "h k", "b": "k"}], "X": "m d"}, ["W_0", "b_0", "W_1", "b_1"]),
    "tuples": (of_pairs, {"layers": (("d h", "h"), ("h k", "k")), "X": "m d"}, ["W1", "b1", "W2", "b2"]),
    "named tuple": (of_named, {"p": Pair("d", ""), "x": "m d"}, ["w", "b"]),
    "dataclass": (of_dataclass, {"p": Dense("d k", {"a": "m k"}), "x": "m d"}, ["w", "a"]),
    "module": (of_module, {"model": Module("d k", jnp.tanh), "x": "m d"}, ["w"]),
    "nested": (of_nested, {"enc": {"proj": {"W": "d h"}}, "dec": {"proj": {"W": "h k"}}, "X": "m d"}, ["W_enc"]),
}


def is_text(value):
    return isinstance(value, str)


def drawn(shapes, sizes):
    """Arrays in the place of strings."""
    def one(spec):
        return RNG.normal(size=tuple(sizes[word] for word in spec.split())) if is_text(spec) else spec
    return tuple(jax.tree_util.tree_map(one, spec, is_leaf=is_text) for spec in shapes.values())


def of(found):
    return [leaf for leaf in jax.tree_util.tree_leaves(found) if isinstance(leaf, derive.Derivation)]


@pytest.mark.parametrize("case", CASES)
def test_a_tree_gives_the_same_tree(case):
    function, shapes, names = CASES[case]
    found = derive.gradient(function, shapes=shapes)
    first = next(iter(shapes.values()))
    assert jax.tree_util.tree_structure(found) == jax.tree_util.tree_structure(jax.tree_util.tree_map(
        lambda leaf: leaf if is_text(leaf) else None, first)) or case == "module"
    assert [d.wrt for d in of(found)] == names
    for sizes in SETTINGS:
        arguments = drawn(shapes, sizes)
        with jax.enable_x64(True):
            true = jax.grad(function, allow_int=True)(*arguments) if case != "module" else [jax.grad(
                lambda w, x: of_module(Module(w, jnp.tanh), x))(arguments[0].w, arguments[1])]
            for d, one in zip(of(found), jax.tree_util.tree_leaves(true), strict=True):
                np.testing.assert_allclose(d.function()(*arguments), one, rtol=1e-9, atol=1e-12)


def test_the_code_takes_the_users_own_arguments():
    function, shapes, _ = CASES["dict"]
    text = derive.gradient(function, "params", shapes)["W"].numpy()
    assert "def grad_W(params, X, y):" in text and 'W = params["W"]' in text and 'params["b"]: (k,)' in text
    jax_text = derive.gradient(function, "b", shapes).jax()
    assert "def grad_b(params, X, y):" in jax_text and 'b = params["b"]' in jax_text


def test_an_array_that_is_not_used_is_not_taken_out():
    text = derive.gradient(lambda params: jnp.sum(params["a"] ** 2), "a", {"params": {"a": "n", "c": "n"}}).numpy()
    assert 'params["c"]' not in text.split('"""')[2]


@pytest.mark.parametrize(("wrt", "keys"), [(("params", "X"), ["params", "X"]), ((0, 1), ["params", "X"]), (["W", "b"], ["W", "b"]), ([-2], ["X"])])
def test_several_arguments(wrt, keys):
    function, shapes, _ = CASES["dict"]
    found = derive.gradient(function, wrt, shapes)
    assert list(found) == keys
    assert not isinstance(found.get("params"), dict) or set(found["params"]) == {"W", "b"}


def test_names_do_not_collide():
    found = derive.gradient(lambda W, X: jnp.sum(X @ W["W"]) + jnp.sum(W["X"]), "W", {"W": {"W": "d k", "X": "k"}, "X": "m d"})
    assert found["W"].wrt == "W_W" and found["X"].wrt == "X_W"
    W, X = {"W": RNG.normal(size=(4, 2)), "X": RNG.normal(size=2)}, RNG.normal(size=(3, 4))
    np.testing.assert_allclose(found["W"].function()(W, X), np.outer(X.sum(axis=0), np.ones(2)))
    odd = derive.gradient(lambda p: jnp.sum(p["lambda"] ** 2) + jnp.sum(p["a b"]), "p", {"p": {"lambda": "n", "a b": "n"}})
    np.testing.assert_allclose(odd["lambda"].function()({"lambda": np.arange(3.0), "a b": None}), 2 * np.arange(3.0))


def test_what_is_no_float_array_has_no_derivative():
    def loss(p, x):
        return p["scale"] * jnp.sum(p["table"][p["rows"]] * x)
    found = derive.gradient(loss, "p", {"p": {"table": "v", "rows": "int n", "scale": "", "name": None}, "x": "n"})
    assert found["rows"] is None and found["name"] is None and found["table"].wrt == "table"
    with pytest.raises(derive.BadInput, match="integers"):
        derive.gradient(loss, "rows", {"p": {"table": "v", "rows": "int n", "scale": ""}, "x": "n"})
    with pytest.raises(derive.BadInput, match="no float array"):
        derive.gradient(lambda p, x: jnp.sum(x[p["rows"]]), "p", {"p": {"rows": "int n"}, "x": "m"})


def test_unknown_names_are_told():
    function, shapes, _ = CASES["dict"]
    with pytest.raises(derive.BadInput, match=r"the arguments are params, X, y\.\n.*\n.*W, b"):
        derive.gradient(function, "V", shapes)
    with pytest.raises(derive.BadInput, match="no position among 3"):
        derive.gradient(function, 3, shapes)
    with pytest.raises(derive.BadInput, match="which is no shape"):
        derive.gradient(function, None, {**shapes, "X": object()})


# ------------------------------------------------------------------------------------------- examples


def test_an_example_gives_symbolic_sizes():
    params, X, y = {"W": np.zeros((4, 5)), "b": jnp.zeros(5)}, jax.ShapeDtypeStruct((3, 4), jnp.float32), np.zeros((3, 5))
    found = derive.gradient(of_dict, "params", (params, X, y))
    assert any("= 4" in text and "= 3" in text and "equal length" in text for text in found["W"].assumptions)
    for sizes in SETTINGS:
        arguments = drawn(CASES["dict"][1], sizes)
        with jax.enable_x64(True):
            np.testing.assert_allclose(found["W"].function()(*arguments), jax.grad(of_dict)(*arguments)["W"], rtol=1e-9)


def test_kinds_of_examples():
    def loss(w, x, y, on, lam):
        return lam * jnp.sum(jnp.where(on, x[y] * w, 0.0))
    d = derive.gradient(loss, "w", {"w": np.zeros(6), "x": "v", "y": np.zeros(6, int), "on": np.ones(6, bool), "lam": 0.5})
    assert [a.kind for a in d.story.source.arguments] == ["float", "float", "int", "bool", "float"]
    assert d.story.source.argument("lam").shape == ()


def test_an_axis_of_length_1_stays_so():
    d = derive.gradient(lambda x, b: jnp.sum(jnp.sin(x + b)), "b", {"x": np.zeros((3, 4)), "b": np.zeros((3, 1))})
    x, b = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 1))
    np.testing.assert_allclose(d.function()(x, b), np.cos(x + b).sum(axis=1, keepdims=True))


def test_the_lengths_of_the_examples_where_symbolic_ones_do_not_do():
    d = derive.gradient(lambda x: jnp.sum(x.reshape(2, -1)[0] ** 2), "x", [np.zeros(6)])
    assert any("those of the examples" in text for text in d.assumptions)
    x = RNG.normal(size=6)
    np.testing.assert_allclose(d.function()(x), np.where(np.arange(6) < 3, 2 * x, 0))


def test_a_tuple_of_numbers_is_a_shape_and_a_tuple_of_strings_a_tree():
    assert derive.gradient(lambda x: jnp.sum(x**2), "x", {"x": (3, 4)}).story.source.argument("x").shape[0].value == 3
    assert derive.gradient(lambda x: jnp.sum(x**2), "x", {"x": ("m", 4)}).wrt == "x"
    assert len(derive.gradient(lambda p: jnp.sum(p[0] ** 2) + jnp.sum(p[1]), "p", {"p": ("m", "n")})) == 2
    assert derive.gradient(lambda X, w: jnp.sum((X @ w) ** 2), "w", {"X": ("m", "d"), "w": ["d"]}).matrix().text == "2Xᵀ Xw"


# ------------------------------------------------------------------------------------------- prove, check, vjp, hessian


def test_prove():
    shapes = {"params": {"W": "d k", "b": "k"}, "X": "m d"}
    f = lambda params, X: jnp.sum(jax.nn.softmax(X @ params["W"] + params["b"], axis=0) ** 2)  # noqa: E731

    def g(p, X):
        e = jnp.exp(X @ p["W"] + p["b"])
        return jnp.sum((e / e.sum(axis=0)) ** 2)
    assert derive.prove(f, g, shapes)
    assert derive.prove(f, lambda W, b, X: jnp.sum(jax.nn.softmax(X @ W + b, axis=0) ** 2), shapes)
    assert not derive.prove(f, lambda p, X: jnp.sum(jax.nn.softmax(X @ p["W"], axis=1) ** 2), shapes)


def test_prove_goes_by_the_place_in_a_tuple_and_not_by_what_is_called_how():
    def f(p, x):
        w, b = p
        return jnp.sum(w * x) + 2 * jnp.sum(b * x)

    def same(p, x):
        b, w = p
        return jnp.sum(b * x) + 2 * jnp.sum(w * x)

    def swapped(p, x):
        b, w = p
        return jnp.sum(w * x) + 2 * jnp.sum(b * x)
    shapes = {"p": ("n", "n"), "x": "n"}
    assert derive.prove(f, same, shapes) and not derive.prove(f, swapped, shapes)
    assert derive.prove(f, same, ((np.zeros(3), np.zeros(3)), np.zeros(3)))


SHAPES = {"params": {"W": "d k", "b": "k"}, "X": "m d", "y": "m k"}


def by_hand(params, X, y):
    W, b = params["W"], params["b"]
    u = X @ W + b - y
    return np.mean(u**2), {"W": 2 * X.T @ u / u.size, "b": 2 * u.sum(axis=0) / u.size}


def without_two(params, X, y):
    W, b = params["W"], params["b"]
    u = X @ W + b - y
    return {"dW": 2 * X.T @ u / u.size, "db": u.sum(axis=0) / u.size}


def of_arrays(W, b, X, y):
    loss, found = by_hand({"W": W, "b": b}, X, y)
    return loss, found["W"], found["b"]


@pytest.mark.parametrize("wrt", ["params", 0, None, ("W", "b")])
def test_check(wrt):
    report = derive.check(by_hand, of_dict, wrt, SHAPES)
    assert report.ok and report.require("proved") and list(report.parts) == ["W", "b"]


def test_check_without_a_reference_and_with_examples():
    assert derive.check(by_hand, None, "params", SHAPES).require("proved")
    examples = {"params": {"W": np.zeros((784, 10)), "b": np.zeros(10)}, "X": np.zeros((64, 784)), "y": np.zeros((64, 10))}
    assert derive.check(by_hand, of_dict, "params", examples).require("proved")


def test_check_code_that_takes_the_arrays_themselves():
    assert derive.check(of_arrays, of_dict, "params", SHAPES).require("proved")


def test_a_wrong_leaf_is_told():
    report = derive.check(without_two, of_dict, "params", SHAPES)
    assert report.parts["W"].verdict == derive.checking.report.PROVED and report.parts["b"].verdict == "wrong"
    assert 'params["b"]' in report.parts["b"].counterexample.arrays and "2 *" in report.parts["b"].fix


def affine(params, x):
    return x @ params["W"] + params["b"], (params, x)


def affine_back(dout, cache):
    params, x = cache
    return {"W": x.T @ dout, "b": dout.sum(axis=0)}, dout @ params["W"].T


def test_check_a_pair():
    shapes = {"params": {"W": "d k", "b": "k"}, "x": "n d"}
    report = derive.check((affine, affine_back), lambda params, x: x @ params["W"] + params["b"], ("params", "x"), shapes)
    assert report.require("proved") and list(report.parts) == ["W", "b", "x"]


def layers_by_hand(layers, X):
    kept = [X]
    for W, b in layers:
        kept.append(np.tanh(kept[-1] @ W + b))
    d, found = np.ones_like(kept[-1]), []
    for k in range(len(layers) - 1, -1, -1):
        d = d * (1 - kept[k + 1] ** 2)
        found.insert(0, (kept[k].T @ d, d.sum(axis=0)))
        d = d @ layers[k][0].T
    return np.sum(kept[-1]), found


def test_check_a_list_of_layers():
    def loss(layers, X):
        for W, b in layers:
            X = jnp.tanh(X @ W + b)
        return jnp.sum(X)
    report = derive.check(layers_by_hand, loss, "layers", {"layers": [("d h", "h"), ("h k", "k")], "X": "m d"})
    assert report.require("proved") and list(report.parts) == ["W_0", "b_0", "W_1", "b_1"]


def test_vjp_and_jacobian():
    def layer(params, x):
        return x @ params["W"] + params["b"]
    shapes = {"params": {"W": "d k", "b": "k"}, "x": "n d"}
    back = derive.vjp(layer, "params", shapes)
    params, x, dout = {"W": RNG.normal(size=(3, 2)), "b": RNG.normal(size=2)}, RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2))
    np.testing.assert_allclose(back["W"].function()(params, x, dout), x.T @ dout)
    with jax.enable_x64(True):
        true = jax.jacobian(layer)(params, x)
        for name, d in derive.jacobian(layer, 0, shapes).items():
            np.testing.assert_allclose(d.function()(params, x), true[name], atol=1e-12)


def test_all_blocks_of_a_hessian():
    def loss(p, X):
        return jnp.sum(jnp.sin(X @ p["w"] + p["b"]))
    found = derive.hessian(loss, "p", {"p": {"w": "d", "b": ""}, "X": "m d"})
    p, X = {"w": RNG.normal(size=3), "b": 0.3}, RNG.normal(size=(4, 3))
    with jax.enable_x64(True):
        true = jax.hessian(loss)(p, X)
        for row in "wb":
            for column in "wb":
                np.testing.assert_allclose(found[row][column].function()(p, X), true[row][column], rtol=1e-9)
    assert "def hessian_w_b(p, X):" in found["w"]["b"].numpy()
    assert found["w"]["b"].text().startswith("The second derivatives of loss with respect to w and b")


# ------------------------------------------------------------------------------------------- what is left out, assumptions, the command line


def test_an_empty_tree_is_passed_as_it_is():
    assert derive.gradient(lambda p, x: jnp.sum(x), "x", {"p": {}, "x": "n"}).wrt == "x"
    assert derive.gradient(lambda p, x: jnp.sum(x) if p is None else x, "x", {"p": None, "x": "n"}).wrt == "x"


@pytest.mark.parametrize("spelled", ["s > 0", "params['s'] > 0", 'params["s"] > 0'])
def test_an_assumption_names_an_array_or_its_path(spelled):
    def root(params):
        return jnp.sum(jnp.sqrt(params["s"] ** 2))
    assert str(derive.gradient(root, "params", {"params": {"s": "n"}}, [spelled])["s"].expr) == "1"
    assert derive.prove(root, lambda params: jnp.sum(params["s"]), {"params": {"s": "n"}}, [spelled])
    with_ones = derive.check(lambda params: {"s": np.ones_like(params["s"])}, root, "params", {"params": {"s": "n"}}, [spelled])
    assert with_ones.require("proved")


def test_the_command_line(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text("import numpy as np\nimport jax.numpy as jnp\n\ndef loss(layers, X):\n"
                    "    return jnp.sum(jnp.sin(X @ layers[0]['W'] + layers[0]['b']))\n\n"
                    "def grad(layers, X):\n    c = np.cos(X @ layers[0]['W'] + layers[0]['b'])\n    return [{'W': X.T @ c, 'b': c.sum(axis=0)}]\n")
    shapes = ["--shapes", "layers.0.W=d k; layers.0.b=k; X=m d"]
    assert derive.cli.main(["emit", f"{file}::loss", *shapes]) == 0
    assert "def grad_b(layers, X):" in capsys.readouterr().out
    assert derive.cli.main(["check", f"{file}::grad", "--reference", f"{file}::loss", "--wrt", "layers", *shapes]) == 0
    assert capsys.readouterr().out.count("proved for all sizes") >= 2


@pytest.mark.parametrize(("text", "match"), [("p.W=d; p=k", "has parts already"), ("p=k; p.W=d", "has a shape already"),
                                             ("p..W=d", "not of the form")])
def test_paths_that_contradict_each_other(text, match):
    with pytest.raises(derive.BadInput, match=match):
        parse_shapes(text)


# ------------------------------------------------------------------------------------------- annotations


class Affine(NamedTuple):
    W: Float[Array, "d k"]
    b: Float[Array, "k"]


class Typed(TypedDict):
    W: Float[Array, "d k"]
    b: Float[Array, "k"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Scaled:
    inner: Affine
    s: float


def of_annotated_tuple(p: Affine, X: Float[Array, "m d"]):
    return jnp.sum(jnp.tanh(X @ p.W + p.b))


def of_typed_dict(p: Typed, X: Float[Array, "m d"]):
    return jnp.sum(jnp.tanh(X @ p["W"] + p["b"]))


def of_annotated_class(p: Scaled, X: Float[Array, "m d"]):
    return p.s * jnp.sum(jnp.tanh(X @ p.inner.W + p.inner.b))


def of_tuple(p: tuple[Float[Array, "d k"], Float[Array, "k"]], X: Float[Array, "m d"]):
    W, b = p
    return jnp.sum(jnp.tanh(X @ W + b))


@pytest.mark.parametrize("function", [of_annotated_tuple, of_typed_dict, of_annotated_class, of_tuple])
def test_annotated_trees(function):
    assert [d.wrt for d in of(derive.gradient(function))][:2] == ["W", "b"]
    assert derive.prove(function, function)


# ------------------------------------------------------------------------------------------- custom rules


def dense(params, x):
    return jnp.tanh(x @ params["W"] + params["b"])


def with_rule(scale):
    layer = jax.custom_vjp(dense)

    def forward(params, x):
        out = dense(params, x)
        return out, (params, x, out)

    def backward(kept, dout):
        params, x, out = kept
        dout = dout * (1 - out**2)
        return {"W": x.T @ dout, "b": scale * dout.sum(axis=0)}, dout @ params["W"].T
    layer.defvjp(forward, backward)
    return layer


def pushed():
    layer = jax.custom_jvp(dense)

    def rule(primals, tangents):
        (params, x), (moved, dx) = primals, tangents
        out = dense(params, x)
        return out, (1 - out**2) * (dx @ params["W"] + x @ moved["W"] + moved["b"])
    layer.defjvp(rule)
    return layer


def test_custom_rules():
    shapes = {"params": {"W": "d k", "b": "k"}, "x": "m d"}
    for layer in (with_rule(1), pushed()):
        report = derive.check(layer, shapes=shapes)
        assert report.require("proved") and {"W", "b", "x"} <= set(report.parts)
    assert derive.check(with_rule(1), dense, "params", shapes).require("proved")
    wrong = derive.check(with_rule(2), None, "params", shapes)
    assert wrong.parts["b"].wrong and not wrong.parts["W"].wrong
