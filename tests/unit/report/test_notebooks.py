"""How notebooks are committed: without outputs, opening with their question, and with one parameter."""

import json
from pathlib import Path

import pytest

_NOTEBOOKS = sorted((Path(__file__).parents[3] / "analysis").glob("*.ipynb"))


@pytest.mark.parametrize("path", _NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_clean_and_asks_a_question(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    opening = "".join(cells[0]["source"])
    assert cells[0]["cell_type"] == "markdown" and opening.rstrip().endswith("?**")
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    [parameters] = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
    source = "".join(parameters["source"])
    assert [line.split(" = ")[0] for line in source.splitlines() if " = " in line] == ["result_dir"]
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}


def test_they_are_there() -> None:
    assert len(_NOTEBOOKS) == 8
