"""The page on adding rows is true: its code runs, the row that it adds passes the tests that rows have, and what it quotes is in the tables."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import test_tables

from derive.rules import PRIMITIVES

RULES = Path(__file__).parents[1] / "derive" / "rules"
PAGE = (RULES / "README.md").read_text(encoding="utf-8")
NEW = "cbrt"


@pytest.fixture
def added() -> Iterator[str]:
    """What the page's code prints; its row is taken out again afterwards."""
    assert NEW not in PRIMITIVES, f"the page adds {NEW!r} as an example: choose a primitive that is not in the table yet"
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.S)), {})
        yield printed.getvalue()
    finally:
        PRIMITIVES.pop(NEW, None)


def test_the_row_that_the_page_adds_passes_the_tests_of_rows(added: str) -> None:
    row = PRIMITIVES[NEW]
    test_tables.test_the_sample_of_a_row_contains_what_it_is_about(row)
    test_tables.test_a_row_reads_as_jax_computes(row)
    test_tables.test_a_row_pulls_back_as_jax_does(row)
    assert "(1/3)" in added and "In matrix form" not in added.split("As NumPy code")[1]


def quoted() -> list[str]:
    """The quotations of the page: its indented blocks."""
    blocks = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", re.sub(r"```.*?```", "", PAGE, flags=re.S), re.M)
    return [line[4:].strip() for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("line", quoted())
def test_what_the_page_quotes_is_in_the_tables(line: str) -> None:
    tables = "\n".join(path.read_text(encoding="utf-8") for path in RULES.glob("*.py"))
    assert line in tables or NEW in line
