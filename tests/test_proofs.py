"""The three legs of a claim: each finds what it is there for, and none of them blames the leg that is right."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from derive.errors import BadInput
from derive.index import Expr, Mul, Partial, Pow, add, div, mul, power
from derive.rules.theorems import THEOREMS
from derive.theories import ClaimFailed, load
from derive.theories.claims import Cases, Derivative, Equality

pytest_plugins = ["pytester"]

PROOFS = Path(__file__).parent.parent / "proofs"
FILES = sorted(path for path in PROOFS.glob("*.py") if path.name != "conftest.py")
THREE = {"symbolic-analytic", "analytic-autodiff", "symbolic-autodiff"}
EXPECTED = {
    "cross_entropy", "hinge", "linear_regression", "logistic_regression", "matrix_factorisation", "poisson_regression", "quadratic_form",
    "shift_invariance", "slips", "softmax_classifier", "softmax_jacobian", "softmax_sums", "softmax_two_cases", "two_layer_network",
}


def failures(claim: Any) -> dict[str, str]:
    """The legs that fail, with their diagnosis."""
    found = {}
    for name, leg in claim.legs().items():
        try:
            leg()
        except ClaimFailed as error:
            found[name] = str(error)
    return found


def claim_of(file: str, name: str) -> Any:
    return load(PROOFS / f"{file}.py").claims[name]


def with_a_wrong_sign(claim: Derivative) -> Derivative:
    """The handwritten gradient, with the other sign; written as a function of its own for each signature that is needed."""
    by_hand = claim.handwritten

    def wrong_classifier(W, X, y, lam):
        return by_hand(W, X, y, lam) - 2 * lam * W

    def wrong_vjp(z, dout):
        return -by_hand(z, dout)

    def wrong_jacobian(z):
        return -by_hand(z)
    wrong: dict[str, Callable[..., Any]] = {"gradient": wrong_classifier, "vjp": wrong_vjp, "jacobian": wrong_jacobian}
    return dataclasses.replace(claim, handwritten=wrong[claim.kind], textbook="")


def quotient_with_plus(u: Expr, z: Any) -> Expr | None:
    """The quotient rule with the sign that a reader of the tutorial gave it."""
    below = [factor for factor in u.args[0] if isinstance(factor, Pow) and factor.args[1] == -1] if isinstance(u, Mul) else []
    if len(below) != 1 or len(u.args[0]) < 2:
        return None
    top, bottom = mul(*(factor for factor in u.args[0] if factor is not below[0])), below[0].args[0]
    return div(add(mul(Partial(top, z), bottom), mul(top, Partial(bottom, z))), power(bottom, 2))


ONE_OF_EACH_KIND = [("softmax_classifier", "dW-shifted"), ("softmax_jacobian", "dp_dz"), ("softmax_jacobian", "dz")]
KINDS = pytest.mark.parametrize(("file", "name"), ONE_OF_EACH_KIND)


@KINDS
def test_a_wrong_sign_by_hand_fails_the_two_legs_that_look_at_it(file: str, name: str) -> None:
    found = failures(with_a_wrong_sign(claim_of(file, name)))
    assert set(found) == {"symbolic-analytic", "analytic-autodiff"}
    assert "handwritten − derived" in found["symbolic-analytic"] and "differ" in found["analytic-autodiff"]


@KINDS
def test_a_wrong_theorem_fails_the_two_legs_that_look_at_the_derivation(file: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = dataclasses.replace(THEOREMS["quotient rule"], apply=quotient_with_plus)
    monkeypatch.setitem(THEOREMS, "quotient rule", wrong)
    claim = dataclasses.replace(claim_of(file, name), textbook="")
    assert set(failures(claim)) == {"symbolic-analytic", "symbolic-autodiff"}


@KINDS
def test_another_loss_for_autodiff_fails_the_two_legs_that_run_it(file: str, name: str) -> None:
    claim = claim_of(file, name)

    def hotter(W, X, y, lam):
        return claim.source(W / 2, X, y, lam)

    def warmer(z):
        return claim.source(z / 2)
    other = dataclasses.replace(claim, autodiff=hotter if claim.kind == "gradient" else warmer, textbook="")
    assert set(failures(other)) == {"analytic-autodiff", "symbolic-autodiff"}


@KINDS
def test_unsabotaged_all_three_pass(file: str, name: str) -> None:
    claim = claim_of(file, name)
    assert set(claim.legs()) >= THREE and not failures(claim)


def test_the_two_cases_are_told_apart() -> None:
    claim = claim_of("softmax_two_cases", "dp_dz")

    def plus(z):
        p = np.exp(z) / np.sum(np.exp(z))
        return np.outer(p, p)
    assert not failures(claim)
    assert set(failures(dataclasses.replace(claim, apart=plus))) == {"symbolic-analytic", "analytic-autodiff"}
    assert set(failures(dataclasses.replace(claim, equal=lambda z: 2 * claim.equal(z)))) >= {"analytic-autodiff"}


def test_a_source_without_two_cases_says_so() -> None:
    of_rows = claim_of("softmax_jacobian", "dz_of_rows").source
    claim = Cases(of_rows, "z", {"z": "m k"}, equal=lambda z: z, apart=lambda z: z)
    with pytest.raises(ClaimFailed, match="tells no two cases"):
        claim.symbolic_analytic()


def test_a_false_equality_fails_both_legs() -> None:
    claim = Equality(lambda z: jnp.sum(z), lambda z: jnp.mean(z), {"z": "k"})
    assert set(failures(claim)) == {"proved", "numbers"}


def test_a_wrong_textbook_form_is_shown_beside_the_right_one() -> None:
    claim = dataclasses.replace(claim_of("poisson_regression", "dw"), textbook="Xᵀ(t − exp(s))/m")
    found = failures(claim)
    assert set(found) == {"textbook"} and "Xᵀ(exp(s) − t)/m" in found["textbook"]


def test_a_gradient_of_another_shape_fails_with_both_shapes() -> None:
    claim = claim_of("matrix_factorisation", "dU")
    wrong = dataclasses.replace(claim, handwritten=lambda U, V, R: (-2 * (R - U @ V.T) @ V).T, textbook="")
    assert "(r, m); the derivative has (m, r)" in failures(wrong)["symbolic-analytic"]


def test_every_theorem_has_a_file_with_prose_and_three_legs_for_each_derivative() -> None:
    theories = {path.stem: load(path) for path in FILES}
    assert set(theories) >= EXPECTED
    for name, theory in theories.items():
        assert theory.title and len(theory.prose.split()) > 20, name
        for claim in theory.claims.values():
            assert set(claim.legs()) >= THREE or not isinstance(claim, (Derivative, Cases))


def test_a_file_without_claims_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text('"""Nothing."""\n')
    with pytest.raises(BadInput, match="no claim"):
        load(tmp_path / "empty.py")


# ------------------------------------------------------------------------------------------- as pytest collects them


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """A folder of claims with one file, collected as `proofs/` is."""
    folder = pytester.mkdir("theorems")
    for name in ("conftest.py", "poisson_regression.py"):
        shutil.copy(PROOFS / name, folder / name)
    return folder


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "--import-mode=importlib", "-v", *arguments)


def test_items_are_named_after_file_claim_and_leg(pytester: pytest.Pytester, folder: Path) -> None:
    result = run(pytester, "theorems")
    result.assert_outcomes(passed=4)
    legs = ("symbolic-analytic", "analytic-autodiff", "symbolic-autodiff")
    result.stdout.fnmatch_lines([f"theorems/poisson_regression.py::dw::{leg} PASSED*" for leg in legs])


def test_one_item_can_be_asked_for(pytester: pytest.Pytester, folder: Path) -> None:
    run(pytester, "theorems/poisson_regression.py::dw::analytic-autodiff").assert_outcomes(passed=1)


def test_a_failing_item_prints_its_diagnosis_and_no_traceback(pytester: pytest.Pytester, folder: Path) -> None:
    path = folder / "poisson_regression.py"
    path.write_text(path.read_text().replace("X.T @ (rate - t)", "X.T @ (rate + t)"))
    result = run(pytester, "theorems")
    result.assert_outcomes(passed=2, failed=2)
    text = result.stdout.str()
    assert "handwritten − derived" in text and "at d = " in text and "Traceback" not in text and "repr_failure" not in text


def test_a_crash_in_a_file_is_told_by_its_line(pytester: pytest.Pytester, folder: Path) -> None:
    path = folder / "poisson_regression.py"
    path.write_text(path.read_text().replace("rate = np.exp(X @ w)", 'rate = np.exp(X @ w) + int("many")'))
    result = run(pytester, "theorems/poisson_regression.py::dw::analytic-autodiff")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["ValueError: invalid literal*", "*poisson_regression.py, line *"])


# ------------------------------------------------------------------------------------------- the slips


def test_the_slips_are_shown_side_by_side() -> None:
    assert set(load(PROOFS / "slips.py").claims) == {"regulariser", "quotient_rule", "snippet_without_mean", "sides", "normalising"}


def test_a_slip_that_is_none_is_not_called_one() -> None:
    slip = claim_of("slips", "snippet_without_mean")
    assert set(failures(dataclasses.replace(slip, found=slip.corrected))) == {"found"}
    assert set(failures(dataclasses.replace(slip, corrected=slip.found))) == {"corrected"}
