"""Handwritten gradients, as different people write them, right and wrong: the table that the check is judged on."""

from __future__ import annotations

from variants import attention, images, layers, logistic, losses, nets, norms, recurrent, regression, softmax, softmax_layouts, svm, words
from variants.variant import Family, Variant

__all__ = ["VARIANTS", "Family", "Variant"]

MODULES = (softmax, softmax_layouts, svm, logistic, regression, losses, nets, layers, norms, attention, recurrent, words, images)
VARIANTS: tuple[Variant, ...] = tuple(variant for module in MODULES for variant in module.ROWS)
