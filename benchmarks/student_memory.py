"""Peak memory of a student's training against the size of its pool: shards in Python lists (A) and read in place (B).

    python benchmarks/student_memory.py

Each measurement is a process of its own, which opens the shards of U rows (random states of width 64 for 50 target
tokens a row, in bfloat16), encodes their sources, and takes some steps; A and B take turns. The last line is JSON: peak
resident MB of each, and of B's files.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from raydoa.models.seq2seq.checkpoint import build_model
from raydoa.models.seq2seq.model import Seq2SeqModel
from raydoa.models.seq2seq.nano import nano_shape
from raydoa.models.seq2seq.tokenizer import train_sentencepiece
from raydoa.pipeline.beginnings import Checkpoint, TaskData
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.distill_rows import distill_rows
from raydoa.pipeline.stages import Distill, PseudoLabel, SourceConfig, TextForm
from raydoa.store.store import Store
from raydoa.training.batches import Example
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.recipe import Execution, Recipe, Representation
from raydoa.training.shards import write_shard
from raydoa.training.soft_labels import HiddenLabels, LabelledRow, ShardFacts

WIDTH, TOKENS, SHARD_ROWS, BATCH = 64, 50, 1000, 32
WORDS = [
    f"{first}{second}" for first in "abcdefghij" for second in ("cid", "ube", "ash", "eat", "ool")
]
FORM = TextForm("task: ", 64, TOKENS)
RECIPE = Recipe(learning_rate=1e-3, batch_size=BATCH, epochs=1)


def main() -> None:
    """Measure each size in some interleaved rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        way, rows = options.child
        print(json.dumps(_train(options.folder, way, int(rows), options.steps)))
        return
    with tempfile.TemporaryDirectory(prefix="raydoa-") as scratch:
        folder = Path(scratch)
        for start in range(0, max(options.sizes), SHARD_ROWS):
            _publish(folder, start)
        measured = {
            rows: [
                {way: _child(folder, way, rows, options.steps) for way in ("lists", "in_place")}
                for _ in range(options.rounds)
            ]
            for rows in options.sizes
        }
    table = {}
    for rows, rounds in measured.items():
        table[str(rows)] = {
            f"{way}_{name}": max(one[way][name] for one in rounds)
            for way in ("lists", "in_place")
            for name in ("peak_mb", "grown_mb", "ms_per_step")
        } | {"files_mb": round(rows * TOKENS * (WIDTH * 2 + 4) / 1e6, 1)}
        print(rows, table[str(rows)], flush=True)
    print(json.dumps({"benchmark": "student_memory", "rounds": options.rounds, "rows": table}))


def _child(folder: Path, way: str, rows: int, steps: int) -> dict[str, float]:
    command = [
        sys.executable, __file__, "--child", way, str(rows), "--folder", str(folder), "--steps", str(steps),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return values


def _train(folder: Path, way: str, rows: int, steps: int) -> dict[str, float]:
    """Peak resident memory, and how much of it came after the model was there."""
    torch.set_num_threads(1)
    tokenizer = train_sentencepiece(WORDS, 120)
    model = Seq2SeqModel(build_model(nano_shape("nano-s", 512), 0, 0.0), tokenizer)
    loss = model.loss(teacher_head=torch.randn(512, WIDTH), temperature=2.0)
    before = _peak_mb()
    shards = tuple(_stage(start) for start in range(0, rows, SHARD_ROWS))
    start = Checkpoint("nano", "0")
    student = Distill(start, None, shards, FORM, RECIPE, steps, 0)
    examples: Sequence[Example]
    examples, _ = distill_rows(student, _context(folder), _Named(model))
    if way == "lists":
        examples = list(examples)
    summary = fit(
        PlainEngine(loss, RECIPE, steps), examples, batch_size=BATCH, steps=steps, seed=0,
        execution=Execution(),
    )  # fmt: skip
    peak = _peak_mb()
    ms = round(1000 * summary.seconds / steps, 1)
    return {"peak_mb": round(peak), "grown_mb": round(peak - before), "ms_per_step": ms}


class _Named(Seq2SeqModel):
    """The student with the output space that the shards say."""

    def __init__(self, model: Seq2SeqModel) -> None:
        super().__init__(model.network, model.tokenizer)

    @property
    def output_space(self) -> str:
        """That of `_publish`."""
        return "synthetic"


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _context(folder: Path) -> ExecutionContext:
    return ExecutionContext(
        store=Store(str(folder / "store")),
        tasks={},
        data_root=None,
        checkpoints={},
        execution=Execution(),
        train_folder=str(folder / "train"),
    )


def _stage(start: int) -> PseudoLabel:
    source = SourceConfig("synthetic")
    data = TaskData("synthetic", "0")
    stop = start + SHARD_ROWS
    return PseudoLabel(None, data, FORM, Representation(), None, start, stop, 0, source)


def _publish(folder: Path, start: int) -> None:
    chance, generator = random.Random(start), torch.Generator().manual_seed(start)
    states = torch.randn(SHARD_ROWS * TOKENS, WIDTH, generator=generator).bfloat16()
    rows = [
        LabelledRow(
            f"row-{start + index}",
            " ".join(chance.choices(WORDS, k=20)),
            (*chance.choices(range(3, 500), k=TOKENS - 1), 1),
            HiddenLabels(states[index * TOKENS : (index + 1) * TOKENS]),
        )
        for index in range(SHARD_ROWS)
    ]
    facts = ShardFacts("hidden", "bfloat16", 512, None, "synthetic", "", "synthetic")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        write_shard(rows, facts, Path(made))
        _context(folder).store.publish(_stage(start), Path(made), {}, {})


if __name__ == "__main__":
    main()
