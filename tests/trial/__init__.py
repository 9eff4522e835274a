"""Handwritten gradients that a stranger wrote to break the check: right at small sizes, at ordinary numbers, off ties, and wrong elsewhere."""
