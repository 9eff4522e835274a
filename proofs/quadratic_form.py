"""The quadratic form q = xᵀAx has the gradient (A + Aᵀ)x in x and xxᵀ in A; its squared loss multiplies both by 2(q − t).

x occurs twice, so the product rule gives two terms: one where x is the row and one where it is the column. For a symmetric A they are
the same, and the familiar 2Ax appears; in general they are not.
"""

import numpy as np

from derive.theories import Derivative

SHAPES = {"x": "n", "A": "n n"}


def quadratic_form(x, A):
    return x @ A @ x


def squared_loss(x, A, t):
    q = x @ A @ x
    return (q - t) ** 2


def by_hand(x, A):
    return {"x": (A + A.T) @ x, "A": np.outer(x, x)}


def squared_loss_by_hand(x, A, t):
    r = x @ A @ x - t
    return {"x": 2 * r * (A @ x + A.T @ x), "A": 2 * r * np.outer(x, x)}


dx = Derivative(quadratic_form, "x", SHAPES, by_hand)
dA = Derivative(quadratic_form, "A", SHAPES, by_hand, textbook="xxᵀ")
dx_squared_loss = Derivative(squared_loss, "x", {**SHAPES, "t": ""}, squared_loss_by_hand)
dA_squared_loss = Derivative(squared_loss, "A", {**SHAPES, "t": ""}, squared_loss_by_hand)
