"""The figure: that it draws what there is, and says what there is not."""

from pathlib import Path

import matplotlib.image
import pandas as pd
import pytest
from matplotlib.figure import Figure

from raydoa.report.figures import KGCO2E, cost_figure, write_figure
from raydoa.report.pareto import frontier, points
from tests.unit.report.conftest import SCALED, frame, grid


def texts(figure: Figure) -> str:
    figure.draw_without_rendering()
    found = [figure.get_suptitle()]
    for axis in figure.axes:
        found += [t.get_text() for t in axis.texts] + [
            axis.get_title(),
            axis.get_xlabel(),
            axis.get_ylabel(),
        ]
    return "\n".join(found)


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for box in figure.legends for text in box.get_texts()]


def test_a_panel_per_task_and_n_and_a_curve_per_strategy_and_teacher() -> None:
    figure = cost_figure(grid(tasks=("tiny", "other")))
    assert [axis.get_title() for axis in figure.axes] == [
        f"{task}, N = {n} labels owned" for task in ("other", "tiny") for n in (8, 16)
    ]
    assert legend(figure) == [
        "annotate",
        "distill, large",
        "distill, xxl",
        "self_distill",
        "Pareto frontier",
    ]
    said = texts(figure)
    assert "means of 3 seeds; bars reach from the lowest to the highest" in said
    assert f"prices are scaled: {SCALED}" in said
    assert "3 of 24 cells are infeasible" in said
    for axis in figure.axes:
        assert axis.get_xscale() == "log"
        assert len(axis.containers) == 4
        ticks = [tick.get_text() for tick in axis.get_xticklabels() if tick.get_text()]
        assert ticks and all(tick.startswith("$") for tick in ticks)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("free", [["distill"], ["distill", "annotate", "self_distill"]])
def test_what_is_free_stands_on_the_left_at_0(free: list[str]) -> None:
    cells = grid(scaled=None)
    cells["cost_total"] = cells["cost_total"].mask(cells["strategy"].isin(free), 0.0)
    figure = cost_figure(cells)
    figure.draw_without_rendering()
    for axis in figure.axes:
        ticks = dict(
            zip((t.get_text() for t in axis.get_xticklabels()), axis.get_xticks(), strict=True)
        )
        assert ticks["$0.00"] == min(ticks.values())
        assert all((curve.lines[0].get_xdata() > 0).all() for curve in axis.containers), (
            "nothing is lost on a logarithmic axis"
        )
        [of_distill, *_] = (c for c in axis.containers if c.get_label().startswith("distill"))
        assert set(of_distill.lines[0].get_xdata()) == {ticks["$0.00"]}


def test_the_frontier_is_ringed() -> None:
    cells = grid(scaled=None)
    figure = cost_figure(cells)
    plans = points(cells)
    for axis, n in zip(figure.axes, (8, 16), strict=True):
        panel = plans[plans["n"] == n]
        best = panel[frontier(panel)]
        [rings] = [c for c in axis.collections if c.get_label() == "Pareto frontier"]
        found = sorted(map(tuple, rings.get_offsets().tolist()))
        assert found == sorted(zip(best["cost"], best["score"], strict=True))
    assert "scaled" not in texts(figure)


def test_one_seed_has_no_bars_and_says_so() -> None:
    figure = cost_figure(grid(seeds=1))
    assert "one seed: there are no bars" in texts(figure)
    assert all(container.has_yerr is False for axis in figure.axes for container in axis.containers)


def test_a_sweep_that_nothing_pays_for_is_a_figure_that_says_so() -> None:
    figure = cost_figure(grid(feasible=False))
    assert texts(figure).count("24 of 24 cells are infeasible") == 2
    assert legend(figure) == []


def test_a_sweep_without_scores_is_a_figure_that_says_so() -> None:
    assert "1 of 1 cells have no score" in texts(cost_figure(frame({"score": None})))


def test_one_point_is_a_figure() -> None:
    said = texts(cost_figure(frame({"cost_total": 0.00013})))
    assert "tiny, N = 8 labels owned" in said


@pytest.mark.parametrize(
    "cells", [grid(), grid(seeds=1), grid(feasible=False)], ids=["sweep", "one seed", "unpaid"]
)
def test_files(cells: pd.DataFrame, tmp_path: Path) -> None:
    path = write_figure(cells, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "score_against_cost.pdf",
        "score_against_cost.png",
    ]
    picture = matplotlib.image.imread(path)
    assert picture.shape[1] > 1200 and len(set(picture[..., 0].ravel().tolist())) > 10


def test_splits_of_a_budget_are_points_of_one_curve_a_teacher() -> None:
    rows = [
        {"strategy": "mixed", "teacher": "org/xxl", "u": 20, "labels": labels * budget, "student_steps": budget,
         "budget": budget, "score": 0.5, "cost_total": budget * (1 + labels) / 10}
        for budget in (1.0, 10.0)
        for labels in (0, 3, 9)
    ]  # fmt: skip
    alone = {"strategy": "mixed", "labels": 5, "budget": 1.0, "cost_total": 0.5, "score": 0.2}
    figure = cost_figure(frame(*rows, alone))
    assert legend(figure) == ["mixed", "mixed, xxl", "Pareto frontier"]
    [axis] = figure.axes
    of_xxl = next(c for c in axis.containers if c.get_label() == "mixed, xxl")
    assert len(of_xxl.lines[0].get_xdata()) == 6


def test_against_kgco2e(tmp_path: Path) -> None:
    """The same plans against what their computing emits; a search's plans are no curve."""
    cells = grid(seeds=1)
    cells["kgco2e"] = cells["cost_total"] / 100
    figure = cost_figure(cells, KGCO2E, joined=False)
    assert "kgCO2e of all computing" in texts(figure)
    assert "$" not in "".join(t.get_text() for a in figure.axes for t in a.get_xticklabels())
    lines = [line for axis in figure.axes for line in axis.get_lines() if line.get_marker() == "o"]
    assert lines and all(line.get_linestyle() == "None" for line in lines)
    assert write_figure(cells, tmp_path, KGCO2E).name == "score_against_kgco2e.png"
