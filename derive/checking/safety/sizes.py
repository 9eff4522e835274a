"""Unusual sizes: an empty batch, a single example, a single class; and the shapes of what is returned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from derive.checking.report import sizes_text
from derive.checking.safety.setting import Finding, Setting, results
from derive.checking.shaping import shape_words
from derive.errors import NotYet
from derive.index import Mono, Pow, Size, walk
from derive.points import Point, concrete, fitted, holds, sizes_of

__all__ = ["empty_batch", "returned_shapes", "single_sizes"]


def returned_shapes(setting: Setting) -> Iterator[Finding]:
    """A gradient with its argument's shape, a loss that is a number."""
    for name, array in results(setting.ran):
        if not name:
            if setting.truth.kind == "gradient" and array.shape and array.size == 1:
                yield Finding(f"the loss is an array of shape {array.shape}, not a number: end with float(…) or sum without keepdims")
            continue
        found = _shaped(setting, setting.base, name, array) if name in setting.wrt else None
        if found is not None:
            yield found


def _shaped(setting: Setting, point: Point, name: str, array: np.ndarray) -> Finding | None:
    """That a gradient has another shape than its argument, even where the two can be subtracted: at other sizes, or elsewhere, they cannot."""
    due, own = np.shape(point.arrays[name]), setting.own_name(name)
    if array.shape == due or array.size != int(np.prod(due)):
        return None
    shapes = [shape_words(shape, point) for shape in (array.shape, due)]
    words = f"the gradient with respect to {own} has shape {shapes[0]}, and {own} has {shapes[1]}"
    grown = not _keeps(due, array.shape)
    return Finding(f"{words}: {own} − step · gradient would have another shape" if grown else words, True, name)


def _keeps(due: tuple[int, ...], own: tuple[int, ...]) -> bool:
    """Whether an argument minus the gradient has the argument's number of entries."""
    try:
        return int(np.prod(np.broadcast_shapes(due, own))) == int(np.prod(due))
    except ValueError:  # the two cannot even be subtracted
        return False


def empty_batch(setting: Setting) -> Iterator[Finding]:
    """No examples: that it raises, or gives NaN where the truth is a number."""
    for size in _batches(setting):
        point = _resized(setting, {size: 0})
        if point is None:
            continue
        trial = setting.run(point.arrays, sizes=point.sizes)
        if trial.error is not None:
            yield Finding(f"for an empty batch ({size} = 0) it raises {type(trial.error).__name__}: {trial.error}")
            continue
        for name, array in results(trial):
            bad = np.argwhere(~np.isfinite(array))
            known = len(bad) and name in setting.right and not _divided_by(setting, size)
            true = setting.exact(name, point, tuple(int(k) for k in bad[0])) if known else None
            if true is not None:
                what = f"the gradient with respect to {setting.own_name(name)}" if name else "the value"
                yield Finding(f"for an empty batch ({size} = 0) {what} is {array[tuple(bad[0])]}, and the truth is {true:g}", about=name)


def _divided_by(setting: Setting, size: str) -> bool:
    """Whether the truth itself divides by a size, so that it has no value where that is 0."""
    try:
        story = setting.truth.story(setting.wrt[0])
    except (NotYet, IndexError):  # no gradient is asked for
        return True
    nodes = [part for d in (*story.definitions, *story.cotangents, story.result) for part in walk(d.body)]
    powers = [(p.args[0], p.args[1]) for p in nodes if isinstance(p, Pow)] + [pair for p in nodes if isinstance(p, Mono) for pair in p.args[0]]
    return any(e < 0 and any(part == Size(size) for part in walk(base)) for base, e in powers)


def _batches(setting: Setting) -> list[str]:
    """The sizes that lead some argument and are in no gradient: those of the examples."""
    inside = {str(part.args[0]) for a in setting.truth.arguments if a.name in setting.wrt for part in a.shape if isinstance(part, Size)}
    leading = [str(a.shape[0].args[0]) for a in setting.truth.arguments if a.shape and isinstance(a.shape[0], Size)]
    return [size for size in dict.fromkeys(leading) if size not in inside]


def single_sizes(setting: Setting) -> Iterator[Finding]:
    """One size 1 at a time, and all of them: that it raises, or is wrong, where the truth has a value."""
    names = sizes_of(setting.truth.arguments)
    cases = [{name: 1} for name in names] if len(names) > 1 else []
    for sizes in [*cases, dict.fromkeys(names, 1)] if names else []:
        point = _resized(setting, sizes)
        found = None if point is None else _at(setting, point, sizes_text(sizes))
        if found is not None:
            yield found


def _at(setting: Setting, point: Point, words: str) -> Finding | None:
    trial = setting.run(point.arrays, sizes=point.sizes)
    if trial.error is not None:
        known = next(iter(setting.wrt), "")
        truth = setting.true(known, point.arrays)
        exists = truth is not None and bool(np.isfinite(truth).all())
        return Finding(f"with {words} it raises {type(trial.error).__name__}: {trial.error}", True) if exists else None
    for name, array in results(trial):
        if name not in setting.right:
            continue
        shaped = _shaped(setting, point, name, array) if name else None
        if shaped is not None and shaped.serious:
            return replace(shaped, text=f"with {words} {shaped.text}")
        for place in list(np.ndindex(array.shape))[:: max(1, array.size - 1)]:
            true = setting.exact(name, point, place)
            if true is not None and not abs(array[place] - true) <= 1e-6 * (1 + abs(true)):
                what = f"the gradient with respect to {setting.own_name(name)}" if name else "the value"
                return Finding(f"with {words} {what} is {array[place]:.6g} at entry {place}, and the truth is {true:.6g}", True, name)
    return None


def _resized(setting: Setting, sizes: Mapping[str, int]) -> Point | None:
    """The base point cut down to smaller sizes, with labels in range; None where something that is declared does not hold then."""
    point, arrays = setting.base, {}
    new = {**point.sizes, **sizes}
    for a in setting.truth.arguments:
        value = np.asarray(point.arrays[a.name])
        array = value[tuple(slice(concrete(part, new)) for part in a.shape)]
        if a.kind == "int":
            array = np.minimum(array, max(min((concrete(b, new) for b in setting.truth.bounds.get(a.name, ())), default=1 << 30) - 1, 0))
        arrays[a.name] = array[()] if not array.ndim else array
    cut = replace(point, sizes=new, arrays=arrays)
    if 0 not in sizes.values():
        cut = fitted(cut, setting.truth.extra)
    return cut if all(holds(a.condition, cut) for a in setting.truth.extra) else None
