"""A headless Chromium to look at a page with: the machine's own, or the one that playwright has fetched."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ABSENT = "no Chromium here: `apt-get install chromium`, or `playwright install chromium`"


def chromium() -> str | None:
    """The path of a Chromium, if there is one."""
    installed = next((path for path in map(shutil.which, _NAMES) if path), None)
    if installed is not None:
        return installed
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


@contextmanager
def browser(path: str) -> Iterator[Browser]:
    """That Chromium, started and ended here."""
    # Its sandbox needs another user than root, who runs CI.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=flags)
        yield started
        started.close()
