"""How well `raydoa plan` predicts what lies beyond a sweep: with its caution, against the intervals of the fit alone.

    python benchmarks/extrapolation.py

The embedded sweep's cells at both N (`searching/measured_cells.csv`) are cut off: annotation with more than 1,000
labels is predicted from that with fewer than 420, pools of 3,000 rows from those of 1,000, and all cells of one N from
those of the other. The last line is JSON.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
from searching.tables import Cells
from threadpoolctl import threadpool_limits

from raydoa.costs.plan import Plan
from raydoa.planning.belief import Belief
from raydoa.planning.evidence import Evidence
from raydoa.planning.measurements import as_asked, data_of
from raydoa.search.surrogate.inputs import Array
from raydoa.search.surrogate.surface import Measured

_TASK, _OWNED = "lexicon", (100, 400)
_ENDS: dict[str, Callable[[Plan], bool]] = {
    "labels": lambda plan: not plan.choices and data_of(plan)["labels"] > 1000,
    "pool": lambda plan: plan.quantity("pseudo_labels") > 1000,
}


class Uncautious(Belief):
    """Nothing counts as beyond what was measured."""

    def _beyond(self, plans: Sequence[Plan]) -> Array:
        return np.zeros((len(plans), 0))


def main() -> None:
    """Predict both ends, print what became of it, and end with a line of JSON."""
    cells = Cells.read(_TASK)
    line: dict[str, object] = {"benchmark": "extrapolation"}
    for name, is_end in _ENDS.items():
        wrong, within, without = [], [], []
        for owned in _OWNED:
            trainings = cells.trainings(owned)
            ends = [training for training in trainings if is_end(training.plan)]
            known = Evidence(tuple(t for t in trainings if not is_end(t.plan)))
            # Many threads round differently on each machine.
            with threadpool_limits(1):
                question = cells.question(owned)
                cautious, alone = (kind(known, question) for kind in (Belief, Uncautious))
                wrong += [abs(float(cautious.means([end.plan])[0]) - end.score) for end in ends]
                within += [_holds(cautious, end) for end in ends]
                without += [_holds(alone, end) for end in ends]
        print(
            f"{name}: {len(wrong)} scores beyond; expected scores are wrong by {fmean(wrong):.3f} on average; 80% "
            f"intervals hold {fmean(within):.0%}, and {fmean(without):.0%} without caution"
        )
        line |= {f"{name}_scores": len(wrong), f"{name}_wrong": round(fmean(wrong), 4)}
        line |= {f"{name}_held": round(fmean(within), 4)}
        line |= {f"{name}_held_without": round(fmean(without), 4)}
    line |= _other_n(cells)
    print(json.dumps(line))


def _other_n(cells: Cells) -> dict[str, object]:
    """Predict all trainings of one N by those of the other."""
    wrong, within = [], []
    for owned, other in (_OWNED, _OWNED[::-1]):
        question = cells.question(owned)
        known = tuple(
            replace(training, plan=as_asked(training.plan, question))
            for training in cells.trainings(other)
        )
        with threadpool_limits(1):
            belief = Belief(Evidence(known), question)
            unseen = [t for t in cells.trainings(owned) if t.plan not in {k.plan for k in known}]
            wrong += [float(belief.means([t.plan])[0]) - t.score for t in unseen]
            within += [_holds(belief, t) for t in unseen]
    print(
        f"another N: {len(wrong)} scores; expected scores are wrong by {fmean(map(abs, wrong)):.3f} on average, "
        f"{fmean(wrong):+.3f} with their sign; 80% intervals hold {fmean(within):.0%}"
    )
    return {
        "other_n_scores": len(wrong),
        "other_n_wrong": round(fmean(map(abs, wrong)), 4),
        "other_n_bias": round(fmean(wrong), 4),
        "other_n_held": round(fmean(within), 4),
    }


def _holds(belief: Belief, training: Measured) -> bool:
    low, high = belief.interval(training.plan)
    return low <= training.score <= high


if __name__ == "__main__":
    main()
