"""From a JAX function to named definitions in index notation."""

from derive.trace.read import Program, read

__all__ = ["Program", "read"]
