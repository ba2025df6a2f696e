"""A store that holds nothing but keys, and counts who asks."""

from collections import Counter

from raydoa.simulation.clock import Clock
from raydoa.store.key import Stage
from raydoa.store.record import SCHEMA, Record

_MADE = Record(SCHEMA, "", "simulated", 0, {}, {}, {}, {}, {}, "", "", "")
"""The record of whatever has been made: nobody reads more of it than that it is there."""


class KeysOnly:
    """An `Artifacts` in memory, each of whose reads takes ``seconds``.

    Attributes:
        operations: how often what was asked.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.operations: Counter[str] = Counter()
        self._there: set[str] = set()

    def __len__(self) -> int:
        return len(self._there)

    def find(self, key: str) -> Record | None:
        """See `Store.find`."""
        if self._seconds:
            self._clock.sleep(self._seconds)
        there = key in self._there
        self.operations["found" if there else "not found"] += 1
        return _MADE if there else None

    def drop(self, key: str, folder: str | None = None) -> None:
        """Nothing here is ever damaged."""
        raise AssertionError(f"{key} is dropped from {folder}, and was never damaged")

    def publish(self, stage: Stage) -> None:
        """Note that ``stage`` has been made."""
        assert stage.key not in self._there, f"{stage.kind} {stage.key} is made twice"
        self.operations["published"] += 1
        self._there.add(stage.key)
