"""A lab for each module that asks for one."""

from collections.abc import Iterator

import pytest

from tests.cluster.lab.lab import Lab
from tests.cluster.lab.needs import require_lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A network without hosts."""
    require_lab()
    made = Lab(tmp_path_factory.mktemp("lab"))
    yield made
    made.close()
