"""Which rows are labels and which are the pool: one seeded order, used from both ends.

    train, in the order of sha256(seed, id):   [ N owned | bought ... ->        <- ... U pool ]

Labels are the first rows of the order, so N = 100 is part of N = 1,000, and 100 owned with 900
bought are the same rows as 1,000 owned. The pool is counted from the back, so U = 10K is part of U
= 100K, and its rows do not depend on N. While labels and pool together fit into the rows, no row is
both. A pool that is a file of its own has an order of its own, and all of ``train`` can be labels. Rows of ``train`` that
nobody has labelled come before the others in the pool.

Labels that take real money are of rows in one more order, that of sha256(id), which no seed decides: what is bought for one
seed, all have (`paid_pool`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from raydoa.errors import UserError
from raydoa.tasks.data import Row, TaskRows


def labelled(rows: TaskRows, seed: int, count: int) -> list[Row]:
    """The first ``count`` rows of ``train`` in the seed's order: owned labels, then bought ones."""
    assert 0 <= count <= len(rows.labelled), f"{count} labels of {len(rows.labelled)} rows"
    return in_order(rows.labelled, seed)[:count]


def pool(rows: TaskRows, seed: int, start: int, stop: int) -> list[Row]:
    """The rows of the pool from ``start`` up to ``stop``, their targets hidden (None)."""
    whole = in_order(rows.pool or rows.unlabelled, seed)
    if not rows.pool:
        whole += in_order(rows.labelled, seed)[::-1]
    assert 0 <= start <= stop <= len(whole), f"pool rows {start} to {stop} of {len(whole)}"
    return [replace(row, target=None) for row in whole[start:stop]]


def paid_pool(rows: TaskRows, seed: int, owned: int, start: int, stop: int) -> list[Row]:
    """The same of the order that no seed decides, without the first ``owned`` labelled rows of the seed's."""
    taken = {row.id for row in labelled(rows, seed, owned)} if not rows.pool else set()
    there = in_order(rows.pool or rows.unlabelled, "paid")
    if not rows.pool:
        there += in_order(rows.labelled, "paid")
    whole = [row for row in there if row.id not in taken]
    assert 0 <= start <= stop <= len(whole), f"pool rows {start} to {stop} of {len(whole)}"
    return [replace(row, target=None) for row in whole[start:stop]]


def in_order(rows: Sequence[Row], seed: int | str) -> list[Row]:
    """All ``rows`` in the seed's order, which depends on nothing but the seed and the ids."""
    return sorted(rows, key=lambda row: hashlib.sha256(f"{seed}:{row.id}".encode()).digest())


def most_labels(train_rows: int, pool_rows: int, *, u: int, unlabelled: int = 0) -> int:
    """How many labels there are in all, owned and bought, beside ``u`` rows of the pool.

    ``pool_rows`` is the size of a pool that is a file of its own, 0 where there is none; then ``unlabelled`` are the rows of the
    same file that nobody has labelled, which the pool takes first.
    """
    return train_rows if pool_rows else max(0, train_rows - max(0, u - unlabelled))


def check_sizes(
    train_rows: int, pool_rows: int, *, n: int, bought: int, u: int, unlabelled: int = 0
) -> None:
    """Check that N owned labels, ``bought`` more and U pool rows can be had, no row twice; rows as in `most_labels`.

    Raises:
        UserError: they cannot; the message says what there is.
    """
    if min(n, bought, u) < 0:
        raise UserError(f"N = {n}, labels bought = {bought}, U = {u}: counts cannot be negative")
    there = pool_rows or train_rows + unlabelled
    if u > there:
        raise UserError(
            f"U = {u:,} is above the {there:,} rows of the pool; lower U or give a larger pool"
        )
    if n > train_rows:
        raise UserError(f"N = {n:,} is above the {train_rows:,} labelled rows; lower N")
    most = most_labels(train_rows, pool_rows, u=u, unlabelled=unlabelled)
    if n + bought > most:
        beside = "" if pool_rows else f" beside U = {u:,} pool rows"
        raise UserError(
            f"N = {n:,} and {bought:,} bought labels are more than the {most:,} of {train_rows:,} "
            f"labelled rows that are there{beside}; lower N, the budget or U"
        )
