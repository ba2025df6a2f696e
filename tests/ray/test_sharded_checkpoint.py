"""A checkpoint is resumed under any ZeRO stage: each lays parameters out over workers in its own way.

No Ray: two processes and gloo. That groups of other sizes resume from it is shown in `test_preemption`.
"""

import os
import random
import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from raydoa.models.family import Opening
from raydoa.training.batches import Batches, Example
from raydoa.training.recipe import Execution, Recipe
from tests.ray.tiny import Tiny

pytestmark = pytest.mark.timeout(600)

# ZeRO stage and offload of the group that saves, and of the one that resumes; each one's precision.
_CASES = [
    ((0, False), (3, False), "float32"),
    ((3, False), (1, False), "float32"),
    ((1, False), (2, True), "float32"),
    ((0, False), (0, False), "bfloat16"),
    ((3, False), (1, False), "bfloat16"),
]
_BEFORE, _STEPS = 3, 5


def test_what_one_stage_saved_is_resumed_under_another(tiny: Tiny, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(_rank, args=(tiny, tmp_path, port), nprocs=2)
    for case in range(len(_CASES)):
        straight, resumed = (
            torch.load(tmp_path / f"{case}-{kind}.pt") for kind in ("straight", "resumed")
        )
        (before, after, precision) = _CASES[case]
        same = before == after
        for name, tensor in straight["weights"].items():
            off = (resumed["weights"][name].float() - tensor.float()).norm() / tensor.float().norm()
            limit = 0.0 if same else 1e-5 if precision == "float32" else 5e-3
            assert float(off) <= limit, (
                f"{before} -> {after} {precision}: {name} is off by {off:.1e}"
            )
        assert resumed["losses"] == pytest.approx(
            straight["losses"][_BEFORE:],
            rel=0 if same else 1e-5 if precision == "float32" else 2e-3,
        )


def _rank(rank: int, tiny: Tiny, folder: Path, port: int) -> None:
    """One of two workers: trains every case straight through, and again from what was saved on the way."""
    from raydoa.on_ray.deepspeed_internals import init_distributed

    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    init_distributed()
    for case, (before, after, precision) in enumerate(_CASES):
        checkpoint = folder / f"checkpoint-{case}"
        checkpoint.mkdir(exist_ok=True)
        for kind, zero, saves in (("straight", before, checkpoint), ("resumed", after, None)):
            engine = _engine(tiny, zero, precision)
            first = 0
            if kind == "resumed":
                engine.load(checkpoint)
                first = _BEFORE
            losses = _train(engine, rank, first, saves)
            weights = engine.consolidated()
            if rank == 0:
                torch.save({"losses": losses, "weights": weights}, folder / f"{case}-{kind}.pt")
            torch.distributed.barrier()


def _engine(tiny: Tiny, zero: tuple[int, bool], precision: str) -> Any:
    from transformers.integrations import HfDeepSpeedConfig

    from raydoa.models.seq2seq.checkpoint import load_model
    from raydoa.models.seq2seq.loss import Seq2SeqLoss as Loss
    from raydoa.on_ray.deepspeed_engine import DeepSpeedEngine, deepspeed_config

    recipe = Recipe(
        learning_rate=3e-3,
        batch_size=8,
        epochs=1,
        weight_decay=0.1,
        precision=precision,
    )
    stage, offload = zero
    settings = deepspeed_config(recipe, world=2, rounds=2, zero_stage=stage, offload=offload)
    cuts = HfDeepSpeedConfig(settings) if stage == 3 else None
    model = load_model(tiny.model("large"), Opening(dropout=0.1, precision=precision))
    del cuts
    return DeepSpeedEngine(Loss(model), recipe, _STEPS, settings, "cpu")


def _train(engine: Any, rank: int, first: int, saves: Path | None) -> list[float]:
    """Steps from ``first`` on; the global batch's loss at each."""
    from raydoa.training.fit import _Share

    chance = random.Random(0)
    examples = [
        Example(
            str(i), [chance.randrange(3, 80) for _ in range(chance.randrange(4, 12))], [5, 6, 1]
        )
        for i in range(12)
    ]
    share = _Share(Batches(examples, 8, 0), 8, 0, rank, 2, Execution(micro_batch_size=2))
    losses = []
    for step in range(first, _STEPS):
        part = torch.tensor(share.accumulate(engine, step)[0], dtype=torch.float64)
        engine.step()
        torch.distributed.all_reduce(part)
        losses.append(float(part))
        if saves and step + 1 == _BEFORE:
            engine.save(saves)
            torch.distributed.barrier()
    return losses
