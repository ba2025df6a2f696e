"""What `raydoa plan` claims, held against what is true: intervals, and the probability that a plan is the best.

    python benchmarks/plan_claims.py                 cells of our own sweeps, and real curves where they are (--curves)
    python benchmarks/plan_claims.py --drawn 40      and tasks drawn in absolute numbers, as `search_cost.py --absolute` has

Of each task a few plans are measured, chosen at random among all that B pays for, fewer labels and small pools
included; the planner fits those and nothing else, and fills its table for B. The interval score is the width of an 80%
interval and ten times what it misses a score by; it is held against anything above chance (the better of all that lies
between chance and 1, and its middle 80%). P(best) has a log score, -log of what it gave to the row that is the best;
a uniform guess over the rows has the logarithm of their number. The last line is JSON.
"""

import argparse
import json
import math
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from searching.drawing import HELD_OUT, tasks
from searching.one_thread import one_thread
from searching.problems import Problem
from searching.tables import table_tasks

from raydoa.costs.items.teacher import teacher_of
from raydoa.planning.belief import Belief
from raydoa.planning.evidence import Evidence
from raydoa.planning.interval_score import interval_score
from raydoa.planning.outlook import table
from raydoa.search.surrogate.surface import Measured

_COUNTS = (1, 2, 4, 8, 16, 32)
_DRAWS = 2


@dataclass(frozen=True)
class Claims:
    """Of one table: how its claims have fared.

    Attributes:
        held: the share of its rows whose measured score lies in the interval.
        interval, anything: interval scores of the planner, and of all above chance and of its middle.
        log_best, log_uniform: log scores of P(best), and of a uniform guess.
        first: what P(best) gave to the first row.
        first_is_best: whether that is the best.
    """

    held: float
    interval: float
    anything: tuple[float, float]
    log_best: float
    log_uniform: float
    first: float
    first_is_best: bool


class Ranking(Belief):
    """Says which plan is the best however little was measured: what `raydoa plan` leaves out is to be judged as well."""

    @property
    def ranks(self) -> bool:
        """Always."""
        return True


def main() -> None:
    """Fill tables, print how their claims have fared, and end with a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drawn", type=int, default=0, help="held-out tasks that are drawn")
    parser.add_argument("--curves", type=Path, default=Path("../shared/data/curves"))
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    groups = {"measured": table_tasks(options.curves)}
    if options.drawn:
        groups["drawn"] = tasks(options.drawn, HELD_OUT, absolute=True)
    line: dict[str, Any] = {"benchmark": "plan_claims"}
    with ProcessPoolExecutor(options.jobs, one_thread()) as pool:
        for group, problems in groups.items():
            print(f"\n{len(problems)} {group} tasks, {_DRAWS} draws of measurements each")
            for count in _COUNTS:
                asked = [(p, count, seed) for p in problems for seed in range(_DRAWS)]
                line[f"{group}_{count}"] = _print(count, list(pool.map(_claims, asked)))
    print(json.dumps(line))


def _claims(asked: tuple[Problem, int, int]) -> Claims:
    problem, count, seed = asked
    draw = random.Random(f"{problem.name} {count} {seed}")
    points = problem.space.points()
    some = draw.sample(points, min(count, len(points)))
    known = tuple(Measured(plan, problem.measure(plan), teacher_of(plan)) for plan in some)
    question = problem.space.question
    rows = table(problem.space, Ranking(Evidence(known), question, seed)).rows
    scores = np.array([problem.measure(row.plan.repeated(seed + 1)) for row in rows])
    low, high = np.array([row.low for row in rows]), np.array([row.high for row in rows])
    least = question.constant_score
    margins = [(least + m * (1 - least), 1 - m * (1 - least)) for m in (0.0, 0.1)]
    best = int(np.argmax([problem.surface(row.plan) for row in rows]))
    given = [row.best_probability or 0.0 for row in rows]
    return Claims(
        float(np.mean((low <= scores) & (scores <= high))),
        float(interval_score(low, high, scores).mean()),
        tuple(
            float(interval_score(np.full_like(low, a), np.full_like(low, b), scores).mean())
            for a, b in margins
        ),
        -math.log(max(given[best], 1e-4)),
        math.log(len(rows)),
        given[0],
        best == 0,
    )


def _print(count: int, claims: Sequence[Claims]) -> dict[str, float]:
    gains = [c.log_uniform - c.log_best for c in claims]
    means = {
        "held": fmean(c.held for c in claims),
        "interval_score": fmean(c.interval for c in claims),
        "anything_above_chance": min(fmean(c.anything[i] for c in claims) for i in (0, 1)),
        "log_score_p_best": fmean(c.log_best for c in claims),
        "log_score_uniform": fmean(c.log_uniform for c in claims),
        "gain_standard_error": stdev(gains) / math.sqrt(len(gains)),
        "claimed_for_first": fmean(c.first for c in claims),
        "first_is_best": fmean(c.first_is_best for c in claims),
    }
    print(
        f"{count:3} measured: intervals hold {means['held']:.0%}, score {means['interval_score']:.3f} (anything above "
        f"chance {means['anything_above_chance']:.3f}); P(best) {means['log_score_p_best']:.2f}, uniform "
        f"{means['log_score_uniform']:.2f} (+-{means['gain_standard_error']:.2f}); the first row claims "
        f"{means['claimed_for_first']:.0%}, is best in {means['first_is_best']:.0%}",
        flush=True,
    )
    return {name: round(value, 4) for name, value in means.items()}


if __name__ == "__main__":
    main()
