"""Steps per second of raydoa's training loop (B) against a bare loop over the same batches (A), interleaved.

    python benchmarks/training_loop.py

A is what anybody would write: prebuilt padded batches, the model's own loss, AdamW. B does more: batches by step,
seeded dropout, clipping, a loss by the tokens of the global batch. One thread, so that cores do not decide.
The last line is JSON; `ratio` is B over A, the median of the rounds with their spread.
"""

import argparse
import json
import statistics
import time

import torch

from raydoa.models.seq2seq.checkpoint import build_model
from raydoa.models.seq2seq.loss import Seq2SeqLoss as Loss
from raydoa.models.seq2seq.nano import NANO_MODELS, nano_shape
from raydoa.training.batches import Batches, Example, collate
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.recipe import Execution, Recipe

VOCABULARY = 512
ROWS = 2000


def main() -> None:
    """Measure each nano model in some interleaved rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    examples = _examples()
    found = {}
    for name in NANO_MODELS:
        rounds = [
            (_bare(name, examples, options.steps), _ours(name, examples, options.steps))
            for _ in range(options.rounds)
        ]
        ratios = sorted(ours / bare for bare, ours in rounds)
        found[name] = {
            "bare_steps_per_second": round(statistics.median(bare for bare, _ in rounds), 1),
            "ours_steps_per_second": round(statistics.median(ours for _, ours in rounds), 1),
            "ratio": round(statistics.median(ratios), 3),
            "ratio_lowest": round(ratios[0], 3),
            "ratio_highest": round(ratios[-1], 3),
        }
        print(name, found[name], flush=True)
    print(json.dumps({"benchmark": "training_loop", "rounds": options.rounds, "models": found}))


def _examples() -> list[Example]:
    random = torch.Generator().manual_seed(0)

    def ids(count: int) -> list[int]:
        return [*torch.randint(3, VOCABULARY, (count,), generator=random).tolist(), 1]

    lengths = torch.randint(8, 20, (ROWS,), generator=random).tolist()
    return [Example(str(row), ids(length), ids(3)) for row, length in enumerate(lengths)]


def _bare(name: str, examples: list[Example], steps: int) -> float:
    """A: steps per second of a bare loop."""
    model = build_model(nano_shape(name, VOCABULARY), 0, 0.0).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    order = Batches(examples, 64, 0)
    batches = [collate(order.global_batch(step)[0]) for step in range(steps)]
    started = time.perf_counter()
    for batch in batches:
        labels = batch.target.masked_fill(~batch.target_mask, -100)
        model(
            input_ids=batch.source, attention_mask=batch.source_mask, labels=labels
        ).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return steps / (time.perf_counter() - started)


def _ours(name: str, examples: list[Example], steps: int) -> float:
    """B: steps per second of `fit`."""
    model = build_model(nano_shape(name, VOCABULARY), 0, 0.0)
    recipe = Recipe(learning_rate=1e-3, batch_size=64, epochs=1)
    engine = PlainEngine(Loss(model), recipe, steps)
    summary = fit(engine, examples, batch_size=64, steps=steps, seed=0, execution=Execution())
    return steps / summary.seconds


if __name__ == "__main__":
    main()
