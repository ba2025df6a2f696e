"""The builder's runner in this process: the whole dataflow as plain PyTorch, one stage after the other.

For tests, for benchmarks, and for a look inside with a debugger; a sweep runs on `raydoa.on_ray.runner`.
"""

from collections.abc import Sequence

from raydoa.pipeline.build import build_stage
from raydoa.pipeline.context import ExecutionContext, open_rows
from raydoa.pipeline.stages import PseudoLabel
from raydoa.store.key import Stage


class LocalRunner:
    """Runs stages here and now."""

    def __init__(self, context: ExecutionContext) -> None:
        self._context = context

    def run(self, stages: Sequence[Stage]) -> None:
        """See `Runner.run`."""
        shards = [stage for stage in stages if isinstance(stage, PseudoLabel)]
        for teacher in {shard.teacher.key: shard.teacher for shard in shards}.values():
            self._label([shard for shard in shards if shard.teacher == teacher])
        for stage in stages:
            if not isinstance(stage, PseudoLabel):
                build_stage(stage, self._context)

    def _label(self, shards: Sequence[PseudoLabel]) -> None:
        """Label all of one teacher's shards; it is loaded once."""
        from raydoa.pipeline.labelling import Labeller

        labeller = Labeller(shards[0].teacher, self._context)
        rows = open_rows(shards[0].data, self._context)
        for shard in shards:
            labeller.publish(shard, rows)
