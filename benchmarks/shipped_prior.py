"""Remakes `raydoa/search/prior.json`, the belief that raydoa ships, from the cells that our own sweeps measured.

    python benchmarks/shipped_prior.py

The cells are in `searching/measured_cells.csv`: the embedded task at two N, and WLP with nano models. They are few,
so wide guesses still weigh as much as they do; give `raydoa plan --from` and `raydoa search --prior` your own sweeps.
"""

import csv
from pathlib import Path

from searching.tables import MEASURED, Cells
from threadpoolctl import threadpool_limits

from raydoa.search import priors
from raydoa.search.costs import Costs, Point
from raydoa.search.surface import Measured

_TASKS = {"embedded task, N = 100": ("lexicon", 100), "embedded task, N = 400": ("lexicon", 400),
          "WLP with nano models, N = 500": ("wlp", 500)}  # fmt: skip
_OUT = Path(__file__).parents[1] / "raydoa" / "search" / "prior.json"


def main() -> None:
    """Fit each task, pool them, and write what came out."""
    tasks = []
    for task, owned in _TASKS.values():
        budget_usd = (
            300.0  # The prices of a space do not matter here, only its sizes and schedules.
        )
        costs = Cells.read(task).problem(owned, budget_usd).space.costs
        tasks.append((_measured(task, owned, costs), costs))
        print(f"{task}, N = {owned}: {len(tasks[-1][0])} trainings")
    # Many threads round differently on each machine, and the prior is to come out the same.
    with threadpool_limits(1):
        prior = priors.learn(tasks, "cells that raydoa's own sweeps measured: " + ", ".join(_TASKS))
    priors.write(prior, _OUT)
    print(_OUT)


def _measured(task: str, owned: int, costs: Costs) -> list[Measured]:
    """Each training once: a larger budget that buys the same plan reads the same student back."""
    found: dict[tuple[Point, str], Measured] = {}
    with MEASURED.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (row["task"], int(row["n"])) != (task, owned) or not row["score"]:
                continue
            if row["strategy"] == "self_distill":
                continue
            labels, teacher = owned + int(row["labels"]), row["teacher"]
            point = Point(labels, teacher, int(row["pseudo_labels"]), int(row["student_steps"]))
            artifact = (teacher, labels, row["seed"]) if teacher else None
            if costs.allowed(point):
                found.setdefault(
                    (point, row["seed"]), Measured(point, float(row["score"]), artifact)
                )
    return list(found.values())


if __name__ == "__main__":
    main()
