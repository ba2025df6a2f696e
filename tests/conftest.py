"""For all tests: a slow machine fails no example, and at most two clusters run at a time."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")

# Before anybody imports torch, here or in a process that a test starts: each of two workers would have as many threads as there
# are cores, which wait for each other by spinning. Four times the CPU seconds for a training of a few steps.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_HERE = Path(__file__).parent
_ONE_AFTER_THE_OTHER = ("cluster", "page", "ray")
_SWEEPS = (
    "test_driver",
    "test_notebooks",
    "test_search",
    "test_stop",
    "test_sweep",
    "test_trackers",
)
"""Of `tests/ray`: whole sweeps. They take as long as the rest of it, and may run beside it."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests that start processes of their own stay together in one of the two that pytest runs in."""
    folder = item.path.relative_to(_HERE).parts[0]
    if folder in _ONE_AFTER_THE_OTHER:
        group = "sweeps" if item.path.stem in _SWEEPS else folder
        item.add_marker(pytest.mark.xdist_group(group))
