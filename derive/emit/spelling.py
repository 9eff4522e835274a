"""How the scalar functions and constants are spelled in NumPy and in JAX, and how names become Python identifiers.

A template's {u}, {v} are arguments as they stand in a call; {-u} is the negated argument.  An empty spelling means: not available there.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from derive.errors import NotYet

__all__ = ["CONSTANTS", "FUNCTIONS", "Spelling", "function_spelling", "identifier", "unused"]


@dataclass(frozen=True)
class Spelling:
    """One scalar function: its name, and its templates in NumPy and in JAX."""

    name: str
    numpy: str
    jax: str


_SAME_NAME = (
    "exp", "log", "log1p", "expm1", "sqrt", "tanh", "sin", "cos", "tan", "sinh", "cosh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh",
    "arctanh", "abs", "sign", "floor", "ceil", "square", "isfinite",
)
_TWO_ARGUMENTS = {
    "max": "maximum", "maximum": "maximum", "min": "minimum", "minimum": "minimum", "logaddexp": "logaddexp", "pow": "power",
    "power": "power", "atan2": "arctan2",
}
_RENAMED = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "is_finite": "isfinite",
}

FUNCTIONS: dict[str, Spelling] = {
    row.name: row
    for row in (
        *(Spelling(name, f"np.{name}({{u}})", f"jnp.{name}({{u}})") for name in _SAME_NAME),
        *(Spelling(name, f"np.{full}({{u}})", f"jnp.{full}({{u}})") for name, full in _RENAMED.items()),
        *(Spelling(name, f"np.{full}({{u}}, {{v}})", f"jnp.{full}({{u}}, {{v}})") for name, full in _TWO_ARGUMENTS.items()),
        Spelling("relu", "np.maximum({u}, 0)", "jnp.maximum({u}, 0)"),
        Spelling("heaviside", "np.heaviside({u}, 0.5)", "jnp.heaviside({u}, 0.5)"),
        Spelling("rsqrt", "1 / np.sqrt({u})", "1 / jnp.sqrt({u})"),
        # 1/(1 + e^−u) overflows at large negative u; exp(−log(1 + e^−u)) does not.
        Spelling("logistic", "np.exp(-np.logaddexp(0, {-u}))", "jax.nn.sigmoid({u})"),
        Spelling("softplus", "np.logaddexp(0, {u})", "jnp.logaddexp(0, {u})"),
        # NumPy has no error function or log-gamma; the standard library's are exact to the last digit or so.
        Spelling("erf", "np.vectorize(math.erf, otypes=[float])({u})", "jax.scipy.special.erf({u})"),
        Spelling("erfc", "np.vectorize(math.erfc, otypes=[float])({u})", "jax.scipy.special.erfc({u})"),
        Spelling("lgamma", "np.vectorize(math.lgamma, otypes=[float])({u})", "jax.scipy.special.gammaln({u})"),
        # Neither has these; SciPy is there wherever JAX is.
        Spelling("erf_inv", "special.erfinv({u})", "jax.scipy.special.erfinv({u})"),
        Spelling("digamma", "special.digamma({u})", "jax.scipy.special.digamma({u})"),
        Spelling("polygamma", "special.polygamma({u}, {v})", "jax.scipy.special.polygamma({u}, {v})"),
    )
}

CONSTANTS = {"pi": "{np}.pi", "e": "{np}.e", "E": "{np}.e", "inf": "{np}.inf", "-inf": "-{np}.inf", "oo": "{np}.inf"}

_RESERVED = {"np", "jnp", "jax", "math", "special", "float"}


def function_spelling(name: str, library: str) -> str:
    """The template of a function in 'numpy' or 'jax'.

    Raises:
        NotYet: the library has no such function.
    """
    row = FUNCTIONS.get(name)
    template = "" if row is None else row.numpy if library == "numpy" else row.jax
    if not template:
        raise NotYet(f"{name} has no {library} spelling yet", hint="a row in derive/emit/spelling.py would give it one")
    return template


def identifier(name: str, argument: bool = False) -> str:
    """A Python identifier for a name: primes dropped, ∂ read as d; keywords, and builtins except for arguments, end in an underscore."""
    text = unicodedata.normalize("NFKC", name.rstrip("′'").replace("∂", "d"))
    text = re.sub(r"\W", "_", text) or "_"
    if not text.isidentifier():
        text = "_" + text
    taken = keyword.iskeyword(text) or text in _RESERVED or (not argument and hasattr(builtins, text))
    return text + "_" if taken else text


def unused(name: str, taken: Collection[str]) -> str:
    """The name, or name_1, name_2, … where it is taken."""
    serial, text = 0, name
    while text in taken:
        serial += 1
        text = f"{name}_{serial}"
    return text
