"""For all tests: a slow machine fails no example, and at most two clusters run at a time."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")

_HERE = Path(__file__).parent
_ONE_AFTER_THE_OTHER = ("cluster", "sweeps", "ray", "page")
"""Groups, in the order in which they begin: the longest first, so that none is left to run alone at the end."""

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
    if (group := _group(item)) in _ONE_AFTER_THE_OTHER:
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups first; all others fill what is left."""
    order = {group: place for place, group in enumerate(_ONE_AFTER_THE_OTHER)}
    items.sort(key=lambda item: order.get(_group(item), len(order)))


def _group(item: pytest.Item) -> str:
    folder = item.path.relative_to(_HERE).parts[0]
    return "sweeps" if folder == "ray" and item.path.stem in _SWEEPS else folder
