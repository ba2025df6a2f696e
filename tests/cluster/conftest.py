"""A lab for each module that asks for one."""

from collections.abc import Iterator

import pytest

from tests.cluster.testbed.needs import require_lab
from tests.cluster.testbed.testbed import Testbed


@pytest.fixture(scope="module")
def testbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """A network without hosts."""
    require_lab()
    made = Testbed(tmp_path_factory.mktemp("lab"))
    yield made
    made.close()
