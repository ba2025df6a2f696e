"""Whole checkpoints, and copies of them to be broken."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.checkpoints import write_checkpoint
from tests.unit.encoders import write_encoder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Whole ones, for copies to be damaged."""
    place = tmp_path_factory.mktemp("whole")
    return {
        "t5": write_checkpoint(place / "t5", tokenizer_json=True),
        "spiece": write_checkpoint(place / "spiece"),
        "bert": write_encoder(place / "bert"),
    }


@pytest.fixture
def copy(models: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(models[name], tmp_path / name))
