"""Figures for papers: a column wide, with bars where there are seeds, and none where there is one."""

from collections.abc import Callable

import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from raydoa.report.paper.choices import pool_figure, share_figure, teacher_figure
from raydoa.report.paper.frontier import budget_figure, chance_figure, frontier_figure
from raydoa.report.paper.money import price_figure, sharing_figure
from raydoa.report.paper.style import COLUMN_INCHES
from raydoa.report.reprice import reprice
from tests.unit.report.conftest import grid

Draw = Callable[[pd.DataFrame], Figure]
SCORES: list[Draw] = [frontier_figure, budget_figure, teacher_figure, pool_figure]


def _bars(figure: Figure) -> list[bool]:
    """Of each curve, whether it has bars."""
    curves = [
        c for axis in figure.axes for c in axis.containers if isinstance(c, ErrorbarContainer)
    ]
    assert curves
    return [curve.has_yerr for curve in curves]


def _words(figure: Figure) -> str:
    return figure.get_suptitle().replace("\n", " ")


@pytest.mark.parametrize("draw", SCORES)
def test_intervals_are_always_drawn(draw: Draw) -> None:
    figure = draw(grid())
    assert all(_bars(figure))
    assert "95% interval over 3 seeds" in _words(figure)
    assert "prices are scaled" in _words(figure)


@pytest.mark.parametrize("draw", SCORES)
def test_one_seed_has_none_and_says_so(draw: Draw) -> None:
    figure = draw(grid(seeds=1, scaled=None))
    assert not any(_bars(figure))
    assert "one seed: no intervals" in _words(figure)
    assert "scaled" not in _words(figure)


@pytest.mark.parametrize("draw", [*SCORES, chance_figure, share_figure])
def test_a_column_wide_and_axes_with_units(draw: Draw) -> None:
    figure = draw(grid().assign(cost_student=0.1, cost_teacher=0.1, cost_pseudo_labels=0.1))
    figure.draw_without_rendering()
    assert figure.get_figwidth() == COLUMN_INCHES
    assert figure.axes[-1].get_xlabel() and figure.axes[-1].get_ylabel()
    box = figure.get_tightbbox()
    assert box.x0 >= -0.02 and box.x1 <= COLUMN_INCHES + 0.02, "nothing is cut off"
    assert box.y0 >= -0.02 and box.y1 <= figure.get_figheight() + 0.02


def test_a_probability_is_written_into_each_field() -> None:
    figure = chance_figure(grid())
    assert [axis.get_title() for axis in figure.axes] == [
        "P(distill beats annotate)",
        "P(self_distill beats annotate)",
    ]
    for axis in figure.axes:
        assert len(axis.texts) == 4 and all(text.get_text().endswith("%") for text in axis.texts)
    one = chance_figure(grid(seeds=1))
    assert {text.get_text() for text in one.axes[0].texts} == {"one seed"}
    assert "one seed: no probability" in _words(one)


@pytest.mark.filterwarnings("error")
def test_a_sweep_that_incurred_nothing_has_no_bar_for_it_and_says_so() -> None:
    figure = sharing_figure(grid().assign(cost_incurred=0.0))
    figure.draw_without_rendering()
    [axis] = figure.axes
    assert {text.get_text() for text in axis.texts} == {"nothing incurred"}


_COMPUTED = ("student", "teacher", "pseudo_labels")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "draw", [*SCORES, chance_figure, share_figure, sharing_figure, price_figure]
)
@pytest.mark.parametrize(
    "prices", [{"gpu.a": 0.0}, {"label.tiny": 0.0}, {"gpu.a": 0.0, "label.tiny": 0.0}]
)
@pytest.mark.parametrize("budget", [1.0, 0.0])
def test_free_plans_are_drawn(draw: Draw, prices: dict[str, float], budget: float) -> None:
    cells = grid()
    cells = cells[cells["n"] == 8].assign(
        budget=cells["budget"].where(cells["budget"] > 1.0, budget),
        **{f"gpu_seconds_{item}": 60.0 for item in _COMPUTED},
    )
    figure = draw(reprice(cells.reset_index(drop=True), prices).assign(cost_incurred=0.0))
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    assert box.x0 >= -0.02 and box.x1 <= COLUMN_INCHES + 0.02, "nothing is cut off"


def test_the_map_begins_at_a_price_of_0_that_is_todays() -> None:
    cells = grid(scaled=None)
    cells = cells[cells["n"] == 8].assign(gpu_seconds_student=60.0).reset_index(drop=True)
    figure = price_figure(reprice(cells, {"gpu.a": 0.0, "label.tiny": 0.1}))
    figure.draw_without_rendering()
    axis = figure.axes[0]
    [here] = axis.lines
    ticks = dict(
        zip((t.get_text() for t in axis.get_yticklabels()), axis.get_yticks(), strict=True)
    )
    assert here.get_ydata()[0] == ticks["$0.00"] == min(ticks.values())
    assert here.get_xdata()[0] == 0.1
