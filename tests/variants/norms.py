"""Normalisation: over the batch, over a layer, over groups."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from variants.variant import Family, row

EPS = 1e-5


def batchnorm(x, gamma, beta):
    mean = jnp.mean(x, axis=0)
    var = jnp.mean((x - mean) ** 2, axis=0)
    return gamma * (x - mean) / jnp.sqrt(var + 1e-5) + beta


def layernorm(x, gamma, beta):
    mean = jnp.mean(x, axis=-1, keepdims=True)
    var = jnp.var(x, axis=-1, keepdims=True)
    return gamma * (x - mean) / jnp.sqrt(var + 1e-5) + beta


def rmsnorm(x, g):
    return x / jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6) * g


def groupnorm(x, gamma, beta):
    """x is examples × groups × channels of a group."""
    mean = jnp.mean(x, axis=2, keepdims=True)
    var = jnp.mean((x - mean) ** 2, axis=2, keepdims=True)
    return (x - mean) / jnp.sqrt(var + 1e-5) * gamma + beta


def l2_normalised(x):
    return x / jnp.sqrt(jnp.sum(x * x, axis=1, keepdims=True))


def spatial(x, gamma, beta):
    """Batch normalisation of images: examples × channels × height × width."""
    mean = jnp.mean(x, axis=(0, 2, 3), keepdims=True)
    var = jnp.mean((x - mean) ** 2, axis=(0, 2, 3), keepdims=True)
    return gamma[None, :, None, None] * (x - mean) / jnp.sqrt(var + 1e-5) + beta[None, :, None, None]


def standardised_regression(w, X, y):
    z = (X - jnp.mean(X, axis=0)) / jnp.sqrt(jnp.var(X, axis=0) + 1e-5)
    return 0.5 * jnp.mean((z @ w - y) ** 2)


ND = {"x": "n d", "gamma": "d", "beta": "d"}
BATCH = Family(batchnorm, ("x", "gamma", "beta"), ND)
LAYER = Family(layernorm, ("x", "gamma", "beta"), ND)
RMS = Family(rmsnorm, ("x", "g"), {"x": "n d", "g": "d"})
GROUP = Family(groupnorm, ("x", "gamma", "beta"), {"x": "n g c", "gamma": "g c", "beta": "g c"})
UNIT = Family(l2_normalised, ("x",), {"x": "n d"})
SPATIAL = Family(spatial, ("x", "gamma", "beta"), {"x": "n c h w", "gamma": "c", "beta": "c"})
STANDARDISED = Family(standardised_regression, ("w",), {"w": "d", "X": "m d", "y": "m"})


def batchnorm_forward_staged(x, gamma, beta):
    N, D = x.shape
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu ** 2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + EPS)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    gammax = gamma * xhat
    out = gammax + beta
    return out, (xhat, gamma, xmu, ivar, sqrtvar, var)


def batchnorm_backward_staged(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar, var = cache
    N, D = dout.shape
    dbeta = np.sum(dout, axis=0)
    dgammax = dout
    dgamma = np.sum(dgammax * xhat, axis=0)
    dxhat = dgammax * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / (sqrtvar ** 2) * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + EPS) * dsqrtvar
    dsq = 1.0 / N * np.ones((N, D)) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1.0 / N * np.ones((N, D)) * dmu
    dx = dx1 + dx2
    return dx, dgamma, dbeta


def batchnorm_forward(x, gamma, beta):
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    std = np.sqrt(var + 1e-5)
    x_hat = (x - mu) / std
    return gamma * x_hat + beta, (x_hat, gamma, std)


def batchnorm_backward_compact(dout, cache):
    x_hat, gamma, std = cache
    N = dout.shape[0]
    dgamma = np.sum(dout * x_hat, axis=0)
    dbeta = dout.sum(axis=0)
    dx = gamma / (N * std) * (N * dout - dbeta - x_hat * dgamma)
    return dx, dgamma, dbeta


def layernorm_forward(x, gamma, beta):
    mu = np.mean(x, axis=1, keepdims=True)
    xc = x - mu
    var = np.mean(xc ** 2, axis=1, keepdims=True)
    rstd = (var + 1e-5) ** -0.5
    norm = xc * rstd
    return gamma * norm + beta, (norm, gamma, rstd)


def layernorm_backward(dout, cache):
    norm, gamma, rstd = cache
    dnorm = dout * gamma
    dx = dnorm - dnorm.mean(-1, keepdims=True) - norm * (dnorm * norm).mean(-1, keepdims=True)
    dx *= rstd
    return dx, (dout * norm).sum(0), dout.sum(0)


def layernorm_forward_columns(x, gamma, beta):
    # the code of batch normalisation on the transpose
    xt = x.T
    mean, var = np.mean(xt, axis=0), np.var(xt, axis=0)
    std = np.sqrt(var + 1e-5)
    xhat = ((xt - mean) / std).T
    return xhat * gamma + beta, {"xhat": xhat, "std": std, "gamma": gamma}


def layernorm_backward_columns(dout, cache):
    xhat, std, gamma = cache["xhat"], cache["std"], cache["gamma"]
    D = dout.shape[1]
    g = (dout * gamma).T
    h = xhat.T
    dx = (g - g.sum(axis=0) / D - h * np.sum(g * h, axis=0) / D) / std
    return dx.T, np.sum(dout * xhat, axis=0), np.sum(dout, axis=0)


def rmsnorm_forward(x, g):
    ms = np.mean(np.square(x), axis=-1, keepdims=True)
    r = 1.0 / np.sqrt(ms + 1e-6)
    return x * r * g, (x, g, r)


def rmsnorm_backward(dout, cache):
    x, g, r = cache
    D = x.shape[-1]
    dg = np.einsum("nd,nd->d", dout, x * r)
    dxn = dout * g
    dx = r * dxn - x * r ** 3 / D * np.sum(dxn * x, axis=-1, keepdims=True)
    return dx, dg


def groupnorm_forward(x, gamma, beta):
    mu = x.mean(axis=2, keepdims=True)
    sigma = np.sqrt(((x - mu) ** 2).mean(axis=2, keepdims=True) + 1e-5)
    xhat = (x - mu) / sigma
    return xhat * gamma + beta, (xhat, sigma, gamma)


def groupnorm_backward(dout, cache):
    xhat, sigma, gamma = cache
    dxhat = dout * gamma
    m1 = dxhat.mean(axis=2, keepdims=True)
    m2 = (dxhat * xhat).mean(axis=2, keepdims=True)
    return (dxhat - m1 - xhat * m2) / sigma, (dout * xhat).sum(axis=0), dout.sum(axis=0)


def unit_forward(x):
    norm = np.sqrt((x ** 2).sum(axis=1, keepdims=True))
    out = x / norm
    return out, (out, norm)


def unit_backward(dout, cache):
    out, norm = cache
    return (dout - out * np.sum(out * dout, axis=1, keepdims=True)) / norm


def spatial_forward(x, gamma, beta):
    N, C, H, W = x.shape
    flat = x.transpose(0, 2, 3, 1).reshape(-1, C)
    mu = flat.mean(axis=0)
    std = np.sqrt(flat.var(axis=0) + 1e-5)
    xhat = (flat - mu) / std
    out = (gamma * xhat + beta).reshape(N, H, W, C).transpose(0, 3, 1, 2)
    return out, (xhat, gamma, std)


def spatial_backward(dout, cache):
    xhat, gamma, std = cache
    N, C, H, W = dout.shape
    d = dout.transpose(0, 2, 3, 1).reshape(-1, C)
    M = N * H * W
    dgamma = np.sum(d * xhat, axis=0)
    dbeta = np.sum(d, axis=0)
    dx = gamma / std * (d - dbeta / M - xhat * dgamma / M)
    return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2), dgamma, dbeta


def spatial_forward_axes(x, gamma, beta):
    axes = (0, 2, 3)
    mu = np.mean(x, axis=axes, keepdims=True)
    var = np.var(x, axis=axes, keepdims=True)
    istd = 1 / np.sqrt(var + 1e-5)
    xhat = (x - mu) * istd
    return gamma.reshape(1, -1, 1, 1) * xhat + beta.reshape(1, -1, 1, 1), (xhat, gamma, istd)


def spatial_backward_axes(dout, cache):
    xhat, gamma, istd = cache
    axes = (0, 2, 3)
    dbeta = dout.sum(axis=axes)
    dgamma = (dout * xhat).sum(axis=axes)
    dxhat = dout * gamma[None, :, None, None]
    dx = istd * (dxhat - dxhat.mean(axis=axes, keepdims=True) - xhat * (dxhat * xhat).mean(axis=axes, keepdims=True))
    return dx, dgamma, dbeta


def regression_on_standardised(w, X, y):
    Z = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5)
    r = Z @ w - y
    return 0.5 * np.mean(r * r), Z.T @ r / X.shape[0]


# ------------------------------------------------------------------------------------------- wrong ones


def batchnorm_backward_constant_statistics(dout, cache):
    x_hat, gamma, std = cache
    return dout * gamma / std, np.sum(dout * x_hat, axis=0), dout.sum(axis=0)


def layernorm_backward_wrong_axis(dout, cache):
    norm, gamma, rstd = cache
    dnorm = dout * gamma
    dx = dnorm - dnorm.mean(0, keepdims=True) - norm * (dnorm * norm).mean(0, keepdims=True)
    return dx * rstd, (dout * norm).sum(0), dout.sum(0)


def rmsnorm_backward_no_mean(dout, cache):
    x, g, r = cache
    dxn = dout * g
    return r * dxn - x * r ** 3 * np.sum(dxn * x, axis=-1, keepdims=True), np.sum(dout * x * r, axis=0)


ROWS = [
    row(BATCH, batchnorm_forward_staged, batchnorm_backward_staged),
    row(BATCH, batchnorm_forward, batchnorm_backward_compact),
    row(LAYER, layernorm_forward, layernorm_backward),
    row(LAYER, layernorm_forward_columns, layernorm_backward_columns),
    row(RMS, rmsnorm_forward, rmsnorm_backward),
    row(GROUP, groupnorm_forward, groupnorm_backward),
    row(UNIT, unit_forward, unit_backward),
    row(SPATIAL, spatial_forward, spatial_backward),
    row(SPATIAL, spatial_forward_axes, spatial_backward_axes),
    row(STANDARDISED, regression_on_standardised),
    row(BATCH, batchnorm_forward, batchnorm_backward_constant_statistics, fault="mean and variance are taken for constants"),
    row(LAYER, layernorm_forward, layernorm_backward_wrong_axis, fault="the means run over the batch"),
    row(RMS, rmsnorm_forward, rmsnorm_backward_no_mean, fault="the 1/d of the mean is missing"),
]
