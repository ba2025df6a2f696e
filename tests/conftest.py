"""For all tests: a slow machine fails no example, and at most two clusters run at a time."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")

_HERE = Path(__file__).parent
_ONE_AFTER_THE_OTHER = ("cluster", "page", "ray")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Each folder that starts processes of its own stays in one of the two that pytest runs in."""
    folder = item.path.relative_to(_HERE).parts[0]
    if folder in _ONE_AFTER_THE_OTHER:
        item.add_marker(pytest.mark.xdist_group(folder))
