"""The slips of a public tutorial on the softmax classifier, each found, shown in numbers, and corrected.

Five things in the text and in an answer below it are not quite so: a sum too many, two wrong signs, two missing terms, a matrix on the
wrong side, and a reason that is the wrong one. They are easy to write and hard to see. For each there is what the text says as a
function, what the toolkit answers to it, and the version that it proves. `python -m proofs.slips` prints them side by side.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

import derive
from derive.theories import ClaimFailed
from derive.theories.claims import Claim

Array = Any


@dataclass(frozen=True)
class Finding:
    """What the toolkit answered: whether it is right for all sizes, and the answer in words."""

    proved: bool
    refuted: bool
    words: str


@dataclass(frozen=True)
class Slip(Claim):
    """A slip: `found` must be refuted, with numbers, and its words contain `evidence`; `corrected` must be proved."""

    says: str
    truth: str
    found: Callable[[], Finding]
    corrected: Callable[[], Finding]
    evidence: str

    def legs(self) -> Mapping[str, Callable[[], None]]:
        return {"found": self._must_be_found, "corrected": self._must_be_proved}

    def _must_be_found(self) -> None:
        finding = self.found()
        if not finding.refuted or self.evidence not in finding.words:
            raise ClaimFailed(f"The slip is not found; expected {self.evidence!r} in the answer.", hint=finding.words)

    def _must_be_proved(self) -> None:
        finding = self.corrected()
        if not finding.proved:
            raise ClaimFailed("The corrected version is not proved.", hint=finding.words)


def checked(handwritten: Callable[..., Array], loss: Callable[..., Array], wrt: str, shapes: Mapping[str, str]) -> Finding:
    """The answer of `derive.check`."""
    report = derive.check(handwritten, loss, wrt, shapes)
    return Finding(report.ok and report.verdict == "proved for all sizes", report.verdict == "wrong" and report.counterexample is not None,
                   str(report))


def compared(left: Callable[..., Array], right: Callable[..., Array], shapes: Mapping[str, str]) -> Finding:
    """The answer of `derive.prove`."""
    proof = derive.prove(left, right, shapes)
    lines = [f"{proof.verdict}: {proof.reason}"]
    if proof.counterexample is not None:
        lines += [f"{name} = {np.asarray(value).tolist()}" for name, value in proof.counterexample.arrays.items()]
        lines.append(f"the values: {' and '.join(str(np.asarray(v).tolist()) for v in proof.counterexample.values)}")
    return Finding(proof.verdict == "proved", proof.verdict == "refuted", "\n".join(lines))


# ---------------------------------------------------------------------------------- the loss, and what all gradients share

CLASSIFIER = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}


def loss(W, X, y, lam):
    z = X @ W
    f = z - jnp.max(z, axis=1, keepdims=True)
    p = jnp.exp(f) / jnp.sum(jnp.exp(f), axis=1, keepdims=True)
    return jnp.mean(-jnp.log(p[jnp.arange(X.shape[0]), y])) + 0.5 * lam * jnp.sum(W**2)


def mistakes(f, y):
    """Q = P − Y, from the scores: the tutorial's own lines."""
    f = f - np.max(f, axis=1, keepdims=True)
    p = np.exp(f) / np.sum(np.exp(f), axis=1, keepdims=True)
    ind = np.zeros_like(p)
    ind[np.arange(f.shape[0]), y] = 1
    return p - ind


def right(W, X, y, lam):
    Q = mistakes(X.dot(W), y)
    return X.T.dot(Q) / X.shape[0] + lam * W


# ---------------------------------------------------------------------------------- a: λΣW


def with_a_sum(W, X, y, lam):
    Q = mistakes(X.dot(W), y)
    return X.T.dot(Q) / X.shape[0] + lam * np.sum(W)


regulariser = Slip(
    "∇L = (1/m) XᵀQ + λ ΣW: the regulariser's gradient is a sum.",
    "It is λW. The square of a weight depends on that weight alone, so the sum does not outlive the derivative.",
    lambda: checked(with_a_sum, loss, "W", CLASSIFIER), lambda: checked(right, loss, "W", CLASSIFIER), "lacks λ W_ac")


# ---------------------------------------------------------------------------------- b: the quotient rule


def probability(z, i):
    """p_i = u/v with u = e^{z_i} and v = Σ_j e^{z_j}, the entry of class i."""
    p = jnp.exp(z) / jnp.sum(jnp.exp(z))
    return jnp.take(p, i)


def quotient_with_plus(z, i):
    u, v, dv = np.exp(z[i]), np.sum(np.exp(z)), np.exp(z)
    du = np.zeros_like(z)
    du[i] = u
    return du / v + u * dv / v**2


def quotient_with_minus(z, i):
    u, v, dv = np.exp(z[i]), np.sum(np.exp(z)), np.exp(z)
    du = np.zeros_like(z)
    du[i] = u
    return du / v - u * dv / v**2


ENTRY = {"z": "k", "i": "int"}
quotient_rule = Slip(
    "A reader's answer: d(u/v) = du/v + u dv/v² where i = j, and u dv/v² where i ≠ j.",
    "d(u/v) = du/v − u dv/v², and −u dv/v² where i ≠ j (there du = 0). A larger bottom makes the fraction smaller. With the plus, "
    "even one class alone would change its probability, which is 1 whatever the score.",
    lambda: checked(quotient_with_plus, probability, "z", ENTRY), lambda: checked(quotient_with_minus, probability, "z", ENTRY),
    "claimed − true = 2 p_i p_")


# ---------------------------------------------------------------------------------- c: the snippet


def snippet(W, X, y, lam):
    Q = mistakes(X.dot(W), y)
    return X.T.dot(Q)


snippet_without_mean = Slip(
    "dW = X.T.dot(Q): the snippet's last line.",
    "The loss is a mean and has a regulariser, so its gradient is X.T.dot(Q)/m + λW. The formula above the snippet had the 1/m; "
    "the code lost both.",
    lambda: checked(snippet, loss, "W", CLASSIFIER), lambda: checked(right, loss, "W", CLASSIFIER), "lacks the factor 1/m")


# ---------------------------------------------------------------------------------- d: W x and X·W

PROSE = {"W": "k d", "X": "m d", "y": "int m", "lam": ""}


def loss_of_the_prose(W, X, y, lam):
    """One row of W for each class, so that f_i = W x_i: W is k × d."""
    z = X @ W.T
    p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
    return jnp.mean(-jnp.log(p[jnp.arange(X.shape[0]), y])) + 0.5 * lam * jnp.sum(W**2)


def code_for_the_prose(W, X, y, lam):
    Q = mistakes(X.dot(W.T), y)
    return X.T.dot(Q) / X.shape[0] + lam * W.T


def transposed(W, X, y, lam):
    return code_for_the_prose(W, X, y, lam).T


sides = Slip(
    "f_i = W x_i in the prose, where W has a row for each class (k × d); X[i].dot(W) and X.T.dot(Q) in the code.",
    "In the code W has a column for each class (d × k). Each is right for its own W; the gradient for the prose's W is Qᵀ X/m + λW, the "
    "transpose: (p − 1{y}) xᵀ for each example, and not x (p − 1{y})ᵀ.",
    lambda: checked(code_for_the_prose, loss_of_the_prose, "W", PROSE), lambda: checked(transposed, loss_of_the_prose, "W", PROSE), "shape")


# ---------------------------------------------------------------------------------- e: normalising and shifting


def normalised(z):
    return jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)


def normalised_and_shifted(z):
    f = z - jnp.max(z, axis=1, keepdims=True)
    return jnp.exp(f) / jnp.sum(jnp.exp(f), axis=1, keepdims=True)


def at_large_logits() -> Finding:
    """Both at the logits 10⁴, 0, −10⁴, where the probabilities are 1, 0, 0 to more digits than a float holds."""
    z = np.array([[1e4, 0.0, -1e4]])
    with np.errstate(over="ignore", invalid="ignore"):
        plain = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    f = z - np.max(z, axis=1, keepdims=True)
    shifted = np.exp(f) / np.sum(np.exp(f), axis=1, keepdims=True)
    words = f"z = {z.tolist()}\nnormalised: {plain.tolist()}\nshifted, then normalised: {shifted.tolist()}"
    return Finding(False, not np.isfinite(plain).all() and np.array_equal(shifted, [[1.0, 0.0, 0.0]]), words)


normalising = Slip(
    "p is normalised “to prevent numerical instability”.",
    "Dividing by the sum makes probabilities; it keeps nothing from overflowing. What does is the shift by the maximum: then no exponent "
    "is above 0, and the value is the same for all scores.",
    at_large_logits, lambda: compared(normalised, normalised_and_shifted, {"z": "m k"}), "normalised: [[nan, 0.0, 0.0]]")


# ---------------------------------------------------------------------------------- side by side

SLIPS = (("The regulariser", regulariser), ("The quotient rule", quotient_rule), ("The snippet", snippet_without_mean),
         ("The sides of W", sides), ("Normalising", normalising))


def show(width: int = 120) -> str:
    """All slips as text: what is said, what is so, what the toolkit answers to each."""
    blocks = []
    for title, slip in SLIPS:
        said = ["What the text says", "", *_wrapped(slip.says, width), "", *_wrapped(slip.found().words, width)]
        so = ["What is so", "", *_wrapped(slip.truth, width), "", *_wrapped(slip.corrected().words, width)]
        pairs = itertools.zip_longest(said, so, fillvalue="")
        blocks.append("\n".join([title, "─" * width, *(f"{a:<{width // 2 - 2}} │ {b}".rstrip() for a, b in pairs)]))
    return "\n\n".join(blocks)


def _wrapped(text: str, width: int) -> list[str]:
    return [part for line in text.splitlines() for part in textwrap.wrap(line, width // 2 - 3, subsequent_indent="  ") or [""]]


if __name__ == "__main__":
    print(show())
