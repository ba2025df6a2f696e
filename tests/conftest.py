"""For all tests: a slow machine fails no example, and tests that start clusters leave no core idle."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")

_HERE = Path(__file__).parent
_LONGEST = ("test_preemption", "test_search", "test_sweep", "test_finetune")
"""Of `tests/ray`: those that take minutes. Begun last, one of them would leave a core idle."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests that start processes of their own stay together in one of the two that pytest runs in."""
    folder = _folder(item)
    if folder in ("cluster", "page", "ray"):
        group = item.path.stem if folder == "ray" else folder
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hosts of the lab beside tests that need one core; then each module that has a Ray of its own."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[int, bool]:
    turn = {"cluster": 0, "ray": 2}.get(_folder(item), 1)
    return turn, turn == 2 and item.path.stem not in _LONGEST


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(_HERE).parts[0]
