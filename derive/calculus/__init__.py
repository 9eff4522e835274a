"""Differentiation: a program is outlined and prepared, its derivative worked out by the tables of rules, and the story told."""

from derive.calculus.differentiate import differentiate

__all__ = ["differentiate"]
