import re

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
])
def test_signatures_in_common_use(name, parameters, shapes):
    found = guessed_shapes(made(name, parameters), {})
    assert found.shapes == dict((part.split("=")) for part in shapes.split("; ")) and found.guessed == found.shapes
    assert all(re.search(rf"\b{part} is ", found.note) for part in found.shapes)


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
