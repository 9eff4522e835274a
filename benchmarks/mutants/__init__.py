"""Mutants and rewrites of handwritten gradients, their truth, and what checkers say about them."""
