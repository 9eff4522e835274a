"""A tree of arrays as a parameter: the emitted function takes the user's own parameters, and its first lines take the arrays out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from derive.derivation import Source

__all__ = ["parameters", "taken_out"]


def parameters(source: Source, names: Mapping[str, str]) -> list[str]:
    """The user's own parameters in order, then what further names there are, such as `dout`; `names` spells each array."""
    own = {a.name for a in source.arguments}
    return [*(names.get(name, name) for name in source.parameters), *(text for name, text in names.items() if name not in own)]


def taken_out(source: Source, names: Mapping[str, str], lines: Iterable[str]) -> list[str]:
    """The lines that take out of trees the arrays that these lines use: W = params["W"]."""
    text = "\n".join(lines)
    found = [(names[leaf], reach) for packed in source.packed for leaf, reach in packed.reach.items()]
    return [f"{name} = {reach}" for name, reach in found if re.search(rf"\b{name}\b", text)]
