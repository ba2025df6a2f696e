"""Rows that are there twice: the same text but for case, blanks and the ways in which Unicode writes it."""

from collections.abc import Iterable
from dataclasses import dataclass

from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.same_text import digest, normal


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
    sources = {name: [digest(row.source) for row in part] for name, part in parts.items()}
    once = {name: set(found) for name, found in sources.items()}
    divided = _divided(rows.train, sources["train"])
    return Duplicates(
        within={name: len(found) - len(once[name]) for name, found in sources.items()},
        of_test={name: sum(one in once["test"] for one in sources[name]) for name in ("train", "pool")},
        in_test=len(once["test"] & once["train"]),
        of_train=sum(one in once["train"] for one in sources["pool"]),
        divided=len(divided),
        example=next(iter(divided.items()), None),
    )  # fmt: skip


def _divided(rows: Iterable[Row], sources: Iterable[bytes]) -> dict[str, tuple[str, ...]]:
    """The targets, as they are first written, of each source that has several."""
    first: dict[bytes, Row] = {}
    several: dict[bytes, dict[str, str]] = {}
    for row, source in zip(rows, sources, strict=True):
        if row.target is None:
            continue
        other = first.setdefault(source, row)
        if other.target != row.target and other.target is not None:
            kinds = several.setdefault(source, {normal(other.target): other.target})
            kinds.setdefault(normal(row.target), row.target)
    return {
        normal(first[source].source): tuple(kinds.values())
        for source, kinds in several.items()
        if len(kinds) > 1
    }
