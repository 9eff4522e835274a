"""The acceptance cases: each is derived, and its result and its NumPy code agree with `jax.grad` at asymmetric sizes and at all ones."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path
from typing import Any

import acceptance
import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
import sympy
from acceptance import BY_NAME, CASES, Case

import derive
from derive.points import concrete

EACH = [pytest.param(case, wrt, id=f"{case.name}-{wrt}") for case in CASES for wrt in case.wrt]


@functools.cache
def derived(case_name: str, wrt: str) -> derive.Derivation:
    case = BY_NAME[case_name]
    return (derive.vjp if case.vjp else derive.gradient)(case.function, wrt, case.shapes)


@functools.cache
def points(case_name: str) -> list[tuple[dict[str, int], dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """(sizes, arguments, `dout` where it is a vjp, JAX's derivatives by name) at three asymmetric settings and at all ones."""
    case, d = BY_NAME[case_name], derived(case_name, BY_NAME[case_name].wrt[0])
    out = []
    for sizes in oracle.settings(d.program, 3):
        arrays = oracle.draw(d.program, sizes, d.story.assumptions)
        if case.vjp:
            shape = tuple(concrete(part, sizes) for part in d.program.shape)
            dout = np.random.default_rng(5).normal(size=shape)
            out.append((sizes, arrays, {"dout": dout}, oracle.pulled_back(case.function, case.wrt, arrays, dout)))
        else:
            out.append((sizes, arrays, {}, oracle.gradient(case.function, case.wrt, arrays)))
    return out


def close(found: object, wanted: np.ndarray) -> None:
    scale = max(1.0, float(np.max(np.abs(wanted), initial=0.0)))
    assert np.shape(found) == wanted.shape
    np.testing.assert_allclose(np.asarray(found, float), wanted, rtol=1e-10, atol=1e-10 * scale)


@pytest.mark.parametrize(("case", "wrt"), EACH)
def test_the_result_is_the_gradient(case: Case, wrt: str) -> None:
    d = derived(case.name, wrt)
    for sizes, arrays, extra, wanted in points(case.name):
        close(oracle.backward(d.story, sizes, {**arrays, **extra}), wanted[wrt])


@pytest.mark.parametrize(("case", "wrt"), EACH)
def test_the_numpy_code_is_the_gradient(case: Case, wrt: str) -> None:
    function = derived(case.name, wrt).function()
    for _, arrays, extra, wanted in points(case.name):
        before = {name: value.copy() for name, value in arrays.items()}
        close(function(**arrays, **extra), wanted[wrt])
        assert all(np.array_equal(before[name], arrays[name]) for name in arrays), "the code changes its arguments"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_steps_form_chains_and_name_rules(case: Case) -> None:
    d = derived(case.name, case.wrt[0])
    for section in d.story.sections:
        at = section.start
        for step in section.steps:
            assert step.before is at and step.after is not at, f"{section.title}: {step.rule}"
            assert step.rule in derive.face.STATEMENTS
            at = step.after
    assert d.story.sections and str(d) and d.latex() and d.html() and d.markdown()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_step_keeps_the_value(case: Case) -> None:
    """Between steps that have no derivative left to work out, the value does not change."""
    d = derived(case.name, case.wrt[0])
    sizes, arrays, extra, _ = points(case.name)[0]
    evaluator = derive.evaluate.Evaluator(sizes, {**arrays, **extra}, (*d.story.definitions, *d.story.cotangents))
    for section in d.story.sections:
        for step in section.steps:
            if any(isinstance(part, derive.index.Partial) for node in (step.before, step.after) for part in derive.index.walk(node)):
                continue
            free = sorted(step.before.free | step.after.free, key=lambda i: i.key)
            for place in (dict.fromkeys(free, 0), {i: evaluator.size(i.size) - 1 for i in free}):
                left, right = (float(evaluator.value(node, place)) for node in (step.before, step.after))
                assert left == pytest.approx(right, rel=1e-12, abs=1e-12), f"{section.title}: {step.rule}"


def test_five_spellings_have_one_gradient() -> None:
    for name in ("hand_shift", "hand_shift_with_bias"):
        spellings = [case for case in acceptance.SOFTMAX if case.shapes == BY_NAME[name].shapes]
        assert len(spellings) == 5
        for sizes, arrays, _, wanted in points(name):
            for case in spellings:
                close(oracle.backward(derived(case.name, "W").story, sizes, arrays), wanted["W"])


# ------------------------------------------------------------------------------------------- the softmax classifier as a story


def test_the_sections_of_the_classifier_come_in_order() -> None:
    sections = derived("hand_shift", "W").story.sections
    told = [section.title for section in sections]
    kinds = ["shift by the maximum", "How p depends on z", "one example", "to z", "to W", "over the examples", "regulariser", "result"]
    at = -1
    for kind in kinds:
        at = next((k for k, title in enumerate(told) if k > at and kind.lower() in title.lower()), None)
        assert at is not None, f"no section on {kind!r} in its place: {told}"
    jacobian = next(section for section in sections if "How p depends on" in section.title)
    assert "quotient rule" in [step.rule for step in jacobian.steps] and len(jacobian.cases) == 2
    assert "shift" in [step.rule for step in sections[0].steps]


def test_the_cases_of_the_jacobian_are_the_textbooks() -> None:
    text = str(derived("hand_shift", "W"))
    assert re.search(r"p_ib \(1 − p_i[bc]\)|p_i[bc] \(1 − p_i[bc]\)", text) and re.search(r"−p_i\w p_i\w", text)


def test_the_matrix_form_of_the_classifier() -> None:
    form = derived("hand_shift", "W").matrix()
    assert form is not None and form.text.replace(" ", "") in ("Xᵀ(P−Y)/m+lamW", "Xᵀ(P−Y)/m+λW", "1/mXᵀ(P−Y)+lamW")


def test_no_loss_is_named_in_the_engine() -> None:
    """No code knows a loss; the word may stand in a row of the table, as its sample, in a signature in common use, and in the main job."""
    folder = Path(derive.__file__).parent
    engine = [*folder.glob("*.py"), *(folder / "normal").glob("*.py"), *(folder / "trace").glob("*.py"), folder / "rules" / "theorems.py"]
    engine = [file for file in engine if file.stem not in ("cli", "__main__", "losses", "train", "pictures", "signatures")]
    found = [f"{file.name}: {line.strip()}" for file in engine for line in file.read_text("utf-8").splitlines()
             if re.search(r"softmax|hinge|cross.?entropy|attention|layer.?norm", line, re.IGNORECASE)]
    assert not found


# ------------------------------------------------------------------------------------------- names and arguments


def test_names_are_the_users() -> None:
    d = derived("hand_shift", "W")
    assert [definition.name for definition in d.story.definitions] == ["z", "z′", "p", "loss"]
    d = derived("awkward_names", "E")
    names = [definition.name for definition in d.story.definitions]
    assert names[:4] == ["i", "k", "lam", "beta"]
    arguments = {"I", "E", "S", "N", "Q", "lambda_", "gamma"}
    letters = [str(symbol) for symbol in d.indices]
    assert len(set(letters)) == 2 and not set(letters) & (arguments | set(names))
    bound = {str(symbol) for body in d.definitions.values() for total in body.atoms(sympy.Sum) for symbol in total.variables}
    assert bound and not bound & (arguments | set(names))


def test_names_of_helpers_are_kept() -> None:
    d = derived("with_helpers", "W")
    assert {"shifted", "weights", "p"} <= {definition.name for definition in d.story.definitions}


def test_several_arguments_and_positions() -> None:
    case = BY_NAME["two_layer"]
    several = derive.gradient(case.function, ["b2", "W1"], case.shapes)
    assert list(several) == ["b2", "W1"] and several["W1"].wrt == "W1"
    assert [derive.gradient(case.function, wrt, case.shapes).wrt for wrt in (None, 0, 2, -2, "W2")] == ["W1", "W1", "W2", "X", "W2"]
    assert list(derive.gradient(case.function, (1, "b2"), case.shapes)) == ["b1", "b2"]


@pytest.mark.parametrize(("wrt", "message"), [("V", "'V' is no argument of hand_shift"), (9, "wrt=9 is no position among 4 arguments"),
                                              ("y", "'y' holds integers"), (True, "wrt=True is no position")])
def test_a_wrong_wrt_is_refused(wrt: object, message: str) -> None:
    with pytest.raises(derive.BadInput, match=message):
        derive.gradient(BY_NAME["hand_shift"].function, wrt, BY_NAME["hand_shift"].shapes)


def test_a_gradient_needs_a_scalar() -> None:
    with pytest.raises(derive.BadInput, match=r"rms_norm returns an array, and a gradient needs a scalar"):
        derive.gradient(BY_NAME["rms_norm"].function, "x", BY_NAME["rms_norm"].shapes)


# ------------------------------------------------------------------------------------------- what tracing leaves behind


def test_tracing_leaves_jax_and_python_as_they_were() -> None:
    def tracer(frame: object, event: str, argument: object) -> None:
        return None

    before = sys.gettrace()
    x64 = jax.config.read("jax_enable_x64")
    sys.settrace(tracer)
    try:
        derive.gradient(BY_NAME["ridge"].function, "w", BY_NAME["ridge"].shapes)
        with pytest.raises(derive.DeriveError, match="V"):
            derive.gradient(BY_NAME["ridge"].function, "V", BY_NAME["ridge"].shapes)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)
    assert jax.config.read("jax_enable_x64") == x64 and jnp.ones(()).dtype == (jnp.float64 if x64 else jnp.float32)


def test_a_literal_is_its_shortest_decimal() -> None:
    def tenth(w):
        return 0.1 * jnp.sum(w**2)

    d = derive.gradient(tenth, "w", {"w": "d"})
    assert any("0.1" in text and "1/10" in text for text in d.assumptions)
    assert sympy.Rational(1, 5) in d.expr.atoms(sympy.Number)


def test_one_changed_line_changes_everything() -> None:
    """The temperature of a softmax: derivation, code and the verdict on the code all follow the source."""
    def plain(W, X, y):
        z = X @ W
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(X.shape[0]), y])

    def warm(W, X, y):
        z = X @ W / 4.0
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(X.shape[0]), y])

    shapes = {"W": "d k", "X": "m d", "y": "int m"}
    first, second = (derive.gradient(f, "W", shapes) for f in (plain, warm))
    assert str(first) != str(second) and first.numpy() != second.numpy() and first.expr != second.expr
    sizes = {"d": 3, "k": 4, "m": 5}
    arrays = oracle.draw(first.program, sizes)
    for d, function in ((first, plain), (second, warm)):
        close(d.function()(**arrays), oracle.gradient(function, ["W"], arrays)["W"])
    with pytest.raises(AssertionError, match="Mismatched elements"):
        close(first.function()(**arrays), oracle.gradient(warm, ["W"], arrays)["W"])
