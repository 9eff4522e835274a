"""A derivation as code and in matrices: index expressions become array programs, and those NumPy, JAX or matrix notation.

The order of the modules, each building on those before it: `arrays` and `arithmetic` (the array program), `lower` and `contract` (from
index expressions), `gauge`, `stable` and `saturate` (no overflow), `once` (nothing computed twice), `program`, `printer` and `source`
(text), `matrix`.
"""

from derive.emit.source import compile_source, function_name, jax, numpy

__all__ = ["compile_source", "function_name", "jax", "numpy"]
