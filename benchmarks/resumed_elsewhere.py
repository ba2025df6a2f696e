"""How far a fine-tuning that goes on with another number of workers ends from one that nothing happened to.

    PYTHONPATH=. python benchmarks/resumed_elsewhere.py

DeepSpeed over gloo on this machine, no Ray: the tests' smallest T5 (1.05M parameters, dropout 0.1), a place kept by two
workers in the middle and taken up by one, two and three. Each is compared with the two workers' own end. The last line
is JSON: by ZeRO stage and number of workers, the largest relative distance of a step's loss and of a tensor.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from raydoa.training.batches import Batches, Example
from raydoa.training.recipe import Execution, Recipe
from tests.ray.tiny import Tiny, write_tiny

_PORT = 29731


def main() -> None:
    """Keep a place, and go on from it in groups of three sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--zero", type=int, nargs="+", default=[2, 3])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="raydoa-") as name:
        folder = Path(name)
        (folder / "tiny").mkdir()
        tiny = write_tiny(folder / "tiny")
        found: dict[str, Any] = {}
        for zero in options.zero:
            for world, resumes in ((2, False), (1, True), (2, True), (3, True)):
                arguments = (world, zero, options.steps, resumes, tiny, folder)
                torch.multiprocessing.spawn(_rank, args=arguments, nprocs=world)
                end = torch.load(folder / f"end-{zero}-{world}-{resumes}.pt")
                if not resumes:
                    straight = end
                    found[f"zero {zero}, save"] = {"seconds": end["save_seconds"]}
                else:
                    found[f"zero {zero}, 2 then {world}"] = _compared(end, straight)
                    print(world, found[f"zero {zero}, 2 then {world}"], flush=True)
    print(json.dumps({"benchmark": "resumed_elsewhere", "steps": options.steps, "found": found}))


def _compared(end: dict[str, Any], straight: dict[str, Any]) -> dict[str, float]:
    pairs = zip(end["losses"], straight["losses"][-len(end["losses"]) :], strict=True)
    theirs = straight["weights"]
    off = (float((end["weights"][n] - w).norm() / w.norm()) for n, w in theirs.items())
    return {
        "losses_off": float(f"{max(abs(a - b) / b for a, b in pairs):.1e}"),
        "weights_off": float(f"{max(off):.1e}"),
    }


def _rank(
    rank: int, world: int, zero: int, steps: int, resumes: bool, tiny: Tiny, folder: Path
) -> None:
    import deepspeed
    from transformers.integrations import HfDeepSpeedConfig

    from raydoa.models.seq2seq.checkpoint import load_model
    from raydoa.models.seq2seq.loss import Seq2SeqLoss as Loss
    from raydoa.on_ray.deepspeed_engine import DeepSpeedEngine, deepspeed_config
    from raydoa.training.fit import _Share

    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(_PORT + world + 4 * zero))
    torch.set_num_threads(1)
    deepspeed.init_distributed(dist_backend="gloo")
    recipe = Recipe(learning_rate=3e-3, batch_size=8, epochs=1, dropout=0.1, weight_decay=0.01)
    rounds = -(-8 // (2 * world))
    settings = deepspeed_config(recipe, world=world, rounds=rounds, zero_stage=zero, offload=False)
    cuts = HfDeepSpeedConfig(settings) if zero == 3 else None
    model = load_model(tiny.model("large"), dropout=0.1)
    del cuts
    engine = DeepSpeedEngine(Loss(model), recipe, steps, settings, "cpu")
    place = folder / f"place-{zero}"
    place.mkdir(exist_ok=True)
    if resumes:
        engine.load(place)
    share = _Share(Batches(_examples(), 8, 0), 8, 0, rank, world, Execution(micro_batch_size=2))
    losses, save_seconds = [], 0.0
    for step in range(steps // 2 if resumes else 0, steps):
        part = torch.tensor(share.accumulate(engine, step)[0], dtype=torch.float64)
        engine.step()
        torch.distributed.all_reduce(part)
        losses.append(float(part))
        if not resumes and step + 1 == steps // 2:
            began = time.perf_counter()
            engine.save(place)
            save_seconds = round(time.perf_counter() - began, 3)
    weights = engine.consolidated()
    if rank == 0:
        end = {"losses": losses, "weights": weights, "save_seconds": save_seconds}
        torch.save(end, folder / f"end-{zero}-{world}-{resumes}.pt")
    torch.distributed.barrier()


def _examples() -> list[Example]:
    random = torch.Generator().manual_seed(0)

    def ids(count: int) -> list[int]:
        return [*torch.randint(3, 80, (count,), generator=random).tolist(), 1]

    return [Example(str(row), ids(4 + row % 8), ids(2)) for row in range(12)]


if __name__ == "__main__":
    main()
