"""What other gradient checkers say about the same functions, with their defaults.

Each is given the reference's own value as the forward pass and the handwritten gradient as the backward pass, so only the gradient is at
stake; arguments that are not differentiated are constants.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.test_util import check_grads
from variants import Variant
from variants.running import run

from mutants.code import Functions
from mutants.truth import Late, Spot, limited

try:
    import torch
except ImportError:  # the other peers are asked all the same
    torch = None

logging.getLogger("jax").setLevel(logging.CRITICAL)  # a callback that raises is an answer, and is not printed
CAUGHT, MISSED = "caught", "missed"
LIMIT = 20.0
Pulled = Callable[[Mapping[str, Any], Any], tuple[Any, ...]]


def pulled(functions: Functions, variant: Variant, spot: Spot) -> Pulled:
    """The handwritten gradient at given arguments, times an incoming gradient where the function has a scalar loss."""
    family = variant.family

    def back(parts: Mapping[str, Any], dout: Any) -> tuple[Any, ...]:
        arrays = {**spot.arrays, **parts}
        if len(functions) == 2:
            return run(functions, family.wrt, arrays, np.asarray(dout)).gradients
        return tuple(np.asarray(g) * float(dout) for g in run(functions, family.wrt, arrays).gradients)

    return back


def value(variant: Variant, spot: Spot) -> Callable[[Mapping[str, Any]], Any]:
    """The value of the reference, in 64-bit NumPy."""
    def of(parts: Mapping[str, Any]) -> Any:
        with jax.enable_x64(True):
            return np.asarray(compiled(variant.family.reference)({**spot.arrays, **parts}))
    return of


_COMPILED: dict[Any, Any] = {}


def compiled(reference: Callable[..., Any]) -> Callable[[Mapping[str, Any]], Any]:
    if reference not in _COMPILED:
        _COMPILED[reference] = jax.jit(lambda arrays: reference(**arrays))
    return _COMPILED[reference]


def start(variant: Variant, spot: Spot) -> list[Any]:
    return [np.asarray(spot.arrays[name], dtype=float) for name in variant.family.wrt]


def gradcheck(functions: Functions, variant: Variant, spot: Spot, fast: bool) -> bool:
    """torch.autograd.gradcheck on a torch.autograd.Function."""
    names, back, forward_value = variant.family.wrt, pulled(functions, variant, spot), value(variant, spot)

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *parts: Any) -> Any:
            ctx.save_for_backward(*parts)
            return torch.tensor(forward_value({n: p.detach().numpy() for n, p in zip(names, parts)}))

        @staticmethod
        def backward(ctx: Any, dout: Any) -> Any:
            found = back({n: p.detach().numpy() for n, p in zip(names, ctx.saved_tensors)}, dout.numpy())
            return tuple(torch.tensor(np.asarray(g, dtype=float)) for g in found)

    inputs = tuple(torch.tensor(v, requires_grad=True) for v in start(variant, spot))
    return bool(torch.autograd.gradcheck(Wrapped.apply, inputs, fast_mode=fast, raise_exception=False))


def jax_check(functions: Functions, variant: Variant, spot: Spot) -> bool:
    """jax.test_util.check_grads of a jax.custom_vjp that calls back to NumPy."""
    names, back, forward_value = variant.family.wrt, pulled(functions, variant, spot), value(variant, spot)
    with jax.enable_x64(True):
        shape = jax.ShapeDtypeStruct(np.shape(spot.true.value), np.float64)

        @jax.custom_vjp
        def wrapped(*parts: Any) -> Any:
            return jax.pure_callback(lambda *p: np.asarray(forward_value(dict(zip(names, map(np.asarray, p)))), float), shape, *parts)

        def backward(parts: Any, dout: Any) -> Any:
            shapes = tuple(jax.ShapeDtypeStruct(p.shape, np.float64) for p in parts)
            def call(p: Any, d: Any) -> Any:
                return tuple(np.asarray(g, float) for g in back(dict(zip(names, map(np.asarray, p))), d))
            return jax.pure_callback(call, shapes, parts, dout)

        wrapped.defvjp(lambda *parts: (wrapped(*parts), parts), backward)
        try:
            check_grads(wrapped, tuple(start(variant, spot)), order=1, modes=["rev"])
        except AssertionError:
            return False
        return True


def centred(functions: Functions, variant: Variant, spot: Spot) -> bool:
    """The course's check: centred differences with h = 1e-5 at ten random coordinates, with a strength of 5e-6.

    A relative error above 1e-5 counts as wrong.
    """
    weak = {name: 5e-6 for name in ("reg", "lam") if name in spot.arrays}
    spot = Spot(spot.sizes, {**spot.arrays, **weak}, spot.dout, spot.true)
    of, dout = value(variant, spot), 1.0 if spot.dout is None else spot.dout
    names, parts, rng = variant.family.wrt, start(variant, spot), np.random.default_rng(0)
    claimed = pulled(functions, variant, spot)(dict(zip(names, parts)), dout)
    for _ in range(10):
        k = int(rng.integers(len(names)))
        if np.shape(claimed[k]) != parts[k].shape:
            return False
        index = tuple(int(rng.integers(s)) for s in parts[k].shape)
        up, down = ([np.array(p) for p in parts] for _ in range(2))
        up[k][index] += 1e-5
        down[k][index] -= 1e-5
        numeric = float(np.sum((of(dict(zip(names, up))) - of(dict(zip(names, down)))) * dout)) / 2e-5
        analytic = float(np.asarray(claimed[k])[index])
        if not abs(numeric - analytic) <= 1e-5 * (abs(numeric) + abs(analytic)) + 1e-9:
            return False
    return True


PEERS: dict[str, Callable[[Functions, Variant, Spot], bool]] = {
    "torch.autograd.gradcheck": lambda f, v, s: gradcheck(f, v, s, False),
    "torch.autograd.gradcheck, fast mode": lambda f, v, s: gradcheck(f, v, s, True),
    "jax.test_util.check_grads": jax_check,
    "centred differences at ten coordinates": centred}
if torch is None:
    PEERS = {name: peer for name, peer in PEERS.items() if not name.startswith("torch")}


def verdicts(functions: Functions, variant: Variant, spot: Spot) -> dict[str, str]:
    """Caught or missed, by each peer; what raises is caught."""
    out = {}
    for name, peer in PEERS.items():
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                with limited(LIMIT):
                    out[name] = MISSED if peer(functions, variant, spot) else CAUGHT
            except Late:
                out[name] = "no answer"
            except Exception as error:  # a crash is seen by whoever looks
                out[name] = f"{CAUGHT}: {type(error).__name__}"
    return out
