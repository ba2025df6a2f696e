"""Killed in the middle: no request is paid for twice beyond those that were in flight, and the journal knows these."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.llm.server import Endpoint, serving

_ROOT = Path(__file__).parents[3]
_ROWS = 200


def test_killed_again_and_again(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    kills = 0
    with serving(Endpoint(delay=0.05)) as endpoint:
        while True:
            goal = endpoint.completed.total() + 70
            with _started(endpoint.base_url, journal) as process:
                while process.poll() is None and endpoint.completed.total() < goal:
                    time.sleep(0.005)
                process.kill()
            if process.returncode == 0:
                break
            assert process.returncode == -9
            kills += 1
        completed = endpoint.completed
    assert kills >= 2, kills
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    answers = [line["key"] for line in lines if "key" in line]
    asked = [line["asked"] for line in lines if "asked" in line]
    assert len(answers) == len(set(answers)) == _ROWS == len(completed)
    assert set(asked) == set(answers)
    assert completed.total() - _ROWS <= 64 * kills
    # What was sent without an answer is in the journal: nothing is paid for that it does not know.
    assert completed.total() <= len(asked)


def _started(base_url: str, journal: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.llm.asked_until_killed", base_url, str(journal), str(_ROWS)]  # fmt: skip
    return subprocess.Popen(command, cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)})
