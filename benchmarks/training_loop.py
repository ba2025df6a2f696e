"""Seconds of a training step in raydoa's loop (B) over those of plain transformers (A): the same model, rows and batches.

    python benchmarks/training_loop.py                          all models, gold labels and soft labels over classes
    python benchmarks/training_loop.py --models qwen3 bart --rounds 40

A is what anybody would write (`looping/plain.py`): batches padded before, the model's own loss, clipping, fused AdamW; soft
labels are tensors in memory. B is `fit`: batches by step, padded in the step, seeded dropout, soft labels in shards on disk.
One thread. A and B take turns every few steps, on the same batches, and begin with the same weights; their losses are
compared at each step, so both do the same training. `ratio` is B over A in seconds of CPU time, which is the time of a quiet
machine and is not stretched by other work on a busy one: the median of the rounds, with the lowest and the highest. Below 1,
ours is faster. `wall_ratio` is the median by the clock on the wall. The last line is JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers
from looping.checkpoints import MODELS, rows_of, write_checkpoint
from looping.ours import gold_examples, open_ours, soft_examples
from looping.plain import Batch, Plain

from raydoa.training.batches import Batches, collate
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.recipe import Execution, Recipe

ROWS = 2000
SEED = 0
RECIPE = Recipe(learning_rate=1e-4, batch_size=16, epochs=1, temperature=2.0)
_SAME = 1e-3
"""Losses of one step that differ by more than this part are those of two trainings: rounding grows with the steps."""


def main() -> None:
    """Measure each model on each kind of labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--labels", nargs="+", choices=("gold", "classes"), default=("gold", "classes"))  # fmt: skip
    parser.add_argument("--rounds", type=int, default=15, help="in which A and B take one turn")
    parser.add_argument("--steps", type=int, default=5, help="of a turn")
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory(prefix="raydoa-") as scratch:
        for name in options.models:
            folder = Path(scratch) / name
            family = write_checkpoint(name, folder)
            for labels in options.labels:
                turns = _compare(family, labels, folder, options.rounds, options.steps)
                line = found[f"{family} {name} {labels}"] = turns.summary()
                print(f"{family} {name} {labels}", line, flush=True)
    print(json.dumps({"benchmark": "training_loop", "rounds": options.rounds, "steps": options.steps, "models": found}))  # fmt: skip


def _compare(family: str, labels: str, folder: Path, rounds: int, steps: int) -> "_Turns":
    """One training in `fit`, which hands over to the plain one after every ``steps`` steps."""
    rows = rows_of(ROWS, classes=family == "encoder" or labels == "classes")
    model = open_ours(family, folder, classes=family == "encoder" or labels == "classes")
    gold = labels == "gold"
    examples = gold_examples(model, rows) if gold else soft_examples(model, rows, folder / "shards")
    plain = Plain(family, folder, labels, RECIPE, model)
    total = (1 + rounds) * steps
    loss = model.loss(temperature=RECIPE.temperature)
    order = Batches(examples, RECIPE.batch_size, SEED, loss.target_cost)
    batches = [plain.batch(collate(order.global_batch(step)[0])) for step in range(total)]
    turns = _Turns(plain.step, batches, steps)
    engine = PlainEngine(loss, RECIPE, total)
    fit(
        engine, examples, batch_size=RECIPE.batch_size, steps=total, seed=SEED, execution=Execution(),
        on_step=turns.after,
    )  # fmt: skip
    return turns


@dataclass
class _Turns:
    """Turns of two trainings on the same batches; the first, in which the optimisers make their state, does not count."""

    plain_step: Callable[[Batch], torch.Tensor]
    batches: Sequence[Batch]
    steps: int
    ours: list[tuple[float, float]] = field(default_factory=list)
    plain: list[tuple[float, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = _clocks()

    def after(self, done: int, loss: float) -> None:
        """Of each step of ours."""
        self.losses.append(loss)
        if done % self.steps:
            return
        self.ours.append(_since(self._began))
        began = _clocks()
        losses = [self.plain_step(batch) for batch in self.batches[done - self.steps : done]]
        self.plain.append(_since(began))
        for mine, theirs in zip(self.losses[-self.steps :], losses, strict=True):
            assert abs(mine - float(theirs)) < _SAME * abs(mine), f"{mine}, and plain {theirs}"
        self._began = _clocks()

    def summary(self) -> dict[str, float]:
        """Milliseconds of a step, and the ratios."""
        pairs = list(zip(self.ours[1:], self.plain[1:], strict=True))
        cpu = sorted(mine[1] / theirs[1] for mine, theirs in pairs)
        return {
            "plain_ms": _milliseconds(theirs[1] / self.steps for _, theirs in pairs),
            "ours_ms": _milliseconds(mine[1] / self.steps for mine, _ in pairs),
            "ratio": round(statistics.median(cpu), 3),
            "ratio_lowest": round(cpu[0], 3),
            "ratio_highest": round(cpu[-1], 3),
            "wall_ratio": round(
                statistics.median(mine[0] / theirs[0] for mine, theirs in pairs), 3
            ),
        }


def _milliseconds(seconds: Iterable[float]) -> float:
    return round(1000 * statistics.median(seconds), 1)


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> tuple[float, float]:
    wall, cpu = _clocks()
    return wall - began[0], cpu - began[1]


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    main()
