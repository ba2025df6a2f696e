"""The benchmark holds every step's loss against plain transformers', so a run of it is a test of that; no time is looked at."""

import json
import runpy
import sys
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[3] / "benchmarks"


def test_both_trainings_are_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(_FOLDER))
    command = ["training_loop.py", "--models", "nano-s", "--rounds", "2", "--steps", "2"]
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_path(str(_FOLDER / "training_loop.py"), run_name="benchmark")["main"]()
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(line["models"]) == {"seq2seq nano-s gold", "seq2seq nano-s classes"}
    for found in line["models"].values():
        assert found["ratio_lowest"] <= found["ratio"] <= found["ratio_highest"]
