"""A label source over the pool with Ray Data: fixed shards, one artifact each.

The dataset is the list of shards that are missing; a pool of actors, each holding one labeller (a teacher on its GPUs),
maps over it. An actor publishes a shard's artifact before it returns, so whatever dies, finished shards stay
and no row is labelled twice or left out: a retried shard either is in the store or is made again whole.

Ray Data retries for ever by default and can drop blocks in silence; here restarts are bounded, no block may
be dropped, and what came back is checked against what was asked.
"""

import logging
import pickle
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ray
import ray.data
from ray.data import ActorPoolStrategy
from ray.exceptions import ActorUnavailableError, RayError

from raydoa.errors import RunFailed
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.placement import ActorPool
from raydoa.on_ray.cluster import capacity_for, check_capacity, schedulable_nodes
from raydoa.on_ray.error_causes import ACTIONABLE, actionable_cause, why_line
from raydoa.on_ray.warnings_to_driver import warnings_to_driver
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.host_memory import host_bytes
from raydoa.pipeline.stages import PseudoLabel

if TYPE_CHECKING:
    from raydoa.labels.shards import ShardLabeller

logger = logging.getLogger(__name__)

MOST_RETRIES = 2


class LabelPoolFailed(RunFailed):
    """Labelling failed for good; the message names the rows."""


class _PoolActor:
    """An actor of the pool: one labeller, opened once, labelling shard after shard."""

    def __init__(self, shards: Sequence[PseudoLabel], context: ExecutionContext) -> None:
        self._shards = shards
        self._context = context
        self._error = b""
        self._ordered = False
        warnings_to_driver()

    @cached_property
    def _labeller(self) -> "ShardLabeller":
        """Opened by the first call and not with the actor: what an actor raises while it is made ends as its death."""
        # Here and not above: the driver only names this class, and need not import torch.
        from raydoa.labels.shards import ShardLabeller

        return ShardLabeller(self._shards[0], self._context)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Label shards, up to the first one that cannot be; the error is part of the answer.

        A dataset that ends with an error leaves its actors, with their CPUs and GPUs, to Python's collector, and whoever
        makes a damaged teacher again would wait for those.
        """
        for index in batch["shard"]:
            if not self._error:
                try:
                    self._label(self._shards[int(index)])
                except ACTIONABLE as error:
                    self._error = pickle.dumps(error)
        return {**batch, "error": [self._error] * len(batch["shard"])}

    def _label(self, shard: PseudoLabel) -> None:
        # A retried call: whoever died after this shard had published it.
        if self._context.store.find(shard.key) is not None:
            return
        self._labeller.publish(shard)
        # One that is done shows whether the source is any good, before the others are paid.
        if not self._ordered:
            self._ordered = True
            left = [s for s in self._shards if self._context.store.find(s.key) is None]
            self._labeller.order(left)


def label_pool(pool: ActorPool, context: ExecutionContext, runtime: RuntimeConfig) -> None:
    """Make every shard of ``pool`` and publish each as it is done.

    Raises:
        UnlabelableRow: a row cannot be labelled; it is named.
        DamagedArtifact, MissingArtifact: the teacher's files are damaged or gone.
        UserError: there is no room for the shards on the disk, or for an actor on the cluster.
        LabelPoolFailed: the actors kept dying without a shard in between; the unfinished rows are named.
    """
    _configure_ray_data()
    left, retries_left = pool.shards, MOST_RETRIES
    while True:
        nodes = set(schedulable_nodes())
        try:
            _label(replace(pool, shards=left), context, runtime)
            return
        except (RayError, *ACTIONABLE) as error:
            before = len(left)
            left = tuple(shard for shard in left if context.store.find(shard.key) is None)
            if not left:
                return
            # Of spot machines many may be lost in a day; what ends the labelling is that it gets no further.
            retries_left = MOST_RETRIES if len(left) < before else retries_left - 1
            # A node went silent, or was drained and lost. Until Ray declares it dead it fails at once whatever is
            # sent there, which uses up an actor's own retries; what is missing goes to new actors.
            lost = isinstance(error, ActorUnavailableError) or bool(
                nodes - set(schedulable_nodes())
            )
            if (cause := actionable_cause(error)) is not None:
                # Not `from error`, which may be the cause itself: Tune goes along causes to their end.
                raise cause from None
            if not (lost and retries_left >= 0):
                raise _failed(error, left) from error
            logger.warning("a node was lost; %d shards are left", len(left))


def _label(pool: ActorPool, context: ExecutionContext, runtime: RuntimeConfig) -> None:
    """One dataset over the shards of ``pool``, from its first to its last actor."""
    shards = pool.shards
    memory = max(host_bytes(shard, context) for shard in shards)
    each = {"CPU": runtime.cpus_per_worker, "GPU": pool.gpus, "memory": memory}
    check_capacity(each, 1, f"labelling with {shards[0].model}", runtime, "lower cpus_per_worker")
    # On a cluster that has lost nodes, more than fit would stay pending to the end.
    least = min(pool.least, max(1, capacity_for(each)))
    # From memory, not from files: read tasks would want a CPU of their own beside the actors and,
    # with two such runs on two cores, wait for each other.
    dataset = ray.data.from_items(
        [{"shard": index} for index in range(len(shards))], override_num_blocks=len(shards)
    ).map_batches(
        _PoolActor,
        fn_constructor_args=(shards, context),
        batch_size=1,
        compute=ActorPoolStrategy(min_size=least, max_size=min(pool.most, max(least, len(shards)))),
        num_cpus=runtime.cpus_per_worker,
        num_gpus=pool.gpus or None,
        memory=memory,
        max_restarts=MOST_RETRIES,
        max_task_retries=MOST_RETRIES,
    )
    rows = dataset.take_all()
    for error in filter(None, (row["error"] for row in rows)):
        raise pickle.loads(error)  # Of an actor of ours.
    done = {int(row["shard"]) for row in rows}
    assert done == set(range(len(shards))), "Ray Data lost a shard without an error"


def _configure_ray_data() -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False


def _failed(error: Exception, left: Sequence[PseudoLabel]) -> LabelPoolFailed:
    """Ray's error in terms of rows."""
    rows = ", ".join(f"{shard.start}..{shard.stop - 1}" for shard in left[:3])
    return LabelPoolFailed(
        f"labelling the pool with {left[0].model} failed after {MOST_RETRIES} retries; unfinished pool rows: "
        f"{rows}{' and more' if len(left) > 3 else ''}: {why_line(error)}"
    )
