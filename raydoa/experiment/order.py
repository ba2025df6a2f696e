"""The order in which a sweep's cells are begun: whoever has the longest way to go, first.

The rows are the same in any order; the time is not. A long chain that begins last keeps one GPU busy while the others
are done, and cells that buy the same (budgets that pay for all they can use) only wait for each other, so the second
and later of them come at the end, where their artifacts are there.
"""

from raydoa.experiment.cell import Cell
from raydoa.experiment.forecast import Forecast


def longest_first(expected: Forecast) -> list[Cell]:
    """The cells of a forecast by the GPU-seconds of their longest chain of stages, falling; ties as they came."""
    ways: dict[str, float] = {}

    def way(key: str) -> float:
        if key not in ways:
            stage = expected.stages[key]
            ways[key] = stage.gpu_seconds + max(map(way, stage.inputs), default=0.0)
        return ways[key]

    by_length = sorted(
        expected.plans,
        key=lambda cell: -max(map(way, expected.ends.get(cell, ())), default=0.0),
    )
    seen: set[tuple[str, ...]] = set()
    first: list[Cell] = []
    again: list[Cell] = []
    for cell in by_length:
        ends = expected.ends.get(cell, ())
        (again if ends in seen else first).append(cell)
        seen.add(ends)
    return first + again
