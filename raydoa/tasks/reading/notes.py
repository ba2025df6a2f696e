"""What was done to rows on the way in, for people: nothing is guessed, mended or left out without a line that says so."""

from collections import Counter


class Notes:
    """Lines, each said once, in the order in which they came up; those that count, with their count at the end."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}
        self._counts: Counter[str] = Counter()

    def say(self, line: str) -> None:
        """Note something that is so of a whole file."""
        self._lines[line] = None

    def count(self, line: str) -> None:
        """Note a row; ``line`` is a file, a colon, ``{}`` where the number of such rows goes, and what they are."""
        self._lines[line] = None
        self._counts[line] += 1

    def counted(self, line: str) -> int:
        """How often `count` was told so."""
        return self._counts[line]

    @property
    def lines(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(
            # A path may have braces of its own.
            line.replace(": {} ", f": {self._counts[line]:,} ", 1) if line in self._counts else line
            for line in self._lines
        )
