"""Prices that are moved on the page, against the library's re-pricing: to the micro-dollar, and word for word."""

import random
import re
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest

from raydoa.report.best_within_budget import budgets_of
from raydoa.report.break_even import break_evens
from raydoa.report.columns import read_table
from raydoa.report.overview import best_table
from raydoa.report.reprice import new_prices, reprice
from raydoa.report.sentence import points_of_100, sentences
from raydoa.report.standings import standings
from tests.page.conftest import Show, Shown

GPU = "gpu.a100-40gb"


def _downloaded(shown: Shown) -> pd.DataFrame:
    with shown.page.expect_download() as found:
        shown.page.click("#download")
    assert found.value.suggested_filename == "cells.csv"
    return read_table(Path(found.value.path()).read_bytes(), "downloaded")


def _as_csv(cells: pd.DataFrame) -> pd.DataFrame:
    """What a table is once it was written and read: other prices make gaps where there were numbers."""
    return read_table(cells.to_csv(index=False).encode(), "written")


def test_the_download_is_the_table(show: Show, sweep: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(_downloaded(show(sweep)), _as_csv(sweep), check_exact=True)


def test_each_moved_price_gives_the_librarys_costs(show: Show, sweep: pd.DataFrame) -> None:
    shown, chance = show(sweep), random.Random(3)
    labels: dict[str, float] = {}
    for task in ("wlp", "fever"):
        shown.look_at(task, 50)
        for _ in range(3):
            label = float(f"{10 ** chance.uniform(-3, 1):.{chance.randint(1, 6)}g}")
            labels[f"label.{task}"] = label
            gpu = float(f"{10 ** chance.uniform(-1, 2):.{chance.randint(1, 6)}g}")
            shown.set("#label-usd", label)
            shown.set("#gpu-usd-0", gpu)
            expected = reprice(sweep, {**labels, GPU: gpu})
            pd.testing.assert_frame_equal(_downloaded(shown), _as_csv(expected), check_exact=True)
    shown.page.click("#reset")
    shown.drawn()
    pd.testing.assert_frame_equal(_downloaded(shown), _as_csv(sweep), check_exact=True)


def test_what_is_not_known_has_no_price(show: Show, sweep: pd.DataFrame) -> None:
    cells = sweep[(sweep["task"] == "wlp") & (sweep["n"] == 50)].reset_index(drop=True)
    cells.loc[cells["teacher"] == "google/t5-v1_1-xl", "gpu_seconds_student"] = float("nan")
    shown = show(cells)
    shown.set("#gpu-usd-0", 1.5)
    expected = reprice(cells, {GPU: 1.5})
    assert expected["cost_total"].isna().any()
    pd.testing.assert_frame_equal(_downloaded(shown), _as_csv(expected), check_exact=True)
    _open(shown, expected.loc[expected["cost_student"].isna(), "cell"].iloc[0])
    assert shown.text("#ledger tr[data-item=total]").split("\t")[4] == "not known"


def test_a_slider_moves_what_its_field_says(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sweep)
    for place in (0, 37, 251, 400):
        shown.slide("#gpu-usd-0", place)
        usd = float(shown.page.input_value("#gpu-usd-0-exact"))
        assert usd == pytest.approx(2.74470525 * 20 ** ((place - 200) / 200), rel=5e-3)
        expected = reprice(sweep, {GPU: usd})
        pd.testing.assert_frame_equal(_downloaded(shown), _as_csv(expected), check_exact=True)
    shown.slide("#gpu-usd-0", 200)
    assert shown.page.input_value("#gpu-usd-0-exact") == "2.74470525"
    assert shown.page.locator("#moved").is_hidden(), "the sweep's own price is no other price"


def test_a_number_that_is_no_price_changes_nothing(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sweep)
    for wrong in ("-1", ""):
        shown.page.fill("#label-usd-exact", wrong)
        shown.drawn()
        assert shown.page.get_attribute("#label-usd-exact", "aria-invalid") == "true"
        assert shown.page.locator("#moved").is_hidden()


@pytest.mark.parametrize("prices", [{GPU: 0.0}, {"label.wlp": 0.0}, {GPU: 0.0, "label.wlp": 0.0}])
@pytest.mark.parametrize("planned", [True, False], ids=["planned", "moved"])
def test_a_price_of_0(show: Show, sweep: pd.DataFrame, prices: dict[str, float], *, planned: bool) -> None:  # fmt: skip
    cells = sweep[(sweep["task"] == "wlp") & (sweep["n"] == 50)].reset_index(drop=True)
    free = reprice(cells, prices)
    shown = show(_as_csv(free) if planned else cells)
    if not planned:
        for name, usd in prices.items():
            shown.set("#label-usd" if name.startswith("label") else "#gpu-usd-0", usd)
        assert shown.page.locator("#moved").is_visible()
    pd.testing.assert_frame_equal(_downloaded(shown), _as_csv(free), check_exact=True)
    for budget in (0.0, 5.0, 2000.0):
        shown.set("#budget-usd", budget)
        assert shown.text("#answer") == sentences(free, [budget])[0].text
        _same_standings(shown, free)
        _same_flips(shown, free, budget)
    shown.page.focus("#frontier .chart")
    shown.page.keyboard.press("Home")
    left = shown.page.locator("#frontier .ring").evaluate(
        "ring => parseFloat(ring.style.translate)"
    )
    assert left > 0, "what is free has a place on the chart"


def test_every_cells_ledger(show: Show, sweep: pd.DataFrame) -> None:
    shown, chance = show(sweep), random.Random(5)
    shown.look_at("wlp", 2000)
    shown.set("#label-usd", 0.0371)
    shown.set("#gpu-usd-0", 9.9)
    after = reprice(sweep, {"label.wlp": 0.0371, GPU: 9.9}).set_index("cell")
    here = sweep[(sweep["task"] == "wlp") & (sweep["n"] == 2000) & sweep["feasible"]]
    for name in chance.sample(here["cell"].tolist(), 6):
        _open(shown, name)
        before = sweep.set_index("cell").loc[name]
        for item in ("labels", "teacher", "pseudo_labels", "student", "total"):
            cells = shown.page.locator(f"#ledger tr[data-item={item}] td").all_inner_texts()
            was, now = before[f"cost_{item}"], after.loc[name, f"cost_{item}"]
            assert cells[2:4] == [f"${was:,.6f}", f"${now:,.6f}"]
        assert "not known at these prices" in shown.text("#ledger dl")
        shown.page.keyboard.press("Escape")


def _open(shown: Shown, cell: str) -> None:
    pager = shown.page.locator("#cells .pager button")
    while pager.first.is_enabled():
        pager.first.click()
    button = shown.page.locator("#cells button.link").get_by_text(cell, exact=True)
    while not button.count():
        pager.last.click()
    button.click()
    assert shown.text("#ledger-title") == cell


@pytest.mark.parametrize("seed", range(3))
def test_what_is_said_follows(show: Show, sweep: pd.DataFrame, seed: int) -> None:
    """The sentence, the winners, the standings and the break-even prices, at random prices and filters."""
    shown, chance = show(sweep), random.Random(seed)
    cells = sweep
    if seed:
        off = chance.choice(["google/t5-v1_1-xxl", "google/t5-v1_1-xl"])
        shown.page.get_by_label(f"distill, {off.split('/')[1]}", exact=True).uncheck()
        cells = sweep[sweep["teacher"] != off].reset_index(drop=True)
    for _ in range(4):
        task, n = chance.choice(sorted(set(zip(sweep["task"], sweep["n"], strict=True))))
        label, gpu = (float(f"{10 ** chance.uniform(*reach):.3g}") for reach in ((-3, 1), (-1, 2)))
        budget = float(f"{10 ** chance.uniform(-1, 4):.3g}")
        shown.page.click("#reset")
        shown.look_at(str(task), int(n))
        shown.set("#label-usd", label)
        shown.set("#gpu-usd-0", gpu)
        shown.set("#budget-usd", budget)
        priced = reprice(cells, {f"label.{task}": label, GPU: gpu})
        panel = priced[(priced["task"] == task) & (priced["n"] == n)].reset_index(drop=True)
        assert shown.text("#answer") == sentences(panel, [budget])[0].text
        _same_winners(shown, priced)
        _same_standings(shown, panel)
        _same_flips(shown, panel, budget)


def test_no_winner_where_nothing_is_better(show: Show, sweep: pd.DataFrame) -> None:
    """Scores above the most frequent answer's are some of them, all of them, or none."""
    of_tasks = sweep.groupby("task")["score"]
    majority = of_tasks.transform("quantile", 0.6)
    majority = majority.mask(sweep["task"] == "wlp", of_tasks.transform("max"))
    cells = sweep.assign(majority_score=majority.where(sweep["task"] != "fever", 0.0))
    shown, chance = show(cells), random.Random(2)
    for task in ("wlp", "fever", "nq", "multipit_id"):
        shown.look_at(task, 50)
        panel = cells[(cells["task"] == task) & (cells["n"] == 50)].reset_index(drop=True)
        for _ in range(3):
            budget = float(f"{10 ** chance.uniform(0, 4):.3g}")
            shown.set("#budget-usd", budget)
            assert shown.text("#answer") == sentences(panel, [budget])[0].text
            _same_flips(shown, panel, budget)
        _same_standings(shown, panel)
    _same_winners(shown, cells)
    winners = {text.split()[0] for text in shown.page.locator("#winners button").all_inner_texts()}
    assert "none" in winners and len(winners) > 1
    shown.look_at("wlp", 50)
    assert "is better than always answering the most frequent class (" in shown.text("#answer")
    assert shown.page.locator("#flips li").count() == 0


def _same_winners(shown: Shown, cells: pd.DataFrame) -> None:
    table = best_table(cells, budgets_of(cells)).set_index(["task", "n", "budget"])["winner"]
    fields = iter(shown.page.locator("#winners button").all_inner_texts())
    for task, n in sorted(set(zip(cells["task"], cells["n"], strict=True))):
        for budget in budgets_of(cells):
            assert next(fields).split()[0] == table.get((task, n, budget), "none")
    assert next(fields, None) is None


def _same_standings(shown: Shown, panel: pd.DataFrame) -> None:
    details = shown.page.locator("#frontier details")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
        shown.drawn()
    expected = standings(panel).sort_values("cost", kind="stable")
    found = shown.rows_of("#frontier .table")
    assert [row[0] for row in found] == [f"${cost:,.6f}" for cost in expected["cost"]]
    scored = zip(expected["cost"], expected["score"], expected["score_margin"], strict=True)
    intervals = [(f"${cost:,.6f}", points_of_100(score, margin)) for cost, score, margin in scored]
    assert sorted((row[0], row[3]) for row in found) == sorted(intervals)
    told = [(row[0], _standing(row[-1])) for row in found]
    pairs = zip(expected["cost"], expected["standing"], strict=True)
    assert sorted(told) == sorted((f"${cost:,.6f}", standing) for cost, standing in pairs)


def _standing(words: str) -> str:
    return "frontier" if words == "on the Pareto frontier" else words.split(":", maxsplit=1)[0]


def _same_flips(shown: Shown, panel: pd.DataFrame, budget: float) -> None:
    lines = shown.page.locator("#flips li").all_inner_texts()
    for line, change in zip(lines, break_evens(panel, [budget]), strict=True):
        if change.lower is None:
            assert (
                line.startswith("Whatever") and change.below.replace("neither", "nothing") in line
            )
            continue
        _, up, below = re.split(r"costs at most | is best", line)[:3]
        assert up.split(", ")[-1] == change.below
        changing = re.sub(r" \(\$[\d.,]+ here\)", "", line)
        prices = [float(text.replace(",", "")) for text in re.findall(r"\$([\d.,]*\d)", changing)]
        assert prices[0] == pytest.approx(change.lower, rel=6e-3)
        if change.upper is not None and len(prices) > 1:
            assert prices[1] == pytest.approx(change.upper, rel=6e-3)
        assert change.above.replace("neither", "nothing") in below


def test_prices_of_several_books(show: Show, sweep: pd.DataFrame) -> None:
    half = sweep["seed"] == 0
    mixed = pd.concat([reprice(sweep[half], {"label.wlp": 0.1}), sweep[~half]], ignore_index=True)
    mixed = read_table(mixed.to_csv(index=False).encode(), "mixed")
    shown = show(mixed)
    shown.look_at("wlp", 50)
    assert "the sweep has no single price" in shown.text("#sliders")
    assert shown.page.input_value("#label-usd-exact") == ""
    shown.set("#label-usd", 0.2)
    expected = reprice(mixed, {"label.wlp": 0.2})
    pd.testing.assert_frame_equal(_downloaded(shown), _as_csv(expected), check_exact=True)


def test_bytes_of_the_download_have_every_column(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sweep.head(3))
    with shown.page.expect_download() as found:
        shown.page.click("#download")
    content = Path(found.value.path()).read_bytes()
    assert list(pd.read_csv(BytesIO(content))) == list(sweep)


def _with_rules(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells, of which those with a teacher bought four rules as well: a cost item with a price of its own."""
    bought = 4 * (cells["pseudo_labels"] > 0)
    ruled = cells.assign(
        quantity_rules=bought, cost_rules=1.75 * bought, fraction_rules=0.0, gpu_seconds_rules=0.0, basis_rules=None,
        measured_gpu_seconds_rules=None, cost_total=cells["cost_total"] + 1.75 * bought,
    )  # fmt: skip
    return _as_csv(ruled)


def test_an_item_with_a_price_of_its_own_has_a_slider(show: Show, sweep: pd.DataFrame) -> None:
    cells = _with_rules(sweep[sweep["task"] == "wlp"])
    shown = show(cells)
    shown.look_at("wlp", 50)
    shown.set("#budget-usd", 137.0)
    assert shown.page.input_value("#rules-usd-exact") == "1.75"
    _open(shown, cells.loc[cells["quantity_rules"] > 0, "cell"].iloc[0])
    row = shown.page.locator("#ledger tr[data-item=rules]")
    assert row.locator("td").all_inner_texts()[:3] == ["4 units", "$1.75 per unit", "$7.000000"]
    shown.page.keyboard.press("Escape")
    for usd in (0.3, 40.25):
        shown.set("#rules-usd", usd)
        expected = reprice(cells, new_prices({"rules": usd}, cells))
        assert (expected["cost_total"] != cells["cost_total"]).any()
        pd.testing.assert_frame_equal(_downloaded(shown), _as_csv(expected), check_exact=True)
        panel = expected[expected["n"] == 50].reset_index(drop=True)
        assert shown.text("#answer") == sentences(panel, [137.0])[0].text
        assert shown.page.locator("#flips li").count() == 3
        _same_flips(shown, panel, 137.0)
    assert "$40.25 per unit of rules" in shown.text("#moved")
