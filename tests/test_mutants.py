"""A fixed sample of mutants and rewrites of handwritten gradients: no wrong one passes, no right one is accused, and few are left undecided.

The full run is `benchmarks/mutation.py`.  The truth comes from the reference in 40 digits; it is tested here as well.
"""

from __future__ import annotations

import numpy as np
import pytest
from mutants.code import compiled, original
from mutants.mutate import Mutant, all_mutants, sample
from mutants.number import Number, backward
from mutants.outcome import outcomes
from mutants.truth import DIFFERENT, SAME, judged
from variants import VARIANTS, Variant

EACH, REWRITES = 8, 2
# Bases whose check is quick, over all kinds of code.
BASES = [v for v in VARIANTS if v.right and v.name in {
    "softmax_loss_naive", "softmax_naive_lambda", "softmax_loss_vectorized", "softmax_cs231n_notes", "softmax_one_liner", "softmax_choose",
    "softmax_mask_broadcast", "softmax_full_convention", "softmax_transposed_layout", "softmax_bias_dict", "softmax_sum_only", "softmax_loss_layer",
    "softmax_through_the_jacobian", "softmax_one_hot_targets", "svm_loss_naive", "svm_loss_vectorized", "svm_mask_float", "svm_half_vectorized",
    "svm_squared_hinge", "svm_layer", "svm_binary_pegasos", "logistic_loop", "logistic_vectorised", "logistic_sign_labels", "linear_regression",
    "ridge_residual", "huber_where", "poisson_regression", "label_smoothing", "kl_to_softmax", "cosine_similarity", "gaussian_nll",
    "affine_backward", "relu_backward", "gelu_backward", "softmax_backward", "rmsnorm_backward", "unit_backward"}]


def chosen(variant: Variant) -> list[Mutant]:
    return sample(all_mutants(variant), EACH, 1) + sample(all_mutants(variant, True), REWRITES, 1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("variant", BASES, ids=lambda v: v.name)
def test_no_wrong_one_passes_and_no_right_one_is_accused(variant: Variant) -> None:
    found = outcomes(chosen(variant))
    assert not [(o.alarm, o.label, o.verdict) for o in found if o.alarm]
    undecided = [(o.label, o.verdict, o.words) for o in found if not o.decided]
    assert len(undecided) <= 1, undecided


def test_the_sample_is_large() -> None:
    assert len(BASES) * EACH >= 300 and len(BASES) * REWRITES >= 60


# ------------------------------------------------------------------------------------------- the truth itself


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_forty_digits_agree_with_the_table(variant: Variant) -> None:
    """Two ways to differentiate that share nothing: a tape of 40-digit numbers, and the people who wrote the gradients (who agree with jax.grad)."""
    assert (judged(compiled(variant, original(variant), variant.name), variant).kind == "same") == variant.right


def test_a_tape_knows_the_rules() -> None:
    x, y = Number(0.3), Number(1.7)
    slope = backward((x * y).exp() / (x + y.log()) - (x**3).tanh() * y.sqrt())
    h, f = 1e-6, lambda a, b: np.exp(a * b) / (a + np.log(b)) - np.tanh(a**3) * np.sqrt(b)
    assert abs(float(slope[id(x)]) - (f(0.3 + h, 1.7) - f(0.3 - h, 1.7)) / (2 * h)) < 1e-8
    assert abs(float(slope[id(y)]) - (f(0.3, 1.7 + h) - f(0.3, 1.7 - h)) / (2 * h)) < 1e-8


@pytest.mark.parametrize(("name", "old", "new", "kind"), [
    ("softmax_loss_vectorized", "num_train = X.shape[0]", "num_train = X.shape[0]", "same"),
    ("softmax_loss_vectorized", "dW += reg * W", "dW += 1.0001 * reg * W", "different"),
    ("softmax_loss_vectorized", "num_train = X.shape[0]", "num_train = X.shape[1]", "crashes somewhere"),
    ("softmax_loss_vectorized", "f -= np.max(f, axis=1, keepdims=True)", "pass", "same"),
    ("svm_loss_vectorized", "scores = X.dot(W)", "scores = 1.00005 * X.dot(W)", "different"),
    ("svm_one_liner", "s = X @ W", "s = 1.0001 * (X @ W)", "different"),
    ("svm_mask_float", "(M > 0).astype", "(M >= 0).astype", "same"),
    ("batchnorm_backward_compact", "1e-05", "1.0001e-05", "different"),
    ("relu_backward", "return dx", "return dxx", "crashes")])
def test_the_truth_tells_small_changes(name: str, old: str, new: str, kind: str) -> None:
    variant = next(v for v in VARIANTS if v.name == name)
    text = original(variant)
    assert old in text
    found = judged(compiled(variant, text.replace(old, new), "changed"), variant)
    assert found.kind == kind and (kind != "different" or max(found.gap, found.value_gap) > DIFFERENT > SAME)
