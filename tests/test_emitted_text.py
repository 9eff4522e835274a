"""Emitted code as text: windows, zeros around an array, lookups, pieces and reshapes, as a person writes them."""

from __future__ import annotations

import ast

import jax
import layers
import numpy as np
import pytest

import derive
from derive import emit
from derive.points import concrete, sizes_of

SHAPES = {function.__name__: shapes for function, shapes in reversed(layers.LAYERS)}


def body(name: str, wrt: str, library: str = "numpy") -> str:
    """The lines of the function, without imports, docstring and indentation."""
    derivation = derive.vjp(getattr(layers, name), wrt, SHAPES[name])
    source = derivation.numpy() if library == "numpy" else derivation.jax()
    return "\n".join(line[4:] for line in source.split('"""\n', 1)[1].splitlines())


TEXTS = {
    ("embedding", "w"): """\
v = w.shape[0]
d = w.shape[1]
dw = np.zeros((v, d))
np.add.at(dw, x, dout)
return dw""",
    ("conv2d", "x"): """\
dout_padded = np.pad(dout, ((0, 0), (0, 0), (1, 1), (1, 1)))
dout_windows = np.lib.stride_tricks.sliding_window_view(dout_padded, (3, 3), axis=(2, 3))""",
    ("conv1d", "w"): """\
x_windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=2)
dw = np.einsum("noi,ncij->ocj", dout, x_windows)
return dw""",
    ("max_pool_reshape", "x"): """\
x_split = x.reshape(n, c, 2, 2, 3, 2)
max_pool_reshape = x_split.max(axis=(3, 5))
dx = x_split == max_pool_reshape[:, :, :, None, :, None]
dx = dout[:, :, :, None, :, None] * dx / dx.sum(axis=(3, 5), keepdims=True)
dx = dx.reshape(x.shape)
return dx""",
    ("pad_then_diff", "x"): """\
dout_padded = np.pad(dout, ((0, 0), (1, 1)))
dx = dout_padded[:, :-2] - dout_padded[:, 2:]
return dx""",
    ("every_second", "x"): """\
dx = np.zeros((n, 7))
dx[:, ::2] = dout
return dx""",
    ("lstm_step_slices", "wh"): """\
da = np.concatenate([da_1, da_2, da_3, da_4], axis=1)
dwh = h.T @ da
return dwh""",
    ("rnn", "x"): """\
dx_2 = dv @ wx.T
dx_3 = ds @ wx.T
dx = np.stack([dx_1, dx_2, dx_3], axis=1)
return dx""",
}


@pytest.mark.parametrize(("name", "wrt"), TEXTS)
def test_reads_like_a_person_wrote_it(name: str, wrt: str) -> None:
    assert TEXTS[name, wrt] in body(name, wrt)


@pytest.mark.parametrize(("name", "wrt"), [("conv2d_stride", "x"), ("conv2d_groups", "w"), ("max_pool_overlapping", "x"), ("lstm", "wh"),
                                           ("group_norm_images", "x"), ("transformer_block", "wq"), ("multi_head", "x")])
def test_no_loops_and_no_index_arithmetic(name: str, wrt: str) -> None:
    """No loop over data, and index arrays only to add at places that are met several times."""
    source = body(name, wrt)
    loops = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.DictComp)
    assert not [node for node in ast.walk(ast.parse(f"def f():\n    {source.replace(chr(10), chr(10) + '    ')}")) if isinstance(node, loops)]
    lines = [line for line in source.splitlines() if not line.startswith("np.add.at") and "==" not in line and ">=" not in line]
    assert "np.arange" not in "\n".join(lines) and "//" not in "\n".join(line for line in lines if ".shape[" not in line)


@pytest.mark.parametrize(("name", "wrt", "sizes"), [
    ("conv2d_stride", "x", {"n": 2, "c": 3, "o": 4}), ("conv2d_groups", "w", {"n": 2, "c": 3, "o": 2}),
    ("conv1d_same", "w", {"n": 2, "c": 3, "l": 4, "o": 2}),
    ("max_pool_overlapping", "x", {"n": 2, "c": 3}), ("embedding", "w", {"n": 2, "t": 3, "v": 4, "d": 5}), ("every_second", "x", {"n": 3}),
    ("group_norm_images", "x", {"n": 2, "q": 3, "h": 4, "w": 5}), ("pad_then_diff", "x", {"n": 2, "d": 4}), ("rnn", "x", {"n": 2, "d": 3, "h": 4})])
def test_jax_does_the_same(name: str, wrt: str, sizes: dict[str, int]) -> None:
    derivation = derive.vjp(getattr(layers, name), wrt, SHAPES[name])
    story, rng = derivation.story, np.random.default_rng(3)
    own = dict(zip(sizes_of(story.source.arguments), sizes.values()))
    shapes = [(a.kind, tuple(concrete(size, own) for size in a.shape)) for a in story.source.arguments]
    values = [rng.integers(0, min(sizes.values()), shape) if kind == "int" else abs(rng.normal(size=shape)) for kind, shape in shapes]
    values.append(rng.normal(size=tuple(concrete(size, own) for size in story.definitions[-1].shape)))
    with jax.enable_x64(True):
        theirs = np.asarray(jax.jit(emit.compile_source(derivation.jax(), emit.function_name(story)))(*values))
    np.testing.assert_allclose(derivation.function()(*values), theirs, rtol=1e-10, atol=1e-12)


def test_the_result_is_no_view_of_an_argument() -> None:
    gradient = derive.vjp(layers.affine_flat, "x", SHAPES["affine_flat"]).function()
    x, w, b = np.ones((2, 3, 4)), np.ones((12, 5)), np.ones(5)
    dout = np.ones((2, 5))
    assert not any(np.shares_memory(gradient(x, w, b, dout), one) for one in (x, w, b, dout))
    whole = derive.vjp(lambda x: x.reshape(-1, 2), "x", {"x": "n 2"}).function()
    assert not np.shares_memory(whole(dout[:, :2], dout[:, :2]), dout)
