"""The page as a file: what is in it, where it is written, and what is refused. `tests/page` opens it."""

import hashlib
import json
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raydoa.cli import main
from raydoa.costs.items import ITEMS
from raydoa.errors import UserError
from raydoa.report.page import vendored
from raydoa.report.page.document import island, joined_scripts, page
from raydoa.report.pareto import PANEL, points, seed_scores
from raydoa.report.price_map import NEITHER
from raydoa.report.results import Loaded, write_cells
from raydoa.report.seeds import paired, score_table
from raydoa.strategies import STRATEGIES
from tests.unit.report.conftest import frame, grid, row


def _data(written: str) -> dict[str, Any]:
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', written, re.DOTALL
    )
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.mark.parametrize(
    "text", ["</script>", "<!--", "<script", "\u2028\u2029", "]]>", "\\u003c", "ü"]
)
def test_an_island_cannot_be_left(text: str) -> None:
    written = island({text: [text]})
    assert json.loads(written) == {text: [text]}
    assert "<" not in written and "\u2028" not in written


class _Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_nothing_in_it_is_elsewhere() -> None:
    elements = _Elements(page(grid())).found
    assert [
        name for name, _ in elements if name in ("link", "img", "iframe", "object", "base")
    ] == []
    addresses = [
        a for _, attributes in elements for a in ("src", "href", "action") if a in attributes
    ]
    assert addresses == ["href"], "the link to the charts"


def test_every_column_comes_back() -> None:
    cells = grid()
    columns = _data(page(cells))["columns"]
    assert [column["name"] for column in columns] == list(cells)
    for column in columns:
        codes, values = column.get("codes"), column["values"]
        found = values if codes is None else [values[code] for code in codes]
        expected = [None if pd.isna(value) else value for value in cells[column["name"]].tolist()]
        assert found == expected


def test_plans_are_those_of_points() -> None:
    cells = grid()
    plans, expected = _data(page(cells))["plans"], points(cells).sort_values("plan")
    assert plans["score"] == expected["score"].tolist()
    assert plans["score_margin"] == pytest.approx(expected["score_margin"].tolist())
    costs = [max(cells["cost_total"][rows]) for rows in plans["priced_by"]]
    assert costs == expected["cost"].tolist()
    measured = [cell for of_plan in plans["cells"] for cell in of_plan]
    assert sorted(measured) == cells.index[cells["feasible"]].tolist()


def test_cells_that_are_the_same_training_are_priced_by_the_first() -> None:
    """As `points` takes the cost: of the smallest budget, where two were planned with different unit costs."""
    same = {"labels": 5, "student_steps": 9, "score": 0.5}
    cells = frame(row(budget=9.0, cost_total=3.0, **same), row(budget=5.0, cost_total=2.0, **same))
    plans = _data(page(cells))["plans"]
    assert plans["priced_by"] == [[1]] and points(cells)["cost"].tolist() == [2.0]


def test_what_two_plans_are_to_each_other_is_data() -> None:
    cells = grid()
    data, scores = _data(page(cells)), score_table(seed_scores(cells))
    plans = points(cells).set_index("plan")
    for number, against in enumerate(data["plans"]["against"]):
        of_panel = plans[(plans[PANEL] == plans.loc[number, PANEL]).all(axis=1)].sort_values("rank")
        of_panel = of_panel[of_panel["score"] <= plans.loc[number, "score"]]
        chances = paired(scores, [number] * len(of_panel), of_panel.index)["chance"]
        verdicts = [data["verdicts"][code] for code in against]
        assert [one["sure"] for one in verdicts] == (chances >= 0.95).tolist()
        assert [one["percent"] for one in verdicts] == [
            f"{int(100 * chance)}%" for chance in chances
        ]
    one_seed = _data(page(grid(seeds=1)))
    assert [one["words"] for one in one_seed["verdicts"]] == ["one_seed"]


def test_the_scripts_name_no_strategy_no_cost_item_and_no_threshold() -> None:
    scripts = joined_scripts()
    names = {*STRATEGIES.names(), *ITEMS.names(), *(item.column for item in ITEMS), NEITHER}
    words = set(re.findall(r"\w+", scripts))
    assert not words & names
    assert not re.search(r"0\.95|95%|±", scripts)


def test_an_infinite_number_is_refused() -> None:
    cells = grid()
    cells.loc[3, "kgco2e"] = math.inf
    with pytest.raises(UserError, match=rf"kgco2e of cell {cells['cell'][3]} is infinite"):
        page(cells)


def test_what_is_not_in_the_table_is_told() -> None:
    gaps = Loaded(grid(), ("dir/a", "dir/b"), 3).gaps
    assert gaps == [
        "the sweep is not finished: 2 trials have begun and have no result yet, such as dir/a",
        "3 rows are there twice and counted once",
    ]
    assert _data(page(grid(), gaps=gaps))["notes"][:2] == gaps
    assert Loaded(grid(), (), 0).gaps == []


def test_the_vendored_library_is_the_published_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, checksum in vendored.SHA256.items():
        assert hashlib.sha256(vendored.vendored(name).encode()).hexdigest() == checksum
    assert f"(v{vendored.VERSION})" in vendored.vendored("uPlot.iife.min.js")
    monkeypatch.setitem(vendored.SHA256, "uPlot.min.css", "0" * 64)
    with pytest.raises(AssertionError, match=r"vendor/uPlot.min.css is not that of uPlot"):
        vendored.vendored("uPlot.min.css")


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[[str], str]:
    def write(name: str) -> str:
        (tmp_path / name).mkdir()
        write_cells(grid(), tmp_path / name)
        return str(tmp_path / name)

    return write


def test_where_the_command_writes_it(
    sweep: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    one, other = sweep("one"), sweep("other")
    for arguments, place in (
        ([one], f"{one}/report.html"),
        ([one, other], "report.html"),
        ([one, "--page", "new/folder/page.html"], "new/folder/page.html"),
    ):
        assert main(["report", *arguments]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == place
        assert Path(place).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_commands_budgets_are_offered(sweep: Callable[[str], str]) -> None:
    folder = sweep("one")
    assert main(["report", folder, "--budgets", "7", "3"]) == 0
    assert _data((Path(folder) / "report.html").read_text(encoding="utf-8"))["budgets"] == [
        3.0,
        7.0,
    ]
