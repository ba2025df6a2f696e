"""How well `raydoa plan` tells what lies beyond a sweep: with its caution, against the intervals of the fit alone.

    python benchmarks/extrapolation.py

The embedded sweep's cells at both N (`searching/measured_cells.csv`) are cut off: annotation with more than 1,000
labels is predicted from that with fewer than 420, and pools of 3,000 rows from those of 1,000. The prior is wide
guesses, since the one that raydoa ships has learnt from these cells. The last line is JSON.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from searching.tables import Cells
from threadpoolctl import threadpool_limits

from raydoa.planning.belief import Belief
from raydoa.planning.evidence import Evidence
from raydoa.search.costs import Point
from raydoa.search.priors import Knowledge
from raydoa.search.surrogate.surface import Measured

_TASK, _OWNED = "lexicon", (100, 400)
_ENDS: dict[str, Callable[[Point], bool]] = {
    "labels": lambda point: not point.teacher and point.labels > 1000,
    "pool": lambda point: point.u > 1000,
}


@dataclass(frozen=True)
class WithoutPrior(Evidence):
    """Measurements and wide guesses."""

    @cached_property
    def knowledge(self) -> Knowledge:
        """Of this task alone."""
        return Knowledge(self.measured)


class Uncautious(Belief):
    """Nothing counts as beyond what was measured."""

    def _beyond(self, point: Point) -> tuple[float, float, float]:
        return 0.0, 0.0, 0.0


def main() -> None:
    """Predict both ends, print what became of it, and end with a line of JSON."""
    cells = Cells.read(_TASK)
    line: dict[str, object] = {"benchmark": "extrapolation"}
    for name, is_end in _ENDS.items():
        wrong, within, without = [], [], []
        for owned in _OWNED:
            trainings = cells.trainings(owned)
            ends = [one for one in trainings if is_end(one.point)]
            known = WithoutPrior(tuple(one for one in trainings if not is_end(one.point)))
            # Many threads round differently on each machine.
            with threadpool_limits(1):
                cautious, alone = (kind(known, cells.costs(owned)) for kind in (Belief, Uncautious))
                wrong += [abs(float(cautious.means([one.point])[0]) - one.score) for one in ends]
                within += [_holds(cautious, one) for one in ends]
                without += [_holds(alone, one) for one in ends]
        print(
            f"{name}: {len(wrong)} scores beyond; expected scores are wrong by {fmean(wrong):.3f} on average; 80% "
            f"intervals hold {fmean(within):.0%}, and {fmean(without):.0%} without caution"
        )
        line |= {f"{name}_scores": len(wrong), f"{name}_wrong": round(fmean(wrong), 4)}
        line |= {f"{name}_held": round(fmean(within), 4)}
        line |= {f"{name}_held_without": round(fmean(without), 4)}
    print(json.dumps(line))


def _holds(belief: Belief, one: Measured) -> bool:
    low, high = belief.interval(one.point)
    return low <= one.score <= high


if __name__ == "__main__":
    main()
