"""A derivation as code and in matrices: index expressions become array programs, and those NumPy, JAX or matrix notation.

The order of the modules, each building on those before it: `arrays`, `arithmetic` and `moves` (the array program), `places` and `entries`
(where an index points), `lower` and `contract` (from index expressions); `split`, `pieces`, `bands` and `window` (axes as arrays have them),
`compact`, `poles` and `choices` (shorter, and without quotients that vanish), `gauge`, `stable`, `masked` and `saturate` (no overflow),
`once` (nothing computed twice), `statements` and `program`, `printer` and `source` (text), `matrix`.
"""

from derive.emit.source import compile_source, function_name, jax, numpy

__all__ = ["compile_source", "function_name", "jax", "numpy"]
