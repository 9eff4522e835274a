"""Gradients that are right almost everywhere: what is wrong at some sizes or at a tie is found, and what was never met is said."""

import numpy as np
import pytest

import derive
from derive.checking.report import OWN_LOSS, WRONG
from tests.trial import classifiers, regressions


def classifier(function):
    return derive.check(function, reference=classifiers.reference, wrt="W", shapes=classifiers.SHAPES)


def regression(function, reference):
    return derive.check(function, reference=reference, wrt="w", shapes=regressions.SHAPES)


@pytest.mark.parametrize("function", classifiers.RIGHT, ids=lambda f: f.__name__)
def test_a_right_classifier_is_right(function):
    assert classifier(function).ok


@pytest.mark.parametrize("function", classifiers.WRONG, ids=lambda f: f.__name__)
def test_a_classifier_that_is_wrong_somewhere_is_wrong(function):
    report = classifier(function)
    assert report.verdict == WRONG
    assert report.counterexample is not None


@pytest.mark.parametrize("function", classifiers.NOT_SEEN, ids=lambda f: f.__name__)
def test_what_a_classifier_does_at_numbers_that_no_point_has_is_not_covered(function):
    report = classifier(function)
    assert not report.ok
    assert report.verdict == WRONG or any("at every point that was tried" in one for one in report.uncovered)


@pytest.mark.parametrize(("function", "reference"), regressions.RIGHT, ids=lambda f: f.__name__)
def test_a_right_regression_is_right(function, reference):
    assert regression(function, reference).ok


@pytest.mark.parametrize(("function", "reference"), regressions.WRONG, ids=lambda f: f.__name__)
def test_a_regression_that_is_wrong_somewhere_is_wrong(function, reference):
    assert regression(function, reference).verdict == WRONG


@pytest.mark.parametrize(("function", "reference"), regressions.NOT_SEEN, ids=lambda f: f.__name__)
def test_a_case_of_a_regression_that_no_point_met_is_not_covered(function, reference):
    assert not regression(function, reference).ok


def test_the_smallest_large_size_is_named():
    report = classifier(classifiers.more_than_fifty_rows)
    assert report.counterexample.sizes["m"] > 50
    assert "right at small sizes, and wrong at" in report.diagnosis[0]
    assert max(map(len, str(report).splitlines())) < 600  # the numbers of 51 rows are not printed


def test_a_gradient_that_differs_only_at_a_tie_of_a_smooth_loss_is_wrong_at_that_tie():
    report = classifier(classifiers.zero_at_ties)
    W = np.asarray(report.counterexample.arrays["W"])
    X = np.asarray(report.counterexample.arrays["X"])
    z = X @ W
    assert ((z == z.max(axis=1, keepdims=True)).sum(axis=1) > 1).any()


def test_a_gradient_of_the_reference_loss_is_never_right_for_its_own_loss_alone():
    assert classifier(classifiers.clipped).own == WRONG
    assert classifier(classifiers.sum_in_place_of_mean).verdict == OWN_LOSS


def test_what_the_code_prints_is_kept_from_the_terminal(capsys):
    derive.check(regressions.talkative, wrt="w", shapes=regressions.SHAPES)
    assert capsys.readouterr().out == ""
