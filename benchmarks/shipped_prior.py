"""Remakes `raydoa/search/prior.json`, the belief that raydoa ships, from the cells that our own sweeps measured.

    python benchmarks/shipped_prior.py

The cells are in `searching/measured_cells.csv`: the embedded task at two N, and WLP with nano models. They are few,
so wide guesses still weigh as much as they do; give `raydoa plan --from` and `raydoa search --prior` your own sweeps.
"""

import json
from dataclasses import asdict
from pathlib import Path

from searching.tables import Cells
from threadpoolctl import threadpool_limits

from raydoa.search import priors

_TASKS = {"embedded task, N = 100": ("lexicon", 100), "embedded task, N = 400": ("lexicon", 400),
          "WLP with nano models, N = 500": ("wlp", 500)}  # fmt: skip
_OUT = Path(__file__).parents[1] / "raydoa" / "search" / "prior.json"


def main() -> None:
    """Fit each task, pool them, and write what came out."""
    tasks = []
    for task, owned in _TASKS.values():
        cells = Cells.read(task)
        tasks.append((cells.trainings(owned), cells.question(owned)))
        print(f"{task}, N = {owned}: {len(tasks[-1][0])} trainings")
    # Many threads round differently on each machine, and the prior is to come out the same.
    with threadpool_limits(1):
        prior = priors.learn(tasks, "cells that raydoa's own sweeps measured: " + ", ".join(_TASKS))
    _OUT.write_text(json.dumps(asdict(prior), indent=1) + "\n", encoding="utf-8")
    print(_OUT)


if __name__ == "__main__":
    main()
