"""The emitted code at logits of ±10⁴, where `jax.grad` of −log p_y is NaN: finite, right, and without a warning.

The oracle is a softmax gradient written out in 60 digits; it shares nothing with the package.
"""

from __future__ import annotations

import jax
import mpmath
import numpy as np
import pytest

import derive
from derive import losses

W = np.array([[1.0e4, -1.0e4, 3.0], [2.0, 0.5, -1.0e4]])
X = np.array([[1.0, 0.3], [-1.0, 0.2], [0.5, 1.0], [1.0, -1.0]])
Y = np.array([1, 0, 2, 0])
LAM = 0.25
# Where autodiff of the source itself breaks down at these numbers: p underflows to 0, so 1/p is infinite and 0 · ∞ is NaN.
AUTODIFF_IS_NAN = {"loss": True, "with_one_hot": False, "without_the_shift": True, "with_log_softmax": False, "with_logsumexp": False}


def exact() -> np.ndarray:
    """Xᵀ(P − Y)/m + λW, entry by entry."""
    with mpmath.workdps(60):
        m, k = len(X), W.shape[1]
        z = [[mpmath.fsum(mpmath.mpf(x) * mpmath.mpf(w) for x, w in zip(row, W[:, c])) for c in range(k)] for row in X]
        p = [[mpmath.exp(s) / mpmath.fsum(map(mpmath.exp, row)) for s in row] for row in z]
        out = np.empty(W.shape)
        for a in range(W.shape[0]):
            for c in range(k):
                total = mpmath.fsum(mpmath.mpf(X[i, a]) * (p[i][c] - (Y[i] == c)) for i in range(m))
                out[a, c] = float(total / m + mpmath.mpf(LAM) * mpmath.mpf(W[a, c]))
        return out


@pytest.mark.parametrize("name", AUTODIFF_IS_NAN)
def test_emitted_code_is_finite_and_right(name):
    d = derive.gradient(getattr(losses, name), "W", losses.SHAPES)
    with np.errstate(all="raise", under="ignore"):
        got = d.function()(W, X, Y, LAM)
    np.testing.assert_allclose(got, exact(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "nan"), AUTODIFF_IS_NAN.items())
def test_where_autodiff_is_nan(name, nan):
    with jax.enable_x64(True):
        found = np.asarray(jax.grad(getattr(losses, name))(W, X, Y, LAM))
    assert np.isnan(found).any() == nan


def test_emitting_says_that_it_added_the_shift():
    d = derive.gradient(losses.without_the_shift, "W", losses.SHAPES)
    assert "max(" in d.numpy() and "# added" in d.numpy()
    assert "# added" not in derive.gradient(losses.loss, "W", losses.SHAPES).numpy()
