"""Rows of train and pool that are test rows too: a model that has seen them is not tested on them, so they are left out."""

from collections.abc import Container, Sequence

from raydoa.errors import UserError
from raydoa.tasks.data import Row
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.same_text import digest
from raydoa.tasks.task import TaskSpec


def without_test_rows(
    spec: TaskSpec, part: str, rows: Sequence[Row], tested: Container[bytes], notes: Notes
) -> tuple[Row, ...]:
    """The rows of a part whose source is none that is ``tested`` (by its digest), unless the task keeps those.

    Raises:
        UserError: no row of ``train`` would be left.
    """
    if spec.test_rows_elsewhere == "kept":
        return tuple(rows)
    shared = {row.id: key for row in rows if (key := digest(row.source)) in tested}
    left = tuple(row for row in rows if row.id not in shared)
    location = getattr(spec, part)
    if rows and not left and part == "train":
        raise UserError(
            f"task {spec.name}: train: each source of {location} is also one of {spec.test}, and such rows are left out; give "
            "test rows of their own, or say --allow test-in-train"
        )
    if shared:
        then = "" if left else ", and then the pool is the rest of train"
        notes.say(
            f"{location}: {len(shared):,} rows are left out: their sources are {len(set(shared.values())):,} of the test rows' "
            f"(--allow test-in-train keeps them){then}"
        )
    return left
