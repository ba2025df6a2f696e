"""The order in which a sweep's trials are begun: whoever has the longest way to go, first.

The rows are the same in any order; the time is not. A long chain of stages that begins last keeps one GPU busy while the
others are done.
"""

from raydoa.costs.plan import Plan
from raydoa.experiment.forecast import Forecast


def longest_first(expected: Forecast) -> list[Plan]:
    """The plans of a forecast by the GPU-seconds of their longest chain of stages, falling; ties as they came."""
    lengths: dict[str, float] = {}

    def length(key: str) -> float:
        if key not in lengths:
            stage = expected.stages[key]
            lengths[key] = stage.gpu_seconds + max(map(length, stage.inputs), default=0.0)
        return lengths[key]

    return sorted(expected.trials, key=lambda plan: -max(map(length, expected.trials[plan].ends)))
