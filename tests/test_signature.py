import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from derive import signatures
from derive.app.signature import parse_fixed, words_of
from derive.errors import BadInput
from derive.signatures import GUESSES, guessed_shapes
from derive.trace.shapes import argument_shapes


def made(name, parameters):
    scope = {}
    exec(f"def {name}({parameters}): ...", scope)
    return scope[name]


@pytest.mark.parametrize("row", GUESSES, ids=lambda row: " ".join(sorted(row.needed)))
def test_every_row_can_be_read_and_taken(row):
    """A row is of use only if no row before it takes everything that fits it, and its sizes can be read."""
    function = made(row.called[0] if row.called else "f", ", ".join(sorted(row.needed)))
    arguments = argument_shapes(function, guessed_shapes(function, {}).shapes)
    assert {a.name for a in arguments} == row.needed <= row.shapes.keys()
    assert next(r for r in GUESSES if r.fits(function.__name__, dict.fromkeys(row.needed))) is row


@pytest.mark.parametrize("name, parameters, shapes", [
    ("affine_forward", "x, w, b", "x=n d; w=d m; b=m"),
    ("conv_forward_naive", "x, w, b", "x=n c p q; w=f c r s; b=f"),
    ("batchnorm_forward", "x, gamma, beta, eps", "x=n d; gamma=d; beta=d; eps="),
    ("lstm_step_forward", "x, prev_h, prev_c, Wx, Wh, b", "x=n d; prev_h=n h; prev_c=n h; Wx=d 4*h; Wh=h 4*h; b=4*h"),
    ("rnn_step_forward", "x, prev_h, Wx, Wh, b", "x=n d; prev_h=n h; Wx=d h; Wh=h h; b=h"),
    ("attention", "Q, K, V", "Q=n d; K=m d; V=m e"),
    ("word_embedding_forward", "x, W", "x=int n t; W=v d"),
    ("svm_loss", "x, y", "x=n c; y=int n"),
    ("softmax_loss_vectorized", "W, X, y, reg", "W=d k; X=m d; y=int m; reg="),
    ("loss", "W1, b1, W2, b2, X, y", "W1=d h; b1=h; W2=h k; b2=k; X=m d; y=int m"),
    ("logistic", "theta, X, y", "theta=d; X=m d; y=m"),
    ("mse", "y_pred, y_true", "y_pred=n; y_true=n"),
    ("softmax_loss", "W, X, Y, reg", "W=d k; X=m d; Y=m k; reg="),
    ("logistic", "w, b, X, y", "w=d; b=; X=m d; y=m"),
    ("logistic", "theta, x, y", "theta=d; x=m d; y=m"),
    ("batchnorm_test", "x, gamma, beta, running_mean, running_var", "x=n d; gamma=d; beta=d; running_mean=d; running_var=d"),
    ("kl", "mu, logvar", "mu=n; logvar=n"),
    ("factors", "V, W, H", "V=m n; W=m r; H=r n"),
    ("ce", "probs, labels", "probs=n c; labels=int n"),
])
def test_signatures_in_common_use(name, parameters, shapes):
    found = guessed_shapes(made(name, parameters), {})
    assert found.shapes == dict((part.split("=")) for part in shapes.split("; ")) and found.guessed == found.shapes
    assert all(re.search(rf"\b{part} is ", found.note) for part in found.shapes)


def picked(W, X, Y):
    return -np.mean((X @ W)[np.arange(len(X)), Y])


def weighted(W, X, Y):
    return -np.mean((X @ W) * Y)


def columns(W, X, Y):
    return np.mean((W @ X - Y) ** 2)


def weighted_in_jax(W, X, y):
    print("not seen")
    return -jnp.mean(jax.nn.log_softmax(X @ W) * y)


def on_one_feature(w, b, x, y):
    return jnp.mean((w * x + b - y) ** 2)


def of_columns(theta, X, y):
    return np.mean((X @ theta - y) ** 2) + theta[0, 0]


@pytest.mark.parametrize("function, shapes", [
    (picked, "W=d k; X=m d; Y=int m"), (weighted, "W=d k; X=m d; Y=m k"), (columns, "W=k d; X=d m; Y=k m"),
    (weighted_in_jax, "W=d k; X=m d; y=m k"), (on_one_feature, "w=; b=; x=m; y=m"), (of_columns, "theta=d 1; X=m d; y=m 1"),
])
def test_of_several_shapes_in_use_the_one_that_runs_is_taken(function, shapes, capsys):
    assert guessed_shapes(function, {}).shapes == dict((part.split("=")) for part in shapes.split("; "))
    assert capsys.readouterr().out == ""


def test_what_is_given_or_annotated_or_fixed_is_not_guessed():
    def conv(x, w, b, conv_param): ...
    def affine(x: float, w, b): ...
    assert "conv_param" not in guessed_shapes(conv, {}, frozenset({"conv_param"})).shapes
    with pytest.raises(BadInput, match="'conv_param'"):
        guessed_shapes(conv, {})
    found = guessed_shapes(affine, {"b": "k"})
    assert found.guessed == {"w": "d m"} and found.shapes["x"] == "float"
    assert signatures.Signature({}, {}).note == ""


def test_a_default_is_kept():
    assert guessed_shapes(made("f", "W, X, y, reg=0.1, eps=1e-5"), {}).shapes.keys() == {"W", "X", "y"}


def test_fixed_values_are_literals():
    assert parse_fixed(['conv_param={"stride": 1, "pad": (1, 2)}', "n = 3"]) == {"conv_param": {"stride": 1, "pad": (1, 2)}, "n": 3}
    for text in ("n", "n=open('x')", "=3", "2n=3"):
        with pytest.raises(BadInput, match="--fixed"):
            parse_fixed([text])
    assert words_of(["W, b", "X"]) == ["W", "b", "X"] and words_of(None) == []
