"""Cells whose plans await labels: counted as such by whoever reads rows, never scored, never unaffordable."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raydoa.experiment.result_row import DRIVER_FILE
from raydoa.planning.measurements import plan_of
from raydoa.report.artifact_keys import artifact_keys
from raydoa.report.break_even import break_even_table
from raydoa.report.comparisons import computing_shares, pool_sizes, teachers
from raydoa.report.cost_audit import audit, sharing
from raydoa.report.figures import cost_figure
from raydoa.report.hypervolume import hypervolumes
from raydoa.report.overview import best_table, notes, summary
from raydoa.report.page.document import page
from raydoa.report.pareto import points
from raydoa.report.reprice import reprice
from raydoa.report.results import load, read_results, write_cells
from raydoa.report.sentence import sentences
from raydoa.report.table import table_notes
from raydoa.report.win_probability import chances
from tests.unit.report.conftest import frame, grid

AWAITING: dict[str, Any] = {
    "status": "awaiting_labels",
    "infeasible_reason": "387 labels must be bought first",
    "score": None,
    "labels": 387,
    "cost_labels": 0.5,
    "cost_student": 0.25,
    "cost_total": 0.75,
    "cost_incurred": 0.0,
    "student_steps": 7,
}


def with_awaiting(cells: pd.DataFrame | None = None) -> pd.DataFrame:
    """A sweep of three seeds, and for each N and seed a plan for $1 of a strategy of which else nothing was measured."""
    asked = [{**AWAITING, "strategy": "mixed", "n": n, "seed": s, "u": 20, "teacher": "org/xxl"} for n in (8, 16) for s in range(3)]  # fmt: skip
    return pd.concat([grid() if cells is None else cells, frame(*asked)], ignore_index=True)


def only_awaiting() -> pd.DataFrame:
    return frame(*({**AWAITING, "seed": seed} for seed in range(3)))


def test_the_tables_say_so() -> None:
    cells = with_awaiting()
    table = summary(cells)
    one = table[table["budget"] == 1.0]
    assert set(one["mixed"]) == {"awaits labels"}
    said = table_notes(cells)
    assert said[1] == (
        "6 of 54 cells await labels, such as tiny-mixed-B1-N8-U20-org_xxl-seed0: 387 labels must be bought first"
    )
    assert not any("have no score" in line or "unaffordable" in line for line in said)
    spent = notes(cells)[-1]
    assert spent.startswith("54 cells: standalone $") and "($4.50 of it awaits labels)" in spent
    assert notes(grid())[-1].count("awaits") == 0


def test_a_sweep_of_nothing_else() -> None:
    cells = only_awaiting()
    assert summary(cells)["annotate"].tolist() == ["awaits labels"]
    assert summary(cells)["winner"].tolist() == ["none"]
    [sentence] = sentences(cells)
    assert sentence.text.endswith(
        "every plan that can be paid awaits labels, such as tiny-annotate-B1-N8-seed0: "
        "387 labels must be bought first."
    )
    assert best_table(cells).empty and points(cells).empty and sharing(cells)["cells"].sum() == 0
    assert "3 of 3 cells await labels" in _texts(cost_figure(cells))
    assert "387 labels must be bought first" in page(cells)


def _texts(figure: Any) -> str:
    return " ".join(text.get_text() for axis in figure.axes for text in axis.texts)


def test_a_sentence_of_infeasible_and_awaiting_cells() -> None:
    """What can be paid comes first; what is infeasible is no answer while something can be paid."""
    infeasible = {
        "feasible": False,
        "strategy": "distill",
        "score": None,
        "infeasible_reason": "dear",
    }
    [sentence] = sentences(pd.concat([frame(infeasible), frame(AWAITING)], ignore_index=True))
    assert "awaits labels, such as tiny-annotate" in sentence.text


def test_figure_and_page_count_them() -> None:
    cells = with_awaiting()
    assert "3 of 27 cells await labels" in _texts(cost_figure(cells))
    written = page(cells)
    assert '"awaiting_labels"' in written and "387 labels must be bought first" in written


@pytest.mark.parametrize(
    "reader",
    [points, best_table, sentences, hypervolumes, computing_shares, teachers, pool_sizes, audit, sharing, chances, break_even_table],
)  # fmt: skip
def test_what_compares_scores_or_counts_what_was_made_does_not_see_them(
    reader: Callable[[pd.DataFrame], Any],
) -> None:
    with_them, without = reader(with_awaiting()), reader(grid())
    if isinstance(without, pd.DataFrame):
        pd.testing.assert_frame_equal(with_them, without, check_dtype=False)
    else:
        assert with_them == without


def test_at_other_prices_they_cost_other_dollars() -> None:
    cells = reprice(only_awaiting().assign(prices="2026-11-09+label.tiny=0.1"), {"label": 2.0})
    assert cells["cost_labels"].tolist() == [774.0] * 3
    assert cells["cost_total"].tolist() == [774.25] * 3


def test_they_come_back_from_the_drivers_file_and_from_the_table(
    result_dir: Callable[..., Path],
) -> None:
    """And are no trial that has begun."""
    cells = with_awaiting()
    folder = result_dir(cells)
    lines = (folder / DRIVER_FILE).read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines].count("awaiting_labels") == 6
    found = read_results(folder)
    assert (found["status"] == "awaiting_labels").sum() == 6 and len(found) == len(cells)
    write_cells(found, folder)
    pd.testing.assert_frame_equal(load(folder), found)
    assert artifact_keys(folder) == artifact_keys(result_dir(grid(), "other"))


def test_their_plan_is_read_as_any_other() -> None:
    plan = plan_of(only_awaiting().iloc[0].to_dict())
    assert plan.quantity("labels") == 387 and plan.n == 8
