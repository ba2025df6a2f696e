"""How classes are shared out, and what a test set of a size can tell at all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from raydoa.tasks.data import Row

_FEWEST_APART = 6
"""Rows that one of two models has right and the other wrong, with none the other way round, before a two-sided sign test says
at 5% that it is better: 2 * 0.5 ** 6 < 0.05."""


@dataclass(frozen=True)
class Balance:
    """Rows of a part by class, the most frequent first."""

    counts: dict[str, int]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Balance":
        """Count; rows without a label are not."""
        found = Counter(row.target for row in rows if row.target is not None)
        return cls({str(name): count for name, count in found.most_common()})

    @property
    def majority(self) -> float:
        """Share of the most frequent class: what an answer scores that is always this."""
        total = sum(self.counts.values())
        return max(self.counts.values()) / total if total else 0.0


def least_difference(test_rows: int) -> float:
    """The smallest difference of two models' shares of right rows that a test set can tell (a sign test at 5%), at most 1."""
    return min(1.0, _FEWEST_APART / test_rows)
