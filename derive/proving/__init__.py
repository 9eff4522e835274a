"""Proofs and refutations: two functions compared by normal form, and tried at concrete numbers."""

from derive.proving.proof import Proof, prove

__all__ = ["Proof", "prove"]
