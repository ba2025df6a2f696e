"""The builder's runner in this process: the whole dataflow as plain PyTorch, one stage after the other.

For tests, for benchmarks, and for a look inside with a debugger; a sweep runs on `raydoa.on_ray.runner`.
"""

from collections.abc import Sequence

from raydoa.pipeline.build import build_stage
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import PseudoLabel
from raydoa.store.key import Stage


class LocalRunner:
    """Runs stages here and now."""

    def __init__(self, context: ExecutionContext) -> None:
        self._context = context

    def run(self, stages: Sequence[Stage]) -> None:
        """See `Runner.run`."""
        shards = [stage for stage in stages if isinstance(stage, PseudoLabel)]
        for labeller in dict.fromkeys(shard.labeller for shard in shards):
            self._label([shard for shard in shards if shard.labeller == labeller])
        for stage in stages:
            if not isinstance(stage, PseudoLabel):
                build_stage(stage, self._context)

    def _label(self, shards: Sequence[PseudoLabel]) -> None:
        """Label all shards of one labeller, which is opened once."""
        from raydoa.labels.shards import ShardLabeller

        labeller = ShardLabeller(shards[0], self._context)
        for number, shard in enumerate(shards):
            labeller.publish(shard)
            # The first shows whether the source is any good, before the others are paid.
            if number == 0:
                labeller.order(shards[1:])
