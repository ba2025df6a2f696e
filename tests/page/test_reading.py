"""Looking at the page: with a pointer, with keys alone, on narrow windows, in both schemes, with nothing to show."""

import json
import re
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.page.conftest import Show, Shown, sorted_as_loaded
from tests.unit.report.conftest import grid

HOSTILE = "</script><script>alert(1)</script><!-- \" ' & ${x} \u2028"


def _focused(shown: Shown) -> str:
    found: str = shown.page.evaluate(
        "document.activeElement.id || document.activeElement.className"
    )
    return found


def _tab_to(shown: Shown, place: str) -> None:
    for _ in range(60):
        shown.page.keyboard.press("Tab")
        if _focused(shown) == place:
            return
    raise AssertionError(f"{place} cannot be reached by keys")


def test_keys_alone(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sweep)
    shown.look_at("wlp", 50)
    before = shown.text("#answer")
    _tab_to(shown, "budget-usd")
    for _ in range(120):
        shown.page.keyboard.press("ArrowLeft")
    shown.drawn()
    assert shown.text("#answer") != before
    expect(shown.page.locator("#heard")).to_have_text(
        shown.text("#answer")
    )  # Once the slider rests.
    _tab_to(shown, "chart")
    shown.page.keyboard.press("ArrowRight")
    shown.page.keyboard.press("ArrowRight")
    tip = shown.page.locator("#frontier .tip")
    assert tip.is_visible() and " for $" in tip.inner_text()
    assert shown.text("#heard").split(". ")[0] == tip.locator("p").first.inner_text()
    shown.page.keyboard.press("Enter")
    assert shown.page.locator("#ledger").is_visible()
    shown.page.keyboard.press("Escape")
    assert not shown.page.locator("#ledger").is_visible()
    assert _focused(shown) == "chart", "back to where it was opened"
    _tab_to(shown, "download")


def test_a_pointer_over_each_chart(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sweep)
    for name in ("frontier", "budget"):
        chart = shown.page.locator(f"#{name} .u-over")
        box = chart.bounding_box()
        assert box is not None
        tip, found = shown.page.locator(f"#{name} .tip"), set()
        for step in range(0, 100, 2):
            for height in range(0, 100, 5):
                chart.hover(
                    position={"x": box["width"] * step / 100, "y": box["height"] * height / 100},
                    force=True,
                )
                if tip.is_visible():
                    found.add(tip.inner_text())
            if len(found) > 2:
                break
        assert len(found) > 2 and all("student's training: " in text for text in found)
    chart.click(position={"x": 1, "y": 1})
    assert not shown.page.locator("#ledger").is_visible(), "nothing is near"


def test_filters(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sweep)
    shown.look_at("fever", 2000)
    here = sweep[(sweep["task"] == "fever") & (sweep["n"] == 2000)]
    assert {row[0] for row in shown.rows_of("#cells")} == set(here["cell"])
    shown.page.get_by_label("distill, t5-v1_1-xl", exact=True).uncheck()
    shown.page.get_by_label("annotate", exact=True).uncheck()
    shown.drawn()
    kept = here[(here["teacher"] != "google/t5-v1_1-xl") & (here["strategy"] != "annotate")]
    assert {row[0] for row in shown.rows_of("#cells")} == set(kept["cell"])
    for box in shown.page.locator("#curves input").all():
        box.uncheck()
    shown.drawn()
    assert shown.text("#answer").endswith("on fever, no strategy is chosen.")
    assert shown.text("#frontier .empty") == "No strategy is chosen."
    assert set(shown.page.locator("#winners button").all_inner_texts()) == {"none"}


def test_a_winner_is_a_way_to_its_panel(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sweep)
    shown.page.locator("#winners tbody tr").last.locator("button").first.click()
    shown.drawn()
    assert shown.page.input_value("#task") == "wlp" and shown.page.input_value("#n") == "2000"
    assert shown.text("#answer").startswith("With $5 and 2,000 labels on wlp, ")
    assert shown.page.locator("#winners button[aria-pressed=true]").count() == 1


def test_text_of_results_stays_text(show: Show, sweep: pd.DataFrame) -> None:
    cells = sweep[sweep["task"] == "wlp"].assign(
        task=HOSTILE, infeasible_reason=sweep["infeasible_reason"].where(sweep["feasible"], HOSTILE)
    )
    for name in ("cell", "teacher", "student", "prices", "region", "accelerator"):
        cells[name] = cells[name].where(cells[name].isna(), cells[name] + HOSTILE)
    cells = sorted_as_loaded(cells)
    shown = show(cells, gaps=[HOSTILE])
    assert HOSTILE in shown.page.locator("#notes").text_content()
    assert HOSTILE in shown.page.locator("#answer").text_content()
    assert shown.page.locator("#task option").text_content() == HOSTILE
    assert shown.page.locator("script").count() == 3
    shown.page.locator("#cells button.link").first.click()
    assert shown.page.locator("#ledger-title").text_content() == cells["cell"].iloc[0]
    shown.page.keyboard.press("Escape")
    shown.page.locator("#frontier .chart").focus()
    while "<!-- \" ' & ${x}" not in shown.text("#frontier .tip"):
        before = shown.text("#frontier .tip")
        shown.page.keyboard.press("ArrowRight")
        assert shown.text("#frontier .tip") != before, "no point tells its teacher"


def test_nothing_else_may_run_or_be_asked_for(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sweep.head(40))
    shown.page.evaluate(
        """() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
        const picture = document.createElement("img");
        picture.src = "https://example.org/x.png";
        document.body.append(picture);
    }"""
    )
    shown.drawn()
    assert shown.page.evaluate("window.ran") is None
    blocked = [text for text in shown.complaints if "Content Security Policy" in text]
    assert len(blocked) == len(shown.complaints) == 2
    shown.complaints.clear()
    shown.requests[:] = [url for url in shown.requests if "example.org" not in url]


@pytest.mark.parametrize("width", [1400, 390])
def test_it_fits_the_window(show: Show, sweep: pd.DataFrame, width: int) -> None:
    named = sweep["task"].where(sweep["task"] != "fever", "fever-" + 12 * "and-so-on-")
    shown = show(sorted_as_loaded(sweep.assign(task=named)), width=width)
    for summary in shown.page.locator("summary").all():
        summary.click()
    shown.drawn()
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    columns = shown.page.evaluate(
        "getComputedStyle(document.querySelector('#charts')).gridTemplateColumns"
    )
    assert len(columns.split()) == (2 if width > 800 else 1)
    shown.page.locator("#cells button.link").first.click()
    assert shown.page.evaluate("document.querySelector('#ledger').scrollWidth") <= width


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""
    light, dark = sorted([_luminance(one), _luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _curves(shown: Shown) -> list[dict[str, Any]]:
    data = json.loads(shown.page.locator("#data").text_content() or "")
    curves: list[dict[str, Any]] = data["curves"]
    return curves


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(show: Show, sweep: pd.DataFrame, scheme: str) -> None:
    shown = show(sweep, scheme=scheme)

    def colour(name: str) -> str:
        run = "name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"
        found: str = shown.page.evaluate(run, name)
        assert re.fullmatch("#[0-9a-f]{6}", found), name
        return found

    assert (_luminance(colour("--paper")) > 0.5) == (scheme == "light")
    for name in ("--text", "--soft", "--accent"):
        for ground in ("--paper", "--panel"):
            assert _contrast(colour(name), colour(ground)) >= 4.5, "WCAG AA, text"
    assert _contrast(colour("--caution"), colour("--caution-paper")) >= 4.5
    own = [f"--curve-{i}" for i, curve in enumerate(_curves(shown)) if curve["shade"] is None]
    assert len(own) == 2, "annotate and the control"
    for name in [*own, *(f"--shade-{i}" for i in range(6)), "--line"]:
        for ground in ("--paper", "--panel"):
            assert _contrast(colour(name), colour(ground)) >= 3, "WCAG AA, graphics"


def test_everything_that_is_worked_has_a_name(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sweep)
    nameless = shown.page.evaluate(
        """() => [...document.querySelectorAll("input, select, button, [role=application], [role=region]")].filter((one) =>
            !(one.labels?.length || one.getAttribute("aria-label") || (one.tagName === "BUTTON" && one.textContent.trim()))
        ).map((one) => one.outerHTML)"""
    )
    assert nameless == []
    ids = shown.page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))


def test_only_cells_that_cannot_be_paid(show: Show, sweep: pd.DataFrame) -> None:
    unpaid = sorted_as_loaded(sweep[~sweep["feasible"]])
    assert len(unpaid) > 3
    shown = show(unpaid)
    assert "every plan is infeasible, such as " in shown.text("#answer")
    assert "seed" not in shown.text("#frontier .caption")
    assert "cells is feasible; the table of cells says why." in shown.text("#frontier .empty")
    assert "infeasible" in shown.text("#cells") and "is missing" in shown.text("#cells")
    shown.set("#label-usd", 0.01)
    shown.page.locator("#cells button.link").first.click()
    assert "Infeasible: the least it takes" in shown.text("#ledger")


def test_one_seed_has_no_interval(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sorted_as_loaded(sweep[sweep["seed"] == 0]))
    assert "accuracy (one seed)" in shown.text("#answer") and "±" not in shown.text("#answer")
    for name in ("frontier", "budget"):
        assert "One seed: there are no intervals." in shown.text(f"#{name} .caption")
    assert all(text.split()[0].endswith("?") for text in _found(shown)), "no winner is sure"


def _found(shown: Shown) -> list[str]:
    """Winners of panels in which more than one strategy is paid."""
    texts = shown.page.locator("#winners button").all_inner_texts()
    return [text for text in texts if text != "none"]


def test_without_scores(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sweep[sweep["feasible"]].assign(score=float("nan")).reset_index(drop=True))
    assert shown.text("#answer").endswith("nothing that was measured costs so little.")
    assert shown.text("#frontier .empty") == "No cell has a score."


def test_rows_without_ledgers(show: Show) -> None:
    shown = show(grid())
    shown.set("#label-usd", 0.5)
    shown.page.locator("#cells button.link").first.click()
    assert "not known at these prices" in shown.text("#ledger")


def test_before_a_script_has_run(show: Show, sweep: pd.DataFrame) -> None:
    shown = show(sweep)
    written = shown.path.read_text(encoding="utf-8")
    said = re.search(r'<p id="answer">(.*?)</p>', written)
    assert said is not None and said[1] == shown.text("#answer"), "mail clients run none"
