"""Where the real rows are, on machines that have them."""

from pathlib import Path

import pytest


@pytest.fixture
def repository() -> Path:
    return Path(__file__).parents[3]
