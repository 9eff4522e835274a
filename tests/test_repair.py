"""People's mistakes and their repairs: the fix is right where nobody looked, the line is the one at fault, the rest of the text stays."""

from __future__ import annotations

import ast
import re
import types
from pathlib import Path

import numpy as np
import pytest
from mistakes import AFFINE, CLASSES, MISTAKES, VECTOR, Mistake, affine, affine_forward, logistic, no_mean, softmax
from variants import VARIANTS

import derive
from derive.checking.repair import repair
from derive.checking.repair.edits import edits_of
from derive.checking.repair.scene import Scene
from derive.checking.repair.source import Unit, units_of
from derive.checking.subject import subject_of
from derive.checking.truth import reference_of

LINES = Path(__file__).with_name("mistakes.py").read_text("utf-8").splitlines()


def pair_of(row: Mistake):
    truth = reference_of(row.reference, row.shapes, ())
    return subject_of(row.code, truth.arguments, row.wrt), truth


def changed_lines(diff):
    """(line number, text) of every line that the diff takes away."""
    out, at = [], 0
    for line in diff.splitlines():
        if found := re.match(r"@@ -(\d+)", line):
            at = int(found[1])
        elif line.startswith("-") and not line.startswith("---"):
            out.append((at, line[1:]))
            at += 1
    return out


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_repaired(name):
    row = MISTAKES[name]
    subject, truth = pair_of(row)
    found = repair(subject, truth, row.wrt, seconds=2.0)
    assert found is not None and found.words
    mended = subject.replaced(*found.functions)
    rng = np.random.default_rng(5)
    for point in [p for p in truth.points(12) if p.style in ("normal", "positive", "unit")]:
        moved = {n: v + 0.01 * rng.normal(size=np.shape(v)) if np.asarray(v).dtype.kind == "f" else v for n, v in point.arrays.items()}
        _, gradients = mended.run({n: np.array(v) for n, v in moved.items()})
        for wrt in row.wrt:
            assert np.allclose(gradients[wrt], truth.gradient(moved, wrt), rtol=1e-7, atol=1e-9)
    assert (found.line is not None) == row.line
    if row.line:
        assert found.line.text.endswith("# here") and LINES[found.line.line - 1] == found.line.text


@pytest.mark.parametrize("name", ["no_mean", "regulariser_over_m", "axis_of_examples", "nothing_subtracted", "affine_doubled"])
def test_a_diff_has_the_lines_of_the_file(name):
    found = repair(*pair_of(MISTAKES[name]), MISTAKES[name].wrt, seconds=2.0)
    assert found.diff.startswith("--- ") and "mistakes.py" in found.diff
    assert all(LINES[number - 1] == text for number, text in changed_lines(found.diff))


def test_a_comment_stays_and_one_line_changes():
    found = repair(*pair_of(MISTAKES["no_mean"]), ("W",))
    assert found.diff.splitlines()[3:] == ["-    dW = X.T.dot(p)  # here", "+    dW = X.T.dot(p) / m  # here"]
    assert found.words == "divide by m"


NEW = {
    "attention_backward_no_scale": "multiply by scale", "softmax_backward_diagonal_only": "the whole Jacobian of the softmax, not its diagonal alone",
    "rnn_backward_stale": "add dprev", "gru_step_backward_lost_path": "times r", "two_layer_no_relu_mask": "times the derivative of the activation",
    "conv_line_backward_flipped": "w[2] * dout and w[0] * dout change places", "average_pool_backward_undivided": "divide by 4"}


@pytest.mark.parametrize("name", NEW)
@pytest.mark.filterwarnings("ignore")
def test_larger_layers_are_repaired(name):
    row = next(v for v in VARIANTS if v.name == name)
    family, code = row.family, row.functions if len(row.functions) == 2 else row.functions[0]
    report = derive.check(code, family.reference, list(family.wrt), dict(family.shapes))
    (wrong, *_) = [part for part in report.parts.values() if part.verdict == "wrong"] or [report]
    assert f"it is right after this: {NEW[name]}" in wrong.diagnosis and wrong.fixed.startswith(("proved", "exact")), wrong.diagnosis


def test_what_is_no_plain_arithmetic_is_not_evaluated():
    def noisy(w, X, t):
        seen.append(1)
        return X.T @ (1 / (1 + np.exp(-X @ w)) - t) * count(w)

    seen, calls = [], []

    def count(w):
        calls.append(1)
        return 1.0
    unit = Unit(noisy, 0)
    scene = Scene(unit, {"w": np.ones(2), "X": np.ones((3, 2)), "t": np.ones(3)}, {"d": 2, "m": 3})
    inner = next(n for n in scene.nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "count")
    product = next(n for n in scene.nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult) and ast.unparse(n) == "-X @ w")
    assert scene.kind_of(inner) is None and not calls and not seen
    assert scene.kind_of(product) == (1, "f", (3,))


def test_a_right_gradient_is_left_alone():
    def by_hand(w, X, t):
        return X.T @ (1 / (1 + np.exp(-X @ w)) - t) / len(X)
    assert repair(*pair_of(Mistake(by_hand, logistic, VECTOR, ("w",), "")), ("w",)) is None


def test_a_function_of_the_same_file_that_is_called_is_repaired():
    def errors(w, X, t):
        return 1 / (1 + np.exp(-X @ w)) + t

    def by_hand(w, X, t):
        return X.T @ errors(w, X, t) / len(X)
    found = repair(*pair_of(Mistake(by_hand, logistic, VECTOR, ("w",), "")), ("w",))
    assert found.diff.endswith("+        return 1 / (1 + np.exp(-X @ w)) - t") and found.line.text.endswith("+ t")


def test_without_a_source_there_is_no_repair():
    space = {"np": np}
    exec("def by_hand(w, X, t):\n    return X.T @ (1 / (1 + np.exp(-X @ w)) + t) / len(X)", space)
    assert repair(*pair_of(Mistake(space["by_hand"], logistic, VECTOR, ("w",), "")), ("w",)) is None


def test_what_is_far_from_right_is_given_up():
    def by_hand(w, X, t):
        return np.cos(w) * 3
    assert repair(*pair_of(Mistake(by_hand, logistic, VECTOR, ("w",), "")), ("w",), seconds=0.2) is None


def test_a_while_loop_is_not_edited():
    def by_hand(w, X, t):
        i, total = 0, np.zeros(w.shape)
        while i < len(X):
            total += X[i] * (1 / (1 + np.exp(-X[i] @ w)) - t[i])
            i += 1
        return total
    unit = Unit(by_hand, 0)
    start, end = (unit.text.index(word) for word in ("while", "return"))
    assert not [e for e in edits_of(Scene(unit, {"w": np.ones(2), "X": np.ones((3, 2)), "t": np.ones(3)}, {"m": 3, "d": 2}))
                if start < e.start < end and e.end <= end and e.start != e.end and "leave out" not in e.words]
    found = repair(*pair_of(Mistake(by_hand, logistic, VECTOR, ("w",), "")), ("w",))
    assert "return total /" in found.diff


def test_the_user_s_own_functions_are_not_touched():
    before = no_mean.__code__, dict(no_mean.__globals__)
    repair(*pair_of(MISTAKES["no_mean"]), ("W",))
    assert no_mean.__code__ is before[0] and no_mean.__globals__ == before[1]


def test_two_mistakes_need_two_edits():
    found = repair(*pair_of(MISTAKES["no_mean_and_a_sign"]), ("W",), seconds=2.0)
    assert "; " in found.words and "divide by" in found.words


def test_equal_labels_in_a_buffered_update():
    def by_hand(W, X, y, reg):
        p = np.exp(X @ W)
        p /= p.sum(axis=1, keepdims=True)
        dW = X.T @ p
        dW[:, y] -= X.T
        return dW / len(X) + reg * W
    found = repair(*pair_of(Mistake(by_hand, softmax, CLASSES, ("W",), "")), ("W",), seconds=2.0)
    assert found is not None and "dW[:, y] -= X.T" in found.diff


def test_caches_in_the_wrong_order():
    def backward(dout, cache):
        w, x, _ = cache
        return dout.dot(w.T), x.T.dot(dout), dout.sum(axis=0)
    row = Mistake((affine_forward, backward), affine, AFFINE, ("x", "w", "b"), "")
    found = repair(*pair_of(row), row.wrt)
    assert "x, w, _ = cache" in found.diff


def test_units_are_the_functions_and_their_helpers():
    units = units_of((MISTAKES["svm_count_forgotten"].code,))
    assert [unit.function.__name__ for unit in units] == ["svm_count_forgotten", "_margins"]
    assert units_of((types.SimpleNamespace(),)) is None
