"""A checkpoint of each kind, made once for a module."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.models.seq2seq.kinds import written


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    place = tmp_path_factory.mktemp("kinds")

    def of(name: str) -> Path:
        kind, _, seed = name.partition(" ")
        made = place / name
        return made if made.exists() else written(made, kind, int(seed or 0))

    return of
