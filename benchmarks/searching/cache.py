"""Results of peers, kept as JSON: one file for each method and problem.

The key is everything that decides a peer's result: its name, the problem in full, and `VERSION`, which is to be
raised when a peer or the runner changes.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from .measures import Worth
from .problems import Problem

VERSION = 4


class Cache:
    """A folder of results; without a folder, nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, method: str, problem: Problem) -> Worth | None:
        """What was kept, if anything."""
        path = self._path(method, problem)
        if path is None or not path.exists():
            return None
        return Worth(**json.loads(path.read_text()))

    def put(self, method: str, problem: Problem, worth: Worth) -> None:
        """Keep a result."""
        path = self._path(method, problem)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(asdict(worth)))

    def _path(self, method: str, problem: Problem) -> Path | None:
        if self._folder is None:
            return None
        key = hashlib.sha256(f"{VERSION} {problem!r}".encode()).hexdigest()[:16]
        return self._folder / method.replace(" ", "-") / f"{key}.json"
