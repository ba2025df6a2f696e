"""A task of a million rows read, checked, looked at and hashed (A), against JSON parsed and hashed and nothing else (B).

    python benchmarks/reading_rows.py

The rows are made up: 60 words each, two classes, a tenth of them a pool and a hundredth test rows, as JSON lines. Each
measurement is a process of its own, A and B take turns. The last line is JSON: seconds by the clock and of CPU, and peak
resident MB of each; the goal is 60 s and 2 GiB on two cores.
"""

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from raydoa.tasks.data import fingerprint
from raydoa.tasks.look.look import look_at
from raydoa.tasks.own_task import read_task_yaml
from raydoa.tasks.reading.rows import read_rows

WORDS, VOCABULARY = 60, 20_000
SHARES = {"train": 0.89, "test": 0.01, "pool": 0.1}
TASK = """name: big
prefix: "big: "
metric: accuracy
classes: ["NO", "YES"]
source_length: 128
target_length: 8
train: train.jsonl
test: test.jsonl
pool: pool.jsonl
label_price: {usd: 0.1, source: made up, date: 2026-11-30}
"""


def main() -> None:
    """Measure both in some interleaved rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--child", choices=("raydoa", "json"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(_measured(options.child, options.folder)))
        return
    with tempfile.TemporaryDirectory(prefix="raydoa-") as scratch:
        folder = Path(scratch)
        _write(folder, options.rows)
        rounds = [
            {way: _child(way, folder) for way in ("raydoa", "json")} for _ in range(options.rounds)
        ]
    table = {
        way: {name: [one[way][name] for one in rounds] for name in rounds[0][way]}
        for way in ("raydoa", "json")
    }
    print(json.dumps({"benchmark": "reading_rows", "rows": options.rows, **table}))


def _write(folder: Path, rows: int) -> None:
    chance = random.Random(0)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(VOCABULARY)]  # fmt: skip
    for part, share in SHARES.items():
        with (folder / f"{part}.jsonl").open("w") as file:
            for row in _made(chance, words, int(rows * share), labelled=part != "pool"):
                file.write(json.dumps(row) + "\n")
    (folder / "big.yaml").write_text(TASK)


def _made(
    chance: random.Random, words: list[str], rows: int, *, labelled: bool
) -> Iterator[dict[str, str]]:
    for _ in range(rows):
        source = " ".join(chance.choices(words, k=WORDS))
        yield {"source": source, **({"target": chance.choice(("NO", "YES"))} if labelled else {})}


def _child(way: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", way, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(way, measured, flush=True)
    return measured


def _measured(way: str, folder: Path) -> dict[str, Any]:
    started, cpu = time.perf_counter(), time.process_time()
    steps = _raydoa(folder) if way == "raydoa" else _json(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_mb": round(peak),
        **steps,
    }


def _raydoa(folder: Path) -> dict[str, float]:
    started = time.process_time()
    spec = read_task_yaml(folder / "big.yaml")
    rows = read_rows(spec, None)
    read = time.process_time()
    fingerprint(rows)
    hashed = time.process_time()
    look_at(rows, spec)
    looked = time.process_time()
    steps = {"read": read - started, "hash": hashed - read, "look": looked - hashed}
    return {f"{name}_cpu_seconds": round(seconds, 1) for name, seconds in steps.items()}


def _json(folder: Path) -> dict[str, float]:
    digest = hashlib.sha256()
    rows = []
    for part in SHARES:
        with (folder / f"{part}.jsonl").open("rb") as file:
            for line in file:
                rows.append(json.loads(line))
                digest.update(line)
    return {}


if __name__ == "__main__":
    main()
