"""derive: one JAX function becomes its derivation, its proof, its NumPy gradient, its check and its training run."""

__version__ = "0.1.0"
