"""What the search for the best split of a budget costs, against other searches; tabulated costs, nothing is trained.

    python benchmarks/search_cost.py                        40 held-out tasks, all methods that are installed
    python benchmarks/search_cost.py --dev --tasks 24       development tasks: look at these as often as you like
    python benchmarks/search_cost.py --dev --methods proposed random --each       a line for each task
    python benchmarks/search_cost.py --absolute             scores depend on the number of labels, whatever N is
    python benchmarks/search_cost.py --curves ../shared/data/curves               where the real curves are

Peers need `pip install 'raydoa[bench]'`; the script says which are absent. Their results depend on nothing of ours
but the space and the prices, so `--cache FOLDER` keeps them; the proposed method is always run anew. Columns are
explained in `searching/measures.py`, problems in `searching/drawing.py` and `searching/tables.py`. The last line is
JSON.
"""

import argparse
import json
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from searching.cache import Cache
from searching.drawing import HELD_OUT, OUTSIDE, tasks
from searching.measures import Worth, measure, summary
from searching.methods import ABSENT, METHODS, OURS, is_ours, is_peer
from searching.one_thread import one_thread
from searching.problems import Problem
from searching.runner import run
from searching.tables import table_tasks

Results = dict[str, dict[str, Worth]]
"""By method, by problem."""


def main() -> None:
    """Run, print the tables, and end with a line of JSON."""
    options = _options()
    first = 0 if options.dev else HELD_OUT
    drawn = tasks(options.tasks, first, absolute=options.absolute)
    tables = table_tasks(options.curves) if options.tables else []
    for name, why in ABSENT.items():
        print(f"absent: {name}: {why}")
    results = _run(options, [*drawn, *tables])
    _print_methods(f"{len(drawn)} drawn tasks", results, drawn)
    if tables:
        _print_methods(
            f"{len(tables)} tasks from tables of measured cells and curves", results, tables
        )
    for name in (OURS,) if OURS in results else tuple(results)[:1]:
        _print_families(name, results[name], [*drawn, *tables])
        _print_losses(name, results[name], [*drawn, *tables])
    print(json.dumps(_line(options, results, drawn, tables)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=40, help="drawn tasks")
    parser.add_argument("--dev", action="store_true", help="development tasks, not held-out ones")
    parser.add_argument("--absolute", action="store_true",
                        help="draw tasks whose scores depend on the number of labels, not on labels in units of N")  # fmt: skip
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="a folder that keeps the results of peers")
    parser.add_argument("--curves", type=Path, default=Path("../shared/data/curves"))
    parser.add_argument("--no-tables", dest="tables", action="store_false", help="drawn tasks only")
    parser.add_argument("--each", action="store_true", help="a line for each task and method")
    options = parser.parse_args()
    if options.tasks < 1:
        parser.error(f"--tasks: found {options.tasks}, expected 1 or more")
    return options


def _run(options: argparse.Namespace, problems: Sequence[Problem]) -> Results:
    """Every method on every problem."""
    cache = Cache(options.cache)
    results: Results = {name: {} for name in options.methods}
    with ProcessPoolExecutor(options.jobs, one_thread()) as pool:
        waiting = []
        for name in options.methods:
            for problem in problems:
                kept = None if is_ours(name) else cache.get(name, problem)
                if kept is None:
                    waiting.append((name, problem, pool.submit(_one, name, problem)))
                else:
                    results[name][problem.name] = kept
        for name, problem, future in waiting:
            worth = future.result()
            results[name][problem.name] = worth
            if not is_ours(name):
                cache.put(name, problem, worth)
            if options.each:
                print(f"{name:28} {problem.name:24} {worth}", flush=True)
    return results


def _one(name: str, problem: Problem) -> Worth:
    return measure(problem, run(problem, METHODS[name]()))


def _print_methods(title: str, results: Results, problems: Sequence[Problem]) -> None:
    columns = ("to_know", "to_know_p75", "to_own", "to_own_p75", "solved", "stop_regret")
    columns += ("area", "frontier", "spent", "observations", "coverage80", "seconds")
    print(f"\n{title}; dollars in units of B")
    print(f"{'method':28}" + "".join(f"{column:>13}" for column in columns))
    for name, of_method in results.items():
        measures = summary([of_method[problem.name] for problem in problems])
        print(
            f"{name:28}" + "".join(f"{_cell(column, measures[column]):>13}" for column in columns)
        )


def _print_families(name: str, of_method: dict[str, Worth], problems: Sequence[Problem]) -> None:
    print(f"\n{name}, by family")
    for family in dict.fromkeys(problem.family for problem in problems):
        measures = summary([of_method[p.name] for p in problems if p.family == family])
        columns = ("to_know", "to_own", "to_own_p75", "solved", "stop_regret", "coverage80")
        outside = " (not among its laws)" if family in OUTSIDE else ""
        line = "  ".join(f"{column} {_cell(column, measures[column])}" for column in columns)
        print(f"{family + outside:34} {line}")


def _print_losses(name: str, of_method: dict[str, Worth], problems: Sequence[Problem]) -> None:
    """Where a method loses: not solved, or with much regret at its stop."""
    lost = [p for p in problems if of_method[p.name].stop_regret > 0.01]
    print(f"\n{name}, regret above 1% at its stop: {len(lost)} of {len(problems)}")
    for problem in sorted(lost, key=lambda p: -of_method[p.name].stop_regret):
        worth = of_method[problem.name]
        print(
            f"{problem.name:24} best is {problem.winner:8} N {problem.space.question.n:5} "
            f"regret {worth.stop_regret:.3f} spent {worth.spent:.2f} B in {worth.observations}"
        )


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return "-"
    if column in {"solved", "stop_regret", "area", "frontier", "coverage80"}:
        return f"{value:.1%}"
    return f"{value:.2f}"


def _line(
    options: argparse.Namespace,
    results: Results,
    drawn: Sequence[Problem],
    tables: Sequence[Problem],
) -> dict:
    """The last line: ours over the drawn tasks, and everybody's summary."""
    over = {
        name: summary([of_method[problem.name] for problem in drawn])
        for name, of_method in results.items()
    }
    ours = over.get(OURS, {})
    peers = {name: measures["to_know"] for name, measures in over.items() if is_peer(name)}
    best = min(peers, key=lambda name: peers[name]) if peers else None
    ratio = ours["to_know"] / peers[best] if ours and best and peers[best] > 0 else math.nan
    line = {
        "benchmark": "search_cost",
        "tasks": len(drawn),
        "table_tasks": len(tables),
        "held_out": not options.dev,
        "absolute": options.absolute,
        "best_peer": best,
        "dollars_ratio_to_best_peer": ratio,
        "to_own_median": ours.get("to_own"),
        "to_own_p75": ours.get("to_own_p75"),
        "solved": ours.get("solved"),
        "stop_regret": ours.get("stop_regret"),
        "coverage80": ours.get("coverage80"),
        "absent": sorted(ABSENT),
        "methods": over,
    }
    return _finite(line)


def _finite(value: Any) -> Any:
    """JSON knows no infinity: null."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


if __name__ == "__main__":
    main()
