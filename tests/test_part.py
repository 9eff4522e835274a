"""Sections of a derivation, shown by themselves."""

from __future__ import annotations

import jax.numpy as jnp
import pytest

import derive


def ridge(w, X, y, lam):
    r = X @ w - y
    return jnp.mean(r**2) / 2 + lam / 2 * jnp.sum(w**2)


@pytest.fixture(scope="module")
def d():
    return derive.gradient(ridge, "w", {"w": "d", "X": "m d", "y": "m", "lam": ""})


def test_every_title_names_a_part_that_is_in_the_whole(d):
    assert {"Definitions", "The result"} <= set(d.titles) and len(set(d.titles)) == len(d.titles)
    whole, page = d.text(), d.markdown()
    for title in d.titles:
        part = d.part(title)
        chapter = str(part).split("\n\n", 1)[0].splitlines()
        assert chapter[0] == title and "\n".join(str(part).rstrip().splitlines()[:4]) in whole
        first, *rest = part.markdown().strip().split("\n\n")
        assert first == f"#### {title}" and all(paragraph in page for paragraph in rest)


def test_the_parts_together_are_the_whole(d):
    source = d.markdown().partition("\n## ")[0]
    seen = dict.fromkeys(line for title in d.titles for line in d.part(title).markdown().splitlines())
    missing = [line for line in d.markdown()[len(source):].splitlines() if line.replace("## ", "#### ", 1) not in seen and line not in seen]
    assert not missing


def test_a_fragment_finds_all_sections_with_it_in_any_case(d):
    several = d.part("FROM the")
    titles = [title for title in d.titles if "from the" in title.lower()]
    assert len(titles) > 1 and repr(several) == f"<Part: {', '.join(titles)}>"
    assert [line for line in str(several).splitlines() if line in d.titles] == titles


def test_a_notebook_is_given_formulas_and_text(d):
    part = d.part("the result")
    assert part._repr_mimebundle_() == {"text/markdown": part.markdown(), "text/plain": str(part)}
    assert r"\begin{aligned}" in part.markdown() and "∂ridge/∂w" in str(part)


def test_the_lines_keep_their_width(d):
    assert max(map(len, d.part("the result").text(width=60).splitlines())) <= 60


def test_an_unknown_title_is_told_with_those_there_are(d):
    with pytest.raises(derive.BadInput, match=r"No section has 'eigenvalues' in its title\.(?s:.*)The titles are: .*; The result;"):
        d.part("eigenvalues")
