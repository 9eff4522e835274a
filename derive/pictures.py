"""Pictures of a training run: the loss curve, and what each class looks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derive.data import Dataset
from derive.data.extras import extra
from derive.errors import BadInput
from derive.train import Run

__all__ = ["loss_curve", "weight_templates"]

_LINE, _FAINT, _TEXT = "#1f4e79", "#a9c4de", "#333333"
_COLUMNS = 5  # templates in a row
_FULL = 99.5  # the percentile of |w| that is drawn as full black or white; a few extreme pixels may saturate


def loss_curve(run: Run, path: str | Path) -> Path:
    """Draw the loss at each step, and its running mean over 2 % of the steps around it, as a PNG file.

    Raises:
        MissingExtra: matplotlib is not installed.
        BadInput: the file cannot be written.
    """
    figure = _figure(7.0, 4.0)
    axes = figure.add_subplot()
    steps = np.arange(1, len(run.losses) + 1)
    window = max(1, len(steps) // 50)
    smooth = np.convolve(run.losses, np.ones(window) / window, mode="valid")
    axes.plot(steps, run.losses, color=_FAINT, linewidth=0.7, label="minibatch loss")
    middle = steps[window // 2 :][: len(smooth)]
    axes.plot(middle, smooth, color=_LINE, linewidth=1.8, label=f"mean over {window} steps")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.set_title(_heading(run), fontsize=10, color=_TEXT, loc="left")
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    return _saved(figure, path)


def weight_templates(W: ArrayLike, dataset: Dataset, path: str | Path) -> Path:
    """Draw each class's column of W as a picture, mid-grey where the weight is zero, as a PNG file.

    Args:
        W: weights of shape (d, k) or, with a row for the bias column, (d + 1, k).
        dataset: for the shape of the pictures and the names of the classes.
        path: where to write.

    Raises:
        MissingExtra: matplotlib is not installed.
        BadInput: W does not fit the data, the data are no pictures, or the file cannot be written.
    """
    templates = _templates(np.asarray(W, dtype=np.float64), dataset)
    rows = -(-len(templates) // _COLUMNS)
    columns = min(_COLUMNS, len(templates))
    figure = _figure(1.7 * columns, 1.95 * rows + 0.35)
    for position, (label, picture) in enumerate(zip(dataset.labels, templates)):
        axes = figure.add_subplot(rows, columns, position + 1)
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(label, fontsize=11, color=_TEXT)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color("#bbbbbb")
    figure.supxlabel("bright: speaks for the class · mid-grey: no weight · dark: speaks against it", fontsize=8.5, color=_TEXT)
    return _saved(figure, path)


def _templates(W: NDArray[np.float64], dataset: Dataset) -> NDArray[np.float64]:
    """The pictures, one for each class, with zero at 0.5 and each class scaled for itself to 0 … 1."""
    pixels = int(np.prod(dataset.image_shape)) if dataset.image_shape else 0
    if not pixels or len(dataset.image_shape) not in (2, 3):
        raise BadInput(f"The examples of {dataset.name!r} are no pictures.", hint="Pass image_shape to from_arrays.")
    if W.ndim != 2 or W.shape[0] not in (pixels, pixels + 1) or W.shape[1] != dataset.classes:
        raise BadInput(f"W has shape {W.shape}; ({pixels}, {dataset.classes}) or one row more is needed for {dataset.name!r}.")
    if not np.isfinite(W).all():
        raise BadInput("W has a NaN or an infinity.")
    columns = W[:pixels].T
    full = np.percentile(np.abs(columns), _FULL, axis=1, keepdims=True)
    scaled = 0.5 + 0.5 * columns / np.where(full > 0, full, 1)
    return np.clip(scaled, 0, 1).reshape(-1, *dataset.image_shape)


def _heading(run: Run) -> str:
    settings = run.settings
    setting = f"learning rate {settings.lr:g}, λ {settings.lam:g}, minibatches of {settings.batch}"
    scores = f"train {run.train_accuracy:.3f}, validation {run.val_accuracy:.3f}, test {run.test_accuracy:.3f}"
    return f"{run.data}: {setting}\naccuracy: {scores}"


def _figure(width: float, height: float) -> Any:
    """An empty figure, in inches, drawn by Agg: no window, and none of pyplot's global state."""
    figure = extra("matplotlib.figure", "the pictures").Figure(figsize=(width, height), dpi=150, layout="constrained")
    extra("matplotlib.backends.backend_agg", "the pictures").FigureCanvasAgg(figure)
    return figure


def _saved(figure: Any, path: str | Path) -> Path:
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, format="png")
    except OSError as error:
        raise BadInput(f"{target} cannot be written: {error.strerror}.", hint="Choose a folder that you may write to.") from error
    return target
