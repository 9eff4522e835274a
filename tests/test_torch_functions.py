"""torch.autograd.Function, right and wrong: lifted to formulas, run by torch, and what else torch asks of a backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive
from derive.checking.foreign import foreign_findings, foreign_subject, forward_of, recognised
from derive.checking.formulas import formulas_of, on_indices, story_equal
from derive.checking.truth import Reference
from derive.derivation import Argument
from derive.evaluate import Evaluator
from derive.points import points
from derive.rules.sizes import size

torch = pytest.importorskip("torch")
F = torch.nn.functional
Saved = torch.autograd.Function


class Linear(Saved):
    @staticmethod
    def forward(ctx, x, weight, bias=None):
        ctx.save_for_backward(x, weight, bias)
        output = x.mm(weight.t())
        if bias is not None:
            output += bias.unsqueeze(0).expand_as(output)
        return output

    @staticmethod
    def backward(ctx, grad_output):
        x, weight, bias = ctx.saved_tensors
        grad_x = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_x = grad_output.mm(weight)
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.t().mm(x)
        if bias is not None and ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_x, grad_weight, grad_bias


class CrossEntropy(Saved):
    @staticmethod
    def forward(ctx, logits, target):
        shifted = logits - logits.max(dim=1, keepdim=True).values
        probs = torch.exp(shifted) / torch.exp(shifted).sum(dim=1, keepdim=True)
        n = logits.size(0)
        ctx.save_for_backward(probs, target)
        return -(shifted.gather(1, target.unsqueeze(1)).squeeze(1) - torch.logsumexp(shifted, 1)).sum() / n

    @staticmethod
    def backward(ctx, grad_output):
        probs, target = ctx.saved_tensors
        grad = probs.clone()
        grad[torch.arange(probs.shape[0]), target] -= 1
        return grad_output * grad.div_(len(target)), None


class CrossEntropyByOneHot(Saved):
    @staticmethod
    def forward(ctx, logits, target):
        log_probs = F.log_softmax(logits, dim=-1)
        ctx.save_for_backward(log_probs, target)
        return F.nll_loss(log_probs, target)

    @staticmethod
    def backward(ctx, grad_output):
        log_probs, target = ctx.saved_tensors
        hot = torch.zeros_like(log_probs).scatter_(1, target.view(-1, 1), 1.0)
        return (log_probs.exp() - hot) * (grad_output / log_probs.shape[0]), None


class LayerNorm(Saved):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        centred = x - x.mean(-1, keepdim=True)
        r = torch.rsqrt(centred.pow(2).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(centred * r, r, gamma)
        return torch.addcmul(beta, gamma, centred * r)

    @staticmethod
    def backward(ctx, dy):
        xhat, r, gamma = ctx.saved_tensors
        d = xhat.size(-1)
        g = dy * gamma
        dx = (r / d) * (d * g - g.sum(-1, keepdim=True) - xhat * (g * xhat).sum(-1, keepdim=True))
        return dx, (dy * xhat).sum(dim=0), dy.sum(dim=0), None


class Attention(Saved):
    @staticmethod
    def forward(ctx, q, k, v):
        weights = torch.softmax(q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5, dim=-1)
        ctx.save_for_backward(q, k, v, weights)
        return weights @ v

    @staticmethod
    def backward(ctx, grad):
        q, k, v, w = ctx.saved_tensors
        dw = grad @ v.mT
        ds = w * (dw - (dw * w).sum(-1, keepdim=True)) / q.shape[-1] ** 0.5
        return ds @ k, ds.T @ q, w.permute(1, 0) @ grad


class Swish(Saved):
    @staticmethod
    def forward(x, beta):
        return x * torch.sigmoid(beta * x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, beta = inputs
        ctx.save_for_backward(x)
        ctx.beta = beta

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(ctx.beta * x)
        return g * (s + ctx.beta * x * s * (1 - s)), None


class Relu(Saved):
    @staticmethod
    def forward(ctx, x):
        ctx.mask = x > 0
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        out = g.clone()
        out[~ctx.mask] = 0
        return out


def cross_entropy(logits: Any, target: Any) -> Any:
    return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(logits.shape[0]), target])


def layer_norm(x: Any, gamma: Any, beta: Any, eps: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return gamma * centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + eps) + beta


def attention(q: Any, k: Any, v: Any) -> Any:
    return jax.nn.softmax(q @ k.T / jnp.sqrt(q.shape[-1])) @ v


LINEAR = (lambda x, weight, bias: x @ weight.T + bias, {"x": "m d", "weight": "k d", "bias": "k"})
LABELS = (cross_entropy, {"logits": "m k", "target": "int m"})

RIGHT: dict[Any, tuple[Callable[..., Any], dict[str, str]]] = {
    Linear: LINEAR, CrossEntropy: LABELS, CrossEntropyByOneHot: LABELS,
    LayerNorm: (layer_norm, {"x": "m d", "gamma": "d", "beta": "d", "eps": ""}), Attention: (attention, {"q": "n d", "k": "m d", "v": "m e"}),
    Swish: (lambda x, beta: x * jax.nn.sigmoid(beta * x), {"x": "n", "beta": ""}),
}


@pytest.mark.parametrize("code", RIGHT, ids=lambda code: code.__name__)
def test_a_right_function_is_equal_for_all_sizes_and_in_numbers(code: Any) -> None:
    reference, shapes = RIGHT[code]
    truth = Reference(reference, shapes, ("eps > 0",) if "eps" in shapes else ())
    subject = foreign_subject(code, truth.arguments, ())
    assert "eps" not in subject.returns and ("beta" not in subject.returns or code is LayerNorm)
    for point in truth.points(3):
        value, gradients = subject.run({name: np.array(v) for name, v in point.arrays.items()})
        np.testing.assert_allclose(value, truth.value(point.arrays), rtol=1e-9)
        for name, g in gradients.items():
            np.testing.assert_allclose(g, truth.gradient(point.arrays, name), rtol=1e-8, atol=1e-10)
    formulas = formulas_of(subject, truth.arguments)
    for name in subject.returns:
        claimed = on_indices(formulas.gradients[name], truth.story(name).result.indices)
        assert claimed is not None and story_equal(claimed, truth.story(name), truth)[0], name


def test_the_whole_check() -> None:
    report = derive.check(Linear, LINEAR[0], None, LINEAR[1])
    assert report.ok and report.level == "proved" and set(report.parts) == {"x", "weight", "bias"}


def test_a_kink_is_told() -> None:
    report = derive.check(Relu, jax.nn.relu, "x", {"x": "n"})
    assert report.ok and report.level == "proved"


def variant(code: Any, backward: Callable[..., Any]) -> Any:
    return type(code.__name__, (Saved,), {"forward": staticmethod(code.forward), "backward": staticmethod(backward)})


def swapped(ctx: Any, g: Any) -> Any:
    q, k, v, w = ctx.saved_tensors
    dw = g @ v.mT
    ds = w * (dw - (dw * w).sum(-1, keepdim=True)) / q.shape[-1] ** 0.5
    return ds.T @ q, ds @ k, w.T @ g


def no_incoming(ctx: Any, g: Any) -> Any:
    probs, target = ctx.saved_tensors
    return (probs - F.one_hot(target, probs.shape[1])) / len(target), None


def no_mean(ctx: Any, g: Any) -> Any:
    probs, target = ctx.saved_tensors
    return g * (probs - F.one_hot(target, probs.shape[1]).to(probs.dtype)), None


def unbiased(ctx: Any, g: Any) -> Any:
    x, weight, _ = ctx.saved_tensors
    return g.mm(weight), g.t().mm(x), g.mean(0)


@pytest.mark.parametrize(("code", "backward", "wrt", "part"), [
    (CrossEntropy, no_incoming, "logits", "dout"), (CrossEntropy, no_mean, "logits", "m"), (Linear, unbiased, "bias", "Σ_i dout_ic"),
])
def test_a_wrong_function_is_refuted_with_the_difference(code: Any, backward: Any, wrt: str, part: str) -> None:
    reference, shapes = RIGHT[code]
    if code is CrossEntropy and part == "dout":  # a loss that is scaled further on shows that what flows in is not used
        reference, code = (lambda logits, target: cross_entropy(logits, target)[None]), _with_axis(CrossEntropy)
    report = derive.check(variant(code, backward), reference, wrt, shapes)
    assert report.verdict == "wrong" and part in report.difference and report.counterexample is not None, str(report)


def _with_axis(code: Any) -> Any:
    def forward(ctx, logits, target):
        return code.forward(ctx, logits, target).unsqueeze(0)

    return type("CrossEntropy", (Saved,), {"forward": staticmethod(forward), "backward": staticmethod(code.backward)})


def test_gradients_in_the_wrong_order_never_pass() -> None:
    report = derive.check(variant(Attention, swapped), attention, None, {"q": "n d", "k": "m d", "v": "m e"})
    assert not report.ok
    square = derive.check(variant(Attention, swapped), attention, ["q"], {"q": "n d", "k": "n d", "v": "n e"})
    assert square.wrong


def test_a_forgotten_none_cannot_run() -> None:
    code = variant(CrossEntropy, lambda ctx, g: no_mean(ctx, g)[0])
    report = derive.check(code, cross_entropy, "logits", LABELS[1])
    assert report.verdict == "cannot run" and "number of gradients" in str(report)


def test_torch_sums_a_gradient_over_repeated_axes_and_so_do_we() -> None:
    class Shift(Saved):
        @staticmethod
        def forward(ctx, x, b):
            return x + b

        @staticmethod
        def backward(ctx, g):
            return g, g

    truth = Reference(lambda x, b: x + b, {"x": "m k", "b": "k"}, ())
    formulas = formulas_of(foreign_subject(Shift, truth.arguments, ()), truth.arguments)
    claimed = on_indices(formulas.gradients["b"], truth.story("b").result.indices)
    assert claimed is not None and story_equal(claimed, truth.story("b"), truth)[0] and "torch sums it" in formulas.notes[0]


# ------------------------------------------------------------------------------------------- torch's meaning, not NumPy's


def lifted_is_run(forward: Callable[..., Any], shapes: dict[str, str]) -> None:
    """What the lift says that forward computes is what torch computes."""
    code = type("Code", (Saved,), {"forward": staticmethod(lambda ctx, x: (setattr(ctx, "x", x), forward(x))[1]),
                                   "backward": staticmethod(lambda ctx, g: ctx.x * 0)})
    arguments = tuple(Argument(name, tuple(map(size, text.split()))) for name, text in shapes.items())
    value = formulas_of(foreign_subject(code, arguments, ()), arguments).value
    assert value is not None
    for point in [p for _, p in zip(range(5), points(arguments, {})) if 1 not in p.sizes.values()]:
        exact = Evaluator(point.sizes, point.arrays).array(value.body, value.indices).astype(float)
        run = np.asarray(forward(torch.from_numpy(np.array(point.arrays["x"]))))
        np.testing.assert_allclose(exact.ravel(), run.ravel(), rtol=1e-9, atol=1e-12)


def aliased(x: Any) -> Any:
    total = x.sum()
    other = total
    other += 1
    return total * x


def entry_in_place(x: Any) -> Any:
    y = x.clone()
    first = y[0, 0]
    first += 5
    return y


def scaled_then_turned(x: Any) -> Any:
    return (x.shape[0] * x).transpose(0, 1)


@pytest.mark.parametrize("forward", [
    aliased, entry_in_place, scaled_then_turned, lambda x: x.var(1), lambda x: x.std(dim=1, unbiased=False), lambda x: x.max(0)[0],
    lambda x: (2 * x).max(dim=1, keepdim=True).values - x, lambda x: x.t().contiguous().view(-1, x.shape[0]), lambda x: x.norm(dim=1),
    lambda x: x.unsqueeze(1).expand(-1, 2, -1).sum(1), lambda x: F.softplus(x, beta=2), lambda x: F.leaky_relu(x, 0.2), lambda x: F.elu(x),
    lambda x: torch.where(x > 0, x, -x).masked_fill(x < -1, 0.0), lambda x: torch.cat([x, x * x], dim=1),
    lambda x: x.new_zeros(x.shape).add_(x, alpha=3),
    lambda x: F.normalize(x, dim=1), lambda x: torch.einsum("ij,kj->ik", x, x), lambda x: x.clamp(-1, 1).mul_(2).sub_(1),
], ids=range(19))  # fmt: skip
def test_the_table_says_what_torch_does(forward: Callable[..., Any]) -> None:
    lifted_is_run(forward, {"x": "m n"})


def test_what_is_not_known_is_refused() -> None:
    truth = Reference(lambda x: x, {"x": "n"}, ())
    for forward in (lambda ctx, x: torch.sort(x).values, lambda ctx, x: torch.fft.fft(x), lambda ctx, x: torch.rand_like(x) * x,
                    lambda ctx, x: x[x.argmax()] * x, lambda ctx, x: torch.from_numpy(np.exp(x)), lambda ctx, x: sum(x) * x):
        code = type("Code", (Saved,), {"forward": staticmethod(forward), "backward": staticmethod(lambda ctx, g: g)})
        with pytest.raises(derive.DeriveError, match=r"covered|NumPy|depends on data|random"):
            formulas_of(foreign_subject(code, truth.arguments, ()), truth.arguments)


# ------------------------------------------------------------------------------------------- what else torch asks


def findings(backward: Callable[..., Any]) -> list[str]:
    class Product(Saved):
        @staticmethod
        def forward(ctx, x, w):
            y = torch.exp(x * w)
            ctx.save_for_backward(y, x, w)
            return y

    Product.backward = staticmethod(backward)
    truth = Reference(lambda x, w: jnp.exp(x * w), {"x": "m n", "w": "m n"}, ())
    point = next(iter(truth.points(1)))
    return [f.text for f in foreign_findings(Product, truth.arguments, point.arrays) if f.serious]


def test_a_careful_backward_pass_raises_nothing() -> None:
    def backward(ctx, g):
        y, x, w = ctx.saved_tensors
        return (g * y * w if ctx.needs_input_grad[0] else None), (g * y * x if ctx.needs_input_grad[1] else None)

    assert findings(backward) == []


def test_exchanged_needs_are_found() -> None:
    def backward(ctx, g):
        y, x, w = ctx.saved_tensors
        return (g * y * w if ctx.needs_input_grad[1] else None), (g * y * x if ctx.needs_input_grad[0] else None)

    assert any("needs_input_grad" in text for text in findings(backward))


def test_a_changed_incoming_gradient_is_found() -> None:
    def backward(ctx, g):
        y, x, w = ctx.saved_tensors
        g *= y
        return g * w, g * x

    assert any("incoming gradient in place" in text for text in findings(backward))


def test_a_view_of_what_flows_in_is_found() -> None:
    def backward(ctx, g):
        y, x, w = ctx.saved_tensors
        flat = g.view(-1)
        return flat.view(y.shape) * y * w, g * y * x

    assert any("not contiguous" in text for text in findings(backward))


def test_recognised_and_the_forward_pass_alone() -> None:
    assert recognised(Linear) == "torch.autograd.Function" and recognised(torch.nn.Linear) == ""
    forward = forward_of(Linear)
    np.testing.assert_allclose(forward(np.eye(2), np.ones((3, 2)), np.zeros(3)), np.ones((2, 3)))
    assert forward_of(Swish)(np.zeros(2), 1.0).tolist() == [0, 0]


def test_without_a_reference_its_own_forward_pass_is_differentiated() -> None:
    assert derive.check(Swish, None, None, {"x": "n", "beta": ""}).require("proved").ok
    assert derive.check(variant(CrossEntropy, no_mean), None, "logits", LABELS[1]).wrong
