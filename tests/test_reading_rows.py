"""What JAX can say about indices: each way to say it reads, pulls back as JAX does, and is decided equal to another way to say the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
from jax import lax

import derive
from derive.errors import NotYet
from derive.index import substitute
from derive.normal import Algebra
from derive.normal.algebra import written_out
from derive.trace import read

Function = Callable[..., Any]


def heads(x: Any, w: Any) -> Any:
    return (x @ w).reshape(x.shape[0], x.shape[1], 2, -1).transpose(0, 2, 1, 3)


READ: dict[str, tuple[Function, dict[str, str]]] = {
    "one row stored": (lambda x, v: x.at[0].set(v), {"x": "n d", "v": "d"}),
    "a part stored": (lambda x, v: x.at[1:3].set(v), {"x": "5 d", "v": "2 d"}),
    "a column increased": (lambda x, v: x.at[:, 1].add(v), {"x": "n 3", "v": "n"}),
    "rolled": (lambda x: jnp.roll(x, 1, axis=1) * x, {"x": "n 4"}),
    "repeated": (lambda x: jnp.repeat(x, 2, axis=1), {"x": "n d"}),
    "products of blocks": (lambda x, y: jnp.kron(x, y), {"x": "n m", "y": "2 2"}),
    "a loop": (lambda x: lax.fori_loop(0, 3, lambda i, h: jnp.tanh(h + x[i]), jnp.zeros(x.shape[1])), {"x": "3 d"}),
    "a loop backwards": (lambda x: lax.scan(lambda c, u: (jnp.tanh(c + u), c * u), jnp.ones(x.shape[1]), x, reverse=True)[1], {"x": "3 d"}),
    "a part that is held inside": (lambda x: lax.dynamic_slice(x, (4, 0), (2, 2)), {"x": "5 3"}),
    "a convolution in full": (lambda x, w: jnp.convolve(x, w), {"x": "5", "w": "3"}),
    "a convolution that spreads": (lambda x, w: lax.conv_transpose(x, w, (2,), "SAME", dimension_numbers=("NCH", "OIH", "NCH")),
                                   {"x": "n 2 4", "w": "3 2 3"}),
    "other axes": (lambda x: x.reshape(x.shape[1], x.shape[0]) @ x, {"x": "n d"}),
    "other numbers": (lambda x: x.reshape(3, 4) * 2, {"x": "4 3"}),
    "a softmax over merged axes": (lambda x: jax.nn.softmax(x.reshape(x.shape[0], -1), axis=1).reshape(x.shape), {"x": "n c d"}),
    "digits exchanged": (lambda x: x.reshape(x.shape[0], 2, -1).swapaxes(1, 2).reshape(x.shape[0], -1), {"x": "n 2*d"}),
    "labels that are known": (lambda x: x[jnp.arange(3), jnp.array([0, 2, 1])], {"x": "3 4"}),
    "a table of weights": (lambda x, y: jnp.array([0.5, 2.0, 1.5])[y] * x, {"x": "n", "y": "int n"}),
    "a mask that is known": (lambda x: jax.nn.softmax(x + np.where(np.tri(3) > 0, 0.0, -np.inf), axis=1), {"x": "3 3"}),
    "a permutation": (lambda x: x[np.array([2, 0, 1])] * x[::-1], {"x": "3 d"}),
    "numbers in even steps": (lambda x: x * np.arange(5) + x @ np.eye(5), {"x": "n 5"}),
    "the two largest": (lambda x: jnp.sort(x, axis=1)[:, ::-1][:, :2], {"x": "n 4"}),
    "a median": (lambda x: jnp.median(x, axis=1), {"x": "n 4"}),
    "one-hot at the largest": (lambda x, z: (jax.nn.one_hot(jnp.argmax(x, 1), x.shape[1]) * z).sum(1), {"x": "n d", "z": "n d"}),
    "stored at the largest": (lambda x: x.at[jnp.arange(x.shape[0]), jnp.argmax(x, 1)].set(0.0), {"x": "n d"}),
    "a maximum that may be masked": (lambda x, q: jnp.where(jnp.isfinite(jnp.where(q, x, -jnp.inf).max(1)), x.sum(1), 5.0),
                                     {"x": "n d", "q": "bool n d"}),
    "a mean without what is no number": (lambda x: jnp.nanmean(x, axis=0), {"x": "n d"}),
    "a variance under a mask": (lambda x, q: jnp.var(x, axis=1, where=q | (jnp.arange(x.shape[1]) == 0)), {"x": "n d", "q": "bool n d"}),
    "merged and returned": (lambda x: jnp.sin(x).reshape(-1), {"x": "n d"}),
}


@pytest.mark.parametrize("name", READ)
def test_it_reads_and_pulls_back_as_jax_does(name: str) -> None:
    function, shapes = READ[name]
    program = read(function, shapes)
    for sizes in oracle.settings(program, 1):
        arrays = oracle.draw(program, sizes)
        value = oracle.run(function, arrays)
        np.testing.assert_allclose(oracle.forward(program, sizes, arrays), value, rtol=1e-12, atol=1e-12)
        dout = np.random.default_rng(7).normal(size=value.shape)
        expected = oracle.pulled_back(function, oracle.differentiable(program), arrays, dout)
        for wrt, wanted in expected.items():
            found = oracle.backward(derive.vjp(function, wrt, shapes).story, sizes, {**arrays, "dout": dout})
            np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10, err_msg=f"{wrt} at {sizes}")


def convolved(x: Any, w: Any) -> Any:
    return lax.conv_general_dilated(x, w, (1,), [(1, 1)])


def by_slices(x: Any, w: Any) -> Any:
    padded = jnp.pad(x, ((0, 0), (0, 0), (1, 1)))
    return sum(jnp.einsum("ncl,oc->nol", padded[:, :, a:a + x.shape[2]], w[:, :, a]) for a in range(3))


def centred(x: Any) -> Any:
    y = x.reshape(x.shape[0], 2, -1)
    return (y - y.mean(-1, keepdims=True)).reshape(x.shape)


def centred_by_moments(x: Any) -> Any:
    y = x.reshape(x.shape[0], 2, -1)
    return (y - (y.sum(-1) / y.shape[-1])[..., None]).reshape(x.shape)


def scores(x: Any, w: Any, v: Any) -> Any:
    return jnp.einsum("btd,dhe,bsf,fhe->bhts", x, w.reshape(x.shape[2], 2, -1), x, v.reshape(x.shape[2], 2, -1))


EQUAL: dict[str, tuple[Function, Function, dict[str, str]]] = {
    "convolution by slices": (convolved, by_slices, {"x": "n c l", "w": "o c 3"}),
    "pooling by a reshape": (lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 2), (1, 2), "VALID") / 2,
                             lambda x: x.reshape(x.shape[0], -1, 2).mean(-1), {"x": "n 6"}),
    "a merged matrix": (lambda x, w: x.reshape(x.shape[0], -1) @ w,
                        lambda x, w: jnp.einsum("nab,abk->nk", x, w.reshape(x.shape[1], x.shape[2], -1)), {"x": "n a b", "w": "a*b k"}),
    "a sum over the parts": (lambda x: x.reshape(x.shape[0], -1, 2).sum((1, 2)), lambda x: x.sum(1), {"x": "n 2*h"}),
    "heads": (lambda x, w, v: heads(x, w) @ heads(x, v).transpose(0, 1, 3, 2), scores, {"x": "n t d", "w": "d 2*e", "v": "d 2*e"}),
    "centred groups": (centred, centred_by_moments, {"x": "n 2*q"}),
    "a triangle and its diagonal": (lambda s: jnp.tril(s, -1) + s * jnp.eye(s.shape[0]), lambda s: jnp.tril(s), {"s": "t t"}),
    "reversed twice": (lambda x: x[::-1][::-1], lambda x: x, {"x": "n d"}),
    "steps of a loop": (lambda x, h: lax.scan(lambda c, u: (jnp.tanh(u + c), None), h, x)[0],
                        lambda x, h: jnp.tanh(x[2] + jnp.tanh(x[1] + jnp.tanh(x[0] + h))), {"x": "3 n d", "h": "n d"}),
}


@pytest.mark.parametrize("name", EQUAL)
def test_two_ways_to_say_it_are_proved_equal(name: str) -> None:
    f, g, shapes = EQUAL[name]
    assert derive.prove(f, g, shapes), name


DIFFERENT: dict[str, tuple[Function, Function, dict[str, str]]] = {
    "heads in the other order": (lambda x, w: heads(x, w), lambda x, w: (x @ w).reshape(x.shape[0], x.shape[1], -1, 2).transpose(0, 3, 1, 2),
                                 {"x": "n t d", "w": "d 2*e"}),
    "a reshape is no transpose": (lambda x: x.reshape(x.shape[1], x.shape[0]), lambda x: x.T, {"x": "n d"}),
    "a window that is turned round": (convolved, lambda x, w: by_slices(x, w[:, :, ::-1]), {"x": "n c l", "w": "o c 3"}),
    "the mask without its diagonal": (lambda s: jnp.tril(s), lambda s: jnp.tril(s, -1), {"s": "t t"}),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_two_that_differ_are_refuted(name: str) -> None:
    f, g, shapes = DIFFERENT[name]
    assert derive.prove(f, g, shapes).verdict == "refuted"


def same(layer: Function, wrt: str, shapes: dict[str, str], backward: Function, more: dict[str, str]) -> bool:
    """Whether a derivation's result and a backward pass in JAX have one normal form, for all sizes."""
    story, program = derive.vjp(layer, wrt, shapes).story, read(backward, {**more, **shapes})
    left = Algebra(hard=True, lookup=written_out([*story.definitions, *story.cotangents]))
    right = Algebra(hard=True, lookup=written_out(program.definitions))
    last = program.definitions[-1]
    claimed = substitute(right.canonical(last.body), dict(zip(last.indices, story.result.indices)))
    return left.is_zero(left.sub(left.canonical(story.result.body), left.canonical(claimed)))


def grouped(x: Any) -> Any:
    y = x.reshape(x.shape[0], 2, -1)
    m = y.mean(-1, keepdims=True)
    return ((y - m) / jnp.sqrt(((y - m) ** 2).mean(-1, keepdims=True) + 1)).reshape(x.shape)


def grouped_back(dout: Any, x: Any) -> Any:
    y, dy = x.reshape(x.shape[0], 2, -1), dout.reshape(x.shape[0], 2, -1)
    s = jnp.sqrt(y.var(-1, keepdims=True) + 1)
    h = (y - y.mean(-1, keepdims=True)) / s
    return ((dy - dy.mean(-1, keepdims=True) - h * (dy * h).mean(-1, keepdims=True)) / s).reshape(x.shape)


def slices_back_x(dout: Any, x: Any, w: Any) -> Any:
    padded = jnp.pad(dout, ((0, 0), (0, 0), (1, 1)))
    return sum(jnp.einsum("nol,oc->ncl", padded[:, :, 2 - a:2 - a + x.shape[2]], w[:, :, a]) for a in range(3))


def slices_back_w(dout: Any, x: Any, w: Any) -> Any:
    padded = jnp.pad(x, ((0, 0), (0, 0), (1, 1)))
    return jnp.stack([jnp.einsum("nol,ncl->oc", dout, padded[:, :, a:a + x.shape[2]]) for a in range(3)], axis=2)


def recurrent(x: Any, h: Any, w: Any) -> Any:
    return lax.scan(lambda c, u: (jnp.tanh(u + c @ w), None), h, x)[0]


def recurrent_back(dout: Any, x: Any, h: Any, w: Any) -> Any:
    h1 = jnp.tanh(x[0] + h @ w)
    h2 = jnp.tanh(x[1] + h1 @ w)
    d2 = dout * (1 - h2**2)
    return h.T @ ((d2 @ w.T) * (1 - h1**2)) + h1.T @ d2


TEXTBOOK: dict[str, tuple[Function, str, dict[str, str], Function, dict[str, str]]] = {
    "convolution, entries": (convolved, "x", {"x": "n c l", "w": "o c 3"}, slices_back_x, {"dout": "n o l"}),
    "convolution, weights": (convolved, "w", {"x": "n c l", "w": "o c 3"}, slices_back_w, {"dout": "n o l"}),
    "flattened, weights": (lambda x, w: x.reshape(x.shape[0], -1) @ w, "w", {"x": "n a b", "w": "a*b k"},
                           lambda dout, x, w: x.reshape(x.shape[0], -1).T @ dout, {"dout": "n k"}),
    "flattened, entries": (lambda x, w: x.reshape(x.shape[0], -1) @ w, "x", {"x": "n a b", "w": "a*b k"},
                           lambda dout, x, w: (dout @ w.T).reshape(x.shape), {"dout": "n k"}),
    "groups, three terms": (grouped, "x", {"x": "n 2*q"}, grouped_back, {"dout": "n 2*q"}),
    "average pooling": (lambda x: x.reshape(x.shape[0], -1, 2).mean(-1), "x", {"x": "n 2*h"},
                        lambda dout, x: jnp.repeat(dout, 2, axis=1) / 2, {"dout": "n h"}),
    "a recurrence": (recurrent, "w", {"x": "2 n d", "h": "n d", "w": "d d"}, recurrent_back, {"dout": "n d"}),
}


@pytest.mark.parametrize("name", TEXTBOOK)
def test_a_backward_pass_is_the_textbooks(name: str) -> None:
    assert same(*TEXTBOOK[name])


def test_a_wrong_backward_pass_is_not() -> None:
    layer, wrt, shapes, backward, more = TEXTBOOK["convolution, entries"]
    assert not same(layer, wrt, shapes, lambda dout, x, w: backward(dout, x, w[:, :, ::-1]), more)
    layer, wrt, shapes, backward, more = TEXTBOOK["groups, three terms"]
    assert not same(layer, wrt, shapes, lambda dout, x: backward(dout, x) + 0 * x + dout * 1e-4, more)


@jax.jit
def relu(x: Any) -> Any:
    return 2 * jnp.maximum(x, 0)


def test_a_users_function_is_not_taken_for_that_of_jax() -> None:
    assert derive.prove(lambda x: relu(x), lambda x: 2 * jax.nn.relu(x), {"x": "n"})
    assert not derive.prove(lambda x: relu(x), lambda x: jax.nn.relu(x), {"x": "n"})


REFUSED: dict[str, tuple[Function, dict[str, str], str]] = {
    "a loop without a number": (lambda x: lax.scan(lambda c, u: (c + u, None), x[0], x)[0], {"x": "n d"}, "Give that dimension a number"),
    "eigenvalues": (lambda x: jnp.linalg.eigvalsh(x), {"x": "n n"}, "'eigh' of JAX has no row"),
    "rounding": (lambda x: jnp.floor(x), {"x": "n"}, "rounds numbers"),
    "bits": (lambda y: y ^ 3, {"y": "int n"}, "works on the bits of integers"),
    "a product of any length": (lambda x: jnp.prod(x), {"x": "n"}, "symbolic number of factors"),
    "a large table": (lambda x: x * np.arange(100.0) ** 2, {"x": "n 100"}, "Pass it as an argument"),
    "infinite numbers in order": (lambda x: jnp.sort(jnp.where(x > 0, x, -jnp.inf)), {"x": "n"}, "Infinite numbers are put in order"),
    "groups of examples": (lambda x, w: lax.conv_general_dilated(x, w, (1,), "VALID", batch_group_count=2), {"x": "2 3 5", "w": "4 3 2"},
                           "groups of examples"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_says_what_to_do(name: str) -> None:
    function, shapes, words = REFUSED[name]
    with pytest.raises(NotYet, match=words):
        read(function, shapes)
