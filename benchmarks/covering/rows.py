"""Everything that must derive: the libraries' functions, the layers, and losses as different people write them, as rows of one kind."""

from __future__ import annotations

from acceptance import CASES
from layers import LAYERS
from library import GROUPS, Row

POSITIVE = ("eps", "var", "epsilon")
KEEP = {"p": "unit", "mask": "mask"}
# Where a window must fit, and where JAX itself computes in 32 bits.
SIZES = {"conv2d_valid": {"h": 4, "n_w": 3}, "conv2d_dilated": {"h": 3}, "conv1d": {"l": 4}}
COARSE = {"dpa": 1e-5, "dpa_causal": 1e-5}


def layer_rows() -> list[Row]:
    out = []
    for function, shapes in LAYERS:
        name = function.__name__
        draws = {n: "positive" for n in shapes if n in POSITIVE} | {n: kind for n, kind in KEEP.items() if n in shapes and "bool" not in shapes[n]}
        sizes = "" if name not in {f.__name__ for f, s in LAYERS if f is function and s is not shapes} else f", {shapes['x']}"
        draws |= {"x": "unit"} if name == "erf_inv" else {}
        out.append(Row(name + sizes, function, shapes, draws, SIZES.get(name, {}), COARSE.get(name, 1e-9)))
    return out


def loss_rows() -> list[Row]:
    return [Row(case.name, case.function, case.shapes) for case in CASES]


def groups() -> dict[str, list[Row]]:
    return {**GROUPS, "layers": layer_rows(), "losses as people write them": loss_rows()}
