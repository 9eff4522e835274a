"""Every public function of `optax.losses`, and every activation and normaliser of `jax.nn`, as they are called: what `derive` must derive.

A row names the shapes of what is passed; other parameters keep their defaults, or are set in `partial`.  `draws` says how an argument is drawn
where it is no ordinary real (see `variants.variant`); sizes that JAX cannot trace as symbols are numbers in the shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax

try:
    from optax import losses
except ImportError:  # the rows of optax are then absent, and the tests of them skip with the reason
    losses = None


@dataclass(frozen=True, eq=False)
class Row:
    """One function as it is called.

    Attributes:
        label: how it is called, in words of the library.
        function: the function, with what is fixed filled in.
        shapes: of what is passed.
        draws: how arguments are drawn that are no ordinary reals.
        sizes: the size of a symbol, where not every one goes.
        tolerance: relative; larger only where JAX itself computes in 32 bits inside.
    """

    label: str
    function: Callable[..., Any]
    shapes: Mapping[str, str]
    draws: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    tolerance: float = 1e-9

    @property
    def wrt(self) -> tuple[str, ...]:
        """The float arguments."""
        return tuple(name for name, text in self.shapes.items() if not text.startswith(("int", "bool")))


PAIR = {"predictions": "m k", "targets": "m k"}
LOGITS = {"logits": "m k", "labels": "m k"}
LOG_KL = {"log_predictions": "m k", "targets": "m k"}
BATCH = {"logits": "m k", "labels": "int m"}
SCORES = {"scores": "m k", "labels": "int m"}
SIGNED = {"predictor_outputs": "m", "targets": "m"}
WHERE = {"where": "bool m k"}
SHARES = {"labels": "share"}
CLASS = {"labels": "k"}


def fenchel_young() -> Callable[..., Any]:
    return losses.make_fenchel_young_loss(max_fun=jax.nn.logsumexp)


def ntxent_pairs(embeddings: Any) -> Any:
    """Labels that make pairs, known when it is traced."""
    return losses.ntxent(embeddings, jax.numpy.array([0, 0, 1, 1]))


def mean_of(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The mean over the batch, as it is trained with."""
    return lambda logits, labels: loss(logits, labels).mean()


OPTAX: list[Row] = [] if losses is None else [
    Row("binary_dice_loss", losses.binary_dice_loss, PAIR, {"targets": "unit"}),
    Row("binary_dice_loss, no sigmoid", partial(losses.binary_dice_loss, apply_sigmoid=False), PAIR, {"predictions": "unit", "targets": "unit"}),
    Row("convex_kl_divergence", losses.convex_kl_divergence, LOG_KL, {"targets": "share"}),
    Row("cosine_distance", losses.cosine_distance, PAIR),
    Row("cosine_similarity", losses.cosine_similarity, PAIR),
    Row("cosine_similarity, epsilon", partial(losses.cosine_similarity, epsilon=1e-6), PAIR),
    Row("cosine_similarity, where", losses.cosine_similarity, PAIR | WHERE),
    Row("ctc_loss", losses.ctc_loss, {"logits": "2 4 3", "logit_paddings": "2 4", "labels": "int 2 2", "label_paddings": "2 2"},
        {"logit_paddings": "zero", "label_paddings": "zero", "labels": "label"}),
    Row("ctc_loss_with_forward_probs", lambda logits, logit_paddings, labels, label_paddings:
        losses.ctc_loss_with_forward_probs(logits, logit_paddings, labels, label_paddings)[0],
        {"logits": "2 4 3", "logit_paddings": "2 4", "labels": "int 2 2", "label_paddings": "2 2"},
        {"logit_paddings": "zero", "label_paddings": "zero", "labels": "label"}),
    Row("dice_loss", losses.dice_loss, PAIR, {"targets": "share"}),
    Row("dice_loss, class_weights", losses.dice_loss, PAIR | {"class_weights": "k"}, {"targets": "share", "class_weights": "positive"}),
    Row("dice_loss, ignore_background", partial(losses.dice_loss, ignore_background=True), {"predictions": "m 3", "targets": "m 3"},
        {"targets": "share"}),
    Row("generalized_kl_divergence", losses.generalized_kl_divergence, LOG_KL, {"targets": "share"}),
    Row("hinge_loss", losses.hinge_loss, SIGNED, {"targets": "sign"}),
    Row("huber_loss", losses.huber_loss, PAIR),
    Row("huber_loss, delta", losses.huber_loss, PAIR | {"delta": ""}, {"delta": "positive"}),
    Row("kl_divergence", losses.kl_divergence, LOG_KL, {"targets": "share"}),
    Row("kl_divergence, where", losses.kl_divergence, LOG_KL | WHERE, {"targets": "share"}),
    Row("kl_divergence_with_log_targets", losses.kl_divergence_with_log_targets, {"log_predictions": "m k", "log_targets": "m k"}),
    Row("l2_loss", losses.l2_loss, PAIR),
    Row("log_cosh", losses.log_cosh, PAIR),
    Row("make_fenchel_young_loss(logsumexp)", fenchel_young(), {"scores": "m k", "targets": "m k"}, {"targets": "share"}),
    Row("multiclass_generalized_dice_loss", losses.multiclass_generalized_dice_loss, {"predictions": "m 3", "targets": "m 3"}, {"targets": "share"}),
    Row("multiclass_hinge_loss", losses.multiclass_hinge_loss, SCORES, CLASS),
    Row("multiclass_perceptron_loss", losses.multiclass_perceptron_loss, SCORES, CLASS),
    Row("multiclass_sparsemax_loss", losses.multiclass_sparsemax_loss, SCORES, CLASS),
    Row("ntxent", ntxent_pairs, {"embeddings": "4 d"}),
    Row("ntxent, labels passed", losses.ntxent, {"embeddings": "m d", "labels": "int m"}, {"labels": "pairs"}, {"m": 4}),
    Row("perceptron_loss", losses.perceptron_loss, SIGNED, {"targets": "sign"}),
    Row("poly_loss_cross_entropy", losses.poly_loss_cross_entropy, LOGITS, SHARES),
    Row("poly_loss_cross_entropy, epsilon", losses.poly_loss_cross_entropy, LOGITS | {"epsilon": ""}, SHARES),
    Row("ranking_softmax_loss", losses.ranking_softmax_loss, LOGITS, SHARES),
    Row("ranking_softmax_loss, where, weights", losses.ranking_softmax_loss, LOGITS | WHERE | {"weights": "m k"}, {"weights": "positive"} | SHARES),
    Row("safe_softmax_cross_entropy", losses.safe_softmax_cross_entropy, LOGITS, SHARES),
    Row("sigmoid_binary_cross_entropy", losses.sigmoid_binary_cross_entropy, LOGITS, {"labels": "unit"}),
    Row("sigmoid_focal_loss", losses.sigmoid_focal_loss, LOGITS, {"labels": "unit"}),
    Row("sigmoid_focal_loss, alpha, gamma", losses.sigmoid_focal_loss, LOGITS | {"alpha": "", "gamma": ""},
        {"labels": "unit", "alpha": "unit", "gamma": "positive"}),
    Row("smooth_labels", losses.smooth_labels, {"labels": "m k", "alpha": ""}, SHARES | {"alpha": "unit"}),
    Row("softmax_cross_entropy", losses.softmax_cross_entropy, LOGITS, SHARES),
    Row("softmax_cross_entropy, mean", mean_of(losses.softmax_cross_entropy), LOGITS, SHARES),
    Row("softmax_cross_entropy, axis 0", partial(losses.softmax_cross_entropy, axis=0), LOGITS, SHARES),
    Row("softmax_cross_entropy, where", losses.softmax_cross_entropy, LOGITS | WHERE, SHARES),
    Row("softmax_cross_entropy_with_integer_labels", losses.softmax_cross_entropy_with_integer_labels, BATCH, CLASS),
    Row("softmax_cross_entropy_with_integer_labels, where", losses.softmax_cross_entropy_with_integer_labels, BATCH | WHERE, CLASS),
    Row("softmax_cross_entropy_with_integer_labels, mean", mean_of(losses.softmax_cross_entropy_with_integer_labels), BATCH, CLASS),
    Row("sparsemax_loss", losses.sparsemax_loss, {"logits": "m", "labels": "m"}, {"labels": "sign01"}),
    Row("squared_error", losses.squared_error, PAIR),
    Row("triplet_margin_loss", losses.triplet_margin_loss, {"anchors": "m d", "positives": "m d", "negatives": "m d"}),
]

X = {"x": "m d"}


def activation(name: str, **arguments: str) -> Row:
    return Row(", ".join([name, *arguments]), getattr(jax.nn, name), X | arguments, dict.fromkeys(arguments, "positive"))


def labelled(x: Any, y: Any) -> Any:
    """One-hot labels where they are used."""
    return (x * jax.nn.one_hot(y, x.shape[1])).sum(axis=1)


QKV = {"query": "b t n 4", "key": "b s n 4", "value": "b s n 4"}
MASKED = QKV | {"mask": "bool b n t s"}

NN: list[Row] = [
    *(activation(name) for name in (
        "celu", "elu", "gelu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "identity", "leaky_relu", "log_sigmoid", "mish", "relu",
        "relu6", "selu", "sigmoid", "silu", "soft_sign", "softplus", "sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh")),
    Row("log1mexp", jax.nn.log1mexp, X, {"x": "positive"}),
    Row("gelu, exact", partial(jax.nn.gelu, approximate=False), X),
    Row("glu", jax.nn.glu, {"x": "m 4"}), Row("glu, axis 0", partial(jax.nn.glu, axis=0), {"x": "4 d"}),
    activation("celu", alpha=""), activation("elu", alpha=""), activation("leaky_relu", negative_slope=""), activation("squareplus", b=""),
    Row("softmax", jax.nn.softmax, X), Row("softmax, axis 0", partial(jax.nn.softmax, axis=0), X),
    Row("softmax, where", jax.nn.softmax, X | {"where": "bool m d"}),
    Row("log_softmax", jax.nn.log_softmax, X), Row("log_softmax, where", jax.nn.log_softmax, X | {"where": "bool m d"}),
    Row("logsumexp", jax.nn.logsumexp, {"a": "m d"}), Row("logsumexp, axis", partial(jax.nn.logsumexp, axis=1), {"a": "m d"}),
    Row("logsumexp, b", partial(jax.nn.logsumexp, axis=1), {"a": "m d", "b": "m d"}, {"b": "positive"}),
    Row("logsumexp, keepdims", partial(jax.nn.logsumexp, axis=0, keepdims=True), {"a": "m d"}),
    Row("logsumexp, where", partial(jax.nn.logsumexp, axis=1), {"a": "m d", "where": "bool m d"}),
    Row("logmeanexp", partial(jax.nn.logmeanexp, axis=1), X),
    Row("logmeanexp, where", partial(jax.nn.logmeanexp, axis=1), X | {"where": "bool m d"}),
    Row("standardize", jax.nn.standardize, X), Row("standardize, axis 0", partial(jax.nn.standardize, axis=0), X),
    Row("standardize, epsilon", jax.nn.standardize, X | {"epsilon": ""}, {"epsilon": "positive"}),
    Row("standardize, mean, variance", jax.nn.standardize, X | {"mean": "m 1", "variance": "m 1"}, {"variance": "positive"}),
    Row("standardize, where", jax.nn.standardize, X | {"where": "bool m d"}),
    Row("one_hot", labelled, {"x": "m k", "y": "int m"}, {"y": "k"}),
    Row("dot_product_attention", jax.nn.dot_product_attention, QKV, tolerance=1e-5),
    Row("dot_product_attention, causal", partial(jax.nn.dot_product_attention, is_causal=True), QKV, sizes={"t": 3, "s": 3}, tolerance=1e-5),
    Row("dot_product_attention, mask", jax.nn.dot_product_attention, MASKED, {"mask": "first"}, tolerance=1e-5),
    Row("dot_product_attention, bias", jax.nn.dot_product_attention, QKV | {"bias": "b n t s"}, tolerance=1e-5),
    Row("dot_product_attention, scale", partial(jax.nn.dot_product_attention, scale=0.5), QKV, tolerance=1e-5),
]

GROUPS: dict[str, list[Row]] = {"optax.losses": OPTAX, "jax.nn": NN}
