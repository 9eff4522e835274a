"""The notebook: its cells run, its stored outputs are what they give, and nothing of the machine that made them is in it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("notebooks.build", ROOT / "notebooks" / "build.py")
assert spec is not None and spec.loader is not None
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)


@pytest.fixture(scope="module")
def stored() -> NotebookNode:
    return nbformat.read(build.NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def fresh() -> NotebookNode:
    return build.execute(build.notebook(), timeout=120)


def code_cells(book: NotebookNode) -> Iterator[NotebookNode]:
    return (cell for cell in book.cells if cell.cell_type == "code")


def differing(stored: NotebookNode, fresh: NotebookNode) -> list[str]:
    """The ids of the cells whose texts differ, those aside that depend on the machine."""
    pairs = [(a, b) for a, b in zip(code_cells(stored), code_cells(fresh), strict=True) if build.VARIES not in a.metadata.get("tags", ())]
    return [a.id for a, b in pairs if build.outputs(a) != build.outputs(b)]


def test_the_stored_notebook_has_the_cells_of_its_script(stored: NotebookNode) -> None:
    assert [(c.cell_type, c.source, c.metadata) for c in stored.cells] == [(c.cell_type, c.source, c.metadata) for c in build.notebook().cells]


def test_the_cells_run_and_give_the_stored_outputs(stored: NotebookNode, fresh: NotebookNode) -> None:
    assert not differing(stored, fresh), "run notebooks/build.py, and look at what has changed"
    texts = [text for cell in code_cells(fresh) if build.VARIES not in cell.metadata.get("tags", ()) for text in build.outputs(cell)]
    assert len(list(filter(None, texts))) > 40
    assert all(out.get("name") != "stderr" for cell in code_cells(fresh) for out in cell.outputs)


def test_the_pictures_and_the_training_are_there(stored: NotebookNode, fresh: NotebookNode) -> None:
    for book in (stored, fresh):
        assert sum("image/png" in out.get("data", {}) for cell in code_cells(book) for out in cell.outputs) == 3
        (recognised,) = re.findall(r"([\d.]+)% of 270 digits", "".join(text for cell in code_cells(book) for text in build.outputs(cell)))
        assert float(recognised) > 93


def test_a_changed_output_is_noticed(stored: NotebookNode) -> None:
    other = build.copy.deepcopy(stored)
    cell = next(cell for cell in code_cells(other) if any("data" in out for out in cell.outputs))
    cell.outputs[0].data["text/markdown"] += "!"
    assert differing(stored, other) == [cell.id]


def test_a_cell_that_raises_is_noticed() -> None:
    book = build.new_notebook(cells=[build.code("import derive\nderive.gradient(lambda x: x, shapes={'x': ''}).part('no such title')")])
    with pytest.raises(CellExecutionError, match="No section has 'no such title'"):
        build.execute(book)


def test_nothing_of_the_machine_is_stored(stored: NotebookNode) -> None:
    raw = build.NOTEBOOK.read_text("utf-8")
    assert len(raw) < 1_500_000 and not re.search(r"/(?:tmp|home|root|work|Users|opt|usr)/", raw)
    assert all(cell.metadata.keys() <= {"tags"} for cell in stored.cells)
    assert stored.metadata == {"kernelspec": build._KERNEL, "language_info": {"name": "python"}}
    assert [cell.execution_count for cell in code_cells(stored)] == list(range(1, len(list(code_cells(stored))) + 1))


def test_the_tutorials_question_is_answered(stored: NotebookNode) -> None:
    """The formulas of the answer are outputs, and not text."""
    shown = "\n".join(text for cell in code_cells(stored) for text in build.outputs(cell))
    for formula in (r"\begin{cases} p_{c} (1 - p_{c}) & \text{if } b = c \\ -p_{b} p_{c} & \text{if } b \neq c \end{cases}",
                    r"\begin{cases} p_{c} - 1 & \text{if } b = c \\ p_{b} & \text{if } b \neq c \end{cases}", r"p_{ic} - 1\lbrace c = y_{i} \rbrace",
                    r"\frac{1}{m} X^\top \left(P - Y\right) + \lambda W", "dz[np.arange(m), y] -= 1", "lacks the factor 1/m", "the sign of",
                    "the gradient has the shape", "normalised: [[nan, 0.0, 0.0]]", "it should stand there once"):
        assert formula in shown
    assert shown.count("proved. Both sides") == 4 and shown.count(": wrong\n") == 5
