"""Minibatch gradient descent on the very function that is derived, in one compiled loop.

A loss is a JAX function such as `loss(W, X, y, lam)`.  Its arguments are told apart by name: the examples and the labels, the scalars
(the strength of the regulariser among them), and the parameters, which are everything else.
"""

from __future__ import annotations

import inspect
import itertools
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from derive.data import Dataset, Split
from derive.data.archive import read_archive, write_archive
from derive.data.roles import Roles, Scores, evaluated, initial, linear_scores, predictor, signature_of, starts
from derive.data.settings import DEFAULTS, Settings, chosen
from derive.errors import BadInput

__all__ = ["DEFAULTS", "Diverged", "Run", "Search", "Settings", "Trial", "load_run", "save_run", "search", "train"]

Floats: TypeAlias = NDArray[np.floating[Any]]
Loss: TypeAlias = Callable[..., Any]
Values: TypeAlias = dict[str, Any]
Progress: TypeAlias = Callable[[int, int, float], None]

_LAM = ("lam", "lambda_", "reg")  # names of the regulariser's strength
_REPORTS = 50  # how often progress is told in a run


class Diverged(BadInput):
    """The loss or a parameter stopped being a finite number."""


@dataclass(frozen=True, eq=False)
class Run:
    """A finished training run.

    Attributes:
        parameters: the trained arrays, float32, by name of the argument.
        losses: the minibatch loss at each step, shape (steps,).
        train_accuracy, val_accuracy, test_accuracy: fractions of right predictions, 0 … 1.
        settings: how it was trained.
        data, features, classes: the name of the data set, its columns (the bias column included) and its classes.
        seconds: the wall-clock time, compilation included.
    """

    parameters: Mapping[str, Floats]
    losses: Floats
    train_accuracy: float
    val_accuracy: float
    test_accuracy: float
    settings: Settings
    data: str
    features: int
    classes: int
    seconds: float


@dataclass(frozen=True)
class Trial:
    """One point of a search: its setting, and its validation accuracy; 0 where it diverged."""

    settings: Settings
    val_accuracy: float
    diverged: bool = False


@dataclass(frozen=True, eq=False)
class Search:
    """All trials in the order in which they were made, and the run with the best validation accuracy."""

    trials: tuple[Trial, ...]
    best: Run


def train(
    loss: Loss,
    data: Dataset,
    *,
    settings: Settings | None = None,
    epochs: float | None = None,
    parameters: Mapping[str, Any] | None = None,
    scalars: Mapping[str, float] | None = None,
    inputs: tuple[str, str] = ("X", "y"),
    scores: Scores | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Run:
    """Minimise `loss` on the training split by minibatch gradient descent, rows drawn with replacement.

    Args:
        loss: the JAX function; it returns one number.
        data: what to train on.
        settings: how to train; the row of `DEFAULTS` for this data if left out.
        epochs: passes over the training split, in place of steps.
        parameters: for each parameter its shape, or an array to start from; a matrix starts at 0.001 × normal, a vector at zero.
            Left out: `W` is (features, classes), `w` is (features,), `b` is (classes,).
        scalars: values of further scalar arguments; those with a default may be left out.
        inputs: the names of the arguments that take the examples and the labels.
        scores: `scores(parameters, X)` of shape (m, classes), or (m,) where positive means class 1; X @ W + b if left out.
        progress: called as `progress(step, steps, loss)` about 50 times.
        changes: steps, batch, lr, lam, momentum, seed: what differs from the settings.  The same seed gives the same bits.

    Raises:
        BadInput: a setting or an argument that means nothing, or a function that does not fit the data.
        Diverged: the loss became NaN or infinite.
    """
    point = chosen(data, settings, epochs, changes)
    loop = _Loop(loss, data, Roles(parameters or {}, scalars or {}, inputs, scores or linear_scores))
    if "lam" in changes and loop.lam is None:
        raise BadInput(f"lam={point.lam} was given, and the loss takes no argument named {' or '.join(_LAM)}.")
    return loop.run(point, progress)


def search(
    loss: Loss,
    data: Dataset,
    *,
    lr: Sequence[float],
    lam: Sequence[float],
    settings: Settings | None = None,
    parameters: Mapping[str, Any] | None = None,
    scalars: Mapping[str, float] | None = None,
    inputs: tuple[str, str] = ("X", "y"),
    scores: Scores | None = None,
    progress: Callable[[Trial], None] | None = None,
    **changes: Any,
) -> Search:
    """Train once for each pair of a learning rate and a strength, compiled once; `progress` is called after each trial.

    The other arguments are those of `train`.  A trial that diverges counts as accuracy 0.

    Raises:
        BadInput: an empty grid, a bad argument, or no trial that stayed finite.
    """
    start = chosen(data, settings, None, changes)
    grid = [replace(start, lr=rate, lam=strength) for rate, strength in itertools.product(lr, lam)]
    loop = _Loop(loss, data, Roles(parameters or {}, scalars or {}, inputs, scores or linear_scores))
    trials: list[Trial] = []
    best: Run | None = None
    for point in grid:
        try:
            run = loop.run(point, None)
            trials.append(Trial(point, run.val_accuracy))
            best = run if best is None or run.val_accuracy > best.val_accuracy else best
        except Diverged:
            trials.append(Trial(point, 0.0, diverged=True))
        if progress is not None:
            progress(trials[-1])
    if best is None:
        raise BadInput(f"None of {len(grid)} settings gave a finite loss.", hint="Pass a grid with smaller learning rates.")
    return Search(tuple(trials), best)


def save_run(run: Run, path: str | Path) -> Path:
    """Write the run to an `.npz` file without pickles: parameters, losses, and everything else as JSON.

    Raises:
        BadInput: the file cannot be written.
    """
    facts = {field.name: getattr(run, field.name) for field in fields(run) if field.name not in ("parameters", "losses", "settings")}
    arrays = {f"parameter.{name}": value for name, value in run.parameters.items()}
    return write_archive(path, {**arrays, "losses": run.losses}, {**facts, "settings": asdict(run.settings)})


def load_run(path: str | Path, data: Dataset | None = None) -> Run:
    """The run that `save_run` wrote; with `data`, one that was trained on data of that name and size.

    Raises:
        BadInput: the file is missing or broken, holds no run, or holds one on other data.
    """
    arrays, facts = read_archive(path)
    try:
        weights = {name.removeprefix("parameter."): value for name, value in arrays.items() if name.startswith("parameter.")}
        run = Run(weights, arrays["losses"], **{**facts, "settings": Settings(**facts["settings"])})
    except (KeyError, TypeError, BadInput) as error:
        raise BadInput(f"{path} holds no saved run: {error}.", hint="Train and save again.") from error
    if data is not None and (run.data, run.features, run.classes) != (data.name, data.features, data.classes):
        trained, met = f"{run.data} ({run.features} × {run.classes})", f"{data.name} ({data.features} × {data.classes})"
        raise BadInput(f"{path} was trained on {trained}, and the data is {met}.", hint="Train on this data first.")
    return run


class _Loop:
    """The loss, the data on the device, and one compiled loop that every setting of a search shares."""

    def __init__(self, loss: Loss, data: Dataset, roles: Roles) -> None:
        self.loss, self.data, self.roles = loss, data, roles
        self.signature = signature_of(loss)
        self.lam = next((name for name in _LAM if name in self.signature.parameters and name not in roles.scalars), None)
        self.start = starts(self.signature, data, roles, self.lam)
        self.X, self.y = jnp.asarray(data.train.X, jnp.float32), jnp.asarray(data.train.y)
        self.compiled = jax.jit(self._advance, static_argnames=("length", "batch"))
        self.predict = jax.jit(predictor(roles.scores))

    def run(self, settings: Settings, progress: Progress | None) -> Run:
        """Train with this setting, and score; the loop is left after each chunk, to report and to notice a divergence."""
        started = time.perf_counter()
        batch, stride = min(settings.batch, len(self.y)), max(1, settings.steps // _REPORTS)
        self._check(batch)
        key, parameters = jax.random.key(settings.seed), self._initial(settings.seed)
        state = (parameters, {name: jnp.zeros_like(value) for name, value in parameters.items()})
        rates, scalars = _float32({"lr": settings.lr, "momentum": settings.momentum}), self._scalars(settings.lam)
        losses: list[Floats] = []
        for start in range(0, settings.steps, stride):
            length = min(stride, settings.steps - start)
            state, values = self.compiled(state, key, jnp.int32(start), self.X, self.y, scalars, rates, length=length, batch=batch)
            losses.append(np.asarray(values, np.float32))
            _require_finite(losses[-1], state[0], start, settings)
            if progress is not None:
                progress(start + length, settings.steps, float(losses[-1][-1]))
        return self._scored(state[0], np.concatenate(losses), settings, started)

    def _advance(self, state: Any, key: Any, start: Any, X: Any, y: Any, scalars: Values, rates: Values, *, length: int, batch: int) -> Any:
        """`length` steps from step `start`; the rows of a step depend on the seed and its number alone."""

        def step(state: Any, number: Any) -> Any:
            parameters, velocity = state
            rows = jax.random.randint(jax.random.fold_in(key, number), (batch,), 0, len(y), jnp.int32)
            some = (X, y) if batch == len(y) else (X[rows], y[rows])
            value, slope = jax.value_and_grad(self._objective)(parameters, *some, scalars)
            velocity = jax.tree.map(lambda v, g: rates["momentum"] * v - rates["lr"] * g, velocity, slope)
            return (jax.tree.map(jnp.add, parameters, velocity), velocity), value

        return lax.scan(step, state, start + jnp.arange(length, dtype=jnp.int32))

    def _objective(self, parameters: Values, X: Any, y: Any, scalars: Values) -> Any:
        """The loss itself, its arguments put where its signature wants them."""
        values = {**parameters, **scalars, **dict(zip(self.roles.inputs, (X, y)))}
        ordered = OrderedDict((name, values[name]) for name in self.signature.parameters if name in values)
        bound = inspect.BoundArguments(self.signature, ordered)
        return self.loss(*bound.args, **bound.kwargs)

    def _initial(self, seed: int) -> Values:
        """The parameters to start from, of this seed."""
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), 2**31 - 1), len(self.start))
        return {name: initial(key, start) for key, (name, start) in zip(keys, self.start.items())}

    def _scalars(self, lam: float) -> Values:
        return _float32({**self.roles.scalars, **({self.lam: lam} if self.lam else {})})

    def _scored(self, parameters: Values, losses: Floats, settings: Settings, started: float) -> Run:
        train, val, test = (self._accuracy(parameters, split) for split in (self.data.train, self.data.val, self.data.test))
        weights = {name: np.asarray(value) for name, value in parameters.items()}
        size = self.data.features, self.data.classes
        return Run(weights, losses, train, val, test, settings, self.data.name, *size, time.perf_counter() - started)

    def _accuracy(self, parameters: Values, split: Split) -> float:
        X = self.X if split is self.data.train else jnp.asarray(split.X, jnp.float32)
        return float(np.mean(np.asarray(self.predict(parameters, X)) == split.y))

    def _check(self, batch: int) -> None:
        """The loss gives one number, and the scores one prediction for each example, or BadInput says which line does not."""
        rows = jax.eval_shape(lambda X, y: (X[:batch], y[:batch]), self.X, self.y)
        parameters = self._initial(0)
        value = evaluated(self.loss, self._objective, parameters, *rows, self._scalars(0.0))
        if getattr(value, "shape", None) != () or not jnp.issubdtype(value.dtype, jnp.floating):
            raise BadInput(f"The loss returns {value}; one real number is needed.", hint="A mean over the examples, perhaps?")
        labels = evaluated(self.roles.scores, self.predict, parameters, rows[0])
        if labels.shape != rows[1].shape:
            raise BadInput(f"scores gives predictions of shape {labels.shape} for {rows[1].shape} examples.", hint="Return (m, classes).")


def _float32(values: Mapping[str, float]) -> Values:
    return {name: jnp.float32(value) for name, value in values.items()}


def _require_finite(losses: Floats, parameters: Values, start: int, settings: Settings) -> None:
    """Stop a run whose loss or parameters are no longer numbers."""
    bad = np.flatnonzero(~np.isfinite(losses))
    lost = [name for name, value in parameters.items() if not np.isfinite(np.asarray(value)).all()]
    if bad.size or lost:
        what = f"The loss became {losses[bad[0]]} at step {start + bad[0] + 1}" if bad.size else f"{lost[0]} is no longer finite"
        hint = f"Try a smaller learning rate, such as lr={settings.lr / 10:g}."
        raise Diverged(f"{what}, with lr={settings.lr:g} and lam={settings.lam:g}.", hint=hint)
