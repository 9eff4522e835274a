"""Theorems about derivatives as files: what each claims, and the legs that its claims stand on."""

from derive.theories.theory import Cases, Claim, ClaimFailed, Derivative, Equality, Theory, load

__all__ = ["Cases", "Claim", "ClaimFailed", "Derivative", "Equality", "Theory", "load"]
