"""The rules of jax.custom_vjp and jax.custom_jvp, right and wrong, against the functions that they are rules for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from derive.checking.foreign import custom_rule_report, recognised
from derive.checking.report import CANNOT_RUN, OFF_KINK, PROVED, WRONG
from derive.errors import BadInput

Function = Callable[..., Any]


def vjp_rule(function: Function, fwd: Function, bwd: Function, **options: Any) -> Any:
    nondiff = options.pop("nondiff_argnums", ())
    out = jax.custom_vjp(function, nondiff_argnums=nondiff)
    out.defvjp(fwd, bwd, **options)
    return out


def product(x: Any, y: Any) -> Any:
    return jnp.sin(x) * y


def layer(x: Any, w: Any, b: Any) -> Any:
    return x @ w + b


def layer_fwd(x: Any, w: Any, b: Any) -> Any:
    return layer(x, w, b), {"x": x, "w": w}


def loss(z: Any, y: Any) -> Any:
    return -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(z.shape[0]), y])


def loss_fwd(z: Any, y: Any) -> Any:
    top = z.max(axis=1, keepdims=True)
    e = jnp.exp(z - top)
    p = e / e.sum(axis=1, keepdims=True)
    return loss(z, y), (p, y)


LAYER = {"x": "m d", "w": "d k", "b": "k"}
LOSS = {"z": "m k", "y": "int m"}

RIGHT: dict[str, tuple[Any, dict[str, str]]] = {
    "product": (vjp_rule(product, lambda x, y: (product(x, y), (x, y)), lambda r, g: (jnp.cos(r[0]) * g * r[1], jnp.sin(r[0]) * g)),
                {"x": "n", "y": "n"}),
    "a layer": (vjp_rule(layer, layer_fwd, lambda r, g: (g @ r["w"].T, r["x"].T @ g, g.sum(0))), LAYER),
    "a loss, None for labels": (vjp_rule(loss, loss_fwd, lambda r, g: (
        g * r[0].at[jnp.arange(r[0].shape[0]), r[1]].add(-1.0) / r[0].shape[0], None)), LOSS),
    "symbolic zeros": (vjp_rule(product, lambda x, y: (product(x.value, y.value), (x.value, y.value)),
                                lambda r, g: (jnp.cos(r[0]) * g * r[1], jnp.sin(r[0]) * g), symbolic_zeros=True), {"x": "n", "y": "n"}),
    "two values": (vjp_rule(lambda x, y: (x * y, jnp.sum(x)), lambda x, y: ((x * y, jnp.sum(x)), (x, y)),
                            lambda r, g: (g[0] * r[1] + g[1], g[0] * r[0])), {"x": "n", "y": "n"}),
    "an axis of size 1": (vjp_rule(lambda x, b: x * b, lambda x, b: (x * b, (x, b)), lambda r, g: (g * r[1], (g * r[0]).sum(1, keepdims=True))),
                          {"x": "m k", "b": "m 1"}),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_vjp_rule_is_proved(name: str) -> None:
    code, shapes = RIGHT[name]
    report = custom_rule_report(code, None, shapes)
    assert report.ok and report.level == "proved" and all(part.loss == PROVED for part in (report.parts or {"": report}).values()), str(report)


WRONG_RULES: dict[str, tuple[Any, str, dict[str, str], str]] = {
    "sign": (vjp_rule(product, lambda x, y: (product(x, y), (x, y)), lambda r, g: (-jnp.cos(r[0]) * g * r[1], jnp.sin(r[0]) * g)), "x",
             {"x": "n", "y": "n"}, "−2 dout_i y_i cos x_i"),
    "no incoming gradient": (vjp_rule(product, lambda x, y: (product(x, y), (x, y)), lambda r, g: (jnp.cos(r[0]) * g * r[1], jnp.sin(r[0]))), "y",
                             {"x": "n", "y": "n"}, "sin x_i"),
    "swapped": (vjp_rule(product, lambda x, y: (product(x, y), (x, y)), lambda r, g: (jnp.sin(r[0]) * g, jnp.cos(r[0]) * g * r[1])), "x",
                {"x": "n", "y": "n"}, "sin x_i"),
    "mean over rows": (vjp_rule(layer, layer_fwd, lambda r, g: (g @ r["w"].T, r["x"].T @ g, g.mean(0))), "b", LAYER, "1/m"),
    "missing 1/m": (vjp_rule(loss, loss_fwd, lambda r, g: (g * (r[0] - jax.nn.one_hot(r[1], r[0].shape[1])), None)), "z", LOSS, "m"),
    "straight through": (vjp_rule(lambda x: jnp.where(x > 0, 1.0, 0.0), lambda x: (jnp.where(x > 0, 1.0, 0.0), None), lambda r, g: (g,)), "x",
                         {"x": "n"}, "dout_i"),
    "reversal": (vjp_rule(lambda x: 1.0 * x, lambda x: (x, None), lambda r, g: (-g,)), "x", {"x": "n"}, "−2 dout_i"),
    "a small change": (vjp_rule(jnp.tanh, lambda x: (jnp.tanh(x), jnp.tanh(x)), lambda t, g: (g * (1 - t * t) * 1.0001,)), "x", {"x": "n"}, "dout_i"),
}


@pytest.mark.parametrize("name", WRONG_RULES)
def test_a_wrong_vjp_rule_is_refuted_with_the_difference(name: str) -> None:
    code, wrt, shapes, part = WRONG_RULES[name]
    report = custom_rule_report(code, wrt, shapes)
    assert report.verdict == WRONG and report.wrong and part in report.difference and report.counterexample is not None, str(report)


def test_clipping_a_gradient_is_told_with_its_fixed_option() -> None:
    clip = vjp_rule(lambda x, low: x, lambda x, low: (x, None), lambda low, r, g: (jnp.clip(g, -low, low),), nondiff_argnums=(1,))
    report = custom_rule_report(clip, "x", {"x": "n"}, fixed={"low": 1.0})
    assert report.verdict == WRONG and "min(max(dout_i, −1), 1)" in report.difference
    with pytest.raises(BadInput, match="'low' is not known"):
        custom_rule_report(clip, "x", {"x": "n"})


def test_a_forward_pass_with_another_value_is_told_apart() -> None:
    code = vjp_rule(product, lambda x, y: (2 * product(x, y), (x, y)), lambda r, g: (jnp.cos(r[0]) * g * r[1], jnp.sin(r[0]) * g))
    report = custom_rule_report(code, "x", {"x": "n", "y": "n"})
    assert report.verdict == PROVED and report.loss.startswith("differs") and report.wrong and not report.ok


def test_the_primal_is_compared_with_a_reference() -> None:
    code = RIGHT["product"][0]
    assert custom_rule_report(code, "x", {"x": "n", "y": "n"}, reference=lambda x, y: y * jnp.sin(x)).ok
    other = custom_rule_report(code, "x", {"x": "n", "y": "n"}, reference=lambda x, y: y * jnp.cos(x))
    assert other.verdict == PROVED and other.loss.startswith("differs from the reference") and not other.ok


def test_a_gradient_of_another_shape_cannot_run() -> None:
    code = vjp_rule(layer, layer_fwd, lambda r, g: (g @ r["w"].T, r["x"].T @ g, g))
    report = custom_rule_report(code, "b", LAYER)
    assert report.verdict == CANNOT_RUN and not report.ok and "shape" in report.diagnosis[0]


def test_too_few_cotangents_cannot_run() -> None:
    code = vjp_rule(product, lambda x, y: (product(x, y), (x, y)), lambda r, g: (jnp.cos(r[0]) * g * r[1],))
    assert custom_rule_report(code, "x", {"x": "n", "y": "n"}).verdict == CANNOT_RUN


def test_what_cannot_be_read_is_compared_in_numbers() -> None:
    def inner(x: Any) -> Any:
        return jax.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * 1.0), (0, x))[1]

    right = vjp_rule(lambda x: inner(x) * x, lambda x: (x * x, x), lambda x, g: (2 * x * g,))
    wrong = vjp_rule(lambda x: jnp.sort(x) * 2, lambda x: (jnp.sort(x) * 2, x), lambda x, g: (2 * g,))
    assert custom_rule_report(wrong, "x", {"x": "n"}).wrong
    report = custom_rule_report(right, "x", {"x": "n"})
    assert not report.wrong and report.level in ("", "numeric") and report.verdict != PROVED


# ------------------------------------------------------------------------------------------- forward mode


def jvp_rule(function: Function, rule: Function) -> Any:
    out = jax.custom_jvp(function)
    out.defjvp(rule)
    return out


def by_argument(function: Function, *rules: Function | None) -> Any:
    out = jax.custom_jvp(function)
    out.defjvps(*rules)
    return out


def pair(primals: Any, tangents: Any) -> Any:
    (x, y), (a, b) = primals, tangents
    return x * y, a * y + b * x


@pytest.mark.parametrize(("code", "shapes"), [
    (jvp_rule(lambda x, y: x * y, pair), {"x": "n", "y": "n"}),
    (by_argument(lambda x: jnp.log1p(jnp.exp(x)), lambda t, out, x: jax.nn.sigmoid(x) * t), {"x": "n"}),
    (by_argument(lambda x, w: x @ w, lambda t, out, x, w: t @ w, lambda t, out, x, w: x @ t), {"x": "m d", "w": "d k"}),
    (by_argument(lambda x: jax.nn.logsumexp(x, axis=1), lambda t, out, x: jnp.sum(jnp.exp(x - out[:, None]) * t, axis=1)), {"x": "m k"}),
])
def test_a_right_jvp_rule_is_proved(code: Any, shapes: dict[str, str]) -> None:
    report = custom_rule_report(code, None, shapes)
    assert report.ok and report.level == "proved", str(report)


def test_a_wrong_jvp_rule_is_refuted_with_the_difference() -> None:
    code = by_argument(lambda x, y: x * y, lambda t, out, x, y: t * x, lambda t, out, x, y: t * x)
    report = custom_rule_report(code, None, {"x": "n", "y": "n"})
    assert report.parts["x"].verdict == WRONG and report.parts["y"].verdict == PROVED and "x_dot" in report.parts["x"].difference


def test_tangents_that_do_not_add_up() -> None:
    def rule(primals: Any, tangents: Any) -> Any:
        (x, y), (a, b) = primals, tangents
        return x * y, a * y + b * x + a * b

    report = custom_rule_report(jvp_rule(lambda x, y: x * y, rule), None, {"x": "n", "y": "n"})
    assert report.wrong and "not linear" in report.parts["x and y"].diagnosis[0]


def test_another_choice_at_a_kink_is_no_error() -> None:
    report = custom_rule_report(by_argument(jax.nn.relu, lambda t, out, x: jnp.where(x >= 0, t, 0.0)), "x", {"x": "n"})
    assert report.verdict == OFF_KINK and report.ok
    step = custom_rule_report(by_argument(jax.nn.relu, lambda t, out, x: jnp.where(x > 1, t, 0.0)), "x", {"x": "n"})
    assert step.verdict == WRONG


def test_what_is_recognised() -> None:
    assert recognised(RIGHT["product"][0]) == "jax.custom_vjp" and recognised(jvp_rule(lambda x, y: x * y, pair)) == "jax.custom_jvp"
    assert recognised(product) == "" and recognised(partial(product, 1.0)) == ""
