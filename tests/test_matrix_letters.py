"""In matrix notation no two arrays share a letter."""

from __future__ import annotations

import jax
import jax.numpy as jnp

import derive


def test_two_spellings_of_lambda_are_two_letters():
    def loss(lam, lambda_, x):
        return lam * jnp.sum(x**2) + lambda_ * jnp.sum(jnp.abs(x))
    text = derive.gradient(loss, "x", {"lam": "", "lambda_": "", "x": "n"}).matrix().text
    assert "λx" in text and "lambda_" in text


def test_a_subscript_is_no_other_name():
    def loss(W1, W_1, x):
        return jnp.sum((W1 @ x) ** 2) + jnp.sum((W_1 @ x) ** 3)
    text = derive.gradient(loss, "x", {"W1": "m n", "W_1": "m n", "x": "n"}).matrix().text
    assert "W₁" in text and "W_1" in text


def test_the_legend_of_labels_that_are_called_i():
    def loss(W, X, i):
        return -jnp.mean(jax.nn.log_softmax(X @ W)[jnp.arange(X.shape[0]), i])
    legend = derive.gradient(loss, "W", {"W": "d k", "X": "m d", "i": "int m"}).matrix().legend
    assert "i_i" not in legend and legend.count("one-hot") == 1
