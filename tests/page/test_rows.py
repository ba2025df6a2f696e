"""The look at the data and the rows that plans get right or wrong, in a browser: what is there, as text, on every window."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from raydoa.experiment.beside_rows import write_beside_rows
from raydoa.report.beside import Beside, read_beside
from raydoa.tasks.look.written import WrittenOdd
from tests.page.conftest import Show
from tests.unit.answered import answered, right_answers
from tests.unit.report.conftest import grid
from tests.unit.world import CLASSES, TEST, World, write_rows, write_task

HOSTILE = "</script><img src=x onerror=alert(1)> "
LONG = "and-so-on-" * 40


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Its test rows are hostile, and longer than any window."""
    made = World(tmp_path, write_task(tmp_path / "task"))
    rows = [
        {"source": f"{HOSTILE}{number} {LONG}", "target": CLASSES[number % 2]}
        for number in range(TEST)
    ]
    write_rows(tmp_path / "task" / "test.jsonl", rows)
    return made


@pytest.fixture
def cells(world: World) -> pd.DataFrame:
    """Labels alone have the first row wrong, and distillation the last two, of which it says something hostile."""
    right = right_answers(world)
    first = CLASSES[right[0] == CLASSES[0]]
    return answered(
        world, {"annotate": [first, *right[1:]], "distill": [*right[:-2], HOSTILE + LONG, ""]}
    )


@pytest.fixture
def beside(world: World) -> Beside:
    write_beside_rows(world.resolved(), world.folder / "results")
    found = read_beside([str(world.folder / "results")])
    [look] = found.looks
    odd = WrittenOdd(line="sources have several targets", quoted=f", such as {HOSTILE}{LONG}")
    return replace(found, looks=(look.model_copy(update={"odd": (odd,), "wrong": (HOSTILE,)}),))


@pytest.mark.parametrize("width", [1280, 390])
def test_both_are_there_and_fit(
    show: Show, cells: pd.DataFrame, beside: Beside, width: int
) -> None:
    shown = show(cells, width=width, beside=beside)
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    data = shown.text("#data-check")
    assert data.startswith("tiny: 100 labelled rows, 12 test rows.")
    assert f", such as {HOSTILE}{LONG}" in data and "6 (50.0%)" in data
    assert shown.page.locator("#data-check ul.caution li").inner_text() == HOSTILE.strip()
    examples = shown.text("#examples")
    assert examples.startswith(
        "annotate: train s on the labels that are owned, against distill: distil nano-m on 20 pseudo-labels, on 12 test rows (seed 0)."
    )
    counts = shown.page.locator("#examples dd").all_inner_texts()
    assert counts == ["9 (75.0%)", "2 (16.7%)", "1 (8.3%)", "0 (0.0%)"]
    assert "Right by annotate, wrong by distill: 2 of 2 rows" in examples
    assert shown.page.locator("#examples ol li").count() == 3
    assert HOSTILE in examples and "distill (nothing)" in examples
    assert shown.page.locator("img").count() == 0
    tables = shown.page.locator("#examples .confusion")
    assert tables.count() == 2
    numbers = tables.last.locator("tbody td").all_inner_texts()
    assert sum(map(int, numbers)) == 12 and [numbers[2], numbers[5]] != ["0", "0"]


def test_texts_that_were_left_out(show: Show, cells: pd.DataFrame, beside: Beside) -> None:
    shown = show(cells, beside=beside, texts=False)
    assert "was left out of this page (--no-texts)" in shown.text("#examples")
    assert shown.page.locator("#examples dd").count() == 4
    assert shown.page.locator("#examples .confusion").count() == 2
    assert LONG not in shown.path.read_text(encoding="utf-8")
    assert "sources have several targets" in shown.text("#data-check")


def test_plans_whose_answers_are_not_there(show: Show, cells: pd.DataFrame, beside: Beside) -> None:
    shown = show(cells, beside=beside)
    shown.page.get_by_label("annotate", exact=True).uncheck()
    shown.drawn()
    assert "These are of another question: with $1." in shown.text("#examples .caution")
    shown.page.get_by_label("annotate", exact=True).check()
    shown.drawn()
    assert shown.page.locator("#examples .caution").count() == 0


def test_what_is_closed_stays_closed(show: Show, cells: pd.DataFrame, beside: Beside) -> None:
    shown = show(cells, beside=beside)
    shown.page.locator("#examples summary").first.click()
    shown.set("#label-usd", 0.4)
    assert shown.page.locator("#examples details").first.get_attribute("open") is None


def test_without_any_of_it(show: Show) -> None:
    shown = show(grid())
    assert "No look at the rows was left with these results" in shown.text("#data-check")
    assert "no result dir says where its artifacts lie" in shown.text("#examples")
