"""Three runs of `benchmarks/chaos.py`: a driver, a worker and an artifact are lost, and the table is a clean one's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(1200)

_FAULTS = ("damaged fine_tune", "kill driver", "kill train worker")
_SEEDS = ("0", "10", "15")


def test_three_seeds(tmp_path: Path) -> None:
    command = [
        sys.executable, "benchmarks/chaos.py", "--seeds", *_SEEDS, "--faults", *_FAULTS, "--count", "1",
        "--folder", f"{os.environ['RAY_TMPDIR']}/c", "--out", str(tmp_path / "outcomes.jsonl"), "--jobs", "2",
        "--limit", "600",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["equal"] == found["runs"] == 3, done.stderr
    assert {name: of["runs"] for name, of in found["faults"].items()} == dict.fromkeys(_FAULTS, 1)
