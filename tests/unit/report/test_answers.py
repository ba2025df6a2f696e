"""What a sweep says after each seed: of the seeds that are done, while others write."""

import html
from collections.abc import Callable
from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.report.answers import cells_of_seeds, sweep_lines, write_sweep_page
from tests.unit.report.conftest import SCALED, grid

Write = Callable[..., Path]


def test_rows_are_those_of_the_seeds_that_are_done(result_dir: Write) -> None:
    """Another seed's trials have rows already, of which one is just being written; those without a trial have seeds too."""
    cells = grid()
    folder = result_dir(cells)
    later = next(iter(folder.glob("*seed2*/result.json")))
    later.write_bytes(later.read_bytes()[:-20])
    for seeds in ((0,), (0, 1)):
        done = cells[cells["seed"].isin(seeds)]
        found = cells_of_seeds(folder, seeds, {folder: set(done["plan"].dropna())})
        assert sorted(found["cell"]) == sorted(done["cell"])
        assert not found["feasible"].all()


def test_one_seed_has_no_interval_and_two_have(result_dir: Write) -> None:
    cells = grid(seeds=2)
    folder = result_dir(cells)

    def said(*seeds: int) -> tuple[str, str]:
        plans = set(cells[cells["seed"].isin(seeds)]["plan"].dropna())
        done = cells_of_seeds(folder, seeds, {folder: plans})
        page = write_sweep_page(done, folder, [f"seeds {seeds}"]).read_text(encoding="utf-8")
        assert f"seeds {seeds}" in page
        return "\n".join(sweep_lines(done, SCALED)), page

    alone, page = said(0)
    assert "one seed: no intervals over seeds, and no winner is sure" in alone
    assert "accuracy (one seed) for $0.40" in alone and "(one seed)" in page
    assert "±" not in alone and " [0." not in alone
    both, page = said(0, 1)
    assert "±" in both and " [0." in both and "one seed" not in both
    sentences = [line for line in both.splitlines() if line.startswith("With ")]
    assert all("±" in sentence for sentence in sentences)
    assert any(sentence in html.unescape(page) for sentence in sentences)
    assert f"prices are scaled: {SCALED}" in both


def test_rows_of_two_runs_are_read_where_each_has_its_own(result_dir: Write) -> None:
    """Tune copies its trials into the result dir now and then; until it does they are in a folder of its own."""
    cells = grid()
    first, second = (cells[cells["seed"] == seed] for seed in (0, 1))
    folder, of_tune = result_dir(first), result_dir(second[second["feasible"]], "tune")
    places = {folder: set(first["plan"].dropna()), of_tune: set(second["plan"].dropna())}
    found = cells_of_seeds(folder, (0, 1), places)
    assert set(found["cell"]) == {*first["cell"], *second[second["feasible"]]["cell"]}


def test_what_cannot_be_read_is_said(result_dir: Write) -> None:
    folder = result_dir(grid(seeds=1).query("feasible"))
    with pytest.raises(UserError, match="no finished cells"):
        cells_of_seeds(folder, (0,), {folder: {"0123456789ab"}})


def test_a_sweep_of_which_nothing_is_feasible_has_a_page(result_dir: Write) -> None:
    cells = grid(seeds=1, feasible=False)
    folder = result_dir(cells)
    assert "every plan is infeasible" in write_sweep_page(cells, folder).read_text(encoding="utf-8")
    assert list(sweep_lines(cells_of_seeds(folder, (0,), {}), None))
