"""A browser, pages in it, and sweeps to show: real plans of raydoa's planner with scores that a law drew."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from benchmarks.reporting.browser import ABSENT, browser, chromium
from benchmarks.reporting.rows import rows
from raydoa.report.columns import as_cells, sorted_cells, types_of
from raydoa.report.page.document import write_page


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """Ended with a file: playwright's loop would be in the way of other tests', and a folder without modules has no end."""
    path = chromium()
    if path is None:
        pytest.skip(ABSENT)
    with browser(path) as started:
        yield started


@pytest.fixture(scope="session")
def sweep() -> pd.DataFrame:
    """Six tasks, two N, some cells that cannot be paid, three seeds."""
    cells = as_cells(list(rows(15_000, seeds=3)), "made")
    kept = cells["n"].isin([50, 2000]) & cells["budget"].isin(sorted(cells["budget"].unique())[::7])
    return sorted_as_loaded(cells[kept])


def sorted_as_loaded(cells: pd.DataFrame) -> pd.DataFrame:
    return sorted_cells(cells).astype(types_of(cells))


@dataclass
class Shown:
    """A page that is open, and whatever went wrong in it."""

    page: Page
    path: Path
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def set(self, place: str, value: float) -> None:
        """Type exact dollars beside a slider."""
        self.page.fill(f"{place}-exact", repr(value))
        self.drawn()

    def slide(self, place: str, to: int) -> None:
        self.page.locator(place).evaluate(
            "(range, to) => { range.value = to; range.dispatchEvent(new Event('input')); }", to
        )
        self.drawn()

    def look_at(self, task: str, n: int) -> None:
        self.page.select_option("#task", task)
        self.page.select_option("#n", str(n))
        self.drawn()

    def drawn(self) -> None:
        """Wait until what was asked for is on the page."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def text(self, place: str) -> str:
        return self.page.locator(place).inner_text()

    def rows_of(self, place: str) -> list[list[str]]:
        """All rows of a table that is shown a page at a time."""
        table, found = self.page.locator(place), []
        while table.locator(".pager button").first.is_enabled():
            table.locator(".pager button").first.click()
        while True:
            lines = "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
            found += table.locator("tbody tr").evaluate_all(lines)
            if not table.locator(".pager button").last.is_enabled():
                return found
            table.locator(".pager button").last.click()


Show = Callable[..., Shown]


@pytest.fixture
def show(chrome: Browser, tmp_path: Path) -> Iterator[Show]:
    """Opens the page of some cells; a page may not complain, and may ask for nothing but itself."""
    opened: list[Shown] = []

    def open_it(
        cells: pd.DataFrame,
        gaps: Sequence[str] = (),
        width: int = 1400,
        scheme: str = "light",
        **rows: Any,
    ) -> Shown:
        path = write_page(cells, tmp_path / f"report{len(opened)}.html", gaps=gaps, **rows)
        page = chrome.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        shown = Shown(page, path)
        page.on("console", lambda message: shown.complaints.append(message.text))
        page.on("pageerror", lambda error: shown.complaints.append(str(error)))
        page.on("dialog", lambda dialog: shown.complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: shown.requests.append(request.url))
        page.goto(path.as_uri())
        shown.drawn()
        opened.append(shown)
        return shown

    yield open_it
    for shown in opened:
        shown.page.close()
        assert shown.complaints == []
        # Downloads are made in the page itself.
        asked = [url for url in shown.requests if not url.startswith("blob:")]
        assert asked == [shown.path.as_uri()]
