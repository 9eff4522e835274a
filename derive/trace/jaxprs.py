"""What a jaxpr says about its variables and functions: names, kinds, and what is needed."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

__all__ = ["function_name", "kind_of", "needed", "tags_of", "used_again"]

_JAX = os.path.dirname(jax.__file__) + os.sep


def tags_of(jaxpr: Any) -> dict[Any, str]:
    """The first name that the user gave to each variable; a tag may stand after its first use, where a line holds two statements."""
    tags: dict[Any, str] = {}
    for equation in jaxpr.eqns:
        if equation.primitive.name == "name" and not isinstance(equation.invars[0], Literal):
            tags.setdefault(equation.invars[0], equation.params["name"])
    return tags


def needed(jaxpr: Any) -> set[Any]:
    """The variables that the outputs or the named variables depend on."""
    live = {variable for variable in jaxpr.outvars if not isinstance(variable, Literal)}
    for equation in reversed(jaxpr.eqns):
        if equation.primitive.name == "name":
            continue
        if any(out in live for out in equation.outvars):
            live.update(variable for variable in equation.invars if not isinstance(variable, Literal))
    return live


def used_again(jaxpr: Any) -> set[Any]:
    """The variables that are used more than once."""
    uses = Counter(v for equation in jaxpr.eqns if equation.primitive.name != "name" for v in equation.invars if not isinstance(v, Literal))
    return {variable for variable, count in uses.items() if count > 1}


def function_name(params: dict[str, Any], inner: Any) -> str:
    """The name of a function of JAX itself; a function of the user's that has the same name is not one."""
    info = getattr(getattr(inner, "jaxpr", inner), "debug_info", None)
    own = str(getattr(info, "func_filename", "")).startswith(_JAX)
    return str(params.get("name", getattr(info, "func_name", ""))) if own else ""


def kind_of(dtype: Any) -> str:
    """The kind of the numbers of a type: 'float', 'int' or 'bool'."""
    return "int" if np.issubdtype(dtype, np.integer) else "bool" if dtype == np.bool_ else "float"
