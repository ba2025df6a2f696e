"""Random faults over a small sweep: does each end in the table of a clean run, and what does a user see on the way?

    python benchmarks/chaos.py                                  seeds 0 to 9
    python benchmarks/chaos.py --seeds 0:100 --out runs.jsonl   goes on after those that are in the file
    python benchmarks/chaos.py --seeds 7 --faults "kill raylet" that fault alone, at the moment that the seed draws
    python benchmarks/chaos.py --table runs.jsonl               a Markdown row for each fault of such a file

A seed draws one to three faults and their moments: kill -9 of any process, SIGTERM and SIGINT, processes that stand still,
a full disk, damaged artifacts and records, a store that is removed, result files that are cut. The command runs as a user
runs it, and is run again until it ends well, at most six times. Each run has its time; one that does not end in it hangs.
Full disks need root, and are left out without. The last line is JSON.
"""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from chaos_runs.drawing import FAULTS, Drawn, draw
from chaos_runs.outcome import Trial, run_seed
from chaos_runs.summary import line_of, summary, table
from chaos_runs.sweep import Inputs
from chaos_runs.truth import Truth


def main(arguments: Sequence[str] | None = None) -> int:
    """Run seeds, or print the table of those that were run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", default=["0:10"], help="FIRST:END, or one")
    parser.add_argument(
        "--faults", nargs="+", choices=sorted(FAULTS), metavar="FAULT", help="draw from these alone"
    )
    parser.add_argument("--count", type=int, help="faults of a run; one to three unless given")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument(
        "--limit", type=float, default=300.0, help="seconds of a run of the command"
    )
    parser.add_argument(
        "--out", type=Path, help="append outcomes here, a line each; seeds that are there are done"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="short, to keep; what is run lies there, and the clean table stays",
    )
    parser.add_argument("--table", type=Path, metavar="FILE", help="print the table of outcomes, and run nothing")  # fmt: skip
    options = parser.parse_args(arguments)
    if options.table:
        print(table(_outcomes(options.table)))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))
    try:
        found = _run(options, folder)
    except KeyboardInterrupt:
        print("stopped; the same command goes on after the seeds in --out", file=sys.stderr)
        return 130
    finally:
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(summary(found)))
    return int(any(outcome["broken"] for outcome in found))


def _run(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    seeds = [seed for words in options.seeds for seed in _seeds(words)]
    done = _outcomes(options.out) if options.out and options.out.exists() else []
    left = [seed for seed in seeds if seed not in {outcome["seed"] for outcome in done}]
    inputs = Inputs(folder / "in")
    inputs.write()
    truth = _truth(folder, inputs, options.limit)

    stop = threading.Event()

    def one(seed: int) -> dict[str, Any]:
        drawn, root = draw(seed, options.faults or (), options.count), folder / f"r{seed}"
        outcome = run_seed(Trial(drawn, root, inputs, options.limit, stop), root, truth)
        if options.out:
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(outcome) + "\n")
        print(line_of(outcome), file=sys.stderr, flush=True)
        return outcome

    with ThreadPoolExecutor(options.jobs) as pool:
        try:
            return [o for o in done if o["seed"] in seeds] + list(pool.map(one, left))
        except KeyboardInterrupt:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _seeds(words: str) -> range:
    first, _, end = words.partition(":")
    return range(int(first), int(end) if end else int(first) + 1)


def _truth(folder: Path, inputs: Inputs, limit: float) -> Truth:
    """Of the clean run, made once in a folder."""
    path = folder / "clean.json"
    if not path.exists():
        trial = Trial(Drawn(-1, (), patient=True), folder / "r", inputs, limit, threading.Event())
        outcome = trial.run(None)
        if outcome["broken"]:
            raise SystemExit(f"the clean run is broken: {outcome['broken']}")
        trial.truth().write(path)
        shutil.rmtree(folder / "r")
    truth = Truth.read(path)
    print(f"clean: {len(truth.rows)} rows in {truth.seconds:.0f} s", file=sys.stderr, flush=True)
    return truth


def _outcomes(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    sys.exit(main())
