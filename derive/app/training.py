"""The command `train`, and what a training run leaves in its folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from derive import data, losses, pictures
from derive.app.files import Loader, usable_folder
from derive.app.terminal import Screen
from derive.data import Dataset
from derive.data.extras import extra
from derive.errors import BadInput
from derive.train import DEFAULTS, Run, Settings, Trial, save_run, search, train

__all__ = ["Kept", "keep", "require_extras", "rows", "train_command", "train_shown"]

Kept = dict[str, Path]
_SETTINGS = ("steps", "batch", "lr", "lam", "seed")
_FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)  # the search tries these multiples of the default learning rate, and of the default λ its ends


def require_extras() -> None:
    """Fail now and not after the work if the packages for data and pictures are missing.

    Raises:
        MissingExtra: with the command that installs them.
    """
    extra("sklearn.datasets", "the digits")
    extra("matplotlib.figure", "the pictures")


def train_command(options: argparse.Namespace, screen: Screen) -> int:
    """Train a loss, print the accuracies, and write the pictures and the weights."""
    folder = usable_folder(options.out)
    loss = Loader().function(options.target) if options.target else losses.loss
    extra("matplotlib.figure", "the pictures")
    dataset = data.load(options.data, options.seed or 0)
    changes = {name: getattr(options, name) for name in _SETTINGS if getattr(options, name) is not None}
    _introduce(dataset, screen)
    run = _searched(loss, dataset, changes, screen) if options.search else train_shown(loss, dataset, changes, screen)
    screen.pairs(rows(run))
    kept = keep(run, dataset, folder)
    screen.raw()
    screen.pairs([(words, str(path)) for words, path in kept.items()])
    return 0


def _introduce(dataset: Dataset, screen: Screen) -> None:
    sizes = f"{len(dataset.train):,} to train, {len(dataset.val):,} to validate, {len(dataset.test):,} to test"
    screen.words(f"{dataset.name}: {dataset.features} features, {dataset.classes} classes; {sizes}.", indent="  ")


def train_shown(loss: Callable[..., Any], dataset: Dataset, changes: dict[str, Any], screen: Screen) -> Run:
    """Train with a progress bar."""
    with screen.progress("training") as report:
        return train(loss, dataset, progress=report, **changes)


def _searched(loss: Callable[..., Any], dataset: Dataset, changes: dict[str, Any], screen: Screen) -> Run:
    """Try a small grid of learning rates and strengths around the setting, and take what validates best."""
    given = {name: changes.pop(name) for name in ("lr", "lam") if name in changes}
    if given:
        raise BadInput(f"--search chooses {' and '.join(given)} itself.", hint="Leave out one of the two.")
    start = replace(DEFAULTS.get(dataset.name, Settings()), **changes)

    def tell(trial: Trial) -> None:
        result = "diverged" if trial.diverged else f"validation accuracy {trial.val_accuracy:.4f}"
        screen.raw(f"  learning rate {trial.settings.lr:<8g} λ {trial.settings.lam:<8g} {result}")

    rates = [start.lr * factor for factor in _FACTORS]
    strengths = [start.lam * factor for factor in (_FACTORS[0], 1.0, _FACTORS[-1])]
    found = search(loss, dataset, lr=rates, lam=strengths, settings=start, progress=tell)
    screen.words("The best of these on the validation split:", indent="  ")
    return found.best


def rows(run: Run) -> list[tuple[str, str]]:
    """The numbers of a run, as names and values."""
    s = run.settings
    return [
        ("accuracy", f"train {run.train_accuracy:.4f}, validation {run.val_accuracy:.4f}, test {run.test_accuracy:.4f}"),
        ("loss", f"{run.losses[0]:.4f} at the first step, {run.losses[-50:].mean():.4f} over the last {min(50, len(run.losses))}"),
        ("setting", f"{s.steps:,} steps of {s.batch} examples, learning rate {s.lr:g}, λ {s.lam:g}, seed {s.seed}"),
        ("time", f"{run.seconds:.1f} s, compilation included"),
    ]


def keep(run: Run, dataset: Dataset, folder: Path) -> Kept:
    """Write the loss curve, the templates where W has them, and the weights; what each is, and where."""
    kept = {"loss curve": pictures.loss_curve(run, folder / "loss.png")}
    pixels = len(dataset.mean) if dataset.image_shape else 0
    W = run.parameters.get("W")
    if W is not None and pixels and W.ndim == 2 and W.shape[0] in (pixels, pixels + 1) and W.shape[1] == dataset.classes:
        kept["weight templates"] = pictures.weight_templates(W, dataset, folder / "weights.png")
    kept["weights"] = save_run(run, folder / "weights.npz")
    return kept
