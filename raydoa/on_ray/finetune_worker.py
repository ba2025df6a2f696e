"""What each worker of a fine-tuning runs: its micro-batches of every global batch, under DeepSpeed.

However many workers there are, a step is the same: the global batch follows from the step, and the micro-batch, on
which dropout depends, is that of a whole group. Rank 0 publishes the consolidated model into the store itself, so
weights never travel through the driver.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray.train

from raydoa.experiment.config import RuntimeConfig
from raydoa.on_ray.gang_scheduling import WaitingGroup
from raydoa.pipeline.context import (
    ExecutionContext,
    Facts,
    labelled_examples,
    model_folder,
    publish,
)
from raydoa.pipeline.stages import FineTune, training_seed


@dataclass(frozen=True)
class Job:
    """A fine-tuning, the folder of its run, and whom to tell that its workers are there."""

    stage: FineTune
    context: ExecutionContext
    runtime: RuntimeConfig
    run: Path
    group: WaitingGroup | None

    @property
    def each(self) -> dict[str, int]:
        """What a worker needs, by the name of the resource."""
        return {"CPU": self.runtime.cpus_per_worker, "GPU": self.runtime.gpus_per_worker}


def work(config: dict[str, Any]) -> None:
    """Train, and publish what came of it, unless the group had to leave its machines before."""
    import torch

    from raydoa.models.family import save_model
    from raydoa.models.tokenizer import load_tokenizer
    from raydoa.on_ray.deepspeed_engine import DeepSpeedEngine, deepspeed_config
    from raydoa.on_ray.train_checkpoints import TrainCheckpoints
    from raydoa.training.distill import Loss
    from raydoa.training.fit import fit

    job: Job = config["job"]
    stage, context, runtime = job.stage, job.context, job.runtime
    train_context = ray.train.get_context()
    rank, world = train_context.get_world_rank(), train_context.get_world_size()
    if rank == 0 and job.group is not None:
        job.group.began()
    checkpoints = TrainCheckpoints(job.run, runtime.train_workers, job.each)
    size = _micro_batch_size(job, checkpoints.micro_batch_size)
    checkpoints.micro_batch_size = size
    execution = replace(runtime.of_teachers(context.execution), micro_batch_size=size)
    folder = model_folder(stage.initial, context)
    tokenizer = load_tokenizer(folder)
    settings = deepspeed_config(
        stage.recipe,
        world=world,
        rounds=-(-stage.recipe.batch_size // (size * world)),
        zero_stage=runtime.zero_stage,
        offload=runtime.offload,
    )
    model = load_sharded(folder, stage, settings, runtime)
    device = f"cuda:{torch.cuda.current_device()}" if runtime.gpus_per_worker else "cpu"
    loss = Loss(model, activation_checkpointing=execution.activation_checkpointing)
    engine = DeepSpeedEngine(loss, stage.recipe, stage.steps, settings, device)
    summary = fit(
        engine,
        labelled_examples(stage, context, tokenizer),
        batch_size=stage.recipe.batch_size,
        steps=stage.steps,
        seed=training_seed(stage),
        execution=execution,
        rank=rank,
        world=world,
        checkpoints=checkpoints,
        on_step=checkpoints.heard,
    )
    checkpoints.ask_no_more()
    if summary.steps_done < stage.steps:
        return
    losses, state = checkpoints.losses(), engine.consolidated()
    if rank == 0:
        facts: Facts = {
            "losses": losses,
            "first_step": summary.first_step,
            "steps_repeated": checkpoints.repeated,
            "tokenizer": tokenizer.fingerprint,
        }
        with tempfile.TemporaryDirectory(prefix="raydoa-") as scratch:
            save_model(model, tokenizer, Path(scratch), state=state)
            seconds = checkpoints.device_seconds / world
            publish(stage, context, Path(scratch), facts, seconds=seconds, devices=world)
    torch.distributed.barrier()


def _micro_batch_size(job: Job, of_before: int | None) -> int:
    """Rows of a micro-batch: as configured, or as the groups before had it, or a whole group's share of a batch."""
    share = -(-job.stage.recipe.batch_size // job.runtime.train_workers)
    return job.runtime.micro_batch_size or of_before or share


def load_sharded(
    folder: Path, stage: FineTune, settings: dict[str, Any], runtime: RuntimeConfig
) -> Any:
    """The model as the ZeRO stage wants it; under ZeRO-3 no worker ever holds it whole."""
    import torch
    from transformers.integrations import HfDeepSpeedConfig

    from raydoa.models.family import load_model
    from raydoa.on_ray.deepspeed_engine import init_distributed

    # Before the weights, which ZeRO-3 cuts into as many parts as there are workers.
    init_distributed()
    # transformers looks for this object while it loads; it must live until the model is loaded.
    config = HfDeepSpeedConfig(settings) if runtime.zero_stage == 3 else None
    model = load_model(
        folder, dropout=stage.recipe.dropout, dtype=getattr(torch, stage.recipe.precision)
    )
    del config
    return model
