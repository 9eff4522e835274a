"""The README's Python runs as it stands, and what it says of the results is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.S)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The names that the blocks define, run one after the other as a file, so that sources can be read."""
    path = tmp_path_factory.mktemp("readme") / "tour.py"
    path.write_text("\n".join(BLOCKS), "utf-8")
    names: dict[str, object] = {"__name__": "tour"}
    exec(compile(path.read_text("utf-8"), str(path), "exec"), names)
    return names


def test_there_are_blocks() -> None:
    assert len(BLOCKS) == 4


def test_what_the_readme_says_of_the_derivation(told):
    assert told["d"].matrix().text == "Xᵀ(P − Y)/m + λW"


def test_what_the_readme_says_of_the_check(told, capsys):
    derive = told["derive"]
    report = derive.check(told["by_hand"], reference=told["loss"], wrt="W", shapes=told["SHAPES"])
    printed = str(report)
    for line in re.findall(r"^# {1,3}(.+?)(?: {4,}…|$)", BLOCKS[2], re.M):
        assert line.strip().split("        ")[0] in printed
