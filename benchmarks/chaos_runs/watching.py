"""What happens in a store while a command runs: which artifacts come, and which come twice."""

from collections import defaultdict

from .damage import records
from .sweep import Place


class StoreWatch:
    """Looks at the records now and then; two folders of one key are two builds of it.

    Attributes:
        kinds: the kind of each artifact that was ever there, by key.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._builds: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self.kinds: dict[str, str] = {}

    def look(self) -> None:
        """Note what is there."""
        for record in records(self._place).values():
            try:
                key, folder, kind = record["key"], record["folder"], record["kind"]
                seconds = float(record["provenance"]["seconds"])
            except (KeyError, TypeError, ValueError):
                continue  # One that we have damaged, and that is JSON all the same.
            if isinstance(key, str) and folder not in self._builds[key]:
                self._builds[key][folder] = seconds
                self.kinds[key] = kind

    def has(self, kind: str) -> bool:
        """Whether an artifact of this kind has ever been there."""
        return kind in self.kinds.values()

    def made_again(self) -> dict[str, tuple[int, float]]:
        """Keys with more than one build: how many more, and the seconds of those."""
        again = {}
        for key, builds in self._builds.items():
            if more := list(builds.values())[1:]:
                again[key] = len(more), sum(more)
        return again
