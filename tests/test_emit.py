"""Emitted source against jax.grad, at asymmetric sizes and sizes of 1; at extreme values against mpmath; and as text."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import jax
import mpmath
import numpy as np
import pytest

from derive import emit
from derive.emit import matrix
from derive.index import (
    Num,
)

sys.path.insert(0, str(Path(__file__).parent))
from stories import BY_NAME, CASES, SIZES, Case

IDS = [f"{case.name}-{case.story.wrt}" for case in CASES]


def code(source: str) -> str:
    """The lines of the function, without imports, docstring and indentation."""
    return "\n".join(line[4:] for line in source.split('"""\n', 1)[1].splitlines())


def data(case: Case, sizes: dict[str, int], scale: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    values = {}
    for argument in case.story.source.arguments:
        shape = tuple(int(s.value) if isinstance(s, Num) else sizes[s.name] for s in argument.shape)
        values[argument.name] = rng.integers(0, sizes["k"], shape) if argument.kind == "int" else scale * rng.normal(size=shape)
    return values


def incoming(case: Case, sizes: dict[str, int]) -> list[np.ndarray]:
    shape = [sizes[s.name] for s in case.story.definitions[-1].shape]
    return [np.random.default_rng(1).normal(size=shape)] if case.story.kind == "vjp" else []


def oracle(case: Case, values: dict[str, np.ndarray], dout: list[np.ndarray]) -> np.ndarray:
    with jax.enable_x64(True):
        out, pull = jax.vjp(lambda value: case.function(**{**values, case.story.wrt: value}), jax.numpy.asarray(values[case.story.wrt]))
        return np.asarray(pull(jax.numpy.asarray(dout[0]) if dout else jax.numpy.ones_like(out))[0])


def close(got: np.ndarray, want: np.ndarray) -> None:
    assert np.shape(got) == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12 * max(1.0, float(np.abs(want).max())))


@pytest.mark.parametrize("sizes", SIZES, ids=["general", "ones", "more-ones"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_numpy_agrees_with_autodiff(case: Case, sizes: dict[str, int]) -> None:
    gradient = emit.compile_source(emit.numpy(case.story), emit.function_name(case.story))
    values, dout = data(case, sizes), incoming(case, sizes)
    before = {name: value.copy() for name, value in values.items() if isinstance(value, np.ndarray)}
    close(gradient(*values.values(), *dout), oracle(case, values, dout))
    assert all(np.array_equal(before[name], values[name]) for name in before), "an argument was changed"


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_jax_agrees_with_autodiff(name: str) -> None:
    case = BY_NAME[name]
    gradient = emit.compile_source(emit.jax(case.story), emit.function_name(case.story))
    values, dout = data(case, SIZES[0]), incoming(case, SIZES[0])
    with jax.enable_x64(True):
        got = np.asarray(jax.jit(gradient)(*values.values(), *dout))
    close(got, oracle(case, values, dout))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_source_has_no_loops(case: Case) -> None:
    for source in (emit.numpy(case.story), emit.jax(case.story)):
        loops = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.DictComp)
        assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, loops)]


def test_source_passes_the_linter(tmp_path: Path) -> None:
    for place, case in enumerate(CASES):
        (tmp_path / f"n{place}.py").write_text(emit.numpy(case.story), encoding="utf-8")
        (tmp_path / f"j{place}.py").write_text(emit.jax(case.story), encoding="utf-8")
    ruff = pytest.importorskip("ruff")
    command = [ruff.find_ruff_bin(), "check", "--isolated", "--select", "F,E9", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# ------------------------------------------------------------------------------------------- text


def test_classifier_reads_like_a_person_wrote_it() -> None:
    assert code(emit.numpy(BY_NAME["softmax_hand"].story)) == """\
m = X.shape[0]
z = X @ W
z = z - z.max(axis=1, keepdims=True)
p = np.exp(z)
p = p / p.sum(axis=1, keepdims=True)
dz = p.copy()
dz[np.arange(m), y] -= 1
dz /= m
dW = X.T @ dz + lam * W
return dW"""


def test_classifier_in_jax() -> None:
    assert code(emit.jax(BY_NAME["softmax_hand"].story)).splitlines()[5:9] == [
        "dz = p", "dz = dz.at[jnp.arange(m), y].add(-1)", "dz = dz / m", "dW = X.T @ dz + lam * W",
    ]


def test_two_layer_net_reads_like_a_person_wrote_it() -> None:
    assert code(emit.numpy(BY_NAME["two_layer"].story)) == """\
m = X.shape[0]
a = X @ W1 + b1
h = np.maximum(a, 0)
z = h @ W2 + b2
# added: subtracting the maximum keeps exp from overflowing and cancels in exact arithmetic
z = z - z.max(axis=1, keepdims=True)
p = np.exp(z)
p = p / p.sum(axis=1, keepdims=True)
dz = p.copy()
dz[np.arange(m), y] -= 1
dz /= m
dh = dz @ W2.T
da = dh * (a > 0)
dW1 = X.T @ da
return dW1"""


def test_a_shift_is_added_once_and_said() -> None:
    for name, added in [("softmax_hand", 0), ("softmax_plain", 1), ("softmax_log", 1), ("softmax_inline", 1), ("poisson", 0)]:
        source = emit.numpy(BY_NAME[name].story)
        assert source.count("# added") == added
        assert source.count(".max(") == (0 if name == "poisson" else 1)


MATRICES = {
    "softmax_hand": "Xᵀ(P − Y)/m + λW", "softmax_onehot": "Xᵀ(P − T)/m + λW", "two_layer": "Xᵀ((P − Y)W₂ᵀ ⊙ [A > 0])/m",
    "ridge": "2Xᵀr/m + 2λw", "factorisation": "−2EᵀU", "quadratic": "2q(Ax + Aᵀx)", "poisson": "Xᵀ(exp(s) − t)/m",
    "attention": "(A ⊙ dOut Vᵀ − diag((A ⊙ dOut Vᵀ)1)A)ᵀQ/√d",
}


@pytest.mark.parametrize("name", sorted(MATRICES))
def test_matrix_form(name: str) -> None:
    found = matrix.form(BY_NAME[name].story)
    assert found is not None
    assert found.text == MATRICES[name]
    assert found.latex.count("{") == found.latex.count("}")


def test_matrix_form_says_what_its_letters_mean() -> None:
    found = matrix.form(BY_NAME["softmax_hand"].story)
    assert found is not None
    assert found.latex == r"\frac{1}{m} X^\top \left(P - Y\right) + \lambda W"
    assert "P is the matrix of p" in found.legend
    assert "Y is the one-hot matrix of the labels y" in found.legend


# ------------------------------------------------------------------------------------------- extremes


def exact_softmax_gradient(values: dict[str, np.ndarray]) -> np.ndarray:
    with mpmath.workdps(60):
        W, X, y = (values[name] for name in ("W", "X", "y"))
        rows, columns = X.shape[0], W.shape[1]
        z = mpmath.matrix(X.tolist()) * mpmath.matrix(W.tolist())
        dz = mpmath.matrix(rows, columns)
        for row in range(rows):
            total = mpmath.fsum(mpmath.exp(z[row, column]) for column in range(columns))
            for column in range(columns):
                dz[row, column] = (mpmath.exp(z[row, column]) / total - int(y[row] == column)) / rows
        dW = mpmath.matrix(X.T.tolist()) * dz + mpmath.mpf(float(values["lam"])) * mpmath.matrix(W.tolist())
        return np.array(dW.tolist(), dtype=float)


@pytest.mark.parametrize("name", ["softmax_hand", "softmax_plain", "softmax_log", "softmax_onehot", "softmax_inline"])
def test_softmax_at_logits_of_ten_thousand(name: str) -> None:
    case = BY_NAME[name]
    values = {"W": np.array([[1e4, -1e4, 9999.5], [-3.0, 1e4, 2.0]]), "X": np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5], [1e-4, 0.0]])}
    values |= {"y": np.array([1, 0, 2, 1]), "lam": np.float64(0.25)}
    gradient = emit.compile_source(emit.numpy(case.story), emit.function_name(case.story))
    close(gradient(*values.values()), exact_softmax_gradient(values))


@pytest.mark.parametrize("name", ["logistic_signs", "logistic_named"])
def test_logistic_at_scores_of_ten_thousand(name: str) -> None:
    case = BY_NAME[name]
    t = np.array([1.0, -1.0, 1.0, -1.0, 1.0]) if name == "logistic_signs" else np.array([1.0, 0.0, 0.0, 1.0, 1.0])
    X, w = np.array([[1e4], [1e4], [-1e4], [-3.0], [2.0]]), np.array([1.0])
    with mpmath.workdps(60):
        if name == "logistic_signs":
            parts = [-mpmath.mpf(s) * x / (1 + mpmath.exp(mpmath.mpf(s) * x)) / 5 for s, x in zip(t, X[:, 0])]
        else:
            parts = [(1 / (1 + mpmath.exp(-mpmath.mpf(x))) - s) * x for s, x in zip(t, X[:, 0])]
        want = np.array([float(mpmath.fsum(parts))])
    close(emit.compile_source(emit.numpy(case.story), "grad_w")(w, X, t), want)
