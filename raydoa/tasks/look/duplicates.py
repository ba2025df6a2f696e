"""Rows that are there twice: the same text but for case, blanks and the ways in which Unicode writes it."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from raydoa.tasks.data import Row, TaskRows


def normal(text: str) -> str:
    """What two texts have in common that are the same to a reader."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class Duplicates:
    """What is there twice.

    Attributes:
        within: rows of each part whose source an earlier row of it has.
        of_test: rows of ``train`` and ``pool`` whose source is one of the test rows'.
        in_test: sources of test rows that are in train.
        of_train: pool rows whose source is a labelled row's.
        divided: sources of labelled rows that have several targets.
        example: one of those, with its targets; None: there is none.
    """

    within: dict[str, int]
    of_test: dict[str, int]
    in_test: int
    of_train: int
    divided: int
    example: tuple[str, tuple[str, ...]] | None


def find_duplicates(rows: TaskRows) -> Duplicates:
    """Look for rows with one source."""
    parts = {"train": rows.train, "test": rows.test, "pool": rows.pool}
    sources = {name: Counter(normal(row.source) for row in part) for name, part in parts.items()}
    test, train = sources["test"], sources["train"]
    targets = _targets(rows.labelled)
    divided = {source: kinds for source, kinds in targets.items() if len(kinds) > 1}
    example = next(iter(divided.items()), None)
    return Duplicates(
        within={name: found.total() - len(found) for name, found in sources.items()},
        of_test={name: _shared(sources[name], test) for name in ("train", "pool")},
        in_test=len(test.keys() & train.keys()),
        of_train=_shared(sources["pool"], train),
        divided=len(divided),
        example=None if example is None else (example[0], tuple(example[1])),
    )


def _shared(these: Counter[str], those: Counter[str]) -> int:
    return sum(count for source, count in these.items() if source in those)


def _targets(rows: Iterable[Row]) -> dict[str, dict[str, None]]:
    """The targets of each source, as they are first written."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        assert row.target is not None, "a labelled row"
        found[normal(row.source)].setdefault(normal(row.target), row.target)
    return {source: dict.fromkeys(kinds.values()) for source, kinds in found.items()}
