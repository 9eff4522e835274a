"""What the arrays in a tree are called, and how Python reaches them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import jax

__all__ = ["names_of", "reach_of"]


def has_word(path: Sequence[Any]) -> bool:
    """Whether the last key of a path is a word, and no number."""
    return not _word(path[-1]).isdigit()


def names_of(paths: Sequence[tuple[str, Any]], taken: Collection[str], called: Sequence[str] = ()) -> Iterator[str]:
    """A name for each leaf: its last key, with as much of the path as a subscript as tells it from the others.

    Args:
        paths: the argument and the keys, for each leaf.
        taken: names that no leaf may have.
        called: a word for each leaf, to be taken where its last key is a number; may be empty.
    """
    words = [[name, *(_word(key) for key in path)] for name, path in paths]
    for parts, word in zip(words, called):
        parts[-1] = word if word and parts[-1].isdigit() else parts[-1]
    depth = [1] * len(words)
    while True:
        names = [_joined(parts[-n:]) for parts, n in zip(words, depth)]
        unclear = [name in taken or not name.isidentifier() or names.count(name) > 1 for name in names]
        again = [k for k, one in enumerate(unclear) if one and depth[k] < len(words[k])]
        if not again:
            break
        for k in again:
            depth[k] += 1
    names = _shorter(names, words, [k for k, n in enumerate(depth) if n > 2], set(taken))
    seen = set(taken)
    for name in names:
        free = name + "_" if keyword.iskeyword(name) else name
        while free in seen:
            free += "_"
        seen.add(free)
        yield free


def _shorter(names: list[str], words: Sequence[Sequence[str]], long: Sequence[int], taken: set[str]) -> list[str]:
    """The names with one word of the path as a subscript where that alone tells those apart that have many."""
    others = taken | {name for k, name in enumerate(names) if k not in long}
    for back in range(2, min((len(words[k]) for k in long), default=0) + 1):
        found = {k: _joined([words[k][-back], words[k][-1]]) for k in long}
        if len(set(found.values())) == len(found) and all(name.isidentifier() and name not in others for name in found.values()):
            return [found.get(k, name) for k, name in enumerate(names)]
    return names


def _joined(words: Sequence[str]) -> str:
    """[enc, W] is W_enc, [layers, 0, W] is W_layers_0, and [params, 0] is params_0."""
    last = words[-1]
    return "_".join(words) if last.isdigit() else "_".join([last, *words[:-1]])


def _word(key: Any) -> str:
    """What a key of a path is called."""
    found = next((getattr(key, name) for name in ("key", "idx", "name") if hasattr(key, name)), key)
    return re.sub(r"\W", "_", str(found)) or "_"


def reach_of(root: str, path: Sequence[Any], place: int) -> str:
    """Python text for a leaf: params["W"], params[0], params.W; else by its place among the leaves."""
    text = root
    for key in path:
        if isinstance(key, jax.tree_util.DictKey) and isinstance(key.key, (str, int)):
            text += f"[{key.key!r}]".replace("'", '"')
        elif isinstance(key, jax.tree_util.SequenceKey):
            text += f"[{key.idx}]"
        elif isinstance(key, jax.tree_util.GetAttrKey) and str(key.name).isidentifier():
            text += f".{key.name}"
        else:
            return f"jax.tree_util.tree_leaves({root})[{place}]"
    return text
