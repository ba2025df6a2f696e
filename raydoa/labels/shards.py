"""Shards of any label source, labelled and published: what a runner maps over."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from raydoa.errors import UserError
from raydoa.labels import SOURCES
from raydoa.labels.source import Collected, Labeller
from raydoa.pipeline.context import (
    ExecutionContext,
    Facts,
    open_rows,
    publish,
    visible_devices,
)
from raydoa.pipeline.scratch import scratch_folder
from raydoa.pipeline.stages import PseudoLabel
from raydoa.store.record import Record
from raydoa.tasks.data import Row
from raydoa.tasks.split import paid_pool, pool
from raydoa.training.shards import write_shard

logger = logging.getLogger(__name__)

OUTCOMES_FILE = "outcomes.parquet"


class ShardLabeller:
    """Labels shards of one `PseudoLabel.labeller`; the model or connection behind it is opened once."""

    def __init__(self, first: PseudoLabel, context: ExecutionContext) -> None:
        self._context = context
        self._source = SOURCES.get(first.source.name)
        self._rows = open_rows(first.data, context)
        self._labeller: Labeller = self._source.open(first, self._rows, context)

    def order(self, shards: Sequence[PseudoLabel]) -> None:
        """Have others begin with shards that are collected later; those that they do not take now wait until then."""
        for shard in shards:
            try:
                if not self._labeller.order(shard, self._pool_rows(shard)):
                    return
            except UserError as why:
                logger.warning("%s; the rest is asked for shard by shard", why)
                return

    def publish(self, shard: PseudoLabel) -> Record:
        """Label the rows of a shard and publish it.

        Raises:
            UnlabelableRow: a row cannot be labelled.
            UserError: labels are still pending, or every row was refused.
        """
        with scratch_folder() as folder:
            started = time.perf_counter()
            rows = self._pool_rows(shard)
            collected = self._labeller.collect(self._labeller.ask(shard, rows))
            assert {outcome.row_id for outcome in collected.outcomes} == {row.id for row in rows}
            facts = _recorded(shard, collected)
            write_shard(collected.rows, collected.facts, folder)
            _write_outcomes(collected, folder)
            return publish(
                shard,
                self._context,
                folder,
                facts,
                seconds=time.perf_counter() - started,
                devices=visible_devices(self._context) if self._source.needs_gpu else 1,
            )

    def _pool_rows(self, shard: PseudoLabel) -> list[Row]:
        if shard.owned is None:
            return pool(self._rows, shard.seed, shard.start, shard.stop)
        return paid_pool(self._rows, shard.seed, shard.owned, shard.start, shard.stop)


def _write_outcomes(collected: Collected, folder: Path) -> None:
    """What became of each row, and what it cost, where somebody was paid."""
    paid = [outcome for outcome in collected.outcomes if outcome.micro_usd is not None]
    if not paid:
        return
    table = pa.table(
        {
            "row_id": [outcome.row_id for outcome in paid],
            "state": [outcome.state for outcome in paid],
            "reason": [outcome.reason for outcome in paid],
            "input_tokens": [outcome.usage.input for outcome in paid],
            "cached_tokens": [outcome.usage.cached for outcome in paid],
            "output_tokens": [outcome.usage.output for outcome in paid],
            "micro_usd": [outcome.micro_usd for outcome in paid],
        }
    )
    pq.write_table(table, folder / OUTCOMES_FILE, compression="zstd")


def _recorded(shard: PseudoLabel, collected: Collected) -> Facts:
    counts = Counter(outcome.state for outcome in collected.outcomes)
    assert counts["labelled"] == len(collected.rows), "an outcome for every row"
    what = f"{shard.source.name}: pool rows {shard.start} to {shard.stop - 1}"
    if counts["pending"]:
        raise UserError(f"{what}: {counts['pending']} labels are pending; run it again later")
    # A last shard may have but one row, whose refusal is no reason to fail.
    if not collected.rows and len(collected.outcomes) > 1:
        reason = next(outcome.reason for outcome in collected.outcomes)
        raise UserError(f"{what}: every row was refused, the first because {reason}")
    reasons = Counter(o.reason for o in collected.outcomes if o.state == "refused")
    for reason, rows in reasons.items():
        logger.warning("%s: %d rows are left out: %s", what, rows, reason)
    tokens = sum(len(row.target_ids) for row in collected.rows)
    facts = {"rows": len(collected.rows), "target_tokens": tokens, "refused": counts["refused"]}
    return facts | collected.recorded
