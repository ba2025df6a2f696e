"""CPU-seconds of commands that people wait for: another commit (A) against this working tree (B), in one run.

    python benchmarks/commands.py --against HEAD~5                     all of them, 7 rounds
    python benchmarks/commands.py --against v0.1 --only plan dry_run --rounds 15

A is checked out into a worktree of its own. In each round every command is run once with A and once with B, in turns, so
that both meet the same machine, and each tree goes first in every second round. What counts is the user's and the system's time
of the whole process, which other work on the machine hardly changes; bytecode is there, as it is from the second start on.
Rows and result dir are made here; nothing is downloaded. The last line is JSON.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from reporting.rows import rows

_ROOT = Path(__file__).parents[1]
_START = "import sys; from raydoa.cli import main; sys.exit(main())"
_CELLS = 126
_TASK = """
name: tickets
prefix: "ticket: "
metric: accuracy
classes: [billing, defect, question]
source_length: 32
target_length: 8
train: train.jsonl
test: test.jsonl
label_price: {usd: 0.26, source: a benchmark, date: 2026-11-30}
"""
COMMANDS: Mapping[str, Sequence[str]] = {
    "help": ("--help",),
    "plan": ("plan", "--config", "paper", "--task", "tickets.yaml", "--n", "200", "--budget", "50"),
    "report": ("report", "results", "--page", "report.html"),
    "dry_run": ("sweep", "--config", "paper", "--dry-run"),
}
"""The least help, a question about a task of 14,000 rows, a small sweep read back, and the paper's grid of 2,376 cells."""


def main() -> None:
    """Run all in turns, and end with a line of JSON."""
    options = _options()
    seconds: dict[str, dict[str, list[float]]] = {name: {"A": [], "B": []} for name in options.only}
    with tempfile.TemporaryDirectory(prefix="raydoa-") as folder, _worktree(options.against) as other:  # fmt: skip
        _write(Path(folder))
        trees = {"A": other, "B": _ROOT}
        for number in range(-1, options.rounds):  # The first writes bytecode.
            for name in options.only:
                for tree in sorted(trees, reverse=number % 2 == 1):
                    taken = _cpu_seconds(COMMANDS[name], trees[tree], Path(folder))
                    if number >= 0:
                        seconds[name][tree].append(taken)
    found = {name: {tree: _summary(of_tree[tree]) for tree in trees} for name, of_tree in seconds.items()}  # fmt: skip
    for name, both in found.items():
        print(name, both)
    print(json.dumps({"benchmark": "commands", "against": options.against, "rounds": options.rounds, "cpu_seconds": found}))  # fmt: skip


def _cpu_seconds(words: Sequence[str], tree: Path, folder: Path) -> float:
    """Of one run of a command, and of what it starts, with the package of a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "HF_HUB_OFFLINE": "1"}
    environment |= {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", _START, *words], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _summary(seconds: Sequence[float]) -> dict[str, float]:
    """The median, and the least and the most."""
    values = statistics.median(seconds), min(seconds), max(seconds)
    return dict(zip(("median", "least", "most"), (round(v, 3) for v in values), strict=True))


def _write(folder: Path) -> None:
    """A task, and the result dir of a sweep that nobody ran."""
    (folder / "tickets.yaml").write_text(_TASK, encoding="utf-8")
    for part, count in (("train", 14_000), ("test", 2000)):
        lines = [_line(part, number) for number in range(count)]
        (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for index, row in enumerate(rows(_CELLS)):
        trial = folder / "results" / f"{row['cell']}-{row['plan']}-1a2b3_{index:05d}"
        trial.mkdir(parents=True)
        (trial / "result.json").write_text(json.dumps(row) + "\n", encoding="utf-8")


def _line(part: str, number: int) -> str:
    target = ("billing", "defect", "question")[number % 3]
    return json.dumps({"source": f"{part} ticket {number} about {target}", "target": target})


@contextmanager
def _worktree(revision: str) -> Iterator[Path]:
    """The tree of a commit, as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="raydoa-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(tree), revision)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*words: str) -> None:
    subprocess.run(["git", *words], cwd=_ROOT, check=True, capture_output=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--against", default="HEAD", metavar="REV", help="the commit that is A")
    parser.add_argument("--only", nargs="+", choices=list(COMMANDS), default=list(COMMANDS))
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main()
